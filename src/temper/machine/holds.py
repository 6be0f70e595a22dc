"""Properties made executable: functions that look at a system and name the binding that decides.

A *view* holds every instance that exists; what it does not hold reads as its defaults, in state `new`. A binding
gives each variable of `for:` an instance, and is the empty tuple, not None, where there are no variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from temper.machine.cell import Address
from temper.machine.expression import Expression
from temper.machine.property import Property, PropertyKind
from temper.machine.python import Constants, Names, View, define, python_source, subscripts, variable_name
from temper.machine.table import TransitionTable
from temper.machine.value import Value

Binding: TypeAlias = tuple[tuple[str, str], ...]
"""(variable, id) of each variable of `for:`, in order."""

Holder: TypeAlias = Callable[[View], Binding | None]
Breaker: TypeAlias = Callable[[View], list[Binding]]
Promises: TypeAlias = Callable[[View], tuple[list[Binding], list[Binding]]]
StepHolder: TypeAlias = Callable[[View, View, Address, str, Mapping[str, Value]], Binding | None]


def breaker(table: TransitionTable, property_: Property) -> Breaker:
    """Looks at one system with an `always`: every binding for which it fails."""
    assert property_.kind is PropertyKind.ALWAYS, "only an `always` is about each system by itself"
    constants = Constants()
    condition = _condition(table, property_, constants, Names(view="view"))
    lines = ["def breaks(view):", " found = []"]
    for depth, (name, entity) in enumerate(property_.variables, start=1):
        lines.append(" " * depth + f"for {variable_name(name)} in instances(view, {entity!r}):")
    lines.append(" " * (len(property_.variables) + 1) + f"if {condition}: found.append({_binding(property_)})")
    lines.append(" return found")
    return define("breaks", "\n".join(lines), constants)


def holder(table: TransitionTable, property_: Property) -> Holder:
    """Looks at one system. `always`: the first binding for which it fails, None if it holds.

    `possible` and the goal of `eventually`: the first binding for which it is so, None if there is none.
    """
    assert property_.kind is not PropertyKind.STEP, "a `step` property looks at two systems: use `step_holder`"
    constants = Constants()
    condition = _condition(table, property_, constants, Names(view="view"))
    lines = ["def holds(view):"]
    for depth, (name, entity) in enumerate(property_.variables, start=1):
        lines.append(" " * depth + f"for {variable_name(name)} in instances(view, {entity!r}):")
    lines.append(" " * (len(property_.variables) + 1) + f"if {condition}: return {_binding(property_)}")
    return define("holds", "\n".join(lines), constants)


def step_holder(table: TransitionTable, property_: Property) -> StepHolder:
    """Looks at one applied action, given the systems before and after, the instance, the action and its arguments.

    Gives the binding if the property forbids that step, None if it does not, or is about other steps.
    """
    assert property_.kind is PropertyKind.STEP, "only a `step` property looks at two systems"
    ((name, entity),) = property_.variables
    constants = Constants()
    names = Names(args=subscripts("args"), view="view", before="before")
    other = f"address[0] != {entity!r}" + (f" or action != {property_.on[1]!r}" if property_.on else "")
    lines = [
        "def holds(before, view, address, action, args):",
        f" if {other}: return None",
        f" {variable_name(name)} = address[1]",
        f" if {_condition(table, property_, constants, names)}: return {_binding(property_)}",
    ]
    return define("holds", "\n".join(lines), constants)


def promises(table: TransitionTable, property_: Property) -> Promises:
    """Looks at one system with an `eventually`: the bindings whose `whenever` holds there, and those that are met."""
    assert property_.kind is PropertyKind.EVENTUALLY, "only an `eventually` promises something"
    constants = Constants()
    names = Names(view="view")

    def source(expression: Expression | None) -> str:
        return "True" if expression is None else python_source(expression, names, constants, table)

    lines = ["def holds(view):", " asked, met = [], []"]
    for depth, (name, entity) in enumerate(property_.variables, start=1):
        lines.append(" " * depth + f"for {variable_name(name)} in instances(view, {entity!r}):")
    indent, binding = " " * (len(property_.variables) + 1), _binding(property_)
    lines.append(f"{indent}if {source(property_.whenever)}: asked.append({binding})")
    lines.append(f"{indent}if {source(property_.body)}: met.append({binding})")
    lines.append(" return asked, met")
    return define("holds", "\n".join(lines), constants)


def _condition(table: TransitionTable, property_: Property, constants: Constants, names: Names) -> str:
    """When a binding decides: it makes an `always` or `step` fail, or it is what was looked for."""

    def source(expression: Expression) -> str:
        return python_source(expression, names, constants, table)

    body = source(property_.body)
    if property_.kind in (PropertyKind.ALWAYS, PropertyKind.STEP):
        body = f"not {body}"
    is_goal = property_.kind is PropertyKind.EVENTUALLY
    return body if property_.whenever is None or is_goal else f"{source(property_.whenever)} and {body}"


def _binding(property_: Property) -> str:
    return "(" + "".join(f"({name!r}, {variable_name(name)}), " for name, _ in property_.variables) + ")"
