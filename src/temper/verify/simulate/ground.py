"""The ground that all runs of one blueprint share: what is prepared once, so that a run begins at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from temper.machine import (
    NEW,
    Certificate,
    Certified,
    Gate,
    Offers,
    Scope,
    TransitionTable,
    Universe,
    stepper,
    table_hash,
    universe,
)
from temper.run import Batch, Version, stage
from temper.verify.simulate.disk import Disk, Rows
from temper.verify.simulate.outside import Receiver
from temper.verify.simulate.process import Ids, Process
from temper.verify.simulate.watch import Properties

OBSERVER = "simulated_observer"
"""A role that nobody has: a version with it differs from one without it, and in nothing that lives."""
START = 1_000
"""When every run begins, in milliseconds."""


class Ground:
    """Tables as versions, what people can ask of them, and the store as it is when the first has just been loaded."""

    def __init__(self, tables: Sequence[TransitionTable], scope: Scope | None = None, nodes: int = 1) -> None:
        self.tables, self.nodes = tuple(tables), nodes
        table = self.tables[0]
        self.versions: dict[str, Version] = {table_hash(each): stage(each) for each in self.tables}
        self.hashes = list(self.versions)
        self.certified = [Certified(t, Certificate(table_hash(t), (), None, "", (), ())) for t in self.tables]
        self.universe: Universe = universe(table, scope)
        self.offers = Offers(table, self.universe, in_full=True)
        self.step = stepper(table)
        self.properties = Properties(table)
        self.receivers = {effect.name: Receiver(table, effect) for effect in table.effects}
        self.types = {
            (entity.name, action.name): {param.name: param.type for param in action.params}
            for entity in table.entities
            for action in entity.actions
        }
        self.first: list[Batch] = []
        process = Process(Disk(Rows("simulated"), self.first.append), Ids(), {}, START)
        assert process.open(self.certified[0]), "an empty disk can be filled"
        process.kill()


def ground(table: TransitionTable, scope: Scope | None = None, nodes: int = 1) -> Ground:
    """The ground of a blueprint, with versions to load while it runs: the same, and a stricter one. Made once."""
    for kept, of, made in _KEPT:
        if kept is table and of == scope and made.nodes == nodes:
            return made
    watched = replace(table, roles=(*table.roles, OBSERVER))
    made = Ground((table, watched, stricter(watched)), scope, nodes)
    _KEPT[:] = [*_KEPT[-KEPT_MAX:], (table, scope, made)]
    return made


def stricter(table: TransitionTable) -> TransitionTable:
    """The same machine under other policies: every second thing that people may do with an instance, nobody may.

    Whatever is true of every run of the table is true of its runs, which are fewer.
    """
    entities = []
    closed = False
    for entity in table.entities:
        actions = []
        for action in entity.actions:
            if action.gate in {Gate.ROLES, Gate.POLICY} and NEW not in action.sources:
                closed = not closed
                if closed:
                    action = replace(action, gate=Gate.ROLES, roles=(OBSERVER,))  # noqa: PLW2901 (the action, closed)
            actions.append(action)
        entities.append(replace(entity, actions=tuple(actions)))
    return replace(table, entities=tuple(entities))


KEPT_MAX = 8
_KEPT: list[tuple[TransitionTable, Scope | None, Ground]] = []
