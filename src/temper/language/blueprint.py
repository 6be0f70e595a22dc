"""A blueprint: every name resolved, every expression typed, and still in the form in which it was written.

`check` makes it, `lower` reads it. What needs no lowering (effects, fields, timers, properties, the scope) is in the
table's own terms already; what is shorthand for rows (common parts, `from: any`, a case's `to`) is still shorthand.
"""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine import (
    Effect,
    Expression,
    Field,
    Gate,
    Migration,
    Parameter,
    Property,
    Scope,
    Template,
    Timer,
    Type,
    Update,
)
from temper.report import Span


@dataclass(frozen=True, slots=True)
class Way:
    """A case as written, or the common part of an action: both say the same kind of thing."""

    guard: Expression | None
    updates: tuple[Update, ...]
    target: str | None
    deliveries: tuple[Template, ...]
    restarts: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Move:
    """An action as written. `sources` None is `from: any`."""

    name: str
    doc: str
    gate: Gate
    roles: tuple[str, ...]
    params: tuple[Parameter, ...]
    sources: tuple[str, ...] | None
    common: Way
    cases: tuple[Way, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Thing:
    """An entity as written."""

    name: str
    doc: str
    single: bool
    world: bool
    fields: tuple[Field, ...]
    states: tuple[str, ...]
    final: tuple[str, ...]
    waits: tuple[str, ...]
    moves: tuple[Move, ...]
    timers: tuple[Timer, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A whole blueprint in which nothing is wrong any more that can be seen without running it."""

    name: str
    doc: str
    roles: tuple[str, ...]
    types: tuple[tuple[str, Type], ...]
    constants: tuple[tuple[str, int, Type], ...]
    effects: tuple[Effect, ...]
    things: tuple[Thing, ...]
    properties: tuple[Property, ...]
    policies: tuple[tuple[str, str], ...]
    scope: Scope
    accept: tuple[tuple[str, str], ...]
    grandfathered: tuple[tuple[str, str], ...]
    migrate: tuple[Migration, ...]
