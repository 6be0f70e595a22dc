"""Everything that happens, as it happens: journal records in CloudEvents envelopes, told as server-sent events.

The position of an event is the number of its record; where several nodes write, one number for each. Whoever was told
up to a position asks for what comes after it, and is told everything from there: at least once, nothing before what it
rests on, whatever was restarted meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from temper.run import StoreError
from temper.run.observer import Tried
from temper.run.position import Position
from temper.run.store.rows import Batch, RecordRow
from temper.serve.presenting import moment, record_to_json

PAGE = 200
LOOK_SECONDS = 1.0
"""How long nobody looks by themselves."""
LOOK_SECONDS_SHARED = 0.25
"""So often is looked for what other nodes wrote, of whom nothing is heard here."""
SILENCE_SECONDS = 15.0
"""After so long a comment is sent, so that whoever stands between does not take the stream for dead."""
RETRY_MILLISECONDS = 1000


class Feed:
    """Wakes those who wait for the next record. It observes the runtime, whose commits happen in another thread."""

    def __init__(self) -> None:
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    async def wait(self, seconds: float) -> None:
        """Wait for a transaction, but no longer than that."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.add(waiter)
        try:
            await asyncio.wait_for(waiter[1].wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._waiting.discard(waiter)

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del seconds, flush_seconds
        if batch.records:
            for loop, woken in tuple(self._waiting):
                loop.call_soon_threadsafe(woken.set)

    def commit_failed(self, error: StoreError) -> None:
        """Nothing happened."""

    def fired(self, late: int) -> None:
        """Its record is told."""

    def tried(self, tried: Tried) -> None:
        """What comes of it is told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: behind a position, of an entity, of an instance, of an action."""

    after: Position = field(default_factory=Position)
    entity: str | None = None
    id: str | None = None
    action: str | None = None

    def takes(self, row: RecordRow, record: Mapping[str, Any]) -> bool:
        return (
            self.entity in {None, row.entity}
            and self.id in {None, row.id}
            and self.action in {None, record.get("action", record["rule"])}
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Whose events they are, and how records are read and waited for."""

    blueprint: str
    identity: str
    read: Callable[[Position, int], Awaitable[Sequence[RecordRow]]]
    stride: int
    """How the number of a record tells its chain; 1 where one node writes."""
    feed: Feed
    is_ending: Callable[[], bool]


async def stream(
    source: Source, wanted: Wanted, first: Sequence[RecordRow], place: AbstractContextManager[None], *, follow: bool
) -> AsyncGenerator[str, None]:
    """The events as text of `text/event-stream`; without `follow` it ends with the last record there is.

    `first` is the first page, read before the answer began, so that what is wrong could still be said as a problem.
    """
    with place:
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        position, silent, rows = wanted.after, 0.0, first
        look_seconds = LOOK_SECONDS if source.stride == 1 else LOOK_SECONDS_SHARED
        while not source.is_ending():
            told = ""
            for row in rows:
                position = position.behind(row.number, source.stride)
                told += sse(source, wanted, row, position)
            if told:
                silent = 0.0
                yield told
            if not rows:
                if not follow:
                    return
                await source.feed.wait(look_seconds)
                silent += look_seconds
                if silent >= SILENCE_SECONDS:
                    silent = 0.0
                    # The position, too, so that whoever filters does not read everything again next time.
                    yield f": {position}\nid: {position}\n\n"
            rows = await source.read(position, PAGE)


def sse(source: Source, wanted: Wanted, row: RecordRow, position: Position) -> str:
    """One record as a server-sent event; nothing if it is not wanted."""
    record = json.loads(row.body)
    if not wanted.takes(row, record):
        return ""
    data = json.dumps(envelope(source, row, record, position), ensure_ascii=False)
    return f"id: {position}\nevent: {record['rule']}\ndata: {data}\n\n"


def envelope(source: Source, row: RecordRow, record: Mapping[str, Any], position: Position) -> dict[str, Any]:
    """A record as CloudEvents 1.0 has it. `source` and `id` name it once and for all: a repeat is known by them.

    `position` says how far whoever heard this was told, to go on from there.
    """
    return {
        "specversion": "1.0",
        "id": f"{source.identity}-{row.number}",
        "source": f"/v1/{source.blueprint}",
        "type": f"temper.{record['rule']}",
        "subject": f"{row.entity}/{row.id}" if row.entity else source.blueprint,
        "time": moment(row.at),
        "datacontenttype": "application/json",
        "sequence": str(row.number),
        "position": str(position),
        "data": {"entity": row.entity, "id": row.id, **record_to_json(record)},
    }
