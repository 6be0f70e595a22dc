"""Samples: systems that runs do reach, looked at through atoms. No lemma may be broken in one of them.

Runs are followed within the table's own scope, and with two instances of everything and two people for every role at
least, since what holds of one for want of another is no lemma. Always the same ones, so that a proof comes out again
as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import TypeAlias

from temper.machine import (
    Address,
    Cell,
    Refusal,
    Relation,
    Scope,
    Site,
    Step,
    System,
    TransitionTable,
    Value,
    finite_values,
    relation,
    universe,
)
from temper.verify.symbolic.atoms import Atoms, Kind, atoms
from temper.verify.symbolic.ghosts import Ghosts

EXPANDED = 350
"""From so many systems of each scope runs are followed further."""

View = Mapping[Address, Cell]


class Samples:
    """Bits of atoms, as the samples have them, for each kind of which there are any."""

    def __init__(self, ghosts: Ghosts) -> None:
        self.ghosts = ghosts
        self.views = [ghosts.view(system) for system in reached(ghosts.original, world=ghosts.world)]
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
            mask = self.atoms(kind).mask
            found = {mask(view, *tuple_) for view in self.views for tuple_ in tuples(view, kind)}
            self._masks[kind] = sorted(found)
        return self._masks[kind]


def tuples(view: View, kind: Kind) -> Iterator[tuple[str, str, Value]]:
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


def reached(table: TransitionTable, *, world: bool) -> list[System]:
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
        found |= dict.fromkeys(_explored(steps))
    return list(found)


def _explored(steps: Relation) -> Iterator[System]:
    """Systems of as many kinds as may be: those are gone on from of whose kind there are the fewest so far."""
    chance = Random(1)  # noqa: S311 - nothing is kept secret
    start = steps.start()
    seen, waiting = {start}, {_kind(start): [start]}
    visits: dict[Kindred, int] = {}
    for _ in range(EXPANDED):
        if not waiting:
            return
        least = min(visits.get(kind, 0) for kind in waiting)
        kind = chance.choice([kind for kind in waiting if visits.get(kind, 0) == least])
        visits[kind] = least + 1
        systems = waiting[kind]
        system = systems.pop(chance.randrange(len(systems)))
        if not systems:
            del waiting[kind]
        yield system
        for each in steps.steps(system):
            if isinstance(each, Step) and each.system not in seen:
                seen.add(each.system)
                waiting.setdefault(_kind(each.system), []).append(each.system)


Kindred: TypeAlias = tuple[frozenset[tuple[str, str]], frozenset[Site]]


def _kind(system: System) -> Kindred:
    """What a system looks like from afar: which control states there are, and where something is pending."""
    pending = (each.of.site if isinstance(each, Refusal) else each.site for each in system.pending)
    return frozenset((cell.entity, cell.control) for cell in system.cells), frozenset(pending)
