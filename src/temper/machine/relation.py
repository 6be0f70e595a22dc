"""The step relation: rules 1 to 7 of semantics.md section 3, the only place that lists them.

Search, simulation and documentation all ask `next_steps`. Time is left out as `system` says: every step is taken
at time 0, and the order of timers is kept by `zone`. That is exact for each cell by itself; that the clocks of
several cells fit together is shown afterwards, for one trace, by `concrete`.

Rule 7, reload, is no step within one table: `verify.upgrade` starts a search of the new table at the mapped systems.
Rule 8, stutter, changes nothing and is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import NamedTuple, assert_never

from temper.machine.cell import (
    Address,
    Answer,
    Applied,
    Args,
    Call,
    Cause,
    Cell,
    Delivery,
    Effecting,
    Message,
    Refusal,
    Rejected,
    Spawning,
)
from temper.machine.landing import VIOLATING, Draft, Landing, Move, violations_in
from temper.machine.late import possible
from temper.machine.offers import Offer, Offers
from temper.machine.outside import Outside
from temper.machine.step import absent, initial_cells, stepper
from temper.machine.successor import UNHANDLED, Cut, Successor, Violation
from temper.machine.system import ARMED, System, canonical, lane_of
from temper.machine.table import (
    AGAIN,
    IGNORE,
    NEW,
    UNKNOWN,
    Gate,
    Outcome,
    Request,
    Send,
    Spawn,
    Target,
    TransitionTable,
)
from temper.machine.target import Again, Declined, Ignored, Stepped, Taken, Unhandled, apply_target, filled
from temper.machine.trace import Label
from temper.machine.universe import Universe
from temper.machine.value import Value
from temper.machine.zone import NO_TIMERS, arm


class Occasion(NamedTuple):
    """Everything about a step of the machine but the action it comes to."""

    rule: str
    address: Address
    cause: str
    place: str = ""
    """Where in the table the target stands."""
    outcome: str = ""
    fields: Args = ()

    def label(self, action: str, args: Args = (), case: int | None = None) -> Label:
        return Label(
            self.rule, self.address, action, args, self.cause, outcome=self.outcome, fields=self.fields, case=case
        )


MEMO_MAX = 50_000
"""How many cells a relation remembers the calls of, before it forgets them all and begins anew."""
RELATIONS_MAX = 8


def start(table: TransitionTable, universe: Universe) -> System:
    """The system in which every run begins: the `single` entities in their first states, nothing pending.

    >>> from temper.machine.universe import universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> start(empty, universe(empty)).cells
    ()
    """
    return relation(table, universe).start()


def next_steps(table: TransitionTable, system: System, universe: Universe) -> Iterator[Successor]:
    """Every step of the relation from this system within the universe, and every cut where it goes on beyond.

    A call that is rejected changes nothing and is not among them, unless it shows a violation. Loops that take
    many systems ask a `relation` for its `steps`, which is the same without finding the relation each time.
    """
    return relation(table, universe).steps(system)


def relation(table: TransitionTable, universe: Universe) -> Relation:
    """The staged relation of a table in a universe."""
    found = _RELATIONS.get((id(table), universe))
    if found is None:
        while len(_RELATIONS) >= RELATIONS_MAX:
            del _RELATIONS[next(iter(_RELATIONS))]
        found = _RELATIONS[id(table), universe] = Relation(table, universe)
    return found


class Relation:
    """One table in one universe, staged: what can be prepared once is.

    Of callers and answers that the table does not tell apart one is enough. `in_full` lists them all, for whoever
    compares tables that tell different things apart.
    """

    def __init__(self, table: TransitionTable, universe: Universe, *, in_full: bool = False) -> None:
        self.table, self.universe = table, universe
        self.step = stepper(table)
        self.landing = Landing(table, universe, in_full=in_full)
        self.offers = Offers(table, universe, in_full=in_full)
        self.outside = Outside(table, self.landing)
        self.constructed = tuple(
            entity.name
            for entity in table.entities
            if any(NEW in a.sources and a.gate in {Gate.ROLES, Gate.POLICY} for a in entity.actions)
        )
        self.remembers = bool(self.landing.templates) or sum(len(ids) for _, ids in universe.ids) > 1
        self._memo: dict[Cell, tuple[Move, ...]] = {}

    def start(self) -> System:
        """Where every run begins."""
        cells = initial_cells(self.table, world=self.universe.world)
        zones = tuple(
            (cell.address, arm(NO_TIMERS, (), [name for name, _ in cell.timers], dict(cell.timers)))
            for cell in cells
            if cell.timers and cell.entity in self.landing.zoned
        )
        timeless = tuple(cell._replace(timers=tuple((name, ARMED) for name, _ in cell.timers)) for cell in cells)
        return canonical(System(timeless, zones=zones))

    def steps(self, system: System) -> Iterator[Successor]:
        """Rules 1 to 6, in that order; within a rule in the order of cells and deliveries."""
        yield from self._call(system)
        if system.mail:
            yield from self._deliver(system)
        if system.effects:
            yield from self._settle(system)
        yield from self._fire(system)
        if self.universe.world:
            yield from self.outside.perform(system)

    # Rule 1, and rule 6, which is the same with another cause.

    def _call(self, system: System) -> Iterator[Successor]:
        land = self.landing.land
        for cell in system.cells:
            for move in self._remembered(cell) if self.remembers else self._moves(cell):
                yield land(system, move)
            for action, missing in self.offers.unlisted(cell.entity, cell.control):
                label = Label("environment", cell.address, action)
                yield Cut("values", f"{cell.entity}.{action}: {missing}", label)
            if (cell.entity, cell.control) in self.offers.spawning:
                for offer in self.offers.to(cell.entity, cell.control):
                    if offer.spawns:
                        yield from self._offer(system, cell, offer)
        for entity in self.constructed:
            for ident in self.landing.unused(system, entity):
                for offer in self.offers.to(entity, NEW):
                    yield from self._offer(system, absent(self.table, Address(entity, ident)), offer)

    def _remembered(self, cell: Cell) -> tuple[Move, ...]:
        moves = self._memo.get(cell)
        if moves is None:
            if len(self._memo) >= MEMO_MAX:
                self._memo.clear()
            moves = self._memo[cell] = tuple(self._moves(cell))
        return moves

    def _moves(self, cell: Cell) -> Iterator[Move]:
        """What every call that spawns nothing makes of the cell."""
        step, move = self.step, self.landing.move
        for offer in self.offers.to(cell[0], cell[2]):
            if not offer.spawns:
                answer = step(cell, offer.call)
                if isinstance(answer, Applied):
                    yield move(offer.label(cell, answer[2]), answer)
                elif answer.code in VIOLATING:
                    yield _violating(offer, cell, answer)

    def _offer(self, system: System, cell: Cell, offer: Offer) -> Iterator[Successor]:
        """A call that may need new ids."""
        answer = self.landing.with_ids(
            system, offer.spawns, lambda ids: self.step(cell, offer.call._replace(fresh=ids)), _applied
        )
        if answer is None:
            yield Cut("spawn", f"{cell.entity}.{offer.action}", offer.label(cell, None))
        elif isinstance(answer, Applied):
            yield self.landing.land(system, self.landing.move(offer.label(cell, answer.case), answer))
        elif answer.code in VIOLATING:
            yield self.landing.land(system, _violating(offer, cell, answer))

    # Rule 2.

    def _deliver(self, system: System) -> Iterator[Successor]:
        spawning = {mail.child for mail in system.mail if isinstance(mail, Spawning)}
        for index, mail in enumerate(system.mail):
            if index and system.mail[index - 1] == mail:
                continue
            draft = Draft(system, mail)
            del draft.mail[index]
            match mail:
                case Message(receiver=receiver) if receiver in spawning:
                    continue
                case Message() | Spawning():
                    yield self._receive(draft, mail)
                case Refusal():
                    yield self._refused(draft, index, mail)
                case _:
                    assert_never(mail)

    def _receive(self, draft: Draft, mail: Message | Spawning) -> Successor:
        """A message or spawn reaches its receiver, which accepts or rejects it."""
        address = mail.receiver if isinstance(mail, Message) else mail.child
        cell = draft.system.cell(address) or absent(self.table, address)
        call = Call(Cause.MACHINE, mail.action, dict(mail.args), 0)
        spawns = self.landing.spawns(address.entity, mail.action)
        occasion = Occasion("deliver", address, _sender(mail))
        if address in draft.system.burnt and cell.control == NEW:
            return self._reject(draft, mail, occasion, "wrong-state")
        answer = self.landing.with_ids(
            draft.system, spawns, lambda ids: self.step(cell, call._replace(fresh=ids)), _applied
        )
        if answer is None:
            return Cut("spawn", f"{address.entity}.{mail.action}", occasion.label(mail.action, mail.args))
        if isinstance(answer, Applied):
            label = occasion.label(mail.action, mail.args, answer.case)
            return self.landing.finish(draft, self.landing.move(label, answer))
        draft.violations = violations_in(address.entity, ((mail.action, answer),))
        return self._reject(draft, mail, occasion, answer.code)

    def _reject(self, draft: Draft, mail: Message | Spawning, occasion: Occasion, reason: str) -> Successor:
        template = self.landing.templates[mail.site]
        assert isinstance(template, Send | Spawn), "only messages and spawns are received"
        if isinstance(mail, Spawning):
            draft.burnt = tuple(sorted((*draft.burnt, mail.child)))
        handed_on: tuple[Refusal, ...] = ()
        if template.refused != (IGNORE,):
            told = reason if self.landing.reads(mail.owner.entity, template.refused, "reason") else ""
            handed_on = (Refusal(mail, told, 0),)
            draft.mail += handed_on
        label = occasion._replace(outcome=reason).label("refused", mail.args)
        return self.landing.unmoved(draft, label, None, handed_on)

    def _refused(self, draft: Draft, index: int, refusal: Refusal) -> Successor:
        """A refusal reaches the owner, whose target takes it."""
        mail = refusal.of
        template = self.landing.templates[mail.site]
        assert isinstance(template, Send | Spawn), "only messages and spawns are refused"
        receiver = mail.receiver if isinstance(mail, Message) else mail.child
        given = {**dict(mail.args), "reason": refusal.reason, "receiver": receiver.id}
        place = f"{mail.site.entity}.{mail.site.action}.{template.entity}.{template.action}"
        occasion = Occasion("deliver", mail.owner, f"{template.entity} {receiver.id} refused {template.action}", place)

        def again() -> tuple[Delivery, ...]:
            assert isinstance(mail, Message), "a spawn is not asked again"
            draft.mail.insert(index, mail)
            return (mail,)

        return self._aim(draft, occasion, template.refused, given, again)

    # Rule 3.

    def _settle(self, system: System) -> Iterator[Successor]:
        for index, request in enumerate(system.effects):
            if index and lane_of(system.effects[index - 1]) == lane_of(request):
                continue
            effect = self.landing.effects[request.effect]
            template = self.landing.templates[request.site]
            assert isinstance(template, Request), "an effect comes from a request"
            for outcome in (*effect.outcomes, Outcome(UNKNOWN, ())):
                if self.universe.world and not possible(effect, request, outcome.name):
                    continue
                target = template.target(outcome.name)
                for fields in self._fields(request, outcome, target):
                    yield self._settled(system, index, outcome.name, fields)
                if missing := self._missing(request, outcome, target):
                    label = Label(
                        "settle", request.owner, "", (), f"{effect.name}.{outcome.name}", outcome=outcome.name
                    )
                    yield Cut("values", f"{effect.name}.{outcome.name}: {missing}", label)

    def _missing(self, request: Effecting, outcome: Outcome, target: Target) -> str:
        """A field of the outcome that is read and could say more than the universe has values for; "" if none could.

        What people give is bounded silently; what the world answers is not theirs to choose.
        """
        told = {name for name, _ in outcome.told}
        return next(
            (
                field.name
                for field in outcome.fields
                if field.name not in told
                and self.landing.reads(request.owner.entity, target, field.name)
                and not self.universe.is_whole(field.type)
            ),
            "",
        )

    def _fields(self, request: Effecting, outcome: Outcome, target: Target) -> Iterator[Args]:
        """What the outcome may say: told fields as they were at a perform, others anything, unread ones something."""
        told = {name for name, _ in outcome.told}
        choices = [
            self.universe.values_of(field.type)[
                : None if self.landing.reads(request.owner.entity, target, field.name) else 1
            ]
            for field in outcome.fields
            if field.name not in told
        ]
        names = [field.name for field in outcome.fields if field.name not in told]
        for values in product(*choices):
            free = dict(zip(names, values, strict=True))
            for seen in dict.fromkeys(_told(request, outcome)):
                all_fields = free | dict(seen)
                yield tuple((field.name, all_fields[field.name]) for field in outcome.fields)

    def _settled(self, system: System, index: int, outcome: str, fields: Args) -> Successor:
        request = system.effects[index]
        template = self.landing.templates[request.site]
        assert isinstance(template, Request), "an effect comes from a request"
        draft = Draft(system, request)
        del draft.effects[index]
        self.landing.leave(draft, request, outcome)
        cause = f"{request.effect}.{outcome}"
        place = f"{request.site.entity}.{request.site.action}.{cause}"
        occasion = Occasion("settle", request.owner, cause, place, outcome, fields)

        def again() -> tuple[Delivery, ...]:
            draft.effects.insert(index, request._replace(performed=()))
            return (draft.effects[index],)

        given = {**dict(request.args), **dict(fields)}
        return self._aim(draft, occasion, template.target(outcome), given, again)

    # Rule 5.

    def _fire(self, system: System) -> Iterator[Successor]:
        for cell in system.cells:
            for position, (name, _) in enumerate(cell.timers):
                if self.landing.can_fire(system, cell, position):
                    timer = self.landing.timers[cell.entity, name]
                    draft = Draft(system, None, name)
                    occasion = Occasion("fire", cell.address, name, f"{cell.entity}.{name}")
                    yield self._aim(draft, occasion, timer.target, {}, _never_again)

    # Targets.

    def _aim(
        self,
        draft: Draft,
        occasion: Occasion,
        target: Target,
        given: Mapping[str, Value],
        again: Callable[[], tuple[Delivery, ...]],
    ) -> Successor:
        """Applies a target to its owner, and lands what comes of it."""
        owner = occasion.address
        cell = draft.system.cell(owner)
        assert cell is not None, "what owns a delivery or a timer exists"
        if draft.fired:
            cell = cell._replace(timers=tuple(timer for timer in cell.timers if timer[0] != draft.fired))
        spawns = any(self.landing.spawns(owner.entity, name) for name in target)
        taken = self.landing.with_ids(draft.system, spawns, lambda ids: self.apply(cell, target, given, ids), _stepped)
        if taken is None:
            return Cut("spawn", occasion.place, occasion.label(""))
        draft.violations = violations_in(owner.entity, taken.declined)
        match taken:
            case Stepped(action, applied):
                args = tuple(filled(self.table, owner.entity, action, given).items())
                done = occasion.label(action, args, applied.case)
                return self.landing.finish(draft, self.landing.move(done, applied))
            case Again():
                return self.landing.unmoved(draft, occasion.label(AGAIN), cell, again())
            case Ignored():
                return self.landing.unmoved(draft, occasion.label(IGNORE), cell)
            case Unhandled(rejections):
                draft.violations += (Violation(UNHANDLED, occasion.place, _why(rejections)),)
                return self.landing.unmoved(draft, occasion.label("unhandled"), cell)
            case _:
                assert_never(taken)

    def apply(self, cell: Cell, target: Target, given: Mapping[str, Value], fresh: tuple[str, ...]) -> Taken:
        """Every target is applied here, so that who wants to know what was tried can listen."""
        return apply_target(self.table, cell, target, given, 0, fresh)


_RELATIONS: dict[tuple[int, Universe], Relation] = {}


def _violating(offer: Offer, cell: Cell, rejected: Rejected) -> Move:
    violations = violations_in(cell.entity, ((offer.action, rejected),))
    return Move(offer.label(cell, None), cell, violations=violations)


def _why(rejections: Declined) -> str:
    return "; ".join(f"`{action}`: {rejected.message}" for action, rejected in rejections)


def _sender(mail: Message | Spawning) -> str:
    return f"{mail.owner.entity} {mail.owner.id}"


def _told(request: Effecting, outcome: Outcome) -> Iterator[Args]:
    """For each perform of the request, what this outcome tells of it."""
    if not outcome.told:
        yield ()
    for seen in request.performed if outcome.told else ():
        values = dict(seen)
        yield tuple((name, values[f"{outcome.name}.{name}"]) for name, _ in outcome.told)


def _never_again() -> tuple[Delivery, ...]:
    raise AssertionError("a timer is restarted, not asked again")


def _applied(answer: Answer) -> Applied | None:
    return answer if isinstance(answer, Applied) else None


def _stepped(taken: Taken) -> Applied | None:
    return taken.applied if isinstance(taken, Stepped) else None
