"""Entities: what they hold, where they can be, and what belongs to them."""

from __future__ import annotations

from temper.language.blueprint import Thing
from temper.language.check.action import needed_fields, read_action
from temper.language.check.declared import Declared, EntityName
from temper.language.check.findings import Findings, article
from temper.language.check.signature import check_states
from temper.language.check.timer import read_timer


def read_entity(entity: EntityName, words: Declared, findings: Findings) -> Thing:
    """The entity with all its parts checked."""
    syntax = entity.syntax
    _check_made(entity, findings)
    if entity.world and syntax.timers:
        findings.add(
            "world-entity",
            f"`{entity.name}` is the outside world, which has no timers",
            syntax.timers[0].name.span,
            reason="the environment acts when it likes",
        )
    return Thing(
        name=entity.name,
        doc=syntax.doc,
        single=entity.single,
        world=entity.world,
        fields=tuple(field for field in entity.fields.values() if field is not None),
        states=entity.states,
        final=entity.final,
        waits=tuple(dict.fromkeys(check_states(syntax.waits, syntax, findings))),
        moves=tuple(read_action(action, entity, words, findings) for action in syntax.actions),
        timers=tuple(read_timer(timer, entity, words, findings) for timer in syntax.timers),
        span=syntax.name.span,
    )


def _check_made(entity: EntityName, findings: Findings) -> None:
    """A single entity is there from the start, any other one needs a constructor."""
    if entity.single:
        for field in needed_fields(entity).values():
            findings.add(
                "field-without-value",
                f"`{field.name}` has no value when `{entity.name}` begins: nothing sets {article(field.type)} before",
                field.span,
                reason="no value to begin with",
                notes=(f"give it a default, or declare it `{field.type} | None`",),
            )
    elif not any(action.constructor for action in entity.actions.values()):
        findings.add(
            "no-constructor",
            f"nothing ever makes a `{entity.name}`: it has no action `from: new`",
            entity.span,
            reason="no constructor",
            notes=("an entity of which there is one, from the start, says `single: true`",),
        )
