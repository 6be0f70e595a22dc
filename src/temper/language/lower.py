"""Lowering: from a checked blueprint to the transition table. Shorthand is written out; nothing is judged any more."""

from __future__ import annotations

from temper.language.blueprint import Blueprint, Move, Thing, Way
from temper.machine import Action, Case, Entity, TransitionTable, assert_wellformed


def lower(blueprint: Blueprint) -> TransitionTable:
    """The transition table of a blueprint: the same blueprint gives the same table.

    >>> from temper.language import check, parse
    >>> from temper.report import Source
    >>> entity = "{states: [on], waits: [on], actions: {make: {from: new, to: on}}}"
    >>> text = f"temper: 1\\nblueprint: a\\nentities: {{A: {entity}}}"
    >>> blueprint, found = check(parse(Source("a.yaml", text))[0])
    >>> lower(blueprint).entity("A").action("make").cases[0].target
    'on'
    """
    table = TransitionTable(
        blueprint=blueprint.name,
        roles=blueprint.roles,
        types=blueprint.types,
        constants=blueprint.constants,
        effects=blueprint.effects,
        entities=lower_entities(blueprint),
        properties=blueprint.properties,
        policies=blueprint.policies,
        scope=blueprint.scope,
        accept=blueprint.accept,
        grandfathered=blueprint.grandfathered,
        migrate=blueprint.migrate,
        doc=blueprint.doc,
    )
    return assert_wellformed(table)


def lower_entities(blueprint: Blueprint) -> tuple[Entity, ...]:
    """The entities alone, which is what a policy can speak about."""
    return tuple(_entity(thing) for thing in blueprint.things)


def _entity(thing: Thing) -> Entity:
    return Entity(
        name=thing.name,
        single=thing.single,
        world=thing.world,
        fields=thing.fields,
        states=thing.states,
        final=thing.final,
        waits=thing.waits,
        actions=tuple(_action(move, thing) for move in thing.moves),
        timers=thing.timers,
        doc=thing.doc,
        span=thing.span,
    )


def _action(move: Move, thing: Thing) -> Action:
    return Action(
        name=move.name,
        gate=move.gate,
        roles=move.roles,
        params=move.params,
        sources=_sources(move, thing),
        guard=move.common.guard,
        updates=move.common.updates,
        cases=tuple(_case(move.common, case) for case in move.cases) or (_only_case(move.common),),
        doc=move.doc,
        span=move.span,
    )


def _sources(move: Move, thing: Thing) -> tuple[str, ...]:
    """`from: any` is every state that is not final; otherwise as written, in declared order."""
    if move.sources is None:
        return tuple(state for state in thing.states if state not in thing.final)
    return move.sources


def _only_case(common: Way) -> Case:
    return Case(None, (), common.target, common.deliveries, common.restarts, common.span)


def _case(common: Way, case: Way) -> Case:
    """Common deliveries come first; a case's `to` wins."""
    restarts = tuple(dict.fromkeys((*common.restarts, *case.restarts)))
    target = common.target if case.target is None else case.target
    return Case(case.guard, case.updates, target, (*common.deliveries, *case.deliveries), restarts, case.span)
