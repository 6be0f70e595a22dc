"""The operations over HTTP, on a real server: what each answers, and each problem with its status and page."""

from __future__ import annotations

import http.client
import json
import os
import re
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from support.serving import Running, serving, table_of, uncertified
from support.tree import ROOT
from temper.machine import REJECTIONS
from temper.run import PROBLEMS as RUNTIME_PROBLEMS
from temper.serve.operations import OPERATIONS, operation, problems_of
from temper.serve.problem import PROBLEMS, ProblemError, problem_to_json
from temper.serve.tenants.operations import AT_A_TENANT, TENANT_OPERATIONS

COUNTING = """\
temper: 1
blueprint: counting
doc: A counter that can be asked for everything that may go wrong.
roles: [clerk, boss]
types:
  Mood: [calm, cross]
effects:
  ring:
    params: {times: int}
    outcomes: {rung: {}}
    delivery: keyed
entities:
  Counter:
    data: {n: int, name: str, mood: Mood, owner: principal | None}
    states: [open, ringing, closed]
    final: [closed]
    waits: [open, ringing]
    actions:
      begin:
        by: clerk
        params: {name: str}
        from: new
        set: {name: args.name, owner: caller}
        to: open
      add:
        by: clerk
        params: {amount: int}
        from: open
        set: {n: n + args.amount}
        cases:
          - {when: args.amount > 0}
          - {when: args.amount < 0, set: {mood: cross}}
      close: {by: boss, from: open, when: n > 0, to: closed}
      bell:
        by: clerk
        from: open
        to: ringing
        do: [{effect: ring, with: {times: n}, then: {rung: quiet, unknown: quiet}}]
      rest: {from: open, when: n == 0, to: closed}
      quiet: {from: ringing, to: open}
    timers:
      tired: {in: open, after: 10m, do: [rest, ignore]}
  Clock:
    single: true
    data:
      ticks: int[0, 3]
      seen: map[Mood, int]
    states: [going]
    waits: [going]
    actions:
      mark:
        by: clerk
        params: {one: Mood, other: Mood}
        from: going
        set: {"seen[args.one]": 1, "seen[args.other]": 2}
      tick: {by: clerk, from: going, when: ticks < 3, set: {ticks: ticks + 1}}
"""
PRINCIPALS = (("ann", ("clerk",)), ("bob", ("boss",)), ("eve", ()))


@pytest.fixture
def running(tmp_path):
    with serving(uncertified(table_of(COUNTING)), tmp_path, principals=PRINCIPALS) as running:
        yield running


def begin(running: Running, id_: str = "c1") -> None:
    running.ask("ann", "call", {"name": "x"}, entity="Counter", id=id_, action="begin")


def raw(running: Running, method: str, path: str, body: bytes | None = None, **headers: str):
    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    headers.setdefault("Authorization", f"Bearer {running.tokens['ann']}")
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def test_create_act_read_and_history(running) -> None:
    done = running.ask("ann", "call", {"name": "x"}, entity="Counter", id="c1", action="begin")
    assert (done["state"], done["seq"], done["repeated"]) == ("open", 1, False)
    assert done["data"] == {"n": 0, "name": "x", "mood": "calm", "owner": "ann"}
    running.ask("ann", "call", {"amount": 2}, entity="Counter", id="c1", action="add")
    seen = running.ask("eve", "get", entity="Counter", id="c1")
    assert seen["data"]["n"] == 2
    assert seen["timers"] == {"tired": "2026-01-01T00:10:00.000Z"}
    records = running.ask("eve", "history", entity="Counter", id="c1")["records"]
    assert [(each["seq"], each["action"], each["caller"], each["changes"]) for each in records] == [
        (1, "begin", "ann", {"n": 0, "name": "x", "mood": "calm", "owner": "ann"}),
        (2, "add", "ann", {"n": 2}),
    ]
    assert {each["table"] for each in records} == {running.runtime.table_hash}


def test_an_id_is_drawn_and_named(running) -> None:
    response, text = raw(running, "POST", "/v1/counting/Counter/begin", b'{"name": "x"}')
    assert response.status == 201
    where = response.getheader("Location")
    assert where == f"/v1/counting/Counter/{json.loads(text)['id']}"
    assert raw(running, "GET", where)[0].status == 200
    assert raw(running, "GET", where)[0].getheader("ETag") == '"1"'


def test_a_key_makes_a_repeat_harmless(running) -> None:
    begin(running)
    given = {"entity": "Counter", "id": "c1", "action": "add", "Idempotency_Key": "k1"}
    first = running.ask("ann", "call", {"amount": 2}, **given)
    again = running.ask("ann", "call", {"amount": 2}, **given)
    assert not first["repeated"]
    assert again["repeated"]
    assert {**again, "repeated": False} == first
    assert running.ask("ann", "get", entity="Counter", id="c1")["seq"] == 2
    assert running.problem("ann", "call", {"amount": 3}, **given).code == "idempotency-key-reused"
    rejected = {"entity": "Counter", "id": "c1", "action": "close", "Idempotency_Key": "k2"}
    assert running.problem("ann", "call", **rejected).code == "denied"
    assert running.problem("ann", "call", **rejected).code == "denied"


def test_pages_end_where_the_next_begin(running) -> None:
    for number in range(7):
        begin(running, f"c{number}")
    found, given = [], {"entity": "Counter", "limit": "3"}
    while True:
        page = running.ask("ann", "list", **given)
        found.append([each["id"] for each in page["instances"]])
        if page["next"] is None:
            break
        given["cursor"] = page["next"]
    assert found == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]
    for _ in range(4):
        running.ask("ann", "call", {"amount": 1}, entity="Counter", id="c0", action="add")
    first = running.ask("ann", "history", entity="Counter", id="c0", limit="3")
    rest = running.ask("ann", "history", entity="Counter", id="c0", limit="3", cursor=first["next"])
    assert [each["seq"] for each in (*first["records"], *rest["records"])] == [1, 2, 3, 4, 5]
    assert rest["next"] is None


def test_lists_are_filtered_by_state_and_fields(running) -> None:
    for id_ in ("a", "b", "c"):
        begin(running, id_)
    running.ask("ann", "call", {"amount": 5}, entity="Counter", id="b", action="add")
    running.ask("bob", "call", entity="Counter", id="b", action="close")
    running.ask("ann", "call", {"amount": -5}, entity="Counter", id="c", action="add")

    def ids(**where: str) -> list[str]:
        return [each["id"] for each in running.ask("ann", "list", entity="Counter", **where)["instances"]]

    assert ids(state="closed") == ["b"]
    assert ids(n="5") == ["b"]
    assert ids(mood="cross", state="open") == ["c"]
    assert ids(owner="ann", mood="calm") == ["a", "b"]
    assert ids(owner="None") == []


def test_what_can_be_done_now_and_why_not(running) -> None:
    new = running.ask("ann", "can", entity="Counter", id="c1")
    assert (new["state"], [each["action"] for each in new["actions"]]) == ("new", ["begin"])
    begin(running)
    now = {each["action"]: each for each in running.ask("bob", "can", entity="Counter", id="c1")["actions"]}
    assert now["close"]["because"]["code"] == "guard-false"
    assert now["add"]["because"]["code"] == "denied"
    assert now["quiet"]["because"]["code"] in {"denied", "wrong-state"}
    mine = {each["action"]: each for each in running.ask("ann", "can", entity="Counter", id="c1")["actions"]}
    assert mine["add"]["possible"]
    assert mine["add"]["params"]["amount"]["type"] == "integer"


def test_parked_deliveries_and_timers_are_seen(running) -> None:
    begin(running)
    running.ask("ann", "call", entity="Counter", id="c1", action="bell")
    running.quiet()
    (parked,) = running.ask("ann", "deliveries")["deliveries"]
    assert (parked["what"], parked["status"], parked["owner"]) == ("ring", "parked", "Counter c1")
    assert running.ask("ann", "deliveries", status="attempting")["deliveries"] == []
    begin(running, "c2")
    assert running.ask("ann", "timers")["timers"] == [
        {"entity": "Counter", "id": "c2", "timer": "tired", "due": "2026-01-01T00:10:00.000Z"}
    ]
    running.advance(600_000)
    assert running.ask("ann", "get", entity="Counter", id="c2")["state"] == "closed"


def test_a_single_instance_goes_by_its_entitys_name(running) -> None:
    done = running.ask("ann", "call", entity="Clock", id="Clock", action="tick")
    assert done["data"] == {"ticks": 1, "seen": {"calm": 0, "cross": 0}}
    assert running.problem("ann", "call", entity="Clock", id="other", action="tick").code == "unknown-instance"


def test_the_operator_may_act_as_others_and_nobody_else(running) -> None:
    given = {"entity": "Counter", "id": "c1", "action": "begin", "Temper_As": "ann"}
    assert running.ask("operator", "call", {"name": "x"}, **given)["data"]["owner"] == "ann"
    assert running.problem("bob", "call", {"name": "x"}, **given).code == "not-operator"
    given["Temper_As"] = "nobody"
    assert running.problem("operator", "call", {"name": "x"}, **given).code == "unknown-principal"


def test_a_withdrawn_token_is_unknown_at_once(running) -> None:
    begin(running)
    text = running.tokens_path.read_text()
    cut = re.sub(r'(principals\."ann"\]\nroles = .*\ntokens = )\[.*\]', r"\1[]", text)
    assert cut != text
    running.tokens_path.write_text(cut)
    assert running.problem("ann", "get", entity="Counter", id="c1").code == "unknown-token"
    assert running.ask("bob", "get", entity="Counter", id="c1")["state"] == "open"


def test_the_live_table_and_health(running) -> None:
    shown = running.ask("eve", "table")
    assert shown["hash"] == running.runtime.table_hash
    assert shown["table"]["blueprint"] == "counting"
    response, text = raw(running, "GET", "/health", Authorization="")
    assert response.status == 200
    assert json.loads(text) == {"status": "good", "blueprint": "counting", "table": running.runtime.table_hash}


def call(action: str, body: object = None, id_: str = "c1", **given: str):
    return lambda running: running.problem("ann", "call", body, entity="Counter", id=id_, action=action, **given)


def told(method: str, path: str, body: bytes | None = None, **headers: str):
    """A problem that our own client cannot provoke."""

    def provoke(running: Running) -> ProblemError:
        response, text = raw(running, method, path, body, **headers)
        data = json.loads(text)
        assert response.getheader("Content-Type") == "application/problem+json"
        assert response.status == data["status"]
        return ProblemError(data["code"], data["detail"], data["facts"])

    return provoke


PROVOKED = {
    "broken-json": told("POST", "/v1/counting/Counter/c1/add", b'{"amount": 1, "amount": 2}'),
    "body-too-large": told("POST", "/v1/counting/Counter/c1/add", b'{"amount": "' + b"9" * 1_500_000 + b'"}'),
    "bad-request": lambda running: running.problem("ann", "list", entity="Counter", limit="many"),
    "bad-filter": lambda running: running.problem("ann", "list", entity="Counter", colour="red"),
    "no-token": told("GET", "/v1/counting/table", Authorization=""),
    "unknown-token": told("GET", "/v1/counting/table", Authorization="Bearer nobody's"),
    "not-worker": lambda running: running.problem("ann", "lease", {"effects": ["ring"]}),
    "unknown-effect": lambda running: running.problem("operator", "pause", effect="rang"),
    "no-such-delivery": lambda running: running.problem("operator", "redrive", key="9-0"),
    "lease-lost": lambda running: running.problem("wim", "heartbeat", lease="9-0-1"),
    "not-operator": lambda running: running.problem("ann", "apply", {"blueprint": {"path": "a.yaml", "text": ""}}),
    "unknown-principal": lambda running: running.problem("operator", "can", entity="Counter", id="c1", Temper_As="zoe"),
    "unknown-route": told("GET", "/v2/nothing"),
    "unknown-blueprint": lambda running: running.problem("ann", "table", blueprint="deploy"),
    "unknown-entity": lambda running: running.problem("ann", "list", entity="Country"),
    "unknown-action": call("ad", {"amount": 1}),
    "unknown-instance": call("add", {"amount": 1}, id_="c9"),
    "unknown-code": lambda running: running.problem("ann", "explain", code="no-such-thing"),
    "method-not-allowed": told("PUT", "/v1/counting/Counter/c1"),
    "wrong-state": call("begin", {"name": "x"}),
    "stale-version": call("add", {"amount": 1}, If_Match='"7"'),
    "denied": call("close"),
    "bad-args": call("add", {"amount": "1"}),
    "bad-id": call("begin", {"name": "x"}, id_="c\x01"),
    "guard-false": lambda running: running.problem("bob", "call", entity="Counter", id="c1", action="close"),
    "no-case": call("add", {"amount": 0}),
    "out-of-range": lambda running: [
        running.ask("ann", "call", {"amount": 2**63 - 1}, entity="Counter", id="c1", action="add"),
        running.problem("ann", "call", {"amount": 1}, entity="Counter", id="c1", action="add"),
    ][1],
    "same-key-twice": lambda running: running.problem(
        "ann", "call", {"one": "calm", "other": "calm"}, entity="Clock", id="Clock", action="mark"
    ),
    "idempotency-key-reused": lambda running: [
        running.ask("ann", "call", {"amount": 1}, entity="Counter", id="c1", action="add", Idempotency_Key="k"),
        running.problem("ann", "call", {"amount": 2}, entity="Counter", id="c1", action="add", Idempotency_Key="k"),
    ][1],
    "not-certified": lambda running: running.problem(
        "operator", "apply", {"blueprint": {"path": "counting.yaml", "text": COUNTING.replace("n > 0", "n >")}}
    ),
}
"""One way to each problem, with an open counter `c1`."""

ELSEWHERE = {
    **dict.fromkeys(
        ("unknown-tenant", "bad-tenant", "tenant-exists", "version-for-all", "over-limit", "tenant-full"),
        "test_tenants",
    ),
    "too-busy": "test_operating",
    "archived": "test_keeping",
    "archive-broken": "test_keeping",
    "no-retention": "test_keeping",
    "not-in-a-file": "test_keeping",
    "not-ready": "test_operating",
    "not-redrivable": "test_effects",
    "lease-elsewhere": "tests/run: a lease of another node",
    "id-taken": "tests/run: an id under a pending spawn",
    "not-admitted": "test_reload",
    "storage-full": "test_faults",
    "store-failed": "test_faults",
    "store-unsure": "tests/run: a disk that dies while it writes",
    "shutting-down": "test_faults",
    "internal-error": "test_faults",
}


@pytest.mark.parametrize("code", sorted(PROVOKED))
def test_each_problem_has_its_code_and_changes_nothing(running, code) -> None:
    begin(running)
    before = running.ask("ann", "get", entity="Counter", id="c1")
    problem = PROVOKED[code](running)
    assert problem.code == code
    if code not in {"out-of-range", "idempotency-key-reused"}:
        assert running.ask("ann", "get", entity="Counter", id="c1") == before
    _hold_page(code, problem)


def _hold_page(code: str, problem: ProblemError) -> None:
    """A page that shows an HTTP answer shows this one."""
    page = ROOT / "docs" / "diagnostics" / f"{code}.md"
    if not page.is_file():
        return  # tests/repo asks for every page that is missing
    text = page.read_text(encoding="utf-8")
    block = re.search(r"```http\n(.*?)```", text, re.DOTALL)
    if block is None:
        return
    shown = f"HTTP/1.1 {problem.status}\nContent-Type: application/problem+json\n\n"
    shown += json.dumps(problem_to_json(problem), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("TEMPER_BLESS"):
        page.write_text(text[: block.start(1)] + shown + text[block.end(1) :], encoding="utf-8")
    else:
        assert block[1] == shown, "`make bless` writes what is answered now"


def test_every_problem_is_provoked_somewhere() -> None:
    assert set(PROVOKED) | set(ELSEWHERE) == set(PROBLEMS)
    assert set(REJECTIONS) <= set(PROBLEMS)
    reachable = {code for each in (*OPERATIONS, *TENANT_OPERATIONS) for code in problems_of(each)} | {*AT_A_TENANT}
    assert reachable == set(PROBLEMS), "a code that no operation lists, or that has no status"
    assert set(RUNTIME_PROBLEMS) <= set(PROBLEMS), "what the runtime says and HTTP could not"


def test_the_interface_describes_itself(running) -> None:
    document = running.ask("ann", "openapi")
    assert document["openapi"] == "3.1.0"
    names = [item["operationId"] for path in document["paths"].values() for item in path.values()]
    assert len(names) == len(set(names))
    for path, items in document["paths"].items():
        for item in items.values():
            declared = {each["name"] for each in item.get("parameters", []) if each["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            for schema in _schemas(item):
                Draft202012Validator.check_schema(schema)


def _schemas(node):
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "schema":
                yield value
            else:
                yield from _schemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value)


def test_answers_are_what_the_interface_promises(running) -> None:
    begin(running)
    running.ask("ann", "call", entity="Counter", id="c1", action="bell")
    given = {"entity": "Counter", "id": "c1"}
    asked = {
        "health": {},
        "openapi": {},
        "table": {},
        "deliveries": {},
        "timers": {},
        "list": {"entity": "Counter"},
        "get": given,
        "history": given,
        "can": given,
    }
    for name, parameters in asked.items():
        Draft202012Validator(operation(name).answer).validate(running.ask("ann", name, **parameters))
    done = running.ask("ann", "create", {"name": "y"}, entity="Counter", action="begin")
    Draft202012Validator(operation("create").answer).validate(done)
    Draft202012Validator(operation("call").answer).validate(done)


@pytest.mark.parametrize("path", ["//", "/v1/counting/Counter/%00/get", "/v1/%F0%9F%92%A9/x", "/health/", "/v1"])
def test_odd_addresses_are_answered_with_a_problem(running, path) -> None:
    response, text = raw(running, "GET", path)
    assert 400 <= response.status < 500
    assert json.loads(text)["code"] in PROBLEMS
