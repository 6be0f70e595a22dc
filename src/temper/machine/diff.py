"""What differs between two tables, in words: for `temper diff`, reviews and hot reload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from temper.machine.expression import Expression
from temper.machine.property import Property
from temper.machine.table import (
    Action,
    Case,
    Effect,
    Entity,
    Gate,
    Parameter,
    Request,
    Send,
    Spawn,
    Template,
    TransitionTable,
    Update,
)
from temper.machine.text import text
from temper.machine.value import show, show_duration


class DifferenceKind(StrEnum):
    """What became of a thing between two tables."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that only one table has, or that differs. `what` is a path such as `entity Deploy states`."""

    kind: DifferenceKind
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        match self.kind:
            case DifferenceKind.ADDED:
                return f"+ {self.what}" + (f": {self.after}" if self.after else "")
            case DifferenceKind.REMOVED:
                return f"- {self.what}" + (f": {self.before}" if self.before else "")
            case DifferenceKind.CHANGED:
                return f"~ {self.what}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


def diff(old: TransitionTable, new: TransitionTable) -> tuple[Difference, ...]:
    """Every difference in what the tables mean, in the order of the new one. Equal tables give none."""
    found = tuple(_compared(_facts(old), _facts(new)))
    if not found and old != new:
        return (Difference(DifferenceKind.CHANGED, "types of expressions", "as they were", "different ones"),)
    return found


Facts = dict[str, str]
"""A table flattened: what a thing is called, and what it says."""


def _compared(old: Facts, new: Facts) -> Iterator[Difference]:
    for what, before in old.items():
        if what not in new and not _within(what, old.keys() - new.keys()):
            yield Difference(DifferenceKind.REMOVED, what, before=before)
    for what, after in new.items():
        if what not in old:
            if not _within(what, new.keys() - old.keys()):
                yield Difference(DifferenceKind.ADDED, what, after=after)
        elif old[what] != after and not (_ORDER in what and _named(old[what]) != _named(after)):
            yield Difference(DifferenceKind.CHANGED, what, old[what], after)


def gates_differ(old: TransitionTable, new: TransitionTable) -> bool:
    """Whether people may be let through otherwise: by other policies, or by other roles."""
    return old.policies != new.policies or _gates(old) != _gates(new)


def _gates(table: TransitionTable) -> set[tuple[str, str, Gate, frozenset[str]]]:
    return {
        (entity.name, action.name, action.gate, frozenset(action.roles))
        for entity in table.entities
        for action in entity.actions
    }


_ORDER = "order of "


def _named(names: str) -> frozenset[str]:
    """An order is worth a line only where the same things stand in another one."""
    return frozenset(names.split(", "))


def _within(what: str, others: Iterable[str]) -> bool:
    """Whether it is a part of something that comes or goes as a whole, and need not be told by itself."""
    return any(what != other and what.startswith(f"{other} ") for other in others)


def _facts(table: TransitionTable) -> Facts:
    facts: Facts = {"blueprint": table.blueprint, "roles": ", ".join(table.roles)}
    facts |= {f"type {name}": _type(type_) for name, type_ in table.types}
    facts |= {f"constant {name}": show(type_, value) for name, value, type_ in table.constants}
    for effect in table.effects:
        facts |= _effect_facts(effect)
    for entity in table.entities:
        facts |= _entity_facts(entity)
    for item in table.properties:
        facts |= _property_facts(item)
    facts |= {f"policy file {name}": source for name, source in table.policies}
    return facts | _order(table)


def _order(table: TransitionTable) -> Facts:
    return {
        "order of entities": ", ".join(entity.name for entity in table.entities),
        "order of effects": ", ".join(effect.name for effect in table.effects),
        "order of properties": ", ".join(item.name for item in table.properties),
        "order of types": ", ".join(name for name, _ in table.types),
        "order of constants": ", ".join(name for name, _, _ in table.constants),
        "order of policy files": ", ".join(name for name, _ in table.policies),
    }


def _type(type_: object) -> str:
    members = getattr(type_, "members", None)
    return str(type_) if members is None else f"[{', '.join(members)}]"


def _effect_facts(effect: Effect) -> Facts:
    what = f"effect {effect.name}"
    facts = {
        what: "",
        f"{what} params": _params(effect.params),
        f"{what} delivery": effect.delivery.value + (", fenced" if effect.fenced else ""),
        f"{what} timeout": show_duration(effect.timeout),
        f"{what} retry": str(effect.retry).removeprefix("Retry"),
    }
    for outcome in effect.outcomes:
        told = "; ".join(f"{name} = {text(value)}" for name, value in outcome.told)
        facts[f"{what} outcome {outcome.name}"] = _params(outcome.fields) + (f" told {told}" if told else "")
    if effect.performs is not None:
        performs = effect.performs
        facts[f"{what} performs"] = (
            f"{performs.entity}.{performs.action}{_with(performs.args)}"
            f" surely {_names(performs.surely)} not {_names(performs.never)}"
        )
    return facts


def _entity_facts(entity: Entity) -> Facts:
    name = entity.name
    kind = "world " if entity.world else "single " if entity.single else ""
    facts: Facts = {f"entity {name}": kind, f"entity {name} states": _names(entity.states)}
    facts |= {f"entity {name} final": _names(entity.final), f"entity {name} waits": _names(entity.waits)}
    for field in entity.fields:
        facts[f"entity {name} field {field.name}"] = f"{field.type} = {show(field.type, field.initial)}"
    facts[f"entity {name} order of fields"] = _names(field.name for field in entity.fields)
    for action in entity.actions:
        facts |= _action_facts(f"entity {name} action {action.name}", action)
    facts[f"entity {name} order of actions"] = _names(action.name for action in entity.actions)
    for timer in entity.timers:
        facts[f"entity {name} timer {timer.name}"] = (
            f"in {_names(timer.states)} after {text(timer.after)} do {_names(timer.target)}"
        )
    return facts


def _action_facts(what: str, action: Action) -> Facts:
    by = _names(action.roles) if action.gate is Gate.ROLES else action.gate.value
    facts = {what: "", f"{what} by": by, f"{what} params": _params(action.params)}
    facts |= {f"{what} from": _names(action.sources), f"{what} when": _optional(action.guard)}
    facts[f"{what} set"] = _set(action.updates)
    for number, case in enumerate(action.cases, start=1):
        facts |= _case_facts(what if len(action.cases) == 1 else f"{what} case {number}", case)
    return facts


def _case_facts(what: str, case: Case) -> Facts:
    own = "its own " if " case " not in what else ""
    facts = {f"{what} {own}when": _optional(case.guard), f"{what} {own}set": _set(case.updates)}
    facts[f"{what} to"] = case.target or "stays"
    for position, template in enumerate(case.deliveries, start=1):
        facts[f"{what} delivery {position}"] = _template(template)
    return facts | {f"{what} restart": _names(case.restarts)}


def _property_facts(item: Property) -> Facts:
    what = f"property {item.name}"
    facts = {
        what: "",
        f"{what} for": _names(f"{name} in {entity}" for name, entity in item.variables),
        f"{what} whenever": _optional(item.whenever),
        f"{what} on": ".".join(item.on) if item.on else "",
        f"{what} assuming": _names(".".join(pair) for pair in item.assuming),
    }
    return facts | {f"{what} {item.kind.value}": text(item.body)}


def _template(template: Template) -> str:
    match template:
        case Request(effect, args, replaces, then):
            routes = ", ".join(f"{outcome}: {_names(target)}" for outcome, target in then)
            return f"do {effect}{_with(args)}" + (" replacing" if replaces else "") + f" then {routes}"
        case Send(to, entity, action, args, refused):
            return f"send {entity}.{action}{_with(args)} to {text(to)}, refused {_names(refused)}"
        case Spawn(entity, action, args, into, refused):
            kept = f" as {into}" if into else ""
            return f"spawn {entity}.{action}{_with(args)}{kept}, refused {_names(refused)}"


def _set(updates: tuple[Update, ...]) -> str:
    named = ((f"{u.name}[{text(u.key)}]" if u.key else u.name, text(u.value)) for u in updates)
    return ", ".join(f"{name}: {value}" for name, value in named)


def _with(args: tuple[tuple[str, Expression], ...]) -> str:
    return "(" + ", ".join(f"{name}: {text(value)}" for name, value in args) + ")"


def _params(params: tuple[Parameter, ...]) -> str:
    return "(" + ", ".join(f"{param.name}: {param.type}" for param in params) + ")"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _optional(expression: Expression | None) -> str:
    return "" if expression is None else text(expression)
