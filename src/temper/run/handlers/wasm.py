"""WebAssembly as a handler: the narrow place for code that nobody has read. It computes an answer, and nothing else.

The module imports nothing, so it has no clock, no chance, no files and no network, and the same request has the same
answer. Its instructions are counted and its memory is bounded. It exports:

    memory                                           where requests and answers lie
    temper_allocate(length: i32) -> i32              where the request may be written
    temper_handle(address: i32, length: i32) -> i64  the answer: address in the upper half, length in the lower

Request and answer are the JSON of the other handlers, in UTF-8. Each attempt has an instance of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.run.handlers.aside import in_thread
from temper.run.handlers.toml import TomlFile
from temper.run.handlers.wire import ANSWER_BYTES_MAX, ask_to_json, parsed
from temper.run.world import Ask, AttemptFailedError

if TYPE_CHECKING:
    import wasmtime

FUEL = 100_000_000
"""How many instructions an attempt may take, unless the operator says otherwise: a fraction of a second."""
FUEL_MAX = 1_000_000_000_000
MEMORY_BYTES = 64 << 20
SIGNATURES = {"temper_allocate": (["i32"], ["i32"]), "temper_handle": (["i32", "i32"], ["i64"])}
MISSING = "wasm needs the package wasmtime, which is not installed: pip install 'temper[wasm]'"


class NotAHandlerError(Exception):
    """A file that is no module which could handle an effect; the text says why."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A module, and the engine that it was compiled for."""

    engine: wasmtime.Engine
    module: wasmtime.Module


@dataclass(frozen=True, slots=True)
class WasmHandler:
    """One compiled module with its bounds."""

    compiled: Compiled
    fuel: int = FUEL
    memory_bytes: int = MEMORY_BYTES
    way: str = "wasm"

    async def __call__(self, ask: Ask) -> object:
        """One attempt is one instance, aside, because it computes; its fuel is its time."""
        return await in_thread(lambda: self.answer(ask))

    def answer(self, ask: Ask) -> object:
        """What the module says to a request. Raises `AttemptFailedError`."""
        import wasmtime

        store = wasmtime.Store(self.compiled.engine)
        store.set_fuel(self.fuel)
        store.set_limits(memory_size=self.memory_bytes, instances=1, memories=1, tables=1, table_elements=100_000)
        try:
            return parsed(self._said(store, json.dumps(ask_to_json(ask), ensure_ascii=False).encode()))
        except wasmtime.Trap as trap:
            raise AttemptFailedError(self._trapped(store, trap)) from None
        except wasmtime.WasmtimeError as error:
            raise AttemptFailedError(f"the module cannot run: {_first_line(error)}") from None

    def _said(self, store: wasmtime.Store, request: bytes) -> bytes:
        import wasmtime

        exports = wasmtime.Instance(store, self.compiled.module, []).exports(store)
        memory, allocate, handle = (exports[name] for name in ("memory", *SIGNATURES))
        assert isinstance(memory, wasmtime.Memory), "the exports were looked at when it was loaded"
        assert isinstance(allocate, wasmtime.Func), "the exports were looked at when it was loaded"
        assert isinstance(handle, wasmtime.Func), "the exports were looked at when it was loaded"
        address = allocate(store, len(request)) & 0xFFFFFFFF
        if address + len(request) > memory.data_len(store):
            raise AttemptFailedError("temper_allocate gave an address outside of the memory")
        memory.write(store, request, address)
        told = handle(store, _signed(address), len(request)) & 0xFFFFFFFFFFFFFFFF
        address, length = told >> 32, told & 0xFFFFFFFF
        if length > ANSWER_BYTES_MAX:
            raise AttemptFailedError(f"the answer is longer than {ANSWER_BYTES_MAX:,} bytes")
        if address + length > memory.data_len(store):
            raise AttemptFailedError("temper_handle gave an answer outside of the memory")
        return bytes(memory.read(store, address, address + length))

    def _trapped(self, store: wasmtime.Store, trap: wasmtime.Trap) -> str:
        if store.get_fuel() == 0:
            return f"the module took more than its {self.fuel:,} instructions"
        return f"the module trapped: {_first_line(trap)}"


def make(file: TomlFile, place: str, given: Mapping[str, Any], general: Mapping[str, Any]) -> WasmHandler:
    """The handler that `wasm = "policy.wasm"` asks for, compiled now so that what is wrong is said now."""
    del general
    path = file.folder / file.text(given["wasm"], f"{place} wasm")
    fuel = file.number(given.get("fuel", FUEL), f"{place} fuel", 1, FUEL_MAX)
    memory = file.size(given["memory"], f"{place} memory") if "memory" in given else MEMORY_BYTES
    try:
        return WasmHandler(compiled(path), fuel, memory)
    except ImportError:
        raise file.broken(f"{place} {MISSING}") from None
    except OSError as error:
        raise file.broken(f"{place} wasm: {path.name} cannot be read: {error.strerror}") from None
    except NotAHandlerError as error:
        raise file.broken(f"{place} wasm: {path.name} {error}") from None


def compiled(path: Path) -> Compiled:
    """The module in a file, in binary form or as text. Raises `NotAHandlerError` if it is none that can be one."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.cranelift_nan_canonicalization = True  # The bits of a NaN are the machine's; the answer must not be.
    data = path.read_bytes()
    try:
        code = data if data.startswith(b"\0asm") else wasmtime.wat2wasm(data)
        engine = wasmtime.Engine(config)
        module = wasmtime.Module(engine, bytes(code))
    except wasmtime.WasmtimeError as error:
        raise NotAHandlerError(f"is no module: {_first_line(error)}") from None
    if wanted := [f"{each.module}.{each.name}" for each in module.imports]:
        raise NotAHandlerError(f"imports {', '.join(wanted)}: a handler imports nothing, because it may do nothing")
    _check_exports(module)
    return Compiled(engine, module)


def _check_exports(module: wasmtime.Module) -> None:
    import wasmtime

    exports = {each.name: each.type for each in module.exports}
    if not isinstance(exports.get("memory"), wasmtime.MemoryType):
        raise NotAHandlerError("exports no memory called `memory`")
    for name, (params, results) in SIGNATURES.items():
        found = exports.get(name)
        if not isinstance(found, wasmtime.FuncType):
            raise NotAHandlerError(f"exports no function `{name}`")
        if ([str(each) for each in found.params], [str(each) for each in found.results]) != (params, results):
            raise NotAHandlerError(f"exports a `{name}` that is not ({', '.join(params)}) -> {results[0]}")


def _signed(address: int) -> int:
    return address - (1 << 32) if address >= 1 << 31 else address


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "backtrace" not in line]
    return lines[-1] if lines else type(error).__name__
