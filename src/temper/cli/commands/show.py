"""Show how a blueprint was understood: as it is written, resolved and typed, lowered to its table, or as a graph.

The graph has every state that the scope can reach, and every step between them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from temper.cli.building import add_path, build_asked, findings_json, report_findings, scope_with
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import Built

if TYPE_CHECKING:
    from temper.machine import TransitionTable

SUMMARY = "show how a blueprint was understood"
STATES_MAX = 2_000
"""More than anybody can look at."""
DRAWN = {"mermaid": {"table", "graph"}, "dot": {"graph"}}
"""What each form of drawing can draw."""


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--stage",
        choices=["tree", "blueprint", "table", "graph"],
        default="table",
        help="which stage; the table if not said",
    )
    parser.add_argument(
        "--as",
        dest="form",
        choices=["text", "json", "mermaid", "dot"],
        help="text if not said; mermaid draws a table or a graph, dot a graph",
    )
    cure = f"draw no graph with more states than this; {STATES_MAX:,} if not said"
    parser.add_argument("--states-max", type=int, default=STATES_MAX, metavar="N", help=cure)
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ENTITY=N",
        help="draw the graph with N instances of an entity, as in --scope Deploy=1; may be repeated",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    form = arguments.form or ("json" if terminal.as_json else "text")
    if arguments.stage not in DRAWN.get(form, {arguments.stage}):
        listed = " or ".join(f"--stage {stage}" for stage in sorted(DRAWN[form]))
        raise MistakeError("wrong-usage", f"--as {form} does not draw a {arguments.stage}", f"it goes with {listed}")
    if arguments.states_max < 1:
        raise MistakeError("wrong-usage", f"--states-max {arguments.states_max}: that draws nothing", "as in 2000")
    built = build_asked(arguments)
    if arguments.stage == "graph" and built.table is not None:
        return _graph(arguments, built.table, form, terminal)
    stage = {"tree": built.tree, "blueprint": built.blueprint, "table": built.table, "graph": None}[arguments.stage]
    if stage is None:
        if form == "json":
            terminal.answer({"findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    if form == "json":
        terminal.answer(_data(arguments.stage, stage))
    else:
        terminal.say("\n".join(_lines(arguments.stage, form, built)))
    return 0


def _graph(arguments: argparse.Namespace, table: TransitionTable, form: str, terminal: Terminal) -> int:
    """The explored graph, if it is small enough to look at."""
    from temper.cli.graph import FORMS, graph_json
    from temper.machine import universe
    from temper.verify import Budget, NotDrawn, state_space

    within = universe(table, scope_with(table, arguments.scope))
    space = state_space(table, universe=within, budget=Budget(states_max=arguments.states_max))
    if isinstance(space, NotDrawn):
        terminal.complain(
            "graph-too-large",
            f"the graph of `{table.blueprint}` is not drawn: {space.because.removeprefix('budget: ')}",
            "make the scope smaller with --scope ENTITY=1, or allow more with --states-max N",
        )
        return 1
    if form == "json":
        terminal.answer(graph_json(space))
    else:
        terminal.say("\n".join(FORMS[form](space)))
        if space.cuts:
            terminal.warn(f"{space.cuts:,} more steps lead out of the scope, and are not drawn")
    return 0


def _data(stage: str, value: Any) -> Any:
    from temper.cli.outline import outline
    from temper.machine import table_to_json

    return table_to_json(value) if stage == "table" else outline(value)


def _lines(stage: str, form: str, built: Built) -> list[str]:
    from temper.cli.outline import outline, outline_lines
    from temper.cli.rows import mermaid_lines, table_lines

    if stage == "table":
        assert built.table is not None
        return list((mermaid_lines if form == "mermaid" else table_lines)(built.table))
    return list(outline_lines(outline(built.tree if stage == "tree" else built.blueprint)))
