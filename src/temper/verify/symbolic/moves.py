"""Every step of semantics.md section 3, once each, from any system: who calls, what is consumed, what becomes of it.

Rules 1 to 6 are here as rows that people, messages, outcomes, refusals, timers, performs and the environment take, and
as what happens to a delivery or timer when nobody steps. Orders are left free: any pending request may be settled
first, any timer may fire as long as it is armed, and people may have any roles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import z3

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    PRINCIPAL,
    STR,
    UNKNOWN,
    Action,
    DeliveryKind,
    Effect,
    Entity,
    Gate,
    OptionType,
    Outcome,
    Parameter,
    RefType,
    Request,
    Send,
    Spawn,
    Target,
    Template,
    Timer,
    Type,
)
from temper.machine.late import joins
from temper.verify.obligations import Row, rows
from temper.verify.symbolic.algebra import Sight, meaning
from temper.verify.symbolic.gates import any_roles, gate_term
from temper.verify.symbolic.ghosts import (
    OWNER,
    PASSED,
    PENDING,
    PERFORMED,
    REFUSED,
    TO,
    Ghosts,
    Place,
    armed_field,
    passed_field,
)
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, Unencodable, as_type, sorts, within
from temper.verify.symbolic.system import AnySystem, System, write
from temper.verify.symbolic.taking import EXISTS, Known, Taking, more_coming


@dataclass(slots=True)
class Move:
    """One way in which a system goes on, if all of `conditions` hold, and all of `fits`."""

    name: str
    before: AnySystem
    conditions: list[z3.BoolRef]
    after: System
    writes: frozenset[tuple[str, str]]
    mentioned: list[tuple[str, z3.ExprRef]]
    """Instances that matter to it: entity and id."""
    unborn: list[tuple[str, z3.ExprRef]] = field(default_factory=list)
    """Ids that no pending spawn is about to give away."""
    taking: Taking | None = None
    """The row that is taken, if one is."""
    unhandled: str = ""
    """The obligation that this breaks: nothing in a target fitted."""


class Moves:
    """Lists the moves of a table from any system."""

    def __init__(self, ghosts: Ghosts, texts: Texts) -> None:
        self.ghosts, self.texts = ghosts, texts
        self.unread = ghosts.hidden | {entity.name for entity in ghosts.entities if entity.single}

    def all(self) -> Iterator[Move]:
        """Every move, in the order of the rules."""
        for entity in self.ghosts.entities:
            for action, row in rows(entity):
                if action.gate in {Gate.ROLES, Gate.POLICY, Gate.ENVIRONMENT}:
                    yield self._called(entity, action, row)
        for place in self.ghosts.places.values():
            match place.template:
                case Request():
                    yield from self._settle(place, place.template)
                    yield from self._perform(place, place.template)
                case template:
                    yield from self._deliver(place, template)
                    yield from self._hand_back(place, template)
        for (owner, effect), late in self.ghosts.late.items():
            yield from self._perform_late(owner, self.ghosts.table.effect(effect), late)
        for entity in self.ghosts.entities:
            for timer in entity.timers:
                yield from self._fire(entity, timer)

    # Rules 1 and 6.

    def _called(self, entity: Entity, action: Action, row: Row) -> Move:
        who = "the environment" if action.gate is Gate.ENVIRONMENT else "somebody"
        ident = z3.Int(f"self.{entity.name}")
        found = _Draft(self, f"{who} calls {row}")
        taking = found.take(entity, action, row, ident, {})
        found.conditions.append(ident >= 0)
        if action.gate is not Gate.ENVIRONMENT and self.ghosts.original.policies:
            found.conditions.append(self._permitted(entity, action, taking))
        if row.source == NEW:
            taking.unborn.append((entity.name, ident))
            if (taken := self.ghosts.taken.get(entity.name)) is not None:
                found.conditions.append(z3.Not(found.before.exists(taken, ident)))
                found.mentioned.append((taken, ident))
        return found.move(taking)

    def _permitted(self, entity: Entity, action: Action, taking: Taking) -> z3.BoolRef:
        """That roles and policies let somebody call, whatever roles they have."""
        table = self.ghosts.original
        return gate_term(table, entity, action, taking.seen, any_roles(table)).passes

    # Rule 2.

    def _deliver(self, place: Place, template: Template) -> Iterator[Move]:
        """A message or spawn reaches its receiver, which steps or refuses."""
        assert not isinstance(template, Request), "a request is settled"
        receiver = self.ghosts.original.entity(template.entity)
        entity = next(each for each in self.ghosts.entities if each.name == receiver.name)
        action = entity.action(template.action)
        accepted: list[z3.BoolRef | None] = []
        for _, row in (each for each in rows(entity) if each[1].action == action.name):
            if isinstance(template, Spawn) and row.source != NEW:
                continue
            draft = self._consume(place, PENDING, f"{place.name} reaches {row}")
            to = draft.read(TO)[0]
            if not isinstance(template, Spawn):
                draft.unborn.append((entity.name, to))
            taking = draft.take(entity, action, row, to, draft.passed())
            accepted.append(_accepts(taking))
            yield draft.move(taking)
        draft = self._consume(place, PENDING, f"{place.name} is refused", keep=template.refused != (IGNORE,))
        to = draft.read(TO)[0]
        draft.conditions.append(_declines(accepted))
        if not isinstance(template, Spawn):
            draft.unborn.append((entity.name, to))
        if template.refused != (IGNORE,):
            draft.write(place.name, draft.ident, z3.IntVal(1), {})
        yield draft.move(None)

    def _hand_back(self, place: Place, template: Template) -> Iterator[Move]:
        """A refusal reaches the owner, whose target takes it."""
        assert not isinstance(template, Request), "a request is settled"
        if template.refused == (IGNORE,):
            return
        entity = self.ghosts.original.entity(place.site.entity)

        def begun() -> _Draft:
            return self._consume(place, REFUSED, f"a refusal of {place.name} comes back")

        told = begun()
        pool = {**told.passed(), "receiver": (told.read(TO), RefType(template.entity)), **told.anything((REASON,))}
        yield from self._aim(entity, template.refused, begun, pool, told.said, _handled(place), place)

    # Rule 3.

    def _settle(self, place: Place, template: Request) -> Iterator[Move]:
        entity = self.ghosts.original.entity(place.site.entity)
        effect = self.ghosts.table.effect(template.effect)
        for outcome in (*effect.outcomes, Outcome(UNKNOWN, ())):
            target = template.target(outcome.name)

            def begun(outcome: Outcome = outcome) -> _Draft:
                draft = self._consume(place, PENDING, f"{place.name} ends {outcome.name}")
                self._leave(place, effect, outcome, draft)
                return draft

            told = begun()
            pool = {**told.passed(), **told.anything(outcome.fields)}
            yield from self._aim(entity, target, begun, pool, told.said, _handled(place), place)

    def _leave(self, place: Place, effect: Effect, outcome: Outcome, draft: _Draft) -> None:
        """What is possible after the world has or has not seen it, and what may still happen."""
        if not place.performs or effect.performs is None:
            return
        performed = draft.read(PERFORMED)[0]
        if outcome.name in effect.performs.never:
            draft.conditions.append(z3.Not(performed))
        if outcome.name in effect.performs.surely or outcome.told:
            draft.conditions.append(performed)
        stays = z3.If(
            performed,
            z3.BoolVal(joins(effect, performed=True, outcome=outcome.name)),
            z3.BoolVal(joins(effect, performed=False, outcome=outcome.name)),
        )
        late = self.ghosts.late[place.site.entity, effect.name]
        ident = z3.Int(f"{late}.new")
        draft.conditions += [ident >= 0, z3.Not(draft.before.exists(late, ident))]
        data = {OWNER: draft.read(OWNER)}
        for param in effect.params:
            with suppress(Unencodable):
                data[passed_field(param.name)] = draft.read(passed_field(param.name))
        draft.write(late, ident, z3.If(stays, 0, NOTHING), data)
        draft.mentioned.append((late, ident))

    # Rule 4.

    def _perform(self, place: Place, template: Request) -> Iterator[Move]:
        effect = self.ghosts.table.effect(template.effect)
        if not place.performs or effect.performs is None:
            return
        for action, row in self._world_rows(effect):
            draft = _Draft(self, f"{place.name} happens: {row}")
            ident = z3.Int(f"{place.name}.it")
            draft.consume(place.name, ident, 0)
            if effect.delivery is not DeliveryKind.IDEMPOTENT:
                draft.conditions.append(z3.Not(draft.read(PERFORMED)[0]))
            draft.write(place.name, ident, None, {PERFORMED: (z3.BoolVal(True),)})
            yield self._performed(effect, draft, action, row)

    def _perform_late(self, owner: str, effect: Effect, late: str) -> Iterator[Move]:
        for action, row in self._world_rows(effect):
            draft = _Draft(self, f"late {effect.name} of {owner} happens: {row}")
            ident = z3.Int(f"{late}.it")
            draft.consume(late, ident, 0)
            if effect.delivery is not DeliveryKind.IDEMPOTENT:
                draft.write(late, ident, z3.IntVal(NOTHING), {})
            yield self._performed(effect, draft, action, row)

    def _world_rows(self, effect: Effect) -> Iterator[tuple[Action, Row]]:
        performs = effect.performs
        assert performs is not None, "only what performs gets there"
        world = self.ghosts.original.entity(performs.entity)
        yield from (each for each in rows(world) if each[1].action == performs.action)

    def _performed(self, effect: Effect, draft: _Draft, action: Action, row: Row) -> Move:
        performs = effect.performs
        assert performs is not None, "only what performs gets there"
        world = self.ghosts.original.entity(performs.entity)
        pool: dict[str, Given] = {}
        sight = Sight(self.texts, args=Known({name: term for name, (term, _) in draft.passed().items()}))
        for name, expression in performs.args:
            with suppress(Unencodable):
                pool[name] = meaning(expression, sight), expression.type
        return draft.move(draft.take(world, action, row, z3.IntVal(self.texts.code(world.name)), pool))

    # Rule 5.

    def _fire(self, entity: Entity, timer: Timer) -> Iterator[Move]:
        own = z3.Int(f"self.{entity.name}")
        armed = armed_field(timer.name)

        def begun() -> _Draft:
            draft = _Draft(self, f"{entity.name}.{timer.name} fires")
            draft.mentioned.append((entity.name, own))
            place = draft.before.read(entity.name, own, "state")[0]
            draft.conditions += [
                own >= 0,
                z3.Or([place == entity.states.index(state) for state in timer.states]),
                draft.before.read(entity.name, own, armed)[0],
            ]
            draft.owner = own
            draft.write(entity.name, own, None, {armed: (z3.BoolVal(False),)})
            return draft

        yield from self._aim(entity, timer.target, begun, {}, (), f"handled:{entity.name}.{timer.name}", None)

    # Targets.

    def _aim(
        self,
        entity: Entity,
        target: Target,
        begun: Callable[[], _Draft],
        pool: Mapping[str, Given],
        said: Iterable[z3.BoolRef],
        handled: str,
        place: Place | None,
    ) -> Iterator[Move]:
        """Whatever a target may come to: the first action in it that fits, `again`, `ignore`, or nothing."""
        declined: list[z3.BoolRef] = [*said]
        for name in target:
            draft = begun()
            draft.conditions += declined
            if name in {AGAIN, IGNORE}:
                if name == AGAIN:
                    assert place is not None, "a timer is restarted, not asked again"
                    draft.reissue(place)
                yield draft.move(None)
                return
            action = entity.action(name)
            accepted: list[z3.BoolRef | None] = []
            for _, row in (each for each in rows(entity) if each[1].action == name):
                draft = begun()
                draft.conditions += declined
                draft.name += f": {row}"
                taking = draft.take(entity, action, row, draft.owner, pool)
                accepted.append(_accepts(taking))
                yield draft.move(taking)
            declined = [*declined, _declines(accepted)]
        draft = begun()
        draft.conditions += declined
        draft.name += " and finds no target"
        draft.unhandled = handled
        yield draft.move(None)

    def _consume(self, place: Place, state: str, name: str, *, keep: bool = False) -> _Draft:
        draft = _Draft(self, name)
        ident = z3.Int(f"{place.name}.it")
        draft.consume(place.name, ident, self.ghosts.table.entity(place.name).states.index(state))
        owner = draft.read(OWNER)[0]
        draft.owner = owner
        draft.mentioned.append((place.site.entity, owner))
        held = draft.before.read(place.site.entity, owner, place.count)[0]
        draft.conditions += [owner >= 0, held >= 1, draft.before.exists(place.site.entity, owner)]
        if not isinstance(place.template, Request):
            draft.conditions.append(draft.read(TO)[0] >= 0)
        if isinstance(place.template, Send) and state == PENDING:
            draft.arrive(place)
        if not keep:
            draft.write(place.name, ident, z3.IntVal(NOTHING), {})
            draft.write(place.site.entity, owner, None, {place.count: (held - 1,)})
        return draft


class _Draft:
    """A move while it is made up."""

    def __init__(self, moves: Moves, name: str) -> None:
        self.moves, self.name = moves, name
        self.before = AnySystem(moves.ghosts.table, moves.texts, unread=moves.unread)
        self.after: System = self.before
        self.conditions: list[z3.BoolRef] = []
        self.writes: set[tuple[str, str]] = set()
        self.mentioned: list[tuple[str, z3.ExprRef]] = []
        self.unhandled = ""
        self.entity = ""
        self.ident: z3.ExprRef = z3.IntVal(NOTHING)
        self.owner: z3.ExprRef = z3.IntVal(NOTHING)
        self.unborn: list[tuple[str, z3.ExprRef]] = []
        self.said: list[z3.BoolRef] = []
        """What holds of values that came from outside."""

    def consume(self, entity: str, ident: z3.ExprRef, state: int) -> None:
        """Begins with an instance of what is pending, in the state of that number."""
        self.entity, self.ident = entity, ident
        self.mentioned.append((entity, ident))
        self.conditions += [ident >= 0, self.before.read(entity, ident, "state")[0] == state]

    def read(self, name: str) -> Term:
        """A field of what is consumed."""
        return self.before.read(self.entity, self.ident, name)

    def passed(self) -> dict[str, Given]:
        """What it passes on, by the names of the parameters."""
        found = {}
        for each in self.moves.ghosts.table.entity(self.entity).fields:
            if each.name.startswith(PASSED):
                with suppress(Unencodable):
                    found[each.name.removeprefix(PASSED)] = self.read(each.name), each.type
        return found

    def anything(self, params: Iterable[Parameter]) -> dict[str, Given]:
        """Any values of the parameters' types."""
        found: dict[str, Given] = {}
        for param in params:
            with suppress(Unencodable):
                term = tuple(z3.FreshConst(sort, param.name) for sort in sorts(param.type))
                self.said.append(within(param.type, term))
                found[param.name] = term, param.type
        return found

    def write(self, entity: str, ident: z3.ExprRef, control: z3.ExprRef | None, data: Mapping[str, Term]) -> None:
        """Changes one instance."""
        self.writes |= {(entity, name) for name in data}
        if control is not None:
            self.writes |= {(entity, "state"), (entity, EXISTS)}
        self.after = write(self.after, entity, ident, control, data)

    def arrive(self, place: Place) -> None:
        """The message is not on its way any more."""
        assert isinstance(place.template, Send), "only a message arrives"
        entity, to = place.template.entity, self.read(TO)[0]
        if place in self.moves.ghosts.coming_to(entity):
            held = self.before.look(entity, to, place.coming)[0]
            self.conditions.append(z3.Implies(self.before.exists(entity, to), held >= 1))
        self._coming(place, -1)

    def _coming(self, place: Place, more: int) -> None:
        to = self.read(TO)[0]
        self.after, written = more_coming(self.moves.ghosts, self.after, place, lambda one: one == to, more)
        self.writes |= written

    def reissue(self, place: Place) -> None:
        """The same once more, in the place of the old one."""
        data = {PERFORMED: (z3.BoolVal(False),)} if place.performs else {}
        self.write(place.name, self.ident, z3.IntVal(0), data)
        owner = self.owner
        held = self.before.read(place.site.entity, owner, place.count)
        self.write(place.site.entity, owner, None, {place.count: held})
        if isinstance(place.template, Send):
            self._coming(place, 1)

    def take(self, entity: Entity, action: Action, row: Row, ident: z3.ExprRef, pool: Mapping[str, Given]) -> Taking:
        """Has an instance take a row, on top of what was changed so far, with arguments by name from the pool."""
        self.mentioned.append((entity.name, ident))
        free = self.anything(param for param in action.params if param.name not in pool)
        (caller, _) = self.anything((CALLER,))[CALLER.name]
        args, conditions, is_exact = Known(), [], not free
        for param in action.params:
            known = {**free, **pool}.get(param.name)
            if known is None:
                is_exact = False
                continue
            term, have = known
            try:
                args[param.name] = as_type(term, have, param.type)
            except Unencodable:
                is_exact = False
                continue
            if have != param.type:
                conditions.append(within(param.type, args[param.name], unset=True))
            if (of := referred(param.type)) is not None:
                self.mentioned.append((of, args[param.name][0]))
        return Taking(
            self.moves.ghosts, self.after, self.moves.texts, entity, action, row,
            ident=ident, args=args, caller=caller, conditions=conditions, is_exact=is_exact,
        )  # fmt: skip

    def move(self, taking: Taking | None) -> Move:
        """The move, with the row that is taken in it."""
        conditions = [*self.conditions, *self.said]
        if taking is None:
            return Move(
                self.name, self.before, conditions, self.after, frozenset(self.writes), self.mentioned, self.unborn,
                unhandled=self.unhandled,
            )  # fmt: skip
        return Move(
            self.name,
            self.before,
            [*conditions, *taking.conditions, *taking.laws],
            taking.after,
            frozenset(self.writes | taking.writes),
            [*self.mentioned, *taking.mentioned],
            [*self.unborn, *taking.unborn],
            taking,
        )


Given: TypeAlias = tuple[Term, Type]
"""A value that is at hand under some name, and its type."""
CALLER = Parameter("caller", PRINCIPAL)
REASON = Parameter("reason", STR)


def referred(type_: object) -> str | None:
    """The entity that a plain or optional reference refers to."""
    match type_:
        case RefType(entity) | OptionType(RefType(entity)):
            return entity
    return None


def _accepts(taking: Taking) -> z3.BoolRef | None:
    """That the row is taken, whatever else; None where nobody can say."""
    fits = [*(each for _, each in taking.fits), *taking.distinct]
    if not taking.is_exact or None in fits:
        return None
    return z3.And([*taking.conditions, *(each for each in fits if each is not None)])


def _declines(accepted: Iterable[z3.BoolRef | None]) -> z3.BoolRef:
    """That none of the rows is taken; where nobody can say of one, it may be so."""
    known = [each for each in accepted if each is not None]
    return z3.Not(z3.Or(known))


def _handled(place: Place) -> str:
    site = place.site
    return f"handled:{site.entity}.{site.action}.{site.case}.{site.position}"
