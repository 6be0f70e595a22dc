"""Limits in `temper.toml`: read beside the handlers, stricter than the blueprint and never laxer."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.parcels import PARCELS
from support.running import table_of
from temper.run import Fuse, HandlersBrokenError, Limits, Rate
from temper.run.handlers import load_handlers, load_limits

EFFECTS = table_of(PARCELS).effects


def written(folder: Path, text: str) -> Path:
    path = folder / "temper.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_limits_beside_a_handler(tmp_path: Path) -> None:
    text = """
    [effects.ship]
    http = "https://depot.example/"
    concurrency = 4
    rate = "100/5m"
    timeout = "250ms"
    breaker = {failures = 3, open = "1m"}
    [effects.ring]
    worker = true
    rate = "2/s"
    breaker = false
    """
    path = written(tmp_path, text)
    assert load_limits(path, EFFECTS) == {
        "ship": Limits(4, Rate(100, 300_000), 250, Fuse(3, 60_000)),
        "ring": Limits(rate=Rate(2, 1_000), fuse=Fuse(failures=0)),
    }
    assert list(load_handlers(path, EFFECTS)) == ["ship"]
    assert load_limits(tmp_path / "handlers.py", EFFECTS) == {}


def test_limits_alone_go_with_a_function_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "handlers.py").write_text("def ship(**args): ...\ndef ring(**args): ...\n", encoding="utf-8")
    text = 'python = "handlers.py"\n[effects.ship]\nconcurrency = 1\n[effects.ring]\nworker = true\n'
    path = written(tmp_path, text)
    assert list(load_handlers(path, EFFECTS)) == ["ship"]
    assert load_limits(path, EFFECTS)["ship"].concurrency == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("concurrency = 0", "concurrency is a number from 1 to 10,000"),
        ("concurrency = true", "concurrency is a number"),
        ("rate = 10", 'such as "10/s" or "100/5m"'),
        ('rate = "0/s"', 'such as "10/s"'),
        ('rate = "10/0s"', "is a duration"),
        ('timeout = "soon"', 'timeout is a duration such as "5s"'),
        ('timeout = "6s"', "is longer than the 5 s of the blueprint, which it can only shorten"),
        ("breaker = true", "or false for none"),
        ("breaker = {failure = 1}", "did you mean `failures`?"),
        ("breaker = {failures = 0}", "breaker.failures is a number"),
        ("breaker = {open = 3}", "breaker.open is a duration"),
    ],
)
def test_a_wrong_limit_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, f'[effects.ship]\nhttp = "https://depot.example/"\n{text}\n')
    with pytest.raises(HandlersBrokenError) as raised:
        load_limits(path, EFFECTS)
    assert message in str(raised.value)
    assert "[effects.ship]" in str(raised.value)
