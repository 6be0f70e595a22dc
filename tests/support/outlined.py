"""Runs of a table beside the outlines of one instance: which outlines a system may have, and how they go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from temper.machine import (
    NEW,
    Address,
    Delivery,
    Effecting,
    Message,
    OptionType,
    RefType,
    Refusal,
    Spawning,
    Step,
    System,
    Type,
    Value,
)
from temper.verify.symbolic.draft import MANYFOLD, Move, Outline, Pending
from temper.verify.symbolic.outline import Outlines
from temper.verify.symbolic.possible import ELSEWHERE


class Flat(NamedTuple):
    """A delivery with instances named as outlines name them."""

    kind: str
    owner: int
    site: object
    receiver: Value
    args: tuple[tuple[str, Value], ...]


class Beside:
    """One instance of a system, and whom it made, as the figures of some outlines."""

    def __init__(self, outlines: Outlines, subject: Address) -> None:
        self.outlines, self.subject = outlines, subject
        self.table = outlines.table

    def whom(self, system: System) -> dict[Address, int]:
        """Which instance is which figure; whom the subject makes is known once it did."""
        found = {self.subject: 0}
        cell = system.cell(self.subject)
        if cell is not None:
            fields = self.outlines.figures[0].entity.fields
            for number, figure in enumerate(self.outlines.figures[1:], start=1):
                at = next(at for at, field in enumerate(fields) if field.name == figure.into)
                if cell.data[at] is not None:
                    found[Address(figure.entity.name, str(cell.data[at]))] = number
        return found

    def named(self, type_: Type, value: Value, whom: dict[Address, int]) -> Value:
        match type_:
            case RefType(entity) | OptionType(RefType(entity)) if value is not None:
                number = whom.get(Address(entity, str(value)))
                return ELSEWHERE if number is None else self.outlines.figures[number].ident
            case _:
                return value

    def fits(self, outline: Outline, system: System) -> bool:
        """Whether the outline may be one of the system."""
        whom = self.whom(system)
        return all(self._stands(outline, system, address, number, whom) for address, number in whom.items()) and (
            _matched(outline.pending, [*self.flat(system.pending, whom)])
        )

    def _stands(
        self, outline: Outline, system: System, address: Address, number: int, whom: dict[Address, int]
    ) -> bool:
        cell, stand, figure = system.cell(address), outline.stands[number], self.outlines.figures[number]
        if cell is None:
            return stand.control == NEW
        fields = dict(zip((field.name for field in figure.entity.fields), cell.data, strict=True))
        data = tuple(self.named(field.type, fields[field.name], whom) for field in figure.followed)
        return (stand.control, stand.data, stand.timers) == (cell.control, data, tuple(name for name, _ in cell.timers))

    def flat(self, deliveries: Iterable[Delivery], whom: dict[Address, int]) -> Iterator[Flat]:
        """The deliveries of the figures."""
        for each in deliveries:
            of = each.of if isinstance(each, Refusal) else each
            if of.owner not in whom:
                continue
            kind = "refusal" if isinstance(each, Refusal) else KINDS[type(of)]
            receiver: Value = None
            if isinstance(of, Message | Spawning):
                to = of.receiver if isinstance(of, Message) else of.child
                receiver = self.named(RefType(to.entity), to.id, whom)
                params = self.table.entity(to.entity).action(of.action).params
            else:
                params = self.table.effect(of.effect).params
            types = {param.name: param.type for param in params}
            args = tuple((name, self.named(types[name], value, whom)) for name, value in of.args)
            yield Flat(kind, whom[of.owner], of.site, receiver, args)

    def follows(self, outline: Outline, before: System, step: Step) -> Iterator[Outline]:
        """The outlines of the next system to which a move leads that is this step, as far as fairness is concerned."""
        if not self._concerns(before, step) and self.fits(outline, step.system):
            yield outline
        for move in self.outlines.moves(outline):
            if (
                self.fits(move.after, step.system)
                and self._pays(move, before, step)
                and self._turns(move, before, step.system)
            ):
                yield move.after

    def _turns(self, move: Move, before: System, after: System) -> bool:
        """Whether numbers change by as much as the move says."""
        addresses = {number: address for address, number in self.whom(after).items()}
        for owner, name, span in move.turns:
            old, new = before.cell(addresses[owner]), after.cell(addresses[owner])
            fields = [field.name for field in self.outlines.figures[owner].entity.fields]
            at = fields.index(name)
            initial = self.outlines.figures[owner].entity.fields[at].initial
            was, now = initial if old is None else old.data[at], None if new is None else new.data[at]
            assert isinstance(was, int), "numbers that are counted are there from the start"
            assert isinstance(now, int), "what took a step exists"
            if not span.least <= now - was <= span.most:
                return False
        return True

    def _concerns(self, before: System, step: Step) -> bool:
        """Whether the step takes something that a figure owes."""
        whom = self.whom(before)
        consumed = [] if step.timing.consumed is None else [step.timing.consumed]
        fired = step.timing.fired or step.timing.armed
        return bool([*self.flat(consumed, whom)]) or bool(fired and step.label.address in whom)

    def _pays(self, move: Move, before: System, step: Step) -> bool:
        """Whether the move takes what the step takes, and is settled as the step settles it."""
        whom = self.whom(before)
        consumed = [] if step.timing.consumed is None else [*self.flat([step.timing.consumed], whom)]
        paid = [each for each in move.paid if isinstance(each, Pending)]
        if any(not any(_is_like(one, flat) for one in paid) for flat in consumed):
            return False
        if consumed and consumed[0].kind == "request":
            settled = move.settled
            return settled is not None and (settled.owner, settled.site, settled.outcome) == (
                consumed[0].owner,
                consumed[0].site,
                step.label.outcome,
            )
        timers = {each.timer for each in move.paid if not isinstance(each, Pending)}
        return not step.timing.fired or step.label.address not in whom or step.timing.fired in timers


KINDS = {Effecting: "request", Message: "message", Spawning: "spawn"}


def _is_like(pending: Pending, flat: Flat) -> bool:
    """Whether the delivery is of that kind, as far as anything is known of it."""
    known = dict(flat.args)
    return pending[:4] == flat[:4] and all(known.get(name) == value for name, value in pending.args)


def _matched(pending: frozenset[tuple[Pending, int]], flat: list[Flat]) -> bool:
    """Whether each delivery is one of those that are pending, and they are as many as is said."""
    return _assigned(
        sorted(Counter(flat).items(), key=repr), dict.fromkeys((one for one, _ in pending), 0), dict(pending)
    )


def _assigned(left: list[tuple[Flat, int]], got: dict[Pending, int], wanted: dict[Pending, int]) -> bool:
    if not left:
        return all(min(got[one], MANYFOLD) == count for one, count in wanted.items())
    flat, count = left[0]
    rest = [(flat, count - 1), *left[1:]] if count > 1 else left[1:]
    return any(_assigned(rest, {**got, one: got[one] + 1}, wanted) for one in wanted if _is_like(one, flat))
