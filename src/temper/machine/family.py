"""Families: one table in which some constants are left open, for the tables of all their values.

In the place of an open constant stands a number that is written nowhere in the blueprint, its *stand-in*. So the table
is of the same kind as every other, and whoever knows the stand-ins can read it for all values at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TypeVar, cast

from temper.machine.table import TransitionTable
from temper.machine.value import FrozenMap
from temper.report import Span

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Family:
    """The tables that a blueprint has for every value of some constants for which it is a blueprint at all.

    `table` is what they have in common, and `members` are some of them, those with small numbers first. A member is
    the table with the stand-ins filled in; whoever makes a family has compared.
    """

    table: TransitionTable
    stand_ins: tuple[tuple[str, int], ...]
    """Name of each open constant and the number that stands for it in `table`."""
    members: tuple[TransitionTable, ...]

    def of(self, member: TransitionTable) -> Mapping[int, int]:
        """What each stand-in is in a member."""
        values = {name: value for name, value, _ in member.constants}
        return {number: values[name] for name, number in self.stand_ins}


def filled(part: Part, values: Mapping[int, int]) -> Part:
    """A table, or a part of one, with other numbers in the place of some.

    >>> from temper.machine.value import IntType
    >>> filled(IntType(1, 997), {997: 3})
    IntType(lo=1, hi=3)
    """
    return cast(Part, _filled(part, values))


def _filled(part: object, values: Mapping[int, int]) -> object:
    if type(part) is int:
        return values.get(part, part)
    if isinstance(part, tuple):
        return tuple(_filled(each, values) for each in part)
    if isinstance(part, frozenset):
        return frozenset(_filled(each, values) for each in part)
    if isinstance(part, FrozenMap):
        return FrozenMap({_filled(key, values): _filled(value, values) for key, value in part.items()})
    if is_dataclass(part) and not isinstance(part, type | Span):
        changed = {each.name: _filled(getattr(part, each.name), values) for each in fields(part) if each.compare}
        return replace(part, **changed)
    return part


def numbers(part: object) -> frozenset[int]:
    """Every number in a table or a part of one.

    >>> from temper.machine.value import IntType
    >>> sorted(numbers(IntType(1, 997)))
    [1, 997]
    """
    if type(part) is int:
        return frozenset({part})
    if isinstance(part, tuple | frozenset):
        return frozenset().union(*map(numbers, part))
    if isinstance(part, FrozenMap):
        return frozenset().union(*(numbers(pair) for pair in part.items()))
    if is_dataclass(part) and not isinstance(part, type | Span):
        return frozenset().union(*(numbers(getattr(part, each.name)) for each in fields(part) if each.compare))
    return frozenset()
