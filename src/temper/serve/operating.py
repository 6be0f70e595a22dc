"""What the operations of `operating_operations` do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from temper.run import Runtime
from temper.run.cut import cut_of
from temper.run.position import Position
from temper.run.store.rows import RecordRow
from temper.serve.asking import Answer, Asked, told
from temper.serve.effects import EffectService
from temper.serve.events import PAGE, Source, Wanted, stream
from temper.serve.instruments import Instruments
from temper.serve.meters import gauge
from temper.serve.problem import ProblemError

STATM = Path("/proc/self/statm")


class OperatingService(EffectService):
    """The operations of whoever keeps the server running."""

    def __init__(self, runtime: Runtime, instruments: Instruments) -> None:
        super().__init__(runtime)
        self.instruments = instruments
        instruments.draining.hear(runtime.let_workers_go)

    async def alive(self, asked: Asked) -> Answer:
        """That it is answered is the answer."""
        del asked
        return Answer({"status": "alive"})

    async def ready(self, asked: Asked) -> Answer:
        del asked
        self._check_not_ending()
        if not self.runtime.is_ready:
            status = self.runtime.status
            why = "what was pending is not all taken up yet" if status == "good" else f"its status is `{status}`"
            raise ProblemError("not-ready", f"the server does not take calls yet: {why}", {"status": status})
        return Answer({"status": "ready"})

    async def lease(self, asked: Asked) -> Answer:
        """Nothing is handed out any more when the server is about to end, and whoever waits goes elsewhere."""
        self._check_not_ending()
        answer = await super().lease(asked)
        if not answer.data["leases"]:
            self._check_not_ending()
        return answer

    def _check_not_ending(self) -> None:
        if self.instruments.draining.is_begun:
            raise ProblemError("not-ready", "the server is about to end", {"status": "draining"})

    async def metrics(self, asked: Asked) -> Answer:
        del asked
        instruments = self.instruments
        spans = () if instruments.exporter is None else instruments.exporter.lines()
        return Answer("\n".join([*instruments.meters.lines(), *spans, *self._gauges()]) + "\n")

    async def events(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        entity = asked.given.get("entity")
        if entity is not None and entity not in [each.name for each in self.runtime.table.entities]:
            raise ProblemError("unknown-entity", f"`{entity}` is no entity of {self.name}", {"entity": entity})
        place = "Last-Event-ID" if "Last-Event-ID" in asked.given else "after"
        after = asked.position(place)
        self._check_not_cut(after)
        wanted = Wanted(after, entity, asked.given.get("id"), asked.given.get("action"))
        source = Source(
            self.name,
            self.runtime.identity,
            self._news,
            self.runtime.head.stride,
            self.instruments.feed,
            lambda: self.instruments.draining.is_begun,
        )
        first = await source.read(after, PAGE)
        follow = asked.choice("follow", ("yes", "no")) != "no"
        return Answer(stream(source, wanted, first, self.instruments.pressure.listening(), follow=follow))

    async def _news(self, after: Position, limit: int) -> Sequence[RecordRow]:
        return told(await self.runtime.news(after=after, limit=limit))

    def _check_not_cut(self, after: Position) -> None:
        """Whoever asks for what is gone must hear it: going on behind the gap would look like having been told all."""
        cut = cut_of(self.runtime.store)
        if cut.is_behind(after):
            number = cut.number
            detail = f"records up to {number:,} have left the journal; `export` has them, and events go on from there"
            raise ProblemError("archived", detail, {"cut": number})

    def _gauges(self) -> Iterator[str]:
        """What stands how just now."""
        runtime, pressure = self.runtime, self.instruments.pressure
        effects = told(runtime.effects())
        yield from gauge("temper_ready", "whether calls are taken", [({}, int(runtime.is_ready))])
        yield from gauge("temper_requests", "requests under way", [({}, pressure.requests)])
        yield from gauge("temper_streams", "streams of events that are open", [({}, pressure.streams)])
        pending = [({"effect": e.effect, "status": "attempting"}, e.attempting) for e in effects]
        pending += [({"effect": e.effect, "status": _waits(e.handler, e.workers)}, e.waiting) for e in effects]
        yield from gauge("temper_deliveries", "effects that are first in their lane, and for what they wait", pending)
        letters = [({"effect": each.effect}, each.letters) for each in effects]
        yield from gauge("temper_letters", "dead letters that nobody has looked after", letters)
        open_ = [({"effect": each.effect, "breaker": each.circuit}, 1) for each in effects]
        yield from gauge("temper_breaker", "1 beside how the breaker of an effect stands", open_)
        paused = [({"effect": each.effect}, int(each.paused is not None)) for each in effects]
        yield from gauge("temper_paused", "whether somebody has paused the effect", paused)
        yield from gauge("temper_journal_records", "records in the journal", [({}, runtime.head.record)])
        yield from gauge("temper_instances_held", "instances in memory", [({}, runtime.instances_held)])
        if (size := resident_bytes()) is not None:
            yield from gauge("temper_resident_bytes", "memory of the process", [({}, size)])


def resident_bytes() -> int | None:
    """How much memory the process has; None where the system does not tell."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _waits(handler: str, workers: tuple[str, ...]) -> str:
    return "waiting" if handler or workers else "parked"
