"""What a name means: a bound variable, a field, a constant, else the state or member of the expected type."""

from __future__ import annotations

import ast

from temper.language.check.declared import EntityName
from temper.language.check.findings import article, did_you_mean, listed
from temper.language.check.reading import Reading
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    INT_MAX,
    INT_MIN,
    PRINCIPAL,
    STR,
    TIME,
    EnumType,
    Expression,
    Op,
    OptionType,
    RefType,
    StrType,
    Type,
    Value,
)
from temper.report import Span

RESERVED = ("new", "any", "self", "state", "args", "caller", "now", "before", "after", "again", "ignore")
_ELSEWHERE = {"true": "True", "false": "False", "null": "None", "none": "None", "nil": "None"}


def read_constant(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """A literal: a number, a text, `True`, `False` or `None`."""
    assert isinstance(node, ast.Constant)
    value = node.value
    if isinstance(value, bool):
        return _literal(reading, node, BOOL, value)
    if isinstance(value, int):
        return read_number(reading, node, value)
    if isinstance(value, str):
        return _text(reading, node, value, hint)
    if value is None:
        return _none(reading, node, hint)
    what = {float: "a fraction", bytes: "a byte string", complex: "a complex number"}.get(type(value), "`...`")
    reading.add(
        "expression-construct",
        f"{what} is no part of an expression: numbers are whole"
        if what == "a fraction"
        else f"{what} is no part of an expression",
        node,
        reason=f"this is {what}",
    )
    return None


def read_number(reading: Reading, node: ast.expr, value: int) -> Expression | None:
    """A whole number that fits in 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return _literal(reading, node, INT, value)
    reading.add(
        "number-too-large",
        "this number does not fit in 64 bits, as every int must",
        node,
        reason=f"outside {INT_MIN} to {INT_MAX}",
    )
    return None


def _text(reading: Reading, node: ast.expr, value: str, hint: Type | None) -> Expression | None:
    bare = hint.of if isinstance(hint, OptionType) else hint
    if isinstance(bare, EnumType) and value in bare.members:
        reading.add(
            "type-mismatch",
            f"a member is written without quotes: `{value}`, not `{reading.parsed.written(node)}`",
            node,
            reason=f"this is a str, `{bare}` has a member of that name",
            helps=reading.instead(node, value),
        )
        return None
    return _literal(reading, node, STR, value)


def _none(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    if isinstance(hint, OptionType):
        return _literal(reading, node, hint, None)
    if hint is None:
        reading.add("type-unclear", "nothing here says what this None could be instead", node, reason="of which type?")
        return None
    reading.add(
        "never-none",
        f"None does not fit here: {article(hint)} is never None",
        node,
        reason=f"{article(hint)} is expected",
        labels=reading.place.because,
        notes=(f"declare it `{hint} | None` if it can be missing",),
    )
    return None


def read_name(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """A bare name."""
    assert isinstance(node, ast.Name)
    length = reading.parsed.duration(node)
    if length is not None:
        return _duration(reading, node, length)
    name = node.id
    if name in reading.variables:
        variable = reading.variables[name]
        return Expression(Op.VARIABLE, variable.type, name=name, span=reading.span(node))
    found = resolve(reading, node)
    if found is not _NOWHERE:
        return found if isinstance(found, Expression) else None
    return _member(reading, node, hint)


def resolves(reading: Reading, node: ast.expr) -> bool:
    """Whether the name means something whatever type is expected."""
    assert isinstance(node, ast.Name)
    name, place = node.id, reading.place
    own = place.entity is not None and name in place.entity.fields
    bare = place.bare_params and place.params is not None and name in place.params
    known = name in reading.variables or name in place.declared.constants or name in place.declared.broken
    reserved = name in RESERVED and name != "new"
    capital = name in place.declared.entity_names or name in place.declared.types
    return own or bare or known or reserved or capital or reading.parsed.duration(node) is not None


_NOWHERE = object()


def resolve(reading: Reading, node: ast.Name) -> object:
    """What the name means by itself: an expression, None after a finding, or `_NOWHERE`."""
    name, place = node.id, reading.place
    if name in RESERVED and name != "new":
        return _reserved(reading, node)
    if place.bare_params and place.params is not None and name in place.params:
        return argument(place.params[name], name, reading.span(node))
    if place.entity is not None and name in place.entity.fields:
        return _field(reading, node, place.entity)
    if name in place.declared.constants:
        constant = place.declared.constants[name]
        return Expression(Op.LITERAL, constant.type, value=constant.value, span=reading.span(node))
    if name in place.declared.broken:
        return None
    if name in place.declared.entity_names:
        return _entity(reading, node)
    if name in place.declared.types:
        reading.add(
            "type-mismatch",
            f"`{name}` is a type, not a value",
            node,
            reason="a type",
            notes=("a finite type can be gone through: `for x in Type`",),
        )
        return None
    return _NOWHERE


def _literal(reading: Reading, node: ast.expr, type_: Type, value: Value) -> Expression:
    return Expression(Op.LITERAL, type_, value=value, span=reading.span(node))


def argument(type_: Type | None, name: str, span: Span) -> Expression | None:
    """A parameter's value, or None if its declaration is an error."""
    return None if type_ is None else Expression(Op.ARGUMENT, type_, name=name, span=span)


def _duration(reading: Reading, node: ast.expr, length: int) -> Expression | None:
    if INT_MIN <= length <= INT_MAX:
        return _literal(reading, node, DURATION, length)
    reading.add("number-too-large", "this duration does not fit in 64 bits of milliseconds", node, reason="too long")
    return None


def _reserved(reading: Reading, node: ast.Name) -> Expression | None:
    place, span = reading.place, reading.span(node)
    if node.id == "state" and place.entity is not None and not place.follows and not place.old:
        return Expression(Op.STATE, place.entity.state_type, span=span)
    if node.id == "self" and place.entity is not None and not place.follows and not place.old:
        return Expression(Op.SELF, RefType(place.entity.name), span=span)
    if node.id == "caller" and place.calls:
        return Expression(Op.CALLER, PRINCIPAL, span=span)
    if node.id == "now" and place.clock:
        return Expression(Op.NOW, TIME, span=span)
    if node.id in {"args", "before", "after"} and _has(reading, node.id):
        reading.add(
            "name-not-here", f"`{node.id}` alone is no value; write `{node.id}.` and a name", node, reason="of what?"
        )
        return None
    not_here(reading, node)
    return None


def _has(reading: Reading, word: str) -> bool:
    return reading.place.params is not None if word == "args" else reading.place.stepping is not None


_BELONGS = {
    "state": "only an entity's own actions and timers have a `state`; elsewhere it is `x.state`",
    "self": "only an entity's own actions and timers have a `self`",
    "caller": "only what a call does can read who calls",
    "now": "only what a call does can store the time",
    "args": "only an action's own expressions, and a `step` property with `on:`, have arguments",
    "before": "only a `step` property has a before and an after",
    "after": "only a `step` property has a before and an after",
}


def not_here(reading: Reading, node: ast.Name) -> None:
    """Say that a word of the language means nothing in this place."""
    why = _BELONGS.get(node.id, "it is a reserved word, with a meaning elsewhere in a blueprint")
    reading.add(
        "name-not-here", f"`{node.id}` cannot be read in {reading.place.what}", node, reason="not here", notes=(why,)
    )


def _field(reading: Reading, node: ast.Name, entity: EntityName) -> Expression | None:
    field = entity.fields[node.id]
    if field is None:
        return None
    if node.id in reading.place.unset:
        reading.add(
            "read-before-set",
            f"`{node.id}` has no value yet in {reading.place.what}",
            node,
            reason="a new instance has none here",
            labels=reading.label(Expression(Op.FIELD, field.type, name=node.id)),
            notes=(reading.place.unset[node.id],),
        )
        return None
    return Expression(Op.FIELD, field.type, name=node.id, span=reading.span(node))


def _entity(reading: Reading, node: ast.Name) -> Expression | None:
    name = node.id
    entity = reading.place.declared.entities.get(name)
    if entity is None:
        return None
    if not entity.single:
        reading.add(
            "type-mismatch",
            f"`{name}` is an entity, not one of its instances",
            node,
            reason="which instance?",
            notes=("only a `single` entity's name is a reference",),
        )
        return None
    if entity.world and not reading.place.follows:
        reading.add(
            "reference-followed",
            f"`{name}` is the outside world, which only properties can read",
            node,
            reason="it does not exist in the runtime",
        )
        return None
    return Expression(Op.LITERAL, RefType(name), value=name, span=reading.span(node))


def _member(reading: Reading, node: ast.Name, hint: Type | None) -> Expression | None:
    name = node.id
    bare = hint.of if isinstance(hint, OptionType) else hint
    if isinstance(bare, EnumType) and name in bare.members:
        return Expression(Op.LITERAL, bare, value=name, span=reading.span(node))
    if reading.place.old and hint is not None:
        return Expression(Op.FIELD, hint, name=name, span=reading.span(node))
    _unknown(reading, node, bare)
    return None


def _unknown(reading: Reading, node: ast.Name, expected: Type | None) -> None:
    name, place = node.id, reading.place
    span = reading.span(node)
    if name in _ELSEWHERE:
        fix = _ELSEWHERE[name]
        reading.add(
            "unknown-name",
            f"`{name}` is written `{fix}`",
            node,
            reason="not Python's spelling",
            helps=reading.instead(node, fix),
        )
        return
    if place.params is not None and name in place.params:
        reading.add(
            "unknown-name",
            f"`{name}` is a parameter: write `args.{name}`",
            node,
            reason="bare names are fields",
            helps=reading.instead(node, f"args.{name}"),
        )
        return
    known = [*reading.variables, *(place.entity.fields if place.entity else ()), *place.declared.constants]
    if place.bare_params and place.params is not None:
        known.extend(place.params)
    if isinstance(expected, EnumType):
        reading.add(
            "unknown-name",
            f"`{expected}` has no member `{name}`",
            node,
            reason="not one of its members",
            notes=(f"its members are {listed(expected.members)}",),
            helps=did_you_mean(span, name, [*expected.members, *known]),
        )
        return
    if isinstance(expected, StrType):
        reading.add(
            "unknown-name",
            f"there is no `{name}` in {place.what}; a text stands in quotes of its own",
            node,
            reason="neither a variable, a field nor a constant",
            notes=("YAML takes one pair of quotes away, so a text alone is quoted twice: `\"'text'\"`",),
            helps=reading.instead(node, f"'{name}'", f"write the text `{name}` in quotes"),
        )
        return
    if name in place.declared.members or name == "new":
        what = f"{article(expected)} is expected here" if expected else "nothing here says of which type"
        reading.add("type-unclear", f"`{name}` is a state or member, but {what}", node, reason="a state or member")
        return
    if place.old:
        reading.add(
            "type-unclear",
            f"nothing here says of which type the old field `{name}` is",
            node,
            reason="of which type?",
            notes=("the old version is not known here; a field of the same name would say it",),
        )
        return
    helps = did_you_mean(span, name, [*known, *place.declared.members])
    reading.add(
        "unknown-name",
        f"there is no `{name}` in {place.what}",
        node,
        reason="neither a variable, a field nor a constant",
        helps=helps,
    )
