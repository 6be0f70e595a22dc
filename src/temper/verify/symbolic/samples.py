"""Samples: systems that runs do reach, looked at through atoms. No lemma may be broken in one of them.

Runs are followed within the table's own scope, and with two instances of everything and two people for every role at
least, since what holds of one for want of another is no lemma. Always the same ones, so that a proof comes out again
as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TypeAlias, cast

from temper.machine import (
    Address,
    Cell,
    DeliveryKind,
    Expression,
    Family,
    IntType,
    Op,
    Refusal,
    Relation,
    Scope,
    Step,
    System,
    TransitionTable,
    Value,
    filled,
    finite_values,
    numbers,
    relation,
    universe,
)
from temper.verify.symbolic.atoms import Atoms, Kind, atoms
from temper.verify.symbolic.ghosts import MANY, Ghosts
from temper.verify.symbolic.opening import is_keyed

EXPANDED = 350
"""From so many systems of each scope runs are followed further."""
EXPANDED_THOROUGH = 1_500
"""From so many where proofs are wanted."""
MORE = 2
"""By so much larger than its own value a constant is taken where that makes a larger model."""

View = Mapping[Address, Cell]


class Samples:
    """Bits of atoms, as the samples have them, for each kind of which there are any."""

    def __init__(self, ghosts: Ghosts, family: Family | None = None, *, thorough: bool = False) -> None:
        """Of a `family` a larger member is looked at, too: a lemma is hardly about the value that a constant has."""
        self.ghosts = ghosts
        many = EXPANDED_THOROUGH if thorough else EXPANDED
        self.views = [ghosts.view(system) for system in reached(ghosts.original, world=ghosts.world, expanded=many)]
        self._merged = _merged_late(ghosts)
        self._larger = None if family is None or not thorough else _larger(family, ghosts.original)
        self._larger_views: list[View] = []
        if self._larger is not None:
            larger = Ghosts(self._larger.table, world=ghosts.world)
            systems = reached(larger.original, world=ghosts.world, expanded=many)
            self._larger_views = [larger.view(system) for system in systems]
        self._atoms: dict[Kind, Atoms] = {}
        self._masks: dict[Kind, list[int]] = {}

    def atoms(self, kind: Kind) -> Atoms:
        """The atoms of a kind."""
        if kind not in self._atoms:
            self._atoms[kind] = atoms(self.ghosts.table, kind)
        return self._atoms[kind]

    def masks(self, kind: Kind) -> list[int]:
        """Each set of atoms that holds somewhere, once."""
        if kind not in self._masks:
            found = self._seen(self.atoms(kind), self.views)
            if self._larger is not None:
                there = [_with_numbers(atom, self._larger.numbers) for atom in self.atoms(kind).found]
                if len({*there}) == len(there):
                    found |= self._seen(Atoms(self.ghosts.table, kind, there), self._larger_views)
            self._masks[kind] = sorted(found)
        return self._masks[kind]

    def _seen(self, of: Atoms, views: Iterable[View]) -> set[int]:
        found = {of.mask(view, *tuple_) for view in views for tuple_ in tuples(view, of.kind)}
        if of.kind.x == of.kind.y and of.kind.x in self._merged:
            for view in views:
                for address in [address for address in view if address.entity == of.kind.x]:
                    twin = Address(address.entity, f"{address.id} again")
                    found.add(of.mask({**view, twin: view[address]._replace(id=twin.id)}, address.id, twin.id, None))
        return found


def _merged_late(ghosts: Ghosts) -> frozenset[str]:
    """Late requests of which the semantics keeps one where there are two alike, and a proof both."""
    return frozenset(
        name
        for (_, effect), name in ghosts.late.items()
        if ghosts.original.effect(effect).delivery is DeliveryKind.IDEMPOTENT
    )


@dataclass(frozen=True, slots=True)
class _Larger:
    """A member of a family in which constants are larger, and the numbers in it that stand where others stood."""

    table: TransitionTable
    numbers: Mapping[int, int]


def _larger(family: Family, own: TransitionTable) -> _Larger | None:
    """A larger member; None where something is listed by the values of an open range, as atoms list fewer of them."""
    if is_keyed(family):
        return None
    taken, values, chosen = {*numbers(own)}, family.of(own), dict[int, int]()
    for stand_in, value in values.items():
        chosen[stand_in] = next(number for number in count(value + MORE) if number not in taken)
        taken.add(chosen[stand_in])
    return _Larger(filled(family.table, chosen), {values[stand_in]: chosen[stand_in] for stand_in in chosen})


def _with_numbers(atom: Expression, instead: Mapping[int, int]) -> Expression:
    """The atom with other numbers, but for those that count what is pending."""
    if atom.op is Op.LITERAL and isinstance(atom.type, IntType) and atom.type != MANY:
        return replace(atom, value=instead.get(cast(int, atom.value), atom.value))
    return replace(atom, operands=tuple(_with_numbers(each, instead) for each in atom.operands))


def tuples(view: Collection[Address], kind: Kind) -> Iterator[tuple[str, str, Value]]:
    """The instances and keys of a kind in a system."""
    for x in (address.id for address in view if address.entity == kind.x):
        if kind.key is not None:
            yield from ((x, "", key) for key in finite_values(kind.key) or ())
        elif kind.y:
            yield from (
                (x, address.id, None)
                for address in view
                if address.entity == kind.y and (kind.x != kind.y or x != address.id)
            )
        else:
            yield x, "", None


def reached(table: TransitionTable, *, world: bool, expanded: int) -> list[System]:
    """Some systems that runs reach: within the table's own scope, and with at least two of everything."""
    ids = dict(table.scope.instances)
    many = {entity.name: max(2, ids.get(entity.name, 2)) for entity in table.entities if not entity.single}
    people = (*table.scope.principals, ("one", table.roles), ("two", table.roles)) if table.scope.principals else ()
    wide: Scope = replace(
        table.scope, instances=tuple(many.items()), principals=people, in_flight=max(2, table.scope.in_flight)
    )
    found: dict[System, None] = {}
    for scope in (table.scope, wide):
        steps = relation(table, replace(universe(table, scope), world=world))
        found |= dict.fromkeys(_explored(steps, expanded))
    return list(found)


def _explored(steps: Relation, expanded: int) -> Iterator[System]:
    """Systems of as many kinds as may be: those are gone on from of whose kind there are the fewest so far."""
    chance = Random(1)  # noqa: S311 - nothing is kept secret
    seen: set[System] = set()
    waiting: dict[Kindred, list[System]] = {}
    visits: Counter[Kindred] = Counter()
    next_: list[tuple[int, float, int, Kindred]] = []

    def come_to(kind: Kindred) -> None:
        heappush(next_, (visits[kind], chance.random(), len(seen), kind))

    def see(system: System) -> None:
        if system not in seen:
            seen.add(system)
            systems = waiting.setdefault(kind := _kind(system), [])
            systems.append(system)
            if len(systems) == 1:
                come_to(kind)

    see(steps.start())
    for _ in range(expanded):
        if not next_:
            return
        *_, kind = heappop(next_)
        visits[kind] += 1
        systems = waiting[kind]
        system = systems.pop(chance.randrange(len(systems)))
        if systems:
            come_to(kind)
        yield system
        for each in steps.steps(system):
            if isinstance(each, Step):
                see(each.system)


Kindred: TypeAlias = tuple[frozenset[object], frozenset[object], frozenset[object]]


def _kind(system: System) -> Kindred:
    """What a system looks like from afar: which control states there are, and where something is pending."""
    pending = (each.of.site if isinstance(each, Refusal) else each.site for each in system.pending)
    late = ((each.owner.entity, each.effect) for each in system.late)
    return _few((cell.entity, cell.control) for cell in system.cells), _few(pending), _few(late)


def _few(things: Iterable[object]) -> frozenset[object]:
    """Which there are, and of which there are several."""
    counted = Counter(things)
    return frozenset((thing, number > 1) for thing, number in counted.items())
