"""One `temper.toml` being read: every complaint names the file, the place and the cure."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temper.report import suggest
from temper.run.handlers.broken import HandlersBrokenError

DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SIZE = re.compile(r"(\d{1,9})(kB|MB|GB)", re.ASCII)
SIZES = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


class TomlFile:
    """What stands in the file, read piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def folder(self) -> Path:
        return self.path.parent.absolute()

    def read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self.broken(f"it cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self.broken(str(error)) from None

    def broken(self, message: str) -> HandlersBrokenError:
        """The complaint, to be raised."""
        return HandlersBrokenError(self.path, message)

    def only(self, given: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
        """No key that nobody reads."""
        for name in given:
            if name not in known:
                near = suggest(name, known)
                hint = f"did you mean `{near}`?" if near else f"it may have {', '.join(known)}"
                raise self.broken(f"{place} has no key `{name}`; {hint}")

    def text(self, value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise self.broken(f"{place} must be a text")
        return value

    def texts(self, value: Any, place: str, example: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.broken(f"{place} is a list of {example}")
        return tuple(value)

    def table(self, value: Any, place: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.broken(f"{place} must be a table")
        return value

    def flag(self, value: Any, place: str) -> bool:
        if not isinstance(value, bool):
            raise self.broken(f"{place} is true or false")
        return value

    def number(self, value: Any, place: str, least: int, most: int) -> int:
        if type(value) is not int or not least <= value <= most:
            raise self.broken(f"{place} is a number from {least:,} to {most:,}")
        return value

    def duration(self, value: Any, place: str) -> int:
        """Milliseconds."""
        found = DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None or not int(found[1]):
            raise self.broken(f'{place} is a duration such as "5s" or "250ms"')
        return int(found[1]) * UNITS[found[2]]

    def size(self, value: Any, place: str) -> int:
        """Bytes."""
        found = SIZE.fullmatch(value) if isinstance(value, str) else None
        if found is None or not int(found[1]):
            raise self.broken(f'{place} is a size such as "256MB"')
        return int(found[1]) * SIZES[found[2]]

    def expanded(self, text: str) -> str:
        """`${NAME}` stands for a variable of the environment, so that secrets stay out of the file."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in os.environ:
                raise self.broken(f"${{{found[1]}}} is not set in the environment")
            return os.environ[found[1]]

        return re.sub(r"\$\{(\w+)\}", value, text)
