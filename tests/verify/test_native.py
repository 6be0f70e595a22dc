"""The native search as users meet it: where it takes over, where it stops, what it says when it does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.engines import told
from support.examples import EXAMPLES
from support.small import table_of
from temper.machine import System, TransitionTable, Unknown, relation, universe
from temper.pipeline import build
from temper.verify import NO_REDUCTIONS, Budget, certify, exhaustive, search
from temper.verify.exhaustive import exhaust
from temper.verify.native import NativeExploration, Unsupported, engine, judged, search_natively
from temper.verify.native import exploration as exploring


def twophase(nodes: int) -> TransitionTable:
    built = build(EXAMPLES / "twophase", {"N": str(nodes)})
    assert built.table is not None
    return built.table


def explored(table: TransitionTable, budget: Budget | None = None) -> NativeExploration:
    exploration = NativeExploration(table, universe(table), levels=(0,))
    exploration.search(budget or Budget())
    return exploration


def test_states_are_numbered_in_the_order_of_discovery_and_runs_are_shortest() -> None:
    exploration = explored(twophase(3))
    lengths = [len(exploration.run(number)) for number in range(len(exploration.states))]
    assert lengths == sorted(lengths)
    assert exploration.states[0] == relation(twophase(3), universe(twophase(3))).start()


def test_every_run_is_a_run() -> None:
    exploration = explored(twophase(3))
    path, run = exploration.path(len(exploration.states) - 1), exploration.run(len(exploration.states) - 1)
    assert [step.system for step in run] == list(path[1:])


def test_coding_gives_back_every_system() -> None:
    exploration = explored(twophase(3))
    coding = exploring.Coding(exploration.rules.layout)
    seen: set[tuple[int, ...]] = set()
    for state in exploration.states:
        assert coding.decode(coding.encode(state)) == state
        seen.add(coding.encode(state))
    assert len(seen) == 288


def test_it_stops_at_too_many_states_and_says_so() -> None:
    report = judged(explored(twophase(5), Budget(states_max=100)))
    assert not report.search.complete
    verdicts = {finding.name: finding.verdict for finding in report.findings}
    assert isinstance(verdicts["all_decide_alike"], Unknown)
    assert verdicts["all_decide_alike"].because.startswith("budget: 100 states are not enough; ")


def test_it_stops_when_the_time_is_over_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 10)
    report = judged(explored(twophase(5), Budget(seconds_max=0)))
    assert not report.search.complete
    assert any("0 s are over" in str(finding.verdict) for finding in report.findings)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 1_000)
    monkeypatch.setattr(exploring, "TELL_EVERY_SECONDS", 0)
    seen: list[tuple[int, int]] = []
    exploration = NativeExploration(twophase(5), universe(twophase(5)), levels=(0,))
    exploration.search(Budget(), lambda states, transitions, _, **__: seen.append((states, transitions)))
    assert seen == sorted(seen)
    assert len(seen) > 2


def test_harder_code_goes_on_where_the_first_one_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 1_000)
    monkeypatch.setattr(exploring, "HARDER_AFTER_SECONDS", 0)
    table = twophase(5)
    switched = search_natively(table, universe=universe(table), levels=(0, 1))
    assert told(switched) == told(search_natively(table, universe=universe(table), levels=(0,)))
    assert (switched.search.states, switched.search.transitions) == (8_832, 58_145)


def test_memory_grows_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_SLOTS", 16)
    monkeypatch.setattr(engine, "QUEUE_FIRST", 512)
    table = twophase(5)
    assert search_natively(table, universe=universe(table), levels=(0,)).search.states == 8_832


@pytest.mark.parametrize(("raised", "said"), [(KeyboardInterrupt, "interrupted"), (MemoryError, "no more memory")])
def test_what_was_seen_is_told_however_it_ends(
    raised: type[BaseException], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 1_000)
    monkeypatch.setattr(exploring, "TELL_EVERY_SECONDS", 0)

    def ending(*_: object, **__: object) -> None:
        raise raised

    exploration = NativeExploration(twophase(5), universe(twophase(5)), levels=(0,))
    exploration.search(Budget(), ending)
    assert said in exploration.stopped
    report = judged(exploration)
    assert 1_000 < report.search.states < 8_832
    assert not report.search.complete


def test_a_search_that_is_interrupted_does_not_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temper.verify.explicit.exploration.TELL_EVERY_SECONDS", 0)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    table = twophase(4)
    report = exhaust(table, universe=universe(table), progress=interrupt)
    assert report.search.states < 500
    assert not report.search.complete


def test_a_large_search_goes_native_and_a_small_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refusing(table: TransitionTable, **_: object) -> None:
        asked.append(table.blueprint)
        raise Unsupported("anything")

    monkeypatch.setattr("temper.verify.native.search_natively", refusing)
    monkeypatch.setattr(exhaustive, "WORTH_SAYING", 1_000)
    small, large = twophase(3), twophase(4)
    assert exhaust(small, universe=universe(small)).search.states == 288
    assert asked == []
    report = exhaust(large, universe=universe(large), reductions=NO_REDUCTIONS)
    assert asked == ["twophase"]
    assert report.notes[-1] == "searched in Python: native code does not take on anything"
    assert told(report) | {"notes": ()} == told(search(large, universe=universe(large))) | {"notes": ()}


def test_symmetry_waits_until_a_search_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise Unsupported("anything")

    monkeypatch.setattr("temper.verify.native.search_natively", refusing)
    small, large = twophase(3), twophase(4)
    assert exhaust(small, universe=universe(small)).search.reduced == ()
    summary = exhaust(large, universe=universe(large)).search
    assert summary.reduced == (("symmetry", "int[1, 4] 1, 2, 3 and 4 are alike"),)
    assert (summary.states, summary.stand_for, summary.complete) == (166, 1_568, True)


def test_live_images_are_left_to_the_plain_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 10)
    monkeypatch.setattr(exhaustive, "WORTH_SAYING", 10)
    table = twophase(3)
    begin: System = relation(table, universe(table)).start()
    report = exhaust(table, universe=universe(table), starts=(begin,))
    assert "searched in Python: native code does not take on runs that begin with live instances" in report.notes
    assert report.search.states == 288


POLICED = """
temper: 1
blueprint: policed
roles: [chief]
entities:
  Door:
    data: {}
    states: [shut, ajar]
    waits: [shut, ajar]
    actions:
      make: {by: chief, from: new, to: shut}
      pull: {by: chief, from: shut, to: ajar}
"""


def test_policies_are_refused_aloud() -> None:
    from dataclasses import replace

    table = replace(table_of(POLICED), policies=(("a.cedar", "forbid(principal, action, resource);"),))
    with pytest.raises(Unsupported, match="policies"):
        NativeExploration(table, universe(table))


def test_promises_are_left_to_the_plain_search() -> None:
    built = build(EXAMPLES / "orders")
    assert built.table is not None
    with pytest.raises(Unsupported, match="eventually"):
        NativeExploration(built.table, universe(built.table))


def test_a_check_does_not_import_the_compiler() -> None:
    """Heavy guests come when they are needed: verifying what is small needs none."""
    script = (
        "import sys; from pathlib import Path; from temper.pipeline import build, certify;"
        f"certify(build(Path({str(EXAMPLES / 'twophase')!r})).table);"
        "print([name for name in sys.modules if 'llvm' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_certificate_names_the_compiler_that_had_a_say() -> None:
    assert [name for name, _ in certify(twophase(3)).made_with] == ["temper", "python"]
    assert [name for name, _ in certify(twophase(4)).made_with] == ["temper", "llvmlite", "python"]
