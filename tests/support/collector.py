"""A collector of traces: a server that takes OTLP over HTTP as JSON, and holds what comes against what OTLP asks for."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it came."""

    trace: str
    span: str
    parent: str
    name: str
    kind: int
    began: int
    ended: int
    attributes: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...]
    is_error: bool
    state: str
    resource: tuple[tuple[str, Any], ...]


@dataclass
class Collector:
    """What has come. `answers` are statuses to be given first; after them everything is taken."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def wait_for(self, number: int, **attributes: Any) -> list[Span]:
        """At least so many spans that have these attributes."""
        for _ in range(1500):
            found = [
                each
                for each in list(self.spans)
                if all(each.attributes.get(f"temper.{name}") == value for name, value in attributes.items())
            ]
            if len(found) >= number:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(found)} of {number} spans {attributes} came: {[each.name for each in self.spans]}")

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.bodies.append(body)
        self.headers.append(headers)
        if self.answers:
            status, answer = self.answers.pop(0)
            if status != 200:
                return status, answer
        else:
            status, answer = 200, b"{}"
        assert path == "/v1/traces", path
        assert headers["content-type"] == "application/json"
        self.spans += spans_of(json.loads(body))
        return status, answer


def spans_of(data: dict[str, Any]) -> Iterator[Span]:
    """The spans in an export, each as OTLP has it."""
    for group in data["resourceSpans"]:
        resource = tuple(sorted(attributes_of(group["resource"]["attributes"]).items()))
        for scope in group["scopeSpans"]:
            for each in scope["spans"]:
                assert re.fullmatch(r"[0-9a-f]{32}", each["traceId"]), each
                assert re.fullmatch(r"[0-9a-f]{16}", each["spanId"]), each
                assert re.fullmatch(r"[0-9a-f]{16}|", each.get("parentSpanId", "")), each
                assert {type(each["startTimeUnixNano"]), type(each["endTimeUnixNano"])} == {str}
                assert int(each["startTimeUnixNano"]) <= int(each["endTimeUnixNano"]), each
                yield Span(
                    each["traceId"],
                    each["spanId"],
                    each.get("parentSpanId", ""),
                    each["name"],
                    each["kind"],
                    int(each["startTimeUnixNano"]),
                    int(each["endTimeUnixNano"]),
                    attributes_of(each["attributes"]),
                    tuple((event["name"], attributes_of(event["attributes"])) for event in each.get("events", ())),
                    each.get("status", {}).get("code") == 2,
                    each.get("traceState", ""),
                    resource,
                )


def attributes_of(listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: _value(each["value"]) for each in listed}


def _value(data: dict[str, Any]) -> Any:
    match data:
        case {"stringValue": str(text)}:
            return text
        case {"intValue": str(number)}:
            return int(number)
        case {"arrayValue": {"values": [*values]}}:
            return [_value(each) for each in values]
    raise AssertionError(f"{data} is no value of OTLP's JSON form")


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens while the body runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = collector.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
