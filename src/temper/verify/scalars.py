"""Numbers that are only names: ranges whose members a table compares for equality and for nothing else.

`Node: int[1, N]` is often meant so. Then the members may change places like ids may. It takes that no expression
orders, counts with, or names one, and that none comes from or goes to another type of number.
"""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine import (
    Action,
    Effect,
    Expression,
    FrozenMap,
    IntType,
    MapType,
    OptionType,
    Request,
    SetType,
    TransitionTable,
    Type,
    Update,
    expressions,
    parts,
    templates,
)
from temper.machine import Op as Operator

LEAVES = frozenset({Operator.FIELD, Operator.ARGUMENT, Operator.VARIABLE, Operator.READ, Operator.VALUES})
GATHERING = frozenset({Operator.UNION, Operator.INTERSECT, Operator.DIFFERENCE})
QUANTIFYING = frozenset({Operator.ALL, Operator.ANY, Operator.COUNT})
MEASURING = frozenset({Operator.SUM, Operator.LEAST, Operator.GREATEST})


def is_only_compared(table: TransitionTable, scalar: IntType) -> bool:
    """Whether nothing in the table does anything with members of the range but compare, gather and pass them on.

    >>> is_only_compared(TransitionTable("empty", (), (), (), (), (), ()), IntType(1, 3))
    True
    """
    if table.policies or any(_starts_with(scalar, type_) for type_ in _declared(table)):
        return False
    nodes = (node for whole in expressions(table) for node in parts(whole))
    return (
        all(_is_harmless(scalar, node) for node in nodes)
        and all(_agree(scalar, to, came) for to, came in _flows(table))
        and _names_agree(table, scalar)
    )


def _mentions(scalar: IntType, type_: Type) -> bool:
    match type_:
        case OptionType(of) | SetType(of):
            return _mentions(scalar, of)
        case MapType(key, value):
            return _mentions(scalar, key) or _mentions(scalar, value)
        case _:
            return type_ == scalar


def _starts_with(scalar: IntType, type_: Type) -> bool:
    """Whether a place of that type begins as a certain member: the lowest would then be told from the others."""
    match type_:
        case OptionType() | SetType():
            return False
        case MapType(_, value):
            return _starts_with(scalar, value)
        case _:
            return type_ == scalar


def _declared(table: TransitionTable) -> Iterator[Type]:
    """Types of which something begins with their initial value: fields, and what maps hold."""
    yield from (field.type for entity in table.entities for field in entity.fields)
    for whole in expressions(table):
        yield from (part.type for part in parts(whole) if isinstance(part.type, MapType))


def _is_harmless(scalar: IntType, node: Expression) -> bool:
    operands = [operand.type for operand in node.operands]
    if not any(_mentions(scalar, type_) for type_ in (node.type, *operands)):
        return True
    match node.op:
        case Operator.LITERAL:
            return not _holds_something(node)
        case op if op in LEAVES:
            return True
        case Operator.SOME:
            return node.type == OptionType(operands[0])
        case Operator.THE:
            return operands[0] == OptionType(node.type)
        case Operator.IF:
            return _same(node.type, operands[1], operands[2])
        case Operator.EQ:
            return _same(*operands)
        case Operator.IN:
            return isinstance(operands[1], SetType) and operands[1].of == operands[0]
        case Operator.SET:
            return isinstance(node.type, SetType) and all(type_ == node.type.of for type_ in operands)
        case op if op in GATHERING:
            return _same(node.type, *operands)
        case Operator.LEN:
            return True
        case Operator.GET:
            of = operands[0]
            return isinstance(of, MapType) and (of.key, of.value) == (operands[1], node.type)
        case op if op in QUANTIFYING:
            return _binds(scalar, node)
        case op if op in MEASURING:
            return _binds(scalar, node) and not any(_mentions(scalar, type_) for type_ in (node.type, *operands[2:]))
        case _:
            return False


def _holds_something(node: Expression) -> bool:
    return node.value is not None and node.value not in (frozenset(), FrozenMap())


def _same(*types: Type) -> bool:
    """Whether the types are one, however many members their sets may have."""
    return len({SetType(type_.of) if isinstance(type_, SetType) else type_ for type_ in types}) == 1


def _binds(scalar: IntType, node: Expression) -> bool:
    """Whether the variable is of the type of what it is bound to."""
    domain = node.operands[0].type
    member = domain.of if isinstance(domain, SetType) else domain.key if isinstance(domain, MapType) else None
    bound = [
        part.type
        for operand in node.operands[1:]
        for part in parts(operand)
        if part.op is Operator.VARIABLE and part.name == node.name
    ]
    return all(type_ == member or not (_mentions(scalar, type_) or member == scalar) for type_ in bound)


def _agree(scalar: IntType, to: Type, came: Type) -> bool:
    return not (_mentions(scalar, to) or _mentions(scalar, came)) or _same(to, came)


def _flows(table: TransitionTable) -> Iterator[tuple[Type, Type]]:
    """(declared, given) wherever a value is written or passed on."""
    for entity in table.entities:
        types = {field.name: field.type for field in entity.fields}
        for action in entity.actions:
            for update in _updates(action):
                yield from _written(types[update.name], update)
    for *_, template in templates(table):
        if isinstance(template, Request):
            params = table.effect(template.effect).params
        else:
            params = table.entity(template.entity).action(template.action).params
        declared = {param.name: param.type for param in params}
        yield from ((declared[name], value.type) for name, value in template.args)
    for effect in table.effects:
        yield from _outside(table, effect)


def _updates(action: Action) -> Iterator[Update]:
    yield from action.updates
    for case in action.cases:
        yield from case.updates


def _written(declared: Type, update: Update) -> Iterator[tuple[Type, Type]]:
    if update.key is None:
        yield declared, update.value.type
    else:
        assert isinstance(declared, MapType), "only a map is updated by key"
        yield declared.key, update.key.type
        yield declared.value, update.value.type


def _outside(table: TransitionTable, effect: Effect) -> Iterator[tuple[Type, Type]]:
    for outcome in effect.outcomes:
        fields = {field.name: field.type for field in outcome.fields}
        yield from ((fields[name], value.type) for name, value in outcome.told)
    if effect.performs is not None:
        action = table.entity(effect.performs.entity).action(effect.performs.action)
        declared = {param.name: param.type for param in action.params}
        yield from ((declared[name], value.type) for name, value in effect.performs.args)


def _names_agree(table: TransitionTable, scalar: IntType) -> bool:
    """Whether what is filled by name has one type: a target's arguments come from whatever is called alike."""
    found: dict[str, set[Type]] = {}
    params = [param for entity in table.entities for action in entity.actions for param in action.params]
    for effect in table.effects:
        params += [*effect.params, *(field for outcome in effect.outcomes for field in outcome.fields)]
    for param in params:
        found.setdefault(param.name, set()).add(param.type)
    return all(_same(*types) or not any(_mentions(scalar, type_) for type_ in types) for types in found.values())
