"""What every verdict about a table takes for granted, so that nobody has to guess."""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine import Effect, Gate, Property, PropertyKind, TransitionTable, Universe


def assumptions(table: TransitionTable, universe: Universe) -> Iterator[str]:
    """What the verdicts rest on besides the table, one phrase each.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> list(assumptions(empty, universe(empty)))
    []
    """
    gates = {action.gate for entity in table.entities for action in entity.actions}
    if gates & {Gate.ROLES, Gate.POLICY}:
        yield "principals keep their roles"
    yield from _of_liveness([prop for prop in table.properties if prop.kind is PropertyKind.EVENTUALLY])
    if universe.world:
        yield from (_of_effect(effect) for effect in table.effects if effect.performs is not None)


def _of_liveness(promises: list[Property]) -> Iterator[str]:
    """What every `eventually` rests on, and what each assumes besides."""
    if promises:
        yield (
            "what is pending is delivered and what is armed fires at last "
            "(some node lives, faults end, no lane is paused for ever)"
        )
    for promise in promises:
        if promise.assuming:
            named = ", ".join(f"{of}.{name}" for of, name in promise.assuming)
            yield f"{promise.name}: {named} at last"


def _of_effect(effect: Effect) -> str:
    performs = effect.performs
    assert performs is not None, "only what performs is assumed to do something out there"
    kind = f"{effect.delivery}, fenced" if effect.fenced else f"{effect.delivery}"
    surely = f", surely if {' or '.join(performs.surely)}" if performs.surely else ""
    never = f", not if {' or '.join(performs.never)}" if performs.never else ""
    return f"{effect.name} ({kind}) does {performs.entity}.{performs.action}{surely}{never}"
