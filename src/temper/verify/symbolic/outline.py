"""An outline of one instance and of whom it made: what can become of them, whatever else there is.

The outline knows where each figure stands, a few of its fields, which of its timers are armed, and which of its own
deliveries are pending: none, one or many of each kind. Everything else is free: people call whatever they may,
messages of others come whenever they like and say anything, conditions that read what is not known may hold or not,
any outcome may come, in any order. So every run of a system, however large, is a run of the outline as far as its
figures go; the outline has more runs, and never fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    STR,
    UNKNOWN,
    Action,
    Entity,
    Gate,
    Parameter,
    RefType,
    Request,
    Send,
    Spawn,
    Target,
    TransitionTable,
    Value,
    contains,
    is_within,
)
from temper.verify.symbolic.acting import Acting
from temper.verify.symbolic.draft import REJECTED, Armed, Asked, Draft, Move, Outline, Owed, Pending, Pool, Stand, Taken
from temper.verify.symbolic.figures import Figure
from temper.verify.symbolic.possible import ANY, ELSEWHERE, Guess, Values, of_type


class Outlines:
    """The outlines of a table around some figures: where they begin, and what follows from each."""

    def __init__(self, table: TransitionTable, those: tuple[Figure, ...]) -> None:
        self.table, self.figures = table, those
        self.acting = Acting(table, those)
        self.templates, self.numbers = self.acting.templates, self.acting.numbers
        self.from_others = self._from_others()

    def _from_others(self) -> frozenset[tuple[str, str]]:
        """What others than the figures may send: a `single` subject has no others of its kind."""
        lone = self.figures[0].entity.name if self.figures[0].entity.single else ""
        return frozenset(
            (each.entity, each.action)
            for site, each in self.templates.items()
            if not isinstance(each, Request) and site.entity != lone
        )

    def start(self) -> Outline:
        """Where every run begins: a `single` in its first state; all others do not exist yet."""
        subject = self.figures[0].entity
        stands = [Stand(NEW, self._initial(figure)) for figure in self.figures]
        if subject.single:
            armed = tuple(timer.name for timer in subject.timers if subject.states[0] in timer.states)
            stands[0] = stands[0]._replace(control=subject.states[0], timers=armed)
        return Outline(tuple(stands))

    def _initial(self, figure: Figure) -> tuple[Value, ...]:
        return tuple(field.initial for field in figure.followed)

    def exists(self, outline: Outline) -> bool:
        """Whether the subject exists."""
        return outline.stands[0].control != NEW

    def owed(self, outline: Outline) -> Iterator[Owed]:
        """What does not stay as it is for ever: what is pending, and timers that are armed."""
        yield from (pending for pending, _ in outline.pending)
        for number, stand in enumerate(outline.stands):
            yield from (Armed(number, timer) for timer in stand.timers)

    # What is known of a system, as properties read it.

    def guess(self, outline: Outline, variables: Mapping[str, Values]) -> Guess:
        """What a property sees."""
        return Guess(glance=_Look(self, outline.stands), variables=variables)

    def read(self, stands: tuple[Stand, ...], ident: Value, entity: Entity, name: str) -> Values:
        """What a field of an instance, or its state, may be."""
        number = self.numbers.get(str(ident))
        if ident is None:
            return frozenset({NEW if name == "state" else next(f.initial for f in entity.fields if f.name == name)})
        if number is None or self.figures[number].entity.name != entity.name:
            return frozenset({NEW, *entity.states}) if name == "state" else ANY
        return frozenset({stands[number].control}) if name == "state" else self.acting.fields(stands, number)[name]

    # Steps.

    def moves(self, outline: Outline) -> Iterator[Move]:
        """Every step that changes something of what is known, or pays something."""
        draft = Draft(outline.stands, dict(outline.pending))
        for number in range(len(self.figures)):
            yield from map(_move, self._called(draft, number))
            yield from map(_move, self._fired(draft, number))
        for pending in sorted(draft.pending, key=repr):  # the order decides in which order places are told
            for left in draft.taking(pending):
                match pending.kind:
                    case "request":
                        yield from self._settled(left, pending)
                    case "refusal":
                        yield from map(_move, self._refused(left, pending))
                    case _:
                        yield from map(_move, self._delivered(left, pending))

    def _called(self, draft: Draft, number: int) -> Iterator[Draft]:
        """Calls of people, and of machines that are not of the figures."""
        figure = self.figures[number]
        is_new = draft.stands[number].control == NEW
        if is_new and number:  # the subject alone makes it
            return
        for action in figure.entity.actions:
            by_people = action.gate is not Gate.MACHINE
            if by_people or (figure.entity.name, action.name) in self.from_others:
                args = {param.name: of_type(param.type) for param in action.params}
                yield from self._taken(draft, number, action, args).drafts

    def _fired(self, draft: Draft, number: int) -> Iterator[Draft]:
        stand = draft.stands[number]
        for name in stand.timers:
            timer = next(each for each in self.figures[number].entity.timers if each.name == name)
            left = stand._replace(timers=tuple(each for each in stand.timers if each != name))
            fired = replace(draft.standing(number, left), paid=draft.paid | {Armed(number, name)})
            yield from self._aimed(fired, number, timer.target, Pool({}, {}), None)

    def _settled(self, draft: Draft, pending: Pending) -> Iterator[Move]:
        request = self.templates[pending.site]
        assert isinstance(request, Request), "an effect comes from a request"
        effect = self.table.effect(request.effect)
        for name in (*(outcome.name for outcome in effect.outcomes), UNKNOWN):
            pool = self._pool(pending, effect.params)
            fields = {field.name: field.type for field in effect.outcome(name).fields}
            told = Pool(
                {**pool.values, **{each: of_type(type_) for each, type_ in fields.items()}}, {**pool.types, **fields}
            )
            settled = Asked(pending.owner, pending.site, name)
            for after in self._aimed(draft, pending.owner, request.target(name), told, pending):
                yield _move(after)._replace(settled=settled)

    def _delivered(self, draft: Draft, pending: Pending) -> Iterator[Draft]:
        template = self.templates[pending.site]
        assert isinstance(template, Send | Spawn), "only messages and spawns are received"
        number = self.numbers.get(str(pending.receiver))
        refused = draft
        if template.refused != (IGNORE,):
            refused = draft.with_pending(pending._replace(kind="refusal"))
        if number is None:  # somebody else, who may take it or not
            yield draft
            yield refused
            return
        is_awaited = pending.kind == "message" and any(
            each.kind == "spawn" and each.receiver == pending.receiver for each in draft.pending
        )
        if is_awaited:  # it waits until its receiver exists
            return
        action = self.figures[number].entity.action(template.action)
        pool = self._pool(pending, action.params)
        if pending.kind == "message" and draft.stands[number].control == NEW:
            taken = REJECTED
        else:
            taken = self._taken(draft, number, action, pool.values)
        yield from taken.drafts
        if taken.may_reject:
            yield refused

    def _refused(self, draft: Draft, pending: Pending) -> Iterator[Draft]:
        template = self.templates[pending.site]
        assert isinstance(template, Send | Spawn), "only messages and spawns are refused"
        pool = self._pool(pending, self.table.entity(template.entity).action(template.action).params)
        more: dict[str, Values] = {"reason": ANY, "receiver": frozenset({pending.receiver})}
        told = Pool({**pool.values, **more}, {**pool.types, "reason": STR, "receiver": RefType(template.entity)})
        yield from self._aimed(draft, pending.owner, template.refused, told, pending._replace(kind="message"))

    def _pool(self, pending: Pending, params: tuple[Parameter, ...]) -> Pool:
        """What a delivery carries: it was held to the types of whom it goes to."""
        given = {name for name, _ in self.templates[pending.site].args}
        known = dict(pending.args)
        return Pool(
            {
                p.name: frozenset({known[p.name]}) if p.name in known else of_type(p.type)
                for p in params
                if p.name in given
            },
            {p.name: p.type for p in params if p.name in given},
        )

    # Targets and actions.

    def _aimed(self, draft: Draft, number: int, target: Target, pool: Pool, again: Pending | None) -> Iterator[Draft]:
        """Every way in which a target may be applied to its owner."""
        for name in target:
            if name == AGAIN:
                assert again is not None, "a timer is restarted, not asked again"
                yield draft.with_pending(again)
                return
            if name == IGNORE:
                yield draft
                return
            action = self.figures[number].entity.action(name)
            taken = self._filled(draft, number, action, pool)
            yield from taken.drafts
            if not taken.may_reject:
                return
        yield draft  # nobody handles it

    def _filled(self, draft: Draft, number: int, action: Action, pool: Pool) -> Taken:
        """The action with its parameters from the pool; what is not there, or not of its type, rejects."""
        args: dict[str, Values] = {}
        may_reject = False
        for param in action.params:
            if param.name not in pool.values:
                return REJECTED
            values = pool.values[param.name]
            if values is None:
                may_reject = may_reject or not is_within(pool.types[param.name], param.type)
                args[param.name] = of_type(param.type)
                continue
            inside = frozenset(value for value in values if contains(param.type, value))
            if not inside:
                return REJECTED
            may_reject = may_reject or inside != values
            args[param.name] = inside
        taken = self._taken(draft, number, action, args)
        return Taken(taken.drafts, taken.may_reject or may_reject)

    def _taken(self, draft: Draft, number: int, action: Action, args: Mapping[str, Values]) -> Taken:
        """(b) to (f) of semantics.md section 2, of a figure."""
        if draft.stands[number].control not in action.sources:
            return REJECTED
        return self.acting.take(draft, number, action, args)


class _Look:
    """What a property sees of an outline."""

    def __init__(self, outlines: Outlines, stands: tuple[Stand, ...]) -> None:
        self.outlines, self.stands = outlines, stands

    def read(self, entity: str, ident: Value, name: str) -> Values:
        return self.outlines.read(self.stands, ident, self.outlines.table.entity(entity), name)

    def known(self, type_: RefType, ident: str) -> Value:
        subject = self.outlines.figures[0]
        return subject.ident if subject.entity.single and subject.entity.name == ident == type_.entity else ELSEWHERE


def _move(draft: Draft) -> Move:
    return Move(draft.closed(), draft.paid, draft.turns)
