"""Repairs that change what a row does: another update, another state, something else handed on or answered."""

from __future__ import annotations

from collections.abc import Iterator

from temper.exam import faults
from temper.language import Sheet
from temper.machine import (
    Action,
    BoolType,
    DurationType,
    Entity,
    EnumType,
    Gate,
    IntType,
    OptionType,
    PrincipalType,
    SetType,
    TransitionTable,
    Type,
)
from temper.pipeline import Read
from temper.repair.evidence import Evidence, Occasion
from temper.repair.guarding import spoken_of
from temper.repair.repair import AS_IT_IS, OTHER_RULES, WORLD, Repair

Path = tuple[str | int, ...]

TWEAKS = frozenset(
    {
        "guard-flipped",
        "comparison-by-one",
        "comparison-flipped",
        "quantifier-changed",
        "number-changed",
        "flag-flipped",
        "cases-swapped",
    }
)
"""Faults that, where something is wrong already, may be what puts it right: each says something else in few words."""
OMISSIONS = frozenset({"target-dropped", "update-dropped", "send-dropped", "do-dropped"})
"""Those that may do so by leaving something out."""
BEFORE_SET = ("doc", "by", "params", "from", "when", "set")
BEFORE_TO = (*BEFORE_SET, "cases", "to")


def changing(read: Read, sheet: Sheet, table: TransitionTable, shown: Evidence) -> Iterator[Repair]:
    """Small changes of the rows of the run."""
    for fault in faults(read):
        if fault.kind in TWEAKS | OMISSIONS and fault.action in shown.touched:
            is_world = table.entity(fault.action.partition(".")[0]).world
            yield Repair(fault.kind, fault.message, fault.edits, WORLD if is_world else AS_IT_IS, 1)
    sought = spoken_of(table, shown)
    for occasion in shown.occasions:
        entity = table.entity(occasion.entity)
        if entity.world:
            continue
        for path, said in _places(sheet, occasion):
            yield from _updates(sheet, entity, occasion, path, said, sought)
            yield from _targets(sheet, entity, path, said)
            yield from _other_messages(sheet, table, path, said)


def _places(sheet: Sheet, occasion: Occasion) -> Iterator[tuple[Path, str]]:
    """The action of the row and, where it has cases, the one that was taken."""
    path: Path = ("entities", occasion.entity, "actions", occasion.action)
    if not sheet.has(*path):
        return
    yield path, f"`{occasion.name}`"
    if occasion.case is not None and sheet.has(*path, "cases", occasion.case):
        yield (*path, "cases", occasion.case), f"case {occasion.case} of `{occasion.name}`"


def _updates(
    sheet: Sheet, entity: Entity, occasion: Occasion, path: Path, said: str, sought: frozenset[str]
) -> Iterator[Repair]:
    """Sets a field that the row leaves as it is."""
    action = entity.action(occasion.action)
    for field in entity.fields:
        if sheet.has(*path, "set", field.name):
            continue
        for value in _values(field.name, field.type, action):
            message = f"{said} sets `{field.name}` to {value}"
            if sheet.has(*path, "set"):
                edit = sheet.entry((*path, "set"), field.name, sheet.scalar(value))
            else:
                edit = sheet.entry(path, "set", f"{{{field.name}: {sheet.scalar(value)}}}", after=BEFORE_SET)
            yield Repair("update-added", message, (edit,), OTHER_RULES, 0 if field.name in sought else 1)


def _values(name: str, type_: Type, action: Action) -> Iterator[str]:
    """What a field could be set to: members, none, an argument, who calls, one more, one member more."""
    base = type_.of if isinstance(type_, OptionType) else type_
    given = [param for param in action.params if param.type in {type_, base}]
    by_people = action.gate in {Gate.ROLES, Gate.POLICY}
    match type_:
        case BoolType():
            yield from ("True", "False")
        case EnumType(members=members):
            yield from members
        case OptionType():
            yield "None"
        case IntType(lo, _):
            yield f"{name} + 1"
            yield f"{name} - 1"
            yield str(max(lo, 0))
        case SetType(of):
            yield from (f"{name} | {{args.{param.name}}}" for param in action.params if param.type == of)
            yield from (f"{name} - {{args.{param.name}}}" for param in action.params if param.type == of)
            if of == PrincipalType() and by_people:
                yield f"{name} | {{caller}}"
            yield "set()"
        case DurationType():
            return
    yield from (f"args.{param.name}" for param in given)
    if base == PrincipalType() and by_people:
        yield "caller"


def _targets(sheet: Sheet, entity: Entity, path: Path, said: str) -> Iterator[Repair]:
    """Goes to another state than it does."""
    target = sheet.word(*path, "to")
    for state in entity.states:
        if state == target:
            continue
        message = f"{said} goes to `{state}`"
        if target:
            yield Repair("target-changed", message, (sheet.replaced((*path, "to"), state),), OTHER_RULES)
        else:
            yield Repair("target-added", message, (sheet.entry(path, "to", state, after=BEFORE_TO),), OTHER_RULES)


def _other_messages(sheet: Sheet, table: TransitionTable, path: Path, said: str) -> Iterator[Repair]:
    """Sends another message to the same instance."""
    for number in sheet.places(*path, "send"):
        sent = sheet.word(*path, "send", number, "action")
        receivers = [each for each in table.entities if any(action.name == sent for action in each.actions)]
        for receiver in receivers:
            wanted = receiver.action(sent).params
            for other in receiver.actions:
                if other.name != sent and other.params == wanted and not other.is_constructor:
                    message = f"{said} sends `{other.name}` instead of `{sent}`"
                    yield Repair(
                        "message-changed",
                        message,
                        (sheet.replaced((*path, "send", number, "action"), other.name),),
                        OTHER_RULES,
                    )
