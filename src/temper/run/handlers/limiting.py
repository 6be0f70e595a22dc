"""The operator's limits as `temper.toml` writes them, beside the handler of each effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from temper.machine import Effect
from temper.run.handlers.toml import TomlFile
from temper.run.limits import CONCURRENCY, Fuse, Limits, Rate

LIMITS = ("concurrency", "rate", "timeout", "breaker")
RATE = re.compile(r"(\d{1,6})/((?:\d{1,6})?(?:ms|s|m|h))", re.ASCII)
CONCURRENCY_MAX = 10_000
FAILURES_MAX = 1_000_000


def load_limits(path: Path, effects: Iterable[Effect] = ()) -> dict[str, Limits]:
    """The limits by effect; a `handlers.py` has none. Raises `HandlersBrokenError`.

    A timeout that is longer than the blueprint's is an error: the operator can be stricter, never laxer.
    """
    if path.suffix != ".toml":
        return {}
    file, declared = TomlFile(path), {effect.name: effect for effect in effects}
    found: dict[str, Limits] = {}
    for name, given in file.table(file.read().get("effects", {}), "[effects]").items():
        place = f"[effects.{name}]"
        found[name] = limits_of(file, place, file.table(given, place), declared.get(name))
    return found


def limits_of(file: TomlFile, place: str, given: Mapping[str, Any], effect: Effect | None) -> Limits:
    """The limits of one effect."""
    timeout = None
    if "timeout" in given:
        timeout = file.duration(given["timeout"], f"{place} timeout")
        if effect is not None and timeout > effect.timeout:
            ours, theirs = given["timeout"], f"{effect.timeout / 1000:g} s"
            message = (
                f"{place} timeout = {ours!r} is longer than the {theirs} of the blueprint, which it can only shorten"
            )
            raise file.broken(message)
    concurrency = file.number(given.get("concurrency", CONCURRENCY), f"{place} concurrency", 1, CONCURRENCY_MAX)
    return Limits(concurrency, _rate(file, place, given), timeout, _fuse(file, place, given))


def _rate(file: TomlFile, place: str, given: Mapping[str, Any]) -> Rate | None:
    if "rate" not in given:
        return None
    found = RATE.fullmatch(given["rate"]) if isinstance(given["rate"], str) else None
    if found is None or not int(found[1]):
        raise file.broken(f'{place} rate is a number in a time, such as "10/s" or "100/5m"')
    time = found[2] if found[2][0].isdigit() else f"1{found[2]}"
    return Rate(int(found[1]), file.duration(time, f"{place} rate"))


def _fuse(file: TomlFile, place: str, given: Mapping[str, Any]) -> Fuse:
    told = given.get("breaker", {})
    if told is False:
        return Fuse(failures=0)
    if not isinstance(told, dict):
        raise file.broken(f'{place} breaker is {{failures = 10, open = "10s"}}, or false for none')
    file.only(told, ("failures", "open"), f"{place} breaker")
    usual = Fuse()
    failures = file.number(told.get("failures", usual.failures), f"{place} breaker.failures", 1, FAILURES_MAX)
    open_ = file.duration(told["open"], f"{place} breaker.open") if "open" in told else usual.open_milliseconds
    return Fuse(failures, open_)
