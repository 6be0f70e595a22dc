"""Promises proved by ranking: what is said of them, and that neither traps nor a wrong ranking prove what is refuted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.examples import EXAMPLES, Mutant, mutants
from support.small import findings_of, table_of
from temper.machine import Property, PropertyKind, Proved, Refuted, TransitionTable, Unknown, Verdict, universe
from temper.pipeline import Read, build, build_read, read
from temper.report import Diagnostic, Source
from temper.verify import search
from temper.verify.symbolic import acting, counting, draft, outline, ranking
from temper.verify.symbolic.acting import Acting
from temper.verify.symbolic.draft import Draft
from temper.verify.symbolic.outline import Outlines
from temper.verify.symbolic.ranking import _Ranking, rank

EVENTUALLY = PropertyKind.EVENTUALLY
TRAPS = sorted((Path(__file__).parent / "traps").glob("*.yaml"))
PROPERTY = re.compile(r"^  (\w+): \{.*\} +# (\w+)", re.MULTILINE)

PROVED = {
    ("deploy", "reverting_ends"): "by ranking: from `reverting` as `shift_traffic` is settled, at last as `shifted`; "
    "down to `d.state == rolled_back`",
    ("access", "revoked_in_the_end"): "by ranking: from `active` as `time_over` fires; "
    "from `revoking` as `set_membership` is settled, at last as `done`; down to `g.state == ended`",
    ("queue", "every_job_ends"): "by ranking: from `leased` as `lease_over` fires; "
    "down to `j.state in {queued, done, given_up}`",
    ("orders", "paid_in_vain_goes_back"): "by ranking: from `cancelled` with `payment` `charged` as what is pending "
    "comes; from `cancelled` with `payment` `refunding` as `refund` is settled, at last as `refunded`; "
    "down to `o.payment != None and o.payment.state == refunded`",
}


def promise_of(table: TransitionTable, name: str) -> Property:
    return next(each for each in table.properties if each.name == name)


def trap(name: str) -> TransitionTable:
    return table_of((Path(__file__).parent / "traps" / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("example", "name"), PROVED)
def test_promises_of_the_examples_are_proved(example: str, name: str) -> None:
    built = build(EXAMPLES / example)
    assert built.table is not None
    promise = promise_of(built.table, name)
    assert rank(built.table, promise, 10) == Proved(PROVED[example, name])
    if promise.assuming:
        assert isinstance(rank(built.table, replace(promise, assuming=()), 10), Unknown)


def verdicts() -> dict[tuple[str, str], Verdict]:
    """What ranking says of every promise in the traps that is refuted."""
    found = {}
    for path in TRAPS:
        text = path.read_text(encoding="utf-8")
        table, right = table_of(text), dict(PROPERTY.findall(text))
        for promise in table.properties:
            if promise.kind is PropertyKind.EVENTUALLY and right[promise.name] == "refuted":
                found[path.stem, promise.name] = rank(table, promise, 10)
    return found


def test_no_trap_is_proved_that_is_refuted() -> None:
    found = verdicts()
    assert len(found) > 35
    assert [name for name, verdict in found.items() if isinstance(verdict, Proved)] == []


def test_many_a_trap_is_proved_that_is_exhausted() -> None:
    proved = 0
    for path in TRAPS:
        table = table_of(path.read_text(encoding="utf-8"))
        proved += sum(isinstance(rank(table, each, 10), Proved) for each in table.properties if each.kind is EVENTUALLY)
    assert proved >= 19


BREAKING = [mutant for mutant in mutants() if (mutant.example, mutant.caught) in PROVED]


@pytest.mark.parametrize("mutant", BREAKING, ids=lambda mutant: f"{mutant.example}/{mutant.name}")
def test_a_promise_that_a_mutant_breaks_is_not_proved(mutant: Mutant) -> None:
    found = read(EXAMPLES / mutant.example)
    assert not isinstance(found, Diagnostic), found
    built = build_read(Read(Source(found.source.path, mutant.text(found.source.text)), found.policies))
    assert built.table is not None, built.diagnostics
    assert isinstance(rank(built.table, promise_of(built.table, mutant.caught), 10), Unknown)


# A wrong ranking proves what search refutes.

SMALL = """
temper: 1
blueprint: small
properties:
  ends: {{for: j in Job, whenever: j.state == {premise}, eventually: j.state == done}}
roles: [clerk]
effects:
  work: {{outcomes: {{ok: {{}}}}, delivery: idempotent, timeout: 1s}}
entities:
  Job:
    single: true
    data: {{flag: bool}}
    states: [idle, busy, half, paused, stuck, done]
    final: [done]
    waits: [idle, busy, half, paused, stuck]
    actions:
      start: {{by: clerk, from: idle, to: busy{started}}}
      finish: {{from: {finish_from}, {finish}}}
      hang: {{from: [busy, half]{hang}, to: stuck}}
{more}
    timers:
      limit: {{in: {timed}, after: 1s, do: {target}}}
  Boss:
    single: true
    states: [shut, gone]
    waits: [shut, gone]
    actions:
      order: {{by: clerk, from: shut, to: gone{ordered}}}
      hear: {{from: gone, to: shut}}
scope: {{principals: {{ann: [clerk]}}, in_flight: 2}}
"""
USUAL = {
    "premise": "busy",
    "started": "",
    "finish_from": "busy",
    "finish": "to: done",
    "hang": "",
    "more": "",
    "timed": "[busy]",
    "target": "[finish, ignore]",
    "ordered": "",
}
HANGING = {
    "two at once": {
        "premise": "half",
        "finish_from": "half",
        "timed": "[half]",
        "more": """      poke: {by: clerk, from: idle, send: [{to: self, action: note, refused: ignore}]}
      note: {from: [busy, half], cases: [{when: state == busy, to: half}, {to: stuck}]}""",
    },
    "a message of somebody else": {"ordered": ", send: [{to: Job, action: hang, refused: ignore}]"},
    "an answer that is lost": {
        "started": ", do: [{effect: work, with: {}, then: {ok: finish, unknown: hang}}]",
        "timed": "[idle]",
    },
    "a condition that may hold": {
        "more": "      mark: {by: clerk, from: idle, set: {flag: True}}",
        "hang": ", when: flag",
        "target": "[hang, finish, ignore]",
    },
    "a case that may not fit": {
        "finish": "cases: [{when: flag, to: done}, {to: stuck}]",
        "more": "      mark: {by: clerk, from: idle, set: {flag: True}}",
    },
    "a refusal": {"started": ", send: [{to: Boss, action: hear, refused: [hang, ignore]}]"},
    "a timer that was left": {
        "premise": "paused",
        "finish_from": "[busy, paused]",
        "more": "      pause: {by: clerk, from: busy, to: paused}",
    },
    "a timer that went off before": {
        "premise": "half",
        "finish_from": "half",
        "timed": "[busy, half]",
        "target": "[finish, move, ignore]",
        "more": "      move: {from: busy, to: half}",
    },
}
"""Jobs that may hang. None is proved to end."""


def hanging(why: str) -> TransitionTable:
    return table_of(SMALL.format(**USUAL | HANGING[why]))


@pytest.mark.parametrize("why", HANGING)
def test_a_job_that_may_hang_is_not_proved_to_end(why: str) -> None:
    table = hanging(why)
    found = findings_of(search(table, universe=universe(table)))["ends"].verdict
    assert isinstance(found, Refuted), found
    assert isinstance(rank(table, promise_of(table, "ends"), 10), Unknown)


COUNTING = """
temper: 1
blueprint: counting
properties:
  ends: {for: j in Job, whenever: j.state == busy, eventually: j.state == done}
roles: [clerk]
types: {Tries: "int[0, 40]"}
effects:
  work: {outcomes: {ok: {}}, delivery: idempotent, timeout: 1s}
entities:
  Job:
    data: {tries: Tries, left: Tries}
    states: [idle, busy, done]
    final: [done]
    waits: [idle]
    actions:
      open: {by: clerk, from: new, set: {left: 40}, to: idle}
      start: {by: clerk, from: idle, to: busy, do: [{effect: work, with: {}, then: {ok: finish, unknown: [retry, finish]}}]}
      retry:
        from: busy
        when: tries < 40
        set: {CHANGE}
        do: [{effect: work, with: {}, then: {ok: finish, unknown: [retry, finish]}}]
      finish: {from: busy, to: done}
      MORE
scope: {instances: {Job: 1}, principals: {ann: [clerk]}}
"""


@pytest.mark.parametrize(
    ("change", "more", "is_proved"),
    [
        ("tries: tries + 1", "", True),
        ("tries: 1 + tries", "", True),
        ("left: left - 2", "", True),
        ("left: left - 2, tries: tries + 1", "", True),
        ("tries: tries + 1 if left == 3 else tries + 2", "", True),
        ("tries: tries", "", False),
        ("tries: tries + 1 if left == 3 else tries", "", False),
        ("tries: tries + 1", "forget: {by: clerk, from: busy, set: {tries: 0}}", False),
        ("tries: tries + 1", "forget: {by: clerk, from: busy, set: {tries: tries - 1}}", False),
        ("tries: tries + 1", "forget: {by: clerk, from: busy, set: {tries: tries + 1}}", True),
        ("tries: tries + 1", "forget: {by: clerk, from: busy, set: {left: 0}}", True),
        ("tries: left", "", False),
        ("tries: 40 - tries", "", False),
    ],
)
def test_what_is_counted_within_a_range_comes_to_an_end(change: str, more: str, is_proved: bool) -> None:
    table = table_of(COUNTING.replace("CHANGE", change).replace("MORE", more))
    verdict = rank(table, promise_of(table, "ends"), 10)
    assert isinstance(verdict, Proved) == is_proved
    assert verdict.because.endswith(", as no number in a range rises or falls for ever") == is_proved


def counting_to(change: str) -> TransitionTable:
    return table_of(COUNTING.replace("CHANGE", change).replace("MORE", ""))


def test_what_is_counted_without_a_range_may_go_on_for_ever() -> None:
    table = table_of(COUNTING.replace('"int[0, 40]"', "int").replace("CHANGE", "tries: tries + 1").replace("MORE", ""))
    assert isinstance(rank(table, promise_of(table, "ends"), 10), Unknown)


@pytest.mark.parametrize(
    ("name", "wrong", "change"),
    [
        ("SOMEHOW", counting.Span(1, 1), "tries: left"),
        ("KEPT", counting.Span(1, 1), "tries: tries"),
        ("_moved", lambda span, by, sign: span.plus(counting.Span(1, 1)), "tries: tries + 0"),
    ],
)
def test_a_wrong_count_is_noticed(name: str, wrong: object, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = counting_to(change)
    promise = promise_of(table, "ends")
    assert isinstance(rank(table, promise, 10), Unknown)
    monkeypatch.setattr(counting, name, wrong)
    assert isinstance(rank(table, promise, 10), Proved)


def test_a_job_that_cannot_hang_is_proved_to_end() -> None:
    table = table_of(SMALL.format(**USUAL))
    assert isinstance(rank(table, promise_of(table, "ends"), 10), Proved)


Breaking = Callable[[pytest.MonkeyPatch], None]


def instead(owner: object, name: str, change: Callable[..., Callable[..., object]]) -> Breaking:
    """What stands there, changed."""
    return lambda patch: patch.setattr(owner, name, change(getattr(owner, name)))


def unpaid(of: Callable[..., Iterator[Draft]]) -> Callable[..., Iterator[Draft]]:
    return lambda self, *given: (replace(each, paid=self.paid) for each in of(self, *given))


def kept_armed(of: Callable[..., Iterator[Draft]]) -> Callable[..., Iterator[Draft]]:
    def fired(self: Outlines, draft: Draft, number: int) -> Iterator[Draft]:
        for each in of(self, draft, number):
            timers = tuple(dict.fromkeys((*each.stands[number].timers, *draft.stands[number].timers)))
            yield each.standing(number, each.stands[number]._replace(timers=timers))

    return fired


def fired_unpaid(of: Callable[..., Iterator[Draft]]) -> Callable[..., Iterator[Draft]]:
    return lambda self, draft, number: (replace(each, paid=draft.paid) for each in of(self, draft, number))


BROKEN: dict[str, tuple[Breaking, str]] = {
    "what is taken stays owed": (instead(Draft, "taking", unpaid), "asks-again-for-ever.ends"),
    "what is withdrawn stays owed": (
        instead(Draft, "withdrawing", lambda of: lambda self, *given: replace(of(self, *given), paid=self.paid)),
        "replaced-again-and-again.ends",
    ),
    "a timer that fires stays owed": (instead(Outlines, "_fired", fired_unpaid), "no-delay-at-all.ends"),
    "a timer that is armed anew stays owed": (
        instead(
            acting._Taking,
            "_handed_on",
            lambda of: lambda self, draft, *g: of(self, replace(draft, paid=self.draft.paid), *g),
        ),
        "timer-restarted-while-moving.ends",
    ),
    "many are one": (instead(draft, "MANYFOLD", lambda _: 1), "two at once"),
    "nobody else sends anything": (
        instead(Outlines, "_from_others", lambda _: lambda *_: frozenset()),
        "a message of somebody else",
    ),
    "nobody calls anything": (instead(Outlines, "_called", lambda _: lambda *_: iter(())), "stuttering.shuts"),
    "nothing is rejected": (
        instead(Acting, "take", lambda of: lambda *given: of(*given)._replace(may_reject=False)),
        "spawn-refused.greeted",
    ),
    "there is always an answer": (instead(outline, "UNKNOWN", lambda _: "ok"), "an answer that is lost"),
    "what may be met is met": (
        instead(ranking, "truth", lambda of: lambda *given: of(*given) - {False} or of(*given)),
        "constructor-is-called.any_job",
    ),
    "what may hold does not": (
        instead(acting, "truth", lambda of: lambda *given: of(*given) - {True} or of(*given)),
        "a condition that may hold",
    ),
    "what may hold does": (
        instead(acting, "truth", lambda of: lambda *given: of(*given) - {False} or of(*given)),
        "a case that may not fit",
    ),
    "nothing is refused": (
        instead(Outlines, "_delivered", lambda of: lambda *given: [*of(*given)][:1]),
        "a refusal",
    ),
    "timers stay armed": (
        instead(acting._Taking, "_timers", lambda _: lambda self, _, armed: (*self.stand.timers, *armed)),
        "a timer that was left",
    ),
    "timers that fire stay armed": (instead(Outlines, "_fired", kept_armed), "a timer that went off before"),
    "every outcome is assumed": (
        instead(
            _Ranking,
            "_insisted",
            lambda _: lambda _, move: [move.settled._replace(outcome="?")] if move.settled else [],
        ),
        "outcome-of-each-site.ends_unassumed",
    ),
    "outcomes of one effect are assumed of all": (
        instead(
            _Ranking,
            "_insisted",
            lambda _: (
                lambda self, move: [
                    move.settled._replace(outcome=outcome) for _, outcome in self.property.assuming if move.settled
                ]
            ),
        ),
        "two-assumptions-needed.only_ping",
    ),
    "nothing is owed but where it is asked for": (
        instead(_Ranking, "_owing", lambda _: lambda self, nodes: {n for n in nodes if self.seen[n].is_asked}),
        "timer-disarmed-and-armed.ends",
    ),
    "no run stands still": (
        instead(ranking, "fair_components", lambda of: lambda *g, **k: (c for c in of(*g, **k) if len(c.states) > 1)),
        "final-is-not-the-goal.paid",
    ),
    "no run goes round": (
        instead(ranking, "fair_components", lambda of: lambda *g, **k: (c for c in of(*g, **k) if len(c.states) == 1)),
        "goal-left-again.stays",
    ),
}
"""Wrong rankings, and a promise that is broken and that each would prove."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_ranking_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks, where = BROKEN[broken]
    name, _, promise = where.partition(".")
    table = trap(name) if promise else hanging(name)
    breaks(monkeypatch)
    assert isinstance(rank(table, promise_of(table, promise or "ends"), 10), Proved)
