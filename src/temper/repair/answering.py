"""Repairs of what comes back, and of what comes by itself: targets, timers, exits, what a promise rests on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from temper.language import Sheet
from temper.machine import AGAIN, IGNORE, DeliveryKind, Entity, PropertyKind, TransitionTable
from temper.repair.evidence import Evidence
from temper.repair.repair import AS_IT_IS, OTHER_RULES, WEAKER, WORLD, Repair
from temper.report import Edit

Path = tuple[str | int, ...]

USUAL_DELAY = "1h"


def answering(sheet: Sheet, table: TransitionTable, shown: Evidence) -> Iterator[Repair]:
    """Targets of what was handed on, and the kinds of delivery; timers and exits where nothing comes by itself."""
    for entity in shown.entities:
        for path, said in _answers(sheet, entity):
            yield from _targets(sheet, table.entity(entity), path, said)
        for path, effect in _requests(sheet, entity):
            if not sheet.has(*path, "replaces"):
                message = f"`{effect}` of `{entity}.{path[3]}` replaces earlier requests"
                edit = sheet.entry(path, "replaces", "true", after=("effect", "with"))
                yield Repair("replaces-added", message, (edit,))
        yield from _timers(sheet, table.entity(entity), shown)
    yield from _effects(sheet, table)
    yield from _assumptions(sheet, table, shown)


def _answers(sheet: Sheet, entity: str) -> Iterator[tuple[Path, str]]:
    """Where targets stand: of outcomes, of refusals, of timers."""
    for path, effect in _requests(sheet, entity):
        for outcome in sheet.keys(*path, "then"):
            yield (*path, "then", outcome), f"{effect}.{outcome}, asked for by `{entity}.{path[3]}`,"
    for action in sheet.keys("entities", entity, "actions"):
        for part in _parts(sheet, ("entities", entity, "actions", action)):
            for kind in ("send", "spawn"):
                for number in sheet.places(*part, kind):
                    yield (*part, kind, number, "refused"), f"a refusal of what `{entity}.{action}` sends"
    for timer in sheet.keys("entities", entity, "timers"):
        yield ("entities", entity, "timers", timer, "do"), f"the timer `{timer}`"


def _requests(sheet: Sheet, entity: str) -> Iterator[tuple[Path, str]]:
    for action in sheet.keys("entities", entity, "actions"):
        for part in _parts(sheet, ("entities", entity, "actions", action)):
            for number in sheet.places(*part, "do"):
                yield (*part, "do", number), sheet.word(*part, "do", number, "effect")


def _parts(sheet: Sheet, path: Path) -> Iterator[Path]:
    yield path
    yield from ((*path, "cases", number) for number in sheet.places(*path, "cases"))


def _targets(sheet: Sheet, entity: Entity, path: Path, said: str) -> Iterator[Repair]:
    """One target more at the end of the list, or another in the place of the only one."""
    names = sheet.words(*path)
    others = [IGNORE, AGAIN, *(action.name for action in entity.actions if not action.is_constructor)]
    for other in (name for name in others if name not in names):
        if names and names[-1] not in {IGNORE, AGAIN}:
            message = f"{said} leads to {other} where nothing else fits"
            yield Repair("target-added", message, (sheet.rewritten(path, f"[{', '.join((*names, other))}]"),))
        if len(names) == 1:
            message = f"{said} leads to {other} instead of {names[0]}"
            yield Repair("answer-changed", message, (sheet.replaced(path, other),), relevance=1)


def _timers(sheet: Sheet, entity: Entity, shown: Evidence) -> Iterator[Repair]:
    """Where an instance stands at the end, and stays: a timer, an older one that runs here, too, or a new way out."""
    kind, _, where = shown.finding.name.partition(":")
    if entity.world:
        return
    stays = [where.partition(".")[2]] if kind == "moves" and where.startswith(f"{entity.name}.") else []
    if not stays:
        stays = [cell.control for cell in shown.trace.final if cell.entity == entity.name]
    path: Path = ("entities", entity.name)
    for state in dict.fromkeys(state for state in stays if state not in entity.final):
        for timer in sheet.keys(*path, "timers"):
            states = sheet.words(*path, "timers", timer, "in")
            if state not in states:
                message = f"the timer `{timer}` runs in `{state}`, too"
                edit = sheet.rewritten((*path, "timers", timer, "in"), f"[{', '.join((*states, state))}]")
                yield Repair("timer-extended", message, (edit,), OTHER_RULES)
        ready = [action.name for action in entity.actions if state in action.sources and not action.params]
        for action in ready:
            yield _timer(sheet, path, state, action)
            sources = entity.action(action).sources
            if len(sources) > 1:
                yield _timer(sheet, path, f"[{', '.join(sources)}]", action)
        for first, second in permutations(ready, 2):
            yield _timer(sheet, path, state, f"[{first}, {second}]")
        for other in entity.states:
            if other != state:
                yield _exit(sheet, entity, path, state, other)


def _timer(sheet: Sheet, path: Path, state: str, action: str) -> Repair:
    message = f"a timer in `{state}` does {action}"
    text = f"{{in: {state}, after: {USUAL_DELAY}, do: {action}}}"
    name = f"{state.partition(',')[0].strip('[')}_for_long"
    if sheet.has(*path, "timers"):
        return Repair("timer-added", message, (sheet.entry((*path, "timers"), name, text),), OTHER_RULES)
    return Repair("timer-added", message, (_timers_entry(sheet, path, name, text),), OTHER_RULES)


def _timers_entry(sheet: Sheet, path: Path, name: str, text: str) -> Edit:
    return sheet.entry(path, "timers", f"{{{name}: {text}}}", after=sheet.keys(*path))


def _exit(sheet: Sheet, entity: Entity, path: Path, state: str, other: str) -> Repair:
    """A new action for the machine alone, and the timer that calls it."""
    leave = f"leave_{state}"
    message = f"after a while `{entity.name}` goes from `{state}` to `{other}` by itself"
    action = sheet.entry((*path, "actions"), leave, f"{{from: {state}, to: {other}}}")
    text = f"{{in: {state}, after: {USUAL_DELAY}, do: {leave}}}"
    if sheet.has(*path, "timers"):
        timer = sheet.entry((*path, "timers"), f"{state}_for_long", text)
    else:
        timer = _timers_entry(sheet, path, f"{state}_for_long", text)
    return Repair("exit-added", message, (action, timer), OTHER_RULES, 1)


def _effects(sheet: Sheet, table: TransitionTable) -> Iterator[Repair]:
    """Another kind of delivery, or a fence, for effects that do something out there."""
    for effect in table.effects:
        path: Path = ("effects", effect.name)
        if effect.performs is None or not sheet.has(*path):
            continue
        if not effect.fenced:
            edit = sheet.entry(path, "fenced", "true", after=("doc", "params", "outcomes", "delivery"))
            yield Repair("fence-added", f"`{effect.name}` is fenced", (edit,), AS_IT_IS)
        for outcome in (each.name for each in effect.outcomes if each.name not in effect.performs.surely):
            message = f"{effect.name}.{outcome} is only said after it happened"
            names = ", ".join((*effect.performs.surely, outcome))
            inner = (*path, "performs")
            if sheet.has(*inner, "surely"):
                edit = sheet.rewritten((*inner, "surely"), f"[{names}]")
            else:
                edit = sheet.entry(inner, "surely", f"[{names}]")
            yield Repair("surely-added", message, (edit,), WORLD)
        for kind in DeliveryKind:
            if kind is not effect.delivery:
                message = f"`{effect.name}` is delivered {kind.value}"
                yield Repair("delivery-changed", message, (sheet.replaced((*path, "delivery"), kind.value),))


def _assumptions(sheet: Sheet, table: TransitionTable, shown: Evidence) -> Iterator[Repair]:
    """What a promise could rest on, which nobody can see to but who runs it."""
    property_ = next((each for each in table.properties if each.name == shown.finding.name), None)
    if property_ is None or property_.kind is not PropertyKind.EVENTUALLY:
        return
    path: Path = ("properties", property_.name)
    for effect in (each for each in table.effects if each.name in shown.effects):
        for outcome in effect.outcomes:
            name = f"{effect.name}.{outcome.name}"
            message = f"`{property_.name}` assumes that {name} comes at last, asked again and again"
            if (effect.name, outcome.name) in property_.assuming:
                continue
            if sheet.has(*path, "assuming"):
                words = sheet.words(*path, "assuming")
                edit = sheet.rewritten((*path, "assuming"), f"[{', '.join((*words, name))}]")
            else:
                edit = sheet.entry(path, "assuming", f"[{name}]")
            yield Repair("assumption-added", message, (edit,), WEAKER)
