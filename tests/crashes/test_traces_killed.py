"""A server is killed with `kill -9` in the middle of an attempt: what follows is told in the same trace, by the same names."""

from __future__ import annotations

import json
import re
import signal
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.bells import BELLS
from support.collector import Collector, collecting
from support.up import Up, temper

pytestmark = pytest.mark.slow

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Bell:
    """A receiver that keeps its first caller waiting for ever."""

    def __init__(self) -> None:
        self.parents: list[str] = []
        self.asked = threading.Event()
        bell = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert told["traceparent"] == self.headers["traceparent"]
                bell.parents.append(self.headers["traceparent"])
                bell.asked.set()
                if len(bell.parents) == 1:
                    self.rfile.read(1)  # until its caller is gone
                    return
                answer = b'"rung"'
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ring"


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    made.server.shutdown()
    made.server.server_close()


def served(folder: Path, collector: Collector) -> Up:
    up = Up(folder, "bells.yaml", "--port", "0", "--traces", collector.url)
    up.wait_for("end it with")
    return up


def call(folder: Path, action: str, traceparent: str) -> str:
    """The trace that the answer names."""
    home = folder / ".temper" / "bells"
    url = json.loads((home / "server.json").read_text())["url"]
    token = json.loads((home / "client.json").read_text())["tokens"]["ann"]
    request = urllib.request.Request(f"{url}/v1/bells/Door/d/{action}", b"{}", method="POST")
    request.add_header("Authorization", f"Bearer {token}")
    if traceparent:
        request.add_header("traceparent", traceparent)
    with urllib.request.urlopen(request) as answer:
        return str(answer.headers["traceparent"])


def test_a_trace_outlives_a_killed_server(tmp_path: Path, bell: Bell) -> None:
    (tmp_path / "bells.yaml").write_text(BELLS)
    (tmp_path / "temper.toml").write_text(f'[effects.ring]\nhttp = "{bell.url}"\n')
    with collecting() as collector:
        up = served(tmp_path, collector)
        call(tmp_path, "build", "")
        answered = call(tmp_path, "bell", CALLER)
        assert bell.asked.wait(30)
        up.end(signal.SIGKILL)  # before the spans of the call have left, or after: nobody knows

        up = served(tmp_path, collector)
        (attempted,) = collector.wait_for(1, effect="ring", end="answered")
        (settled,) = collector.wait_for(1, rule="settle")
        (called, *again) = collector.wait_for(1, action="bell")
        log = temper(tmp_path, "log", "d")
        assert up.end() == 0

        # A restart that nothing had gone before tells what happened last once more.
        up = served(tmp_path, collector)
        settlements = collector.wait_for(2, rule="settle")
        up.end()

    trace, span = re.fullmatch(r"00-(\w{32})-(\w{16})-01", answered).groups()  # type: ignore[union-attr]
    assert (called.trace, called.span, called.parent) == (trace, span, CALLER[36:52])
    assert {(each.trace, each.span, each.parent) for each in again} <= {(trace, span, CALLER[36:52])}
    # The attempt that was cut short is made again under its own number, so it is the same span.
    assert bell.parents == [f"00-{trace}-{attempted.span}-01"] * 2
    assert (attempted.trace, attempted.parent) == (trace, span)
    assert (settled.trace, settled.parent) == (trace, attempted.span)
    assert {each.span for each in settlements} == {settled.span}
    assert log.stdout.count(trace) == 2
    assert trace == CALLER[3:35]
