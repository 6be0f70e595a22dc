"""Traces of what the runtime does, named by what is durable: a crash cannot part them, and a repeat has the same name.

The trace of a call is its caller's, or follows from the store's identity and the number of its record. A record's
context is kept with the record, that of a delivery with the delivery, so whatever comes of it later, perhaps after a
crash and in another process, goes on in the same trace. Spans are told to somebody who must not make anybody wait.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from temper.run.book import shown_key
from temper.run.codec import Versions, record_from_json
from temper.run.engine import Append, Attempt, Carry, Command, Instance, Reply
from temper.run.observer import Tried
from temper.run.record import Pending, Record
from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import Batch
from temper.run.trace_context import NO_SPAN, is_sampled, span_of, trace_of, tracestate_of, with_span

RANDOM_BITS = 56
"""How many bits of a trace's id decide whether it is sampled: the last ones, as everybody else does it."""
NANOSECONDS = 1_000_000
"""In a millisecond."""
RETOLD_RECORDS = 1_000
RETOLD_MILLISECONDS = 10_000
"""At a start, what is not older than that is told again: what a crash kept from leaving is younger."""

Attributes: TypeAlias = tuple[tuple[str, str | int | tuple[str, ...]], ...]


class SpanKind(IntEnum):
    """What a span is to others, by the numbers of OTLP."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    CONSUMER = 5


class SpanEvent(NamedTuple):
    """Something that happened at one moment of a span."""

    name: str
    at: int
    attributes: Attributes = ()


class TracedSpan(NamedTuple):
    """Something that took its time, in nanoseconds since 1970. `parent` is `NO_SPAN` where a trace begins."""

    trace: str
    span: str
    parent: str
    name: str
    kind: SpanKind
    began: int
    ended: int
    attributes: Attributes = ()
    is_error: bool = False
    events: tuple[SpanEvent, ...] = ()
    state: str = ""


@dataclass(slots=True)
class _Commit:
    """The transaction that ended last."""

    number: int = 0
    records: int = 0
    began: int = 0
    ended: int = 0


class Tracer:
    """Names what the runtime of one store does, and tells the spans of what is sampled.

    It observes the runtime: commits in the thread that writes, everything else in the loop.
    """

    def __init__(
        self,
        identity: str,
        tell: Callable[[TracedSpan], None],
        *,
        ratio: float = 1.0,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.identity, self._tell, self.now = identity, tell, now
        self._least = round((1.0 - ratio) * (1 << RANDOM_BITS))
        self._begun: dict[int, int] = {}
        self._last = _Commit()

    # Names

    def root(self, what: str) -> str:
        """The context of something that nobody else began: `record 12`, `delivery 7-0`."""
        trace = trace_id(self.identity, what)
        sampled = int(trace[-RANDOM_BITS // 4 :], 16) >= self._least
        return f"00-{trace}-{NO_SPAN}-{int(sampled):02x}"

    def record(self, context: str, number: int) -> str:
        """The context of what a record makes."""
        return with_span(context, span_id(self.identity, f"record {number}"))

    def attempt(self, pending: Pending) -> str:
        """The context of what an attempt makes others do."""
        key = shown_key(pending.key)
        context = pending.trace or self.root(f"delivery {key}")
        return with_span(context, span_id(self.identity, f"attempt {key}-{pending.attempts}"))

    # What is told

    def begun(self, number: int) -> None:
        """A record was computed."""
        self._begun[number] = self.now()

    def forget(self) -> None:
        """What was computed and is not durable never was."""
        self._begun.clear()

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        ended = self.now()
        began = self._begun.pop(record.number, ended)
        if not is_sampled(record.trace):
            return
        span = span_of_record(self.identity, record, began, ended)
        self._tell(span)
        last = self._last
        attributes: Attributes = (("temper.commit", last.number), ("temper.commit.records", last.records))
        commit = span_id(self.identity, f"commit {record.number}")
        self._tell(
            TracedSpan(
                *(span.trace, commit, span.span, "commit", SpanKind.INTERNAL),
                *(last.began, last.ended, attributes),
                state=span.state,
            )
        )

    def tried(self, tried: Tried) -> None:
        context = tried.trace or self.root(f"delivery {tried.key}")
        if not is_sampled(context):
            return
        attributes: Attributes = (
            ("temper.effect", tried.effect),
            ("temper.delivery", tried.key),
            ("temper.attempt", tried.number),
            ("temper.entity", tried.entity),
            ("temper.id", tried.id),
            ("temper.end", tried.end),
        )
        if tried.waited_until:
            attributes += (("temper.retry.not_before_ms", tried.waited_until),)
        self._tell(
            TracedSpan(
                trace_of(context),
                span_id(self.identity, f"attempt {tried.key}-{tried.number}"),
                span_of(context),
                f"attempt {tried.effect}",
                SpanKind.CLIENT,
                tried.started * NANOSECONDS,
                tried.ended * NANOSECONDS,
                attributes,
                tried.end not in {"answered", "late", "withdrawn"},
                state=tracestate_of(context),
            )
        )

    def told(self, span: TracedSpan) -> None:
        """A span that somebody else has put together."""
        self._tell(span)

    # What the runtime says to whoever observes it

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del flush_seconds
        ended = self.now()
        self._last = _Commit(batch.head.commit, len(batch.records), ended - int(seconds * 1e9), ended)

    def commit_failed(self, error: StoreError) -> None:
        """What was not kept is not told."""

    def fired(self, late: int) -> None:
        """Its record is told."""


def retold(tracer: Tracer, store: Store, versions: Versions) -> None:
    """Tell again what happened last, for a crash keeps from leaving what was not sent yet. A repeat has the same ids.

    Attempts are told again where the journal has both what made the delivery and how it settled.
    """
    head = store.head()
    rows = store.records(None, max(0, head.record - RETOLD_RECORDS * head.stride), RETOLD_RECORDS)
    since = rows[-1].at - RETOLD_MILLISECONDS if rows else 0
    makers: dict[tuple[int, int], Record] = {}
    for row in rows:
        if '"trace":' not in row.body:
            continue
        record = record_from_json(versions, json.loads(row.body))
        makers |= {pending.key: record for pending in record.made}
        if record.trace and record.at >= since and is_sampled(record.trace):
            at = record.at * NANOSECONDS
            tracer.told(span_of_record(tracer.identity, record, at, at))
            if record.rule == "settle" and (maker := makers.get(record.consumed[0])) is not None:
                tracer.told(_attempt_of(tracer, maker, record))


def _attempt_of(tracer: Tracer, maker: Record, settled: Record) -> TracedSpan:
    """The attempt that a settlement names as what it comes from; it lies between its making and the settlement."""
    context = tracer.record(settled.trace, maker.number)
    attributes: Attributes = (("temper.effect", settled.effect), ("temper.delivery", shown_key(settled.consumed[0])))
    return TracedSpan(
        *(trace_of(context), span_of(settled.trace), span_of(context), f"attempt {settled.effect}", SpanKind.CLIENT),
        *(maker.at * NANOSECONDS, settled.at * NANOSECONDS, attributes),
        state=tracestate_of(context),
    )


def trace_id(identity: str, what: str) -> str:
    """The id of the trace that something in a store begins."""
    return blake2b(f"{identity} {what}".encode(), digest_size=16).hexdigest()


def span_id(identity: str, what: str) -> str:
    """The id of what happened in a store: `record 12`, `attempt 7-0-1`.

    >>> span_id("a", "record 12") == span_id("a", "record 12") != span_id("b", "record 12")
    True
    """
    return blake2b(f"{identity} {what}".encode(), digest_size=8).hexdigest()


def traced(
    tracer: Tracer | None, trace: str, after: Instance, commands: tuple[Command, ...]
) -> tuple[Instance, Record, tuple[Command, ...]]:
    """What the engine said, with the context in the record and in everything that it hands on.

    Without a tracer nothing of ours is told, so what comes of it goes on from the caller's own span.
    """
    appended = commands[0]
    assert isinstance(appended, Append), "what is traced is recorded"
    record = appended.record
    context = trace
    if tracer is not None:
        context = trace or tracer.root(f"record {record.number}")
        trace = tracer.record(context, record.number)
        tracer.begun(record.number)
    made = tuple(pending._replace(trace=trace) for pending in record.made)
    record = record._replace(trace=context, made=made)
    new = {pending.key: pending for pending in made}
    if new:
        after = after._replace(effects=tuple(new.get(pending.key, pending) for pending in after.effects))
    return after, record, tuple(_with(command, record, new) for command in commands)


def _with(command: Command, record: Record, new: dict[tuple[int, int], Pending]) -> Command:
    match command:
        case Append():
            return Append(record)
        case Attempt(pending):
            return Attempt(new.get(pending.key, pending))
        case Carry(pending):
            return Carry(new.get(pending.key, pending))
        case Reply(Record()):
            return Reply(record)
        case _:
            return command


def span_of_record(identity: str, record: Record, began: int, ended: int) -> TracedSpan:
    """What a record says, as a span: who may see a trace need not see arguments, data, or who exactly called."""
    context, entity, id_ = record.trace, *record.address
    name, kind = _name(record)
    attributes: Attributes = (
        ("temper.rule", record.rule),
        ("temper.record", record.number),
        ("temper.table", record.table),
        *((("temper.entity", entity), ("temper.id", id_)) if entity else ()),
        *((("temper.action", record.action),) if record.action else ()),
        *((("temper.roles", record.roles),) if record.roles else ()),
        *((("temper.outcome", record.outcome),) if record.outcome else ()),
        *((("temper.state.before", record.before), ("temper.state", record.control)) if record.stepped else ()),
    )
    permit = (SpanEvent("gate", began, (("temper.permit", record.gate),)),) if record.gate else ()
    return TracedSpan(
        *(trace_of(context), span_id(identity, f"record {record.number}"), span_of(context), name, kind, began, ended),
        attributes,
        record.unhandled,
        permit,
        tracestate_of(context),
    )


def _name(record: Record) -> tuple[str, SpanKind]:
    match record.rule:
        case "call":
            return f"{record.address.entity}.{record.action}", SpanKind.SERVER
        case "deliver":
            return f"deliver {record.address.entity}.{record.action}", SpanKind.CONSUMER
        case "settle" | "late":
            return f"{record.rule} {record.effect}", SpanKind.INTERNAL
        case "fire":
            return f"timer {record.cause}", SpanKind.INTERNAL
        case rule:
            return rule, SpanKind.INTERNAL
