"""Properties that nobody wrote: what the rows of an action say, turned into something that can be checked.

Each is a candidate only. One is a suggestion if it holds of the blueprint as it is and is refuted with the fault:
then it is what was missing, in the blueprint's own language.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temper.language import Sheet, substituted
from temper.machine import BOOL, Action, Case, Entity, Expression, Op, TransitionTable, Update, parts, text
from temper.report import Edit

PREFIX = "missing_"
"""No property of an author begins so while candidates are tried; suggestions are shown without."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A property as it would be written: its name, and each key with its expression."""

    name: str
    keys: tuple[tuple[str, str], ...]

    @property
    def trial(self) -> str:
        """The name it has while it is tried."""
        return PREFIX + self.name

    def lines(self) -> list[str]:
        """The property as it is put into a blueprint."""
        return [f"{self.name}:", *(f"  {key}: {_written(key, value)}" for key, value in self.keys)]


def with_candidates(sheet: Sheet, candidates: tuple[Candidate, ...]) -> tuple[Edit, ...]:
    """The edit that adds them to the properties of a blueprint."""
    pairs = ", ".join(f"{each.trial}: {_flow(each)}" for each in candidates)
    if not candidates:
        return ()
    if not sheet.keys("properties"):
        return (sheet.entry((), "properties", f"{{{pairs}}}", after=("temper", "blueprint", "doc")),)
    node = sheet.at(("properties",))
    column = sheet.span(("properties", sheet.keys("properties")[0])).column - 1
    if getattr(node, "flow", False):
        return (sheet.entry(("properties",), candidates[0].trial, pairs.partition(": ")[2]),)
    broken = f"\n{' ' * column}".join(f"{each.trial}: {_flow(each)}" for each in candidates)
    return (sheet.entry(("properties",), candidates[0].trial, broken.partition(": ")[2]),)


def candidates(table: TransitionTable, where: str) -> tuple[Candidate, ...]:
    """What the action `Entity.action` could be held to, the most telling first; none for anything else."""
    name, _, called = where.partition(".")
    entity = next((each for each in table.entities if each.name == name), None)
    action = next((each for each in entity.actions if each.name == called), None) if entity else None
    if entity is None or action is None:
        return ()
    found = [*_of_action(entity, action), *_of_states(table, entity, action)]
    return tuple({each.keys: each for each in found}.values())


def _of_action(entity: Entity, action: Action) -> Iterator[Candidate]:
    """What holds of every step by the action: where it starts, what its guard says, what it sets, where it leads."""
    seen = _Seen(entity, action)
    if not action.is_constructor:
        yield seen.step("starts_where_it_may", _among("before.state", action.sources))
    if action.guard is not None:
        joined = _conjuncts(action.guard)
        for number, part in enumerate(joined, 1):
            yield from seen.said("only_when" if len(joined) == 1 else f"only_when_{number}", part)
    for update in action.updates:
        yield from _of_update(seen, update)
    if len({case.target for case in action.cases}) == len(action.cases):
        for case in action.cases:
            for update in case.updates:
                yield from _of_update(seen, update)
                if len(action.cases) > 1:
                    yield from _of_update(seen, update, case)
        yield from _of_cases(seen)
    targets = tuple(dict.fromkeys(case.target for case in action.cases))
    if None not in targets:
        yield seen.step("leads_where_it_should", _among("after.state", tuple(map(str, targets))))
    elif len(targets) == 1:
        yield seen.step("stays", "after.state == before.state")


def _of_update(seen: _Seen, update: Update, case: Case | None = None) -> Iterator[Candidate]:
    """What it sets: after every step, or, where a case does it, after those that led where the case leads."""
    condition, suffix = ("", "") if case is None else (f"{_not_taken(case)} or ", f"_in_{case.target or 'place'}")
    place = f"after.{update.name}"
    if update.key is not None:
        key = seen.before(update.key)
        if key is None:
            return
        place = f"{place}[{key}]"
    value = seen.before(update.value)
    if value is not None:
        written = f"({value})" if " " in value else value
        yield seen.step(f"sets_{update.name}{suffix}", f"{condition}{place} == {written}")
    elif update.key is None and _adds_one(update.value):
        yield seen.step(f"adds_to_{update.name}{suffix}", f"{condition}len({place}) == len(before.{update.name}) + 1")


def _of_cases(seen: _Seen) -> Iterator[Candidate]:
    """Which case is taken follows from the data after the common updates, which later ones may hide."""
    earlier: list[Expression] = []
    for number, case in enumerate(seen.action.cases):
        said = [*map(_negated, earlier), *([case.guard] if case.guard is not None else [])]
        whole = said[0] if len(said) == 1 else Expression(Op.AND, BOOL, tuple(said))
        held = seen.between(case, whole) if said else None
        if held is not None and len(seen.action.cases) > 1:
            written = f"({held})" if whole.op is Op.IF else held
            yield seen.step(f"goes_to_{case.target or number}_only_when", f"{_not_taken(case)} or {written}")
        if case.guard is not None:
            earlier.append(case.guard)


def _negated(guard: Expression) -> Expression:
    return Expression(Op.NOT, BOOL, (guard,))


def _of_states(table: TransitionTable, entity: Entity, action: Action) -> Iterator[Candidate]:
    """What comes at last: from where the action starts, and from where it leads."""
    outcomes = [
        f"{effect.name}.{effect.outcomes[0].name}" for effect in table.effects if effect.outcomes and not entity.world
    ]
    states = (*action.sources, *(case.target for case in action.cases if case.target is not None))
    for state in dict.fromkeys(states):
        if state in entity.states and state not in entity.final and not entity.world:
            keys = (("for", f"x in {entity.name}"), ("whenever", f"x.state == {state}"))
            last = ("eventually", f"x.state != {state}")
            name = f"{entity.name.lower()}_leaves_{state}"
            yield Candidate(name, (*keys, last))
            if outcomes:
                yield Candidate(f"{name}_at_last", (*keys, last, ("assuming", f"[{', '.join(outcomes)}]")))


class _Seen:
    """How a `step` property reads what an action reads; who called only where a field tells."""

    def __init__(self, entity: Entity, action: Action) -> None:
        self.entity, self.action = entity, action
        told = [update.name for update in action.updates if update.key is None and _is_caller(update.value)]
        self.caller = f"after.{told[0]}" if told else None

    def step(self, name: str, body: str) -> Candidate:
        where = f"{self.entity.name}.{self.action.name}"
        keys = (("for", f"x in {self.entity.name}"), ("on", where), ("step", body))
        return Candidate(f"{self.action.name}_{name}", keys)

    def said(self, name: str, guard: Expression) -> Iterator[Candidate]:
        body = self.before(guard)
        if body is not None:
            yield self.step(name, body)

    def before(self, expression: Expression) -> str | None:
        """The expression over what was before the step; None if a step property cannot read it."""
        return self._over(expression, {field.name: f"before.{field.name}" for field in self.entity.fields})

    def between(self, case: Case, expression: Expression) -> str | None:
        """The expression over what a case reads: after the common updates, before its own."""
        common = {update.name for update in self.action.updates}
        own = {update.name for update in case.updates}
        names = {}
        for field in self.entity.fields:
            if field.name in common & own and _reads(expression, field.name):
                return None
            names[field.name] = f"{'before' if field.name in own else 'after'}.{field.name}"
        return self._over(expression, names)

    def _over(self, expression: Expression, names: dict[str, str]) -> str | None:
        ops = {part.op for part in parts(expression)}
        if Op.NOW in ops or Op.SELF in ops or (Op.CALLER in ops and self.caller is None):
            return None
        return substituted(text(expression), [*names.items(), ("state", "before.state"), ("caller", self.caller or "")])


def _is_caller(value: Expression) -> bool:
    return value.op is Op.CALLER or (value.op is Op.SOME and value.operands[0].op is Op.CALLER)


def _adds_one(value: Expression) -> bool:
    """Whether it is a set and one member more, such as who calls."""
    return value.op is Op.UNION and value.operands[1].op is Op.SET and len(value.operands[1].operands) == 1


def _reads(expression: Expression, field: str) -> bool:
    return any(part.op is Op.FIELD and part.name == field for part in parts(expression))


def _conjuncts(guard: Expression) -> tuple[Expression, ...]:
    return guard.operands if guard.op is Op.AND else (guard,)


def _not_taken(case: Case) -> str:
    return f"after.state != {case.target}" if case.target is not None else "after.state != before.state"


def _among(what: str, states: tuple[str, ...]) -> str:
    return f"{what} == {states[0]}" if len(states) == 1 else f"{what} in {{{', '.join(states)}}}"


def _written(key: str, value: str) -> str:
    return value if key == "assuming" else Sheet.scalar(value) if set(value) & set("#:\"'") else value


def _flow(candidate: Candidate) -> str:
    pairs = (f"{key}: {value if key == 'assuming' else Sheet.scalar(value)}" for key, value in candidate.keys)
    return f"{{{', '.join(pairs)}}}"
