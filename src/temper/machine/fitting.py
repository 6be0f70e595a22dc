"""Which values need no check before they are written or passed on, and what the check is for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from temper.machine.expression import Expression, Op
from temper.machine.python import Constants
from temper.machine.value import (
    INT_MAX,
    INT_MIN,
    BoolType,
    DurationType,
    EnumType,
    IntType,
    JsonType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TimeType,
    Type,
    contains,
    has_initial,
)


def arg_check(type_: Type, name: str, constants: Constants) -> str:
    """Python source: whether anything at all, called `name`, is a value of the type."""
    match type_:
        case BoolType():
            return f"{name} is True or {name} is False"
        case IntType(lo, hi):
            return f"type({name}) is int and {lo} <= {name} <= {hi}"
        case EnumType(_, members):
            return f"isinstance({name}, str) and {name} in {constants.name(frozenset(members))}"
        case StrType() | PrincipalType() | RefType() | JsonType():
            return f"isinstance({name}, str)"
        case OptionType(of):
            return f"{name} is None or ({arg_check(of, name, constants)})"
        case _:
            return f"{constants.name(contains)}({constants.name(type_)}, {name})"


def value_check(type_: Type, name: str, constants: Constants) -> str:
    """Python source: whether a well-typed value is in range and size, too. Empty if it always is."""
    match type_:
        case BoolType() | EnumType() | StrType():
            return ""
        case IntType(lo, hi):
            return f"{lo} <= {name} <= {hi}"
        case DurationType():
            return f"{INT_MIN} <= {name} <= {INT_MAX}"
        case PrincipalType() | RefType() | JsonType() | TimeType():
            return f"{name} is not None"
        case OptionType(IntType() | DurationType() | SetType() | MapType() as of):
            inner = value_check(of, name, constants)
            return f"{name} is None or ({inner})"
        case OptionType():
            return ""
        case SetType(IntType() | DurationType() | OptionType() | SetType() | MapType()) | MapType():
            return f"{constants.name(contains)}({constants.name(type_)}, {name})"
        case SetType(_, size_max):
            return f"len({name}) <= {size_max}"
        case _:
            assert_never(type_)


def has_check(type_: Type) -> bool:
    """Whether a well-typed value may be out of the type's range or size, or not there at all.

    >>> has_check(BoolType()), has_check(IntType(0, 5))
    (False, True)
    """
    return bool(value_check(type_, "value", Constants()))


def fits(
    expression: Expression, type_: Type, *, fields: Mapping[str, Type], params: Mapping[str, Type], unborn: bool
) -> bool:
    """Whether the value is in the type whatever happens, because it came from a place that is no wider.

    `unborn`: the instance may not exist yet, so a field without an initial value can read as None.
    """

    def held(node: Expression, wanted: Type) -> bool:
        match node.op:
            case Op.LITERAL:
                return contains(wanted, node.value)
            case Op.FIELD:
                declared = fields[node.name]
                return is_within(declared, wanted) and (not unborn or has_initial(declared))
            case Op.ARGUMENT:
                return is_within(params[node.name], wanted)
            case Op.SELF | Op.CALLER | Op.NOW:
                return True
            case Op.IF:
                return held(node.operands[1], wanted) and held(node.operands[2], wanted)
            case Op.SOME:
                return isinstance(wanted, OptionType) and held(node.operands[0], wanted.of)
            case _:
                return False

    return held(expression, type_)


def is_within(narrow: Type, wide: Type) -> bool:
    """Whether every value of the one type is a value of the other.

    >>> is_within(IntType(0, 5), IntType(0, 9)), is_within(IntType(0, 9), IntType(0, 5))
    (True, False)
    """
    match narrow, wide:
        case IntType(), IntType():
            return wide.lo <= narrow.lo and narrow.hi <= wide.hi
        case OptionType(), OptionType():
            return is_within(narrow.of, wide.of)
        case SetType(), SetType():
            return narrow.size_max <= wide.size_max and is_within(narrow.of, wide.of)
        case _, OptionType():
            return is_within(narrow, wide.of)
        case _:
            return narrow == wide
