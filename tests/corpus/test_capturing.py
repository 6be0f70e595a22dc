"""An incident is cut out of a journal with all that it rests on, and is a run of the blueprint that it happened under."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from support.durable import all_records
from support.running import Receiver, Running, table_of
from temper.cli.main import main
from temper.corpus import Result, Scenario, captured, rerun, scenario_from_yaml, scenario_to_yaml
from temper.machine import Address
from temper.report import Source
from temper.run import SqliteStore
from temper.serve.presenting import record_to_json

JOBS = """
temper: 1
blueprint: jobs
roles: [person]
effects:
  run:
    params: {what: str}
    outcomes: {done: {code: "int[0, 9]"}, failed: {}}
    delivery: idempotent
entities:
  Worker:
    data: {job: Job | None}
    states: [idle, busy]
    waits: [idle]
    actions:
      hire: {by: person, from: new, to: idle}
      take:
        params: {job: Job, what: str}
        from: idle
        set: {job: args.job}
        to: busy
        do: [{effect: run, with: {what: args.what}, then: {done: finish, failed: again, unknown: again}}]
      finish:
        params: {code: "int[0, 9]"}
        from: busy
        to: idle
        send: [{to: job, action: end, with: {code: args.code}, refused: ignore}]
  Job:
    data: {what: str, code: "int[0, 9]", worker: Worker | None}
    states: [asked, refused, ended]
    final: [ended]
    waits: [asked, refused]
    actions:
      ask:
        by: person
        params: {what: str, worker: Worker}
        from: new
        set: {what: args.what, worker: args.worker}
        to: asked
        send: [{to: args.worker, action: take, with: {job: self, what: args.what}, refused: turned_down}]
      turned_down: {from: asked, to: refused}
      end: {params: {code: "int[0, 9]"}, from: asked, set: {code: args.code}, to: ended}
"""


async def worked(path) -> None:
    """Two workers, three jobs, of which one is refused by a worker that is busy."""
    outside = Receiver(always={"outcome": "done", "fields": {"code": 7}})
    store = SqliteStore(path, identity="jobs")
    async with Running(table_of(JOBS), store, {"run": outside}) as running:
        outside.gate = asyncio.Event()
        for worker in ("w1", "w2"):
            await running.done("Worker", worker, "hire")
        for job, worker in (("j1", "w1"), ("j2", "w1"), ("j3", "w2")):
            await running.done("Job", job, "ask", {"what": job, "worker": worker})
            await asyncio.sleep(0)
        outside.gate.set()
        await running.runtime.quiet()


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    path = tmp_path_factory.mktemp("jobs") / "journal.sqlite"
    asyncio.run(worked(path))
    return path


@pytest.fixture(scope="module")
def records(journal) -> list[Mapping[str, Any]]:
    store = SqliteStore(journal, identity="", read_only=True)
    found = list(all_records(store))
    store.close()
    return found


def cut(records, address: Address, *, shown: bool = False) -> Scenario:
    def records_of(one: Address):
        mine = [each for each in records if (each.get("entity"), each.get("id")) == one]
        return [{**record_to_json(each), "entity": one.entity, "id": one.id} for each in mine] if shown else mine

    return captured(records_of, address, name="what happened", found="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("shown", [False, True], ids=["as stored", "as the catalogue shows it"])
@pytest.mark.parametrize("address", [Address("Job", "j1"), Address("Job", "j2"), Address("Worker", "w2")])
def test_a_capture_is_a_run_and_ends_as_it_did(records, address: Address, shown: bool) -> None:
    scenario = cut(records, address, shown=shown)
    read = scenario_from_yaml(Source("a.yaml", scenario_to_yaml(scenario)))
    assert isinstance(read, Scenario), read
    again = rerun(table_of(JOBS), read)
    assert again.result is Result.PASSES, (again.because, scenario_to_yaml(scenario))
    assert again.steps == len(scenario.steps)


def test_it_holds_what_it_rests_on_and_nothing_else(records) -> None:
    refused = cut(records, Address("Job", "j2"))
    assert {step.address for step in refused.steps} == {
        Address("Job", "j1"),
        Address("Job", "j2"),
        Address("Worker", "w1"),
    }
    assert {step.address.id for step in cut(records, Address("Job", "j3")).steps} == {"j3", "w2"}


def test_another_version_ends_otherwise_and_says_so(records) -> None:
    scenario = cut(records, Address("Job", "j1"))
    other = table_of(JOBS.replace("set: {code: args.code}, to: ended", "set: {code: 9 - args.code}, to: ended"))
    again = rerun(other, scenario)
    assert (again.result, again.because) == (Result.ENDS_OTHERWISE, "`code` of Job j1 is 2, not 7")


def test_the_command_keeps_it_beside_the_blueprint(journal, tmp_path, capsys) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS, encoding="utf-8")
    words = ["capture", "Job", "j2", "--store", str(journal), "--into", str(tmp_path), "--name", "turned away"]
    assert main(words) == 0
    assert "kept as" in capsys.readouterr().out
    assert main(["corpus", str(tmp_path)]) == 0
    assert "turned away" in capsys.readouterr().out
    assert main(["capture", "Job", "nobody", "--store", str(journal), "--into", str(tmp_path)]) == 2
    assert main(["conform", str(tmp_path), "--journal", str(journal)]) == 0
    assert "is a behaviour of jobs" in capsys.readouterr().out
