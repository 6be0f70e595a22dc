"""Clients: typed answers, one key for each call, and patience with a world that fails."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from support.serving import Running, serving, table_of, uncertified
from temper.machine import REJECTIONS
from temper.sdk import AsyncClient, Client, Done, Instance, Problem, Rejected, Unanswered
from temper.sdk.answers import REJECTED
from temper.sdk.exchange import Nothing, Patience, Reply, Send, Wait, asked, read

COUNTER = """\
temper: 1
blueprint: counting
roles: [clerk]
entities:
  Counter:
    data: {n: int, name: str}
    states: [open, closed]
    waits: [open]
    final: [closed]
    actions:
      begin: {by: clerk, params: {name: str}, from: new, set: {name: args.name}, to: open}
      add: {by: clerk, params: {amount: int}, from: open, when: args.amount > 0, set: {n: n + args.amount}}
      close: {by: clerk, from: open, to: closed}
"""
QUICK = Patience(give_up_seconds=0.05, first_seconds=0.001, longest_seconds=0.01, chance=random.Random(1))


@pytest.fixture
def running(tmp_path):
    with serving(uncertified(table_of(COUNTER)), tmp_path, principals=(("ann", ("clerk",)),)) as running:
        yield running


def test_a_client_calls_and_reads(running: Running) -> None:
    with Client(running.url, running.tokens["ann"]) as client:
        assert client.blueprint == "counting"
        done = client.call("Counter", "c1", "begin", name="x")
        assert isinstance(done, Done)
        assert (done.state, done.seq, done.data, done.repeated) == ("open", 1, {"n": 0, "name": "x"}, False)
        added = client.call("Counter", "c1", "add", amount=3, expected=1, key="k")
        assert client.call("Counter", "c1", "add", amount=3, expected=1, key="k") == Done(
            **{name: getattr(added, name) for name in Done.__slots__} | {"repeated": True}
        )
        rejected = client.call("Counter", "c1", "add", amount=-1)
        assert isinstance(rejected, Rejected)
        assert rejected.code == "guard-false"
        stale = client.call("Counter", "c1", "add", amount=1, expected=1)
        assert isinstance(stale, Rejected)
        assert stale.code == "stale-version"
        problem = client.call("Counter", "c1", "add", amount=4, key="k")
        assert isinstance(problem, Problem)
        assert problem.code == "idempotency-key-reused"
        drawn = client.call("Counter", None, "begin", name="y")
        assert isinstance(drawn, Done)
        seen = client.get("Counter", "c1")
        assert isinstance(seen, Instance)
        assert (seen.seq, seen.data["n"]) == (2, 3)
        assert isinstance(client.get("Counter", "c9"), Rejected)
        assert isinstance(client.get("Country", "c9"), Problem)
        assert {each.id for each in client.list("Counter", name="y")} == {drawn.id}
        with pytest.raises(LookupError, match="no field `colour`"):
            list(client.list("Counter", colour="red"))


def test_an_asynchronous_client_does_the_same(running: Running) -> None:
    async def whole() -> None:
        async with AsyncClient(running.url, running.tokens["operator"], blueprint="counting") as client:
            done = await client.call("Counter", "c1", "begin", name="x", acting_as="ann")
            assert isinstance(done, Done)
            denied = await client.call("Counter", "c1", "close")
            assert isinstance(denied, Rejected)
            assert denied.code == "denied"
            assert [each.id async for each in client.list("Counter", state="open")] == ["c1"]
            assert isinstance(await client.get("Counter", "c1"), Instance)

    asyncio.run(whole())


def test_rejections_are_the_machines() -> None:
    assert set(REJECTIONS) <= REJECTED


class Flaky(httpx.BaseTransport):
    """Loses answers before and after they are given, then passes everything on."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        self.keys: list[str | None] = []
        self._real = httpx.HTTPTransport()

    def close(self) -> None:
        self._real.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers.get("idempotency-key"))
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise httpx.ConnectError("nobody there")
        if failure == "busy":
            problem = {"code": "store-failed", "detail": "the disk failed"}
            return httpx.Response(503, json=problem, headers={"Retry-After": "0"})
        if failure == "proxy":
            return httpx.Response(502, text="<html>")
        response = self._real.handle_request(request)
        if failure == "after":
            response.read()
            raise httpx.ReadTimeout("it was done, and nobody heard")
        return response


def test_a_call_is_applied_once_however_often_it_is_sent(running: Running) -> None:
    flaky = Flaky(["before", "busy", "after", "proxy", "after"])
    patience = Patience(give_up_seconds=5, first_seconds=0.001, longest_seconds=0.01)
    http = httpx.Client(transport=flaky)
    with Client(running.url, running.tokens["ann"], blueprint="counting", patience=patience, http=http) as client:
        done = client.call("Counter", "c1", "begin", name="x")
        assert isinstance(done, Done)
        assert done.repeated
        assert done.seq == 1
    assert len(flaky.keys) == 6
    assert len(set(flaky.keys)) == 1
    assert None not in flaky.keys


def test_whoever_is_not_answered_gets_the_key_to_ask_again(running: Running) -> None:
    flaky = Flaky(["after"] * 100)
    http = httpx.Client(transport=flaky)
    with Client(running.url, running.tokens["ann"], blueprint="counting", patience=QUICK, http=http) as client:
        answer = client.call("Counter", "c1", "begin", name="x")
        assert isinstance(answer, Unanswered)
        assert "nobody heard" in answer.because
        flaky.failures = []
        done = client.call("Counter", "c1", "begin", name="x", key=answer.key)
        assert isinstance(done, Done)
        assert (done.repeated, done.seq) == (True, 1)


def test_nobody_there() -> None:
    with Client("http://127.0.0.1:9", patience=QUICK) as client:
        with pytest.raises(ConnectionError, match="does not answer"):
            client.call("Counter", "c1", "begin", name="x")
        client._blueprint = "counting"
        assert isinstance(client.get("Counter", "c1"), Unanswered)


# The exchange itself, without a server or a clock


def exchanged(replies: list[Any], patience: Patience) -> tuple[list[Any], Any]:
    exchange = asked(Send("GET", "/"), patience)
    steps: list[Any] = []
    said = None
    while True:
        try:
            step = exchange.send(said)
        except StopIteration as ended:
            return steps, ended.value
        steps.append(step)
        said = replies.pop(0) if isinstance(step, Send) else None


def test_waits_grow_and_end() -> None:
    patience = Patience(give_up_seconds=20, first_seconds=1, longest_seconds=8, chance=random.Random(3))
    steps, said = exchanged([Nothing("x")] * 50, patience)
    waits = [step.seconds for step in steps if isinstance(step, Wait)]
    assert sum(waits) <= 20
    assert all(0.5 * min(8, 2**n) <= wait <= min(8, 2**n) for n, wait in enumerate(waits))
    assert said == Nothing("x")


def test_a_server_may_say_how_long_to_wait() -> None:
    steps, said = exchanged([Reply(503, {}, 7.0), Reply(200, 1)], Patience(chance=random.Random(1)))
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [7.0]
    assert said == Reply(200, 1)


@pytest.mark.parametrize("status", [200, 400, 401, 404, 409, 422, 500])
def test_what_counts_is_not_asked_again(status: int) -> None:
    steps, said = exchanged([Reply(status, {})], QUICK)
    assert (len(steps), said.status) == (1, status)


def test_what_no_server_of_ours_says_is_nothing() -> None:
    assert isinstance(read(200, "<html>", None), Nothing)
    assert isinstance(read(404, '"gone"', None), Nothing)
    assert read(503, "", "3") == Reply(503, None, 3.0)
