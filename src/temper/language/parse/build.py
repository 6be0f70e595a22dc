"""From what was read by shape to the tree. Nothing is judged here: whatever could be read is well-shaped."""

from __future__ import annotations

from temper.language.parse.grammar import RETRY
from temper.language.parse.read import Entries, Fields, Items, Value
from temper.language.syntax import (
    ActionSyntax,
    CaseSyntax,
    DoSyntax,
    EffectSyntax,
    EntitySyntax,
    EnumSyntax,
    MigrateSyntax,
    Pairs,
    PerformsSyntax,
    PropertySyntax,
    ScopeSyntax,
    SendSyntax,
    SpawnSyntax,
    TargetSyntax,
    TellSyntax,
    Text,
    TimerSyntax,
    Tree,
    TypeSyntax,
)
from temper.report import Source


def build(source: Source, root: Fields, policies: tuple[Source, ...]) -> Tree:
    """The tree of a blueprint that was read without a hole."""
    return Tree(
        source=source,
        name=_needed(root, "blueprint"),
        doc=_doc(root),
        properties=tuple(_property(name, one) for name, one in _records(root, "properties")),
        roles=_texts(root, "roles"),
        types=_types(root),
        constants=_pairs(root, "constants"),
        effects=tuple(_effect(name, one) for name, one in _records(root, "effects")),
        entities=tuple(_entity(name, one) for name, one in _records(root, "entities")),
        scope=_scope(root.values.get("scope")),
        accept=_pairs(root, "accept"),
        grandfathered=_pairs(root, "grandfathered"),
        migrate=tuple(_migrate(name, one) for name, one in _records(root, "migrate")),
        policies=policies,
    )


def _property(name: Text, fields: Fields) -> PropertySyntax:
    return PropertySyntax(
        name,
        _doc(fields),
        for_=_text(fields, "for"),
        whenever=_text(fields, "whenever"),
        on=_text(fields, "on"),
        always=_text(fields, "always"),
        step=_text(fields, "step"),
        eventually=_text(fields, "eventually"),
        possible=_text(fields, "possible"),
        assuming=_texts(fields, "assuming"),
        span=fields.span,
    )


def _types(root: Fields) -> tuple[TypeSyntax, ...]:
    types: list[TypeSyntax] = []
    for name, value in _entries(root, "types"):
        if isinstance(value, Items):
            types.append(TypeSyntax(name, EnumSyntax(_all_texts(value), value.span)))
        elif isinstance(value, Text):
            types.append(TypeSyntax(name, value))
    return tuple(types)


def _effect(name: Text, fields: Fields) -> EffectSyntax:
    return EffectSyntax(
        name,
        _doc(fields),
        params=_pairs(fields, "params"),
        outcomes=tuple((outcome, _tells(value)) for outcome, value in _entries(fields, "outcomes")),
        delivery=_text(fields, "delivery"),
        fenced=_text(fields, "fenced"),
        performs=_performs(fields.values.get("performs")),
        timeout=_text(fields, "timeout"),
        retry=_retry(fields.values.get("retry")),
        span=fields.span,
    )


def _tells(value: Value) -> tuple[TellSyntax, ...]:
    assert isinstance(value, Entries), "an outcome's fields are a mapping"
    return tuple(TellSyntax(name, type_) for name, type_ in value.items if isinstance(type_, Text))


def _performs(value: Value | None) -> PerformsSyntax | None:
    if not isinstance(value, Fields):
        return None
    return PerformsSyntax(
        _needed(value, "call"), _with(value), _texts(value, "surely"), _texts(value, "not"), value.span
    )


def _retry(value: Value | None) -> Pairs | None:
    if not isinstance(value, Fields):
        return None
    items = ((value.keys[key.name], value.values[key.name]) for key in RETRY.keys if key.name in value.values)
    return Pairs(tuple((key, one) for key, one in items if isinstance(one, Text)), value.span)


def _entity(name: Text, fields: Fields) -> EntitySyntax:
    return EntitySyntax(
        name,
        _doc(fields),
        single=_text(fields, "single"),
        world=_text(fields, "world"),
        data=_pairs(fields, "data"),
        states=_texts(fields, "states"),
        final=_texts(fields, "final"),
        waits=_texts(fields, "waits"),
        actions=tuple(_action(action, one) for action, one in _records(fields, "actions")),
        timers=tuple(_timer(timer, one) for timer, one in _records(fields, "timers")),
        span=fields.span,
    )


def _action(name: Text, fields: Fields) -> ActionSyntax:
    return ActionSyntax(
        name,
        _doc(fields),
        by=_texts(fields, "by"),
        params=_pairs(fields, "params"),
        from_=_texts(fields, "from"),
        common=_case(fields),
        cases=tuple(_case(one) for one in _items(fields, "cases")),
        span=fields.span,
    )


def _case(fields: Fields) -> CaseSyntax:
    return CaseSyntax(
        when=_text(fields, "when"),
        set_=_pairs(fields, "set"),
        to=_text(fields, "to"),
        do=tuple(_do(one) for one in _items(fields, "do")),
        send=tuple(_send(one) for one in _items(fields, "send")),
        spawn=tuple(_spawn(one) for one in _items(fields, "spawn")),
        restart=_texts(fields, "restart"),
        span=fields.span,
    )


def _do(fields: Fields) -> DoSyntax:
    then = ((outcome, _target(value)) for outcome, value in _entries(fields, "then"))
    return DoSyntax(
        _needed(fields, "effect"),
        _with(fields),
        _text(fields, "replaces"),
        tuple((outcome, target) for outcome, target in then if target is not None),
        fields.span,
    )


def _send(fields: Fields) -> SendSyntax:
    refused = _target(fields.values.get("refused"))
    return SendSyntax(_needed(fields, "to"), _needed(fields, "action"), _with(fields), refused, fields.span)


def _spawn(fields: Fields) -> SpawnSyntax:
    return SpawnSyntax(
        _needed(fields, "entity"),
        _needed(fields, "action"),
        _with(fields),
        _text(fields, "as"),
        _target(fields.values.get("refused")),
        fields.span,
    )


def _timer(name: Text, fields: Fields) -> TimerSyntax:
    target = _target(fields.values.get("do"))
    assert target is not None, "a timer's `do` is required"
    return TimerSyntax(name, _texts(fields, "in"), _needed(fields, "after"), target, fields.span)


def _scope(value: Value | None) -> ScopeSyntax | None:
    if not isinstance(value, Fields):
        return None
    return ScopeSyntax(
        instances=_pairs(value, "instances"),
        principals=_lists(value, "principals"),
        values=_lists(value, "values"),
        unbounded=_texts(value, "unbounded"),
        in_flight=_text(value, "in_flight"),
        late=_text(value, "late"),
        span=value.span,
    )


def _migrate(name: Text, fields: Fields) -> MigrateSyntax:
    return MigrateSyntax(name, _pairs(fields, "states"), _pairs(fields, "data"), fields.span)


def _target(value: Value | None) -> TargetSyntax | None:
    if isinstance(value, Text):
        return TargetSyntax((value,), value.span)
    if isinstance(value, Items):
        return TargetSyntax(_all_texts(value), value.span)
    return None


def _with(fields: Fields) -> Pairs | tuple[Text, ...]:
    value = fields.values.get("with")
    return _all_texts(value) if isinstance(value, Items) else _pairs(fields, "with") or ()


def _needed(fields: Fields, key: str) -> Text:
    value = fields.values.get(key)
    assert isinstance(value, Text), f"`{key}` is required and a scalar"
    return value


def _text(fields: Fields, key: str) -> Text | None:
    value = fields.values.get(key)
    return value if isinstance(value, Text) else None


def _doc(fields: Fields) -> str:
    text = _text(fields, "doc")
    return text.text if text is not None else ""


def _texts(fields: Fields, key: str) -> tuple[Text, ...]:
    """The names under a key, whether one or several are written."""
    value = fields.values.get(key)
    if isinstance(value, Text):
        return (value,)
    return _all_texts(value) if isinstance(value, Items) else ()


def _all_texts(items: Items) -> tuple[Text, ...]:
    return tuple(item for item in items.items if isinstance(item, Text))


def _pairs(fields: Fields, key: str) -> Pairs | None:
    value = fields.values.get(key)
    if not isinstance(value, Entries):
        return None
    return Pairs(tuple((name, one) for name, one in value.items if isinstance(one, Text)), value.span)


def _entries(fields: Fields, key: str) -> tuple[tuple[Text, Value], ...]:
    value = fields.values.get(key)
    return value.items if isinstance(value, Entries) else ()


def _records(fields: Fields, key: str) -> tuple[tuple[Text, Fields], ...]:
    return tuple((name, value) for name, value in _entries(fields, key) if isinstance(value, Fields))


def _items(fields: Fields, key: str) -> tuple[Fields, ...]:
    value = fields.values.get(key)
    return tuple(item for item in value.items if isinstance(item, Fields)) if isinstance(value, Items) else ()


def _lists(fields: Fields, key: str) -> tuple[tuple[Text, tuple[Text, ...]], ...]:
    return tuple((name, _all_texts(value)) for name, value in _entries(fields, key) if isinstance(value, Items))
