"""The relation once more as native code, with what each step means for fairness.

`expand(state, number, out)` writes every step, those that lead nowhere else too, each with the number of its kind
behind its words. Nothing is watched for; that a step was cut is noted in `was_cut`, and cuts are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from temper.machine import Address, Target, Timer, TransitionTable, Universe
from temper.verify.explicit.fairness import CallDebt, Insistence, LaneDebt, TimerDebt
from temper.verify.native.debts import Debts, Kind
from temper.verify.native.layout import InstancePlace, Lane, LaneSite, Layout, MailPlace
from temper.verify.native.meant import Meant
from temper.verify.native.monitors import Monitor, Monitors
from temper.verify.native.row import MACHINE, Made, fate
from temper.verify.native.rules import Rules
from temper.verify.native.sight import Words, get
from temper.verify.native.writer import Truth, Word, Writer


class CutsOnly(Monitors):
    """Counts cuts, notes that there was one, and watches for nothing."""

    def watch(self, writer: Writer, monitor: Monitor, condition: Callable[[], Truth]) -> None:
        pass

    def cut(self, writer: Writer, bound: str, where: str) -> None:
        super().cut(writer, bound, where)
        writer.line("store i8 1, ptr @was_cut")


class FairRules(Rules):
    """Writes the relation with the kind of each step."""

    def __init__(self, table: TransitionTable, universe: Universe, layout: Layout) -> None:
        super().__init__(table, universe, layout)
        self.debts = Debts(layout)
        self.here = Kind()
        """What each step of the rule that is being written means."""
        self.lane: Lane | None = None
        """The lane that is being settled."""
        self.calls = False
        """Whether it is rule 1 or 6, which show what can be called."""

    def monitoring(self) -> Monitors:
        return CutsOnly()

    # The rules, each with what its steps mean.

    def _calls(self, place: InstancePlace) -> None:
        self._begin(Kind())
        self.calls = True
        super()._calls(place)

    def _deliver(self, posted: MailPlace) -> None:
        self._begin(Kind(paid=self.debts.bit((posted.owner, posted.site, posted.receiver))))
        super()._deliver(posted)

    def _settled(self, lane: Lane, asked: LaneSite, first: Word, outcome: str, given: dict[str, Meant]) -> None:
        insisted = self.debts.insisted(
            Insistence(lane.owner, asked.site, assumed)
            for effect, assumed in self.debts.fairness.outcomes
            if effect == lane.effect.name
        )
        kept = self.debts.asked(Insistence(lane.owner, asked.site, outcome))
        self._begin(Kind(paid=self._lane_bit(lane), asked=insisted, kept=kept))
        self.lane = lane
        super()._settled(lane, asked, first, outcome, given)

    def _aim(
        self,
        owner: Address,
        words: Words,
        target: Target,
        given: Mapping[str, Meant],
        again: Callable[[], Words],
        question: str,
        spot: str,
        behind: str,
        timer: Timer | None = None,
    ) -> None:
        if timer is not None:
            self._begin(Kind(paid=self.debts.bit(TimerDebt(owner, timer.name))))
        super()._aim(owner, words, target, given, again, question, spot, behind, timer)

    def _perform(self, lane: Lane) -> None:
        self._begin(Kind())
        super()._perform(lane)

    def _begin(self, here: Kind) -> None:
        self.here, self.lane, self.calls = here, None, False

    # The steps.

    def _emit(self, words: Words, made: Made = MACHINE) -> None:
        out, writer, size = self._written(words), self.writer, self.layout.words
        place = writer.emit(f"getelementptr i64, ptr {out}, i64 {size}")
        writer.line(f"store i64 {self._kind(made)}, ptr {place}")
        after = writer.emit(f"getelementptr i64, ptr {out}, i64 {size + 1}")
        writer.line(f"store ptr {after}, ptr %next")

    def _kind(self, made: Made) -> Word:
        if made.again and self.lane is not None:
            return self._asked_again(self.lane)
        kind = self.here if made.turn is None else self._taken(made)
        return self.debts.number(kind)

    def _asked_again(self, lane: Lane) -> Word:
        """A request that asks again keeps its place, and pays nothing where another waits behind it."""
        alone = self.debts.number(self.here)
        if len(lane.slots) == 1:
            return alone
        waiting = self.debts.number(Kind(asked=self.here.asked, kept=self.here.kept))
        second = get(self.writer, self.state, lane.slots[1])
        return self.writer.select(self.writer.compare("eq", second, 0), alone, waiting)

    def _taken(self, made: Made) -> Kind:
        """A case of an action: what it arms, what it replaces, and that it was called."""
        turn = made.turn
        assert turn is not None, "some action is taken"
        place, action = turn.place, turn.place.entity.action(turn.action)
        case = action.cases[made.case]
        target = turn.control if case.target is None else case.target
        paid = 0
        for timer in place.entity.timers:
            if fate(timer, case, turn.control, target):
                paid |= self.debts.bit(TimerDebt(place.address, timer.name))
        for lane in self.layout.lanes:
            sites = [asked.site for asked in lane.sites if asked.template.replaces and lane.owner == place.address]
            if any((site.action, site.case) == (turn.action, made.case) for site in sites):
                paid |= self._lane_bit(lane)
        if (place.entity.name, turn.action) in self.debts.fairness.actions:
            called = self.debts.bit(CallDebt(place.address, turn.action))
            return self.here.also(paid=paid | called, owed=called if self.calls else 0)
        return self.here.also(paid=paid)

    def _lane_bit(self, lane: Lane) -> int:
        return self.debts.bit(LaneDebt(lane.owner, lane.effect.name))
