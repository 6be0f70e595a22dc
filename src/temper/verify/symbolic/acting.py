"""One action, taken by a figure of an outline: (d) to (f) of semantics.md section 2, where not everything is known.

What may hold and may not is taken both ways. An action that might be rejected, because a condition might not hold or
a value might leave its range, is said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import NamedTuple, TypeAlias, assert_never

from temper.machine import (
    INT_MAX,
    NEW,
    Action,
    Case,
    Expression,
    OptionType,
    Parameter,
    RefType,
    Request,
    Send,
    SetType,
    Site,
    Spawn,
    Template,
    TransitionTable,
    Type,
    Update,
    Value,
    contains,
    fits,
    templates,
)
from temper.verify.symbolic.counting import Turn, changes
from temper.verify.symbolic.draft import MANYFOLD, REJECTED, Armed, Draft, Pending, Stand, Taken, TooManyError
from temper.verify.symbolic.figures import Figure, choices
from temper.verify.symbolic.possible import ANY, ELSEWHERE, Guess, Values, of_type, possible, truth

FAR = INT_MAX // 4
"""A timer that is set no more milliseconds ahead is due within the numbers that there are."""
BRANCHES_MAX = 1_000
"""An action that may end in more ways than this is too much to look through."""

Fields: TypeAlias = dict[str, Values]


class Held(NamedTuple):
    """What a value may be once it is held to its type, and whether none is of it."""

    values: Values
    must_reject: bool = False


class Acting:
    """Takes the actions of some figures."""

    def __init__(self, table: TransitionTable, those: tuple[Figure, ...]) -> None:
        self.table, self.figures = table, those
        self.templates: dict[Site, Template] = {
            Site(entity.name, action.name, case, position): template
            for entity, action, case, position, template in templates(table)
        }
        self.numbers: dict[Value, int] = {figure.ident: number for number, figure in enumerate(those)}
        self.lanes = {
            effect.name: frozenset(
                site
                for site, each in self.templates.items()
                if isinstance(each, Request) and each.effect == effect.name
            )
            for effect in table.effects
        }

    def fields(self, stands: tuple[Stand, ...], number: int) -> Fields:
        """What each field of a figure may be."""
        figure, stand = self.figures[number], stands[number]
        if stand.control == NEW:
            return {field.name: frozenset({field.initial}) for field in figure.entity.fields}
        found: Fields = {field.name: of_type(field.type) for field in figure.entity.fields}
        for field, value in zip(figure.followed, stand.data, strict=True):
            found[field.name] = frozenset({value})
        return found

    def take(self, draft: Draft, number: int, action: Action, args: Mapping[str, Values]) -> Taken:
        """Every way in which the action may be applied to the figure in its state, and whether it may be rejected."""
        return _Taking(self, draft, number, action, args).taken()


class _Taking:
    def __init__(self, acting: Acting, draft: Draft, number: int, action: Action, args: Mapping[str, Values]) -> None:
        self.acting, self.draft, self.number, self.action, self.args = acting, draft, number, action, args
        self.figure, self.stand = acting.figures[number], draft.stands[number]
        self.types: Mapping[str, Type] = {field.name: field.type for field in self.figure.entity.fields}
        self.params: Mapping[str, Type] = {param.name: param.type for param in action.params}
        self.may_reject = False

    def taken(self) -> Taken:
        before = self.acting.fields(self.draft.stands, self.number)
        holds = truth(self.action.guard, self._guess(before, self.stand.control))
        if True not in holds:
            return REJECTED
        self.may_reject = False in holds
        common = self._updated(before, self.action.updates)
        if common is None:
            return REJECTED
        drafts: list[Draft] = []
        for position, case in enumerate(self.action.cases):
            fitting = truth(case.guard, self._guess(common, self.stand.control))
            if True in fitting:
                drafts += self._applied(position, case, common)
            if False not in fitting:
                break
        else:
            self.may_reject = True
        if len(drafts) > BRANCHES_MAX:
            raise TooManyError(f"`{self.figure.entity.name}.{self.action.name}` may end in too many ways")
        return Taken(drafts, self.may_reject)

    def _guess(self, fields: Fields, control: str) -> Guess:
        return Guess(fields, self.args, frozenset({control}), frozenset({self.figure.ident}))

    # What is written.

    def _updated(self, before: Fields, updates: tuple[Update, ...]) -> Fields | None:
        """Simultaneous: each value is computed from what was before. None if some value surely does not fit."""
        guess, after = self._guess(before, self.stand.control), dict(before)
        for update in updates:
            type_ = self.types[update.name]
            if update.key is not None:  # keys and what lies under them are not followed
                self.may_reject = True
                after[update.name] = ANY
                continue
            held = self._held(possible(update.value, guess), type_, update.value)
            if held.must_reject:
                return None
            after[update.name] = held.values
        return after

    def _held(self, values: Values, type_: Type, expression: Expression) -> Held:
        """The values held to a type: those that are not of it reject the action."""
        if fits(expression, type_, fields=self.types, params=self.params, unborn=NEW in self.action.sources):
            return Held(of_type(type_) if values is None else values)
        if not values:  # unknown, or read where it is not there
            self.may_reject = True
            return Held(of_type(type_))
        inside = frozenset(value for value in values if contains(type_, value))
        self.may_reject = self.may_reject or inside != values
        return Held(inside, must_reject=not inside)

    # What an applied case leaves behind.

    def _applied(self, position: int, case: Case, common: Fields) -> Iterator[Draft]:
        after = self._updated(common, case.updates)
        if after is None:
            self.may_reject = True
            return
        control = self.stand.control if case.target is None else case.target
        after |= self._made(case)
        armed = self._armed(case, control, after)
        if armed is None:
            self.may_reject = True
            return
        counted = changes(self.figure.entity, (self.action.updates, case.updates))
        begun = replace(
            self.draft,
            paid=self.draft.paid | {Armed(self.number, timer) for timer in armed},
            turns=frozenset(Turn(self.number, name, span) for name, span in counted),
        )
        for data in product(*(self._branches(field.type, after[field.name]) for field in self.figure.followed)):
            stand = Stand(control, data, self._timers(control, armed))
            known = after | {
                field.name: frozenset({value}) for field, value in zip(self.figure.followed, data, strict=True)
            }
            yield from self._handed_on(begun.standing(self.number, stand), position, case, self._guess(known, control))

    def _branches(self, type_: Type, values: Values) -> list[Value]:
        found = choices(type_, self.acting.figures) if values is None else values
        assert found is not None, "what is followed has few values"
        return sorted(found, key=str)

    def _made(self, case: Case) -> Fields:
        """The fields that hold what the case spawns."""
        return {
            each.into: frozenset({self._child(each)})
            for each in case.deliveries
            if isinstance(each, Spawn) and each.into
        }

    def _child(self, spawn: Spawn) -> Value:
        """Whom a spawn makes: a figure, if the subject holds it there."""
        if self.number == 0 and spawn.into:
            for figure in self.acting.figures[1:]:
                if figure.into == spawn.into:
                    return figure.ident
        return ELSEWHERE

    # Timers.

    def _armed(self, case: Case, control: str, after: Fields) -> tuple[str, ...] | None:
        """The timers that are armed anew; None if one of them would surely be due beyond all numbers."""
        armed = []
        for timer in self.figure.entity.timers:
            is_entered = self.stand.control not in timer.states or timer.name in case.restarts
            if control in timer.states and is_entered:
                due = possible(timer.after, self._guess(after, control))
                if due is None or any(isinstance(value, int) and value > FAR for value in due):
                    self.may_reject = True
                armed.append(timer.name)
        return tuple(armed)

    def _timers(self, control: str, armed: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            timer.name
            for timer in self.figure.entity.timers
            if timer.name in armed or (control in timer.states and timer.name in self.stand.timers)
        )

    # Deliveries.

    def _handed_on(self, draft: Draft, position: int, case: Case, guess: Guess) -> Iterator[Draft]:
        """The deliveries of a case, in their order."""
        drafts = [draft]
        for place, template in enumerate(case.deliveries):
            site = Site(self.figure.entity.name, self.action.name, position, place)
            kinds: list[list[tuple[Pending, int]]]
            match template:
                case Request():
                    effect = self.acting.table.effect(template.effect)
                    args = self._passed(template, effect.params, guess)
                    lane = self.acting.lanes[effect.name]
                    if template.replaces:
                        drafts = [each.withdrawing(self.number, lane) for each in drafts]
                    kinds = [] if args is None else [[(Pending("request", self.number, site, None, args), 1)]]
                case Send():
                    args = self._passed(template, self._params(template), guess)
                    kinds = self._sent(template, site, args, guess)
                case Spawn():
                    args = self._passed(template, self._params(template), guess)
                    child = self._child(template)
                    kinds = [] if args is None else [[(Pending("spawn", self.number, site, child, args), 1)]]
                case _:
                    assert_never(template)
            self.may_reject = self.may_reject or args is None
            drafts = [_with(each, pending) for each in drafts for pending in kinds]
        yield from drafts

    def _params(self, template: Send | Spawn) -> tuple[Parameter, ...]:
        return self.acting.table.entity(template.entity).action(template.action).params

    def _passed(
        self, template: Template, params: tuple[Parameter, ...], guess: Guess
    ) -> tuple[tuple[str, Value], ...] | None:
        """What is known for sure of what is passed on, of references and of what is followed; None if it cannot be."""
        found = dict(template.args)
        known: list[tuple[str, Value]] = []
        for param in params:
            if param.name in found:
                held = self._held(possible(found[param.name], guess), param.type, found[param.name])
                if held.must_reject:
                    return None
                if held.values is not None and len(held.values) == 1:
                    (value,) = held.values
                    if not isinstance(value, int | frozenset) or isinstance(value, bool):
                        known.append((param.name, value))
        return tuple(known)

    def _sent(
        self, template: Send, site: Site, args: tuple[tuple[str, Value], ...] | None, guess: Guess
    ) -> list[list[tuple[Pending, int]]]:
        """The ways in which a message may be sent: to whom, and to how many of those who are not told apart.

        Where the arguments do not fit, the one way that may be left is to send it to nobody.
        """
        ways = self._ways(template, site, args or (), guess)
        return ways if args is not None else [way for way in ways if not way][:1]

    def _ways(
        self, template: Send, site: Site, args: tuple[tuple[str, Value], ...], guess: Guess
    ) -> list[list[tuple[Pending, int]]]:
        def to(receiver: Value, count: int = 1) -> tuple[Pending, int]:
            return Pending("message", self.number, site, receiver, args), count

        idents = [figure.ident for figure in self.acting.figures if figure.entity.name == template.entity]
        values = possible(template.to, guess)
        match template.to.type:
            case SetType():
                if values == frozenset({frozenset()}):
                    return [[]]
                each = [[[], [to(ident)]] for ident in idents] + [[[], [to(ELSEWHERE)], [to(ELSEWHERE, MANYFOLD)]]]
                return [[one for part in chosen for one in part] for chosen in product(*each)]
            case RefType() | OptionType():
                whom: Iterable[Value] = (*idents, ELSEWHERE, None) if values is None else values
                return [[] if one is None else [to(one)] for one in sorted(whom, key=str)]
            case other:
                raise AssertionError(f"a message goes to a reference, an optional one or a set, not to {other}")


def _with(draft: Draft, several: Iterable[tuple[Pending, int]]) -> Draft:
    for pending, count in several:
        draft = draft.with_pending(pending, count)
    return draft
