"""What was seen from outside during a torture run: by those who called, those who looked, and those who were asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

NO_ANSWER = ""
APPLIED = "applied"


class Called(NamedTuple):
    """One request on its way and back. Under a key there may be several, all of one call."""

    begin: int
    """Nanoseconds on the clock of the load, which nobody sets."""
    end: int
    key: str
    """The idempotency key; empty if none was given."""
    entity: str
    id: str
    action: str
    token: str
    """In the arguments, and in no other call's."""
    code: str
    """`applied`, why it was rejected, or nothing: no answer came, or one that says to ask again."""
    record: int = 0
    seq: int = 0
    state: str = ""
    """After it; of a rejection, the state in which the instance was."""


class Saw(NamedTuple):
    """One look at an instance; seq 0 is one that is not there."""

    begin: int
    end: int
    entity: str
    id: str
    seq: int
    state: str
    data: dict[str, Any]


class Asked(NamedTuple):
    """One attempt of an effect, as the receiver had it."""

    at: int
    """Milliseconds of the wall clock, as records have them."""
    effect: str
    key: str
    answer: Any


Event: TypeAlias = Called | Saw | Asked
KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Called, Saw, Asked)}


def line_of(event: Event) -> str:
    """One line of a history's file.

    >>> line_of(Asked(5, "ship", "x-1-0", {"outcome": "shipped"}))
    '["Asked", 5, "ship", "x-1-0", {"outcome": "shipped"}]\\n'
    """
    return json.dumps([type(event).__name__, *event]) + "\n"


def read_history(*paths: Path) -> Iterator[Event]:
    """Every event in these files; a last line that was cut short by a kill is left out."""
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    kind, *fields = json.loads(line)
                    yield KINDS[kind](*fields)
