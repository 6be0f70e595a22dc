"""Answers about who may do what, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from temper.machine import NEW, TransitionTable
from temper.verify.access import Changed, Changes, Example, Remark, Way, WhoCan
from temper.verify.reach import Attempt, Gets, Never, NotWithin, Open, Reach
from temper.verify.text import trace_text, value_text

FOR_ALL = "for every name, set of roles, value and argument"


def who_can_lines(table: TransitionTable, answer: WhoCan) -> Iterator[str]:
    """Who can call an action, an example of each way, and that nobody else can."""
    yield f"{answer.entity}.{answer.action}, from {' or '.join(answer.states)}"
    for way in answer.ways:
        yield f"  {_who(answer, way)}"
        yield from (f"    by {each}" for each in way.by)
        yield from (f"    unless {each}" for each in way.unless)
        yield f"    {_as_in(table, way)}"
    if answer.ways and answer.guard:
        yield f"  and only if {answer.guard}"
    if answer.causes:
        yield f"  the machine calls it, and asks no policy: {'; '.join(answer.causes)}"
    yield from (f"  taken as if it held, because it was not translated: {each}" for each in answer.untranslated)
    yield f"  {_nobody(answer)}"


def reach_lines(table: TransitionTable, answer: Reach) -> Iterator[str]:
    """Who can drive an instance into a state, and whether it takes two people."""
    yield f"{answer.entity} in {answer.state}"
    if isinstance(answer.anybody.reached, Never):
        yield f"  anybody alone, whatever their roles: {_reached(answer.anybody)}"
    else:
        roles = f" [{', '.join(table.roles)}]" if table.roles else ""
        yield f"  anybody alone, with every role{roles}: {_reached(answer.anybody)}"
        for attempt in answer.alone:
            yield f"  {_people(attempt)} alone: {_reached(attempt)}"
    yield f"  {_people(answer.together)} together: {_reached(answer.together)}"
    yield _conclusion(answer)
    shown = next(
        (each for each in (answer.anybody, *answer.alone, answer.together) if isinstance(each.reached, Gets)), None
    )
    if shown is not None and isinstance(shown.reached, Gets):
        yield from trace_text(shown.reached.table, shown.reached.trace).splitlines()


def attempt_lines(entity: str, state: str, attempt: Attempt) -> Iterator[str]:
    """Whether one principal alone can drive an instance into a state."""
    yield f"{entity} in {state}"
    yield f"  {_people(attempt)} alone: {_reached(attempt)}"
    if isinstance(attempt.reached, Gets):
        yield from trace_text(attempt.reached.table, attempt.reached.trace).splitlines()


def remark_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    """The policies that decide nothing."""
    for remark in remarks:
        yield f"{remark.policy} ({'forbid' if remark.forbids else 'permit'}) {remark.kind.value}: {remark.because}"
        yield f"  {remark.text}"


def change_lines(old: TransitionTable, new: TransitionTable, found: Changes) -> Iterator[str]:
    """What is newly allowed and newly denied, with an example of each."""
    for each in found.changed:
        word, table = ("allowed", new) if each.allowed else ("denied", old)
        yield f"newly {word}: {each.entity}.{each.action} by {_called(each.roles, each.callers)}"
        if each.example is None:
            yield "  no example that Cedar confirms was found"
        else:
            yield f"  as in: {example_text(table, each.example)}"
            yield f"  {_told(each)}"
    yield from (f"not compared: {each}" for each in found.open)
    yield from (f"taken as if it held or not, because it was not translated: {each}" for each in found.untranslated)


def example_text(table: TransitionTable, example: Example) -> str:
    """One call in words: who calls what, of which instance, with what in it."""
    cell, call = example.cell, example.call
    entity = table.entity(cell.entity)
    args = ", ".join(f"{name}: {value_text(value)}" for name, value in call.args.items())
    who = f"{call.caller} [{', '.join(sorted(call.roles))}]"
    place = cell.entity if entity.single else f"{cell.entity} {cell.id}"
    if cell.control == NEW:
        return f"{who} calls {call.action}({args}), which makes {place}"
    held = ", ".join(
        f"{field.name}: {value_text(value)}" for field, value in zip(entity.fields, cell.data, strict=True)
    )
    return f"{who} calls {call.action}({args}) of {place} in {cell.control}" + (f" ({held})" if held else "")


def _who(answer: WhoCan, way: Way) -> str:
    if answer.person:
        return f"{answer.person} [{', '.join(way.roles)}] can"
    return _called(way.roles, way.callers)


def _called(roles: Sequence[str], callers: Sequence[str]) -> str:
    """Who it is about.

    >>> _called(["lead", "security"], []), _called([], ["zoe"])
    ('whoever is lead and security', 'zoe alone')
    """
    if callers:
        named = f"{' or '.join(callers)} alone"
        return f"{named}, being {' and '.join(roles)}" if roles else named
    return f"whoever is {' and '.join(roles)}" if roles else "anybody, whatever their roles"


def _as_in(table: TransitionTable, way: Way) -> str:
    if way.example is None:
        return "no example that Cedar confirms was found"
    more = "" if way.example.applied else f"; the gate lets it pass, and then {way.example.because}"
    return f"as in: {example_text(table, way.example)}{more}"


def _nobody(answer: WhoCan) -> str:
    if not answer.complete:
        return "there may be other ways: the solver was not done in time, or they are too many to list"
    if answer.person:
        return "" if answer.ways else f"{answer.person} never can, proved for every value: {answer.why_not}"
    return f"{'nobody else' if answer.ways else 'nobody'} can, proved {FOR_ALL}"


def _people(attempt: Attempt) -> str:
    named = [f"{name} [{', '.join(roles)}]" for name, roles in attempt.people]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _reached(attempt: Attempt) -> str:
    match attempt.reached:
        case Gets(trace, _, callers):
            steps = len(trace.steps)
            by = f", calls by {', '.join(callers)}" if callers else ""
            return f"yes, in {steps} step{'' if steps == 1 else 's'}{by}"
        case Never(because):
            return f"never, proved {because}"
        case NotWithin(scope, states):
            return f"no, in all {states:,} states within {scope}"
        case Open(because):
            return f"nobody knows: {because}"
        case _:
            assert_never(attempt.reached)


def _conclusion(answer: Reach) -> str:
    match answer.takes_two:
        case True:
            known = "" if isinstance(answer.anybody.reached, Never) else ", within this scope"
            return f"it takes more than one person{known}"
        case False:
            return "one person is enough"
        case _:
            return "whether it takes more than one person is not known"


def _told(each: Changed) -> str:
    assert each.example is not None, "what is told has an example"
    before = each.before.because if each.before is not None else ""
    passed = f"let pass by {each.example.because}"
    return f"{'now' if each.allowed else 'before'} {passed}, {'before' if each.allowed else 'now'} rejected: {before}"
