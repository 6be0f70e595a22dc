"""What reductions leave out, and what they cost: the same searches with and without, in turns, medians of three.

.venv/bin/python benchmarks/search/reductions.py

Promises (`eventually`) are taken out of the blueprints first, since symmetry does not go with them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from temper.machine import PropertyKind, SearchSummary, TransitionTable, universe
from temper.pipeline import build
from temper.verify import NO_REDUCTIONS, Budget, Reductions
from temper.verify.native import search_natively

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
ROUNDS = 3
Scope = tuple[tuple[str, int], ...]
SYSTEMS: tuple[tuple[Path, dict[str, str], Scope], ...] = (
    (EXAMPLES / "twophase", {"N": "7"}, ()),
    (EXAMPLES / "twophase", {"N": "9"}, ()),
    (EXAMPLES / "failover", {}, (("Node", 3),)),
    (EXAMPLES / "failover", {}, (("Node", 4),)),
    (EXAMPLES / "orders", {}, (("Order", 3), ("Payment", 3), ("Shipment", 3))),
    (EXAMPLES / "queue", {}, (("Job", 2), ("Worker", 3))),
    (HERE / "models" / "depot.yaml", {"GOODS": "2"}, (("Order", 3), ("Picker", 4))),
)


def table_of(path: Path, constants: dict[str, str], scope: Scope) -> TransitionTable:
    table = build(path, constants).table
    assert table is not None, path
    kept = tuple(each for each in table.properties if each.kind is not PropertyKind.EVENTUALLY)
    counts = {**dict(table.scope.instances), **dict(scope)}
    return replace(table, properties=kept, scope=replace(table.scope, instances=tuple(counts.items())))


def searched(table: TransitionTable, reductions: Reductions) -> tuple[float, SearchSummary]:
    """Seconds of everything, compiling included, and what the search says of itself."""
    began = perf_counter()
    report = search_natively(table, universe=universe(table), budget=Budget(seconds_max=600), reductions=reductions)
    assert report.search.complete, "a search that did not end is not compared"
    return perf_counter() - began, report.search


def main() -> None:
    print("| system | states | looked at | | without | with |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for path, constants, scope in SYSTEMS:
        table = table_of(path, constants, scope)
        runs = [(searched(table, NO_REDUCTIONS), searched(table, Reductions())) for _ in range(ROUNDS)]
        whole, part = runs[0][0][1], runs[0][1][1]
        assert part.states_meant == whole.states, "what stands for states stands for all of them"
        seconds = [median(run[side][0] for run in runs) for side in (0, 1)]
        asked = " ".join(f"{name}={count}" for name, count in (*constants.items(), *scope))
        counts = f"{whole.states:,} | {part.states:,} | {whole.states / part.states:.0f}x"
        print(f"| {path.stem} {asked} | {counts} | {seconds[0]:.2f} s | {seconds[1]:.2f} s |")


if __name__ == "__main__":
    main()
