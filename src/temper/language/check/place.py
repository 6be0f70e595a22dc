"""Where an expression stands: what each name means there, and what may not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from temper.language.check.declared import Declared, EntityName
from temper.machine import Type
from temper.report import Label


class Variable(NamedTuple):
    """A bound variable. `exists`: it ranges over instances that exist, so all of their fields have values."""

    type: Type
    exists: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The names of one place. Absent parts cannot be read there.

    `what` names the place in messages: "the guard of `approve`".
    """

    declared: Declared
    what: str
    entity: EntityName | None = None
    """Whose data the bare names are; `state` and `self` are its own."""
    params: Mapping[str, Type | None] | None = None
    bare_params: bool = False
    """Parameters are bare names, as in `performs`."""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    stepping: EntityName | None = None
    """A `step` property: `before` and `after` are this entity's."""
    stepped: str = ""
    """The variable of that property."""
    born: bool = True
    """In a `step` property: the step may be a constructor's, so `before` may not exist."""
    calls: bool = False
    """Somebody calls: `caller` and `now` can be read."""
    clock: bool = False
    """`now` can be read."""
    follows: bool = False
    """References are followed and instances are ranged over: properties, and what an outcome tells."""
    unset: Mapping[str, str] = field(default_factory=dict)
    """Fields of a new instance that have no value yet, with the reason."""
    because: tuple[Label, ...] = ()
    """Where it is declared what the expression must be."""
    old: bool = False
    """A migration: unknown bare names are fields of the old version, of whatever type is asked for."""
