"""Signatures: what effects and entities say of themselves to others, before any body is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from temper.language.check.annotation import PLAIN, read_type
from temper.language.check.constant import value_of
from temper.language.check.declared import ActionName, Declared, EffectName, EntityName
from temper.language.check.findings import Findings, declared, did_you_mean, listed
from temper.language.check.names import Letters, check_names
from temper.language.check.place import Place
from temper.language.check.read import read_stored
from temper.language.python import mentions
from temper.language.syntax import ActionSyntax, CaseSyntax, EffectSyntax, EntitySyntax, Pairs, Text, Tree
from temper.machine import NEW, UNKNOWN, Field, Type, contains, initial, show


def declare_signatures(tree: Tree, words: Declared, findings: Findings) -> None:
    """Fill in the signatures of all effects and entities."""
    check_names((effect.name for effect in tree.effects), "effects", Letters.SMALL, findings)
    for effect in tree.effects:
        words.effects[effect.name.text] = _effect(effect, words, findings)
    for entity in tree.entities:
        words.entities[entity.name.text] = _entity(entity, words, findings)


def _effect(syntax: EffectSyntax, words: Declared, findings: Findings) -> EffectName:
    outcomes: dict[str, Mapping[str, Type | None]] = {}
    check_names((name for name, _ in syntax.outcomes), "outcomes", Letters.SMALL, findings)
    for name, fields in syntax.outcomes:
        if name.text == UNKNOWN:
            findings.add(
                "reserved-name",
                "every effect has the outcome `unknown`; it is not declared",
                name.span,
                reason="always there",
                notes=("it stands for attempts exhausted or an answer lost",),
            )
            continue
        check_names((field.name for field in fields), f"fields of `{name.text}`", Letters.SMALL, findings)
        outcomes[name.text] = {
            field.name.text: read_type(split_default(field.type_)[0], words, findings) for field in fields
        }
    params = read_params(syntax.params, words, findings)
    return EffectName(syntax.name.text, params, outcomes, syntax)


def split_default(text: Text) -> tuple[Text, Text | None]:
    """A type and what stands after its `=`."""
    at = text.text.find("=")
    if at < 0:
        return text, None
    return _part(text, 0, at), _part(text, at + 1, len(text.text))


def _part(text: Text, start: int, end: int) -> Text:
    """A stretch of a scalar, without the blanks around it, that still knows its place."""
    while start < end and text.text[start].isspace():
        start += 1
    while end > start and text.text[end - 1].isspace():
        end -= 1
    offsets = text.offsets[start : end + 1] if text.offsets else ()
    return replace(text, text=text.text[start:end], span=text.at(start, end), lead=0, offsets=offsets, plain=False)


def read_params(params: Pairs | None, words: Declared, findings: Findings) -> dict[str, Type | None]:
    """Parameters by name; None for a type that could not be read."""
    items = params.items if params else ()
    check_names((name for name, _ in items), "parameters", Letters.SMALL, findings)
    found: dict[str, Type | None] = {}
    for name, text in items:
        type_text, default = split_default(text)
        if default is not None:
            findings.add(
                "bad-type",
                f"the parameter `{name.text}` has a default, but every argument is given",
                default.span,
                reason="a parameter has no default",
            )
        found[name.text] = read_type(type_text, words, findings)
    return found


def _entity(syntax: EntitySyntax, words: Declared, findings: Findings) -> EntityName:
    name = syntax.name.text
    states = check_names(syntax.states, f"states of `{name}`", Letters.SMALL, findings)
    world = is_true(syntax.world)
    if world and syntax.single is not None and not is_true(syntax.single):
        findings.add(
            "world-entity",
            f"`{name}` is the outside world, so it is single",
            syntax.single.span,
            reason="a world entity has exactly one instance",
        )
    check_names((action.name for action in syntax.actions), f"actions of `{name}`", Letters.SMALL, findings)
    check_names((timer.name for timer in syntax.timers), f"timers of `{name}`", Letters.SMALL, findings)
    return EntityName(
        name=name,
        single=world or is_true(syntax.single),
        world=world,
        fields=_fields(syntax, words, findings),
        states=tuple(states),
        final=tuple(check_states(syntax.final, syntax, findings)),
        actions={action.name.text: _action(action, words, findings) for action in syntax.actions},
        timers=tuple(timer.name.text for timer in syntax.timers),
        syntax=syntax,
    )


def is_true(flag: Text | None) -> bool:
    """Whether a flag is there and set."""
    return flag is not None and flag.text == "true"


def check_states(listed_states: tuple[Text, ...], entity: EntitySyntax, findings: Findings) -> list[str]:
    """The names that are states of the entity; the others are findings."""
    return [text.text for text in listed_states if is_state(text, entity, findings)]


def is_state(text: Text, entity: EntitySyntax, findings: Findings) -> bool:
    """Whether a name is a state of the entity, or a finding."""
    known = [state.text for state in entity.states]
    if text.text in known:
        return True
    findings.add(
        "unknown-state",
        f"`{entity.name.text}` has no state `{text.text}`",
        text.span,
        reason="not one of its states",
        labels=declared(entity.states[0].span if entity.states else None, "its states are listed here"),
        notes=(f"its states are {listed(known)}",),
        helps=did_you_mean(text.span, text.text, known),
    )
    return False


def _fields(syntax: EntitySyntax, words: Declared, findings: Findings) -> dict[str, Field | None]:
    items = syntax.data.items if syntax.data else ()
    check_names((name for name, _ in items), f"fields of `{syntax.name.text}`", Letters.SMALL, findings)
    fields: dict[str, Field | None] = {}
    for name, text in items:
        if name.text in words.members or name.text in PLAIN:
            _taken(name, words, findings)
        fields[name.text] = _field(name, text, words, findings)
    return fields


def _taken(name: Text, words: Declared, findings: Findings) -> None:
    what = "a state or member" if name.text in words.members else "a type"
    findings.add(
        "name-taken",
        f"a field cannot be called `{name.text}`, which is {what} in this blueprint",
        name.span,
        reason="in an expression nobody could tell which is meant",
        labels=declared(words.members.get(name.text), f"{what} of that name"),
    )


def _field(name: Text, text: Text, words: Declared, findings: Findings) -> Field | None:
    type_text, default = split_default(text)
    type_ = read_type(type_text, words, findings)
    if type_ is None:
        return None
    if default is None:
        return Field(name.text, type_, initial(type_), span=name.span)
    place = Place(words, f"the default of `{name.text}`")
    found = read_stored(default, type_, place, findings)
    if found is None:
        return None
    value = value_of(found)
    if not contains(type_, value):
        findings.add(
            "literal-out-of-range",
            f"the default of `{name.text}` is no {type_}: it is {show(type_, value)}",
            default.span,
            reason="outside of its range or size",
        )
        return None
    return Field(name.text, type_, value, span=name.span)


def _action(syntax: ActionSyntax, words: Declared, findings: Findings) -> ActionName:
    return ActionName(
        name=syntax.name.text,
        params=read_params(syntax.params, words, findings),
        constructor=any(text.text == NEW for text in syntax.from_),
        caller=next((text.span for text in _expressions(syntax) if mentions(text, "caller")), None),
        by=tuple(text.text for text in syntax.by),
        syntax=syntax,
    )


def _expressions(action: ActionSyntax) -> Iterator[Text]:
    """Every expression that a call of the action evaluates."""
    for case in (action.common, *action.cases):
        yield from _in_case(case)


def _in_case(case: CaseSyntax) -> Iterator[Text]:
    if case.when is not None:
        yield case.when
    for target, value in case.set_.items if case.set_ else ():
        yield from (target, value)
    withs = (
        *(do.with_ for do in case.do),
        *(send.with_ for send in case.send),
        *(spawn.with_ for spawn in case.spawn),
    )
    for with_ in withs:
        yield from (value for _, value in with_.items) if isinstance(with_, Pairs) else with_
    yield from (send.to for send in case.send)
