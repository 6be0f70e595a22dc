"""What a table reads: every expression of it, and whether anything looks at the world."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from temper.machine.expression import Expression, Op, parts
from temper.machine.property import Property
from temper.machine.table import Action, Effect, Entity, TransitionTable, Update, action_expressions
from temper.machine.value import BoolType, EnumType, IntType, RefType, Type, contains


def world_matters(table: TransitionTable) -> bool:
    """Whether the outside must be searched: something reads it, or something may be refused there.

    Where nobody reads the world and none of its actions can be rejected, a `surely` outcome can always come and a
    range is never left, so that leaving the world out loses no run of the rest and adds none.
    """
    outside = {entity.name for entity in table.entities if entity.world}
    reads = any(
        part.op is Op.READ and _refers(part, outside) for prop in table.properties for part in property_parts(prop)
    )
    lists = any(
        part.op is Op.INSTANCES and part.name in outside for prop in table.properties for part in property_parts(prop)
    )
    told = any(outcome.told for effect in table.effects for outcome in effect.outcomes)
    ranged = any(entity in outside for prop in table.properties for _, entity in prop.variables)
    resists = any(
        not _always_applies(entity, action) for entity in table.entities if entity.world for action in entity.actions
    )
    timed = any(entity.timers for entity in table.entities if entity.world)
    astray = not all(_arrives(table, effect) for effect in table.effects)
    return reads or lists or told or ranged or resists or timed or astray


def expressions(table: TransitionTable) -> Iterator[Expression]:
    """Every whole expression of the table: guards, updates, arguments, delays, what is told, and properties."""
    for entity in table.entities:
        for action in entity.actions:
            yield from action_expressions(action)
        yield from (timer.after for timer in entity.timers)
    for effect in table.effects:
        yield from _effect_expressions(effect)
    for prop in table.properties:
        yield from (part for part in (prop.whenever, prop.body) if part is not None)


def _effect_expressions(effect: Effect) -> Iterator[Expression]:
    yield from (value for outcome in effect.outcomes for _, value in outcome.told)
    if effect.performs is not None:
        yield from (value for _, value in effect.performs.args)


def property_parts(prop: Property) -> Iterator[Expression]:
    """Every node of what a property says."""
    for whole in (prop.whenever, prop.body):
        if whole is not None:
            yield from parts(whole)


def _refers(read: Expression, entities: set[str]) -> bool:
    of = read.operands[0].type
    return isinstance(of, RefType) and of.entity in entities


def _always_applies(entity: Entity, action: Action) -> bool:
    total = action.guard is None and any(case.guard is None for case in action.cases)
    everywhere = set(entity.states) <= set(action.sources)
    updates = chain(action.updates, *(case.updates for case in action.cases))
    return total and everywhere and all(_stays_in_range(entity, update) for update in updates)


def _stays_in_range(entity: Entity, update: Update) -> bool:
    declared = next(field.type for field in entity.fields if field.name == update.name)
    return update.key is None and _stays_in(declared, update.value)


def _arrives(table: TransitionTable, effect: Effect) -> bool:
    """Whether what the effect passes on is always in the ranges that the world's action asks for."""
    if effect.performs is None:
        return True
    params = table.entity(effect.performs.entity).action(effect.performs.action).params
    types = {param.name: param.type for param in params}
    return all(_stays_in(types[name], value) for name, value in effect.performs.args)


def _stays_in(declared: Type, value: Expression) -> bool:
    """Whether the value is, by its type alone, within the declared one. Only plain values are judged."""
    if isinstance(declared, BoolType | EnumType):
        return True
    if value.op is Op.LITERAL:
        return contains(declared, value.value)
    if value.op not in {Op.ARGUMENT, Op.FIELD}:
        return False
    if isinstance(declared, IntType) and isinstance(value.type, IntType):
        return declared.lo <= value.type.lo and value.type.hi <= declared.hi
    return value.type == declared
