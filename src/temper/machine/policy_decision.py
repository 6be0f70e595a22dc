"""What policies decide, in plain Python: Cedar's meaning of them, and that whatever fails denies.

The engine asks Cedar itself (`policy.gate`). This is what the two are compared by, and what explains a decision part by
part: which policies fit a request, and which fail on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from temper.machine.cell import Call, Cell
from temper.machine.policy import ACTION_TYPE, PRINCIPAL_TYPE, ROLE_TYPE, attributes
from temper.machine.policy_tree import (
    Policy,
    PolicyAlgebra,
    PolicyExpression,
    PolicyOp,
    Uid,
    every_policy_op,
    fold_policy,
)
from temper.machine.table import Action, Entity
from temper.machine.value import INT_MAX, INT_MIN, FrozenMap

PolicyValue: TypeAlias = bool | int | str | Uid | frozenset[Any] | FrozenMap
"""A set holds, and a record has under its names, values that are `held`."""


class PolicyFailedError(Exception):
    """The evaluation of a policy fails, which denies. `args` says why."""


class NotTranslatedError(Exception):
    """A part of a policy that only Cedar itself can evaluate; `args` is how its tree writes it."""


class PolicyEntity(NamedTuple):
    """What Cedar is told of one entity."""

    attributes: FrozenMap
    parents: frozenset[Uid]


class PolicyRequest(NamedTuple):
    """One call, as policies see it."""

    principal: Uid
    action: Uid
    resource: Uid
    context: FrozenMap
    entities: Mapping[Uid, PolicyEntity]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Which policies fit a request, and which fail on it, by their places."""

    permits: tuple[int, ...]
    forbids: tuple[int, ...]
    fails: tuple[int, ...]

    @property
    def permitted(self) -> bool:
        """Default deny, forbid wins, and what fails denies."""
        return bool(self.permits) and not self.forbidden

    @property
    def forbidden(self) -> bool:
        """Whether it is denied whatever else permits it."""
        return bool(self.forbids or self.fails)


def policy_request(entity: Entity, action: Action, cell: Cell, call: Call) -> PolicyRequest:
    """The call as policies see it."""
    assert call.caller is not None, "a person's call names its caller"
    data = [(field.name, field.type, value) for field, value in zip(entity.fields, cell.data, strict=True)]
    given = [(param.name, param.type, call.args[param.name]) for param in action.params]
    principal, resource = Uid(PRINCIPAL_TYPE, call.caller), Uid(entity.name, cell.id)
    seen = record({**attributes(data), "state": cell.control})
    roles = frozenset(Uid(ROLE_TYPE, role) for role in call.roles)
    return PolicyRequest(
        principal,
        Uid(ACTION_TYPE, f"{entity.name}.{action.name}"),
        resource,
        record(attributes(given)),
        {principal: PolicyEntity(FrozenMap(), roles), resource: PolicyEntity(seen, frozenset())},
    )


def outcomes(staged: Iterable[StagedPolicy], request: PolicyRequest) -> Outcomes:
    """What each policy says of the request. Raises `NotTranslatedError` if only Cedar can tell."""
    permits: list[int] = []
    forbids: list[int] = []
    fails: list[int] = []
    for place, policy in enumerate(staged):
        try:
            fits = _boolean(policy.fits(request))
        except PolicyFailedError:
            fails.append(place)
            continue
        if fits:
            (forbids if policy.forbids else permits).append(place)
    return Outcomes(tuple(permits), tuple(forbids), tuple(fails))


class StagedPolicy(NamedTuple):
    """A policy, ready to be asked."""

    forbids: bool
    fits: Meaning


def stage_policy(policy: Policy) -> StagedPolicy:
    """The policy as a function, so that its tree is gone through once."""
    return StagedPolicy(policy.forbids, fold_policy(policy.whole, EVALUATION))


def held(value: PolicyValue) -> tuple[type, Any]:
    """The value with its type, for equality that tells 1 from true."""
    return (type(value), value)


def record(entries: Mapping[str, Any]) -> FrozenMap:
    """Attributes as a record; a list is a set."""
    plain = (
        (name, frozenset(map(held, value)) if isinstance(value, list) else value) for name, value in entries.items()
    )
    return FrozenMap({name: held(value) for name, value in plain})


def is_like(pattern: tuple[str | None, ...], text: str) -> bool:
    """Whether a text is like a pattern: None stands for any text, the empty one too.

    >>> is_like(("a", None, "b"), "a--b"), is_like(("a", None, "b"), "a--c")
    (True, False)
    """
    return re.fullmatch(like_pattern(pattern), text, re.DOTALL) is not None


def like_pattern(pattern: tuple[str | None, ...]) -> str:
    """The same as a regular expression."""
    return "".join(".*" if each is None else re.escape(each) for each in pattern)


Meaning: TypeAlias = Callable[[PolicyRequest], PolicyValue]


def _boolean(value: PolicyValue) -> bool:
    if type(value) is not bool:
        raise PolicyFailedError("not a bool")
    return value


def _number(value: PolicyValue) -> int:
    if type(value) is not int:
        raise PolicyFailedError("not a long")
    return value


def _long(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise PolicyFailedError("overflow")
    return value


def _set_of(value: PolicyValue) -> frozenset[Any]:
    if not isinstance(value, frozenset):
        raise PolicyFailedError("not a set")
    return value


def _uid(value: PolicyValue) -> Uid:
    if not isinstance(value, Uid):
        raise PolicyFailedError("not an entity")
    return value


def _read(request: PolicyRequest, of: PolicyValue, *, may_lack: bool) -> FrozenMap:
    """The attributes of an entity or a record. An entity that nobody told of has none, and fails unless it may."""
    if isinstance(of, FrozenMap):
        return of
    known = request.entities.get(_uid(of))
    if known is None and not may_lack:
        raise PolicyFailedError("no such entity")
    return FrozenMap() if known is None else known.attributes


def _attribute(node: PolicyExpression, of: Meaning) -> Meaning:
    def read(request: PolicyRequest) -> PolicyValue:
        found = _read(request, of(request), may_lack=False).get(node.name)
        if found is None:
            raise PolicyFailedError("no such attribute")
        value: PolicyValue = found[1]
        return value

    return read


def _is_in(request: PolicyRequest, member: Uid, of: Uid) -> bool:
    """Roles are the only parents there are, and have none themselves."""
    known = request.entities.get(member)
    return member == of or (known is not None and of in known.parents)


def _in(_: PolicyExpression, member: Meaning, of: Meaning) -> Meaning:
    def is_in(request: PolicyRequest) -> bool:
        left, right = _uid(member(request)), of(request)
        if not isinstance(right, frozenset):
            return _is_in(request, left, _uid(right))
        groups = [_uid(value) for _, value in right]
        return any(_is_in(request, left, group) for group in groups)

    return is_in


def _like(node: PolicyExpression, of: Meaning) -> Meaning:
    def like(request: PolicyRequest) -> bool:
        text = of(request)
        if type(text) is not str:
            raise PolicyFailedError("not a string")
        return is_like(node.value, text)

    return like


def _arithmetic(of: Callable[..., int]) -> Callable[..., Meaning]:
    def node_meaning(_: PolicyExpression, *operands: Meaning) -> Meaning:
        return lambda request: _long(of(*[_number(operand(request)) for operand in operands]))

    return node_meaning


def _comparison(of: Callable[[int, int], bool]) -> Callable[..., Meaning]:
    return lambda _, left, right: lambda request: of(_number(left(request)), _number(right(request)))


def _sets(of: Callable[[frozenset[Any], frozenset[Any]], bool]) -> Callable[..., Meaning]:
    return lambda _, left, right: lambda request: of(_set_of(left(request)), _set_of(right(request)))


def _unsupported(node: PolicyExpression) -> Meaning:
    def ask_cedar(_: PolicyRequest) -> PolicyValue:
        raise NotTranslatedError(node.name)

    return ask_cedar


EVALUATION: PolicyAlgebra[Meaning] = every_policy_op(
    {
        PolicyOp.LITERAL: lambda node: lambda _: node.value,
        PolicyOp.ENTITY: lambda node: lambda _: node.value,
        PolicyOp.VARIABLE: lambda node: lambda request: getattr(request, node.name),
        PolicyOp.ATTRIBUTE: _attribute,
        PolicyOp.HAS: lambda node, of: lambda request: node.name in _read(request, of(request), may_lack=True),
        PolicyOp.LIKE: _like,
        PolicyOp.IS: lambda node, of: lambda request: _uid(of(request)).type == node.name,
        PolicyOp.IN: _in,
        PolicyOp.NOT: lambda _, of: lambda request: not _boolean(of(request)),
        PolicyOp.AND: lambda _, left, right: lambda request: _boolean(left(request)) and _boolean(right(request)),
        PolicyOp.OR: lambda _, left, right: lambda request: _boolean(left(request)) or _boolean(right(request)),
        PolicyOp.IF: lambda _, condition, then, otherwise: (
            lambda request: then(request) if _boolean(condition(request)) else otherwise(request)
        ),
        PolicyOp.EQ: lambda _, left, right: lambda request: held(left(request)) == held(right(request)),
        PolicyOp.LT: _comparison(lambda a, b: a < b),
        PolicyOp.LE: _comparison(lambda a, b: a <= b),
        PolicyOp.ADD: _arithmetic(lambda a, b: a + b),
        PolicyOp.SUB: _arithmetic(lambda a, b: a - b),
        PolicyOp.MUL: _arithmetic(lambda a, b: a * b),
        PolicyOp.NEG: _arithmetic(lambda a: -a),
        PolicyOp.SET: lambda _, *members: lambda request: frozenset([held(member(request)) for member in members]),
        PolicyOp.RECORD: lambda node, *values: (
            lambda request: FrozenMap(
                {name: held(value(request)) for name, value in zip(node.value, values, strict=True)}
            )
        ),
        PolicyOp.CONTAINS: lambda _, of, member: lambda request: _contains(of(request), member(request)),
        PolicyOp.CONTAINS_ALL: _sets(lambda of, members: members <= of),
        PolicyOp.CONTAINS_ANY: _sets(lambda of, members: not of.isdisjoint(members)),
        PolicyOp.IS_EMPTY: lambda _, of: lambda request: not _set_of(of(request)),
        PolicyOp.UNSUPPORTED: _unsupported,
    }
)
"""The meaning of every operator, as Cedar has it."""


def _contains(of: PolicyValue, member: PolicyValue) -> bool:
    return held(member) in _set_of(of)
