"""Who can drive an instance into a state: each person alone, anybody alone, all of them together.

Whether it takes two people (separation of duty) is a question about all runs in which one person makes every call. A
yes is a run that replays. A no is either proved, by induction over any number of instances and with any roles, or it
is the end of an exhausted search, and then it says of which scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from time import monotonic
from typing import Any, TypeAlias

from temper.machine import (
    BOOL,
    PRINCIPAL,
    Action,
    Algebra,
    Case,
    Entity,
    EnumType,
    Expression,
    Op,
    OptionType,
    PrincipalType,
    Property,
    PropertyKind,
    Proved,
    RefType,
    Request,
    Send,
    SetType,
    Spawn,
    Trace,
    TransitionTable,
    Type,
    Universe,
    Unknown,
    Update,
    fold,
    total,
    universe,
)
from temper.verify.budget import Budget
from temper.verify.exhaustive import exhaust
from temper.verify.explicit import search
from temper.verify.replay import Replayed, replay

GOAL = "reach"
OTHERS = ("ann", "bob", "cid")
"""Names that arguments may give besides those who call."""
EXHAUSTED = "not within U: no run gets there"

People: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Names with their roles."""


@dataclass(frozen=True, slots=True)
class Gets:
    """Yes: a run that gets there, and replays."""

    trace: Trace
    table: TransitionTable
    """The table whose `possible` property the run shows."""
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Never:
    """No, proved: for any number of instances, any values, and whatever roles the person has."""

    because: str


@dataclass(frozen=True, slots=True)
class NotWithin:
    """No, in every state within this scope, and nothing was cut."""

    scope: str
    states: int


@dataclass(frozen=True, slots=True)
class Open:
    """Nobody knows, and here is why."""

    because: str


Reached: TypeAlias = Gets | Never | NotWithin | Open


@dataclass(frozen=True, slots=True)
class Attempt:
    """Some people who make every call that people make, and whether they get there."""

    people: People
    reached: Reached


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can drive an instance of the entity into the state."""

    entity: str
    state: str
    anybody: Attempt
    """One person who holds every role, alone. If that is `Never`, so is everybody else alone."""
    alone: tuple[Attempt, ...]
    together: Attempt

    @property
    def takes_two(self) -> bool | None:
        """Whether it takes two people: it is possible, and for nobody alone. None if that is not known."""
        alone = [self.anybody.reached, *(each.reached for each in self.alone)]
        if any(isinstance(each, Gets) for each in alone):
            return False
        if not isinstance(self.together.reached, Gets) or any(isinstance(each, Open) for each in alone):
            return None
        return True


def who_reaches(table: TransitionTable, entity: Entity, state: str, *, seconds_max: float = 30.0) -> Reach:
    """Whether anybody alone can drive an instance there, who of the scope can, and whether all together can."""
    people: People = tuple((name, tuple(sorted(roles))) for name, roles in universe(table).principals)
    until = monotonic() + seconds_max
    first = monotonic() + seconds_max / 2
    anybody = reaches(table, entity, state, ((people[0][0], table.roles),), until=first)
    alone = tuple(
        Attempt((person,), anybody.reached)
        if isinstance(anybody.reached, Never)
        else reaches(table, entity, state, (person,), until=until, prove=False)
        for person in people
    )
    return Reach(entity.name, state, anybody, alone, reaches(table, entity, state, people, until=until, prove=False))


def reaches_alone(
    table: TransitionTable, entity: Entity, state: str, person: tuple[str, Sequence[str]], *, seconds_max: float = 30.0
) -> Attempt:
    """Whether one principal, with these roles, can drive an instance there if nobody else calls."""
    name, roles = person
    return reaches(table, entity, state, ((name, tuple(roles)),), until=monotonic() + seconds_max)


def reaches(
    table: TransitionTable, entity: Entity, state: str, people: People, *, until: float, prove: bool = True
) -> Attempt:
    """Whether these people get there if nobody else calls. Of one person alone it may be proved that they never do."""
    asked = replace(
        table,
        properties=(_goal(entity, state, PropertyKind.POSSIBLE),),
        scope=replace(table.scope, principals=people),
        accept=(),
        grandfathered=(),
    )
    looked_at = reach_universe(asked)
    found = _searched(asked, looked_at, _half(until) if prove else until - monotonic())
    if prove and len(people) == 1 and not isinstance(found, Gets):
        found = _proved(table, entity, state, people[0][0], looked_at, until) or found
    return Attempt(people, found)


def _searched(table: TransitionTable, looked_at: Universe, seconds_max: float) -> Reached:
    """What the search says; where arguments name people who never call, the plain one, which knows of them."""
    engine = exhaust if looked_at == universe(table) else search
    report = engine(table, universe=looked_at, budget=Budget(seconds_max=max(0.1, seconds_max)))
    verdict = next(finding.verdict for finding in report.findings if finding.name == GOAL)
    if isinstance(verdict, Proved) and verdict.trace is not None:
        again = replay(table, verdict.trace, universe=looked_at)
        assert isinstance(again, Replayed), "a run that was found is one"
        assert GOAL in again.shows, "and it gets there"
        called = (step.label.caller for step in verdict.trace.steps if step.label.rule == "call")
        return Gets(verdict.trace, table, tuple(dict.fromkeys(name for name in called if name)))
    assert isinstance(verdict, Unknown), "what is possible is shown, or it is not known"
    if verdict.because == EXHAUSTED:
        return NotWithin(str(looked_at), report.search.states_meant)
    return Open(verdict.because)


def _proved(
    table: TransitionTable, entity: Entity, state: str, person: str, looked_at: Universe, until: float
) -> Reached | None:
    """By induction: where one person makes every call, whoever reads `caller` reads that name. Roles are left free."""
    from temper.verify.symbolic import prove_one

    never = _goal(entity, state, PropertyKind.ALWAYS)
    others = (each for each in table.properties if each.kind is PropertyKind.ALWAYS)
    helping = (each for each in _helping(table, person) if each.body != never.body)
    alone = replace(_called_by(table, person), properties=(never, *others, *helping), accept=(), grandfathered=())
    verdict = prove_one(alone, GOAL, universe=looked_at, seconds_max=max(0.1, until - monotonic()))
    return Never(verdict.because) if isinstance(verdict, Proved) else None


def _goal(entity: Entity, state: str, kind: PropertyKind, name: str = GOAL) -> Property:
    """That some instance is in the state is possible, or that none ever is."""
    states = EnumType(f"{entity.name}.state", entity.states)
    there = _same(_read(entity, "state", states), Expression(Op.LITERAL, states, value=state))
    body = there if kind is PropertyKind.POSSIBLE else Expression(Op.NOT, BOOL, (there,))
    return Property(name, kind, (("x", entity.name),), None, body)


def _helping(table: TransitionTable, person: str) -> Iterator[Property]:
    """What may hold where one person does everything: nobody else is named, and some states are never reached."""
    for entity in (each for each in table.entities if not each.world):
        for field in entity.fields:
            body = _theirs(_read(entity, field.name, field.type), person)
            if body is not None:
                name = f"{entity.name}.{field.name} is nobody else"
                yield Property(name, PropertyKind.ALWAYS, (("x", entity.name),), None, body)
        for state in entity.states:
            yield _goal(entity, state, PropertyKind.ALWAYS, f"no {entity.name} is {state}")


def _theirs(held: Expression, person: str) -> Expression | None:
    """That what a field holds is nobody else; None if it holds no people."""
    name = Expression(Op.LITERAL, PRINCIPAL, value=person)
    match held.type:
        case PrincipalType():
            return _same(held, name)
        case OptionType(PrincipalType()):
            nobody = Expression(Op.LITERAL, held.type, value=None)
            some = Expression(Op.SOME, held.type, (name,))
            return Expression(Op.OR, BOOL, (_same(held, nobody), _same(held, some)))
        case SetType(PrincipalType()):
            member = Expression(Op.VARIABLE, PRINCIPAL, name="p")
            every = Expression(Op.LITERAL, BOOL, value=True)
            return Expression(Op.ALL, BOOL, (held, every, _same(member, name)), name="p")
        case _:
            return None


def _read(entity: Entity, name: str, type_: Type) -> Expression:
    variable = Expression(Op.VARIABLE, RefType(entity.name), name="x")
    return Expression(Op.READ, type_, (variable,), name=name)


def _same(left: Expression, right: Expression) -> Expression:
    return Expression(Op.EQ, BOOL, (left, right))


def reach_universe(table: TransitionTable) -> Universe:
    """The scope's universe. Arguments may name people who are not there to call."""
    looked_at = universe(table)
    named = any(
        _names_people(param.type) for entity in table.entities for action in entity.actions for param in action.params
    )
    if not named:
        return looked_at
    names = tuple(dict.fromkeys((*(name for name, _ in looked_at.principals), *OTHERS)))
    return replace(looked_at, values=(*looked_at.values, (PRINCIPAL, names)))


def _names_people(type_: Type) -> bool:
    match type_:
        case PrincipalType():
            return True
        case OptionType(of) | SetType(of):
            return _names_people(of)
        case _:
            return False


def _half(until: float) -> float:
    return (until - monotonic()) / 2


# One person makes every call.


def _called_by(table: TransitionTable, person: str) -> TransitionTable:
    """The table with the name in the place of `caller`."""
    name = Expression(Op.LITERAL, PRINCIPAL, value=person)
    algebra: Algebra[Expression] = total({**dict.fromkeys(Op, _with_operands), Op.CALLER: lambda _: name})
    entities = tuple(
        replace(entity, actions=tuple(_rewritten(action, algebra) for action in entity.actions))
        for entity in table.entities
    )
    return replace(table, entities=entities)


def _with_operands(node: Expression, *operands: Expression) -> Expression:
    return replace(node, operands=operands)


def _rewritten(part: Any, algebra: Algebra[Expression]) -> Any:
    """The part of a table with every expression in it read by the algebra."""
    match part:
        case Expression():
            return fold(part, algebra)
        case tuple():
            return tuple(_rewritten(each, algebra) for each in part)
        case Action() | Case() | Update() | Request() | Send() | Spawn():
            changed = {each.name: _rewritten(getattr(part, each.name), algebra) for each in fields(part)}
            return replace(part, **changed)
        case _:
            return part
