"""From a tree to its family: the table for every value of the constants that may be left open.

That a constant is only passed on is read off the text. What the table then has in its places is not taken on trust: it
is compared with the tables of a handful of values, those included that other ranges of the blueprint have as a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from temper.language.check import check
from temper.language.lower import lower
from temper.language.passed_on import passed_on
from temper.language.syntax import Tree
from temper.machine import INT, Family, IntType, TransitionTable, filled, numbers
from temper.report import Span

STAND_INS = (997, 991, 983, 977, 971, 967, 953, 947, 941, 937)
"""Numbers that a blueprint hardly has; larger ones would be too large for a set of so many members."""
SMALL = (1, 2, 3, 4)
MEMBERS_MAX = 16
WIDTH_MIN = 200
"""An open range looks endless to whoever lists short ones."""


def family(tree: Tree, constants: Mapping[str, str]) -> Family | None:
    """The table of a tree with as many constants left open as can be; None if none can.

    `constants` overrides the blueprint's own, as in `check`; those that are left open have any value anyway.

    >>> from temper.language.parse import parse
    >>> from temper.report import Source
    >>> entity = "{A: {states: [on], single: true, waits: [on], data: {x: 'int[1, N]'}}}"
    >>> tree, _ = parse(Source("a.yaml", f"temper: 1\\nblueprint: a\\nconstants: {{N: 3}}\\nentities: {entity}"))
    >>> found = family(tree, {})
    >>> found.stand_ins, str(found.table.entity("A").fields[0].type)
    ((('N', 997),), 'int[1, 997]')
    """
    own = _table(tree, constants)
    if own is None:
        return None
    numeric = {name for name, _, type_ in own.constants if type_ == INT}
    found: Family | None = None
    for name in passed_on(tree):
        if name in numeric:
            opened = [*(each for each, _ in found.stand_ins), name] if found else [name]
            found = _family(tree, constants, own, opened) or found
    return found


def _family(tree: Tree, constants: Mapping[str, str], own: TransitionTable, names: Sequence[str]) -> Family | None:
    """The family in which these constants are open, if every table that is looked at is in it."""
    taken = numbers(own)
    stand_ins = tuple(zip(names, (each for each in STAND_INS if each not in taken), strict=False))
    table = _table(tree, {**constants, **{name: str(number) for name, number in stand_ins}})
    if table is None or len(stand_ins) < len(names) or not _is_open(table, {number for _, number in stand_ins}):
        return None
    values = sorted({*SMALL, *_bounds(own)})
    if len(values) > MEMBERS_MAX:
        return None
    members = [_table(tree, {**constants, **dict.fromkeys(names, str(value))}) for value in values]
    found = Family(table, stand_ins, tuple(member for member in members if member is not None))
    return found if all(filled(table, found.of(member)) == member for member in (own, *found.members)) else None


def _table(tree: Tree, constants: Mapping[str, str]) -> TransitionTable | None:
    blueprint, _ = check(tree, constants)
    return None if blueprint is None else lower(blueprint)


def _is_open(table: TransitionTable, stand_ins: set[int]) -> bool:
    """Whether each stand-in is used, and no range but a wide one ends in it or begins with it."""
    if not stand_ins <= numbers(replace(table, constants=())):
        return False
    open_ = [range_ for range_ in _ranges(table) if {range_.lo, range_.hi} & stand_ins]
    return all(range_.lo not in stand_ins and range_.hi - range_.lo >= WIDTH_MIN for range_ in open_)


def _bounds(table: TransitionTable) -> set[int]:
    """Where ranges end: for such a value of a constant two types may turn out to be one."""
    return {bound for range_ in _ranges(table) if range_ != INT for bound in (range_.lo, range_.hi)}


def _ranges(part: object) -> Iterator[IntType]:
    if isinstance(part, IntType):
        yield part
    elif isinstance(part, tuple):
        for each in part:
            yield from _ranges(each)
    elif is_dataclass(part) and not isinstance(part, Span):
        for field in filter(lambda field: field.compare, fields(part)):
            yield from _ranges(getattr(part, field.name))
