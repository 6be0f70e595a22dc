"""Properties: what must always, never be missed, or be possible. Data; the verifiers decide them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from temper.machine.expression import Expression
from temper.report import Span


class PropertyKind(StrEnum):
    """The four forms of blueprint.md section 5."""

    ALWAYS = "always"
    STEP = "step"
    EVENTUALLY = "eventually"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Property:
    """One property over instances that exist.

    `whenever` is the premise of `always` (None: true) and of `eventually`. In a `step` property the one
    variable names the instance that stepped: its fields are `READ`s of that variable with their moment, and
    with `on` (entity, action) the arguments of that action are `ARGUMENT`s.
    """

    name: str
    kind: PropertyKind
    variables: tuple[tuple[str, str], ...]
    """Name and entity of each variable of `for:`."""
    whenever: Expression | None
    body: Expression
    on: tuple[str, str] | None = None
    assuming: tuple[tuple[str, str], ...] = ()
    """(entity, action) or (effect, outcome)."""
    doc: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)
