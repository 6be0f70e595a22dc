"""When the world fails: a full disk, a broken one, an end in the middle, a mistake of ours. Never a lost or silent call."""

from __future__ import annotations

import logging
import threading

import pytest

from support.faulty import FaultyStore
from support.serving import serving, table_of, uncertified
from support.tree import ROOT
from temper.run import MemoryStore
from temper.run.store.sqlite import SqliteStore

TEXT = """\
temper: 1
blueprint: notes
roles: [writer]
entities:
  Note:
    data: {text: str}
    states: [kept]
    waits: [kept]
    actions:
      keep: {by: writer, params: {text: str}, from: new, set: {text: args.text}, to: kept}
"""
PEOPLE = (("ann", ("writer",)),)


def keep(running, id_: str, text: str = "x"):
    return running.ask("ann", "call", {"text": text}, entity="Note", id=id_, action="keep")


def test_a_full_disk_takes_no_calls_and_recovers_when_there_is_room(tmp_path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite", identity="test")
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE, store=store) as running:
        keep(running, "n0")
        running.run(_limit(store, 1))
        kept = 0
        problem = None
        for number in range(1, 200):
            try:
                keep(running, f"n{number}", "y" * 2_000)
                kept = number
            except Exception as wrong:  # noqa: BLE001 - looked at below
                problem = wrong
                break
        assert getattr(problem, "code", None) == "storage-full", problem
        assert getattr(problem, "status", None) == 503
        assert running.ask("ann", "health")["status"] == "storage-full"
        assert running.ask("ann", "get", entity="Note", id="n0")["state"] == "kept", "reads go on"
        assert running.problem("ann", "get", entity="Note", id=f"n{kept + 1}").code == "unknown-instance"
        running.run(_limit(store, 100_000))
        running.advance(60_000)
        assert keep(running, f"n{kept + 1}")["seq"] == 1
        assert running.ask("ann", "health")["status"] == "good"


async def _limit(store: SqliteStore, pages: int) -> None:
    store.limit_pages(pages)


def test_a_failing_disk_says_that_nothing_changed(tmp_path) -> None:
    store = FaultyStore(MemoryStore(), lambda write: "before" if write == 2 else "")
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE, store=store) as running:
        problem = running.problem("ann", "call", {"text": "x"}, entity="Note", id="n1", action="keep")
        assert (problem.code, problem.status) == ("store-failed", 503)
        running.advance(60_000)
        assert running.problem("ann", "get", entity="Note", id="n1").code == "unknown-instance"
        assert keep(running, "n1")["seq"] == 1


def test_a_runtime_that_closes_takes_no_calls(tmp_path) -> None:
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE) as running:
        keep(running, "n1")
        running.run(running.runtime._driver.close())
        problem = running.problem("ann", "call", {"text": "x"}, entity="Note", id="n2", action="keep")
        assert (problem.code, problem.status) == ("shutting-down", 503)


def test_a_mistake_of_ours_is_said_without_its_insides(tmp_path, monkeypatch, caplog) -> None:
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE) as running:
        monkeypatch.setattr(running.runtime, "read", lambda *_: 1 // 0)
        with caplog.at_level(logging.CRITICAL, "temper.serve"):
            problem = running.problem("ann", "get", entity="Note", id="n1")
        assert (problem.code, problem.status) == ("internal-error", 500)
        assert "ZeroDivision" not in str(problem.facts) + problem.detail
        page = (ROOT / "docs" / "diagnostics" / "internal-error.md").read_text(encoding="utf-8")
        assert problem.detail in page


def test_many_callers_at_once_lose_nothing(tmp_path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite", identity="test")
    failed: list[BaseException] = []
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE, store=store) as running:

        def work(worker: int) -> None:
            try:
                for number in range(20):
                    keep(running, f"w{worker}-{number}")
            except BaseException as wrong:  # noqa: BLE001 - looked at below
                failed.append(wrong)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        page = running.ask("ann", "list", entity="Note", limit="1000")
        assert len(page["instances"]) == 160
        assert running.runtime.first_broken_record() is None


def test_of_many_who_want_one_id_one_gets_it(tmp_path) -> None:
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE) as running:
        ends: list[str] = []

        def work() -> None:
            try:
                keep(running, "n1")
                ends.append("applied")
            except Exception as wrong:  # noqa: BLE001 - looked at below
                ends.append(getattr(wrong, "code", repr(wrong)))

        threads = [threading.Thread(target=work) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["applied", *["wrong-state"] * 9]


@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_a_huge_body_is_not_read_to_its_end(tmp_path, size) -> None:
    with serving(uncertified(table_of(TEXT)), tmp_path, principals=PEOPLE) as running:
        problem = running.problem("ann", "call", {"text": "x" * size}, entity="Note", id="n1", action="keep")
        assert (problem.code, problem.status) == ("body-too-large", 413)
        assert running.problem("ann", "get", entity="Note", id="n1").code == "unknown-instance"
