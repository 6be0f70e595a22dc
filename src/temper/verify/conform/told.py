"""One step as a scenario or a journal tells it: what is said of it, and nothing of what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.machine import Address, Args, Label, Parameter, Trace, TraceStep, TransitionTable, args_to_json

RULES = ("call", "deliver", "settle", "fire", "perform", "environment")
"""The rules of the relation, in the words of its labels."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step in JSON's values, so that it can be read under any version of the blueprint. None is: it is not said.

    Who calls, with what, and what the outside answers make the step. `action` of the machine's own steps, `state` and
    `data` are what came of it: they are compared, and choose nothing.
    """

    rule: str
    address: Address
    action: str | None = None
    args: Mapping[str, Any] | None = None
    caller: str | None = None
    roles: tuple[str, ...] | None = None
    cause: str = ""
    """Who sent it, which timer fired, which effect was settled, whose effect was performed."""
    outcome: str = ""
    fields: Mapping[str, Any] | None = None
    state: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the instance after the step; those that are not there are not compared."""
    made: tuple[Address, ...] = ()
    """The ids that its spawns took, in order."""
    at: int | None = None
    where: str = ""
    """Where it is told: `line 7`, `record 12`."""
    is_whole: bool = False
    """Whether whoever tells it leaves out no step before it, as our own journals do not."""


ASKING = frozenset({"call", "environment", "deliver", "perform"})
"""Rules whose arguments tell one step from another; those of an answer or a timer follow from it."""
SPAWNED = re.compile(r" of a new (\S+)(?: (.+))?\Z")
"""How a trace tells of a spawn."""


def told_of(table: TransitionTable, trace: Trace) -> tuple[Told, ...]:
    """The steps of a trace of the table, without what only this version of it says."""
    return tuple(_told(table, step, f"step {number}") for number, step in enumerate(trace.steps, 1))


def _told(table: TransitionTable, step: TraceStep, where: str) -> Told:
    label = step.label
    return Told(
        label.rule,
        label.address,
        action=label.action or None,
        args=_data(_params(table, label), label.args) if label.args and label.rule in ASKING else None,
        caller=label.caller,
        roles=label.roles,
        cause="" if label.rule in {"call", "environment"} else _cause(label),
        outcome=label.outcome if label.rule == "settle" else "",
        fields=_data(_fields(table, label), label.fields) if label.rule == "settle" else None,
        made=tuple(_made(step)),
        where=where,
    )


def _cause(label: Label) -> str:
    """Of an answer the effect alone; of everything else the words of the label."""
    return label.cause.removesuffix(f".{label.outcome}") if label.rule == "settle" else label.cause


def _params(table: TransitionTable, label: Label) -> tuple[Parameter, ...]:
    """Those of the action; of a message that was refused it is not told which one it asked for."""
    actions = {action.name: action for action in table.entity(label.address.entity).actions}
    return actions[label.action].params if label.action in actions else ()


def _fields(table: TransitionTable, label: Label) -> tuple[Parameter, ...]:
    effect = next(effect for effect in table.effects if effect.name == _cause(label))
    return effect.outcome(label.outcome).fields


def _data(params: tuple[Parameter, ...], args: Args) -> Mapping[str, Any]:
    known = {param.name for param in params}
    return args_to_json(params, tuple(pair for pair in args if pair[0] in known))


def _made(step: TraceStep) -> Iterator[Address]:
    for text in step.handed_on:
        if found := SPAWNED.search(text):
            yield Address(found[1], found[2] or found[1])
