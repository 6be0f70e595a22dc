"""What a transport hands to the service, and what it gets back: no transport shows through."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from temper.machine import Rejected
from temper.run import Retryable, Terminal
from temper.run.position import Position
from temper.serve.problem import ProblemError
from temper.serve.tokens import Principal

Told = TypeVar("Told")


class Asked(NamedTuple):
    """One request: who asks, the parameters by name, what else stood in the query, and the body."""

    principal: Principal | None
    given: Mapping[str, str]
    where: Mapping[str, str] = MappingProxyType({})
    body: Any = None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A parameter that is a number within bounds; a `bad-request` if it is not."""
        text = self.given.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or not least <= int(text) <= most:
            raise ProblemError("bad-request", f"`{name}` is a number from {least:,} to {most:,}, not {text[:40]!r}")
        return int(text)

    def position(self, name: str) -> Position:
        """A parameter that is a position; a `bad-request` if it is not."""
        try:
            return Position.read(self.given.get(name, "0"))
        except ValueError as error:
            raise ProblemError("bad-request", f"`{name}`: {error}") from None

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """A parameter that is one of a few words, or nothing."""
        text = self.given.get(name)
        if text is not None and text not in choices:
            raise ProblemError("bad-request", f"`{name}` is one of {', '.join(choices)}, not {text[:40]!r}")
        return text


class JsonText(str):
    """JSON data that is written already."""

    __slots__ = ()


class Answer(NamedTuple):
    """What an operation answers: JSON data, perhaps written already, or text where the catalogue says so."""

    data: Any
    headers: Mapping[str, str] = MappingProxyType({})


def told(answer: Told | Rejected | Retryable | Terminal, headers: Mapping[str, str] | None = None) -> Told:
    """The answer, unless it says why there is none; that is said under these headers."""
    if isinstance(answer, Rejected | Retryable | Terminal):
        raise ProblemError(answer.code, answer.message, dict(answer.facts), headers or {})
    return answer
