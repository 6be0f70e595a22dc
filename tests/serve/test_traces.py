"""Traces over HTTP: what is sent with a call and answered, what workers hear, and spans on their way to a collector."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from contextlib import contextmanager
from typing import Any

import pytest

from support.bells import BELLS
from support.collector import Collector, collecting, spans_of
from support.running import Receiver
from support.serving import Running, serving, table_of, uncertified
from temper.run import MemoryStore
from temper.run.trace_context import NO_SPAN
from temper.run.tracing import SpanEvent, SpanKind, TracedSpan, Tracer, span_id, trace_id
from temper.serve.instruments import Instruments
from temper.serve.otlp import BATCH_MAX, BadEndpointError, Endpoint, Exporter, endpoint_of, shown, written

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    monkeypatch.setattr("temper.serve.otlp.LINGER_SECONDS", 0.02)


@contextmanager
def traced(folder, collector: Collector | None, handlers: Any = None):
    """A server whose spans are collected; without a collector nobody follows it."""
    store, instruments = MemoryStore(), Instruments()
    if collector is not None:
        resource = (("service.name", "temper"),)
        instruments.exporter = Exporter(endpoint_of(collector.url, {}, resource))
        instruments.tracer = Tracer(store.head().identity, instruments.exporter.tell)
        instruments.exporter.start()
    people = (("ann", ("clerk",)), ("bob", ()))
    with serving(
        uncertified(table_of(BELLS)),
        folder,
        principals=people,
        handlers=handlers,
        store=store,
        instruments=instruments,
    ) as running:
        yield running
    if instruments.exporter is not None:
        instruments.exporter.close()


def post(running: Running, path: str, who: str = "ann", **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer; the last word of a name in `headers` may come several times."""
    request = urllib.request.Request(f"{running.url}/v1/bells/{path}", b"{}", method="POST")
    request.add_header("Authorization", f"Bearer {running.tokens[who]}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.status, {name.lower(): value for name, value in error.headers.items()}


def test_a_call_goes_on_in_its_callers_trace_down_to_the_worker(tmp_path) -> None:
    with collecting() as collector, traced(tmp_path, collector) as running:
        identity = running.runtime.identity
        post(running, "Door/d/build")
        status, headers = post(running, "Door/d/bell", traceparent=SENT, tracestate="congo=t61")
        assert status == 200
        call = span_id(identity, "record 3")
        assert (headers["traceparent"], headers["tracestate"]) == (f"00-{TRACE}-{call}-01", "congo=t61")
        (lease,) = running.ask("wim", "lease", {"effects": ["ring"]})["leases"]
        attempt = span_id(identity, "attempt 1-0-1")
        assert lease["ask"]["traceparent"] == f"00-{TRACE}-{attempt}-01"
        assert lease["ask"]["tracestate"] == "congo=t61"
        running.ask("wim", "complete", {"answer": "rung"}, lease=lease["lease"])
        found = {span.name: span for span in collector.wait_for(3, id="d") if span.trace == TRACE}
        called, attempted, settled = found["Door.bell"], found["attempt ring"], found["settle ring"]
        assert [(each.span, each.parent) for each in (called, attempted, settled)] == [
            (call, CALLER),
            (attempt, call),
            (span_id(identity, "record 4"), attempt),
        ]
        assert {called.kind, attempted.kind} == {SpanKind.SERVER, SpanKind.CLIENT}
        assert called.state == settled.state == "congo=t61"
        assert called.attributes["temper.roles"] == ["clerk"]
        assert called.events == (("gate", {"temper.permit": "clerk"}),)
        assert attempted.attributes["temper.end"] == "answered"
        assert called.resource == (("service.name", "temper"),)
        records = running.ask("ann", "history", entity="Door", id="d")["records"]
        assert [each["trace"] for each in records] == [trace_id(identity, "record 2"), TRACE, TRACE]


@pytest.mark.parametrize("sent", ["", "no", SENT.upper(), SENT + "-00", f"{SENT},{SENT}"])
def test_what_is_malformed_begins_a_trace_as_if_nothing_had_been_sent(tmp_path, sent: str) -> None:
    with collecting() as collector, traced(tmp_path, collector) as running:
        identity = running.runtime.identity
        _, headers = post(running, "Door/d/build", traceparent=sent, tracestate="congo=t61")
        assert headers["traceparent"] == f"00-{trace_id(identity, 'record 2')}-{span_id(identity, 'record 2')}-01"
        assert "tracestate" not in headers
        (span,) = collector.wait_for(1, record=2)
        assert (span.parent, span.state) == ("", "")


def test_a_parent_that_comes_twice_is_none(tmp_path) -> None:
    with collecting() as collector, traced(tmp_path, collector) as running:
        import http.client

        connection = http.client.HTTPConnection(running.url.removeprefix("http://"))
        connection.putrequest("POST", "/v1/bells/Door/d/build")
        connection.putheader("Authorization", f"Bearer {running.tokens['ann']}")
        connection.putheader("Content-Length", "2")
        for _ in range(2):
            connection.putheader("traceparent", SENT)
        connection.endheaders(b"{}")
        answer = connection.getresponse()
        assert answer.status == 200
        assert TRACE not in str(answer.getheader("traceparent"))
        connection.close()


def test_a_refused_call_and_a_repeated_one_have_spans_too(tmp_path) -> None:
    with collecting() as collector, traced(tmp_path, collector) as running:
        first = post(running, "Door/d/build", Idempotency_Key="k")[1]["traceparent"]
        again = post(running, "Door/d/build", Idempotency_Key="k")[1]["traceparent"]
        assert again[:36] == first[:36]
        status, headers = post(running, "Door/d/bell", who="bob", traceparent=SENT)
        assert status == 403
        assert headers["traceparent"].startswith(f"00-{TRACE}-")
        (repeated,) = collector.wait_for(1, answer="repeated")
        assert (repeated.trace, repeated.parent) == (first[3:35], first[36:52])
        (denied,) = collector.wait_for(1, answer="denied")
        assert (denied.trace, denied.span, denied.parent) == (TRACE, headers["traceparent"][36:52], CALLER)
        assert denied.events == (("gate", {"temper.because": "denied"}),)


def test_a_version_that_is_loaded_or_refused_is_a_span(tmp_path) -> None:
    with collecting() as collector, traced(tmp_path, collector) as running:
        before = running.runtime.table_hash
        problem = running.problem("operator", "apply", {"blueprint": {"path": "r.yaml", "text": "nonsense"}})
        assert problem.code == "not-certified"
        more = BELLS.replace("roles: [clerk]", "roles: [clerk, guest]")
        applied = running.ask("operator", "apply", {"blueprint": {"path": "r.yaml", "text": more}}, traceparent=SENT)
        (refused,) = collector.wait_for(1, answer="not-certified")
        assert refused.is_error
        (loaded,) = collector.wait_for(1, answer="loaded")
        assert (loaded.trace, loaded.parent) == (TRACE, CALLER)
        assert loaded.attributes["temper.table.before"] == before
        assert loaded.attributes["temper.table"] == applied["table"]


def test_nobody_follows_and_nothing_is_answered_or_kept(tmp_path) -> None:
    ring = Receiver("rung")
    with traced(tmp_path, None, {"ring": ring}) as running:
        post(running, "Door/d/build")
        _, headers = post(running, "Door/d/bell", traceparent=SENT)
        running.quiet()
        assert "traceparent" not in headers
        assert ring.asked[0].traceparent == SENT  # but a caller's own trace goes through
        records = running.ask("ann", "history", entity="Door", id="d")["records"]
        assert [each["trace"] for each in records] == ["", TRACE, TRACE]
        assert "temper_spans_total" not in running.ask("ann", "metrics")


# The exporter


def a_span(number: int = 1) -> TracedSpan:
    return TracedSpan(TRACE, f"{number:016x}", CALLER, "some", SpanKind.INTERNAL, 1, 2)


def exporting(collector: Collector) -> Exporter:
    exporter = Exporter(endpoint_of(collector.url, {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=k%20ey"}, ()))
    exporter.start()
    return exporter


def test_a_batch_that_is_not_answered_well_is_sent_again_and_one_that_is_refused_is_not(monkeypatch, caplog) -> None:
    monkeypatch.setattr("temper.serve.otlp.RETRY_SECONDS", 0.001)
    with collecting() as collector:
        collector.answers = [(503, b""), (429, b"")]
        exporter = exporting(collector)
        exporter.tell(a_span())
        collector.wait_for(1)
        exporter.close()
        assert len(set(collector.bodies)) == 1
        assert len(collector.bodies) == 3
        assert collector.headers[0]["api-key"] == "k ey"
        assert (exporter.exported, exporter.refused, exporter.dropped) == (1, 0, 0)
        collector.answers = [(400, b"what is this")]
        exporter = exporting(collector)
        with caplog.at_level(logging.WARNING, "temper"):
            exporter.tell(a_span())
            exporter.close()
        assert (exporter.exported, exporter.refused, len(collector.bodies)) == (0, 1, 4)
        assert [record.getMessage() for record in caplog.records] == ["traces-refused"]


def test_what_a_collector_takes_in_part_is_counted_in_part() -> None:
    with collecting() as collector:
        partly = {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}
        collector.answers = [(200, json.dumps(partly).encode())]
        exporter = exporting(collector)
        exporter.tell(a_span(1))
        exporter.tell(a_span(2))
        exporter.close()
        assert (exporter.exported, exporter.refused) == (1, 1)
        assert 'temper_spans_total{end="refused"} 1' in [*exporter.lines()]


def test_a_full_queue_drops_and_counts_and_keeps_nobody_waiting(monkeypatch) -> None:
    monkeypatch.setattr("temper.serve.otlp.CLOSING_SECONDS", 0.1)
    stands, goes_on = threading.Event(), threading.Event()

    def post(_: bytes) -> tuple[int, bytes]:
        stands.set()
        goes_on.wait(30)
        return 200, b""

    exporter = Exporter(Endpoint("http://nobody"), post, queue_max=BATCH_MAX)
    exporter.start()
    for number in range(BATCH_MAX):
        exporter.tell(a_span(number))
    assert stands.wait(30)
    for number in range(BATCH_MAX + 7):
        exporter.tell(a_span(number))
    assert exporter.dropped == 7
    exporter.close()  # it does not wait for ever, either
    assert exporter.dropped == BATCH_MAX + 7
    goes_on.set()


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "http://", "localhost"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadEndpointError):
        endpoint_of(url, {}, ())


def test_the_address_is_the_base_or_the_whole_and_is_shown_without_secrets() -> None:
    assert endpoint_of("http://c:4318/", {}, ()).url == "http://c:4318/v1/traces"
    assert endpoint_of("https://c/otlp/v1/traces", {}, ()).url == "https://c/otlp/v1/traces"
    assert shown("https://user:secret@c/otlp?key=secret") == "https://c/otlp"


def test_whatever_stands_in_a_span_is_json() -> None:
    odd = 'quotes " and \\ and\nlines \u2028 \ud800 é'
    events = (SpanEvent(odd, 3, (("temper.permit", odd),)),)
    told = (("temper.text", odd), ("temper.number", -3), ("temper.list", (odd, "")))
    span = TracedSpan(TRACE, "1" * 16, NO_SPAN, odd, SpanKind.SERVER, 1, 2, told, True, events, "a=b")
    (read,) = spans_of(json.loads(written((("service.name", odd),), [span])))
    assert (read.name, read.attributes, read.events) == (
        odd,
        {"temper.text": odd, "temper.number": -3, "temper.list": [odd, ""]},
        ((odd, {"temper.permit": odd}),),
    )
    assert (read.is_error, read.state, read.parent, read.resource) == (True, "a=b", "", (("service.name", odd),))
