"""Landing: what a cell's step makes of the whole system, with the bounds of the universe."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from temper.machine.bounds import Fits, within
from temper.machine.cell import Address, Applied, Cell, Delivery, Effecting, Message, Refusal, Site, Spawning
from temper.machine.late import joins, merged, ranked
from temper.machine.step import spawns_max
from temper.machine.successor import RANGE, SAME_KEY, Cut, Step, Timing, Violation
from temper.machine.system import (
    ARMED,
    Lane,
    Late,
    Mail,
    System,
    lane_of,
    sorted_effects,
    sorted_late,
    sorted_mail,
    with_cell,
    with_zone,
)
from temper.machine.table import DeliveryKind, Effect, Entity, Request, Target, Template, TransitionTable, templates
from temper.machine.target import Declined
from temper.machine.trace import Label
from temper.machine.universe import Universe
from temper.machine.value import Value
from temper.machine.zone import NO_TIMERS, Zone, arm, fire, reach


class Move(NamedTuple):
    """What one cell does in one step, whatever the rest of the system: the cell after, without time."""

    label: Label
    cell: Cell
    deliveries: tuple[Delivery, ...] = ()
    armed: tuple[tuple[str, int], ...] = ()
    """(timer, delay) of each timer that this step armed or restarted."""
    beyond: str = ""
    """Where an `int` left the universe, if one did."""
    violations: tuple[Violation, ...] = ()
    """What a call that was rejected has shown; then the cell is as it was."""


class Draft:
    """A system while one step changes it: what the rule consumed is gone, what the cell hands on comes in."""

    __slots__ = ("burnt", "cells", "consumed", "effects", "fired", "late", "mail", "system", "violations")

    def __init__(self, system: System, consumed: Delivery | None = None, fired: str = "") -> None:
        self.system = system
        self.cells = system.cells
        self.effects = list(system.effects)
        self.mail = list(system.mail)
        self.late = list(system.late)
        self.burnt = system.burnt
        self.consumed = consumed
        self.fired = fired
        self.violations: tuple[Violation, ...] = ()


class Landing:
    """Lands moves and drafts within one universe. Staged once per table."""

    def __init__(self, table: TransitionTable, universe: Universe, *, in_full: bool = False) -> None:
        self.table, self.universe, self.in_full = table, universe, in_full
        self.effects: dict[str, Effect] = {effect.name: effect for effect in table.effects}
        self.templates: dict[Site, Template] = {
            Site(entity.name, action.name, case, position): template
            for entity, action, case, position, template in templates(table)
        }
        performing = [effect for effect in table.effects if universe.world and effect.performs is not None]
        self.performing = frozenset(effect.name for effect in performing)
        self.fenced = frozenset(effect.name for effect in performing if effect.fenced)
        self.idempotent = frozenset(e.name for e in performing if e.delivery is DeliveryKind.IDEMPOTENT)
        self.zoned = frozenset(entity.name for entity in table.entities if _timers_meet(entity))
        self.timers = {(entity.name, timer.name): timer for entity in table.entities for timer in entity.timers}
        self._params = {
            (entity.name, action.name): frozenset(param.name for param in action.params)
            for entity in table.entities
            for action in entity.actions
        }
        self._spawning = {
            (entity.name, action.name)
            for entity in table.entities
            for action in entity.actions
            if spawns_max(table, entity.name, action.name)
        }
        bounds = universe.unbounded
        self._fields = {
            entity.name: _checks([(f.name, within(f.type, bounds)) for f in entity.fields]) for entity in table.entities
        }
        self._passed: dict[Site, dict[str, Fits]] = {site: self._passed_checks(site) for site in self.templates}

    # From an answer of `step` to a move.

    def move(self, label: Label, applied: Applied) -> Move:
        """The answer of a step at time 0, without its time and counters."""
        entity, ident, control, data, timers, _, _ = applied[0]
        armed: tuple[tuple[str, int], ...] = ()
        if timers:
            armed = tuple(timer for timer in timers if timer[1] != ARMED)
            timers = tuple((name, ARMED) for name, _ in timers)
        cell = new(Cell, (entity, ident, control, data, timers, 0, 0))
        deliveries = tuple(map(_timeless, applied[1])) if applied[1] else ()
        beyond = self._beyond(cell, deliveries) if deliveries or self._fields[entity] else ""
        return new(Move, (label, cell, deliveries, armed, beyond, ()))

    def _beyond(self, cell: Cell, deliveries: tuple[Delivery, ...]) -> str:
        for index, name, fits in self._fields[cell.entity]:
            if not fits(cell.data[index]):
                return f"{cell.entity}.{name}"
        for delivery in deliveries:
            assert not isinstance(delivery, Refusal), "no step hands on a refusal"
            checks = self._passed[delivery.site]
            for name, value in delivery.args if checks else ():
                if name in checks and not checks[name](value):
                    return f"{where(delivery.site)}: {name}"
        return ""

    def _passed_checks(self, site: Site) -> dict[str, Fits]:
        template = self.templates[site]
        if isinstance(template, Request):
            params = self.effects[template.effect].params
        else:
            params = self.table.entity(template.entity).action(template.action).params
        found = {param.name: within(param.type, self.universe.unbounded) for param in params}
        return {name: fits for name, fits in found.items() if fits is not None}

    # From a move or a draft to a step.

    def land(self, system: System, move: Move) -> Step | Cut:
        """The step in which a person or the environment calls: nothing is consumed."""
        label, cell, deliveries, armed, beyond, violations = move
        if violations:
            return Step(label, system, violations)
        if deliveries or beyond or cell[0] in self.zoned:
            return self.finish(Draft(system), move)
        cells, effects, mail, late, zones, burnt = system
        changed = new(System, (with_cell(cells, cell), effects, mail, late, zones, burnt))
        return new(Step, (label, changed, (), Timing(stepped=True, armed=armed) if armed else STEPPED))

    def finish(self, draft: Draft, move: Move) -> Step | Cut:
        """The step that the draft makes with what one cell does in it."""
        if move.beyond:
            return Cut("int", move.beyond, move.label, draft.violations)
        draft.cells = with_cell(draft.cells, move.cell)
        overfull = self._hand_on(draft, move.deliveries)
        if overfull:
            return Cut("in-flight", overfull, move.label, draft.violations)
        timing = Timing(True, draft.consumed, move.deliveries, move.armed, draft.fired)
        return self._close(draft, move.label, timing, self._zones(draft, move))

    def unmoved(
        self, draft: Draft, label: Label, cell: Cell | None = None, handed_on: tuple[Delivery, ...] = ()
    ) -> Step | Cut:
        """The step in which no action is taken: something is consumed, refused, asked again or let pass."""
        zones = draft.system.zones
        if cell is not None:
            draft.cells = with_cell(draft.cells, cell)
            if cell.entity in self.zoned:
                zone = _narrowed(draft, cell.address)
                before = _names(draft.system.cell(cell.address))
                zones = with_zone(zones, cell.address, arm(zone, before, _names(cell), {}) if cell.timers else None)
        return self._close(draft, label, Timing(False, draft.consumed, handed_on, (), draft.fired), zones)

    def can_fire(self, system: System, cell: Cell, position: int) -> bool:
        """Whether the armed timer at that position can be the first of the cell that is due."""
        if len(cell.timers) == 1:
            return True
        zone = system.zone(cell.address)
        assert zone is not None, "two timers are armed at once, so the cell has a zone"
        return fire(zone, position) is not None

    def _close(self, draft: Draft, label: Label, timing: Timing, zones: tuple[tuple[Address, Zone], ...]) -> Step | Cut:
        effects, late = draft.effects, draft.late
        kept = merged(tuple(late), self.idempotent) if late else ()
        if self.fenced:
            effects, ordered = ranked(effects, kept, self.fenced)
            kept = sorted_late(ordered)
        if len(kept) > self.universe.late and (crowded := self._crowded(kept)):
            return Cut("late", crowded, label, draft.violations)
        system = System(draft.cells, sorted_effects(effects), sorted_mail(draft.mail), kept, zones, draft.burnt)
        return Step(label, system, draft.violations, timing)

    def _crowded(self, late: tuple[Late, ...]) -> str:
        counts: dict[Lane, int] = {}
        for request in late:
            counts[lane_of(request)] = counts.get(lane_of(request), 0) + 1
        return next((f"{owner.entity}.{effect}" for (owner, effect), n in counts.items() if n > self.universe.late), "")

    # Ids and names.

    def unused(self, system: System, entity: str) -> tuple[str, ...]:
        """The ids that no instance has, had or is about to have, the lowest first."""
        taken = {cell.id for cell in system.cells if cell.entity == entity}
        taken |= {mail.child.id for mail in system.mail if isinstance(mail, Spawning) and mail.child.entity == entity}
        taken |= {address.id for address in system.burnt if address.entity == entity}
        return tuple(ident for ident in self.universe.ids_of(entity) if ident not in taken)

    def with_ids(
        self,
        system: System,
        spawns: bool,  # noqa: FBT001 - a fact about the call, as in `Offer`
        run: Callable[[tuple[str, ...]], Answered],
        applied_in: Callable[[Answered], Applied | None],
    ) -> Answered | None:
        """What `run` gives with unused ids for what it spawns; None if the universe has too few.

        Which case applies, and so what is spawned, is known only afterwards: it runs once with ids that nobody has.
        """
        if not spawns:
            return run(())
        tried = run(NOBODY)
        applied = applied_in(tried)
        children = [d.child.entity for d in applied.deliveries if isinstance(d, Spawning)] if applied else []
        if not children:
            return tried
        left = {entity: iter(self.unused(system, entity)) for entity in children}
        ids = tuple(next(left[entity], "") for entity in children)
        return run(ids) if all(ids) else None

    def spawns(self, entity: str, action: str) -> bool:
        """Whether the action may spawn; `again` and `ignore` are no actions."""
        return (entity, action) in self._spawning

    def reads(self, entity: str, target: Target, name: str) -> bool:
        """Whether some action of the target has a parameter of that name, or all is listed in full."""
        return self.in_full or any(name in self._params.get((entity, action), ()) for action in target)

    # What is handed on.

    def _hand_on(self, draft: Draft, deliveries: tuple[Delivery, ...]) -> str:
        """Puts the deliveries into the draft; gives the place that is taken, if one is."""
        seqs: dict[Lane, int] = {}
        for delivery in deliveries:
            if isinstance(delivery, Effecting):
                seq = seqs.setdefault(lane_of(delivery), self._next_seq(draft, delivery))
                if self._replaces(delivery.site):
                    self._withdraw(draft, lane_of(delivery))
                taken = sum(e.owner == delivery.owner and e.site == delivery.site for e in draft.effects)
                draft.effects.append(delivery._replace(seq=seq))
            else:
                assert not isinstance(delivery, Refusal), "no step hands on a refusal"
                taken = sum(_place(mail) == _place(delivery) for mail in draft.mail)
                draft.mail.append(delivery)
            if taken >= self.universe.in_flight:
                return where(delivery.site)
        return ""

    def _next_seq(self, draft: Draft, request: Effecting) -> int:
        if request.effect not in self.fenced:
            return 0
        lane = lane_of(request)
        others: list[Effecting | Late] = [*draft.effects, *draft.late]
        taken = [other.seq for other in others if lane_of(other) == lane]
        return 1 + max(taken, default=-1)

    def _replaces(self, site: Site) -> bool:
        template = self.templates[site]
        return isinstance(template, Request) and template.replaces

    def _withdraw(self, draft: Draft, lane: Lane) -> None:
        for request in draft.effects:
            if lane_of(request) == lane:
                self.leave(draft, request, None)
        draft.effects = [request for request in draft.effects if lane_of(request) != lane]

    def leave(self, draft: Draft, request: Effecting, outcome: str | None) -> None:
        """Adds the request to the late ones if, settled so or replaced, it may still reach the world."""
        effect = self.effects[request.effect]
        if effect.name in self.performing and joins(effect, performed=bool(request.performed), outcome=outcome):
            draft.late.append(Late(request.owner, request.effect, request.args, request.seq))

    # Timers.

    def _zones(self, draft: Draft, move: Move) -> tuple[tuple[Address, Zone], ...]:
        cell = move.cell
        if cell.entity not in self.zoned:
            return draft.system.zones
        zone = _narrowed(draft, cell.address)
        before = draft.system.cell(cell.address)
        if draft.fired and before is not None:
            zone = reach(zone, _names(before).index(draft.fired))
        after = arm(zone, _names(before), _names(cell), dict(move.armed)) if cell.timers else None
        return with_zone(draft.system.zones, cell.address, after)


STEPPED = Timing(stepped=True)
new = tuple.__new__
"""Makes a named tuple without the detour through its own `__new__`; these two places make millions."""
NOBODY = tuple(f"?{number}" for number in range(100))
Answered = TypeVar("Answered")


VIOLATING = {"out-of-range": RANGE, "same-key-twice": SAME_KEY}
"""The rejections that must never happen, with the kind of violation each is."""


def violations_in(entity: str, declined: Declined) -> tuple[Violation, ...]:
    """What must never happen among the rejections of an entity's actions."""
    return tuple(
        Violation(
            VIOLATING[rejected.code], f"{entity}.{action}", rejected.message, dict(rejected.facts).get("place", "")
        )
        for action, rejected in declined
        if rejected.code in VIOLATING
    )


def where(site: Site) -> str:
    """A place in the table: `Deploy.start/0.1` is the second delivery of the first case."""
    return f"{site.entity}.{site.action}/{site.case}.{site.position}"


def _narrowed(draft: Draft, address: Address) -> Zone:
    """The cell's zone; where a timer fired, only the part of it in which that timer is the first."""
    zone = draft.system.zone(address) or NO_TIMERS
    if not draft.fired:
        return zone
    fired = fire(zone, _names(draft.system.cell(address)).index(draft.fired))
    assert fired is not None, "only a timer that can be first fires"
    return fired


def _names(cell: Cell | None) -> tuple[str, ...]:
    return () if cell is None else tuple(name for name, _ in cell.timers)


def _timeless(delivery: Delivery) -> Delivery:
    assert not isinstance(delivery, Refusal), "no step hands on a refusal"
    return delivery._replace(stamp=0, seq=0)


def _place(mail: Mail) -> tuple[Address, Site, Address]:
    """What a message shares with its refusal, so that only one of them is in flight."""
    if isinstance(mail, Refusal):
        return _place(mail.of)
    return mail.owner, mail.site, mail.receiver if isinstance(mail, Message) else mail.child


def _checks(found: list[tuple[str, Callable[[Value], bool] | None]]) -> tuple[tuple[int, str, Fits], ...]:
    return tuple((index, name, fits) for index, (name, fits) in enumerate(found) if fits is not None)


def _timers_meet(entity: Entity) -> bool:
    """Whether two timers of one instance can be armed at once."""
    states = [set(timer.states) for timer in entity.timers]
    return any(not a.isdisjoint(b) for index, a in enumerate(states) for b in states[index + 1 :])
