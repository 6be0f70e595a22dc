"""Who can: nobody is missing, every example is one, what decides nothing can go, and what changes is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
import z3

from support.drawn_requests import drawn_call, drawn_table
from support.tree import ROOT
from temper.machine import (
    Action,
    Call,
    Gate,
    TransitionTable,
    outcomes,
    policy_request,
    read_policies,
    stage_policy,
)
from temper.pipeline import build
from temper.verify import Changes, Remark, RemarkKind, WhoCan, changes, needless, who_can
from temper.verify.access import lets_pass
from temper.verify.symbolic import changed, gates, who
from temper.verify.symbolic import remarks as remarks_module

SEEDS = range(40)
CALLS = 40


def access(policies: str | None = None, more: str = "") -> TransitionTable:
    table = build(ROOT / "examples" / "access").table
    assert table is not None
    text = (table.policies[0][1] if policies is None else policies) + more
    return replace(table, policies=(("access.cedar", text),))


def asked(table: TransitionTable, name: str, **more: object) -> WhoCan:
    entity = table.entity("Grant")
    return who_can(table, entity, entity.action(name), **more)  # type: ignore[arg-type]


def ways(answer: WhoCan) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {way.roles: way.callers for way in answer.ways}


def test_every_way_is_found_with_its_conditions_and_a_call_that_is_applied() -> None:
    answer = asked(access(), "approve")
    assert ways(answer) == {("lead",): (), ("security",): ()}
    assert answer.complete
    assert answer.guard == "caller != holder"
    by = {way.roles: way.by for way in answer.ways}
    assert by["lead",] == ('access.cedar#0: principal in Role::"lead", when resource.level == "ordinary"',)
    assert all(way.example is not None and way.example.applied for way in answer.ways)


def test_a_forbid_that_may_come_between_is_told() -> None:
    (way,) = (way for way in asked(access(), "request").ways if way.roles == ("contractor",))
    assert way.unless == ('access.cedar#2: principal in Role::"contractor", when context.level == "sensitive"',)
    assert way.by == ("the role contractor",)


def test_roles_that_are_needed_together_are_one_way() -> None:
    both = 'permit(principal in Role::"lead", action, resource) when { principal in Role::"security" };'
    assert ways(asked(access(both), "approve")) == {("lead", "security"): ()}


def test_a_role_that_spoils_it_is_left_out() -> None:
    but = 'permit(principal, action, resource) unless { principal in Role::"contractor" };'
    assert ways(asked(access(but), "approve")) == {(): ()}
    every = tuple(access().roles)
    answer = asked(access(but), "approve", person=("zoe", every))
    assert answer.ways == ()
    assert answer.why_not == "no policy permits it"


def test_names_are_told_where_it_takes_one() -> None:
    named = 'permit(principal == Principal::"zoe", action == Action::"Grant.approve", resource);'
    assert ways(asked(access(named), "approve")) == {(): ("zoe",)}
    answer = asked(access(named), "approve", person=("ann", ("lead",)))
    assert (answer.ways, answer.why_not) == ((), "no policy permits it")
    assert asked(access(named), "approve", person=("zoe", ())).ways


def test_a_guard_that_never_holds_is_told_from_a_gate() -> None:
    table = access('permit(principal == Principal::"zoe", action, resource) when { resource.holder == "zoe" };')
    answer = asked(table, "approve", person=("zoe", ()))
    assert (answer.ways, answer.why_not) == ((), "its guard never holds then")


def test_what_only_the_machine_calls_says_by_what() -> None:
    answer = asked(access(), "activate")
    assert (answer.ways, answer.causes, answer.complete) == ((), ("the outcome set_membership.done",), True)
    assert asked(access(), "lapse").causes == ("the timer nobody_answered",)


def test_what_is_not_translated_is_named_and_taken_as_if_it_held() -> None:
    odd = 'permit(principal, action, resource) when { ip("10.0.0.1").isLoopback() };'
    answer = asked(access(odd), "approve")
    assert answer.untranslated == ('isLoopback(ip("10.0.0.1"))',)
    assert [(way.roles, way.example) for way in answer.ways] == [((), None)], "Cedar confirms no such call"
    sure = 'permit(principal, action, resource) when { ip("127.0.0.1").isLoopback() };'
    assert [way.example is not None for way in asked(access(sure), "approve").ways] == [True]


def test_a_text_that_is_like_something_is_found_for_the_example() -> None:
    like = 'permit(principal, action, resource) when { resource.reason like "fire*" };'
    (way,) = asked(access(like), "approve").ways
    assert way.example is not None
    assert "fire" in way.example.cell.data


# Laws, on random policies.


def _missing(table: TransitionTable, random: Random) -> Iterator[str]:
    """Calls that are let through although nobody who calls them is listed."""
    door = table.entities[0]
    answers = {action.name: who_can(table, door, action) for action in door.actions}
    for answer in answers.values():
        for way in answer.ways:
            shown = way.example
            if shown is None:
                assert answer.untranslated, f"an example of {way}"
            else:
                assert shown.passes
                assert shown.call.roles == frozenset(way.roles)
    for _ in range(CALLS):
        action, cell, call = drawn_call(random, table)
        answer = answers[action.name]
        if answer.complete and lets_pass(table, door, action, cell, call):
            fitting = [
                w for w in answer.ways if set(w.roles) <= call.roles and call.caller in (w.callers or [call.caller])
            ]
            if not fitting:
                yield f"{cell} {call} passes, and it says {answer.ways}"


def _wanted(table: TransitionTable, random: Random, remarks: tuple[Remark, ...]) -> Iterator[str]:
    """Calls that are decided otherwise without the policy of a remark."""
    policies, door = read_policies(table), table.entities[0]
    for remark in remarks:
        left = [stage_policy(each) for each in policies if each.name != remark.policy]
        if len(left) + 1 != len(policies):
            continue  # two of one name
        whole = [stage_policy(each) for each in policies]
        for _ in range(CALLS):
            action, cell, call = drawn_call(random, table)
            request = policy_request(door, action, cell, call)
            said = [_passes(action, call, outcomes(staged, request)) for staged in (whole, left)]
            if said[0] != said[1]:
                yield f"{remark}: {cell} {call}"


def _passes(action: Action, call: Call, found: object) -> bool:
    if action.gate is Gate.POLICY:
        return bool(found.permitted)  # type: ignore[attr-defined]
    return not call.roles.isdisjoint(action.roles) and not found.forbidden  # type: ignore[attr-defined]


def _untold(old: TransitionTable, new: TransitionTable, random: Random, found: Changes) -> Iterator[str]:
    """Calls that only one of the tables lets through, and of which nothing is told."""
    door = old.entities[0]
    for each in found.changed:
        assert each.example is None or each.example.passes
    for _ in range(CALLS):
        action, cell, call = drawn_call(random, old)
        before, after = (lets_pass(table, door, action, cell, call) for table in (old, new))
        told = (each for each in found.changed if (each.action, each.allowed) == (action.name, after))
        skipped = any(each.startswith(f"Door.{action.name}:") for each in found.open)
        fitting = (set(each.roles) <= call.roles and call.caller in (each.callers or [call.caller]) for each in told)
        if before != after and not skipped and not any(fitting):
            yield f"{cell} {call} was {before} and is {after}"


def drawn_changes(seed: int) -> str:
    """What is wrong about what is told of some random tables."""
    random = Random(seed)
    table = drawn_table(random)
    text = table.policies[0][1]
    kept = [each for each in text.split(";") if each.strip() and random.random() < 0.7]
    other = replace(table, policies=(("drawn.cedar", ";".join([*kept, ""])),))
    wrong = [*_missing(table, random), *_wanted(table, random, needless(table))]
    wrong += _untold(table, other, random, changes(table, other))
    return wrong[0] if wrong else ""


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_missing_on_random_policies(seed: int) -> None:
    assert not drawn_changes(seed)


Breaking = Callable[[pytest.MonkeyPatch], None]


def forbids_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    right = gates.gate_passes

    def passes(action: Action, by_role: z3.BoolRef, decided: object) -> z3.BoolRef:
        kept = [(policy, said) for policy, said in decided if not policy.forbids]  # type: ignore[attr-defined]
        return right(action, by_role, kept)

    patch.setattr(gates, "gate_passes", passes)
    patch.setattr(remarks_module, "gate_passes", passes)


def one_way_is_enough(patch: pytest.MonkeyPatch) -> None:
    right = who.smallest
    for module in (who, changed):
        patch.setattr(module, "smallest", lambda *asked: list(right(*asked))[:1])


def everything_is_needless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remarks_module, "_decides_nothing", lambda *_: True)


def failures_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    right = gates.asked
    patch.setattr(gates, "asked", lambda policy, sight: replace(right(policy, sight), fails=z3.BoolVal(False)))


MISTAKES = [forbids_are_forgotten, one_way_is_enough, everything_is_needless, failures_are_forgotten]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake: Breaking, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)

    def noticed(seed: int) -> bool:
        try:
            return bool(drawn_changes(seed))
        except AssertionError:
            return True

    assert any(noticed(seed) for seed in range(200))


# Policies that decide nothing, and what changes, by example.

NEEDLESS = {
    'permit(principal in Role::"lead", action == Action::"Grant.withdraw", resource);': (
        RemarkKind.NEEDLESS,
        "Grant.withdraw is called by roles, and a permit gives nobody a role",
    ),
    'permit(principal in Role::"lead", action, resource) when { resource.level == "none" };': (
        RemarkKind.NEVER_FITS,
        "no request fits it",
    ),
    'forbid(principal in Role::"contractor", action == Action::"Grant.request", resource) when { context.level == "sensitive" && context.reason == "x" };': (
        RemarkKind.SHADOWED,
        "whatever it forbids, access.cedar#2 forbids",
    ),
    'permit(principal in Role::"security", action == Action::"Grant.approve", resource) when { resource.level == "sensitive" };': (
        RemarkKind.SHADOWED,
        "whatever it permits, access.cedar#1 permits",
    ),
    'forbid(principal, action == Action::"Grant.approve", resource) unless { principal in Role::"lead" || principal in Role::"security" };': (
        RemarkKind.NEEDLESS,
        "whatever it forbids, nobody could do anyway",
    ),
}


@pytest.mark.parametrize("policy", NEEDLESS)
def test_a_policy_that_decides_nothing_is_told_why(policy: str) -> None:
    (remark,) = needless(access(more=policy))
    assert (remark.policy, remark.kind, remark.because) == ("access.cedar#3", *NEEDLESS[policy])


def test_every_policy_of_the_example_decides_something() -> None:
    assert needless(access()) == ()


def test_what_changes_is_told_with_a_call_that_cedar_decided_under_both() -> None:
    old = access()
    text = old.policies[0][1]
    new = access(text.replace('== "ordinary"', '== "sensitive"'))
    found = changes(old, new)
    assert [(each.action, each.allowed, each.roles) for each in found.changed] == [
        ("approve", True, ("lead",)),
        ("approve", False, ("lead",)),
    ]
    for each in found.changed:
        assert each.example is not None
        assert each.before is not None
        assert (each.example.applied, each.before.code) == (True, "denied")
    assert changes(old, access(text.replace("// Leads", "// leads"))) == Changes((), (), ())


def test_what_cannot_be_compared_is_said() -> None:
    old = access()
    grant = old.entity("Grant")
    fields = tuple(
        replace(f, type=old.entity("Grant").fields[3].type, initial="") if f.name == "level" else f
        for f in grant.fields
    )
    new = replace(old, entities=(replace(grant, fields=fields), *old.entities[1:]))
    assert "Grant.approve: its policies read `level`, which is of another type now" in changes(old, new).open


def test_actions_and_states_of_one_table_alone_are_said() -> None:
    old = access()
    grant = old.entity("Grant")
    actions = tuple(
        replace(each, sources=("requested", "granting")) if each.name == "turn_down" else each
        for each in grant.actions
        if each.name != "withdraw"
    )
    new = replace(old, entities=(replace(grant, actions=actions), *old.entities[1:]))
    assert changes(old, new).open == (
        "Grant.withdraw: people might call it before",
        "Grant.turn_down: in states from which it does not start in both",
    )
