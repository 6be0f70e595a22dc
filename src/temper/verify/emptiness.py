"""Vacuity of what is proved where the search could not look at everything: the solver is asked whether parts matter.

A search that is complete knows: a part that could be anything in every state makes its property vacuous. One that is
not has only seen that it could so far, and what is proved beyond it would hold without anybody having asked whether it
says anything. So the property with such a part replaced is asked to be proved, too: if it is, the property is vacuous
in every run; if none is, nobody knows, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from temper.machine import Finding, Property, Proved, TransitionTable, Universe, text
from temper.verify.available import bytes_allowed
from temper.verify.budget import Budget
from temper.verify.explicit.vacuity import variants
from temper.verify.obligations import is_for_all_runs
from temper.verify.prover import Proofs, Prover, Question
from temper.verify.proving import WAIT_SECONDS_MIN, WAIT_SHARE, Shown
from temper.verify.substitution import as_written

MARK = "~"
"""Between the name of a property and the number of what is asked of it: no name that an author writes has it."""


def emptied(
    table: TransitionTable,
    universe: Universe,
    findings: tuple[Finding, ...],
    loose: Iterable[tuple[str, str]],
    proofs: Shown,
    budget: Budget,
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """The findings, those that are vacuous marked, and a note for each of which nobody knows."""
    proved = {each.name for each in findings if is_for_all_runs(each) and not each.vacuous}
    asked = tuple(_stricter(table, [(name, part) for name, part in loose if name in proved]))
    if not asked:
        return findings, ()
    held = _shown(table, universe, [each.property for each in asked], proofs, budget)
    parts = {each.name: each.part for each in reversed(asked) if each.property.name in held}
    marked = tuple(replace(each, vacuous=parts.get(each.name, each.vacuous)) for each in findings)
    doubted = {each.name: each.part for each in reversed(asked) if each.name not in parts}
    return marked, tuple(_doubt(name, part) for name, part in doubted.items())


@dataclass(frozen=True, slots=True)
class _Stricter:
    """The property of that name, with a part replaced by the constant that makes it hardest to satisfy."""

    name: str
    part: str
    property: Property


def _stricter(table: TransitionTable, loose: Sequence[tuple[str, str]]) -> Iterator[_Stricter]:
    for property_ in table.properties:
        for number, variant in enumerate(variants(property_)):
            part = text(as_written(variant.part))
            if (property_.name, part) in loose:
                stricter = replace(variant.property, name=f"{property_.name}{MARK}{number}")
                yield _Stricter(property_.name, part, stricter)


def _doubt(name: str, part: str) -> str:
    seen = f"`{name}` is proved; in all states seen it holds whatever `{part}` is"
    return f"{seen}, and whether it does in all others is not known"


def _shown(
    table: TransitionTable, universe: Universe, asked: Sequence[Property], proofs: Shown, budget: Budget
) -> set[str]:
    """The names of those that are proved as well, with what the proofs leaned on."""
    proved = [each.name for each in proofs.findings if is_for_all_runs(each)]
    wider = replace(table, properties=(*table.properties, *asked))
    claims = (*proved, *(each.name for each in asked))
    seconds, starving = WAIT_SECONDS_MIN, budget.seconds_max * WAIT_SHARE
    with Prover() as child:
        room = budget.bytes_max or bytes_allowed() // 2
        child.ask(Question(wider, universe, seconds + starving, room, claims, proofs.lemmas))
        answer = child.take(seconds, starving_max=starving)
    found = answer.findings if isinstance(answer, Proofs) else ()
    return {each.name for each in found if isinstance(each.verdict, Proved)}
