"""The explored graph as text, Mermaid, DOT or JSON: numbered states, and on each only what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temper.verify import StateSpace


def graph_lines(space: StateSpace) -> Iterator[str]:
    """The states, each with what is new in it and the steps that lead out of it."""
    leaving: dict[int, list[str]] = {}
    for edge in space.edges:
        leaving.setdefault(edge.source, []).append(f"    {edge.label} -> {edge.target}")
    for node in space.nodes:
        yield f"{node.number}  {'; '.join(node.changes) or 'nothing new'}"
        yield from leaving.get(node.number, [])


def mermaid_graph(space: StateSpace) -> Iterator[str]:
    """The same as a Mermaid flowchart."""
    yield "flowchart TD"
    for node in space.nodes:
        yield f'  s{node.number}["{_quoted(_label(node.number, node.changes), "<br/>")}"]'
    for edge in space.edges:
        yield f'  s{edge.source} -->|"{_quoted(edge.label)}"| s{edge.target}'


def dot_graph(space: StateSpace) -> Iterator[str]:
    """The same for Graphviz."""
    yield "digraph states {"
    yield "  node [shape=box];"
    for node in space.nodes:
        yield f'  s{node.number} [label="{_escaped(_label(node.number, node.changes))}"];'
    for edge in space.edges:
        yield f'  s{edge.source} -> s{edge.target} [label="{_escaped(edge.label)}"];'
    yield "}"


FORMS: Mapping[str, Callable[[StateSpace], Iterator[str]]] = {
    "text": graph_lines,
    "mermaid": mermaid_graph,
    "dot": dot_graph,
}


def graph_json(space: StateSpace) -> dict[str, Any]:
    """The same as data."""
    return {
        "states": [{"number": node.number, "changes": list(node.changes)} for node in space.nodes],
        "steps": [asdict(edge) for edge in space.edges],
        "cuts": space.cuts,
    }


def _label(number: int, changes: tuple[str, ...]) -> str:
    return "\n".join([str(number), *changes])


def _quoted(text: str, line_break: str = " ") -> str:
    """Text within quotes in Mermaid: what has a meaning there is written as an entity."""
    plain = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return plain.replace("\n", line_break)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
