"""The Python algebra: an expression as Python source, compiled once, so that a step runs at Python's own speed.

No text of a blueprint reaches the source: fields and arguments become numbered locals, variables are spelt in
ASCII, texts go through `repr`, and everything else is bound as a constant. Intermediate numbers are exact, as in
Python; what is written or passed on is checked by `row`. Two corners keep expressions total: a `duration` that was
never given reads as 0, and the keys of a map whose key type is endless are those that differ from the initial value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from temper.machine.cell import Address, Cell
from temper.machine.expression import BEFORE, Algebra, Expression, Op, fold, total
from temper.machine.table import NEW, TransitionTable
from temper.machine.value import DurationType, FrozenMap, MapType, RefType, SetType, Value, finite_values, initial

View: TypeAlias = Mapping[Address, Cell]
"""A system as properties see it: every instance that exists, by its address."""


class Names(NamedTuple):
    """How the source spells what an expression can read; a name that is not there must not be read."""

    fields: Mapping[str, str] = {}
    args: Mapping[str, str] = {}
    state: str = ""
    self: str = ""
    caller: str = ""
    now: str = ""
    view: str = ""
    before: str = ""


class Constants:
    """The values that source cannot spell, under the names by which it reads them."""

    def __init__(self, bound: Mapping[str, object] | None = None) -> None:
        self.bound: dict[str, object] = {"__builtins__": {}, **PRELUDE, **(bound or {})}

    def name(self, value: object) -> str:
        """The name under which the source reads the value."""
        name = f"k{len(self.bound)}"
        self.bound[name] = value
        return name


def python_source(expression: Expression, names: Names, constants: Constants, table: TransitionTable) -> str:
    """The expression as one Python expression, safe to put anywhere an operand fits.

    >>> from temper.machine.value import INT
    >>> two = Expression(Op.LITERAL, INT, value=2)
    >>> python_source(Expression(Op.MOD, INT, (two, two)), Names(), Constants(), None)
    '(2 % 2)'
    """
    return fold(expression, _algebra(names, constants, table))


def define(name: str, source: str, constants: Constants) -> Callable[..., Any]:
    """The function called `name` that the source defines."""
    exec(compile(source, f"<temper {name}>", "exec"), constants.bound)  # noqa: S102 - our own source, no blueprint text in it
    function: Callable[..., Any] = constants.bound[name]  # type: ignore[assignment]
    return function


def variable_name(name: str) -> str:
    """The local that holds a bound variable: ASCII, since Python takes some different letters for the same."""
    return f"v_{name}" if name.isascii() and name.isidentifier() else f"u_{name.encode().hex()}"


class Environment(NamedTuple):
    """Everything an expression may read, for the places that are not hot."""

    fields: Mapping[str, Value] = {}
    args: Mapping[str, Value] = {}
    state: str = NEW
    self: str = ""
    caller: str | None = None
    now: int = 0
    view: View = MappingProxyType({})
    before: View = MappingProxyType({})
    variables: Mapping[str, str] = {}
    """Ids of the instances that the `for:` of a property binds."""


def evaluator(table: TransitionTable, expression: Expression) -> Callable[[Environment], Value]:
    """A function that gives the expression's value in an environment; compiled here, once.

    >>> from temper.machine.value import INT
    >>> x = Expression(Op.ARGUMENT, INT, name="x")
    >>> evaluator(None, Expression(Op.NEG, INT, (x,)))(Environment(args={"x": 3}))
    -3
    """
    constants = Constants()
    free = free_variables(expression)
    names = Names(subscripts("fields"), subscripts("args"), "state", "self", "caller", "now", "view", "before")
    lines = [
        "def evaluate(environment):",
        "    fields, args, state, self, caller, now, view, before, variables = environment",
        *(f"    {variable_name(name)} = variables[{name!r}]" for name in sorted(free)),
        f"    return {python_source(expression, names, constants, table)}",
    ]
    return define("evaluate", "\n".join(lines), constants)


def free_variables(expression: Expression) -> frozenset[str]:
    """The variables that the expression reads and does not bind itself."""
    return fold(expression, _FREE)


def subscripts(mapping: str) -> Mapping[str, str]:
    """Spells every name as a subscript of the mapping called so."""
    return _Subscripts(mapping)


class _Subscripts(dict[str, str]):
    """Spells every name as a subscript of one mapping."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self.of = of

    def __missing__(self, name: str) -> str:
        return f"{self.of}[{name!r}]"


def _divide(a: int, b: int) -> int:
    return a // b if b else 0


def _remainder(a: int, b: int) -> int:
    return a % b if b else 0


def _instances(view: View, entity: str) -> list[str]:
    return [cell.id for cell in view.values() if cell.entity == entity and cell.control != NEW]


PRELUDE: Mapping[str, object] = {
    "abs": abs,
    "all": all,
    "any": any,
    "frozenset": frozenset,
    "len": len,
    "max": max,
    "min": min,
    "sum": sum,
    "EMPTY_MAP": FrozenMap(),
    "divide": _divide,
    "remainder": _remainder,
    "instances": _instances,
}


def _algebra(names: Names, constants: Constants, table: TransitionTable) -> Algebra[str]:
    return total(
        {
            Op.LITERAL: lambda node: _literal(node.value, constants),
            Op.FIELD: lambda node: _given(names.fields[node.name], node),
            Op.STATE: lambda _: names.state,
            Op.SELF: lambda _: names.self,
            Op.CALLER: lambda _: names.caller,
            Op.NOW: lambda _: names.now,
            Op.ARGUMENT: lambda node: names.args[node.name],
            Op.VARIABLE: lambda node: variable_name(node.name),
            Op.READ: lambda node, of: _read(node, of, names, constants, table),
            Op.VALUES: lambda node: _values(node, constants),
            Op.INSTANCES: lambda node: f"frozenset(instances({names.view}, {node.name!r}))",
            **_PLAIN,
        }
    )


def _chain(word: str) -> Callable[..., str]:
    return lambda _, *operands: "(" + f" {word} ".join(operands) + ")"


def _called(function: str) -> Callable[..., str]:
    return lambda _, *operands: f"{function}({', '.join(operands)})"


def _sets(word: str) -> Callable[..., str]:
    return lambda node, a, b: f"({a} {word} {_bare_set(node.operands[1], b)})"


def _quotient(word: str, function: str) -> Callable[..., str]:
    def meaning(node: Expression, a: str, b: str) -> str:
        divisor = node.operands[1]
        safe = divisor.op is Op.LITERAL and divisor.value != 0
        return f"({a} {word} {b})" if safe else f"{function}({a}, {b})"

    return meaning


def _binder(opening: str, closing: str = ")") -> Callable[..., str]:
    """`opening` and `closing` stand around the loop; `{body}` and `{default}` are filled in."""

    def meaning(node: Expression, domain: str, condition: str, body: str = "1", default: str = "") -> str:
        loop = f" for {variable_name(node.name)} in {_domain(node.operands[0], domain)}"
        where = "" if condition == "True" else f" if {condition}"
        return f"{opening}{body}{loop}{where}{closing.format(default=default)}"

    return meaning


_PLAIN: dict[Op, Callable[..., str]] = {
    Op.SOME: lambda _, of: of,
    Op.THE: lambda _, of: of,
    Op.NOT: lambda _, of: f"(not {of})",
    Op.AND: _chain("and"),
    Op.OR: _chain("or"),
    Op.IF: lambda _, condition, then, otherwise: f"({then} if {condition} else {otherwise})",
    Op.EQ: _chain("=="),
    Op.LT: _chain("<"),
    Op.LE: _chain("<="),
    Op.IN: lambda node, member, of: f"({member} in {_bare_set(node.operands[1], of)})",
    Op.ADD: _chain("+"),
    Op.SUB: _chain("-"),
    Op.MUL: _chain("*"),
    Op.DIV: _quotient("//", "divide"),
    Op.MOD: _quotient("%", "remainder"),
    Op.NEG: lambda _, of: f"(-{of})",
    Op.ABS: _called("abs"),
    Op.MIN: _called("min"),
    Op.MAX: _called("max"),
    Op.SET: lambda _, *members: f"frozenset({{{', '.join(members)}}})" if members else "frozenset()",
    Op.UNION: _sets("|"),
    Op.INTERSECT: _sets("&"),
    Op.DIFFERENCE: _sets("-"),
    Op.LEN: _called("len"),
    Op.GET: lambda node, of, key: f"{of}.get({key}, {_initial_of(node.operands[0])})",
    Op.ALL: _binder("all("),
    Op.ANY: _binder("any("),
    Op.COUNT: _binder("sum("),
    Op.SUM: _binder("sum("),
    Op.LEAST: _binder("min((", "), default={default})"),
    Op.GREATEST: _binder("max((", "), default={default})"),
}


def _bare_set(node: Expression, text: str) -> str:
    """A set display without its `frozenset(…)`, where only its members matter: Python builds those faster."""
    return text.removeprefix("frozenset(")[:-1] if node.op is Op.SET and node.operands else text


def _given(text: str, node: Expression) -> str:
    return f"({text} or 0)" if isinstance(node.type, DurationType) else text


def _literal(value: Value, constants: Constants) -> str:
    if value is None or isinstance(value, bool | str):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    return constants.name(value)


def _read(node: Expression, of: str, names: Names, constants: Constants, table: TransitionTable) -> str:
    """A field of another instance; what does not exist yet reads as its defaults, in state `new`."""
    reference = node.operands[0].type
    assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
    entity = table.entity(reference.entity)
    view = names.before if node.moment == BEFORE else names.view
    absent = constants.name(absent_cell(table, Address(entity.name, "")))
    cell = f"{view}.get(({entity.name!r}, {of}), {absent})"
    if node.name == "state":
        return f"{cell}[2]"
    index = next(i for i, field in enumerate(entity.fields) if field.name == node.name)
    return _given(f"{cell}[3][{index}]", node)


def absent_cell(table: TransitionTable, address: Address) -> Cell:
    """An instance that does not exist: control state `new`, its data as declared."""
    entity = table.entity(address.entity)
    return Cell(entity.name, address.id, NEW, tuple(field.initial for field in entity.fields))


def _values(node: Expression, constants: Constants) -> str:
    assert isinstance(node.type, SetType), f"VALUES has a set type, not {node.type}"
    values = finite_values(node.type.of)
    assert values is not None, f"{node.type.of} has too many values to go through"
    return constants.name(frozenset(values))


def _domain(node: Expression, text: str) -> str:
    keys = finite_values(node.type.key) if isinstance(node.type, MapType) else None
    return text if keys is None else repr(keys)


def _initial_of(node: Expression) -> str:
    assert isinstance(node.type, MapType), f"GET needs a map, not {node.type}"
    value = initial(node.type.value)
    if isinstance(value, frozenset):
        return "frozenset()"
    return "EMPTY_MAP" if isinstance(value, FrozenMap) else repr(value)


def _all_free(_: Expression, *inner: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*inner)


def _unbound(
    node: Expression, domain: frozenset[str], condition: frozenset[str], *rest: frozenset[str]
) -> frozenset[str]:
    body, default = (*rest, frozenset[str](), frozenset[str]())[:2]
    return domain | default | ((condition | body) - {node.name})


_FREE: Algebra[frozenset[str]] = total(
    {
        **dict.fromkeys(Op, _all_free),
        Op.VARIABLE: lambda node: frozenset({node.name}),
        **dict.fromkeys((Op.ALL, Op.ANY, Op.COUNT, Op.SUM, Op.LEAST, Op.GREATEST), _unbound),
    }
)
