"""Shapes: what may stand where, as data. The parser, the JSON Schema and `format` all read the same shapes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Leaf(Enum):
    """What a single scalar is. The value is the word that messages use for it."""

    NAME = "a name"
    EXPRESSION = "an expression"
    TYPE = "a type"
    TARGET = "an action, `again` or `ignore`"
    PROSE = "text"
    FLAG = "true or false"
    VERSION = "1"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, with at least `least` and at most `most` items. `what` names its items in a message."""

    item: Leaf | Record
    what: str
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping of the author's own names (or, in `set`, places): what a value is, and what to call the entries."""

    value: Shape
    what: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class Either:
    """A list, or the other form that is told from it at a glance."""

    many: ListOf
    other: Leaf | MapOf


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record, with the sentence that editors show for it."""

    name: str
    shape: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with fixed keys, in the order in which `format` writes them. `noun` is what a message calls it."""

    noun: str
    keys: tuple[Key, ...]

    def key(self, name: str) -> Key | None:
        """The key of that name."""
        return next((key for key in self.keys if key.name == name), None)


Shape: TypeAlias = Leaf | ListOf | MapOf | Either | Record


def phrase(shape: Shape) -> str:
    """What a message calls the shape, with its article.

    >>> phrase(Either(ListOf(Leaf.NAME, "names"), Leaf.NAME))
    'a name or a list of names'
    """
    match shape:
        case Leaf():
            return shape.value
        case ListOf(what=what):
            return f"a list of {what}"
        case MapOf(what=what):
            return f"a mapping of {what}"
        case Either(many=many, other=other):
            return f"{phrase(other)} or {phrase(many)}"
        case Record(noun=noun):
            return f"{noun}, written as a mapping"
