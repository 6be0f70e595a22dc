"""Law: what we say of policies is what Cedar says: our evaluation, the solver's terms and the search's gates.

Requests are drawn by seed. `python tests/laws/test_policies_are_cedars.py 1000000` decides a million of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from time import perf_counter

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.drawn_requests import PEOPLE, drawn_cell, drawn_table, drawn_value
from support.policy_agreement import Deciders, drawn_disagreement, gate_disagreement
from temper.machine import (
    NEW,
    Action,
    Call,
    Cause,
    Cell,
    Outcomes,
    Policy,
    PolicyAlgebra,
    PolicyOp,
    TransitionTable,
    asked_of_cedar,
    policy_decision,
    policy_reading,
    policy_source,
    universe,
)
from temper.pipeline import build
from temper.verify.native import Unsupported, gates
from temper.verify.native.layout import InstancePlace
from temper.verify.native.rules import Rules
from temper.verify.symbolic import gates as symbolic_gates
from temper.verify.symbolic import policy_algebra
from temper.verify.symbolic.policy_sight import Asked, PolicySight

EXAMPLES = Path(__file__).parents[2] / "examples"
CALLS = 25
LOOKED_UP = (40, 46, 48, 52, 53, 57, 58, 60)
"""Tables that the native search takes on, and is soon done with."""


@given(st.integers(0, 2**32))
def test_random_requests_are_decided_alike(seed: int) -> None:
    different, _ = drawn_disagreement(seed, CALLS)
    assert not different, different


@given(st.integers(0, 2**32))
def test_the_engines_gate_decides_as_cedar_does(seed: int) -> None:
    different, _ = gate_disagreement(seed, CALLS)
    assert not different, different


def test_many_gates_are_compiled() -> None:
    """Else the law would compare Cedar with itself."""
    assert sum(gate_disagreement(seed, CALLS)[1] for seed in range(40)) > 40 * CALLS // 3
    assert not any(asked_of_cedar(table) for table in _governed_examples())


def test_what_is_asked_of_cedar_is_told() -> None:
    (table, *_) = _governed_examples()
    odd = 'forbid (principal, action, resource) when { decimal("1.0").lessThan(decimal("0.5")) };'
    told = asked_of_cedar(replace(table, policies=(*table.policies, ("odd.cedar", odd))))
    assert told
    assert all(part.startswith("odd.cedar#0: decimal") for part in told.values()), told


def test_requests_to_the_examples_are_decided_alike() -> None:
    asked = 0
    for table in _governed_examples():
        different, count = _example_disagreement(table, Random(1), 1_000)
        assert not different, different
        asked += count
    assert asked, "some example has policies"


def _governed_examples() -> list[TransitionTable]:
    tables = [build(folder).table for folder in sorted(EXAMPLES.iterdir()) if any(folder.glob("*.cedar"))]
    return [table for table in tables if table is not None]


def _example_disagreement(table: TransitionTable, random: Random, calls: int) -> tuple[str, int]:
    deciders = Deciders(table)
    spots = [(entity, action) for entity in table.entities for action in entity.actions]
    asked = [spot for spot in spots if deciders.gates[spot[0].name, spot[1].name] is not None]
    for _ in range(calls):
        entity, action = random.choice(asked)
        args = {param.name: drawn_value(random, param.type) for param in action.params}
        roles = frozenset(role for role in table.roles if random.random() < 0.4)
        call = Call(Cause.PERSON, action.name, args, 1, random.choice(PEOPLE), roles)
        narrowed = replace(table, entities=(entity,))
        different = deciders.disagreement(entity, action, drawn_cell(random, narrowed, action), call)
        if different:
            return different, calls
    return "", calls


@pytest.mark.parametrize("seed", LOOKED_UP)
def test_what_the_search_looks_up_is_what_policies_say(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the fields, and is given as the arguments, that policies do not mention."""
    monkeypatch.setattr(gates, "DECISIONS_MAX", 200)
    different, _ = _looked_up(seed)
    assert not different, different


def _looked_up(seed: int) -> tuple[str, int]:
    """What differs between the tables of the native search and our evaluation, and how many entries were compared."""
    random = Random(seed)
    table = drawn_table(random)
    deciders = Deciders(table)
    asks: list[tuple[gates.Governed, InstancePlace, str, Call, gates.Decisions]] = []
    try:
        written = Rules(table, universe(table))
    except Unsupported:
        return "", 0
    plain = written.gates._asked

    def heard(governed: gates.Governed, place: InstancePlace, control: str, call: Call) -> gates.Decisions:
        found = plain(governed, place, control, call)
        asks.append((governed, place, control, call, found))
        return found

    written.gates._asked = heard  # type: ignore[method-assign]
    with suppress(Unsupported):
        written.expand()
    compared = 0
    for governed, place, control, call, found in asks:
        mentioned = {param.name for param in governed.mentions.params(governed.action)}
        pieces = [gates._piece(place, field) for field in found.fields]
        for bits in product(*(gates.packings(piece.packing) for piece in pieces)):
            asked = written.gates._cell(place.address, control, found.fields, pieces, bits)
            if control != NEW:
                asked = _elsewhere(random, table, asked, {field.name for field in found.fields})
            given = {
                param.name: call.args[param.name] if param.name in mentioned else drawn_value(random, param.type)
                for param in governed.action.params
            }
            passes = gates._key(pieces, bits) in found.passing
            compared += 1
            different = deciders.evaluated(governed.entity, governed.action, asked, call._replace(args=given)) != passes
            if different:
                return f"seed {seed}: {asked} {call._replace(args=given)}: looked up {passes}", compared
    return "", compared


def _elsewhere(random: Random, table: TransitionTable, cell: Cell, kept: set[str]) -> Cell:
    """The cell with anything in the fields that are not kept."""
    fields = table.entities[0].fields
    data = tuple(
        value if field.name in kept else drawn_value(random, field.type, unset=field.initial is None)
        for field, value in zip(fields, cell.data, strict=True)
    )
    return cell._replace(data=data)


# Mistakes that the law must find.

Breaking = Callable[[pytest.MonkeyPatch], None]


def evaluating(op: PolicyOp, wrong: Callable[..., object]) -> Breaking:
    return lambda patch: _replaced(patch, policy_decision, "EVALUATION", op, wrong)


def translating(op: PolicyOp, wrong: Callable[..., object]) -> Breaking:
    return lambda patch: _replaced(patch, policy_algebra, "TERMS", op, wrong)


def _replaced(patch: pytest.MonkeyPatch, owner: object, name: str, op: PolicyOp, wrong: Callable[..., object]) -> None:
    right: PolicyAlgebra[object] = getattr(owner, name)
    patch.setattr(owner, name, {**right, op: lambda node, *operands: wrong(right[op], node, *operands)})


def sums_wrap_round(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy_decision, "_long", lambda value: (value + 2**63) % 2**64 - 2**63)


def sums_have_no_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy_algebra, "INT_MAX", 2**80)


def permit_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outcomes, "permitted", property(lambda found: bool(found.permits) and not found.fails))


def failures_are_skipped(patch: pytest.MonkeyPatch) -> None:
    """As Cedar itself does."""
    patch.setattr(Outcomes, "forbidden", property(lambda found: bool(found.forbids)))


def unless_is_when(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy_reading, "_condition", lambda tree: policy_reading._read(tree["body"]))
    patch.setattr(policy_reading, "_READ", {})


def missing_is_false(right: Callable[..., policy_decision.Meaning], node: object, of: object) -> object:
    def read(request: object) -> object:
        try:
            return right(node, of)(request)  # type: ignore[arg-type]
        except policy_decision.PolicyFailedError:
            return False

    return read


def both_sides(_: object, _node: object, left: Callable[[object], bool], right: Callable[[object], bool]) -> object:
    """Without stopping at what decides already."""
    return lambda request: policy_decision._boolean(left(request)) & policy_decision._boolean(right(request))


def one_is_true(
    _: object, _node: object, left: Callable[[object], object], right: Callable[[object], object]
) -> object:
    return lambda request: left(request) == right(request)


def always_there(right: Callable[..., policy_algebra.Meaning], node: object, of: policy_algebra.Meaning) -> object:
    def read(sight: PolicySight) -> policy_algebra.Outcome:
        return replace(right(node, of)(sight), fails=of(sight).fails)

    return read


def turned_round(right: Callable[..., object], node: object, left: object, other: object) -> object:
    return right(node, other, left)


def failing_permits_are_skipped(patch: pytest.MonkeyPatch) -> None:
    def passes(action: Action, by_role: z3.BoolRef, decided: Iterable[tuple[Policy, Asked]]) -> z3.BoolRef:
        return right(
            action,
            by_role,
            ((policy, replace(said, fails=z3.BoolVal(False), holds=said.fits)) for policy, said in decided),
        )

    right = symbolic_gates.gate_passes
    patch.setattr(symbolic_gates, "gate_passes", passes)


def compiling(name: str, wrong: Callable[..., object]) -> Breaking:
    """A mistake in how policies become Python."""
    return lambda patch: patch.setattr(policy_source, name, wrong)


def written(text: str, kind: str = policy_source.BOOL) -> policy_source.Written:
    return policy_source.Written(text, kind)


def some_other_policy_is_left_out(patch: pytest.MonkeyPatch) -> None:
    right = policy_source.is_about
    patch.setattr(policy_source, "is_about", lambda policy, *of: policy.scope[1].op != "eq" and right(policy, *of))


def forbidding_is_permitting(patch: pytest.MonkeyPatch) -> None:
    right = policy_source.decision_of
    patch.setattr(policy_source, "decision_of", lambda permits, forbids: right([*permits, *forbids], []))


def whatever_is_declared_is_there(patch: pytest.MonkeyPatch) -> None:
    right = policy_source._Writer._has
    patch.setattr(policy_source._Writer, "_has", lambda writer, node, of: right(writer, node, of) and written("True"))


def sets_are_turned_round(patch: pytest.MonkeyPatch) -> None:
    right = policy_source._sets
    patch.setattr(policy_source, "_sets", lambda form: lambda node, one, other: right(form)(node, other, one))


def failing_is_not_fitting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy_source, "FailedError", ArithmeticError)  # what raises it is bound to the name, too
    patch.setattr(policy_source, "_some", lambda value: value)


MISTAKES: dict[str, Breaking] = {
    "compiled: `<` is `<=`": compiling("_compared", lambda _: lambda _node, a, b: written(f"({a.text} <= {b.text})")),
    "compiled: sums have no end": compiling("_long", lambda value: value),
    "compiled: every role is held": compiling("_is_in", lambda member, group: "True"),
    "compiled: containsAll is turned round": sets_are_turned_round,
    "compiled: a policy about the action is left out": some_other_policy_is_left_out,
    "compiled: a forbid permits": forbidding_is_permitting,
    "compiled: what is declared is there": whatever_is_declared_is_there,
    "compiled: what is missing is None": failing_is_not_fitting,
    "sums wrap round": sums_wrap_round,
    "sums have no end": sums_have_no_end,
    "a permit wins over a forbid": permit_wins,
    "a failing policy is skipped": failures_are_skipped,
    "unless is read as when": unless_is_when,
    "a missing attribute is false": evaluating(PolicyOp.ATTRIBUTE, missing_is_false),
    "`&&` asks both sides": evaluating(PolicyOp.AND, both_sides),
    "1 is true": evaluating(PolicyOp.EQ, one_is_true),
    "terms: every attribute is there": translating(PolicyOp.ATTRIBUTE, always_there),
    "terms: `in` is turned round": translating(PolicyOp.IN, turned_round),
    "terms: containsAll is turned round": translating(PolicyOp.CONTAINS_ALL, turned_round),
    "terms: a failing permit is skipped": failing_permits_are_skipped,
}
SEEDS = range(300)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_meaning_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MISTAKES[mistake](monkeypatch)
    look = gate_disagreement if mistake.startswith("compiled") else drawn_disagreement
    assert any(look(seed, CALLS)[0] for seed in SEEDS)


def test_a_wrong_look_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "DECISIONS_MAX", 200)
    right = gates.Governed.passes
    monkeypatch.setattr(gates.Governed, "passes", lambda *asked: not right(*asked))
    assert any(_looked_up(seed)[0] for seed in LOOKED_UP)


HUNT_CALLS = 200
"""So many requests are made to each table of a hunt."""
ENTRIES_MAX = 1_000
"""Tables of the native search with more entries for one action are left out of a hunt."""


def hunt(requests: int, first: int = 0) -> str:
    """Decides so many random requests, and says how that went."""
    began, counts, different = perf_counter(), Counter[str](), 0
    decided = looked_up = 0
    seed = first
    while decided < requests:
        found, told = drawn_disagreement(seed, HUNT_CALLS)
        found = found or gate_disagreement(seed, HUNT_CALLS)[0]
        counts.update(told)
        decided, different = decided + HUNT_CALLS, different + bool(found)
        if found:
            print(found)
        if decided % 50_000 == 0:
            print(f"{decided:,} requests, {different} disagreements, {perf_counter() - began:.0f} s", file=sys.stderr)
        seed += 1
    gates.DECISIONS_MAX = ENTRIES_MAX
    for each in range(first, first + max(1, requests // 5_000)):
        found, compared = _looked_up(each)
        looked_up, different = looked_up + compared, different + bool(found)
        if found:
            print(found)
    told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    return (
        f"{decided:,} requests to {seed - first:,} random tables ({told}) and {looked_up:,} entries of the search's "
        f"tables: {different} disagreements, {perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    print(hunt(*map(int, sys.argv[1:3])))
