"""Watching a server at work: metrics, readiness, pressure, events, logs, and its orderly end."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import logging
import re
from urllib.parse import urlsplit

import pytest

from support.serving import Running, serving, table_of, uncertified
from temper.run import AttemptFailedError, MemoryStore, StoreError
from temper.run.observer import Tried
from temper.serve.instruments import Instruments
from temper.serve.listening import listen
from temper.serve.logs import LineFormatter, LogForm, LogObserver, logging_to, tell
from temper.serve.operations import operation
from temper.serve.pressure import Held, Pressure

DOORS = """\
temper: 1
blueprint: doors
doc: Doors that ring and close by themselves.
roles: [guard]
effects:
  ring:
    params: {times: int}
    outcomes: {rung: {}}
    delivery: keyed
    retry: {attempts: 2, first: 1s}
entities:
  Door:
    data: {n: int}
    states: [shut, open, ringing]
    waits: [shut, open, ringing]
    actions:
      build: {by: guard, from: new, to: shut}
      open: {by: guard, from: shut, to: open, set: {n: n + 1}}
      close: {from: open, to: shut}
      bell:
        by: guard
        from: shut
        to: ringing
        do: [{effect: ring, with: {times: n}, then: {rung: rest, unknown: rest}}]
      rest: {from: ringing, to: shut}
    timers:
      forgotten: {in: open, after: 10m, do: close}
"""


async def ring(ask):
    if ask.attempt == 1:
        raise AttemptFailedError("nobody there")
    return "rung"


@pytest.fixture
def instruments():
    return Instruments()


@pytest.fixture
def running(tmp_path, instruments):
    with serving(
        uncertified(table_of(DOORS)),
        tmp_path,
        principals=(("ann", ("guard",)),),
        handlers={"ring": ring},
        instruments=instruments,
    ) as running:
        yield running


def call(running: Running, id_: str, action: str, **given: str):
    return running.ask("ann", "call", {}, entity="Door", id=id_, action=action, **given)


def metrics(running: Running) -> dict[str, float]:
    """Every sample by its name with its labels."""
    text = running.ask("ann", "metrics")
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[:1] != "#"}


def answer(running: Running, method: str, path: str, headers=None):
    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request(method, path, None, {"Authorization": f"Bearer {running.tokens['ann']}", **(headers or {})})
    response = connection.getresponse()
    found = response.status, dict(response.getheaders()), response.read().decode()
    connection.close()
    return found


def test_calls_are_counted_by_action_and_outcome(running) -> None:
    call(running, "d", "build")
    running.problem("ann", "call", {}, entity="Door", id="d", action="build")
    running.problem("ann", "call", {}, entity="Door", id="d", action="made_up_by_a_stranger")
    found = metrics(running)
    assert found['temper_calls_total{entity="Door",action="build",outcome="applied"}'] == 1
    assert found['temper_calls_total{entity="Door",action="build",outcome="wrong-state"}'] == 1
    assert found['temper_calls_total{entity="Door",action="?",outcome="unknown-action"}'] == 1
    assert found["temper_call_seconds_count"] == 3
    assert found["temper_commit_records_sum"] == 1
    assert found["temper_journal_records"] == 2, "the version was there first"
    assert found["temper_instances_held"] == 1
    assert found["temper_resident_bytes"] > 1_000_000


def test_attempts_and_timers_are_measured(running) -> None:
    call(running, "d", "build")
    call(running, "d", "bell")
    running.quiet()
    assert metrics(running)['temper_deliveries{effect="ring",status="waiting"}'] == 0
    running.advance(5_000)
    running.advance(5_000)
    found = metrics(running)
    assert found['temper_attempts_total{effect="ring",end="failed"}'] == 1
    assert found['temper_attempts_total{effect="ring",end="answered"}'] == 1
    call(running, "d", "open")
    running.advance(600_000 + 30)
    found = metrics(running)
    assert found["temper_timer_lateness_seconds_count"] == 1
    assert found["temper_timer_lateness_seconds_sum"] == pytest.approx(0.03)
    assert found['temper_breaker{effect="ring",breaker="closed"}'] == 1


def test_the_text_is_what_prometheus_reads(running) -> None:
    call(running, "d", "build")
    status, headers, text = answer(running, "GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')
    kinds = {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, "a name is described once"
            kinds[name] = kind
        elif not line.startswith("#"):
            assert sample.fullmatch(line), line
            name = re.match("[a-z_]+", line)[0]
            assert name in kinds or kinds[re.sub("_(bucket|sum|count)$", "", name)] == "histogram"
    buckets = [int(line.split()[-1]) for line in text.splitlines() if line.startswith("temper_call_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1


def test_it_is_ready_until_it_is_to_end(running, instruments) -> None:
    assert answer(running, "GET", "/readyz")[0] == 200
    running.loop.call_soon_threadsafe(instruments.draining.begin)
    assert running.problem("", "ready").facts == {"status": "draining"}
    assert answer(running, "GET", "/healthz")[0] == 200
    assert call(running, "d", "build")["state"] == "shut", "calls that still come are answered"


def test_it_is_not_ready_while_the_store_fails(running) -> None:
    running.runtime._driver.trouble = object()
    try:
        assert not running.runtime.is_ready
    finally:
        running.runtime._driver.trouble = None


def test_what_is_too_much_is_told_to_come_back(running, instruments) -> None:
    instruments.pressure.requests_max = 0
    problem = running.problem("ann", "get", entity="Door", id="d")
    assert (problem.code, problem.facts["retry_seconds"]) == ("too-busy", 1)
    status, headers, _ = answer(running, "GET", "/v1/doors/Door/d")
    assert (status, headers["retry-after"]) == (503, "1")
    assert answer(running, "GET", "/readyz")[0] == 200, "whoever looks after it is answered all the same"
    assert metrics(running)['temper_refused_total{what="requests"}'] == 2
    instruments.pressure.requests_max = 1
    call(running, "d", "build")
    assert (instruments.pressure.requests, instruments.pressure.bytes) == (0, 0)


def test_bodies_are_counted_while_they_are_held(running, instruments) -> None:
    instruments.pressure.bytes_max = 100
    assert running.problem("ann", "call", {"x": "y" * 200}, entity="Door", id="d", action="build").code == "too-busy"
    call(running, "d", "build")
    assert instruments.pressure.bytes == 0


def test_a_place_is_given_back_whatever_happens() -> None:
    pressure = Pressure(Instruments().meters, bytes_max=10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), pressure.request() as held:
            _take_and_fail(pressure, held)
    assert (pressure.requests, pressure.bytes) == (0, 0)


def _take_and_fail(pressure: Pressure, held: Held) -> None:
    held.take(10)
    assert (pressure.requests, pressure.bytes) == (1, 10)
    raise ZeroDivisionError


# Events


def heard(running: Running, **given: str) -> list[tuple[str, dict]]:
    client = running.client("ann")
    return list(listen(client, operation("events"), {"blueprint": "doors", "follow": "no", **given}))


def test_everything_is_told_from_any_position(running) -> None:
    call(running, "a", "build")
    call(running, "b", "build")
    call(running, "a", "open")
    every = heard(running)
    assert [position for position, _ in every] == ["1", "2", "3", "4"]
    for after in range(5):
        assert heard(running, after=str(after)) == every[after:]
        assert heard(running, after="0", **{"Last-Event-ID": str(after)}) == every[after:], "it counts before `after`"
    last = every[-1][1]
    assert last["specversion"] == "1.0"
    assert (last["type"], last["subject"], last["source"]) == ("temper.call", "Door/a", "/v1/doors")
    assert last["data"]["state"] == "open"
    assert len({(event["source"], event["id"]) for _, event in every}) == 4


def test_events_are_filtered(running) -> None:
    call(running, "a", "build")
    call(running, "b", "build")
    call(running, "a", "open")
    running.advance(600_000)
    assert [position for position, _ in heard(running, id="a")] == ["2", "4", "5"]
    assert [position for position, _ in heard(running, action="build")] == ["2", "3"]
    assert [event["data"]["rule"] for _, event in heard(running, entity="Door", id="a")][-1] == "fire"
    assert running.problem("ann", "events", entity="House").code == "unknown-entity"
    assert running.problem("ann", "events", after="x").code == "bad-request"


def test_whoever_follows_hears_it_when_it_happens_and_when_it_ends(running, instruments) -> None:
    call(running, "a", "build")
    given = {"blueprint": "doors", "after": "1"}
    events = listen(running.client("ann"), operation("events"), given)
    assert next(events)[1]["data"]["id"] == "a"
    assert metrics(running)["temper_streams"] == 1
    call(running, "b", "build")
    assert next(events)[1]["data"]["id"] == "b"
    running.loop.call_soon_threadsafe(instruments.draining.begin)
    assert list(events) == []
    assert instruments.pressure.streams == 0


def test_nobody_is_counted_who_has_gone_away(running, instruments) -> None:
    call(running, "a", "build")
    events = listen(running.client("ann"), operation("events"), {"blueprint": "doors"})
    next(events)
    events.close()

    async def gone() -> None:
        while instruments.pressure.streams:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0)

    running.run(asyncio.wait_for(gone(), 20))


def test_a_head_request_ends(running) -> None:
    assert answer(running, "HEAD", "/v1/doors/events")[0] == 200


def test_too_many_who_wait_are_refused(running, instruments) -> None:
    instruments.pressure.streams_max = 0
    assert running.problem("ann", "events").code == "too-busy"


# Logs


def test_a_line_is_a_line_whatever_stands_in_it(running) -> None:
    said = io.StringIO()
    with logging_to(said, LogForm.JSON):
        call(running, "d", "build")
        running.problem("ann", "call", {}, entity="Door", id="two\nlines", action="open")
        LogObserver().tried(Tried("ring", "1-0", "Door", "d", 1, 0, 5, "failed", 'said "no"'))
        LogObserver().commit_failed(StoreError("disk"))
        LogObserver().fired(7)
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["call", "call", "attempt", "commit-failed", "timer-fired"]
    assert lines[0]["outcome"] == "applied"
    assert lines[0]["record"] == 2
    assert lines[1]["id"] == "two\nlines"
    assert lines[2]["level"] == "warning"


def test_text_can_be_taken_apart_again(capsys) -> None:
    said = io.StringIO()
    with logging_to(said, LogForm.TEXT):
        tell("call", {"id": "a b", "n": 1, "left_out": None, "quote": 'x"y'})
    line = said.getvalue().rstrip("\n")
    assert re.fullmatch(r'\S+Z info call id="a b" n=1 quote="x\\"y"', line)


def test_nothing_is_said_where_nobody_asked_for_it(caplog) -> None:
    assert not logging.getLogger("temper").isEnabledFor(logging.INFO)
    tell("call", {"id": "a"})
    assert caplog.records == []


def test_a_mistake_of_ours_is_one_line_of_json() -> None:
    info = (ZeroDivisionError, ZeroDivisionError("two\nlines"), None)
    record = logging.LogRecord("temper", logging.ERROR, "", 0, "failed", (), info)
    line = LineFormatter(LogForm.JSON).format(record)
    assert "\n" not in line
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_a_commit_that_fails_is_counted(tmp_path, instruments) -> None:
    class Failing(MemoryStore):
        fails = False

        def commit(self, batch) -> None:
            if self.fails:
                raise StoreError("the disk is gone")
            super().commit(batch)

    store = Failing()
    table = uncertified(table_of(DOORS))
    with serving(table, tmp_path, principals=(("ann", ("guard",)),), store=store, instruments=instruments) as running:
        store.fails = True
        assert running.problem("ann", "call", {}, entity="Door", id="d", action="build").code == "store-failed"
        assert not running.runtime.is_ready
        assert running.problem("ann", "ready").code == "not-ready"
        assert metrics(running)['temper_commit_failures_total{error="StoreError"}'] == 1
        store.fails = False
