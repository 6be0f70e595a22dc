"""Effects over HTTP: how they stand, pausing, dead letters, and workers that take attempts and bring answers."""

from __future__ import annotations

import asyncio

import pytest

from support.running import Receiver, failing
from support.serving import Running, serving, table_of, uncertified
from temper.serve.instruments import Instruments
from temper.serve.tokens import add_token

RINGING = """\
temper: 1
blueprint: ringing
roles: [clerk]
effects:
  ring:
    params: {times: int}
    outcomes: {rung: {loudness: int}}
    delivery: keyed
    retry: {attempts: 2, first: 1s, factor: 1, cap: 1s}
  knock:
    outcomes: {heard: {}}
    delivery: at_most_once
entities:
  Door:
    data: {loudness: int}
    states: [shut, ringing, open]
    final: [open]
    waits: [shut]
    actions:
      build: {by: clerk, from: new, to: shut}
      bell:
        by: clerk
        from: shut
        to: ringing
        do: [{effect: ring, with: {times: 3}, then: {rung: opened, unknown: calm}}]
      knock:
        by: clerk
        from: shut
        to: ringing
        do: [{effect: knock, then: {heard: calm, unknown: calm}}]
      opened: {params: {loudness: int}, from: ringing, set: {loudness: args.loudness}, to: open}
      calm: {from: ringing, to: shut}
"""


@pytest.fixture
def running(tmp_path):
    with serving(uncertified(table_of(RINGING)), tmp_path, principals=(("ann", ("clerk",)),)) as running:
        running.ask("ann", "call", entity="Door", id="d", action="build")
        yield running


def leased(running: Running, who: str = "wim", effect: str = "ring"):
    (lease,) = running.ask(who, "lease", {"effects": [effect]})["leases"]
    return lease


def effect(running: Running, name: str):
    return next(each for each in running.ask("ann", "effects")["effects"] if each["effect"] == name)


def test_a_worker_takes_an_attempt_and_brings_the_answer(running) -> None:
    running.ask("ann", "call", entity="Door", id="d", action="bell")
    lease = leased(running)
    assert lease == {
        "lease": "1-0-1",
        "milliseconds": 30_000,
        "timeout_seconds": 30.0,
        "ask": {
            "blueprint": "ringing", "effect": "ring", "args": {"times": 3}, "key": lease["ask"]["key"], "fence": None,
            "attempt": 1, "entity": "Door", "id": "d",
        },
    }  # fmt: skip
    assert running.ask("wim", "heartbeat", lease="1-0-1") == {"milliseconds": 30_000}
    (attempt,) = running.ask("ann", "attempts", key="1-0")["attempts"]
    assert (attempt["worker"], attempt["end"], attempt["ended"]) == ("wim", "under way", None)
    assert running.ask("ann", "deliveries", status="leased")["deliveries"][0]["note"] == "with the worker wim"
    answer = {"answer": {"outcome": "rung", "fields": {"loudness": 11}}}
    for _ in range(2):
        done = running.ask("wim", "complete", answer, lease="1-0-1")
        assert done["counts"]
    assert running.ask("ann", "get", entity="Door", id="d")["data"] == {"loudness": 11}
    assert effect(running, "ring")["workers"] == ["wim"]


def test_a_worker_waits_for_work(running) -> None:
    import threading

    found: list[object] = []
    asking = threading.Thread(
        target=lambda: found.append(running.ask("wim", "lease", {"effects": ["ring"], "wait_seconds": 30}))
    )
    asking.start()
    running.ask("ann", "call", entity="Door", id="d", action="bell")
    asking.join(30)
    assert found[0]["leases"][0]["lease"] == "1-0-1"  # type: ignore[index]


def test_a_worker_that_went_away_while_it_waited_is_given_nothing(running) -> None:
    import http.client
    import json
    from urllib.parse import urlsplit

    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    headers = {"Authorization": f"Bearer {running.tokens['wim']}"}
    body = json.dumps({"effects": ["knock"], "wait_seconds": 30})
    connection.request("POST", "/v1/ringing/leases", body, headers)
    leases = running.runtime._work.leases
    while not leases._waiting:
        pass
    connection.close()
    while leases._waiting:
        pass
    running.ask("ann", "call", entity="Door", id="d", action="knock")
    assert running.ask("ann", "attempts", key="1-0")["attempts"] == []
    assert leased(running, "operator", "knock")["lease"] == "1-0-1"


def test_a_worker_works_on_what_its_token_says(running) -> None:
    running.tokens["wot"] = add_token(running.tokens_path, "wot", (), works_on=["knock"])
    assert running.ask("wot", "lease", {"effects": ["knock"]}) == {"leases": []}
    assert running.problem("wot", "lease", {"effects": ["knock", "ring"]}).code == "not-worker"
    assert running.problem("wim", "lease", {"effects": ["rang"]}).code == "unknown-effect"
    assert running.ask("operator", "lease", {"effects": ["ring"]}) == {"leases": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"effects": "ring"},
        {"effects": [1]},
        {"effects": [], "limit": 0},
        {"effects": [], "limit": True},
        {"effects": [], "limit": 101},
        {"effects": [], "wait_seconds": 31},
        {"effects": [], "wait_seconds": "x"},
        {"effects": [], "more": 1},
    ],
)
def test_what_no_worker_may_ask(running, body) -> None:
    assert running.problem("wim", "lease", body).code == "bad-request"


@pytest.mark.parametrize("body", [{}, [], {"failed": 1}, {"answer": 1, "failed": "x"}, {"answers": 1}])
def test_what_no_worker_may_say(running, body) -> None:
    running.ask("ann", "call", entity="Door", id="d", action="bell")
    leased(running)
    assert running.problem("wim", "complete", body, lease="1-0-1").code == "bad-request"


def test_a_failed_attempt_is_shown_and_dies(running) -> None:
    running.ask("ann", "call", entity="Door", id="d", action="bell")
    for number in (1, 2):
        lease = leased(running)
        said = running.ask("wim", "complete", {"failed": "the bell is broken"}, lease=lease["lease"])
        assert (said["counts"], said["outcome"]) == (True, "failed")
        running.advance(1_500)
        assert len(running.ask("ann", "attempts", key="1-0")["attempts"]) == number
    (letter,) = running.ask("ann", "letters")["letters"]
    assert (letter["key"], letter["attempts"], letter["args"]) == ("1-0", 2, {"times": 3})
    assert "the bell is broken" in letter["because"]
    assert running.problem("ann", "redrive", key="1-0").code == "not-operator"
    assert running.ask("operator", "redrive", key="1-0")["redriven_by"] == "operator"
    assert running.problem("operator", "dismiss", key="1-0").code == "not-redrivable"
    lease = leased(running)
    assert running.ask(
        "wim", "complete", {"answer": {"outcome": "rung", "fields": {"loudness": 1}}}, lease=lease["lease"]
    )
    assert running.ask("ann", "letters") == {"letters": [], "next": None}
    assert running.ask("ann", "get", entity="Door", id="d")["state"] == "shut"
    late = running.ask("ann", "history", entity="Door", id="d")["records"][-1]
    assert (late["rule"], late["note"]) == ("late", "redriven by operator")


def test_letters_come_in_pages(running) -> None:
    for number in range(3):
        running.ask("ann", "call", entity="Door", id=f"e{number}", action="build")
        running.ask("ann", "call", entity="Door", id=f"e{number}", action="knock")
        running.ask("wim", "complete", {"failed": "nobody"}, lease=leased(running, effect="knock")["lease"])
    page = running.ask("ann", "letters", limit="2")
    rest = running.ask("ann", "letters", limit="2", cursor=page["next"])
    assert [each["owner"] for each in page["letters"] + rest["letters"]] == ["Door e0", "Door e1", "Door e2"]
    assert rest["next"] is None
    assert running.problem("ann", "letters", cursor="x").code == "bad-filter"
    assert running.problem("operator", "redrive", key=page["next"]).code == "not-redrivable"
    assert running.ask("operator", "dismiss", key=page["next"])["because"].endswith("failed: nobody")


def test_an_operator_pauses_and_resumes(running) -> None:
    assert running.problem("ann", "pause", effect="ring").code == "not-operator"
    paused = running.ask("operator", "pause", effect="ring", because="too loud")
    assert paused["paused"] == "by operator since 2026-01-01T00:00:00.000Z: too loud"
    running.ask("ann", "call", entity="Door", id="d", action="bell")
    assert running.ask("wim", "lease", {"effects": ["ring"]}) == {"leases": []}
    (waiting,) = running.ask("ann", "deliveries", status="paused")["deliveries"]
    assert waiting["note"] == "paused by operator: too loud"
    assert running.ask("operator", "resume", effect="ring")["paused"] is None
    leased(running)


def test_effects_say_who_handles_them_and_what_opened_a_breaker(tmp_path) -> None:
    with serving(
        uncertified(table_of(RINGING)),
        tmp_path,
        principals=(("ann", ("clerk",)),),
        handlers={"ring": Receiver(failing())},
    ) as running:
        for number in range(10):
            running.ask("ann", "call", entity="Door", id=f"d{number}", action="build")
            running.ask("ann", "call", entity="Door", id=f"d{number}", action="bell")
        running.quiet()
        ring, knock = effect(running, "ring"), effect(running, "knock")
        assert (ring["handler"], knock["handler"]) == ("python", "")
        assert ring["breaker"] == "open"
        assert ring["said"].startswith("10 attempts in a row had no answer; the last: no answer; one is let through at")
        assert ring["limits"] == ["at most 16 at once", "each within 30 s"]


def test_no_worker_waits_for_a_server_that_is_about_to_end(tmp_path) -> None:
    instruments, given = Instruments(), {"effects": ["ring"], "wait_seconds": 30}
    with serving(uncertified(table_of(RINGING)), tmp_path, instruments=instruments) as running:

        async def begin() -> None:
            while not running.runtime.effects()[0].workers:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0)
            instruments.draining.begin()

        begun = asyncio.run_coroutine_threadsafe(begin(), running.loop)
        assert running.problem("wim", "lease", given).code == "not-ready"
        begun.result(10)
        assert running.problem("wim", "lease", given).code == "not-ready", "and nobody else begins to wait"
