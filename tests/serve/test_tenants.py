"""Several tenants in one server: what one does, another cannot see, and what breaks in one, another does not feel."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.running import Receiver
from support.serving import serving, table_of, uncertified
from support.tenancy import Tenancy, tenancy
from temper.run import Ask
from temper.run.handlers import HandlersBrokenError
from temper.run.handlers.wire import ask_to_json
from temper.run.store.opening import Place
from temper.sdk import AsyncClient, Client, Done, Worker
from temper.serve.home import Home
from temper.serve.problem import ProblemError
from temper.serve.tenants.audit import Audit, AuditBrokenError, Audited
from temper.serve.tenants.journals import Journals
from temper.serve.tenants.limits import AllLimits, TenantLimits, load_limits
from temper.serve.tenants.naming import is_name
from temper.serve.tenants.resting import rests

BELLS = """\
temper: 1
blueprint: bells
roles: [clerk]
effects:
  ring: {outcomes: {rung: {}}, delivery: keyed}
entities:
  Door:
    data: {note: str}
    states: [shut, ringing, open, tired]
    waits: [shut, tired]
    actions:
      build: {by: clerk, params: {note: str}, from: new, set: {note: args.note}, to: shut}
      rename: {by: clerk, params: {note: str}, from: shut, set: {note: args.note}, to: shut}
      bell:
        by: clerk
        from: shut
        to: ringing
        do: [{effect: ring, then: {rung: opened, unknown: opened}}]
      opened: {from: ringing, to: open}
      close: {by: clerk, from: open, to: shut}
      tire: {from: open, to: tired}
    timers:
      patience: {in: [open], after: 10s, do: tire}
"""

NAMES = ("acme", "zeta", "beta-2")


def begun(served: Tenancy, *names: str) -> None:
    for name in names:
        served.create(name)
        served.ask(
            name, "operator", "call", {"note": f"of {name}"}, entity="Door", id="d", action="build", Temper_As="ann"
        )


@pytest.fixture
def table():
    return table_of(BELLS + "scope:\n  principals: {ann: [clerk], bob: []}\n")


@pytest.fixture(params=["files", "postgres"])
def database(request) -> str:
    """Where the journals are: in files, or in this database."""
    return "" if request.param == "files" else request.getfixturevalue("postgres").database()


def schemas(database: str) -> list[str]:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'temper%' ORDER BY nspname")
        return [name for (name,) in found]


# What one sees


def test_each_has_instances_of_its_own_under_the_same_names(tmp_path, table, database) -> None:
    with tenancy(table, tmp_path, database=database) as served:
        begun(served, "acme", "zeta")
        served.ask("acme", "ann", "call", {"note": "changed"}, entity="Door", id="d", action="rename")
        notes = [served.ask(name, "ann", "get", entity="Door", id="d")["data"]["note"] for name in ("acme", "zeta")]
        assert notes == ["changed", "of zeta"]
        chains = {served.tenants.find(name).opened.runtime.head.chain for name in ("acme", "zeta")}
        assert len(chains) == 2
        assert (tmp_path / "tenants" / "acme" / "journal.sqlite").is_file() is not bool(database)


def test_a_token_of_one_is_none_of_another_and_of_nobody_there_and_a_stranger_learns_nothing(
    tmp_path, table, database
) -> None:
    with tenancy(table, tmp_path, database=database) as served:
        begun(served, "acme", "zeta")
        acme, zeta = served.tokens["acme"]["ann"], served.tokens["zeta"]["ann"]
        told = []
        for tenant, token in (
            ("acme", zeta),
            ("zeta", acme),
            ("nobody", acme),
            ("acme", served.host_tokens["operator"]),
        ):
            for name in ("list", "get", "call", "openapi", "metrics", "events", "lease", "apply", "health", "ready"):
                body = {"effects": ["ring"]} if name == "lease" else {}
                problem = _problem_of(served, tenant, token, name, body)
                assert (problem["status"], problem["code"]) == (404, "unknown-tenant")
                told.append(json.dumps(problem).replace(tenant, "TENANT"))
        assert len(set(told)) == 1
        for tenant in ("acme", "nobody"):
            problem = _problem_of(served, tenant, "", "list", None)
            assert (problem["status"], problem["code"]) == (401, "no-token")
        # What was asked with the wrong token opened nothing: strangers make no work.
        assert served.ask("zeta", "ann", "list", entity="Door")["instances"]


def _problem_of(served: Tenancy, tenant: str, token: str, name: str, body: Any) -> dict[str, Any]:
    paths = {
        "list": ("GET", "bells/Door"), "get": ("GET", "bells/Door/d"), "call": ("POST", "bells/Door/d/bell"),
        "openapi": ("GET", "openapi.json"), "metrics": ("GET", "metrics"), "events": ("GET", "bells/events"),
        "lease": ("POST", "bells/leases"), "apply": ("POST", "bells/apply"), "health": ("GET", "health"),
        "ready": ("GET", "readyz"),
    }  # fmt: skip
    method, path = paths[name]
    request = urllib.request.Request(f"{served.url}/v1/{tenant}/{path}", method=method)
    if body is not None and method == "POST":
        request.data = json.dumps(body).encode()
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    with raised.value as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize(
    "path", ["/v1/../acme", "/v1/%2e%2e/x", "/v1//x", "/v1/ACME/bells/Door", "/v1/.archived/x", "/v1/a"]
)
def test_no_address_leads_out_of_the_tenants(tmp_path, table, path: str) -> None:
    with tenancy(table, tmp_path) as served:
        begun(served, "acme")
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
        connection.putrequest("GET", path, skip_host=False)
        connection.putheader("Authorization", f"Bearer {served.tokens['acme']['ann']}")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 404
        answer.read()
        connection.close()


Move = tuple[str, str, str, str]


def moves() -> st.SearchStrategy[list[Move]]:
    """Who asks for what, of which tenant."""
    action = st.sampled_from(["build", "rename", "bell", "close"])
    return st.lists(
        st.tuples(st.sampled_from(NAMES[:2]), st.sampled_from("de"), action, st.sampled_from("xy")), max_size=14
    )


def answer_of(ask: Any, move: Move, number: int) -> Any:
    _, id_, action, note = move
    body = {"note": note} if action in {"build", "rename"} else {}
    try:
        return ask("call", body, entity="Door", id=id_, action=action, Idempotency_Key=f"{note}{number % 5}")
    except ProblemError as problem:
        return problem.code, problem.detail, problem.facts


def everything(ask: Any) -> Any:
    return (
        ask("list", entity="Door"),
        ask("deliveries"),
        ask("timers"),
        [
            ask("history", entity="Door", id=id_)
            for id_ in ("d", "e")
            if id_ in {i["id"] for i in ask("list", entity="Door")["instances"]}
        ],
    )


@settings(max_examples=8, deadline=None)
@given(drawn=moves())
def test_calls_of_several_tenants_are_answered_as_by_servers_of_their_own(drawn: list[Move]) -> None:
    table = table_of(BELLS + "scope:\n  principals: {ann: [clerk]}\n")
    with TemporaryDirectory() as folder:
        (Path(folder) / "together").mkdir()
        with tenancy(table, Path(folder) / "together", handlers=lambda: {"ring": Receiver("rung")}) as served:
            for name in NAMES[:2]:
                served.create(name)
            together: dict[str, list[Any]] = {name: [] for name in NAMES[:2]}
            for number, move in enumerate(drawn):
                tenant = move[0]
                together[tenant].append(
                    answer_of(lambda *a, t=tenant, **k: served.ask(t, "ann", *a, **k), move, number)
                )
                served.quiet()
            for name in NAMES[:2]:
                together[name].append(everything(lambda *a, t=name, **k: served.ask(t, "ann", *a, **k)))
        for name in NAMES[:2]:
            path = Path(folder) / name
            path.mkdir()
            with serving(uncertified(table), path, handlers={"ring": Receiver("rung")}) as alone:
                apart = []
                for number, move in enumerate(drawn):
                    if move[0] == name:
                        apart.append(answer_of(lambda *a, **k: alone.ask("ann", *a, **k), move, number))
                        alone.quiet()
                apart.append(everything(lambda *a, **k: alone.ask("ann", *a, **k)))
            assert together[name] == apart


# What breaks


def test_a_damaged_journal_is_its_tenants_alone(tmp_path, table) -> None:
    with tenancy(table, tmp_path) as served:
        begun(served, "acme", "zeta")
        served.run(served.tenants.close_idle(0))
        assert [tenant.status for tenant in served.tenants] == ["closed", "closed"]
        path = tmp_path / "tenants" / "acme" / "journal.sqlite"
        good = path.read_bytes()
        path.write_bytes(b"this is no journal" * 1000)
        problem = served.problem("acme", "ann", "list", entity="Door")
        assert (problem.code, problem.status) == ("store-failed", 503)
        assert str(tmp_path) not in problem.detail
        assert served.ask("zeta", "ann", "list", entity="Door")["instances"]
        (acme, zeta) = served.host("tenants")["tenants"]
        assert (acme["status"], zeta["status"]) == ("failed", "open")
        assert "damaged" in acme["because"]
        assert 'temper_tenants{status="failed"} 1' in served.host("metrics")
        path.write_bytes(good)
        served.tenants.find("acme").failed_at = 0.0  # ten seconds later
        assert served.ask("acme", "ann", "get", entity="Door", id="d")["data"]["note"] == "of acme"


def test_a_server_begins_although_a_journal_is_damaged(tmp_path, table) -> None:
    with tenancy(table, tmp_path) as served:
        begun(served, "acme", "zeta")
        tokens = served.tokens
    (tmp_path / "tenants" / "acme" / "journal.sqlite").write_bytes(b"nonsense" * 100)
    (tmp_path / "tenants" / "beta").mkdir()  # without a tokens file it is nobody's
    with tenancy(table, tmp_path) as served:
        served.tokens.update(tokens)
        assert served.ask("zeta", "ann", "list", entity="Door")["instances"]
        assert served.problem("acme", "ann", "list", entity="Door").code == "store-failed"
        assert served.problem("beta", "ann", "list", entity="Door", token="any").code == "unknown-tenant"


def test_broken_handlers_of_one_opening_are_that_tenants(tmp_path, table) -> None:
    broken = True

    def handlers() -> dict[str, Any]:
        if broken:
            raise HandlersBrokenError(Path("handlers.py"), "it is broken")
        return {}

    with tenancy(table, tmp_path, handlers=handlers) as served:
        served.create("acme")
        assert served.problem("acme", "ann", "list", entity="Door").code == "store-failed"
        assert "it is broken" in served.host("tenants")["tenants"][0]["because"]
        broken = False
        served.tenants.find("acme").failed_at = 0.0
        assert served.ask("acme", "ann", "list", entity="Door")["instances"] == []


# What is too much


def test_a_flood_of_one_is_told_to_come_back_and_the_others_do_not_feel_it(tmp_path, table) -> None:
    limits = AllLimits(TenantLimits(calls_per_second=5), {"zeta": TenantLimits()})
    with tenancy(table, tmp_path, limits=limits) as served:
        begun(served, "acme", "zeta")
        flooded = []
        for _ in range(20):
            try:
                served.ask("acme", "ann", "list", entity="Door")
            except ProblemError as problem:
                flooded.append(problem)
        assert len(flooded) >= 10
        assert {(problem.code, problem.status) for problem in flooded} == {("over-limit", 429)}
        for _ in range(20):
            served.ask("zeta", "ann", "list", entity="Door")
        assert 'temper_tenant_refused_total{tenant="acme",what="rate"}' in served.host("metrics")
        assert 'tenant="zeta",what=' not in served.host("metrics")


def test_so_many_under_way_and_no_more(tmp_path, table) -> None:
    with tenancy(table, tmp_path, limits=AllLimits(TenantLimits(requests=2))) as served:
        begun(served, "acme", "zeta")
        body = {"effects": ["ring"], "wait_seconds": 20}
        ended: list[Any] = []

        def wait() -> None:
            try:
                ended.append(served.ask("acme", "operator", "lease", body))
            except ProblemError as problem:
                ended.append(problem.code)

        workers = [threading.Thread(target=wait) for _ in range(2)]
        for worker in workers:
            worker.start()
        tenant = served.tenants.find("acme")
        while tenant.users < 2:
            time.sleep(0.01)
        assert served.problem("acme", "operator", "lease", body).code == "too-busy"  # those who wait are counted apart
        assert served.ask("acme", "ann", "get", entity="Door", id="d")["id"] == "d"
        assert served.ask("zeta", "operator", "lease", {"effects": ["ring"]}) == {"leases": []}
        served.host("archive_tenant", tenant="acme")  # whoever waits is let go
        for worker in workers:
            worker.join(20)
            assert not worker.is_alive()
        assert len(ended) == 2


def test_so_many_instances_and_no_more(tmp_path, table, database) -> None:
    with tenancy(table, tmp_path, limits=AllLimits(TenantLimits(instances=2)), database=database) as served:
        begun(served, "acme", "zeta")

        def build(id_: str, **more: str) -> Any:
            return served.ask(
                "acme", "ann", "call", {"note": '"before":"new"'}, entity="Door", id=id_, action="build", **more
            )

        first = build("e", Idempotency_Key="k")
        with pytest.raises(ProblemError) as refused:
            build("f")
        assert (refused.value.code, refused.value.status) == ("tenant-full", 409)
        assert build("e", Idempotency_Key="k") == {**first, "repeated": True}
        served.ask("acme", "ann", "call", {"note": '"before":"new"'}, entity="Door", id="e", action="rename")
        assert served.tenants.find("acme").opened.count.number == 2
        served.run(served.tenants.close_idle(0))
        with pytest.raises(ProblemError):
            build("g")  # counted anew
        served.ask("zeta", "ann", "call", {"note": ""}, entity="Door", id="f", action="build")


def test_no_more_are_open_than_may_be_and_those_at_rest_give_way(tmp_path, table, database) -> None:
    with tenancy(table, tmp_path, limits=AllLimits(open=1), database=database) as served:
        begun(served, "acme", "zeta")
        assert [tenant.status for tenant in served.tenants] == ["closed", "open"]
        served.ask("acme", "ann", "call", entity="Door", id="d", action="bell")  # nobody rings: it waits for a worker
        assert [tenant.status for tenant in served.tenants] == ["open", "closed"]
        assert served.problem("zeta", "ann", "list", entity="Door").code == "too-busy"
        assert served.ask("acme", "ann", "deliveries")["deliveries"]


# What goes on by itself


def test_a_closed_tenant_is_woken_by_its_timers_and_taken_up_at_a_start(tmp_path, table, database) -> None:
    with tenancy(table, tmp_path, handlers=lambda: {"ring": Receiver("rung")}, database=database) as served:
        begun(served, "acme", "zeta")
        served.ask("acme", "ann", "call", entity="Door", id="d", action="bell")
        served.quiet()
        served.run(served.tenants.close_idle(0))
        assert [tenant.status for tenant in served.tenants] == ["closed", "closed"]
        served.advance(10_000)
        assert [tenant.status for tenant in served.tenants] == ["open", "closed"]
        assert served.ask("acme", "ann", "get", entity="Door", id="d")["state"] == "tired"
        tokens = served.tokens
    with tenancy(table, tmp_path, database=database) as served:  # without a handler: it is pending when the server ends
        served.tokens.update(tokens)
        served.ask("zeta", "ann", "call", entity="Door", id="d", action="bell")
        served.run(served.tenants.close_idle(0))
        assert [tenant.status for tenant in served.tenants] == ["closed", "open"]  # it owes something
    assert rests(Journals(database).place("zeta", Home(tmp_path / "tenants" / "zeta"), "bells")).owes
    rung = Receiver("rung")
    with tenancy(table, tmp_path, handlers=lambda: {"ring": rung}, database=database) as served:
        served.advance(0)
        assert [tenant.status for tenant in served.tenants] == ["closed", "open"]
        assert [ask.tenant for ask in rung.asked] == ["zeta"]
        assert ask_to_json(rung.asked[0])["tenant"] == "zeta"


# Made and archived


def test_who_runs_the_server_makes_and_archives_tenants_and_all_of_it_is_written_down(
    tmp_path, table, database
) -> None:
    with tenancy(table, tmp_path, database=database) as served:
        begun(served, "acme")
        first = served.tokens["acme"]["ann"]
        with pytest.raises(ProblemError) as there:
            served.host("create_tenant", {"tenant": "acme"})
        assert there.value.code == "tenant-exists"
        for name in ("Acme", "", "a" * 41, "-a", "a.b", "..", "tenants", None, 7):
            with pytest.raises(ProblemError) as bad:
                served.host("create_tenant", {"tenant": name})
            assert bad.value.code == "bad-tenant"
        with pytest.raises(ProblemError) as stranger:
            served.host("create_tenant", {"tenant": "more"}, who="eve")
        assert stranger.value.code == "not-operator"
        archived = served.host("archive_tenant", tenant="acme")["archived"]
        assert (tmp_path / "tenants" / ".archived" / archived / "journal.sqlite").is_file() is not bool(database)
        if database:
            assert schemas(database) == [f"temper_bells:{archived.replace('-', ':', 1)}"]
        assert served.problem("acme", "ann", "list", entity="Door").code == "unknown-tenant"
        begun(served, "acme")  # the name is free again, and nothing of the old one is there
        assert served.problem("acme", "ann", "list", entity="Door", token=first).code == "unknown-tenant"
        audit = served.host("tenants")["audit"]
        assert [(each["what"], each["tenant"], each["by"]) for each in audit] == [
            ("create", "acme", "operator"),
            ("archive", "acme", "operator"),
            ("create", "acme", "operator"),
        ]
        with pytest.raises(ProblemError) as gone:
            served.host("archive_tenant", tenant="nobody")
        assert gone.value.code == "unknown-tenant"


def test_nobody_is_given_a_journal_that_another_server_left_in_the_database(tmp_path, table, postgres) -> None:
    """Who is a tenant, the folder says: with another folder, the same name is somebody else's."""
    database = postgres.database()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    with tenancy(table, tmp_path / "one", database=database) as served:
        begun(served, "acme")
    with tenancy(table, tmp_path / "two", database=database) as served:
        with pytest.raises(ProblemError) as taken:
            served.host("create_tenant", {"tenant": "acme"})
        assert taken.value.code == "tenant-exists"
        assert not (tmp_path / "two" / "tenants" / "acme").exists()
        begun(served, "zeta")
    assert schemas(database) == ["temper_bells:acme", "temper_bells:zeta"]


def test_a_schema_that_is_gone_is_its_tenants_alone(tmp_path, table, postgres) -> None:
    database = postgres.database()
    with tenancy(table, tmp_path, database=database) as served:
        begun(served, "acme", "zeta")
        served.run(served.tenants.close_idle(0))
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute('DROP TABLE "temper_bells:acme".cells')
        assert served.problem("acme", "ann", "list", entity="Door").code == "store-failed"
        assert served.ask("zeta", "ann", "list", entity="Door")["instances"][0]["data"]["note"] == "of zeta"


@pytest.mark.parametrize("blueprint", ["deploy", "d" * 60, "\u00e9" * 30])
def test_no_two_schemas_have_one_name(blueprint: str) -> None:
    tenants = ["", "a", "b", "a-b", "a" * 40, "a" * 39 + "b"]
    names = [Place("postgresql://db", blueprint, tenant).schema for tenant in tenants]
    names += [Place("postgresql://db", blueprint + end, "a").schema for end in ("x", "y")]
    assert len(set(names)) == len(names)
    assert all(len(f"temper {name}".encode()) <= 63 for name in names if ":" in name)


def test_what_was_written_down_cannot_be_changed_unnoticed(tmp_path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    for number in range(3):
        audit.write(Audited(number, "ann", "create", f"t{number}"))
    whole = audit.path.read_bytes()
    audit.path.write_bytes(whole + b'{"hash": "half of a li')  # a crash while it was written
    audit.write(Audited(3, "ann", "archive", "t0"))
    assert [each["at"] for each in audit.read()] == [0, 1, 2, 3]
    for broken in (whole.replace(b"t1", b"tX"), whole.split(b"\n", 1)[1], b"nonsense\n" + whole):
        audit.path.write_bytes(broken)
        with pytest.raises(AuditBrokenError):
            list(audit.read())
        with pytest.raises(AuditBrokenError):
            audit.write(Audited(4, "ann", "create", "t4"))


# Versions


@pytest.mark.slow
def test_a_version_is_for_all_and_who_has_no_place_for_it_stays_with_the_old_one(tmp_path, database) -> None:
    text = BELLS + "scope:\n  principals: {ann: [clerk]}\n  instances: {Door: 1}\n"
    more = text.replace("data: {note: str}", "data: {note: str, more: bool}")
    fewer = text.replace("states: [shut,", "states: [closed,").replace("shut", "closed")
    with tenancy(table_of(text), tmp_path, text=text, database=database) as served:
        begun(served, "acme", "zeta", "beta")
        served.run(served.tenants.close_idle(0))
        served.ask("zeta", "ann", "list", entity="Door")
        assert (
            served.problem("zeta", "operator", "apply", {"blueprint": {"path": "b", "text": more}}).code
            == "version-for-all"
        )
        body = {"blueprint": {"path": "b.yaml", "text": more}}
        assert served.host("apply_to_tenants", body)["tenants"] == [{"tenant": "zeta", "refused": ""}]
        assert "more" in served.ask("zeta", "ann", "get", entity="Door", id="d")["data"]
        served.ask("acme", "ann", "list", entity="Door")  # opened now, under the old version, and brought up to date
        for _ in range(500):
            if "more" in served.ask("acme", "ann", "get", entity="Door", id="d")["data"]:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it was not brought up to date")
        body = {"blueprint": {"path": "b.yaml", "text": fewer}}
        refused = {each["tenant"]: each["refused"] for each in served.host("apply_to_tenants", body)["tenants"]}
        assert set(refused) == {"acme", "zeta"}
        assert all(why.startswith("not-admitted: ") for why in refused.values())
        assert served.ask("acme", "ann", "get", entity="Door", id="d")["state"] == "shut"
        assert served.host("tenants")["tenants"][0]["refused"] == refused["acme"]
        assert 'temper_tenant_behind{tenant="acme"} 1' in served.host("metrics")
        served.create("new")  # who comes now has it from the beginning
        assert (
            served.ask("new", "ann", "call", {"note": ""}, entity="Door", id="d", action="build")["state"] == "closed"
        )


# Small things


def test_addresses_name_the_tenant(tmp_path, table) -> None:
    with tenancy(table, tmp_path) as served:
        served.create("acme")
        assert served.ask("acme", "ann", "openapi")["servers"] == [{"url": "/v1/acme"}]
        request = urllib.request.Request(f"{served.url}/v1/acme/bells/Door/build", b'{"note": ""}', method="POST")
        request.add_header("Authorization", f"Bearer {served.tokens['acme']['ann']}")
        with urllib.request.urlopen(request) as answer:
            where = answer.headers["Location"]
        assert where.startswith("/v1/acme/bells/Door/")
        request = urllib.request.Request(served.url + where)
        request.add_header("Authorization", f"Bearer {served.tokens['acme']['ann']}")
        with urllib.request.urlopen(request) as answer:
            assert json.loads(answer.read())["state"] == "shut"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[tenants]\ninstance = 3", "did you mean `instances`"),
        ("[tenants]\nrequests = 0", "from 1 to"),
        ("[tenants.of.Acme]\nrequests = 1", "no tenant may be called so"),
        ("[tenants.of.acme]\nopen = 1", "no key `open`"),
    ],
)
def test_limits_that_are_none_are_refused(tmp_path, text: str, why: str) -> None:
    path = tmp_path / "temper.toml"
    path.write_text(text)
    with pytest.raises(HandlersBrokenError, match=why):
        load_limits(path)


def test_limits_of_one_are_those_of_all_but_for_what_is_said(tmp_path) -> None:
    path = tmp_path / "temper.toml"
    path.write_text("[tenants]\nrequests = 3\nopen = 7\n[tenants.of.acme]\ninstances = 9\n")
    limits = load_limits(path)
    assert limits.limits_of("acme") == TenantLimits(instances=9, requests=3)
    assert limits.limits_of("zeta") == TenantLimits(requests=3)
    assert limits.open == 7


@given(st.text(max_size=45))
def test_a_name_is_a_part_of_an_address_and_of_a_path(text: str) -> None:
    if is_name(text):
        assert Path("x", text).name == text
        assert text == text.lower()
        assert text.isascii()


def test_a_client_and_a_worker_take_the_tenants_address_for_that_of_a_server(tmp_path, table, database) -> None:
    with tenancy(table, tmp_path, database=database) as served:
        begun(served, "acme", "zeta")
        url = f"{served.url}/v1/acme"
        with Client(url, served.tokens["acme"]["ann"]) as client:
            assert client.blueprint == "bells"
            sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            done = client.call("Door", "d", "bell", traceparent=sent)
            assert isinstance(done, Done)
            assert [each.id for each in client.list("Door")] == ["d"]
        records = served.ask("acme", "ann", "history", entity="Door", id="d")["records"]
        assert records[-1]["trace"] == sent[3:35]
        asked: list[Ask] = []

        async def work() -> None:
            async with AsyncClient(url, served.tokens["acme"]["operator"]) as client:
                stop = asyncio.Event()

                async def ring(ask: Ask) -> object:
                    asked.append(ask)
                    stop.set()
                    return "rung"

                await Worker(client, {"ring": ring}).run(stop)

        asyncio.run(work())
        assert [(ask.tenant, ask.traceparent) for ask in asked] == [("acme", sent)]
        assert served.ask("acme", "ann", "get", entity="Door", id="d")["state"] == "open"
