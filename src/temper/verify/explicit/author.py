"""The author's properties as checks: what to look at, what to say, and which parts could be anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from temper.machine import (
    Address,
    Algebra,
    Binding,
    Cell,
    Expression,
    Holder,
    Label,
    Op,
    Property,
    PropertyKind,
    StepHolder,
    TransitionTable,
    Value,
    fold,
    holder,
    step_holder,
    text,
    total,
)
from temper.verify.explicit.question import Question
from temper.verify.explicit.vacuity import variants
from temper.verify.substitution import as_written, with_values

View = Mapping[Address, Cell]


@dataclass(slots=True)
class StateCheck:
    """An `always` or `possible` property. `loose` are the parts that, so far, could be anything."""

    property: Property
    question: Question
    decides: Holder
    loose: list[tuple[str, Holder]]

    def look(self, view: View) -> Binding | None:
        """The binding that decides the property in this system; drops the parts that turn out to matter."""
        if self.loose:
            self.loose = [(part, fails) for part, fails in self.loose if fails(view) is None]
        return self.decides(view)


@dataclass(slots=True)
class StepCheck:
    """A `step` property, looked at for each applied action."""

    property: Property
    question: Question
    decides: StepHolder
    loose: list[tuple[str, StepHolder]]

    def look(self, before: View, after: View, label: Label) -> Binding | None:
        """The binding for which the step is forbidden; drops the parts that turn out to matter."""
        seen = (before, after, label.address, label.action, dict(label.args))
        if self.loose:
            self.loose = [(part, fails) for part, fails in self.loose if fails(*seen) is None]
        return self.decides(*seen)


def state_check(table: TransitionTable, property_: Property, question: Question) -> StateCheck:
    """The check of an `always` or `possible` property."""
    loose = [(text(as_written(v.part)), holder(table, v.property)) for v in variants(property_)]
    return StateCheck(property_, question, holder(table, property_), loose)


def step_check(table: TransitionTable, property_: Property, question: Question) -> StepCheck:
    """The check of a `step` property."""
    loose = [(text(as_written(v.part)), step_holder(table, v.property)) for v in variants(property_)]
    return StepCheck(property_, question, step_holder(table, property_), loose)


def violation_text(
    table: TransitionTable,
    property_: Property,
    binding: Binding,
    *,
    view: View,
    before: View | None = None,
    args: Mapping[str, Value] | None = None,
) -> str:
    """What was violated, with the values in place: `x <= 2` is false: `3 <= 2`, where c is Counter c1."""
    written = as_written(property_.body)
    shown = text(_after(written) if property_.kind is PropertyKind.STEP else written)
    filled = with_values(table, written, view=view, before=before or {}, variables=dict(binding), args=args or {})
    values = text(filled)
    said = f"`{shown}` is false" if shown == values else f"`{shown}` is false: `{values}`"
    entities = dict(property_.variables)
    whose = ", ".join(f"{name} is {entities[name]} {ident}" for name, ident in binding if entities[name] != ident)
    return f"{said}, where {whose}" if whose else said


def _after(body: Expression) -> Expression:
    """The body of a `step` property with its one variable called what the author calls it there."""
    return fold(body, _AFTER)


_AFTER: Algebra[Expression] = total(
    {
        **dict.fromkeys(Op, lambda node, *operands: replace(node, operands=operands)),
        Op.READ: lambda node, of: replace(node, operands=(replace(of, name="after") if of.op is Op.VARIABLE else of,)),
    }
)
