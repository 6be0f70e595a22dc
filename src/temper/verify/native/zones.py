"""Zones as numbers: what can be known about the order of one instance's timers is little, and is listed beforehand.

Each step does one of a few things to a zone (`Tick`), which native code notes while it is being written. Afterwards
the zones that these can lead to are gone through, and each tick becomes a table from zone to zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from temper.machine import NO_TIMERS, Entity, Zone, arm, fire, reach
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer

ZONE_BITS = 8


@dataclass(frozen=True, slots=True)
class Tick:
    """What a step does to the timers of an instance: which one fires, which go, which start with what delay.

    `moves` is false where no action was taken; then `now` has not moved to the due of what fired, either.
    """

    fired: str
    moves: bool
    gone: frozenset[str] = frozenset()
    armed: tuple[tuple[str, int], ...] = ()


Known = tuple[tuple[str, ...], Zone]
"""The timers that are armed, and what is known of them."""


class Zones:
    """The zones of one entity. Number 0 is no timer at all."""

    def __init__(self, entity: Entity, at: int) -> None:
        self.entity, self.at = entity, at
        self.order = tuple(timer.name for timer in entity.timers)
        self.ticks: dict[Tick, int] = {}
        self.numbers: dict[Known, int] = {((), NO_TIMERS): 0}
        self.known: list[Known] = [((), NO_TIMERS)]

    # While code is written.

    def after(self, writer: Writer, zone: Word, tick: Tick) -> Word:
        """The number of the zone after the tick."""
        number = self.ticks.setdefault(tick, len(self.ticks))
        return self._looked_up(writer, zone, f"tick{number}")

    def can_fire(self, writer: Writer, zone: Word, timer: str) -> Truth:
        """Whether the timer can be the first that is due."""
        return writer.as_truth(self._looked_up(writer, zone, f"first{self.order.index(timer)}"))

    def _looked_up(self, writer: Writer, zone: Word, table: str) -> Word:
        name = f"@zone{self.at}_{table}"
        place = writer.emit(f"getelementptr i8, ptr {name}, i64 {zone}")
        return writer.emit(f"zext i8 {writer.emit(f'load i8, ptr {place}')} to i64")

    # When it is written.

    def close(self, begins: Iterable[Known]) -> list[str]:
        """Number every zone that the ticks can lead to, and give the tables as lines of a module."""
        for begin in begins:
            self.number(begin)
        steps: dict[int, list[int]] = {number: [] for number in self.ticks.values()}
        at = 0
        while at < len(self.known):
            for tick, number in self.ticks.items():
                after = self._ticked(self.known[at], tick)
                steps[number].append(0 if after is None else self.number(after))
            at += 1
        lines = [self._table(f"tick{number}", found) for number, found in steps.items()]
        return [*lines, *(self._table(f"first{at}", self._firsts(name)) for at, name in enumerate(self.order))]

    def number(self, known: Known) -> int:
        """The number of a zone."""
        if known not in self.numbers:
            if len(self.known) == 1 << ZONE_BITS:
                raise Unsupported(f"more than {1 << ZONE_BITS} orders of the timers of {self.entity.name}")
            self.numbers[known] = len(self.known)
            self.known.append(known)
        return self.numbers[known]

    def _ticked(self, known: Known, tick: Tick) -> Known | None:
        """What is known afterwards; None if nothing of the kind can happen here."""
        names, zone = known
        if tick.fired:
            if tick.fired not in names:
                return None
            fired = fire(zone, names.index(tick.fired))
            if fired is None:
                return None
            zone = reach(fired, names.index(tick.fired)) if tick.moves else fired
        armed = dict(tick.armed)
        left = tuple(
            name
            for name in self.order
            if name in armed or (name in names and name != tick.fired and name not in tick.gone)
        )
        return (left, arm(zone, names, left, armed)) if left else ((), NO_TIMERS)

    def _firsts(self, timer: str) -> list[int]:
        return [int(timer in names and fire(zone, names.index(timer)) is not None) for names, zone in self.known]

    def _table(self, name: str, values: list[int]) -> str:
        listed = ", ".join(f"i8 {value}" for value in [*values, *[0] * ((1 << ZONE_BITS) - len(values))])
        return f"@zone{self.at}_{name} = internal constant [{1 << ZONE_BITS} x i8] [{listed}]"
