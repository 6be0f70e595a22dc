"""The operator's file of handlers: a `handlers.py`, or a `temper.toml` that says for each effect who handles it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from temper.machine import Effect
from temper.report import suggest
from temper.run.handlers.broken import HandlersBrokenError
from temper.run.handlers.limiting import LIMITS
from temper.run.handlers.process import MEMORY_BYTES, ProcessHandler, python_handlers
from temper.run.handlers.toml import TomlFile
from temper.run.world import Handler

WAYS = {
    "http": ("headers", "secret", "redirects"),
    "command": ("environment", "memory"),
    "python": ("memory",),
    "wasm": ("fuel", "memory"),
    "mcp": ("environment", "headers", "outcome"),
    "worker": (),
}
"""The ways to handle an effect, each with its own keys."""
MAKERS = {
    "http": "temper.run.handlers.http",
    "command": "temper.run.handlers.command",
    "wasm": "temper.run.handlers.wasm",
    "mcp": "temper.run.handlers.mcp",
}
"""Whose `make` makes the handlers of a way; read when there is one, because each may bring a guest."""
Make = Callable[[TomlFile, str, Mapping[str, Any], Mapping[str, Any]], Handler]


def load_handlers(path: Path, effects: Iterable[Effect] | None = None) -> dict[str, Handler]:
    """The handlers by effect. Raises `HandlersBrokenError`, which says where and what to do.

    With `effects` given, a name that is none of them is an error; without, nothing is known to compare with.
    """
    if path.suffix == ".toml":
        return _Configured(TomlFile(path), None if effects is None else [effect.name for effect in effects]).handlers()
    if path.suffix != ".py":
        raise HandlersBrokenError(path, "handlers are a file that ends in .py or .toml")
    return dict(python_handlers(str(path.absolute())))


class _Configured:
    """One `temper.toml` being read."""

    def __init__(self, file: TomlFile, effects: list[str] | None) -> None:
        self._file, self._effects = file, effects

    def handlers(self) -> dict[str, Handler]:
        file = self._file
        data = file.read()
        file.only(data, ("python", "effects", "http", "retention", "tenants"), "the file")
        listed = {
            name: file.table(given, f"[effects.{name}]")
            for name, given in file.table(data.get("effects", {}), "[effects]").items()
        }
        for name in listed:
            self._check_name(name)
        ways = {
            name: self._way(f"[effects.{name}]", given, has_file="python" in data) for name, given in listed.items()
        }
        found: dict[str, Handler] = dict(self._python(data["python"])) if "python" in data else {}
        general = file.table(data.get("http", {}), "[http]")
        for name, way in ways.items():
            if way == "worker":
                found.pop(name, None)
            elif way:
                found[name] = self._handler(way, f"[effects.{name}]", listed[name], general)
        return found

    def _check_name(self, name: str) -> None:
        if self._effects is not None and name not in self._effects:
            near = suggest(name, self._effects)
            known = f"did you mean `{near}`?" if near else f"it has {', '.join(self._effects) or 'none'}"
            raise self._file.broken(f"[effects.{name}]: the blueprint has no such effect; {known}")

    def _way(self, place: str, given: Mapping[str, Any], *, has_file: bool) -> str:
        """Who handles it: empty if only limits are given, for a function of the file."""
        ways = [way for way in WAYS if way in given]
        if len(ways) > 1 or (not ways and not (has_file and set(given) <= set(LIMITS) and given)):
            raise self._file.broken(f"{place} needs one of {', '.join(WAYS)}, and has {', '.join(ways) or 'none'}")
        way = ways[0] if ways else ""
        self._file.only(given, (*ways, *WAYS.get(way, ()), *LIMITS), place)
        return way

    def _handler(self, way: str, place: str, given: Mapping[str, Any], general: Mapping[str, Any]) -> Handler:
        if way == "python":
            return self._entry_point(place, given)
        make: Make = import_module(MAKERS[way]).make
        return make(self._file, place, given, general)

    def _python(self, given: Any) -> dict[str, ProcessHandler]:
        """The functions of a file: `python = "handlers.py"`, or with a limit for its processes."""
        file = self._file
        if isinstance(given, str):
            return python_handlers(str(file.folder / given))
        told = file.table(given, "python")
        file.only(told, ("file", "memory"), "[python]")
        name = file.text(told.get("file"), "[python] file")
        return python_handlers(str(file.folder / name), self._memory(told, "[python] memory"))

    def _entry_point(self, place: str, given: Mapping[str, Any]) -> Handler:
        """The handler `module:function`, from what is installed."""
        text = self._file.text(given["python"], f"{place} python")
        if not text.partition(":")[2]:
            raise self._file.broken(f'{place} python = "{text}" must be "module:function"')
        try:
            return python_handlers(text, self._memory(given, f"{place} memory"))[""]
        except HandlersBrokenError as wrong:
            raise self._file.broken(f"{place} {str(wrong).partition(': ')[2]}") from None

    def _memory(self, given: Mapping[str, Any], place: str) -> int:
        return self._file.size(given["memory"], place) if "memory" in given else MEMORY_BYTES
