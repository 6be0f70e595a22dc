"""Several nodes on one database, simulated: what they survive, that a seed is a run, and that all of it happens."""

from __future__ import annotations

from functools import cache

import pytest

from support.examples import EXAMPLES, names
from temper.cli.main import main
from temper.machine import TransitionTable
from temper.pipeline import build
from temper.verify import Asked, Tally, rates, run_lines, simulate, simulation_lines, simulation_verdicts, smallest
from temper.verify.simulate.faults_of_nodes import NODE_HAPPENED

SEEDS = 20


@cache
def table_of_example(name: str) -> TransitionTable:
    table = build(EXAMPLES / name).table
    assert table is not None
    return table


def tally_of(name: str, nodes: int, seeds: int = SEEDS) -> tuple[Asked, Tally]:
    asked, tally = Asked(table_of_example(name), rates("chaos", nodes), nodes=nodes), Tally()
    for ran in simulate(asked, range(seeds), jobs=1):
        tally.add(ran)
    return asked, tally


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("name", names())
def test_examples_survive_chaos_on_several_nodes(name: str, nodes: int) -> None:
    asked, tally = tally_of(name, nodes)
    found = simulation_verdicts(asked.table, tally, "chaos", smallest(asked, tally), nodes)
    lines = [
        *simulation_lines(asked.table, found),
        *(line for _, told in found.shown.values() for line in run_lines(asked.table, told)),
    ]
    assert found.survived, "\n".join(lines)
    assert tally.counts.steps > 20, "\n".join(lines)


def test_every_fault_of_nodes_happens() -> None:
    counts = tally_of("twophase", 2, 60)[1].counts.faults
    assert {kind for kinds in NODE_HAPPENED.values() for kind in kinds} <= {kind for kind, n in counts.items() if n}


def test_the_same_seed_is_the_same_run() -> None:
    one, two = (tally_of("orders", 3)[1].counts for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nodes", "0"], "--nodes 0: a run has one node to 8 of them"),
        (["--faults", "slow"], "the fault `slow` takes several nodes: say how many, as in --nodes 2"),
    ],
)
def test_what_takes_several_nodes_says_so(capsys, words: list[str], said: str) -> None:
    assert main(["simulate", str(EXAMPLES / "queue"), *words]) == 2
    assert said in capsys.readouterr().err


def test_it_is_said_how_many_nodes_there_were(capsys) -> None:
    assert main(["simulate", str(EXAMPLES / "queue"), "--nodes", "2", "--seeds", "5", "--jobs", "1"]) == 0
    assert "5 runs of the runtime on 2 nodes" in capsys.readouterr().out
