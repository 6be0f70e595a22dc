"""A run as a Mermaid sequence diagram: who called whom, what came back, and what it changed there."""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine import Address, Label, Trace, TraceStep, TransitionTable
from temper.verify.text import said_text, value_text

ENVIRONMENT = "the environment"


def sequence_diagram(table: TransitionTable, trace: Trace) -> str:
    """The run as Mermaid text: people, instances and effects side by side, one arrow a step.

    >>> from temper.machine import Entity
    >>> lamp = Entity("Lamp", True, False, (), ("off", "on"), (), (), (), ())
    >>> table = TransitionTable("lamp", (), (), (), (), (lamp,), ())
    >>> press = Label("call", Address("Lamp", "Lamp"), "press", caller="ann", case=0)
    >>> print(sequence_diagram(table, Trace((TraceStep(press, ()),), ())))
    sequenceDiagram
      autonumber
      actor p1 as ann
      participant p2 as Lamp
      p1->>p2: press()
    """
    drawing = _Drawing(table)
    lines: list[str] = []
    for number, step in enumerate(trace.steps):
        lines += ["loop for ever"] if number == trace.loop else []
        lines += drawing.step(step)
    lines += ["end"] if trace.loop is not None and trace.loop < len(trace.steps) else []
    return "\n".join(["sequenceDiagram", "  autonumber", *drawing.participants(), *(f"  {line}" for line in lines)])


def instances_in(trace: Trace) -> int:
    """How many instances take part in a run."""
    return len({step.label.address for step in trace.steps})


class _Drawing:
    """The participants in the order in which they come in, each under a short name that no text can break."""

    def __init__(self, table: TransitionTable) -> None:
        self.table = table
        self.effects = {effect.name for effect in table.effects}
        self.names: dict[tuple[str, str], str] = {}

    def participants(self) -> Iterator[str]:
        for (kind, shown), name in self.names.items():
            yield f"  {kind} {name} as {_safe(shown)}"

    def step(self, step: TraceStep) -> Iterator[str]:
        label = step.label
        source, here = self._source(label), self._instance(label.address)
        arrow = "-->>" if label.rule == "settle" or label.action == "unhandled" else "->>"
        yield f"{source}{arrow}{here}: {_safe(self._said(label))}"
        for change in step.changes:
            values = ", ".join(f"{name} {value_text(now)}" for name, _, now in change.changes)
            yield f"Note over {self._instance(change.address)}: {_safe(values)}"
        for handed in step.handed_on:
            effect = handed.partition("(")[0]
            if effect in self.effects and handed.endswith(")"):  # a message would go on with its receiver
                yield f"{here}->>{self._effect(effect)}: {_safe(handed)}"

    def _source(self, label: Label) -> str:
        match label.rule:
            case "call":
                return self._name("actor", label.caller or label.cause)
            case "environment":
                return self._name("actor", ENVIRONMENT)
            case "settle":
                return self._effect(label.cause.partition(".")[0])
            case "perform":
                return self._effect(label.cause.removeprefix("late ").partition(" of ")[0])
            case "deliver":
                entity, _, ident = label.cause.partition(" refused ")[0].partition(" ")
                return self._instance(Address(entity, ident))
            case _:
                return self._instance(label.address)

    def _said(self, label: Label) -> str:
        said = said_text(label)
        match label.rule:
            case "settle":
                return f"{label.outcome}: {said}"
            case "fire":
                return f"timer {label.cause}: {said}"
            case "deliver" if " refused " in label.cause:
                return f"refused {label.cause.partition(' refused ')[2]}: {said}"
            case "perform" if label.cause.startswith("late "):
                return f"late: {said}"
            case _:
                return said

    def _instance(self, address: Address) -> str:
        shown = address.entity if address.entity == address.id else f"{address.entity} {address.id}"
        return self._name("participant", shown)

    def _effect(self, name: str) -> str:
        return self._name("participant", f"effect {name}")

    def _name(self, kind: str, shown: str) -> str:
        return self.names.setdefault((kind, shown), f"p{len(self.names) + 1}")


def _safe(text: str) -> str:
    """Text that Mermaid takes as text: a hash begins an entity there, and a semicolon ends a line."""
    return text.replace("#", "#35;").replace("\n", " ") if ";" not in text else _safe(text.replace(";", ","))
