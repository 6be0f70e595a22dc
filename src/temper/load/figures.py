"""What a load did: how much went through, how long everything waited, and what had piled up when."""

from __future__ import annotations

import json
from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.load.plan import LoadPlan
from temper.machine import Address, TransitionTable
from temper.run import Batch, StoreError
from temper.run.observer import Tried
from temper.run.world import Clock

SAMPLES = 240
"""How often in a run what has piled up is looked at."""
SHARES = (0.5, 0.9, 0.99)


@dataclass(slots=True)
class Times:
    """Lengths of time in milliseconds, by their percentiles."""

    sorted: list[int] = field(default_factory=list)

    def add(self, milliseconds: int) -> None:
        insort(self.sorted, milliseconds)

    def percentile(self, share: float) -> int | None:
        """The time that so large a share is not above; None if there is nothing.

        >>> Times([1, 2, 3, 4]).percentile(0.5)
        2
        """
        if not self.sorted:
            return None
        return self.sorted[max(0, -int(-share * len(self.sorted) // 1) - 1)]

    @property
    def percentiles(self) -> dict[str, int | None]:
        return {f"p{share * 100:g}": self.percentile(share) for share in SHARES}


@dataclass(slots=True)
class EffectFigures:
    """One effect. A delivery is asked, waits for its first attempt, is attempted, and settles."""

    name: str
    asked: int = 0
    settled: int = 0
    attempts: int = 0
    failed: int = 0
    waits: Times = field(default_factory=Times)
    """From being asked to the beginning of the first attempt."""
    takes: Times = field(default_factory=Times)
    """From being asked to being settled."""
    pending: int = 0
    pending_max: int = 0
    series: list[int] = field(default_factory=list)
    """How many were pending at each sample."""
    busy: float = 0
    """Which share of its capacity the receiver used."""
    drained: list[tuple[int, int | None]] = field(default_factory=list)
    """For each outage its end, and how long after it no more was pending than when it began; None if never."""


@dataclass(slots=True)
class EntityFigures:
    """One entity: how many instances began, how many came to a final state, and after how long."""

    name: str
    began: int = 0
    ended: int = 0
    lives: Times = field(default_factory=Times)


@dataclass(slots=True)
class Figures:
    """Everything that was measured, without what happened before `warm`."""

    milliseconds: int
    effects: dict[str, EffectFigures]
    entities: dict[str, EntityFigures]
    applied: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: int = 0
    whole_milliseconds: int = 0
    """With what happened before `warm`."""
    sample_milliseconds: int = 0


class Meter:
    """Observes a runtime under load, and takes its figures."""

    def __init__(self, table: TransitionTable, plan: LoadPlan, clock: Clock, begin: int) -> None:
        self._clock, self._plan = clock, plan
        self._warm = begin + plan.warm
        self._final = {entity.name: frozenset(entity.final) for entity in table.entities}
        self._asked: dict[tuple[int, int], tuple[EffectFigures, int]] = {}
        self._living: dict[Address, int] = {}
        self.figures = Figures(
            plan.milliseconds - plan.warm,
            {effect.name: EffectFigures(effect.name) for effect in table.effects},
            {entity.name: EntityFigures(entity.name) for entity in table.entities if not entity.world},
            whole_milliseconds=plan.milliseconds,
            sample_milliseconds=max(1, plan.milliseconds // SAMPLES),
        )

    # What the runtime tells

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del seconds, flush_seconds
        now = self._clock.now()
        counts = now >= self._warm
        self.figures.records += len(batch.records) * counts
        for key in batch.consumed:
            if (asked := self._asked.pop(key, None)) is not None:
                effect, at = asked
                effect.pending -= 1
                if at >= self._warm:
                    effect.settled += 1
                    effect.takes.add(now - at)
        for place, row in batch.made.items():
            if row.kind == "effect":
                effect = self.figures.effects[json.loads(row.body)["effect"]]
                self._asked[place, row.round] = effect, now
                effect.asked += counts
                effect.pending += 1
                effect.pending_max = max(effect.pending_max, effect.pending)
        for address, cell in batch.cells.items():
            self._lived(address, now, is_final=cell.control in self._final[address.entity])

    def _lived(self, address: Address, now: int, *, is_final: bool) -> None:
        entity = self.figures.entities[address.entity]
        if address not in self._living:
            entity.began += now >= self._warm
        since = self._living.setdefault(address, now)
        if is_final and since >= self._warm:
            entity.ended += 1
            entity.lives.add(now - since)
            self._living[address] = -1  # It ends once.

    def commit_failed(self, error: StoreError) -> None:
        """Disks do not fail here."""

    def fired(self, late: int) -> None:
        """Timers are as late as commits are."""

    def tried(self, tried: Tried) -> None:
        effect = self.figures.effects[tried.effect]
        if tried.started < self._warm:
            return
        effect.attempts += 1
        effect.failed += tried.end != "answered"
        place, _, round_ = tried.key.rpartition("-")
        asked = self._asked.get((int(place.rpartition("-")[2]), int(round_)))
        if tried.number == 1 and asked is not None and asked[1] >= self._warm:
            effect.waits.add(max(0, tried.started - asked[1]))

    # What the callers tell

    def answered(self, action: str, code: str | None) -> None:
        """A call was applied, or rejected for a reason."""
        if self._clock.now() < self._warm:
            return
        if code is None:
            self.figures.applied[action] += 1
        else:
            self.figures.rejected[action, code] += 1

    def sample(self) -> None:
        """Look at what has piled up."""
        for effect in self.figures.effects.values():
            effect.series.append(effect.pending)

    def conclude(self, busy: Mapping[str, float]) -> Figures:
        """The figures of the run: how busy every receiver was, and how long each outage took to be forgotten."""
        every = self.figures.sample_milliseconds
        for name, effect in self.figures.effects.items():
            receiver = self._plan.receivers[name]
            effect.busy = busy[name] / (self._plan.milliseconds * receiver.at_once)
            for outage in receiver.outages:
                before = max(effect.series[: outage.begin // every + 1], default=0)
                after = range(min(len(effect.series), -(-outage.end // every)), len(effect.series))
                calm = next((index for index in after if effect.series[index] <= before), None)
                effect.drained.append((outage.end, None if calm is None else calm * every - outage.end))
        return self.figures


def figures_json(figures: Figures) -> dict[str, Any]:
    """The figures as data; times are milliseconds."""
    return {
        "milliseconds": figures.milliseconds,
        "records": figures.records,
        "effects": {
            effect.name: {
                "asked": effect.asked,
                "settled": effect.settled,
                "attempts": effect.attempts,
                "failed": effect.failed,
                "waits": effect.waits.percentiles,
                "takes": effect.takes.percentiles,
                "pending_max": effect.pending_max,
                "pending_end": effect.pending,
                "busy": round(effect.busy, 4),
                "drained": [{"outage_ended": end, "after": left} for end, left in effect.drained],
                "pending": effect.series,
            }
            for effect in figures.effects.values()
        },
        "entities": {
            entity.name: {"began": entity.began, "ended": entity.ended, "lives": entity.lives.percentiles}
            for entity in figures.entities.values()
        },
        "calls": {
            action: {
                "applied": figures.applied[action],
                "rejected": {code: n for (name, code), n in sorted(figures.rejected.items()) if name == action},
            }
            for action in sorted({*figures.applied, *(action for action, _ in figures.rejected)})
        },
        "sample_milliseconds": figures.sample_milliseconds,
    }
