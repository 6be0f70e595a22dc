"""Lowering writes shorthand out: what a row is, and what order things come in."""

from __future__ import annotations

import pytest

from support.tree import ROOT
from temper.language import check, lower, parse
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    NEW,
    PRINCIPAL,
    EnumType,
    Gate,
    IntType,
    MapType,
    OptionType,
    RefType,
    Request,
    Retry,
    Send,
    Spawn,
    TransitionTable,
    table_hash,
    text,
)
from temper.report import Source

TEXT = """
temper: 1
blueprint: workshop
doc: Where things are made.
roles: [boss]
types: {Mood: [calm, angry], Small: "int[0, N]"}
constants: {N: 3, LEASE: 30s}
effects:
  ring:
    params: {times: Small}
    outcomes: {rung: {at_level: int = Tower.level}, broken: {}}
    delivery: keyed
    fenced: true
    performs: {call: Tower.chime, with: {by_level: times}, surely: [broken]}
    retry: {attempts: N, cap: LEASE}
  knock: {outcomes: {}, delivery: at_most_once}
entities:
  Job:
    doc: One piece of work.
    data: {count: int, boss: principal, child: Job | None, votes: "map[Mood, bool]", small: Small = N}
    states: [open, shut, gone]
    final: [gone]
    waits: [shut, open]
    actions:
      make: {by: boss, from: new, set: {boss: caller}, to: open}
      grow: {params: {boss: principal}, from: new, set: {boss: args.boss}, to: open}
      work:
        by: boss
        params: {n: Small}
        from: any
        when: args.n > 0
        set: {count: count + args.n, "votes[calm]": True}
        to: shut
        do: [{effect: ring, with: {times: args.n}, replaces: true, then: {unknown: again, broken: [bad, ignore], rung: ignore}}]
        send: [{to: self, action: tick, with: {n: 1}, refused: ignore}]
        spawn: [{entity: Job, action: grow, with: [boss], as: child, refused: ignore}]
        restart: [soon]
        cases:
          - {when: count > 3, to: open, restart: [late, soon], send: [{to: child, action: bad, refused: again}]}
          - {set: {count: 0}}
      tick: {params: {n: int}, from: [shut, open]}
      bad: {from: any, to: gone}
      idle: {by: boss, from: open}
    timers:
      soon: {in: [shut, open], after: LEASE * 2, do: [bad, ignore]}
      late: {in: shut, after: 1h, do: bad}
  Tower:
    world: true
    data: {level: int}
    states: [up]
    actions:
      chime: {params: {by_level: int}, from: up, set: {level: level + args.by_level}}
      sway: {by: environment, from: up}
properties:
  counted: {for: j in Job, whenever: j.state == shut, always: j.count >= 0}
scope: {instances: {Job: N}, values: {str: [a, "'b'"]}}
"""


def lowered(written: str = TEXT, **constants: str) -> TransitionTable:
    tree, found = parse(Source("workshop.yaml", written))
    assert tree is not None, found
    blueprint, found = check(tree, constants)
    assert blueprint is not None, [one.message for one in found]
    return lower(blueprint)


TABLE = lowered()
JOB = TABLE.entity("Job")


def test_words_are_resolved() -> None:
    assert TABLE.types == (("Mood", EnumType("Mood", ("calm", "angry"))), ("Small", IntType(0, 3)))
    assert TABLE.constants == (("N", 3, INT), ("LEASE", 30_000, DURATION))
    assert [(field.name, field.type, field.initial) for field in JOB.fields] == [
        ("count", INT, 0),
        ("boss", PRINCIPAL, None),
        ("child", OptionType(RefType("Job")), None),
        ("votes", MapType(EnumType("Mood", ("calm", "angry")), BOOL), {}),
        ("small", IntType(0, 3), 3),
    ]


def test_a_case_carries_the_common_part() -> None:
    first, second = JOB.action("work").cases
    assert [type(one) for one in first.deliveries] == [Request, Send, Spawn, Send]
    assert [type(one) for one in second.deliveries] == [Request, Send, Spawn]
    assert (first.target, second.target) == ("open", "shut"), "a case's `to` wins"
    assert (first.restarts, second.restarts) == (("soon", "late"), ("soon",))
    assert (first.guard and text(first.guard), second.guard) == ("count > 3", None)
    assert [(update.name, text(update.value)) for update in second.updates] == [("count", "0")]
    common = JOB.action("work")
    assert common.guard is not None
    assert text(common.guard) == "args.n > 0"
    assert [(update.name, update.key and text(update.key), text(update.value)) for update in common.updates] == [
        ("count", None, "count + args.n"),
        ("votes", "calm", "True"),
    ]


def test_an_action_without_cases_has_one() -> None:
    (only,) = JOB.action("idle").cases
    assert (only.guard, only.updates, only.target, only.deliveries) == (None, (), None, ())


def test_sources_are_in_declared_order() -> None:
    assert JOB.action("work").sources == ("open", "shut"), "`any` is every state but `new` and the final ones"
    assert JOB.action("tick").sources == ("open", "shut")
    assert JOB.action("make").sources == (NEW,)
    assert JOB.timers[0].states == ("open", "shut")


def test_gates() -> None:
    assert (JOB.action("work").gate, JOB.action("work").roles) == (Gate.ROLES, ("boss",))
    assert JOB.action("tick").gate is Gate.MACHINE
    tower = TABLE.entity("Tower")
    assert tower.single
    assert [action.gate for action in tower.actions] == [Gate.MACHINE, Gate.ENVIRONMENT]


def test_a_request_has_every_outcome_in_order() -> None:
    request = JOB.action("work").cases[0].deliveries[0]
    assert isinstance(request, Request)
    assert request.replaces
    assert request.then == (("rung", ("ignore",)), ("broken", ("bad", "ignore")), ("unknown", ("again",)))
    assert [(name, text(value)) for name, value in request.args] == [("times", "args.n")]


def test_effects() -> None:
    ring, knock = TABLE.effects
    assert ring.fenced
    assert ring.retry == Retry(3, 1_000, 2, 30_000)
    assert ring.performs is not None
    assert ring.performs.surely == ("rung", "broken"), "an outcome that tells is sure"
    assert [(name, text(value)) for name, value in ring.performs.args] == [("by_level", "args.times")]
    assert [(name, text(value)) for name, value in ring.outcomes[0].told] == [("at_level", "Tower.level")]
    assert knock.retry.attempts == 1, "asked at most once"


def test_scope() -> None:
    assert TABLE.scope.instances == (("Job", 3),)
    assert TABLE.scope.values == (("str", ("a", "b")),)


def test_a_constant_set_for_the_run_reaches_types_and_values() -> None:
    table = lowered(N="7")
    assert dict(table.types)["Small"] == IntType(0, 7)
    assert table.entity("Job").fields[4].initial == 7
    assert table.effects[0].retry.attempts == 7
    assert table_hash(table) != table_hash(TABLE)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "examples").glob("*/*.yaml")))
def test_lowering_is_deterministic(name: str) -> None:
    """Law: the same source gives the same table, with the same hash, whatever was checked before."""
    path = ROOT / "examples" / name / f"{name}.yaml"
    policies = tuple(Source(found.name, found.read_text()) for found in sorted(path.parent.glob("*.cedar")))

    def once() -> TransitionTable:
        tree, found = parse(Source(path.name, path.read_text(encoding="utf-8")), policies)
        assert tree is not None, found
        blueprint, found = check(tree)
        assert blueprint is not None, [one.message for one in found]
        return lower(blueprint)

    one, other = once(), once()
    assert one == other
    assert table_hash(one) == table_hash(other)
