"""Loops: over a set, a map's keys, a finite type or, in properties, the instances of an entity."""

from __future__ import annotations

import ast
import keyword
from typing import NamedTuple

from temper.language.check.annotation import is_annotation, read_annotation
from temper.language.check.comparison import refuse_opaque
from temper.language.check.findings import article, declared
from temper.language.check.logic import joined, read_condition
from temper.language.check.narrowing import not_none
from temper.language.check.place import Variable
from temper.language.check.reading import Reading, is_opaque
from temper.language.check.reference import RESERVED
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    Expression,
    IntType,
    MapType,
    Op,
    RefType,
    SetType,
    Type,
    finite_values,
)

_BINDERS = {
    "all": Op.ALL,
    "any": Op.ANY,
    "count": Op.COUNT,
    "sum": Op.SUM,
    "min": Op.LEAST,
    "max": Op.GREATEST,
}


class _Layer(NamedTuple):
    """One `for`: its variable, what it goes through, and its condition."""

    name: str
    domain: Expression
    condition: Expression


def read_loop(reading: Reading, call: ast.Call, name: str, loop: ast.GeneratorExp) -> Expression | None:
    """`all(body for x in s if condition)` and its kin; further `for`s nest."""
    default = _default(reading, call, name)
    if default is _WRONG or not _one_loop(reading, call, name, loop):
        return None
    inner = reading
    layers: list[_Layer] = []
    for part in loop.generators:
        layer, inner = _layer(inner, part)
        if layer is None:
            return None
        layers.append(layer)
    body = _body(inner, name, loop.elt, layers[-1].name)
    if body is _WRONG:
        return None
    tail = tuple(part for part in (body, default) if isinstance(part, Expression))
    return _nested(reading, call, name, layers, tail)


_WRONG = object()


def _default(reading: Reading, call: ast.Call, name: str) -> object:
    """The value of `default=`, None where the function has none, `_WRONG` after a finding."""
    given = {word.arg: word.value for word in call.keywords}
    needed = {"default"} if name in {"min", "max"} else set()
    if set(given) == needed and len(call.args) == 1:
        if not needed:
            return None
        found = reading.infer_plain(given["default"])
        if found is None:
            return _WRONG
        if isinstance(found.type, IntType) or found.type == DURATION:
            return found
    if needed:
        reading.add(
            "wrong-call",
            f"`{name}` of a loop needs a `default=` for when it finds nothing",
            call,
            reason="what if there is none?",
            notes=(f"write `{name}((… for x in …), default=0)`",),
        )
    else:
        reading.add("wrong-call", f"`{name}` takes a loop and nothing else", call, reason="one loop")
    return _WRONG


def _one_loop(reading: Reading, call: ast.Call, name: str, loop: ast.GeneratorExp) -> bool:
    if name in {"min", "max"} and len(loop.generators) > 1:
        reading.add(
            "wrong-call",
            f"`{name}` goes through one loop; its default could not tell an empty inner one",
            call,
            reason="two loops",
        )
        return False
    return True


def _layer(reading: Reading, part: ast.comprehension) -> tuple[_Layer | None, Reading]:
    domain = _domain(reading, part.iter)
    if not _may_bind(reading, part.target) or domain is None:
        return None, reading
    assert isinstance(part.target, ast.Name)
    assert isinstance(domain.type, SetType)
    variable = Variable(domain.type.of, domain.op is Op.INSTANCES)
    inner = reading.with_variable(part.target.id, variable)
    conditions: list[Expression] = []
    for node in part.ifs:
        condition = read_condition(inner, node)
        if condition is None:
            return None, reading
        conditions.append(condition)
        inner = inner.knowing(not_none(condition, holds=True))
    return _Layer(part.target.id, domain, _all_of(conditions, part, reading)), inner


def _all_of(conditions: list[Expression], part: ast.comprehension, reading: Reading) -> Expression:
    if not conditions:
        return Expression(Op.LITERAL, BOOL, value=True, span=reading.span(part.iter))
    return conditions[0] if len(conditions) == 1 else joined(Op.AND, conditions, part.ifs[0], reading)


def _may_bind(reading: Reading, target: ast.expr) -> bool:
    """Whether the loop's variable is one name that means nothing else here."""
    if not isinstance(target, ast.Name):
        reading.add("expression-construct", "a loop binds one name", target, reason="not a name")
        return False
    name, place = target.id, reading.place
    if name in RESERVED or keyword.issoftkeyword(name) or not name[:1].islower():
        reading.add(
            "name-form",
            f"a variable begins with a small letter and is no reserved word, unlike `{name}`",
            target,
            reason="not a variable's name",
        )
        return False
    taken = name in reading.variables or (place.entity is not None and name in place.entity.fields)
    labels = declared(place.declared.members.get(name), f"`{name}` is a state or member")
    if place.entity is not None and (field := place.entity.fields.get(name)) is not None:
        labels = declared(field.span, f"`{name}` is a field")
    if taken or name in place.declared.members:
        reading.add(
            "name-taken", f"the variable `{name}` would hide another `{name}`", target, reason="taken", labels=labels
        )
        return False
    return True


def _domain(reading: Reading, node: ast.expr) -> Expression | None:
    """What a loop goes through, as a set."""
    declared_names = reading.place.declared
    if isinstance(node, ast.Name) and node.id in declared_names.entity_names:
        return _instances(reading, node, node.id)
    if is_annotation(node, declared_names) and not (isinstance(node, ast.Name) and node.id in reading.variables):
        type_ = read_annotation(reading.parsed, node, declared_names, reading.findings)
        return None if type_ is None else _values(reading, node, type_)
    found = reading.infer_plain(node)
    if found is None:
        return None
    if isinstance(found.type, SetType):
        return found
    if isinstance(found.type, MapType):
        return _keys(reading, node, found.type.key)
    reading.add(
        "not-listable",
        f"a loop goes through a set, a map or a type, but `{reading.parsed.written(node)}` is {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
    )
    return None


def _keys(reading: Reading, node: ast.expr, key: Type) -> Expression | None:
    return _instances(reading, node, key.entity) if isinstance(key, RefType) else _values(reading, node, key)


def _values(reading: Reading, node: ast.expr, type_: Type) -> Expression | None:
    if isinstance(type_, RefType):
        return _instances(reading, node, type_.entity)
    if finite_values(type_) is None:
        why = "it has more than 100,000 values" if isinstance(type_, IntType) else "its values cannot be listed"
        reading.add("not-listable", f"no loop goes through all of {article(type_)}: {why}", node, reason=why)
        return None
    return Expression(Op.VALUES, SetType(type_), span=reading.span(node))


def _instances(reading: Reading, node: ast.expr, entity: str) -> Expression | None:
    if not reading.place.follows:
        reading.add(
            "reference-followed",
            f"{reading.place.what} cannot go through the instances of `{entity}`: an action sees its own instance",
            node,
            reason="only properties range over instances",
            notes=("keep what the decision needs in a set or map of its own",),
        )
        return None
    return Expression(Op.INSTANCES, SetType(RefType(entity)), name=entity, span=reading.span(node))


def _body(reading: Reading, name: str, node: ast.expr, variable: str) -> object:
    """What the loop says of each member: None for `count`, which only counts, `_WRONG` after a finding."""
    if name == "count":
        if isinstance(node, ast.Name) and node.id == variable:
            return None
        reading.add(
            "wrong-call",
            f"`count` counts the members themselves: `count({variable} for {variable} in … if …)`",
            node,
            reason=f"write `{variable}`, and put a condition after `if`",
        )
        return _WRONG
    found = read_condition(reading, node) if name in {"all", "any"} else reading.infer_plain(node)
    if found is None:
        return _WRONG
    if name in {"all", "any"} or isinstance(found.type, IntType) or (found.type == DURATION and name != "sum"):
        return found
    if is_opaque(found.type):
        refuse_opaque(reading, found, node)
        return _WRONG
    reading.add(
        "type-mismatch",
        f"`{name}` goes over ints, but `{reading.parsed.written(node)}` is {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
    )
    return _WRONG


def _nested(
    reading: Reading, call: ast.Call, name: str, layers: list[_Layer], tail: tuple[Expression, ...]
) -> Expression | None:
    """The loops from the inside out. `count` over pairs is the sum of the counts of each."""
    op = _BINDERS[name]
    type_: Type = BOOL if name in {"all", "any"} else INT
    if op in {Op.LEAST, Op.GREATEST}:
        if isinstance(tail[0].type, IntType) != isinstance(tail[1].type, IntType):
            reading.add(
                "type-mismatch",
                f"the default is {article(tail[1].type)}, the loop gives {article(tail[0].type)}",
                call,
                reason="of two types",
            )
            return None
        type_ = INT if isinstance(tail[0].type, IntType) else tail[0].type
    last = layers[-1]
    span = reading.span(call)
    whole = Expression(op, type_, (last.domain, last.condition, *tail), name=last.name, span=span)
    outer = Op.SUM if op is Op.COUNT else op
    for layer in reversed(layers[:-1]):
        whole = Expression(outer, type_, (layer.domain, layer.condition, whole), name=layer.name, span=span)
    return whole
