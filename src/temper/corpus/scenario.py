"""A scenario: a run that is kept because it once showed something, to be taken again by every later version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from temper.machine import Address
from temper.verify import Told


class Origin(StrEnum):
    """Who found the run."""

    VERIFIED = "verify"
    """It refutes a property, or shows that something is possible."""
    SIMULATED = "simulate"
    """The real engine did it in a simulated world."""
    CAPTURED = "capture"
    """It really happened, and was cut out of a journal."""
    TRIED = "try"
    """Somebody went along it by hand."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an instance is to stand at the end: its state, fields as JSON values. What is not said is not compared."""

    address: Address
    state: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kept run with what is expected of it, in words that outlive the version it was found in."""

    name: str
    origin: Origin
    steps: tuple[Told, ...]
    found: str = ""
    """When, as in `2026-01-31T12:00:00Z`."""
    table: str = ""
    """The hash of the table that it was a run of."""
    because: str = ""
    """What it showed, in words."""
    never: tuple[str, ...] = ()
    """Findings that it showed and must never show again: names of properties and obligations."""
    reaches: str = ""
    """A `possible` that it gets to, and shall go on to."""
    ends: tuple[Standing, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)
    loop: int | None = None
    """Of an infinite run: how many steps come before those that repeat for ever."""

    @property
    def file_name(self) -> str:
        """`no_two.yaml`; the colon of an obligation's name is none that every file system takes."""
        return f"{self.name.replace(':', '-')}.yaml"
