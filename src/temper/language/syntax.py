"""The tree: a blueprint as it is written, its shape checked, nothing resolved.

`parse` makes it from YAML, `check` reads it, `format` prints it. Every leaf is a `Text` that knows where each
of its characters stands in the file, so that a message about an expression can point inside a YAML scalar.
An absent optional part is None or an empty tuple.
"""

from __future__ import annotations

from dataclasses import dataclass

from temper.report import Source, Span


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: its decoded text and its place. `offsets[i]` is where character i stands; there is one entry more.

    `offsets` is empty where decoded and written text run side by side from `span.start + lead` (plain scalars
    on one line, the usual case).
    """

    text: str
    span: Span
    source: Source
    plain: bool = True
    """Unquoted: only then can it be a null, a bool or a number."""
    lead: int = 0
    offsets: tuple[int, ...] = ()

    def at(self, start: int, end: int) -> Span:
        """The span of the decoded characters from `start` up to but not including `end`."""
        if self.offsets:
            return self.source.span(
                self.offsets[start], self.offsets[end - 1] + 1 if end > start else self.offsets[start]
            )
        base = self.span.start + self.lead
        return self.source.span(base + start, base + end)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping of the author's own names, in written order: params, `with`, `set`, `then`, fields."""

    items: tuple[tuple[Text, Text], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class EnumSyntax:
    members: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TypeSyntax:
    """`types:` entry: a listed enum or a type in Python's syntax."""

    name: Text
    value: EnumSyntax | Text


@dataclass(frozen=True, slots=True)
class TargetSyntax:
    """A target: one name or a list of them."""

    names: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DoSyntax:
    """`with` is either `Pairs` or, in its short form, a tuple of names."""

    effect: Text
    with_: Pairs | tuple[Text, ...]
    replaces: Text | None
    then: tuple[tuple[Text, TargetSyntax], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class SendSyntax:
    to: Text
    action: Text
    with_: Pairs | tuple[Text, ...]
    refused: TargetSyntax | None
    span: Span


@dataclass(frozen=True, slots=True)
class SpawnSyntax:
    entity: Text
    action: Text
    with_: Pairs | tuple[Text, ...]
    into: Text | None
    refused: TargetSyntax | None
    span: Span


@dataclass(frozen=True, slots=True)
class CaseSyntax:
    """A case, and the common part of an action has the same fields: `when set to do send spawn restart`."""

    when: Text | None
    set_: Pairs | None
    to: Text | None
    do: tuple[DoSyntax, ...]
    send: tuple[SendSyntax, ...]
    spawn: tuple[SpawnSyntax, ...]
    restart: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ActionSyntax:
    """`by` and `from_` are the names as written, one or several; empty where the key is absent.

    `deliveries` orders the common part's do, send and spawn: always do, then send, then spawn.
    """

    name: Text
    doc: str
    by: tuple[Text, ...]
    params: Pairs | None
    from_: tuple[Text, ...]
    common: CaseSyntax
    cases: tuple[CaseSyntax, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TimerSyntax:
    name: Text
    in_: tuple[Text, ...]
    after: Text
    do: TargetSyntax
    span: Span


@dataclass(frozen=True, slots=True)
class EntitySyntax:
    name: Text
    doc: str
    single: Text | None
    world: Text | None
    data: Pairs | None
    """Field name to `type` or `type = default`."""
    states: tuple[Text, ...]
    final: tuple[Text, ...]
    waits: tuple[Text, ...]
    actions: tuple[ActionSyntax, ...]
    timers: tuple[TimerSyntax, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class PerformsSyntax:
    call: Text
    """`Router.route`."""
    with_: Pairs | tuple[Text, ...]
    surely: tuple[Text, ...]
    never: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TellSyntax:
    """An outcome's field: a plain type, or `{step: Percent = Router.percent}` which tells a world value."""

    name: Text
    type_: Text


@dataclass(frozen=True, slots=True)
class EffectSyntax:
    """`outcomes`: name and fields of each. `retry`: the written keys among attempts, first, factor, cap."""

    name: Text
    doc: str
    params: Pairs | None
    outcomes: tuple[tuple[Text, tuple[TellSyntax, ...]], ...]
    delivery: Text | None
    fenced: Text | None
    performs: PerformsSyntax | None
    timeout: Text | None
    retry: Pairs | None
    span: Span


@dataclass(frozen=True, slots=True)
class PropertySyntax:
    name: Text
    doc: str
    for_: Text | None
    whenever: Text | None
    on: Text | None
    always: Text | None
    step: Text | None
    eventually: Text | None
    possible: Text | None
    assuming: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScopeSyntax:
    instances: Pairs | None
    principals: tuple[tuple[Text, tuple[Text, ...]], ...]
    values: tuple[tuple[Text, tuple[Text, ...]], ...]
    unbounded: tuple[Text, ...]
    in_flight: Text | None
    late: Text | None
    span: Span


@dataclass(frozen=True, slots=True)
class MigrateSyntax:
    entity: Text
    states: Pairs | None
    data: Pairs | None
    span: Span


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole file. `policies` are the neighbouring `*.cedar` files, sorted by name."""

    source: Source
    name: Text
    doc: str
    properties: tuple[PropertySyntax, ...]
    roles: tuple[Text, ...]
    types: tuple[TypeSyntax, ...]
    constants: Pairs | None
    effects: tuple[EffectSyntax, ...]
    entities: tuple[EntitySyntax, ...]
    scope: ScopeSyntax | None
    accept: Pairs | None
    grandfathered: Pairs | None
    migrate: tuple[MigrateSyntax, ...]
    policies: tuple[Source, ...] = ()
