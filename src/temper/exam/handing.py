"""Faults in what is handed on and what comes back: a delivery dropped, an answer let pass, a timer gone."""

from __future__ import annotations

from collections.abc import Iterator

from temper.exam.fault import Fault
from temper.exam.places import Place, actions, deliveries, parts, targets
from temper.language import Sheet

IGNORE = "ignore"


def handing_faults(sheet: Sheet) -> Iterator[Fault]:
    """Every fault in effects, messages, spawns, their answers, and timers."""
    for effect in sheet.keys("effects"):
        if sheet.word("effects", effect, "fenced") and sheet.has("effects", effect, "performs"):
            message = f"`{effect}` is not fenced: a late request may overtake a newer one"
            yield Fault("fence-dropped", effect, message, (sheet.without(("effects", effect, "fenced")),))
    for action in actions(sheet):
        for part in parts(sheet, action):
            yield from _of_deliveries(sheet, part)
            yield from _of_targets(sheet, part)
    for entity in sheet.keys("entities"):
        yield from _of_timers(sheet, entity)


def _of_deliveries(sheet: Sheet, part: Place) -> Iterator[Fault]:
    for kind, path in deliveries(sheet, part):
        what = {"do": "effect", "send": "action", "spawn": "entity"}[kind]
        name = sheet.word(*path, what)
        did = {"do": f"asks for `{name}`", "send": f"sends `{name}`", "spawn": f"makes a `{name}`"}[kind]
        message = f"{part.said} no longer {did}"
        yield Fault(f"{kind}-dropped", part.name, message, (sheet.without(path),), part.name)
        if sheet.word(*path, "replaces") == "true":
            message = f"`{name}` of {part.said} no longer replaces earlier requests"
            edits = (sheet.without((*path, "replaces")),)
            yield Fault("replaces-dropped", part.name, message, edits, part.name)


def _of_targets(sheet: Sheet, part: Place) -> Iterator[Fault]:
    for answer, path in targets(sheet, part):
        names = sheet.words(*path)
        if names == (IGNORE,):
            continue
        kind = "refusal-dropped" if path[-1] == "refused" else "outcome-ignored"
        message = f"{answer}, asked for by {part.said}, is ignored"
        yield Fault(kind, part.name, message, (sheet.replaced(path, IGNORE),), part.name)
        if len(names) > 1:
            for number, name in enumerate(names):
                if {*names[:number], *names[number + 1 :]} == {IGNORE}:  # that is planted already
                    continue
                message = f"`{name}` is no target of {answer} any more, asked for by {part.said}"
                edits = (sheet.without((*path, number)),)
                yield Fault("target-shortened", part.name, message, edits, part.name)


def _of_timers(sheet: Sheet, entity: str) -> Iterator[Fault]:
    for timer in sheet.keys("entities", entity, "timers"):
        path, where = ("entities", entity, "timers", timer), f"{entity}.{timer}"
        yield Fault("timer-removed", where, f"there is no timer `{timer}`", (sheet.without(path),))
        states, names = sheet.words(*path, "in"), sheet.words(*path, "do")
        if len(states) > 1:
            for number, state in enumerate(states):
                message = f"`{timer}` no longer runs in `{state}`"
                yield Fault("timer-shortened", where, message, (sheet.without((*path, "in", number)),))
        if len(names) > 1:
            for number, name in enumerate(names):
                message = f"`{name}` is no target of the timer `{timer}` any more"
                yield Fault("target-shortened", where, message, (sheet.without((*path, "do", number)),))
