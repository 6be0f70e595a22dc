"""The real runtime in a simulated world: what it survives, that a seed is a run, that what is found is small and true."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from support.examples import EXAMPLES, names
from temper.machine import Address, Gate, Refuted, Survived, TransitionTable, Unknown, absent
from temper.pipeline import build
from temper.run import Batch, Record
from temper.run.store.rows import Head
from temper.run.timers import Timers
from temper.verify import Asked, Tally, rates, run_lines, simulate, simulation_lines, simulation_verdicts, smallest
from temper.verify.simulate.callers import Callers
from temper.verify.simulate.disk import WriteFault
from temper.verify.simulate.ground import ground
from temper.verify.simulate.moves import (
    Answers,
    Asks,
    Crashes,
    Deafens,
    Halts,
    Hires,
    Jumps,
    Leases,
    Move,
    Reloads,
    Runs,
    Waits,
    Writes,
)
from temper.verify.simulate.run import replay, run_seed
from temper.verify.simulate.shadow import Taken
from temper.verify.simulate.simulation import Simulation

SEEDS = 60
SEEDS_MAX = 75
"""An example in which little is written needs so many until each kind of fault has happened."""


@cache
def table_of_example(name: str) -> TransitionTable:
    table = build(EXAMPLES / name).table
    assert table is not None
    return table


def tally_of(table: TransitionTable, faults: str, seeds: int = SEEDS) -> tuple[Asked, Tally]:
    asked, tally = Asked(table, rates(faults)), Tally()
    for ran in simulate(asked, range(seeds), jobs=1):
        tally.add(ran)
    return asked, tally


@pytest.mark.parametrize("name", names())
def test_examples_survive_chaos(name: str) -> None:
    table = table_of_example(name)
    for seeds in (SEEDS, SEEDS_MAX):
        asked, tally = tally_of(table, "chaos", seeds)
        found = simulation_verdicts(table, tally, "chaos", smallest(asked, tally))
        if all(isinstance(finding.verdict, Survived) for finding in found.findings):
            break
    lines = [
        *simulation_lines(table, found),
        *(line for _, told in found.shown.values() for line in run_lines(table, told)),
    ]
    assert found.survived, "\n".join(lines)
    assert all(isinstance(finding.verdict, Survived) for finding in found.findings), "\n".join(lines)


def test_every_kind_of_fault_happens() -> None:
    """A fault that is asked for and never happens would let everything survive it."""
    faults = tally_of(table_of_example("orders"), "chaos", 60)[1].counts.faults
    wanted = {"crash", "crash after a write", "torn write", "duplicate", "refused", "lost", "nonsense", "reload"}
    wanted |= {"clock back", "clock forward", *(f"write {fault}" for fault in WriteFault if fault and fault != "dies")}
    assert wanted <= set(faults)


def test_a_run_that_injected_nothing_has_survived_nothing() -> None:
    table = table_of_example("orders")
    _, tally = tally_of(table, "calm", 3)
    tally.counts.faults.clear()
    verdicts = [finding.verdict for finding in simulation_verdicts(table, tally, "calm", {}).findings]
    assert verdicts
    assert all(isinstance(verdict, Unknown) for verdict in verdicts)


@pytest.mark.parametrize("name", ["orders", "failover"])
def test_a_seed_is_a_run_and_its_moves_are_it_too(name: str) -> None:
    """The same records, byte for byte: nothing but the moves decides."""
    shared = ground(table_of_example(name))
    first, again, played = [], [], []
    ran = run_seed(shared, 7, rates("chaos"), trace=lambda taken: first.append(taken.record))
    run_seed(shared, 7, rates("chaos"), trace=lambda taken: again.append(taken.record))
    replay(shared, ran.moves, trace=lambda taken: played.append(taken.record))
    assert len(first) > 5
    assert first == again == played


def test_seeds_are_runs_of_their_own() -> None:
    shared = ground(table_of_example("orders"))
    chains = {repr(run_seed(shared, seed, rates("chaos")).moves) for seed in range(5)}
    assert len(chains) == 5


def test_jobs_change_nothing() -> None:
    asked = Asked(table_of_example("orders"), rates("moderate"))
    alone = [ran.counts.steps for ran in simulate(asked, range(45), jobs=1)]
    assert [ran.counts.steps for ran in simulate(asked, range(45), jobs=2)] == alone


def with_money_for_everybody() -> TransitionTable:
    """Orders, where any customer may have the money back of what was paid."""
    table = table_of_example("orders")
    entities = []
    for each in table.entities:
        actions = tuple(
            replace(action, gate=Gate.ROLES, roles=("customer",)) if action.name == "give_back" else action
            for action in each.actions
        )
        entities.append(replace(each, actions=actions))
    return replace(table, entities=tuple(entities))


def test_what_is_found_is_made_small_and_told() -> None:
    table = with_money_for_everybody()
    asked, tally = tally_of(table, "chaos", 80)
    assert tally.failures
    found = simulation_verdicts(table, tally, "chaos", smallest(asked, tally))
    refuted = next(finding for finding in found.findings if isinstance(finding.verdict, Refuted))
    seed, told = found.shown[refuted.name]
    before = next(ran for ran in tally.failed if ran.seed == seed)
    assert len(told.moves) < len(before.moves) / 2
    assert told.failure is not None
    assert replay(ground(table), told.moves, heal=before.healed).failure == told.failure
    assert any("give_back" in line for line in run_lines(table, told))
    assert len([move for move in told.moves if isinstance(move, Asks)]) <= 6


def test_a_load_of_which_nobody_knew_the_end_is_in_force() -> None:
    """Found by a seed: the write was kept, the store silent, and the runtime went on under the version before."""
    shared = ground(table_of_example("orders"))
    place = Asks(1, "ann", frozenset({"customer"}), "Order", "o1", "place", {})
    moves: list[Move] = [Reloads(1), Runs(2), Writes(WriteFault.UNSURE_AFTER), Waits(3_000), place, Runs(25), Writes()]
    taken: list[Taken] = []
    ran = replay(shared, moves, trace=taken.append)
    assert ran.failure is None
    assert [each.record.table for each in taken if each.record.rule == "call"] == [shared.hashes[1]]


def campaigned(deaf: int) -> list[Move]:
    """A node holds a lease that ends after ten seconds, and the store cannot be read so many times just then."""
    roles = frozenset({"client", "operator"})
    asked: list[Move] = [
        Asks(1, "ann", roles, "Node", "n1", "join", {}),
        Waits(1),
        Asks(2, "ann", roles, "Node", "n1", "campaign", {}),
    ]
    return [*asked, Waits(40), Deafens(deaf), Waits(9_900)]


@pytest.mark.parametrize(
    "later",
    [
        [Waits(100), Waits(1_000), Deafens(3), Waits(1_000), Waits(1_000), Waits(1_000)],
        [Jumps(10_484), Runs(18), Jumps(-2_066), Waits(3_066)],
    ],
)
def test_who_cannot_look_is_not_told_that_it_is_late(later: list[Move]) -> None:
    """Found by seeds: a read that fails, and a clock that is set back, are faults when they happen, not when asked for."""
    ran = replay(ground(table_of_example("failover")), [*campaigned(3), *later], heal=False)
    assert ran.failure is None


def test_who_can_look_and_does_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary: a runtime whose timers fire never is late, however many faults there were before."""
    monkeypatch.setattr(Timers, "schedule", lambda *_: None)
    monkeypatch.setattr(Timers, "resume", lambda *_: None)
    ran = replay(ground(table_of_example("failover")), [*campaigned(1), Waits(4_000), Waits(4_000)], heal=False)
    assert ran.failure is not None
    assert ran.failure.law == "timer-order"


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("reads", [1, 2, 3, 4])
def test_what_an_operator_says_is_not_forgotten_by_who_starts_again(reads: int, again: bool) -> None:
    """Found by a seed: the book was read once more, before the word was in it and after it was said."""
    shared = ground(table_of_example("orders"))
    simulation = Simulation(shared)
    said: list[Move] = [Halts("charge"), Waits(10), Halts("charge", again=True)] if again else [Halts("charge")]
    before, last = said[:-1], said[-1]
    starts: list[Move] = [Deafens(reads), Reloads(1), last, Runs(1), Waits(1_000, rests=False), Waits(10)]
    for move in [*before, *starts, Waits(3_000)]:
        simulation.play(move)
    assert simulation.failure is None
    assert simulation.process.runtime is not None
    simulation.process.store.unread = 0
    effects = simulation.process.runtime.effects()
    assert isinstance(effects, tuple)
    seen = next(effect for effect in effects if effect.effect == "charge")
    assert (seen.paused is not None) == ("charge" in simulation.paused())
    if "charge" in simulation.outside.halted:
        assert seen.paused is not None
    simulation.end()


@pytest.mark.parametrize("reads", range(1, 5))
def test_what_memory_knows_is_not_replaced_by_what_the_store_still_says(reads: int) -> None:
    """Found by a seed: after a load the store could not be read at first, and then was behind a failed attempt."""
    shared = ground(table_of_example("orders"))
    place = Asks(1, "ann", frozenset({"customer"}), "Order", "o1", "place", {})
    loads: list[Move] = [place, Waits(10), Reloads(1), Runs(1), Deafens(reads), Waits(1)]
    fails: list[Move] = [Answers("Payment", "x1", "charge", refuses="it is out of order"), Runs(20)]
    goes_on: list[Move] = [Jumps(2_000), *(move for _ in range(8) for move in (Runs(20), Writes())), Waits(3_000)]
    ran = replay(shared, [*loads, *fails, *goes_on])
    assert ran.failure is None
    assert ran.counts.faults["refused"]
    assert ran.counts.faults["reload"]


def test_a_lease_runs_out_though_the_clock_was_set_back_when_it_rang() -> None:
    """Found by a seed: the alarm was gone, the lease had a minute left by then, and nobody looked again."""
    shared = ground(table_of_example("orders"))
    place = Asks(1, "ann", frozenset({"customer"}), "Order", "o1", "place", {})
    leased: list[Move] = [Hires("charge"), place, Waits(10), Leases("w1", "charge"), Waits(10)]
    rings: list[Move] = [Waits(30_000, rests=False), Runs(1), Jumps(-60_000)]
    ran = replay(shared, [*leased, Answers("Payment", "x1", "charge", lost=True), *rings])
    assert ran.failure is None
    assert ran.counts.faults["lost"]


@pytest.mark.parametrize("first", [1, 2])
def test_a_record_is_of_the_request_that_says_most(first: int) -> None:
    """Found by a seed: of two requests that are alike the later one, which named a version, was applied first."""
    table = table_of_example("orders")
    order = Address("Order", "o1")
    callers = Callers({})
    for name, expected in ((1, None), (2, 2)):
        callers.ask(Asks(name, "ann", frozenset(), "Order", "o1", "cancel", {}, expected=expected), {})
    applied = []
    for number, seq in ((7, 2), (8, 3)) if first == 2 else ((7, 1), (8, 2)):
        before = absent(table, order)._replace(seq=seq)
        record = Record(number, 5, "", order, "call", cause="person", caller="ann", action="cancel")
        callers.taken(Taken(record, before, before._replace(seq=seq + 1), 0))
        callers.committed(Batch(Head()))
        applied.append([name for name, request in callers.requests.items() if request.applied is record])
    assert applied == ([[2], [1]] if first == 2 else [[1], [2]])


@pytest.mark.parametrize("callbacks", range(1, 12))
def test_a_lease_that_ends_while_its_worker_is_told_was_one(callbacks: int) -> None:
    """Found by a seed: what a worker is given was compared with the store a moment after it was given."""
    who = ("ann", frozenset({"client", "operator"}), "Node")
    joined: list[Move] = [Asks(1, *who, "n1", "join", {}), Hires("write"), Asks(2, *who, "n1", "campaign", {})]
    leased: list[Move] = [Asks(4, *who, "n1", "put", {}), Runs(30), Leases("w1", "write"), Writes(), Runs(30)]
    ends: list[Move] = [Asks(5, *who, "n2", "campaign", {}), Writes(), Runs(callbacks), Writes(), Runs(1)]
    moves = [*joined, Asks(3, *who, "n2", "join", {}), Waits(1), *leased, Waits(2_000, rests=False), *ends]
    assert replay(ground(table_of_example("failover")), moves).failure is None


def test_a_crash_loses_what_was_not_written_and_nothing_else() -> None:
    shared = ground(table_of_example("orders"))
    first = Asks(1, "ann", frozenset({"customer"}), "Order", "o1", "place", {}, "k1")
    for write, lives in (("", False), ("torn", False), ("kept", True)):
        taken: list[Taken] = []
        ran = replay(shared, [first, Runs(30), Runs(30), Runs(30), Crashes(write)], trace=taken.append, heal=False)
        assert ran.failure is None
        assert bool([each for each in taken if each.record.rule == "call"]) is lives


def test_the_page_names_every_law_and_fault() -> None:
    from temper.verify.simulate import FAULTS, LAWS

    page = (Path(__file__).parents[2] / "docs" / "reference" / "simulation.md").read_text(encoding="utf-8")
    assert [name for name in (*LAWS, *FAULTS) if f"`{name}`" not in page] == []
