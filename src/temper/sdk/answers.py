"""What a client hears, as values: a call was applied or rejected, could not be understood, or has no answer yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

REJECTED = frozenset(
    {
        "bad-args", "denied", "guard-false", "id-taken", "no-case", "out-of-range", "same-key-twice", "stale-version",
        "unknown-action", "unknown-instance", "wrong-state",
    }
)  # fmt: skip
"""Codes with which a call is answered: the instance has not changed, and the code says why."""


@dataclass(frozen=True, slots=True)
class Done:
    """The call was applied and is durable. `repeated`: its idempotency key brought back an earlier answer."""

    entity: str
    id: str
    action: str
    state: str
    seq: int
    data: Mapping[str, Any]
    at: str
    record: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The call is not possible as things are; nothing has changed."""

    code: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """The request cannot succeed as it is: a wrong token, an unknown name, a key that stands for another call."""

    code: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody knows whether it was applied: ask again with the same `key`, and it is applied at most once."""

    because: str
    key: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as it was when it was read. `seq` is what `expected` of a call compares with."""

    entity: str
    id: str
    state: str
    seq: int
    data: Mapping[str, Any]
    timers: Mapping[str, str] = field(default_factory=dict)
    unhandled: tuple[str, ...] = ()


Answer: TypeAlias = Done | Rejected | Problem | Unanswered


def answer_of(status: int, data: Any) -> Done | Rejected | Problem:
    """The answer to a call as JSON data."""
    if status < 400:
        return Done(**{name: data[name] for name in Done.__slots__})
    return told(data)


def told(data: Any) -> Rejected | Problem:
    """A problem as RFC 9457 has it."""
    kind = Rejected if data["code"] in REJECTED else Problem
    return kind(data["code"], data["detail"], data.get("facts", {}))


def instance_of(data: Mapping[str, Any]) -> Instance:
    """An instance as JSON data."""
    return Instance(**{name: data[name] for name in Instance.__slots__[:-1]}, unhandled=tuple(data["unhandled"]))
