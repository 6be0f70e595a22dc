"""Rule 4 in native code, after `machine.outside`: what requests do to world entities, whenever they get there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from temper.machine import NEW, Action, Address, DeliveryKind
from temper.verify.native.algebra import Scope
from temper.verify.native.layout import InstancePlace, Lane
from temper.verify.native.meant import Meant
from temper.verify.native.monitors import Monitor
from temper.verify.native.packing import fits_in
from temper.verify.native.ranges import contained, fitted
from temper.verify.native.row import Emit, Rows, Turn
from temper.verify.native.sight import Sight, Words, get, put
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word


class Outside:
    """Writes performs."""

    def __init__(self, rows: Rows, emit: Emit) -> None:
        self.rows, self.emit = rows, emit
        self.writer, self.layout, self.state = rows.writer, rows.layout, rows.state
        self.pending, self.lateness, self.monitors = rows.pending, rows.pending.lateness, rows.monitors

    def perform(self, lane: Lane) -> None:
        """The first request of the lane and each late one may happen now; none has to."""
        if lane.performing:
            self._pending(lane)
            for at in range(len(lane.late)):
                self._late(lane, at)

    def _pending(self, lane: Lane) -> None:
        behind = self.writer.label()
        first = get(self.writer, self.state, lane.slots[0])
        self.writer.unless(self.writer.compare("ne", first, 0), behind)
        if lane.effect.delivery is not DeliveryKind.IDEMPOTENT:
            self.writer.unless(self.writer.is_not(self.lateness.performed(lane, first)), behind)
        rank = self.lateness.rank(lane, first) if lane.rank_width else 0
        words = self.lateness.without_older(self.state, lane, rank)
        args = self.writer.right(first, lane.args_at)
        self._happen(lane, args, words, behind, partial(self._seen, lane, args, first))
        self.writer.place(behind)

    def _seen(self, lane: Lane, args: Word, first: Word, words: Words) -> Words:
        """The words in which the request also knows what this perform tells."""
        scope = Scope(
            self.writer,
            self.layout.domains,
            args=self.pending.unpacked(lane.sites[0].args, args),
            view=Sight(self.writer, self.layout, words),
        )
        number: Word = 0
        offset = 0
        for each in lane.told:
            meant = scope.mean(each.expression)
            if not fits_in(each.packing, meant):
                raise Unsupported("an outcome that may tell what is not in its type")
            number = self.writer.either(number, self.writer.left(each.packing.pack(self.writer, meant), offset))
            offset += each.packing.width
        bit = self.writer.left(self.writer.left(1, number), lane.performed_at)
        return put(self.writer, words, lane.slots[0], self.writer.either(first, bit))

    def _late(self, lane: Lane, at: int) -> None:
        behind = self.writer.label()
        late = get(self.writer, self.state, lane.late[at])
        self.writer.unless(self.writer.compare("ne", late, 0), behind)
        if at:
            before = get(self.writer, self.state, lane.late[at - 1])
            self.writer.unless(self.writer.compare("ne", late, before), behind)
        words = self.state
        if lane.effect.delivery is not DeliveryKind.IDEMPOTENT:
            words = self.lateness.without(words, lane, at)
        rank = self.writer.both(self.writer.right(late, 1), (1 << lane.rank_width) - 1)
        words = self.lateness.without_older(words, lane, rank)
        self._happen(lane, self.writer.right(late, lane.late_args_at), words, behind)
        self.writer.place(behind)

    def _happen(
        self,
        lane: Lane,
        args: Word,
        words: Words,
        behind: str,
        finish: Callable[[Words], Words] | None = None,
    ) -> None:
        """What a request does to the world's cell; what is rejected there has not happened."""
        performs = lane.effect.performs
        assert performs is not None, "only what performs gets there"
        place = self.layout.by_address[Address(performs.entity, performs.entity)]
        action = place.entity.action(performs.action)
        scope = Scope(self.writer, self.layout.domains, args=self.pending.unpacked(lane.sites[0].args, args))
        types = {param.name: param.type for param in action.params}
        given: dict[str, Meant] = {name: fitted(types[name], scope.mean(value)) for name, value in performs.args}
        assert set(given) == set(types), "what is performed is given every parameter"
        violated = self.writer.label()

        def reject(code: str) -> str:
            return violated if code in {"out-of-range", "same-key-twice"} else behind

        for name, type_ in types.items():
            self._hold(
                contained(self.writer, type_, given[name]),
                Monitor("violation", *_question(place, action, name)),
                violated,
            )
        labels = {control: self.writer.label() for control in place.controls if control != NEW}
        numbers = {place.controls.index(control): label for control, label in labels.items()}
        self.writer.switch(get(self.writer, self.state, place.control), numbers, behind)
        spot = f"{place.entity.name}.{performs.action}"
        for control, label in labels.items():
            self.writer.place(label)
            self.rows.take(
                Turn(place, control, performs.action, given, None, words, reject, behind, spot, finish=finish)
            )
        self.writer.place(violated)
        self.emit(self.state)
        self.writer.goto(behind)

    def _hold(self, condition: Truth, monitor: Monitor, violated: str) -> None:
        """What is passed on to the world is in its range, or that is told."""
        if condition is True:
            return
        on, bad = self.writer.label(), self.writer.label()
        self.writer.branch(condition, on, bad)
        self.writer.place(bad)
        self.monitors.meet(self.writer, monitor)
        self.writer.goto(violated)
        if condition is not False:
            self.writer.place(on)


def _question(place: InstancePlace, action: Action, param: str) -> tuple[str, str]:
    return f"range:{place.entity.name}.{param}", f"{place.entity.name}.{action.name}"
