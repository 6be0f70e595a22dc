"""What stands behind a dot: a parameter, a side of a step, or the data of another instance."""

from __future__ import annotations

import ast

from temper.language.check.declared import EntityName
from temper.language.check.findings import article, declared, did_you_mean, listed
from temper.language.check.reading import Reading
from temper.language.check.reference import argument, not_here
from temper.machine import BEFORE, NOW, Expression, Op, OptionType, RefType, Type, has_initial
from temper.report import Label, Span


def read_attribute(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:  # noqa: ARG001 - a rule
    """`args.x`, `before.x`, or a field of a reference, which only properties follow."""
    assert isinstance(node, ast.Attribute)
    base = node.value
    if isinstance(base, ast.Name) and base.id not in reading.variables:
        if base.id == "args":
            return _argument(reading, node, base)
        if base.id in {"before", "after"}:
            return _moment(reading, node, base)
        if base.id == "self" and reading.place.entity is not None and not reading.place.follows:
            reading.add(
                "reference-followed",
                f"write `{node.attr}`: an action's bare names are its own data",
                node,
                reason="`self.` says nothing here",
                helps=reading.instead(node, node.attr),
            )
            return None
    found = reading.infer(base)
    return None if found is None else _follow(reading, node, found)


def _argument(reading: Reading, node: ast.Attribute, base: ast.Name) -> Expression | None:
    params = reading.place.params
    if params is None:
        not_here(reading, base)
        return None
    if node.attr in params:
        return argument(params[node.attr], node.attr, reading.span(node))
    _misspelt(reading, node, "unknown-parameter", f"there is no parameter `{node.attr}` here", list(params))
    return None


def _moment(reading: Reading, node: ast.Attribute, base: ast.Name) -> Expression | None:
    entity = reading.place.stepping
    if entity is None:
        not_here(reading, base)
        return None
    moment = BEFORE if base.id == "before" else NOW
    variable = Expression(Op.VARIABLE, RefType(entity.name), name=reading.place.stepped, span=reading.span(base))
    exists = moment == NOW or not reading.place.born
    return _field(reading, node, variable, entity, moment=moment, exists=exists)


def _follow(reading: Reading, node: ast.Attribute, found: Expression) -> Expression | None:
    bare = found.type.of if isinstance(found.type, OptionType) else found.type
    if not isinstance(bare, RefType):
        _no_reference(reading, node, found)
        return None
    if not reading.place.follows:
        _not_followed(reading, node)
        return None
    reference = reading.plain(found, node.value)
    entity = reading.place.declared.entities.get(bare.entity)
    if reference is None or entity is None:
        return None
    if found.op is Op.VARIABLE and found.name == reading.place.stepped and reading.place.stepping is not None:
        reading.add(
            "name-not-here",
            f"say `before.{node.attr}` or `after.{node.attr}`",
            node,
            reason="before the step or after it?",
            helps=reading.instead(node, f"after.{node.attr}"),
        )
        return None
    return _field(reading, node, reference, entity, moment=_moment_of(found), exists=_exists(reading, found))


def _no_reference(reading: Reading, node: ast.Attribute, found: Expression) -> None:
    reading.add(
        "not-a-reference",
        f"`{reading.parsed.written(node.value)}` is {article(found.type)}, which has no fields",
        node,
        reason="only a reference to an instance has fields",
        labels=reading.label(found),
    )


def _not_followed(reading: Reading, node: ast.Attribute) -> None:
    written = reading.parsed.written(node)
    reading.add(
        "reference-followed",
        f"{reading.place.what} cannot read `{written}`: it sees its own instance and its arguments",
        node,
        reason="this is the data of another instance",
        notes=("send it a message, or let the caller pass the value as an argument",),
    )


def _moment_of(found: Expression) -> str:
    """A path that begins at `before` is read before all along."""
    return found.moment if found.op is Op.READ else NOW


def _exists(reading: Reading, found: Expression) -> bool:
    """Whether the reference is known to lead to an instance that exists: otherwise its fields may have no value."""
    if found.op is Op.VARIABLE:
        return reading.variables[found.name].exists
    return found.op is Op.LITERAL


def _field(
    reading: Reading, node: ast.Attribute, of: Expression, entity: EntityName, *, moment: str, exists: bool
) -> Expression | None:
    if node.attr == "state":
        return Expression(Op.READ, entity.state_type, (of,), name="state", moment=moment, span=reading.span(node))
    if node.attr not in entity.fields:
        labels = declared(entity.span, f"`{entity.name}` is declared here")
        message = f"`{entity.name}` has no field `{node.attr}`"
        _misspelt(reading, node, "unknown-field", message, ["state", *entity.fields], labels)
        return None
    field = entity.fields[node.attr]
    if field is None:
        return None
    type_ = field.type
    if not exists and field.initial is None and not has_initial(type_):
        type_ = OptionType(type_)
    return Expression(Op.READ, type_, (of,), name=node.attr, moment=moment, span=reading.span(node))


def _misspelt(
    reading: Reading, node: ast.Attribute, code: str, message: str, known: list[str], labels: tuple[Label, ...] = ()
) -> None:
    span = _name_span(reading, node)
    notes = (f"there is {listed(known)}",) if known else ()
    reading.findings.add(
        code,
        message,
        span,
        reason="not declared",
        notes=notes,
        labels=labels,
        helps=did_you_mean(span, node.attr, known),
    )


def _name_span(reading: Reading, node: ast.Attribute) -> Span:
    assert node.end_col_offset is not None
    return reading.parsed.between(node.end_col_offset - len(node.attr.encode()), node.end_col_offset)
