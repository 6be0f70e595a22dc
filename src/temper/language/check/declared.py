"""What a blueprint declares, by name: the ground on which its expressions and bodies are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from temper.language.syntax import ActionSyntax, EffectSyntax, EntitySyntax
from temper.machine import NEW, EnumType, Field, Type
from temper.report import Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A number or a duration under a name; `INT` or `DURATION` tells which."""

    value: int
    type: Type
    span: Span


@dataclass(frozen=True, slots=True)
class ActionName:
    """How an action is called: its parameters, and whether the machine may call it. Not what it does."""

    name: str
    params: Mapping[str, Type | None]
    """None where the parameter's type could not be read: then nobody complains about the argument."""
    constructor: bool
    caller: Span | None
    """Where it reads `caller`, if it does: then the machine cannot call it."""
    by: tuple[str, ...]
    syntax: ActionSyntax

    @property
    def span(self) -> Span:
        return self.syntax.name.span


@dataclass(frozen=True, slots=True)
class EntityName:
    """What others may say about an entity: fields, states and actions."""

    name: str
    single: bool
    world: bool
    fields: Mapping[str, Field | None]
    """None where the field's type could not be read."""
    states: tuple[str, ...]
    final: tuple[str, ...]
    actions: Mapping[str, ActionName]
    timers: tuple[str, ...]
    syntax: EntitySyntax

    @property
    def span(self) -> Span:
        return self.syntax.name.span

    @property
    def state_type(self) -> EnumType:
        """The control states as an enum; what may not exist yet can also be `new`."""
        return EnumType(f"{self.name}.state", self.states if self.single else (NEW, *self.states))


@dataclass(frozen=True, slots=True)
class EffectName:
    """How an effect is asked and how it can end."""

    name: str
    params: Mapping[str, Type | None]
    outcomes: Mapping[str, Mapping[str, Type | None]]
    """The fields of each declared outcome."""
    syntax: EffectSyntax

    @property
    def span(self) -> Span:
        return self.syntax.name.span


@dataclass(slots=True)
class Declared:
    """Everything that has a name of its own. Filled part by part, in the order in which parts need one another."""

    roles: Mapping[str, Span] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Names that are declared but could not be read; who uses one keeps silent."""
    types: dict[str, Type] = field(default_factory=dict)
    effects: dict[str, EffectName] = field(default_factory=dict)
    entities: dict[str, EntityName] = field(default_factory=dict)
    entity_names: dict[str, EntitySyntax] = field(default_factory=dict)
    """Known before the entities themselves, since types may refer to them."""
    members: dict[str, Span] = field(default_factory=dict)
    """Every state and enum member, with the place where it is first listed."""
    folder_has_policies: bool = False

    def capitals(self) -> Iterator[str]:
        """The names of all types and entities."""
        yield from self.types
        yield from self.entity_names
