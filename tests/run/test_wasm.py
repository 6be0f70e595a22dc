"""WebAssembly: it computes an answer from the request, within its instructions and memory, and can do nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from temper.run import Ask, AttemptFailedError, HandlersBrokenError, load_handlers
from temper.run.handlers.wasm import WasmHandler
from temper.run.handlers.wire import ask_to_json

ASK = Ask("parcels", "ship", {"label": "bücher", "level": 2}, "k-1-0", 7, 1, "Parcel", "p", 5.0)
FRAME = """(module
  (memory (export "memory") 1)
  {more}
  (func (export "temper_allocate") (param $length i32) (result i32) {allocate})
  (func (export "temper_handle") (param $address i32) (param $length i32) (result i64) {handle}))
"""
SAID = '(data (i32.const 16) "{{\\22outcome\\22: \\22shipped\\22}}")'
AT_16 = "(i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 22))"
ECHO = (
    "(i64.or (i64.shl (i64.extend_i32_u (local.get $address)) (i64.const 32)) (i64.extend_i32_u (local.get $length)))"
)


def module(handle: str = AT_16, allocate: str = "(i32.const 1024)", more: str = SAID) -> str:
    return FRAME.format(handle=handle, allocate=allocate, more=more.replace("{{", "{").replace("}}", "}"))


def loaded(folder: Path, text: str, more: str = "") -> WasmHandler:
    (folder / "ship.wat").write_text(text, encoding="utf-8")
    path = folder / "temper.toml"
    path.write_text(f'[effects.ship]\nwasm = "ship.wat"\n{more}\n', encoding="utf-8")
    handler = load_handlers(path)["ship"]
    assert isinstance(handler, WasmHandler)
    return handler


def answered(handler: WasmHandler, ask: Ask = ASK) -> object:
    return asyncio.run(handler(ask))  # type: ignore[arg-type]


def test_it_answers(tmp_path: Path) -> None:
    assert answered(loaded(tmp_path, module())) == {"outcome": "shipped"}


def test_it_reads_the_request(tmp_path: Path) -> None:
    assert answered(loaded(tmp_path, module(ECHO))) == json.loads(json.dumps(ask_to_json(ASK)))


def test_each_attempt_has_an_instance_of_its_own(tmp_path: Path) -> None:
    """A module that counts in its memory counts to one, each time."""
    count = (
        "(i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))"
        "(i64.const 1)"
    )  # fmt: skip
    handler = loaded(tmp_path, module(count, more='(data (i32.const 0) "0")'))
    assert [answered(handler) for _ in range(3)] == [1, 1, 1]


SPIN = "(loop $again (br $again)) (unreachable)"


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (module(SPIN), "fuel = 10000", "took more than its 10,000 instructions"),
        (module("(unreachable)"), "", "the module trapped"),
        (module("(i64.const 0x7fffffff_00000010)"), "", "outside of the memory"),
        (module("(i64.const 0x00000010_7fffffff)"), "", "longer than"),
        (module(allocate="(i32.const -1)"), "", "outside of the memory"),
        (module(allocate="(memory.grow (i32.const 100))"), 'memory = "1MB"', "outside of the memory"),
        (module().replace('(export "memory") 1', '(export "memory") 300'), 'memory = "1MB"', "cannot run"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_a_failed_attempt(tmp_path: Path, text: str, more: str, message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        answered(loaded(tmp_path, text, more))


def test_nonsense_is_kept_where_no_outcome_is_looked_for(tmp_path: Path) -> None:
    assert answered(loaded(tmp_path, module(more='(data (i32.const 16) "shipped")'))) == {
        "not JSON": "shipped" + "\0" * 15
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(module", "is no module"),
        ('(module (import "wasi_snapshot_preview1" "fd_write" (func)))', "imports wasi_snapshot_preview1.fd_write"),
        ("(module)", "exports no memory"),
        ('(module (memory (export "memory") 1))', "exports no function `temper_allocate`"),
        (module().replace("(param $length i32) (result i32)", "(result i32)", 1), "that is not (i32) -> i32"),
    ],
)
def test_a_module_that_is_no_handler_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HandlersBrokenError) as raised:
        loaded(tmp_path, text)
    assert message in str(raised.value)


def test_a_missing_file_and_a_missing_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "temper.toml"
    path.write_text('[effects.ship]\nwasm = "none.wasm"\n', encoding="utf-8")
    with pytest.raises(HandlersBrokenError, match=r"none\.wasm cannot be read"):
        load_handlers(path)
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    with pytest.raises(HandlersBrokenError, match=r"pip install 'temper\[wasm\]'"):
        load_handlers(path)


def test_the_same_request_has_the_same_answer(tmp_path: Path) -> None:
    handler = loaded(tmp_path, module(ECHO))
    assert answered(handler, replace(ASK, attempt=2)) == answered(handler, replace(ASK, attempt=2))
