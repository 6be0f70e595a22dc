"""What the rules make of a record: the cell after, and what is handed on, from what is believed to be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    UNHANDLED,
    Address,
    Again,
    Applied,
    Call,
    Cause,
    Cell,
    Delivery,
    Effecting,
    Ignored,
    Message,
    Refusal,
    Rejected,
    Request,
    Send,
    Spawn,
    Spawning,
    Stepped,
    Target,
    TransitionTable,
    Unhandled,
    Value,
    Violation,
    apply_target,
    step,
    violations_in,
)
from temper.run import Pending, Record, Version, receiver_of


class BrokenError(Exception):
    """Something is not as it must be: `law` names what, the text says how."""

    def __init__(self, law: str, message: str) -> None:
        super().__init__(message)
        self.law = law


class Expected(NamedTuple):
    """What the rule makes of it."""

    cell: Cell
    made: tuple[Delivery, ...] = ()
    case: int | None = None
    action: str = ""
    burnt: bool = False
    again: Pending | None = None
    violations: tuple[Violation, ...] = ()


class Rules:
    """What is believed to be there, and what each rule of the relation makes of it."""

    def __init__(self) -> None:
        self.version: Version | None = None
        self.cells: dict[Address, Cell] = {}
        self.burnt: set[Address] = set()
        self.pending: dict[int, Pending] = {}
        self.expected: dict[Address, Pending] = {}
        """Spawns on their way, by the child."""
        self.lanes: dict[tuple[Address, str], list[Pending]] = {}
        self.now = 0
        """The latest that any node's clock has shown."""

    @property
    def table(self) -> TransitionTable:
        assert self.version is not None, "an empty store is filled before anything is asked"
        return self.version.table

    def explained(self, record: Record, cell: Cell, consumed: tuple[Pending, ...]) -> Expected:
        """What the rule of the record makes of the cell. Raises `BrokenError` if it takes no such step."""
        match record.rule:
            case "call":
                return self._call(record, cell)
            case "fire":
                return self._fire(record, cell)
            case "deliver" if len(consumed) == 1:
                return self._deliver(record, cell, consumed[0])
            case "settle" if len(consumed) == 1:
                return self._settle(record, cell, consumed[0])
            case _:
                raise BrokenError("refinement", f"record {record.number} is of no rule: {record.rule}")

    def _call(self, record: Record, cell: Cell) -> Expected:
        address = record.address
        hold(
            "refinement",
            cell.control != NEW or (address not in self.burnt and address not in self.expected),
            lambda: f"record {record.number} makes {named(address)}, whose id is taken",
        )
        call = Call(
            Cause.PERSON,
            record.action,
            dict(record.args),
            record.at,
            record.caller,
            frozenset(record.roles),
            fresh(record),
        )
        answer = step(self.table, cell, call)
        if isinstance(answer, Rejected):
            raise BrokenError("refinement", f"record {record.number} is no call that applies: {answer.message}")
        return _stepped(record.action, answer)

    def _deliver(self, record: Record, cell: Cell, pending: Pending) -> Expected:
        delivery = pending.delivery
        hold(
            "refinement",
            not isinstance(delivery, Effecting) and receiver_of(delivery) == record.address,
            lambda: f"record {record.number} delivers to {named(record.address)} what is for somebody else",
        )
        assert not isinstance(delivery, Effecting), "it was just looked at"
        self._not_before(record, delivery.stamp)
        if isinstance(delivery, Refusal):
            return self._refused(record, cell, pending, delivery)
        hold(
            "refinement",
            isinstance(delivery, Spawning) or record.address not in self.expected,
            lambda: f"record {record.number} delivers a message ahead of the spawn of {named(record.address)}",
        )
        call = Call(Cause.MACHINE, delivery.action, dict(delivery.args), record.at, fresh=fresh(record))
        is_burnt = record.address in self.burnt and cell.control == NEW
        answer = None if is_burnt else step(self.table, cell, call)
        if isinstance(answer, Applied):
            return _stepped(delivery.action, answer)
        template = self.template(delivery)
        assert isinstance(template, Send | Spawn), "only messages and spawns are received"
        reason = "wrong-state" if answer is None else answer.code
        back = () if template.refused == (IGNORE,) else (Refusal(delivery, reason, record.at),)
        wrong = () if answer is None else violations_in(cell.entity, ((delivery.action, answer),))
        burnt = isinstance(delivery, Spawning)
        return Expected(cell, back, action=delivery.action, burnt=burnt, violations=wrong)

    def _refused(self, record: Record, cell: Cell, pending: Pending, refusal: Refusal) -> Expected:
        sent = refusal.of
        template = self.template(sent)
        assert isinstance(template, Send | Spawn), "only messages and spawns are refused"
        receiver = sent.receiver if isinstance(sent, Message) else sent.child
        given = {**dict(sent.args), "reason": refusal.reason, "receiver": receiver.id}
        return self._aim(record, cell, template.refused, given, pending)

    def _settle(self, record: Record, cell: Cell, pending: Pending) -> Expected:
        delivery = pending.delivery
        hold(
            "refinement",
            isinstance(delivery, Effecting) and delivery.owner == record.address and delivery.effect == record.effect,
            lambda: f"record {record.number} settles an effect that is not its own",
        )
        assert isinstance(delivery, Effecting), "it was just looked at"
        first = self.lanes[delivery.owner, delivery.effect][0]
        hold(
            "lane-order",
            first.key == pending.key,
            lambda: f"record {record.number} settles {pending.key}, and {first.key} is the first of its lane",
        )
        self._not_before(record, delivery.stamp)
        template = self.template(delivery)
        assert isinstance(template, Request), "an effect comes from a request"
        given = {**dict(delivery.args), **dict(record.fields)}
        return self._aim(record, cell, template.target(record.outcome), given, pending)

    def _fire(self, record: Record, cell: Cell) -> Expected:
        assert self.version is not None, "a version is loaded with the first record"
        timers = self.version.entities[cell.entity].timers
        order = {timer.name: position for position, timer in enumerate(timers)}
        armed = sorted(cell.timers, key=lambda each: (each[1], order[each[0]]))
        hold(
            "timer-order",
            bool(armed) and armed[0][0] == record.cause,
            lambda: f"record {record.number} fires `{record.cause}`, which is not the next of {named(cell.address)}",
        )
        name, due = armed[0]
        hold(
            "timer-order",
            due <= record.at and due <= self.now,
            lambda: f"record {record.number} fires `{name}` before it is due",
        )
        disarmed = cell._replace(timers=tuple(each for each in cell.timers if each[0] != name))
        return self._aim(record, disarmed, timers[order[name]].target, {}, None)

    def _aim(
        self, record: Record, cell: Cell, target: Target, given: dict[str, Value], pending: Pending | None
    ) -> Expected:
        taken = apply_target(self.table, cell, target, given, record.at, fresh(record))
        wrong = violations_in(cell.entity, taken.declined) if taken.declined else ()
        match taken:
            case Stepped(action, applied):
                return _stepped(action, applied)._replace(violations=wrong)
            case Again():
                return Expected(cell, action=AGAIN, again=pending, violations=wrong)
            case Ignored():
                return Expected(cell, action=IGNORE, violations=wrong)
            case Unhandled(rejections):
                why = "; ".join(f"`{name}`: {rejected.message}" for name, rejected in rejections)
                nobody = Violation(UNHANDLED, _place(record, pending), why)
                return Expected(cell, action=UNHANDLED, violations=(*wrong, nobody))

    def template(self, delivery: Effecting | Message | Spawning) -> Request | Send | Spawn:
        """Where it was handed on."""
        assert self.version is not None, "a version is loaded with the first record"
        return self.version.sites[delivery.site]

    def _not_before(self, record: Record, stamp: int) -> None:
        hold("linear-history", record.at >= stamp, lambda: f"record {record.number} is before what caused it")


def _stepped(action: str, applied: Applied) -> Expected:
    return Expected(applied.cell, applied.deliveries, applied.case, action)


def fresh(record: Record) -> tuple[str, ...]:
    """The ids that the step gave to what it spawns."""
    return tuple(pending.delivery.child.id for pending in record.made if isinstance(pending.delivery, Spawning))


def hold(law: str, is_so: bool, message: Callable[[], str]) -> None:  # noqa: FBT001 (what is so, and what is said if not)
    """A law."""
    if not is_so:
        raise BrokenError(law, message())


def _place(record: Record, pending: Pending | None) -> str:
    """Where in the table the target stands that did not fit."""
    if pending is None:
        return f"{record.address.entity}.{record.cause}"
    delivery = pending.delivery
    site = delivery.of.site if isinstance(delivery, Refusal) else delivery.site
    return f"{site.entity}.{site.action}.{record.cause}"


def named(address: Address) -> str:
    """An instance in words."""
    return f"{address.entity} {address.id}"
