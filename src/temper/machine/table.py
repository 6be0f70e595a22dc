"""The transition table: what a blueprint means, resolved, typed, lowered and frozen.

Everything above the waist produces one, everything below consumes it. A table is data: it has a
JSON form both ways (`codec`), a content hash that names it, and no behaviour of its own (`step` has that).
Documentation and spans are carried along for messages and are no part of what is hashed or compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from temper.machine.expression import Expression
from temper.machine.property import Property
from temper.machine.value import Type, Value
from temper.report import Span

NEW = "new"
"""The control state of an instance that does not exist yet."""
AGAIN = "again"
IGNORE = "ignore"
UNKNOWN = "unknown"
"""The implicit outcome of every effect: attempts exhausted or the answer lost, nobody knows."""

Target = tuple[str, ...]
"""What the machine calls: actions, `AGAIN` or `IGNORE`, tried in order; the first that fits."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named, typed place: of an action, an effect, or an outcome's fields."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Field:
    """A data field. `initial` is None where the type has no initial value and no default was given."""

    name: str
    type: Type
    initial: Value
    doc: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """`name := value`, or `name[key] := value`, of a field. Updates of one `set` are simultaneous."""

    name: str
    key: Expression | None
    value: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A template: ask an effect. `then` has a target for every declared outcome and for `unknown`."""

    effect: str
    args: tuple[tuple[str, Expression], ...]
    replaces: bool
    then: tuple[tuple[str, Target], ...]
    span: Span | None = field(default=None, compare=False, repr=False)

    def target(self, outcome: str) -> Target:
        return next(target for name, target in self.then if name == outcome)


@dataclass(frozen=True, slots=True)
class Send:
    """A template: a message. `to` is a reference, an optional one, or a set of references."""

    to: Expression
    entity: str
    action: str
    args: tuple[tuple[str, Expression], ...]
    refused: Target
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Spawn:
    """A template: a new instance. The owner's field `into` (may be "") holds its reference at once."""

    entity: str
    action: str
    args: tuple[tuple[str, Expression], ...]
    into: str
    refused: Target
    span: Span | None = field(default=None, compare=False, repr=False)


Template = Request | Send | Spawn


@dataclass(frozen=True, slots=True)
class Case:
    """One way an action goes. `target` None: it stays. `deliveries`: the common ones first, then its own.

    `restarts` names timers, common ones included. A table has no action without a case.
    """

    guard: Expression | None
    updates: tuple[Update, ...]
    target: str | None
    deliveries: tuple[Template, ...] = ()
    restarts: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


class Gate(StrEnum):
    """Who may call an action."""

    MACHINE = "machine"  # no `by`: only the machine does
    ROLES = "roles"  # `by: [engineer]`: these roles, unless a policy forbids
    POLICY = "policy"  # `by: policy`: whom the Cedar policies permit
    ENVIRONMENT = "environment"  # an action of a world entity


@dataclass(frozen=True, slots=True)
class Action:
    """An action with its rows. `sources` are control states, `new` for a constructor, in declared order."""

    name: str
    gate: Gate
    roles: tuple[str, ...]
    params: tuple[Parameter, ...]
    sources: tuple[str, ...]
    guard: Expression | None
    updates: tuple[Update, ...]
    cases: tuple[Case, ...]
    doc: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def is_constructor(self) -> bool:
        return self.sources == (NEW,)


@dataclass(frozen=True, slots=True)
class Timer:
    """Armed on coming into `states` from outside; `after` gives milliseconds."""

    name: str
    states: tuple[str, ...]
    after: Expression
    target: Target
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of thing. A `single` one has exactly one instance, whose id is the entity's name."""

    name: str
    single: bool
    world: bool
    fields: tuple[Field, ...]
    states: tuple[str, ...]
    final: tuple[str, ...]
    waits: tuple[str, ...]
    actions: tuple[Action, ...]
    timers: tuple[Timer, ...]
    doc: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    def action(self, name: str) -> Action:
        """The action of that name; KeyError if there is none."""
        for action in self.actions:
            if action.name == name:
                return action
        raise KeyError(name)


class DeliveryKind(StrEnum):
    """How often an effect may be asked, and what a repeat does to the receiver."""

    AT_MOST_ONCE = "at_most_once"
    KEYED = "keyed"
    IDEMPOTENT = "idempotent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way an effect can end. `told` gives, for a told field, the expression over the world it reads."""

    name: str
    fields: tuple[Parameter, ...]
    told: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Performs:
    """What an effect does to the outside: a call of a world entity's action. `args` are over the effect's params."""

    entity: str
    action: str
    args: tuple[tuple[str, Expression], ...]
    surely: tuple[str, ...]
    never: tuple[str, ...]
    """The blueprint's `not:`: these outcomes come only if it did not happen."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Attempts and back-off; times in milliseconds."""

    attempts: int = 5
    first: int = 1_000
    factor: int = 2
    cap: int = 60_000


@dataclass(frozen=True, slots=True)
class Effect:
    """Something asked of the outside. `outcomes` are the declared ones; `unknown` is implied."""

    name: str
    params: tuple[Parameter, ...]
    outcomes: tuple[Outcome, ...]
    delivery: DeliveryKind
    fenced: bool
    performs: Performs | None
    timeout: int
    retry: Retry
    doc: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    def outcome(self, name: str) -> Outcome:
        """The outcome of that name, `unknown` included; KeyError if there is none."""
        if name == UNKNOWN:
            return Outcome(UNKNOWN, ())
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the exhaustive search looks at; it never limits the runtime. Empty parts mean the defaults."""

    instances: tuple[tuple[str, int], ...] = ()
    principals: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """By the name of a type, or `str`: the values people may give."""
    unbounded: tuple[int, int] | None = None
    in_flight: int = 1
    late: int = 4


@dataclass(frozen=True, slots=True)
class Migration:
    """`migrate:` for one entity: old state to new state, and new field from an expression over the old data."""

    entity: str
    states: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class TransitionTable:
    """A whole blueprint, lowered. Named by the hash of what it means (`codec.table_hash`)."""

    blueprint: str
    roles: tuple[str, ...]
    types: tuple[tuple[str, Type], ...]
    constants: tuple[tuple[str, int, Type], ...]
    effects: tuple[Effect, ...]
    entities: tuple[Entity, ...]
    properties: tuple[Property, ...]
    policies: tuple[tuple[str, str], ...] = ()
    """File name and text of each Cedar file, sorted by name."""
    scope: Scope = field(default_factory=Scope, compare=False)
    accept: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    grandfathered: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    migrate: tuple[Migration, ...] = field(default=(), compare=False)
    doc: str = field(default="", compare=False)

    def entity(self, name: str) -> Entity:
        """The entity of that name; KeyError if there is none."""
        for entity in self.entities:
            if entity.name == name:
                return entity
        raise KeyError(name)

    def effect(self, name: str) -> Effect:
        """The effect of that name; KeyError if there is none."""
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise KeyError(name)


def templates(table: TransitionTable) -> Iterator[tuple[Entity, Action, int, int, Template]]:
    """Every site that can hand something on: entity, action, case and position, with its template."""
    for entity in table.entities:
        for action in entity.actions:
            for number, case in enumerate(action.cases):
                for position, template in enumerate(case.deliveries):
                    yield entity, action, number, position, template


def action_expressions(action: Action) -> Iterator[Expression]:
    """Every expression that stands in the action, outermost nodes only."""
    for update in (*action.updates, *(update for case in action.cases for update in case.updates)):
        yield update.value
        if update.key is not None:
            yield update.key
    yield from (guard for guard in (action.guard, *(case.guard for case in action.cases)) if guard is not None)
    for case in action.cases:
        for template in case.deliveries:
            yield from (value for _, value in template.args)
            if isinstance(template, Send):
                yield template.to
