"""Proofs that a fault in a guard changes nothing, for any number of instances and any values.

If, with the fault, both guards agree in every state from which the action may start, then every run of the wrong
blueprint is one of the right one, step by step, and the other way round. That is an invariant like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from temper.exam.missing import Candidate
from temper.language import substituted
from temper.machine import Action, Entity, Expression, Op, TransitionTable, parts, text

ELSEWHERE = frozenset({Op.ARGUMENT, Op.CALLER, Op.NOW, Op.SELF})
"""What a guard may read and an invariant may not."""


def agreement(original: TransitionTable, wrong: TransitionTable) -> Candidate | None:
    """The invariant that both guards agree, if the tables differ in the guard of one action alone."""
    changed = list(_changed(original, wrong))
    if len(changed) != 1:
        return None
    entity, action, other = changed[0]
    guards = [guard for guard in (action.guard, other.guard) if guard is not None]
    if action.is_constructor or any(part.op in ELSEWHERE for guard in guards for part in parts(guard)):
        return None
    states = f"x.state in {{{', '.join(action.sources)}}}"
    return Candidate(
        "guards_agree", (("for", f"x in {entity.name}"), ("whenever", states), ("always", _agree(entity, guards)))
    )


def _agree(entity: Entity, guards: list[Expression]) -> str:
    names = [*((field.name, f"x.{field.name}") for field in entity.fields), ("state", "x.state")]
    said = [f"({substituted(text(guard), names)})" for guard in guards]
    return said[0] if len(said) == 1 else f"{' and '.join(said)} or {' and '.join(f'not {each}' for each in said)}"


def _changed(original: TransitionTable, wrong: TransitionTable) -> Iterator[tuple[Entity, Action, Action]]:
    """The actions whose guards differ; nothing at all if anything else does."""
    found = []
    for entity in original.entities:
        twin = next((each for each in wrong.entities if each.name == entity.name), None)
        if twin is None or len(twin.actions) != len(entity.actions):
            return
        pairs = list(zip(entity.actions, twin.actions, strict=True))
        if any(replace(one, guard=None) != replace(other, guard=None) for one, other in pairs):
            return
        found += [(entity, one, other) for one, other in pairs if one.guard != other.guard]
    without = [replace(table, entities=(), properties=()) for table in (original, wrong)]
    shapes = [[replace(entity, actions=()) for entity in table.entities] for table in (original, wrong)]
    if without[0] == without[1] and shapes[0] == shapes[1]:
        yield from found
