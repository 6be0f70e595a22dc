"""Several workers find the very search that one finds: the same states in the same order, and all that follows."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from functools import cache

import pytest

from support.engines import differences, told, without_promises
from support.examples import EXAMPLES
from support.rules import RULES
from support.small import table_of
from temper.machine import TransitionTable, universe
from temper.pipeline import build
from temper.verify import Budget, Reductions, available, search
from temper.verify.available import bytes_text
from temper.verify.explicit import PlainSearch
from temper.verify.native import (
    NativeExploration,
    engine,
    halves,
    judged,
    kernel,
    search_natively,
    shortening,
    staff,
    together,
    widening,
)
from temper.verify.native import exploration as exploring
from temper.verify.native.crew import Crew

CREWS = [(2, 4_096), (2, 1), (3, 7), (16, 3)]
"""How many workers, and how many states each expands before it waits for the others."""


@cache
def table(example: str) -> TransitionTable:
    if example == "rules":
        return table_of(RULES)
    built = build(EXAMPLES / example, {"N": "5"} if example == "twophase" else {})
    assert built.table is not None
    return without_promises(built.table)


def explored(example: str, jobs: int = 1, slice_max: int = 4_096, budget: Budget | None = None) -> NativeExploration:
    found = table(example)
    exploration = NativeExploration(found, universe(found), levels=(0,), jobs=jobs, slice_max=slice_max)
    exploration.search(budget or Budget(seconds_max=600))
    return exploration


def everything(exploration: NativeExploration) -> tuple[object, ...]:
    """All that others ask of an exploration."""
    count = len(exploration.states)
    return (
        [exploration.memory.words_of(number) for number in range(count)],
        [exploration.memory.parent(number) for number in range(1, count, 1 + count // 20)],
        exploration.met,
        exploration.cuts,
        exploration.transitions,
    )


@cache
def expected(example: str) -> tuple[object, ...]:
    return everything(explored(example))


@pytest.mark.parametrize(("jobs", "slice_max"), CREWS)
@pytest.mark.parametrize("example", ["twophase", "orders", "rules"])
def test_the_search_is_the_same_for_every_number_of_workers(example: str, jobs: int, slice_max: int) -> None:
    exploration = explored(example, jobs, slice_max)
    assert everything(exploration) == expected(example)
    assert exploration.stopped == ""


@pytest.mark.parametrize("reserves", [True, False])
@pytest.mark.parametrize("example", ["twophase", "orders"])
def test_memory_grows_many_times_under_several_workers(
    example: str, reserves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the table lies, now and then in a tangle; and where addresses are not given, somewhere else."""
    monkeypatch.setattr(engine, "RESERVES", reserves)
    monkeypatch.setattr(kernel, "STRETCH", 16)
    monkeypatch.setattr(engine, "FIRST_SLOTS", 8)
    monkeypatch.setattr(engine, "QUEUE_FIRST", 512)
    monkeypatch.setattr(engine, "LOAD_GROWN", 0.7)
    monkeypatch.setattr(halves.Halves, "_limit", lambda self, node: self.set(node, "most", 2 * self.get(node, "count")))
    for exploration in (explored(example, 3, 5), explored(example, 1)):
        nodes = exploration.memory.halves.nodes
        assert all(exploration.memory.halves.get(node, "mask") > 1 << 14 for node in nodes)
        assert everything(exploration) == expected(example)


def test_workers_come_to_help_once_a_search_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 1_000)
    monkeypatch.setattr(exploring, "HARDER_AFTER_SECONDS", 0)
    monkeypatch.setattr(exploring, "processors", lambda: 2)
    found = table("twophase")
    exploration = NativeExploration(found, universe(found), levels=(0, 1))
    exploration.search(Budget())
    assert exploration.kernel.jobs == 2
    assert everything(exploration) == expected("twophase")


def test_verdicts_and_traces_are_the_same() -> None:
    found = table("orders")
    reports = [search_natively(found, universe=universe(found), levels=(0,), jobs=jobs) for jobs in (1, 2)]
    assert told(reports[0]) == told(reports[1])
    assert reports[0].findings == reports[1].findings


@pytest.mark.parametrize("example", ["twophase", "orders", "rules"])
def test_states_are_taken_together_by_several_workers_as_by_one(example: str) -> None:
    found = table(example)
    seen = []
    for jobs, slice_max in [(1, 1), (2, 5)]:
        exploration = NativeExploration(
            found, universe(found), levels=(0,), jobs=jobs, slice_max=slice_max, reductions=Reductions()
        )
        exploration.search(Budget())
        seen.append((everything(exploration), exploration.reduced()))
    assert seen[0] == seen[1]


# How it ends.


def test_too_many_states() -> None:
    report = judged(explored("twophase", 2, 10, Budget(states_max=100)))
    assert not report.search.complete
    assert any("budget: 100 states are not enough; " in str(finding.verdict) for finding in report.findings)


def test_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 10)
    report = judged(explored("twophase", 2, 10, Budget(seconds_max=0)))
    assert any("0 s are over" in str(finding.verdict) for finding in report.findings)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_memory_is_spent(jobs: int) -> None:
    """The table of the first states is there in any case; what it would take to grow is not given."""
    found = table("twophase")
    exploration = NativeExploration(found, universe(found), levels=(0,), jobs=jobs, bytes_max=60_000)
    exploration.memory._grow_table(600 // jobs)
    exploration.search(Budget())
    assert exploration.stopped.startswith("budget: 58.6 KiB of memory are not enough; ")
    assert exploration.memory.bytes_taken <= 60_000
    report = judged(exploration)
    assert not report.search.complete
    assert 100 < report.search.states < 8_832


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_memory_for_halves_is_spent(jobs: int) -> None:
    found = table("orders")
    exploration = NativeExploration(found, universe(found), levels=(0,), jobs=jobs, bytes_max=1, slice_max=2)
    for node in exploration.memory.halves.nodes:
        exploration.memory.halves.set(node, "most", 50)
    exploration.search(Budget())
    assert exploration.stopped.startswith("budget: 1 bytes of memory are not enough; ")
    assert not judged(exploration).search.complete


@pytest.mark.parametrize("jobs", [1, 2])
def test_promises_and_further_starts_are_judged_the_same(jobs: int) -> None:
    built = build(EXAMPLES / "orders")
    assert built.table is not None
    starts = tuple(explored("orders").states[number]._replace(effects=(), mail=()) for number in (40, 400, 900))
    found = search_natively(built.table, universe=universe(built.table), starts=starts, levels=(0,), jobs=jobs)
    plain = PlainSearch(built.table, universe(built.table))
    plain.go(Budget())
    plain.keep_promises(Budget())
    plain.go_on(starts, Budget())
    assert told(found) == told(plain.report(3))


def test_interrupted_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "PAUSE_STATES", 1_000)
    monkeypatch.setattr(exploring, "TELL_EVERY_SECONDS", 0)

    def ending(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    found = table("twophase")
    exploration = NativeExploration(found, universe(found), levels=(0,), jobs=2, slice_max=10)
    exploration.search(Budget(), ending)
    assert "interrupted" in exploration.stopped
    assert 1_000 < judged(exploration).search.states < 8_832


def test_a_crew_is_waited_for_and_its_mistakes_are_told() -> None:
    crew = Crew(3)
    assert crew.go(lambda me: me * me) == [0, 1, 4]

    def failing(me: int) -> int:
        if me == 1:
            raise ValueError("no")
        return me

    with pytest.raises(ValueError, match="no"):
        crew.go(failing)
    assert crew.go(lambda me: me) == [0, 1, 2]
    crew.leave()


def test_memory_and_workers_go_when_nobody_needs_them() -> None:
    exploration = explored("twophase", 2)
    memory, workers = weakref.ref(exploration.memory), exploration.memory.staff._crew
    assert workers is not None
    del exploration
    gc.collect()
    assert memory() is None
    for thread in workers.threads:
        thread.join(10)
        assert not thread.is_alive()


# What is broken is noticed.

Breaking = Callable[[pytest.MonkeyPatch], None]


def in_the_loop(before: str, after: str) -> Breaking:
    """The same in the one text of the loop of several workers that has it."""
    (at,) = (at for at, text in enumerate(together.TOGETHER) if before in text)
    texts = list(together.TOGETHER)
    assert texts[at].count(before) == 1
    texts[at] = texts[at].replace(before, after)
    return lambda patch: patch.setattr(kernel, "TOGETHER", tuple(texts))


def in_widening(before: str, after: str) -> Breaking:
    """The same in what makes a part of the table larger."""
    assert widening.WIDEN.count(before) == 1
    texts = (widening.TOUCH, widening.WIDEN.replace(before, after))
    return lambda patch: patch.setattr(kernel, "WIDENING", texts)


def in_method(owner: type, name: str, before: str, after: str) -> Breaking:
    """What a method writes, written otherwise."""
    original = getattr(owner, name)

    def writing(self: object, *args: object) -> object:
        found = original(self, *args)
        text = found if isinstance(found, str) else "\n".join(found)
        assert re.search(before, text), f"{before!r} is not written"
        changed = re.sub(before, after, text)
        return changed if isinstance(found, str) else changed.split("\n")

    return lambda patch: patch.setattr(owner, name, writing)


def hashed_by_first_word(patch: pytest.MonkeyPatch) -> None:
    of = shortening._mixed
    patch.setattr(shortening, "_mixed", lambda keys: of(keys).replace("ret i64 %hash", "ret i64 %a0"))


def compared_by_first_word(patch: pytest.MonkeyPatch) -> None:
    of = shortening._numbered
    patch.setattr(
        shortening, "_numbered", lambda keys: of(keys).replace("%equal = and i1 %e0, %e1", "%equal = and i1 %e0, %e0")
    )


def told_apart_by_first_word(patch: pytest.MonkeyPatch) -> None:
    hashed_by_first_word(patch)
    compared_by_first_word(patch)


BROKEN: dict[str, Breaking] = {
    "successors that others own are lost": in_the_loop(
        "%claimed.all = icmp eq i64 %s.n, $jobs", "%claimed.all = icmp eq i64 %s.n, 1"
    ),
    "the last successor of a slice is lost": in_the_loop(
        "%over = icmp eq i64 %i.n, %total", "%over = icmp uge i64 %i.n, 2"
    ),
    "successors go to somebody else than their owner": in_the_loop(
        "%owner = call i64 @spread(i64 %hash, i64 $jobs)", "%owner = and i64 0, $jobs"
    ),
    "what the last slice found is forgotten": in_the_loop(
        "call i64 @found_before(ptr %desks, i64 %tail.b, i64 $jobs)",
        "call i64 @found_before(ptr %desks, i64 %tail.b, i64 1)",
    ),
    "the second slice is left out": in_the_loop("%from.w = add i64 %head.b, %from.o", "%from.w = add i64 %head.b, 0"),
    "nobody looks at what is new": in_the_loop("call void @look(ptr %state, i64 %at.w, ptr %own)", ""),
    "what had no room is forgotten": in_the_loop("[0, %many], [1, %shorten]", "[0, %many], [0, %shorten]"),
    "only the first worker counts": lambda patch: patch.setattr(
        staff.Staff, "total", lambda self, name: staff.ctypes.c_uint64.from_address(self.part(name)).value
    ),
    "the first slots stay as they are when a part grows": in_widening(
        "%over = icmp eq i64 %end, 0", "%over = icmp ule i64 %end, 64"
    ),
    "states are put to the front of a larger part": in_widening(
        "%new = call i1 @probe(i64 %k.short, ptr %part, i64 %slots, i64 %k.home)",
        "%new = call i1 @probe(i64 %k.short, ptr %part, i64 %slots, i64 %begin)",
    ),
    "what grows is tangled": in_widening("icmp ult i64 %least.n, %begin", "icmp ult i64 %least.n, 0"),
    "a half that changed in its second word is taken for the known one": in_method(
        shortening.Tree, "_shorten", r"and i1 %s2, %s\d", "and i1 %s2, %s2"
    ),
    "halves are told apart by their first word alone": told_apart_by_first_word,
    "a half is looked for by its first word alone": hashed_by_first_word,
}
HARMLESS = {"a half is looked for by its first word alone"}
"""What makes it slower, and no more."""


def found(monkeypatch: pytest.MonkeyPatch) -> str:
    """What differs with two workers; memory is short, so that it grows on the way: much at a time, or little."""
    monkeypatch.setattr(engine, "FIRST_SLOTS", 8)
    try:
        for reserves, stretch, load in ((True, 64, 0.4), (True, 4, 0.7), (False, 64, 0.7)):
            monkeypatch.setattr(engine, "RESERVES", reserves)
            monkeypatch.setattr(kernel, "STRETCH", stretch)
            monkeypatch.setattr(engine, "LOAD_GROWN", load)
            monkeypatch.setattr(engine, "LOAD_WIDE", load)
            for example in ("orders", "rules"):
                if told := differences(table(example), jobs=2, slice_max=9):
                    return told
    except AssertionError as noticed:
        return str(noticed)
    return ""


def test_nothing_is_noticed_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch) == ""


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[broken](monkeypatch)
    assert (found(monkeypatch) == "") == (broken in HARMLESS)


def test_sizes_are_said_in_words() -> None:
    assert [bytes_text(size) for size in (5, 2_048, 3 << 20, 2 << 30)] == ["5 bytes", "2 KiB", "3 MiB", "2 GiB"]


def test_the_plain_search_stops_when_the_memory_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter(range(0, 1_000, 100))
    monkeypatch.setattr(available, "bytes_used", lambda: next(used))
    monkeypatch.setattr("temper.verify.explicit.exploration.TELL_EVERY_SECONDS", 0)
    found = table("twophase")
    report = search(found, universe=universe(found), budget=Budget(bytes_max=250))
    assert not report.search.complete
    assert any("budget: 250 bytes of memory are not enough; " in str(finding.verdict) for finding in report.findings)


def test_half_of_what_is_free_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "_available", lambda: 1 << 30)
    monkeypatch.setattr(available, "_group", lambda: [1 << 20])
    assert available.bytes_allowed() == 1 << 19
    monkeypatch.undo()
    assert available.bytes_allowed() > 0
