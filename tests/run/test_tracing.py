"""Traces follow what causes what, outlive the process, and are part of what the chain of hashes holds."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.durable import all_records, assert_whole
from support.running import Receiver, Running, table_of
from temper.run import MemoryStore, SqliteStore
from temper.run.book import letters
from temper.run.journal import chained
from temper.run.runtime import load_versions
from temper.run.trace_context import (
    NO_SPAN,
    is_sampled,
    read_context,
    span_of,
    trace_of,
    traceparent_of,
    tracestate_of,
)
from temper.run.tracing import TracedSpan, Tracer, retold, span_id

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RELAY = """\
temper: 1
blueprint: relay
roles: [person]
effects:
  ring:
    outcomes: {rung: {}}
    delivery: keyed
    retry: {attempts: 3, first: 1s, factor: 2, cap: 4s}
entities:
  Sender:
    data: {other: Receiver | None}
    states: [idle, ringing, told, late]
    waits: [idle, told, late]
    actions:
      make: {by: person, params: {other: Receiver}, from: new, set: {other: args.other}, to: idle}
      start:
        by: person
        from: idle
        to: ringing
        do: [{effect: ring, then: {rung: pass_on, unknown: pass_on}}]
      twice:
        by: person
        from: idle
        to: ringing
        do: [{effect: ring, then: {rung: ignore, unknown: ignore}}, {effect: ring, then: {rung: pass_on, unknown: pass_on}}]
      pass_on: {from: ringing, to: told, send: [{to: other, action: hear, refused: ignore}]}
      expire: {from: told, to: late}
    timers:
      patience: {in: [told], after: 10s, do: expire}
  Receiver:
    states: [deaf, heard]
    waits: [deaf, heard]
    actions:
      make: {by: person, from: new, to: deaf}
      hear: {from: deaf, to: heard}
"""
TABLE = table_of(RELAY)


def tracer_of(running: Running, told: list[TracedSpan], ratio: float = 1.0) -> Tracer:
    return Tracer(running.store.head().identity, told.append, ratio=ratio)


def names_of(spans: dict[str, TracedSpan]) -> set[str]:
    return {span.name for span in spans.values()}


async def began(running: Running, trace: str = "") -> None:
    await running.done("Receiver", "r", "make")
    await running.done("Sender", "s", "make", {"other": "r"})
    await running.done("Sender", "s", "start", trace=trace)


def whole(told: list[TracedSpan]) -> dict[str, TracedSpan]:
    """The spans of the trace in which the bell is rung, by name; commits are left out."""
    trace = next(span.trace for span in told if span.name == "Sender.start")
    found: dict[str, TracedSpan] = {}
    for span in told:
        if span.trace == trace and span.name != "commit":
            found[f"{span.name} {dict(span.attributes).get('temper.attempt', '')}".strip()] = span
    return found


def assert_chain(told: list[TracedSpan], first_parent: str) -> None:
    """Call, two attempts, settlement, message: each has as its parent what it comes from."""
    spans = whole(told)
    names = ["Sender.start", "attempt ring 1", "attempt ring 2", "settle ring", "deliver Receiver.hear"]
    assert sorted(spans) == sorted(names)
    call, one, two, settled, delivered = (spans[name] for name in names)
    assert call.parent == first_parent
    assert one.parent == two.parent == call.span
    assert settled.parent == two.span
    assert delivered.parent == settled.span
    assert (one.is_error, two.is_error) == (True, False)
    assert dict(two.attributes)["temper.retry.not_before_ms"] > 0
    assert "temper.retry.not_before_ms" not in dict(one.attributes)
    commits = {span.parent for span in told if span.name == "commit"}
    assert {call.span, settled.span, delivered.span} <= commits


@pytest.mark.parametrize("sent", ["", f"{SENT} congo=t61"])
@pytest.mark.parametrize("crash", [False, True])
def test_what_causes_what_is_one_trace_also_over_a_restart(tmp_path: Path, sent: str, *, crash: bool) -> None:
    async def test() -> None:
        path, told = tmp_path / "journal.db", []
        ring = Receiver("rung", [RuntimeError("no")])
        async with Running(TABLE, SqliteStore(path, identity="one"), {"ring": ring}) as running:
            pass
        running.store = SqliteStore(path, identity="other")
        running.tracer = tracer_of(running, told)
        await running.open()
        await began(running, sent)
        await running.runtime.quiet()
        if crash:
            await running.runtime.close()
            running.store = SqliteStore(path, identity="other")
            running.tracer = tracer_of(running, told)
            await running.open()
        await running.pass_time(5_000)
        assert_chain(told, CALLER if sent else NO_SPAN)
        first, second = (trace for trace in (ask.traceparent for ask in ring.asked))
        spans = whole(told)
        assert first == f"00-{spans['attempt ring 1'].trace}-{spans['attempt ring 1'].span}-01"
        assert second == f"00-{spans['attempt ring 2'].trace}-{spans['attempt ring 2'].span}-01"
        assert {ask.tracestate for ask in ring.asked} == {"congo=t61" if sent else ""}
        assert spans["Sender.start"].trace == (TRACE if sent else spans["Sender.start"].trace)
        await running.pass_time(20_000)
        assert [span.parent for span in told if span.name == "timer patience"] == [NO_SPAN]
        assert_whole(running.store)
        again: list[TracedSpan] = []
        retold(Tracer("one", again.append), running.store, running.runtime.versions())
        # The call is older than ten seconds, and the first attempt left nothing in the journal.
        assert {span.name for span in again} == {*names_of(whole(told)), "timer patience"} - {"Sender.start"}
        assert {span[:4] for span in again} <= {span[:4] for span in told}
        await running.runtime.close()

    asyncio.run(test())


Step = tuple[str, bool, int]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["make", "start", "pass", "restart"]), st.booleans(), st.integers(0, 12_000)),
        max_size=12,
    ),
    st.lists(st.booleans(), max_size=12),
)
def test_whatever_happens_a_span_has_one_place_and_its_parent_is_told(drawn: list[Step], fails: list[bool]) -> None:
    async def test(folder: Path) -> None:
        told: list[TracedSpan] = []
        ring = Receiver("rung", [RuntimeError("no") if fail else "rung" for fail in fails])
        running = Running(TABLE, SqliteStore(folder / "journal.db", identity="one"), {"ring": ring})
        running.tracer = tracer_of(running, told)
        await running.open()
        await running.done("Receiver", "r", "make")
        made = 0
        for what, is_sent, wait in [*drawn, ("pass", False, 12_000), ("pass", False, 12_000)]:
            sent = SENT if is_sent else ""
            match what:
                case "make":
                    made += 1
                    await running.done("Sender", f"s{made}", "make", {"other": "r"}, trace=sent)
                case "start":
                    await running.call("Sender", f"s{wait % (made + 1)}", "start", trace=sent)
                case "pass":
                    await running.pass_time(wait)
                case _:
                    await running.runtime.close()
                    running.store = SqliteStore(folder / "journal.db", identity="other")
                    running.tracer = tracer_of(running, told)
                    retold(running.tracer, running.store, load_versions(running.store))
                    await running.open()
        await running.runtime.quiet()
        records = [record for record in all_records(running.store) if record["rule"] != "load"]
        await running.runtime.close()
        places: dict[str, set[tuple[str, str, str]]] = {}
        for span in told:
            places.setdefault(span.span, set()).add((span.trace, span.parent, span.name))
        assert all(len(each) == 1 for each in places.values()), "one id, two spans"
        assert {span.parent for span in told} <= {*places, NO_SPAN, CALLER}, "a parent that was told to nobody"
        assert {span_id("one", f"record {record['number']}") for record in records} <= places.keys()
        asked = [ask.traceparent for ask in ring.asked]
        assert {parent[36:52] for parent in asked} <= places.keys()

    with TemporaryDirectory() as folder:
        asyncio.run(test(Path(folder)))


def test_what_waits_behind_another_in_its_lane_keeps_its_trace() -> None:
    async def test() -> None:
        told: list[TracedSpan] = []
        ring = Receiver("rung")
        running = Running(TABLE, MemoryStore(), {"ring": ring})
        running.tracer = tracer_of(running, told)
        async with running:
            await running.done("Receiver", "r", "make")
            await running.done("Sender", "s", "make", {"other": "r"})
            await running.done("Sender", "s", "twice", trace=SENT)
            await running.runtime.quiet()
            (call,) = (span for span in told if span.name == "Sender.twice")
            attempts = [span for span in told if span.name == "attempt ring"]
            assert [(span.trace, span.parent) for span in attempts] == [(TRACE, call.span)] * 2
            assert [ask.traceparent[3:35] for ask in ring.asked] == [TRACE] * 2

    asyncio.run(test())


def test_what_happened_last_is_told_again_under_the_same_names() -> None:
    async def test() -> None:
        told: list[TracedSpan] = []
        running = Running(TABLE, MemoryStore(), {"ring": Receiver("rung")})
        running.tracer = tracer_of(running, told)
        async with running:
            await began(running, SENT)
            await running.runtime.quiet()
            again: list[TracedSpan] = []
            retold(tracer_of(running, again), running.store, running.runtime.versions())
            names = {(span.trace, span.span, span.parent, span.name) for span in told if span.name != "commit"}
            assert {(span.trace, span.span, span.parent, span.name) for span in again} == names

    asyncio.run(test())


def test_without_a_tracer_a_callers_trace_goes_through_and_nothing_else_is_kept() -> None:
    async def test() -> None:
        ring = Receiver("rung")
        async with Running(TABLE, MemoryStore(), {"ring": ring}) as running:
            await began(running, f"{SENT} congo=t61")
            await running.runtime.quiet()
            assert [(ask.traceparent, ask.tracestate) for ask in ring.asked] == [(SENT, "congo=t61")]
            traced = [record["rule"] for record in all_records(running.store) if "trace" in record]
            assert traced == ["call", "settle", "deliver"]  # and not the two that only made what was there
        async with Running(TABLE, MemoryStore(), {"ring": Receiver("rung")}) as running:
            await began(running)
            await running.runtime.quiet()
            rows = running.store.records(None, 0)
            assert rows
            assert not any("trace" in row.body for row in rows)

    asyncio.run(test())


def test_a_trace_is_held_by_the_chain_and_changes_no_state() -> None:
    async def test() -> None:
        stores = []
        for trace in ("", SENT):
            async with Running(TABLE, MemoryStore(), {"ring": Receiver("rung")}) as running:
                await began(running, trace)
                await running.runtime.quiet()
                assert_whole(running.store)
                stores.append((running.store.records(None, 0), [*running.store.all_cells("Sender")]))
        (plain, cells), (traced, same) = stores
        assert cells == same
        assert [strip(row.body) for row in traced] == [json.loads(row.body) for row in plain]
        row = traced[3]
        forged = row.body.replace(CALLER, "1" * 16)
        assert forged != row.body
        assert chained(traced[2].hash, row.body) == row.hash != chained(traced[2].hash, forged)

    asyncio.run(test())


def strip(body: str) -> object:
    def plain(data: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in data.items() if name != "trace"}

    return json.loads(body, object_hook=plain)


def test_a_letter_keeps_the_trace_of_what_it_was() -> None:
    async def test() -> None:
        ring = Receiver("rung", [RuntimeError("no"), RuntimeError("no"), RuntimeError("no")])
        async with Running(TABLE, MemoryStore(), {"ring": ring}) as running:
            await began(running, SENT)
            for _ in range(3):
                await running.pass_time(10_000)
            ((key, _),) = letters(running.store)
            await running.runtime.redrive(f"{key[0]}-{key[1]}", by="ann")
            await running.runtime.quiet()
            assert len(ring.asked) == 4
            assert ring.asked[-1].traceparent == SENT

    asyncio.run(test())


def test_sampling_follows_from_the_trace_and_what_is_not_sampled_is_not_told() -> None:
    told: list[TracedSpan] = []
    tenth = Tracer("some", told.append, ratio=0.1)
    sampled = [is_sampled(tenth.root(f"record {number}")) for number in range(4_000)]
    assert 300 < sum(sampled) < 500
    again = Tracer("some", told.append, ratio=0.1)
    assert sampled == [is_sampled(again.root(f"record {number}")) for number in range(4_000)]
    assert not any(is_sampled(Tracer("some", told.append, ratio=0).root(f"record {n}")) for n in range(1_000))

    async def test() -> None:
        running = Running(TABLE, MemoryStore(), {"ring": Receiver("rung")})
        running.tracer = tracer_of(running, told, ratio=0)
        async with running:
            await began(running, SENT[:-1] + "0")
            await running.runtime.quiet()
            await running.done("Receiver", "other", "make")
            assert told == []
            await running.done("Receiver", "third", "make", trace=SENT)  # its caller wants it
            assert [span.name for span in told] == ["Receiver.make", "commit"]

    asyncio.run(test())


def test_no_argument_and_no_name_of_a_person_is_told() -> None:
    async def test() -> None:
        told: list[TracedSpan] = []
        running = Running(TABLE, MemoryStore(), {"ring": Receiver("rung", [RuntimeError("a-secret")])})
        running.tracer = tracer_of(running, told)
        async with running:
            await running.done("Receiver", "other", "make", caller="the-person")
            await running.done("Sender", "s", "make", {"other": "other"}, caller="the-person")
            await running.done("Sender", "s", "start", caller="the-person")
            await running.pass_time(5_000)
        assert "the-person" not in repr(told)
        assert "a-secret" not in repr(told)
        (made,) = (span for span in told if span.name == "Sender.make")
        assert "other" not in repr(made)

    asyncio.run(test())


@pytest.mark.parametrize(
    "sent",
    [
        "",
        SENT.upper(),
        SENT[:-1],
        SENT + "-01",
        SENT + " ",
        f"{SENT},{SENT}",
        SENT.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{CALLER}-0g",
        f"00-{TRACE}-{CALLER}-०१",
    ],
)
def test_what_is_malformed_counts_as_not_sent(sent: str) -> None:
    assert read_context(sent, "a=b") == ("" if sent != SENT + " " else f"{SENT} a=b")


def test_what_a_later_version_adds_is_let_go() -> None:
    later = f"cc-{TRACE}-{CALLER}-ff-what-will-be"
    assert read_context(later) == f"00-{TRACE}-{CALLER}-03"


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1,b=2", "a=1,b=2"),
        (" a=1 ,, b=2\t", "a=1,b=2"),
        ("fw529a3039@dt=x", "fw529a3039@dt=x"),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=b=c", ""),
        ("a=\n", ""),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        ("a=" + "x" * 512, ""),
    ],
)
def test_a_state_is_passed_on_as_it_is_or_not_at_all(state: str, kept: str) -> None:
    assert tracestate_of(read_context(SENT, state)) == kept


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_is_sent_can_be_kept_and_sent_on(parent: str, state: str) -> None:
    context = read_context(parent, state)
    assert context == "" or read_context(traceparent_of(context), tracestate_of(context)) == context


HEX = "0123456789abcdef"


@given(st.text(HEX, min_size=32, max_size=32), st.text(HEX, min_size=16, max_size=16), st.integers(0, 255))
def test_what_is_well_formed_is_read(trace: str, span: str, flags: int) -> None:
    context = read_context(f"00-{trace}-{span}-{flags:02x}")
    if trace.strip("0") and span.strip("0"):
        assert (trace_of(context), span_of(context), is_sampled(context)) == (trace, span, flags % 2 == 1)
    else:
        assert context == ""


def test_names_of_different_stores_differ() -> None:
    assert span_id("one", "record 1") != span_id("two", "record 1") != span_id("two", "record 2")
