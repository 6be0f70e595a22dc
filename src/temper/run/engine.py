"""The engine: pure reducers from an instance and an input to an instance and commands, in the order to obey them.

`advance` decides, `absorb` changes: nothing else makes a new instance, live or on replay. No clock, no chance, no
store is asked here; what the outside knows (the time, unused ids, the next free numbers) comes in as a `Moment`.
The driver obeys the commands in order and passes none on before the `Append` in front of it is durable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeAlias, assert_never

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    Address,
    Again,
    Applied,
    Args,
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
    Retry,
    Send,
    Spawn,
    Spawning,
    Stepped,
    Target,
    Unhandled,
    Value,
    apply_target,
    step,
)
from temper.run.backing_off import back_off
from temper.run.record import Pending, Record, first_of_lanes
from temper.run.retiring import Retired, retirement
from temper.run.version import Version

new = tuple.__new__
"""What a named tuple is made with at last. Its own way there takes three times as long, and a step makes a dozen."""

MARKS_MAX = 20
"""How many unhandled calls an instance remembers; the journal has them all."""
BURNT = Rejected("wrong-state", "its constructor was rejected, so it stays `new` for ever")
AGAIN_RETRY = Retry()
"""The back-off of a message that is asked again and again; an effect declares its own."""


class Instance(NamedTuple):
    """One instance as memory has it: its cell, its own pending effects by place, its marks."""

    cell: Cell
    effects: tuple[Pending, ...] = ()
    marks: tuple[str, ...] = ()
    burnt: bool = False


class Moment(NamedTuple):
    """What the outside knows: the time, unused ids, the next record number and the next free place.

    Free places lie `stride` apart: those in between are given by other nodes.
    """

    now: int
    number: int
    place: int
    fresh: tuple[str, ...] = ()
    stride: int = 1


class Called(NamedTuple):
    """A person calls. `taken`: the id belongs to a spawn that is still pending."""

    action: str
    args: Mapping[str, Value]
    caller: str
    roles: frozenset[str]
    expected: int | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message, spawn or refusal has reached this instance."""

    pending: Pending


@dataclass(frozen=True, slots=True)
class Settled:
    """An effect ended. `said` keeps what a nonsensical or late answer said.

    `stale`: it is an answer to an attempt that does not count any more, so it is written down and changes nothing.
    """

    effect: str
    key: tuple[int, int]
    outcome: str
    fields: Args = ()
    said: str = ""
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """Time has passed: the first timer that is due, if there is one, fires."""


Input: TypeAlias = Called | Delivered | Settled | Fired | Retired


class Append(NamedTuple):
    """Make this durable first."""

    record: Record


class Attempt(NamedTuple):
    """This effect is the first of its lane: try it."""

    pending: Pending


class Carry(NamedTuple):
    """Bring this message, spawn or refusal to whom it concerns."""

    pending: Pending


class Schedule(NamedTuple):
    """Come back when this is due."""

    address: Address
    due: int


class Reply(NamedTuple):
    """Answer whoever called."""

    outcome: Record | Rejected


Command: TypeAlias = Append | Attempt | Carry | Schedule | Reply
Advanced: TypeAlias = tuple[Instance, tuple[Command, ...]]


def advance(version: Version, instance: Instance, given: Input, moment: Moment) -> Advanced:
    """What an input does to an instance, and what is to be done about it."""
    match given:
        case Called():
            return _called(version, instance, given, moment)
        case Delivered(pending):
            if isinstance(pending.delivery, Refusal):
                return _refused(version, instance, pending, pending.delivery, moment)
            return _delivered(version, instance, pending, moment)
        case Settled():
            return _settled(version, instance, given, moment)
        case Fired():
            return _fired(version, instance, moment)
        case Retired():
            record = retirement(version, instance, moment)
            return (instance, ()) if record is None else _append(instance, record)
        case _:
            assert_never(given)


def absorb(instance: Instance, record: Record) -> Instance:
    """The instance after the record. Live and on replay; it computes nothing that the record could not say."""
    cell, effects, marks, burnt = instance
    if record.stepped or record.data is not None:
        assert record.seq >= cell.seq, f"record {record.number} is older than the instance it changes"
        data = record.data if record.data is not None else _changed(cell.data, record.changes)
        timers = cell.timers if record.timers is None else record.timers
        cell = new(Cell, (cell.entity, cell.id, record.control, data, timers, record.at, record.seq))
    elif record.timers is not None:
        cell = cell._replace(timers=record.timers)
    if record.consumed or record.withdrawn or record.made:
        effects = _lanes(effects, record)
    if record.unhandled:
        marks = (*marks, f"{record.number}: {record.note}")[-MARKS_MAX:]
    return new(Instance, (cell, effects, marks, burnt or record.burnt))


def _changed(data: tuple[Value, ...], changes: tuple[tuple[int, Value], ...]) -> tuple[Value, ...]:
    if not changes:
        return data
    values = list(data)
    for index, value in changes:
        values[index] = value
    return tuple(values)


def _lanes(effects: tuple[Pending, ...], record: Record) -> tuple[Pending, ...]:
    """Own effects that are still pending, by place: one that is asked again stays where the old one was."""
    gone = record.consumed + record.withdrawn
    found = [pending for pending in effects if pending[:2] not in gone] if gone else list(effects)
    found += [pending for pending in record.made if type(pending.delivery) is Effecting]
    if len(found) > 1:
        found.sort(key=_BY_PLACE)
    return tuple(found)


_BY_PLACE = itemgetter(0)
"""A `Pending` begins with its place, and its first two are its key."""


# A person calls


def _called(version: Version, instance: Instance, given: Called, moment: Moment) -> Advanced:
    cell = instance.cell
    action, args, caller, roles, expected, _ = given
    if (expected is not None or cell.control == NEW) and (refused := _refused_at_the_door(version, instance, given)):
        return instance, (Reply(refused),)
    now = max(moment.now, cell.clock)
    call = new(Call, (Cause.PERSON, action, args, now, caller, roles, moment.fresh))
    outcome = step(version.table, cell, call)
    if isinstance(outcome, Rejected):
        return instance, (Reply(outcome),)
    given_args = tuple([(name, args[name]) for name in version.params[cell.entity, action].names])
    who = (moment.number, now, version.hash, new(Address, cell[:2]), "call", "person", caller, tuple(sorted(roles)))
    record = Record(*who, action, given_args)
    record = _stepped(version, instance, cell, outcome, record, moment)
    after, commands = _append(instance, record)
    return after, (*commands, new(Reply, (record,)))


def _refused_at_the_door(version: Version, instance: Instance, given: Called) -> Rejected | None:
    """What the runtime knows and a step cannot: ids that are taken, and what the caller expected."""
    cell = instance.cell
    if given.expected is not None and given.expected != cell.seq:
        facts = (("expected", str(given.expected)), ("seq", str(cell.seq)))
        return Rejected("stale-version", f"it is at version {cell.seq}, and you expected {given.expected}", facts)
    if cell.control != NEW:
        return None
    action = version.actions.get((cell.entity, given.action))
    if action is None:
        return None
    if not action.is_constructor:
        return Rejected("unknown-instance", f"there is no {cell.entity} `{cell.id}`", (("id", cell.id),))
    if given.taken or instance.burnt:
        why = (
            "a new instance with it is on its way"
            if given.taken
            else "it was given out once, and an id is never used again"
        )
        return Rejected("id-taken", f"the id `{cell.id}` is taken: {why}", (("id", cell.id),))
    return None


# Messages and spawns


def _delivered(version: Version, instance: Instance, pending: Pending, moment: Moment) -> Advanced:
    delivery = pending.delivery
    assert isinstance(delivery, Message | Spawning), "effects settle and refusals return"
    cell = instance.cell
    now = max(moment.now, cell.clock, delivery.stamp)
    record = Record(
        number=moment.number,
        at=now,
        table=version.hash,
        address=cell.address,
        rule="deliver",
        cause=f"{delivery.owner.entity} {delivery.owner.id}",
        action=delivery.action,
        args=delivery.args,
        consumed=(pending.key,),
    )
    call = Call(Cause.MACHINE, delivery.action, dict(delivery.args), now, fresh=moment.fresh)
    outcome = BURNT if instance.burnt and cell.control == NEW else step(version.table, cell, call)
    if isinstance(outcome, Applied):
        return _append(instance, _stepped(version, instance, cell, outcome, record, moment))
    template = version.sites[delivery.site]
    assert isinstance(template, Send | Spawn), "a message or spawn comes from a send or spawn"
    record = record._replace(note=f"{outcome.code}: {outcome.message}", burnt=isinstance(delivery, Spawning))
    if template.refused != (IGNORE,):
        refusal = Refusal(delivery, outcome.code, now)
        record = record._replace(made=(Pending(moment.place, 0, refusal),))
    return _append(instance, record)


def _refused(version: Version, instance: Instance, pending: Pending, refusal: Refusal, moment: Moment) -> Advanced:
    """A refusal is back with its owner, who said at the site what is to be done then."""
    sent = refusal.of
    template = version.sites[sent.site]
    assert isinstance(template, Send | Spawn), "only messages and spawns are refused"
    receiver = sent.receiver if isinstance(sent, Message) else sent.child
    record = Record(
        number=moment.number,
        at=max(moment.now, instance.cell.clock, refusal.stamp),
        table=version.hash,
        address=instance.cell.address,
        rule="deliver",
        cause=f"refused by {receiver.entity} {receiver.id}: {refusal.reason}",
        consumed=(pending.key,),
    )
    given = {**dict(sent.args), "reason": refusal.reason, "receiver": receiver.id}
    return _targeted(version, instance, instance.cell, template.refused, given, record, moment, pending)


# Effects


def _settled(version: Version, instance: Instance, given: Settled, moment: Moment) -> Advanced:
    cell = instance.cell
    pending = next((p for p in instance.effects if p.key == given.key), None)
    now = max(moment.now, cell.clock)
    record = Record(
        number=moment.number,
        at=now,
        table=version.hash,
        address=cell.address,
        rule="settle",
        cause=f"{given.effect}.{given.outcome}",
        effect=given.effect,
        outcome=given.outcome,
        fields=given.fields,
        note=given.said,
    )
    if pending is None or given.stale:
        # It was settled, withdrawn or given to another worker meanwhile: what it says is kept, and changes nothing.
        return _append(instance, record._replace(rule="late"))
    delivery = pending.delivery
    assert isinstance(delivery, Effecting), "only effects settle"
    template = version.sites[delivery.site]
    assert isinstance(template, Request), "an effect comes from a request"
    record = record._replace(at=max(now, delivery.stamp), consumed=(pending.key,))
    pool = {**dict(delivery.args), **dict(given.fields)}
    return _targeted(version, instance, cell, template.target(given.outcome), pool, record, moment, pending)


# Timers


def _fired(version: Version, instance: Instance, moment: Moment) -> Advanced:
    cell = instance.cell
    if not cell.timers:
        return instance, ()
    order = {timer.name: position for position, timer in enumerate(version.entities[cell.entity].timers)}
    name, due = min(cell.timers, key=lambda armed: (armed[1], order[armed[0]]))
    if due > moment.now:
        return instance, ()
    timer = version.entities[cell.entity].timers[order[name]]
    disarmed = cell._replace(timers=tuple(armed for armed in cell.timers if armed[0] != name))
    record = Record(
        number=moment.number,
        at=max(moment.now, cell.clock, due),
        table=version.hash,
        address=cell.address,
        rule="fire",
        cause=name,
        timers=disarmed.timers,
    )
    return _targeted(version, instance, disarmed, timer.target, {}, record, moment, None)


# What they share


def _targeted(
    version: Version,
    instance: Instance,
    cell: Cell,
    target: Target,
    given: Mapping[str, Value],
    record: Record,
    moment: Moment,
    pending: Pending | None,
) -> Advanced:
    """Apply a target to the cell and write down which of the four ways it went."""
    match apply_target(version.table, cell, target, given, record.at, moment.fresh):
        case Stepped(action, applied):
            params = version.params[cell.entity, action].names
            record = record._replace(action=action, args=tuple((name, given[name]) for name in params))
            return _append(instance, _stepped(version, instance, cell, applied, record, moment))
        case Again():
            assert pending is not None, "a timer is restarted, not asked again"
            made = _asked_again(version, pending, record.at, moment.place)
            return _append(instance, record._replace(action=AGAIN, made=(made,)))
        case Ignored():
            return _append(instance, record._replace(action=IGNORE))
        case Unhandled(rejections):
            why = "; ".join(f"{name}: {rejected.code}: {rejected.message}" for name, rejected in rejections)
            note = f"{record.cause} found no action that fits: {why}"
            return _append(instance, record._replace(action="unhandled", unhandled=True, note=note))


def _asked_again(version: Version, pending: Pending, now: int, place: int) -> Pending:
    """The same delivery once more, with a new key; an effect in the place of the old one."""
    delivery = pending.delivery
    if isinstance(delivery, Effecting):
        issued = delivery._replace(round=delivery.round + 1, stamp=now)
        wait = back_off(version.effects[delivery.effect].retry, issued.round)
        return Pending(pending.place, pending.round + 1, issued, not_before=now + wait)
    assert isinstance(delivery, Refusal), "only effects and refused messages are asked again"
    assert isinstance(delivery.of, Message), "a spawn is not asked again"
    message = delivery.of._replace(round=delivery.of.round + 1, stamp=now)
    return Pending(place, message.round, message, not_before=now + back_off(AGAIN_RETRY, message.round))


def _stepped(
    version: Version, instance: Instance, before: Cell, applied: Applied, record: Record, moment: Moment
) -> Record:
    """The record of an applied call: what is different in the cell, what is handed on, what is withdrawn."""
    cell, deliveries, case, permitted_by = applied
    born = before.control == NEW
    made: tuple[Pending, ...] = ()
    withdrawn: tuple[tuple[int, int], ...] = ()
    if deliveries:
        _, _, place, _, stride = moment
        made = tuple([_pending(place + at * stride, each) for at, each in enumerate(deliveries)])
        if version.replaces:
            waiting = instance.effects
            if record.consumed:
                waiting = tuple(pending for pending in waiting if pending.key not in record.consumed)
            made, withdrawn = _withdraw(version, waiting, made)
    data, changes = (cell.data, ()) if born else (None, _differences(before.data, cell.data))
    timers = None if cell.timers == instance.cell.timers else cell.timers
    # In the order of its fields, because `_replace` looks each of them up and takes five times as long.
    taken = (permitted_by, case, True, before.control, cell.control, cell.seq, data, changes, timers)
    return new(Record, (*record[:_GATE], *taken, made, record.consumed, withdrawn, *record[_EFFECT:]))


_GATE, _EFFECT = Record._fields.index("gate"), Record._fields.index("effect")
"""Between these two of a record is what a step says."""


def _pending(place: int, delivery: Delivery) -> Pending:
    return new(Pending, (place, 0, delivery, False, 0, 0, "", ""))


def _differences(before: tuple[Value, ...], after: tuple[Value, ...]) -> tuple[tuple[int, Value], ...]:
    if before is after:
        return ()
    pairs = enumerate(zip(before, after, strict=True))
    return tuple([(index, new) for index, (old, new) in pairs if old is not new and old != new])


def _withdraw(
    version: Version, waiting: tuple[Pending, ...], made: tuple[Pending, ...]
) -> tuple[tuple[Pending, ...], tuple[tuple[int, int], ...]]:
    """`replaces: true` takes back every earlier request of its lane, those of the same step included."""
    kept: list[Pending] = []
    withdrawn: list[tuple[int, int]] = []
    for pending in made:
        delivery = pending.delivery
        if type(delivery) is Effecting and delivery.site in version.replaces:
            effect = delivery.effect
            withdrawn += [p.key for p in waiting if _asks(p, effect) and p.key not in withdrawn]
            kept = [p for p in kept if not _asks(p, effect)]
        kept.append(pending)
    return tuple(kept), tuple(withdrawn)


def _asks(pending: Pending, effect: str) -> bool:
    delivery = pending.delivery
    return type(delivery) is Effecting and delivery.effect == effect


def _append(instance: Instance, record: Record) -> Advanced:
    """The record, and everything that follows from it once it is durable."""
    after = absorb(instance, record)
    commands: list[Command] = [new(Append, (record,))]
    if after.effects is not instance.effects:
        before = [pending[:2] for pending in first_of_lanes(instance.effects)]
        firsts = first_of_lanes(after.effects)
        commands += [new(Attempt, (pending,)) for pending in firsts if pending[:2] not in before]
    if record.made:
        commands += [Carry(pending) for pending in record.made if type(pending.delivery) is not Effecting]
    if record.timers:
        commands.append(new(Schedule, (record.address, min([due for _, due in record.timers]))))
    return after, tuple(commands)
