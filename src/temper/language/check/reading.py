"""Reading an expression: from Python's nodes to typed ones, in both directions.

`infer` asks a node for its type, with at most a hint; `read` demands one, and fits what it finds: `T` where `T | None`
is asked for is wrapped, `T | None` where `T` is asked for must be known not to be None. None as an answer means that
a finding has been noted and everybody who needs the answer keeps silent.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from temper.language.check.findings import Findings, article, declared
from temper.language.check.place import Place, Variable
from temper.language.python import Parsed
from temper.machine import (
    DurationType,
    EnumType,
    Expression,
    IntType,
    JsonType,
    MapType,
    Op,
    OptionType,
    SetType,
    TimeType,
    Type,
)
from temper.report import Help, Label, Span

Rule: TypeAlias = "Callable[[Reading, ast.expr, Type | None], Expression | None]"


@dataclass(frozen=True, slots=True)
class Reading:
    """One expression being read: its text, its place, the variables bound so far, and what is known not to be None."""

    parsed: Parsed
    place: Place
    findings: Findings
    rules: Mapping[type[ast.expr], Rule]
    variables: Mapping[str, Variable]
    facts: frozenset[Expression] = frozenset()

    def infer(self, node: ast.expr, hint: Type | None = None) -> Expression | None:
        """The typed expression of a node, of whatever type it has."""
        rule = self.rules.get(type(node))
        if rule is None:
            self.refuse_construct(node)
            return None
        return rule(self, node, hint)

    def read(self, node: ast.expr, expected: Type) -> Expression | None:
        """The typed expression of a node, fitted to the type that is asked for."""
        found = self.infer(node, expected)
        return None if found is None else self.fit(found, expected, node)

    def fit(self, found: Expression, expected: Type, node: ast.expr) -> Expression | None:
        """The expression as one of the expected type, or a finding."""
        if fits(found.type, expected):
            return found
        if isinstance(expected, OptionType) and fits(found.type, expected.of):
            return found.operands[0] if found.op is Op.THE else some(found)
        if isinstance(found.type, OptionType) and fits(found.type.of, expected):
            return self.plain(found, node)
        self.mismatch(found, expected, node)
        return None

    def plain(self, found: Expression, node: ast.expr) -> Expression | None:
        """The expression without its `| None`, if it is known not to be None here."""
        if not isinstance(found.type, OptionType):
            return found
        if found in self.facts:
            return Expression(Op.THE, found.type.of, (found,), span=found.span)
        written = self.parsed.written(node)
        self.add(
            "may-be-none",
            f"`{written}` may be None here",
            node,
            reason=f"this is {article(found.type)}",
            labels=self.label(found),
            notes=("it is known not to be None only after `!= None` in the same `and`, `or` or `if`",),
            helps=(Help(f"write `{written} != None and …` before it"),),
        )
        return None

    def infer_plain(self, node: ast.expr, hint: Type | None = None) -> Expression | None:
        """The expression of a node as an operand that cannot be None."""
        found = self.infer(node, hint)
        return None if found is None else self.plain(found, node)

    def mismatch(self, found: Expression, expected: Type, node: ast.expr) -> None:
        """Say that a value is of one type where another is needed."""
        written = self.parsed.written(node)
        helps: tuple[Help, ...] = ()
        target = expected.of if isinstance(expected, OptionType) else expected
        if isinstance(target, SetType) and fits(found.type, target.of):
            helps = self.instead(node, f"{{{written}}}")
        elif isinstance(target, EnumType) and found.op is Op.LITERAL and found.value in target.members:
            helps = self.instead(node, str(found.value), f"write the member without quotes: `{found.value}`")
        elif isinstance(target, DurationType) and found.op is Op.LITERAL and isinstance(found.type, IntType):
            helps = self.instead(node, f"{written}s", f"write the unit, such as `{written}s`")
        self.add(
            "type-mismatch",
            f"{self.place.what} needs {article(expected)} here, but `{written}` is {article(found.type)}",
            node,
            reason=f"this is {article(found.type)}",
            labels=(*self.label(found), *self.place.because),
            helps=helps,
        )

    def with_variable(self, name: str, variable: Variable) -> Reading:
        """This reading inside a loop that binds a variable."""
        return replace(self, variables={**self.variables, name: variable})

    def knowing(self, facts: frozenset[Expression]) -> Reading:
        """This reading where more is known not to be None."""
        return replace(self, facts=self.facts | facts) if facts - self.facts else self

    def span(self, node: ast.expr) -> Span:
        return self.parsed.span(node)

    def add(
        self,
        code: str,
        message: str,
        node: ast.expr,
        *,
        reason: str = "",
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[Help, ...] = (),
    ) -> None:
        """Note a finding at a node."""
        self.findings.add(code, message, self.span(node), reason=reason, labels=labels, notes=notes, helps=helps)

    def instead(self, node: ast.expr, replacement: str, text: str = "") -> tuple[Help, ...]:
        """A help that puts something else in a node's place."""
        return (Help(text or f"write `{replacement}`", (self.parsed.edit(node, replacement),)),)

    def label(self, found: Expression) -> tuple[Label, ...]:
        """Where the thing that the expression names is declared, if it names one."""
        entity = self.place.entity
        if found.op is Op.FIELD and entity is not None and (field := entity.fields.get(found.name)) is not None:
            return declared(field.span, f"`{found.name}` is declared {article(field.type)} here")
        return ()

    def refuse_construct(self, node: ast.expr) -> None:
        """Say that this part of Python is no part of the language."""
        name, cure = _CONSTRUCTS.get(type(node), (f"`{type(node).__name__}`", ""))
        self.add(
            "expression-construct",
            f"{name} is no part of an expression" + (f": {cure}" if cure else ""),
            node,
            reason=f"{name} has no meaning here",
        )


_CONSTRUCTS: Mapping[type[ast.expr], tuple[str, str]] = {
    ast.Lambda: ("a `lambda`", ""),
    ast.Dict: ("a dictionary", "the empty set is `set()`, and a map is changed by key"),
    ast.List: ("a list", "write a set, `{a, b}`"),
    ast.Tuple: ("a tuple", "write a set, `{a, b}`"),
    ast.ListComp: ("a list comprehension", "use `all`, `any`, `count`, `sum`, `min` or `max`"),
    ast.SetComp: ("a set comprehension", "use `all`, `any`, `count`, `sum`, `min` or `max`"),
    ast.DictComp: ("a dictionary comprehension", "a map is changed by key"),
    ast.GeneratorExp: ("a bare loop", "put it under `all`, `any`, `count`, `sum`, `min` or `max`"),
    ast.JoinedStr: ("a formatted string", "texts are only compared"),
    ast.NamedExpr: ("an assignment", "`set:` changes data"),
    ast.Starred: ("`*`", "list what you mean"),
    ast.Slice: ("a slice", ""),
    ast.Await: ("`await`", ""),
    ast.Yield: ("`yield`", ""),
    ast.YieldFrom: ("`yield from`", ""),
}


def some(found: Expression) -> Expression:
    """A `T` as a `T | None`."""
    return Expression(Op.SOME, OptionType(found.type), (found,), span=found.span)


def fits(found: Type, expected: Type) -> bool:
    """Whether values of one type may stand for the other; ranges and sizes are an obligation, not a type error."""
    match found, expected:
        case IntType(), IntType():
            return True
        case (OptionType(a), OptionType(b)) | (SetType(a), SetType(b)):
            return fits(a, b)
        case MapType(k, v), MapType(kk, vv):
            return k == kk and fits(v, vv)
        case _:
            return found == expected


def join(one: Type, other: Type) -> Type | None:
    """The type that both fit, None if there is none: two ranges make an `int`, `T` and `T | None` make `T | None`."""
    if one == other:
        return one
    if isinstance(one, OptionType) or isinstance(other, OptionType):
        inner = join(
            one.of if isinstance(one, OptionType) else one, other.of if isinstance(other, OptionType) else other
        )
        return None if inner is None else OptionType(inner)
    match one, other:
        case IntType(), IntType():
            return IntType()
        case SetType(a), SetType(b):
            of = join(a, b) if fits(a, b) else None
            return None if of is None else SetType(of)
        case _:
            return one if fits(one, other) else None


def is_opaque(type_: Type) -> bool:
    """Whether values of this type are only stored and passed on."""
    match type_:
        case TimeType() | JsonType():
            return True
        case OptionType(of) | SetType(of):
            return is_opaque(of)
        case MapType(key, value):
            return is_opaque(key) or is_opaque(value)
        case _:
            return False


def is_ordered(type_: Type) -> bool:
    """Whether `<` goes with values of this type."""
    return isinstance(type_, IntType | DurationType)
