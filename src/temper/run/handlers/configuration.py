"""The operator's file of handlers: a `handlers.py`, or a `temper.toml` that says for each effect who handles it."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from temper.machine import Effect
from temper.report import suggest
from temper.run.handlers.broken import HandlersBrokenError
from temper.run.handlers.command import CommandHandler
from temper.run.handlers.http import HttpHandler
from temper.run.handlers.python import entry_point, handlers_in_file
from temper.run.world import Handler

WAYS = ("http", "command", "python")
KEYS = {"http": ("headers",), "command": ("environment",), "python": ()}
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a command sees of our environment without being named under `environment`."""


def load_handlers(path: Path, effects: Iterable[Effect] | None = None) -> dict[str, Handler]:
    """The handlers by effect. Raises `HandlersBrokenError`, which says where and what to do.

    With `effects` given, a name that is none of them is an error; without, nothing is known to compare with.
    """
    if path.suffix == ".toml":
        return _Configured(path, None if effects is None else [effect.name for effect in effects]).handlers()
    if path.suffix != ".py":
        raise HandlersBrokenError(path, "handlers are a file that ends in .py or .toml")
    return handlers_in_file(path)


class _Configured:
    """One `temper.toml` being read."""

    def __init__(self, path: Path, effects: list[str] | None) -> None:
        self._path, self._effects = path, effects

    def handlers(self) -> dict[str, Handler]:
        data = self._read()
        self._only(data, ("python", "effects"), "the file")
        found: dict[str, Handler] = {}
        if "python" in data:
            found |= handlers_in_file(self._path.parent / self._text(data["python"], "python"))
        for name, given in self._mapping(data.get("effects", {}), "[effects]").items():
            self._check_name(name)
            found[name] = self._handler(f"[effects.{name}]", self._mapping(given, f"[effects.{name}]"))
        return found

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._broken(f"it cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self._broken(str(error)) from None

    def _check_name(self, name: str) -> None:
        if self._effects is not None and name not in self._effects:
            near = suggest(name, self._effects)
            known = f"did you mean `{near}`?" if near else f"it has {', '.join(self._effects) or 'none'}"
            raise self._broken(f"[effects.{name}]: the blueprint has no such effect; {known}")

    def _handler(self, place: str, given: Mapping[str, Any]) -> Handler:
        ways = [way for way in WAYS if way in given]
        if len(ways) != 1:
            raise self._broken(f"{place} needs one of {', '.join(WAYS)}, and has {', '.join(ways) or 'none'}")
        (way,) = ways
        self._only(given, (way, *KEYS[way]), place)
        match way:
            case "http":
                return self._http(place, given)
            case "command":
                return self._command(place, given)
            case _:
                return entry_point(self._path, self._text(given["python"], f"{place} python"))

    def _http(self, place: str, given: Mapping[str, Any]) -> Handler:
        url = self._text(given["http"], f"{place} http")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise self._broken(f'{place} http = "{url}" must begin with http:// or https:// and name a host')
        headers = self._mapping(given.get("headers", {}), f"{place} headers")
        told = {name: self._expanded(self._text(value, f"{place} headers.{name}")) for name, value in headers.items()}
        return HttpHandler(url, told)

    def _command(self, place: str, given: Mapping[str, Any]) -> Handler:
        argv = given["command"]
        if not isinstance(argv, list) or not argv or not all(isinstance(part, str) for part in argv):
            raise self._broken(f'{place} command is a list of texts, such as ["./probe", "--json"]; there is no shell')
        names = given.get("environment", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._broken(f'{place} environment is a list of names, such as ["ROUTER_TOKEN"]')
        if missing := [name for name in names if name not in os.environ]:
            raise self._broken(f"{place} environment names {missing[0]}, which is not set")
        folder = self._path.parent.absolute()
        environment = {name: os.environ[name] for name in (*INHERITED, *names) if name in os.environ}
        return CommandHandler((self._program(place, argv[0], folder), *argv[1:]), folder, environment)

    def _program(self, place: str, name: str, folder: Path) -> str:
        """The program's whole path, looked up now, so that what runs later is what was meant."""
        found = shutil.which(str(folder / name) if "/" in name else name)
        if found is None:
            raise self._broken(f"{place} command: `{name}` is no program that can be run")
        return found

    def _expanded(self, text: str) -> str:
        """`${NAME}` stands for a variable of the environment, so that secrets stay out of the file."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in os.environ:
                raise self._broken(f"${{{found[1]}}} is not set in the environment")
            return os.environ[found[1]]

        return re.sub(r"\$\{(\w+)\}", value, text)

    def _only(self, given: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
        for name in given:
            if name not in known:
                near = suggest(name, known)
                hint = f"did you mean `{near}`?" if near else f"it may have {', '.join(known)}"
                raise self._broken(f"{place} has no key `{name}`; {hint}")

    def _text(self, value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise self._broken(f"{place} must be a text")
        return value

    def _mapping(self, value: Any, place: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._broken(f"{place} must be a table")
        return value

    def _broken(self, message: str) -> HandlersBrokenError:
        return HandlersBrokenError(self._path, message)
