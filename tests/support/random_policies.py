"""Random tables with Cedar policies: who may do what depends on roles, names, the state, data and arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import strategies as st

from support.random_tables import Draw
from temper.machine import (
    INT_MAX,
    Action,
    BoolType,
    DurationType,
    Entity,
    EnumType,
    Gate,
    IntType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TransitionTable,
    Type,
    universe,
)

SCOPES = ("principal", 'principal in Role::"keeper"', 'principal in Role::"guest"', 'principal == Principal::"ann"')


@st.composite
def governed(draw: Draw, tables: st.SearchStrategy[TransitionTable]) -> TransitionTable:
    """One of the tables with one to four policies. Some actions that roles would have let pass ask policies alone."""
    table = draw(tables)
    entities = tuple(
        replace(entity, actions=tuple(_asking(action) if draw(st.booleans()) else action for action in entity.actions))
        for entity in table.entities
    )
    table = replace(table, entities=entities)
    asked = [(entity, action) for entity in entities for action in entity.actions if _is_asked(action)]
    if not asked:
        return table
    policies = [_policy(draw, table, *draw(st.sampled_from(asked))) for _ in range(draw(st.integers(1, 4)))]
    return replace(table, policies=(("drawn.cedar", "\n".join(policies)),))


def _policy(draw: Draw, table: TransitionTable, entity: Entity, action: Action) -> str:
    this = f'Action::"{entity.name}.{action.name}"'
    word = draw(st.sampled_from(["permit", "permit", "forbid"]))
    about = draw(st.sampled_from([f"action == {this}", f'action in [{this}, Action::"Plant.make"]', "action"]))
    said = draw(st.lists(st.sampled_from(list(_conditions(table, entity, action))), max_size=2))
    how = "".join(f" {draw(st.sampled_from(['when', 'when', 'unless']))} {{ {each} }}" for each in said)
    return f"{word}({draw(st.sampled_from(SCOPES))}, {about}, resource){how};"


def _conditions(table: TransitionTable, entity: Entity, action: Action) -> Iterator[str]:
    """What can be said of a call. Some of it cannot always be evaluated, and then denies."""
    yield 'resource.state == "open"'
    yield 'resource.state != "busy" || principal in Role::"guest"'
    yield f'resource == {entity.name}::"{universe(table).ids_of(entity.name)[0]}"'
    for field in entity.fields:
        yield from _said(table, f"resource.{field.name}", f"resource has {field.name}", field.type)
    for param in action.params:
        yield from _said(table, f"context.{param.name}", f"context has {param.name}", param.type)
        if any((field.name, field.type) == (param.name, param.type) for field in entity.fields):
            yield f"resource.{param.name} == context.{param.name}"
    yield 'context == {"small": 1}'


def _said(table: TransitionTable, value: str, there: str, type_: Type) -> Iterator[str]:
    match type_:
        case BoolType():
            yield value
        case IntType():
            yield f"{value} > 1"
            yield f"{value} + {INT_MAX - 1} > 0"
        case DurationType():
            yield f"{value} == 1000"
        case EnumType(_, members):
            yield f'{value} == "{members[0]}"'
        case StrType():
            yield f'{value} like "a*"'
        case PrincipalType():
            yield f'{value} == "ann"'
        case RefType(of):
            yield f'{value} == "{universe(table).ids_of(of)[0]}"'
        case OptionType(of):
            yield there
            for each in _said(table, value, there, of):
                yield from (each, f"{there} && ({each})")
        case SetType():
            yield f'{value}.contains("bob")'
            yield f"{value}.isEmpty()"
        case _:
            return


def _is_asked(action: Action) -> bool:
    return action.gate in {Gate.ROLES, Gate.POLICY}


def _asking(action: Action) -> Action:
    """By policies instead of roles, where people may at all."""
    return replace(action, gate=Gate.POLICY, roles=()) if action.gate is Gate.ROLES else action
