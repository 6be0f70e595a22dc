"""Hot reload over HTTP: certified apart, admitted or refused with the list, while calls go on."""

from __future__ import annotations

import threading

import pytest

from support.serving import serving
from support.tree import ROOT
from temper.pipeline import build, certify
from temper.serve import reload
from temper.serve.reload import Reloaded

FOLDER = ROOT / "examples" / "deploy"
TEXT = (FOLDER / "deploy.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def certified():
    table = build(FOLDER).table
    assert table is not None
    judged = certify(table)
    assert judged.certified is not None, judged.reasons
    return judged.certified


async def shifted(ask) -> str:
    return "shifted"


@pytest.fixture
def running(tmp_path, certified):
    with serving(certified, tmp_path, handlers={"shift_traffic": shifted}) as running:
        running.ask("ann", "call", {"service": "web"}, entity="Deploy", id="d1", action="propose")
        for name in ("bob", "cid"):
            running.ask(name, "call", entity="Deploy", id="d1", action="approve")
        yield running


def version(text: str) -> dict:
    return {"blueprint": {"path": "deploy.yaml", "text": text}}


def test_a_way_back_is_added_while_instances_are_in_flight(running) -> None:
    assert running.problem("cid", "call", entity="Deploy", id="d1", action="revert").code == "wrong-state"
    wider = TEXT.replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n")
    assert wider != TEXT
    before = running.ask("ann", "table")["hash"]
    applied = running.ask("operator", "apply", version(wider))
    assert applied["before"] == before
    assert applied["table"] == running.ask("ann", "table")["hash"] != before
    assert any("revert" in change for change in applied["changes"])
    assert {each["verdict"] for each in applied["verdicts"]} <= {"exhausted", "proved", "unknown"}
    running.ask("cid", "call", entity="Deploy", id="d1", action="revert")
    running.quiet()
    assert running.ask("ann", "get", entity="Deploy", id="d1")["state"] == "rolled_back"
    assert isinstance(running.told[-1], Reloaded)
    tables = [each["table"] for each in running.ask("ann", "history", entity="Deploy", id="d1")["records"]]
    assert [before] * 3 == tables[:3]
    assert tables[3] == applied["table"]


def test_a_broken_invariant_is_refused_with_the_shortest_trace(running) -> None:
    worse = TEXT.replace("when: caller != author and caller not in approvers", "when: caller not in approvers")
    assert worse != TEXT
    before = running.ask("ann", "table")["hash"]
    problem = running.problem("operator", "apply", version(worse))
    assert problem.code == "not-certified"
    (refuted,) = [each for each in problem.facts["verdicts"] if each["verdict"] == "refuted"]
    assert refuted["name"] == "four_eyes"
    assert [step["action"] for step in refuted["trace"]["steps"]] == ["propose", "approve"]
    assert "four_eyes is refuted" in problem.facts["report"]
    assert running.ask("ann", "table")["hash"] == before
    running.ask("ann", "call", entity="Deploy", id="d1", action="start")


def test_what_has_no_place_in_the_new_version_is_listed(running) -> None:
    renamed = TEXT.replace("approved", "agreed")
    problem = running.problem("operator", "apply", version(renamed))
    assert problem.code in {"not-admitted", "not-certified"}
    assert "approved" in str(problem.facts)
    assert running.ask("ann", "get", entity="Deploy", id="d1")["state"] == "approved"


def test_with_a_mapping_it_has_its_place(running) -> None:
    renamed = TEXT.replace("approved", "agreed") + "\nmigrate:\n  Deploy:\n    states: {approved: agreed}\n"
    running.ask("operator", "apply", version(renamed))
    assert running.ask("ann", "get", entity="Deploy", id="d1")["state"] == "agreed"


def test_calls_are_answered_while_a_version_is_certified(running) -> None:
    wider = TEXT.replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n")
    applying = threading.Thread(target=running.ask, args=("operator", "apply", version(wider)))
    applying.start()
    answered = 0
    while applying.is_alive():
        running.ask("ann", "call", {"service": "web"}, entity="Deploy", id=f"during{answered}", action="propose")
        answered += 1
    applying.join()
    assert answered > 3
    assert running.ask("ann", "get", entity="Deploy", id="during0")["state"] == "draft"


def test_instances_that_move_meanwhile_are_looked_at_again(running, monkeypatch) -> None:
    asked = []

    async def certify(request):
        judgement = await reload.certify_apart_once(request)
        asked.append(len(request.live.images))
        if len(asked) == 1:
            await running.runtime.call("Deploy", "d1", "start", {}, caller="ann", roles=frozenset({"engineer"}))
        return judgement

    monkeypatch.setattr(reload, "certify_apart_once", reload.certify_apart, raising=False)
    monkeypatch.setattr(reload, "certify_apart", certify)
    wider = TEXT.replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n")
    assert running.ask("operator", "apply", version(wider))["applied"]
    assert len(asked) >= 2
    assert asked[1] > asked[0]


def test_instances_that_never_rest_are_told(running, monkeypatch) -> None:
    monkeypatch.setattr(reload, "ROUNDS_MAX", 2)
    monkeypatch.setattr(reload.Reloader, "_covers", lambda *_: False)
    problem = running.problem("operator", "apply", version(TEXT.replace("after: 10m", "after: 11m")))
    assert problem.code == "not-admitted"
    assert [each["code"] for each in problem.facts["obstacles"]] == ["instances-moved"]


def test_one_mistake_is_one_finding(running) -> None:
    problem = running.problem("operator", "apply", version(TEXT.replace("to: shifting", "to: shiftin", 1)))
    assert problem.code == "not-certified"
    (finding,) = problem.facts["findings"]
    assert finding["code"] == "unknown-state" or "shiftin" in finding["message"]


@pytest.mark.parametrize("body", [[], {}, {"blueprint": 1}, {"blueprint": {"path": "a", "text": "b"}, "more": 1}])
def test_a_body_that_is_no_version_is_refused(running, body) -> None:
    assert running.problem("operator", "apply", body).code == "bad-request"
