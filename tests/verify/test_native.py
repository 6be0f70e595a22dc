"""The native search as users meet it: where it takes over, where it stops, what it says when it does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.engines import told
from support.examples import EXAMPLES
from support.small import table_of
from temper.machine import Address, Exhausted, System, TransitionTable, Unknown, absent, relation, universe
from temper.pipeline import build
from temper.verify import NO_REDUCTIONS, Budget, certify, exhaustive, search
from temper.verify.exhaustive import exhaust
from temper.verify.explicit import PlainSearch
from temper.verify.native import NativeExploration, Unsupported, engine, ground, judged, search_natively
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


def test_runs_go_on_from_live_images_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live image far from where it all begins: from there the search sees more, and shows nothing possible."""
    table = table_of(COUNTING)
    within = universe(table)
    live = tuple(counting(table, number) for number in (7, 5, 9))
    expected = search(table, universe=within, starts=live)
    assert told(search_natively(table, universe=within, starts=live, levels=(0,))) == told(expected)
    assert expected.search.states > search(table, universe=within).search.states
    assert any("from 3 more beginnings" in note for note in expected.notes)
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 5)
    report = exhaust(table, universe=within, starts=live)
    assert report.guests == ("llvmlite",)
    assert told(report) == told(expected)


def test_what_lives_beyond_the_words_is_searched_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(COUNTING)
    within = universe(table)
    elsewhere = counting(table, 7)
    stranger = elsewhere.cells[0]._replace(id="c9")
    live = (elsewhere._replace(cells=(*elsewhere.cells, stranger)),)
    with pytest.raises(Unsupported, match="what lives beyond its words"):
        NativeExploration(table, within, starts=live)
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 5)
    monkeypatch.setattr(exhaustive, "WORTH_SAYING", 5)
    report = exhaust(table, universe=within, starts=live)
    assert report.notes[-1].endswith("does not take on what lives beyond its words")
    assert told(report) | {"notes": ()} == told(search(table, universe=within, starts=live)) | {"notes": ()}


def test_layers_are_told_as_the_plain_search_tells_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 100)
    monkeypatch.setattr(exploring, "TELL_EVERY_SECONDS", 0)
    table = twophase(4)
    told_layers: list[tuple[int, ...]] = []
    native = NativeExploration(table, universe(table), levels=(0,))
    native.search(Budget(), lambda *_, layers=(), **__: told_layers.append(tuple(layers)))
    plain = PlainSearch(table, universe(table))
    plain.go(Budget())
    assert native.layers == plain.exploration.layers
    assert all(layers == tuple(native.layers)[: len(layers)] for layers in told_layers)
    assert len(set(told_layers)) > 3
    assert [native.depth(at) for at in range(1_000)] == [len(native.run(at)) for at in range(1_000)]


COUNTING = """
temper: 1
blueprint: counting
types: {Number: "int[0, 9]"}
properties:
  small: {for: c in Counter, always: c.number <= 8}
  at_nine: {for: c in Counter, possible: c.number == 9}
  by_one: {for: c in Counter, on: Counter.add, step: after.number == before.number + 1}
  is_shut: {for: c in Counter, whenever: c.state == open, eventually: c.state == shut}
roles: [chief]
entities:
  Counter:
    data: {number: Number}
    states: [open, shut]
    waits: [open, shut]
    actions:
      make: {by: chief, from: new, to: open}
      add: {by: chief, from: open, when: number != 4, set: {number: number + 1}}
      shut: {by: chief, from: open, to: shut}
      open: {by: chief, from: shut, to: open}
scope: {instances: {Counter: 2}, principals: {ann: [chief]}}
"""


def counting(table: TransitionTable, number: int) -> System:
    """A system with one counter that stands at that number."""
    cell = absent(table, Address("Counter", "c1"))._replace(control="open", data=(number,))
    return System((cell,))


def test_promises_are_decided_natively_within_their_time() -> None:
    """Where there is no time left for them, they alone are unknown."""
    built = build(EXAMPLES / "orders")
    assert built.table is not None
    exploration = explored(built.table)
    assert told(judged(exploration)) == told(search(built.table, universe=universe(built.table)))
    late = {finding.name: finding.verdict for finding in judged(exploration, Budget(seconds_max=0)).findings}
    promise, invariant = late["paid_in_vain_goes_back"], late["nothing_ships_unpaid"]
    assert promise == Unknown("budget: 0 s are over, while looking for a run that never gets there")
    assert isinstance(invariant, Exhausted)


def test_promises_may_need_more_memory_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "STEP_BYTES", 1 << 50)
    built = build(EXAMPLES / "orders")
    assert built.table is not None
    report = search_natively(built.table, universe=universe(built.table), levels=(0,))
    promise = next(f.verdict for f in report.findings if f.name == "paid_in_vain_goes_back")
    assert promise == Unknown("budget: there is no more memory, while looking for a run that never gets there")


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
    assert [name for name, _ in certify(twophase(3)).made_with] == ["temper", "verifiers", "python"]
    assert [name for name, _ in certify(twophase(4)).made_with] == ["temper", "verifiers", "llvmlite", "python"]
