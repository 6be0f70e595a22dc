"""What was shown for the value that a constant has, shown again for every value: by the same lemmas, of the open table.

Where a range is only a bound (`Term: int[0, TERMS]`), a proof hardly ever hangs on where it ends. So what took long to
find out for one value, the lemmas, is tried on the table in which the constant is left open; nothing of it is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import z3

from temper.machine import (
    Expression,
    Family,
    IntType,
    MapType,
    Op,
    Property,
    SetType,
    TransitionTable,
    Type,
    filled,
    parts,
)
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.induction import Induction
from temper.verify.symbolic.opening import Opening


class OpenInduction(Induction):
    """Shows goals of a family's table to hold for ever, whatever its open constants are.

    Raises `Unencodable` for a table in which a stand-in could be taken for something else.
    """

    def __init__(self, family: Family, ghosts: Ghosts, seconds_max: float, lemmas: Iterable[Property]) -> None:
        self.opening = Opening(family)
        super().__init__(ghosts, seconds_max, lemmas=lemmas)

    def solver(self) -> z3.Solver:
        """A solver that knows nothing but that no range is empty."""
        self.opening.look_at(self.texts)
        return _OpenSolver(self.opening)


class _OpenSolver(z3.Solver):  # type: ignore[misc]  # the solver says nothing of its types
    """A solver for which stand-ins are constants of which nothing is known."""

    def __init__(self, opening: Opening) -> None:
        context = z3.main_ctx()
        super().__init__(z3.Z3_mk_simple_solver(context.ref()), context)
        self.opening = opening
        self.add(*opening.facts)

    def assert_exprs(self, *formulas: Any) -> None:
        """Everything that the solver is told comes by here."""
        super().assert_exprs(*(self.opening.opened(each) if z3.is_expr(each) else each for each in formulas))


def lifted(lemmas: Iterable[Property], family: Family, member: TransitionTable) -> Iterator[Property]:
    """Lemmas about a member as they may be true of the family; a number that a constant has may stand for it."""
    stands_for = {value: number for number, value in family.of(member).items()}
    for lemma in lemmas:
        whole = [part for each in (lemma.whenever, lemma.body) if each is not None for part in parts(each)]
        if any(_lists(part.type) for part in whole):
            continue
        yield lemma
        if any(_is_number(part) and part.value in stands_for for part in whole):
            whenever = None if lemma.whenever is None else _with_constants(lemma.whenever, stands_for)
            body = _with_constants(lemma.body, stands_for)
            yield replace(lemma, name=f"{lemma.name} for every value", whenever=whenever, body=body)


def _lists(type_: Type) -> bool:
    """Whether it has something for each number of a range, which looks otherwise where the range is open."""
    match type_:
        case SetType(IntType()) | MapType(IntType(), _):
            return True
    return False


def _is_number(part: Expression) -> bool:
    return part.op is Op.LITERAL and isinstance(part.type, IntType)


def _with_constants(of: Expression, stands_for: dict[int, int]) -> Expression:
    if _is_number(of):
        return replace(of, value=filled(of.value, stands_for))
    return replace(of, operands=tuple(_with_constants(each, stands_for) for each in of.operands))
