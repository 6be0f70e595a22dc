"""The policies of one action as one Python function, so that a decision takes a microsecond and not fifty.

An algebra like `policy_decision`'s, but it writes Python source, for what it can type from the declarations alone:
there a value's kind is known, and a comparison of a number with a truth value need not be thought of. Whatever is not
so plain, and whatever fails when it is evaluated, is asked of Cedar itself. By law nobody can tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from temper.machine.policy import (
    ACTION_TYPE,
    PRINCIPAL_TYPE,
    ROLE_TYPE,
    Decision,
    Gatekeeper,
    cedar_type,
    decision_of,
    gate,
)
from temper.machine.policy_decision import like_pattern
from temper.machine.policy_reading import is_about, read_policies
from temper.machine.policy_tree import (
    Policy,
    PolicyAlgebra,
    PolicyExpression,
    PolicyOp,
    every_policy_op,
    fold_policy,
)
from temper.machine.python import Constants, define
from temper.machine.table import Action, Entity, TransitionTable
from temper.machine.value import (
    INT_MAX,
    INT_MIN,
    BoolType,
    DurationType,
    EnumType,
    IntType,
    OptionType,
    SetType,
    StrType,
    Type,
    Value,
)

BOOL, LONG, TEXT, SET, ENTITY, ENTITIES, CONTEXT = "bool", "long", "text", "set", "entity", "entities", "context"
ALWAYS_THERE = (BoolType, IntType, EnumType, StrType, SetType)
"""A field of such a type has a value from the beginning; any other may not have been set yet."""


class NotPlainError(Exception):
    """A part of a policy that only Cedar evaluates; `args` says which."""


class FailedError(Exception):
    """An evaluation fails, which denies. Cedar is asked for the words."""


@dataclass(frozen=True, slots=True)
class Written:
    """A part of a policy as Python: a text that can stand as an operand, and what kind of value it gives."""

    text: str
    kind: str
    of: str = ""
    """Of a set: the kind of its members. Of an entity: its type."""
    members: tuple[Written, ...] = ()
    """Of `entities`: each."""


def staged_gate(table: TransitionTable, entity: Entity, action: Action) -> Gatekeeper | None:
    """Decides as `gate` does; None where there is nothing to ask."""
    cedar = gate(table, entity, action)
    if cedar is None:
        return None
    policies = [policy for policy in read_policies(table) if is_about(policy, entity.name, action.name)]
    try:
        return _compiled(entity, action, policies, cedar)
    except NotPlainError:
        return cedar


def asked_of_cedar(table: TransitionTable) -> Mapping[str, str]:
    """By action: what in its policies is too involved for us, so that each call of it asks Cedar and takes longer."""
    found: dict[str, str] = {}
    for entity in table.entities:
        for action in entity.actions:
            cedar = gate(table, entity, action)
            about = [policy for policy in read_policies(table) if is_about(policy, entity.name, action.name)]
            for policy in about if cedar is not None else ():
                try:
                    _Writer(entity, action).policy(policy)
                except NotPlainError as part:
                    found[f"{entity.name}.{action.name}"] = f"{policy.name}: {part}"
    return found


def _compiled(entity: Entity, action: Action, policies: list[Policy], cedar: Gatekeeper) -> Gatekeeper:
    writer = _Writer(entity, action)
    said = "".join(f"{writer.policy(policy)}, " for policy in policies)
    decisions: dict[tuple[bool, ...], Decision] = {}

    def decide(fits: tuple[bool, ...]) -> Decision:
        permits = [policy.name for policy, fit in zip(policies, fits, strict=True) if fit and not policy.forbids]
        forbids = [policy.name for policy, fit in zip(policies, fits, strict=True) if fit and policy.forbids]
        return decisions.setdefault(fits, decision_of(permits, forbids))

    lines = [
        "def gate(cell, call):",
        " _, ident, s, data, _, _, _ = cell",
        " _, _, args, _, caller, roles, _ = call",
        *(f" f{index} = data[{index}]" for index in sorted(writer.fields_read)),
        *(f" a{index} = args[{action.params[index].name!r}]" for index in sorted(writer.args_read)),
        " try:",
        f"  fits = ({said})",
        " except Failed:",
        "  return cedar(cell, call)",
        " return decisions[fits] if fits in decisions else decide(fits)",
    ]
    writer.constants.bound |= {"Failed": FailedError, "cedar": cedar, "decisions": decisions, "decide": decide}
    try:
        return define("gate", "\n".join(lines), writer.constants)
    except (SyntaxError, RecursionError, MemoryError):
        raise NotPlainError("it is nested too deeply") from None


def _some(value: Value) -> Value:
    if value is None:
        raise FailedError
    return value


def _long(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise FailedError
    return value


class _Writer:
    """Writes the policies of one action, and remembers which fields and arguments they read."""

    def __init__(self, entity: Entity, action: Action) -> None:
        self.entity, self.action = entity, action
        self.constants = Constants({"frozenset": frozenset, "some": _some, "long": _long})
        self.fields = {field.name: (index, field.type) for index, field in enumerate(entity.fields)}
        self.args = {param.name: (index, param.type) for index, param in enumerate(action.params)}
        self.fields_read: set[int] = set()
        self.args_read: set[int] = set()
        self.algebra = self._algebra()

    def policy(self, policy: Policy) -> str:
        """The whole policy as one expression: whether it fits."""
        return _needed(fold_policy(policy.whole, self.algebra), BOOL).text

    def _algebra(self) -> PolicyAlgebra[Written]:
        return every_policy_op(
            {
                PolicyOp.LITERAL: lambda node: _literal(node.value),
                PolicyOp.ENTITY: lambda node: Written(repr(node.value.id), ENTITY, node.value.type),
                PolicyOp.VARIABLE: lambda node: self._variable(node.name),
                PolicyOp.ATTRIBUTE: self._attribute,
                PolicyOp.HAS: self._has,
                PolicyOp.LIKE: self._like,
                PolicyOp.IS: lambda node, of: _truth(_needed(of, ENTITY).of == node.name),
                PolicyOp.IN: _in,
                PolicyOp.NOT: lambda _, of: Written(f"(not {_needed(of, BOOL).text})", BOOL),
                PolicyOp.AND: _both("and"),
                PolicyOp.OR: _both("or"),
                PolicyOp.IF: _chosen,
                PolicyOp.EQ: _equal,
                PolicyOp.LT: _compared("<"),
                PolicyOp.LE: _compared("<="),
                PolicyOp.ADD: _computed("+"),
                PolicyOp.SUB: _computed("-"),
                PolicyOp.MUL: _computed("*"),
                PolicyOp.NEG: lambda _, of: Written(f"long(-{_needed(of, LONG).text})", LONG),
                PolicyOp.SET: _set,
                PolicyOp.RECORD: _not_plain,
                PolicyOp.CONTAINS: _contains,
                PolicyOp.CONTAINS_ALL: _sets("({1} <= {0})"),
                PolicyOp.CONTAINS_ANY: _sets("(not {0}.isdisjoint({1}))"),
                PolicyOp.IS_EMPTY: lambda _, of: Written(f"(not {_needed(of, SET).text})", BOOL),
                PolicyOp.UNSUPPORTED: _not_plain,
            }
        )

    def _variable(self, name: str) -> Written:
        match name:
            case "principal":
                return Written("caller", ENTITY, PRINCIPAL_TYPE)
            case "action":
                return Written(repr(f"{self.entity.name}.{self.action.name}"), ENTITY, ACTION_TYPE)
            case "resource":
                return Written("ident", ENTITY, self.entity.name)
            case _:
                return Written("", CONTEXT)

    def _attribute(self, node: PolicyExpression, of: Written) -> Written:
        if of.text == "ident" and node.name == "state":
            return Written("s", TEXT)
        found = self._declared(of, node.name)
        if found is None:
            raise NotPlainError(f"`{node.name}`, which is not there")
        text, type_ = found
        kind, inner = _kind(type_)
        return Written(text if isinstance(type_, ALWAYS_THERE) else f"some({text})", kind, inner)

    def _has(self, node: PolicyExpression, of: Written) -> Written:
        if of.text == "ident" and node.name == "state":
            return _truth(True)
        found = self._declared(of, node.name)
        if found is None:
            return _truth(False)
        text, type_ = found
        return _truth(True) if isinstance(type_, ALWAYS_THERE) else Written(f"({text} is not None)", BOOL)

    def _declared(self, of: Written, name: str) -> tuple[str, Type] | None:
        """Where an attribute of the resource or the context is found; None if it has no such attribute."""
        if of.text == "ident":
            known, read, letter = self.fields, self.fields_read, "f"
        elif of.kind == CONTEXT:
            known, read, letter = self.args, self.args_read, "a"
        else:
            raise NotPlainError(f"`{name}` of something else than the resource or the context")
        index, type_ = known.get(name, (-1, None))
        if type_ is None or cedar_type(type_) is None:
            return None
        read.add(index)
        return f"{letter}{index}", type_

    def _like(self, node: PolicyExpression, of: Written) -> Written:
        matches = self.constants.name(re.compile(like_pattern(node.value), re.DOTALL).fullmatch)
        return Written(f"({matches}({_needed(of, TEXT).text}) is not None)", BOOL)


def _kind(type_: Type) -> tuple[str, str]:
    """The kind of a value that policies see, and of a set's members."""
    match type_:
        case OptionType(of):
            return _kind(of)
        case BoolType():
            return BOOL, ""
        case IntType() | DurationType():
            return LONG, ""
        case SetType(of):
            return SET, _kind(of)[0]
        case _:
            return TEXT, ""


def _needed(written: Written, kind: str) -> Written:
    if written.kind != kind:
        raise NotPlainError(f"a {written.kind} where Cedar wants a {kind}")
    return written


def _truth(value: bool) -> Written:  # noqa: FBT001 (it is the value)
    return Written(repr(value), BOOL)


def _literal(value: Any) -> Written:
    if isinstance(value, bool):
        return _truth(value)
    return Written(f"({value})", LONG) if isinstance(value, int) else Written(repr(value), TEXT)


def _not_plain(node: PolicyExpression, *_: Written) -> Written:
    raise NotPlainError(node.name or node.op)


def _in(_: PolicyExpression, member: Written, of: Written) -> Written:
    groups = of.members if of.kind == ENTITIES else (_needed(of, ENTITY),)
    parts = [_is_in(_needed(member, ENTITY), group) for group in groups]
    return Written(f"({' or '.join(parts)})", BOOL) if parts else _truth(False)


def _is_in(member: Written, group: Written) -> str:
    """Roles are the only parents there are, and only the caller's are known."""
    if group.of == ROLE_TYPE and member.of == PRINCIPAL_TYPE:
        if member.text != "caller":
            raise NotPlainError("the roles of somebody else than the caller")
        return f"{group.text} in roles"
    return f"{member.text} == {group.text}" if member.of == group.of else "False"


def _both(word: str) -> Callable[..., Written]:
    return lambda _, left, right: Written(f"({_needed(left, BOOL).text} {word} {_needed(right, BOOL).text})", BOOL)


def _chosen(_: PolicyExpression, condition: Written, then: Written, otherwise: Written) -> Written:
    if (then.kind, then.of) != (otherwise.kind, otherwise.of) or then.kind not in {BOOL, LONG, TEXT, SET}:
        raise NotPlainError("an `if` whose sides are of different kinds")
    text = f"({then.text} if {_needed(condition, BOOL).text} else {otherwise.text})"
    return Written(text, then.kind, then.of)


def _equal(_: PolicyExpression, left: Written, right: Written) -> Written:
    if left.kind == right.kind == ENTITY:
        return Written(f"({left.text} == {right.text})", BOOL) if left.of == right.of else _truth(False)
    if (left.kind, left.of) != (right.kind, right.of) or left.kind not in {BOOL, LONG, TEXT, SET}:
        raise NotPlainError("`==` between different kinds")
    return Written(f"({left.text} == {right.text})", BOOL)


def _compared(sign: str) -> Callable[..., Written]:
    return lambda _, left, right: Written(f"({_needed(left, LONG).text} {sign} {_needed(right, LONG).text})", BOOL)


def _computed(sign: str) -> Callable[..., Written]:
    return lambda _, left, right: Written(f"long({_needed(left, LONG).text} {sign} {_needed(right, LONG).text})", LONG)


def _set(_: PolicyExpression, *members: Written) -> Written:
    kind = members[0].kind if members else ""
    if kind not in {BOOL, LONG, TEXT, ENTITY} or any(member.kind != kind for member in members):
        raise NotPlainError("a set of nothing, or of different kinds")
    if kind == ENTITY:
        return Written("", ENTITIES, members=members)
    return Written(f"frozenset(({''.join(f'{member.text}, ' for member in members)}))", SET, kind)


def _contains(_: PolicyExpression, of: Written, member: Written) -> Written:
    if member.kind != _needed(of, SET).of:
        raise NotPlainError("`contains` of another kind")
    return Written(f"({member.text} in {of.text})", BOOL)


def _sets(form: str) -> Callable[..., Written]:
    def written(_: PolicyExpression, left: Written, right: Written) -> Written:
        if _needed(left, SET).of != _needed(right, SET).of:
            raise NotPlainError("sets of different kinds")
        return Written(form.format(left.text, right.text), BOOL)

    return written
