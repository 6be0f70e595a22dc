"""Coverage for people and programs: one quiet line, or everything that was never used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from temper.machine import Certificate, Entity, Proved, TransitionTable, text
from temper.verify.obligations import Row, fires, happens, has_several_rows, rows
from temper.verify.survey import Coverage, Guard, Statistics

LISTED_MAX = 20
"""How many of one kind are listed before the rest is only counted; JSON has them all."""
GUARDS_NAMED_MAX = 1


def brief_coverage(table: TransitionTable, certificate: Certificate, coverage: Coverage | None = None) -> str:
    """One line. Rows and states are known from the verdicts; guards and outcomes only where somebody looked.

    >>> from temper.machine import TransitionTable
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> brief_coverage(empty, Certificate("", (), None, "", (), ()))
    'coverage: 0 of 0 rows, 0 of 0 states; guards and outcomes: --coverage'
    """
    if coverage is None:
        taken, written = _known(table, certificate, "rows")
        entered, states = _known(table, certificate, "states")
        return f"coverage: {taken} of {written} rows, {entered} of {states} states; guards and outcomes: --coverage"
    seen = [
        f"{coverage.rows - len(coverage.rows_never_taken)} of {coverage.rows} rows",
        f"{coverage.states - len(coverage.states_never_entered)} of {coverage.states} states",
    ]
    if coverage.outcomes:
        seen.append(f"{coverage.outcomes - len(coverage.outcomes_never_seen)} of {coverage.outcomes} outcomes")
    return f"coverage: {', '.join(seen)}{_brief_guards(coverage)}{'' if coverage.complete else ' so far'}"


def coverage_lines(coverage: Coverage) -> list[str]:
    """Everything that was never used, one line each."""
    return [
        *_listed("row never taken", "rows never taken", map(str, coverage.rows_never_taken)),
        *_listed(
            "state never entered",
            "states never entered",
            (f"{e}.{state}" for e, state in coverage.states_never_entered),
        ),
        *_listed(
            "guard never false: it decides nothing within this scope",
            "guards never false: they decide nothing within this scope",
            map(_guard_text, coverage.guards_never_false),
        ),
        *_listed("outcome never seen", "outcomes never seen", (f"{e}.{o}" for e, o in coverage.outcomes_never_seen)),
        *([] if coverage.complete else ["not everything was looked at: a longer run may find some of these yet"]),
    ]


def coverage_json(table: TransitionTable, certificate: Certificate, coverage: Coverage | None = None) -> dict[str, Any]:
    """The same as data. What nobody looked at is null."""
    if coverage is None:
        return {
            "rows": _known(table, certificate, "rows")[1],
            "rows_never_taken": [str(row) for row in _rows(table, certificate, taken=False)],
            "states": _known(table, certificate, "states")[1],
            "states_never_entered": _states(table, certificate, entered=False),
            "guards": None,
            "guards_never_false": None,
            "outcomes": None,
            "outcomes_never_seen": None,
            "complete": certificate.search is not None and certificate.search.complete,
        }
    return {
        "rows": coverage.rows,
        "rows_never_taken": [str(row) for row in coverage.rows_never_taken],
        "states": coverage.states,
        "states_never_entered": [f"{entity}.{state}" for entity, state in coverage.states_never_entered],
        "guards": coverage.guards,
        "guards_never_false": [_guard_json(guard) for guard in coverage.guards_never_false],
        "outcomes": coverage.outcomes,
        "outcomes_never_seen": [f"{effect}.{outcome}" for effect, outcome in coverage.outcomes_never_seen],
        "complete": coverage.complete,
    }


def statistics_json(statistics: Statistics) -> dict[str, Any]:
    """The explored graph in numbers, as data."""
    return {**asdict(statistics), "layers": list(statistics.layers)}


def _brief_guards(coverage: Coverage) -> str:
    held = coverage.guards_never_false
    if not held:
        return ""
    named = ", ".join(f"`{text(guard.condition)}` of `{guard}`" for guard in held[:GUARDS_NAMED_MAX])
    said = "1 guard is never false" if len(held) == 1 else f"{len(held)} guards are never false"
    return f"; {said}: {named}" + (", …" if len(held) > GUARDS_NAMED_MAX else "")


def _guard_text(guard: Guard) -> str:
    place = "" if guard.span is None else f"  ({guard.span.path}:{guard.span.line})"
    return f"`{text(guard.condition)}` of {guard}{place}"


def _guard_json(guard: Guard) -> dict[str, Any]:
    return {
        "entity": guard.entity,
        "action": guard.action,
        "case": guard.case,
        "condition": text(guard.condition),
        "file": None if guard.span is None else guard.span.path,
        "line": None if guard.span is None else guard.span.line,
    }


def _listed(one: str, many: str, texts: Iterator[str]) -> Iterator[str]:
    listed = list(texts)
    if listed:
        yield f"{len(listed)} {one if len(listed) == 1 else many}"
        yield from (f"  {each}" for each in listed[:LISTED_MAX])
        if len(listed) > LISTED_MAX:
            yield f"  and {len(listed) - LISTED_MAX} more"


def _known(table: TransitionTable, certificate: Certificate, what: str) -> tuple[int, int]:
    """(seen, written) of the rows or states that the verdicts speak of."""
    if what == "rows":
        seen, missed = (len(_rows(table, certificate, taken=taken)) for taken in (True, False))
    else:
        seen, missed = (len(_states(table, certificate, entered=entered)) for entered in (True, False))
    return seen, seen + missed


def _rows(table: TransitionTable, certificate: Certificate, *, taken: bool) -> list[Row]:
    proved = _proved(certificate)
    names = [(row, fires(row) if has_several_rows(action) else happens(row)) for action, row in _written(table)]
    return [row for row, name in names if proved.get(name) is taken]


def _states(table: TransitionTable, certificate: Certificate, *, entered: bool) -> list[str]:
    proved = _proved(certificate)
    names = [f"{entity.name}.{state}" for entity in table.entities for state in entity.states]
    return [name for name in names if proved.get(f"reachable:{name}") is entered]


def _written(table: TransitionTable) -> Iterator[tuple[Any, Row]]:
    entities: tuple[Entity, ...] = table.entities
    return (pair for entity in entities for pair in rows(entity))


def _proved(certificate: Certificate) -> dict[str, bool]:
    """Whether each obligation was seen to hold; those that the search left out are not there."""
    return {finding.name: isinstance(finding.verdict, Proved) for finding in certificate.findings}
