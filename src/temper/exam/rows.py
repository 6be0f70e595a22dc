"""Faults in rows: an update dropped, another target, a case gone or moved, a state more or less to start from."""

from __future__ import annotations

from collections.abc import Iterator

from temper.exam.fault import Fault
from temper.exam.places import Place, actions, parts
from temper.language import Sheet
from temper.report import Edit

NEW, ANY = "new", "any"


def row_faults(sheet: Sheet) -> Iterator[Fault]:
    """Every fault in what a row does to its own instance, and where it may start."""
    for action in actions(sheet):
        for part in parts(sheet, action):
            for field in sheet.keys(*part.path, "set"):
                message = f"{part.said} no longer sets `{field}`"
                yield _fault("update-dropped", part, message, sheet.without((*part.path, "set", field)))
            yield from _other_targets(sheet, part)
        yield from _cases(sheet, action)
        yield from _sources(sheet, action)


def _other_targets(sheet: Sheet, part: Place) -> Iterator[Fault]:
    """Goes to the next state that is listed instead, or stays where it is."""
    path = (*part.path, "to")
    target, states = sheet.word(*path), sheet.words("entities", part.entity, "states")
    if target not in states:
        return
    if len(states) > 1:
        other = states[(states.index(target) + 1) % len(states)]
        message = f"{part.said} goes to `{other}` instead of `{target}`"
        yield _fault("target-swapped", part, message, sheet.replaced(path, other))
    yield _fault("target-dropped", part, f"{part.said} no longer goes to `{target}`", sheet.without(path))


def _cases(sheet: Sheet, action: Place) -> Iterator[Fault]:
    path = (*action.path, "cases")
    places = sheet.places(*path)
    if len(places) < 2:
        return
    for number in places:
        message = f"case {number} of `{action.name}` is gone"
        yield _fault("case-dropped", action, message, sheet.without((*path, number)))
    for number in places[1:]:
        message = f"cases {number - 1} and {number} of `{action.name}` change places"
        yield _fault("cases-swapped", action, message, *sheet.swapped((*path, number - 1), (*path, number)))


def _sources(sheet: Sheet, action: Place) -> Iterator[Fault]:
    path = (*action.path, "from")
    sources = sheet.words(*path)
    final, states = sheet.words("entities", action.entity, "final"), sheet.words("entities", action.entity, "states")
    if sources in {(NEW,), (ANY,)}:
        return
    if len(sources) > 1:
        for number, source in enumerate(sources):
            message = f"`{action.name}` may no longer start from `{source}`"
            yield _fault("source-dropped", action, message, sheet.without((*path, number)))
    for state in states:
        if state not in {*sources, *final}:
            message = f"`{action.name}` may start from `{state}`, too"
            wider = sheet.rewritten(path, f"[{', '.join((*sources, state))}]")
            yield _fault("source-added", action, message, wider)


def _fault(kind: str, part: Place, message: str, *edits: Edit) -> Fault:
    return Fault(kind, part.name, message, edits, part.name)
