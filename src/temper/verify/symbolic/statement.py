"""Candidates as formulas, worked out once: what is read of a system has a name, and each system says what that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import z3

from temper.machine import Property, RefType, SetType, TransitionTable
from temper.verify.symbolic.algebra import View
from temper.verify.symbolic.goals import holds, witnesses
from temper.verify.symbolic.grounding import Everything, Names, everything
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, sorts

Pairs = list[tuple[z3.ExprRef, z3.ExprRef]]
_EVERYBODY = ""


class Statement:
    """An `always` property of some instances, of which any system can be asked. Raises `Unencodable`.

    `said` is what follows if it holds, and `denied` if it does not: with names for what there then is, the same names
    for every statement, since of several it is asked whether one is broken.
    """

    def __init__(self, candidate: Property, table: TransitionTable, texts: Texts) -> None:
        self.candidate = candidate
        self.chosen = witnesses(candidate)
        self._read = _Read(table)
        formula = holds(candidate, self._read, self.chosen, texts)
        self.said = everything(formula)
        self.denied = everything(formula, Names("broken"), holds=False)

    @property
    def mark(self) -> z3.BoolRef:
        """Assumed, it says that the candidate holds before the step."""
        return z3.Bool(self.candidate.name)

    def said_of(self, view: View, idents: Sequence[z3.ExprRef]) -> Everything:
        """What the statement says of these instances in the system."""
        return _put(self.said, self._pairs(view, idents))

    def denied_of(self, view: View) -> Everything:
        """What it takes for the statement not to hold of the instances that it is asked of."""
        return _put(self.denied, self._pairs(view, self.chosen))

    def _pairs(self, view: View, idents: Sequence[z3.ExprRef]) -> Pairs:
        """What stands for which name: of an instance that was read from another one only once that is known."""
        pairs = [*zip(self.chosen, idents, strict=True)]
        for entity, ident, name, names in self._read.places:
            whom = z3.substitute(ident, *pairs) if pairs else ident
            found = view.existing(entity) if name == _EVERYBODY else view.read(entity, whom, name)
            pairs += zip(names, found, strict=True)
        return pairs


def _put(of: Everything, pairs: Pairs) -> Everything:
    return replace(of, condition=z3.substitute(of.condition, *pairs)) if pairs else of


class Remembered:
    """A system that is asked the same again and again, and works it out once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._found: dict[tuple[str, int, str], tuple[Term, z3.ExprRef | None]] = {}
        """What was read, and of whom: a number is an instance's own only as long as it is kept."""

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        key = entity, ident.get_id(), name
        if key not in self._found:
            self._found[key] = self.view.read(entity, ident, name), ident
        return self._found[key][0]

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        return self.view.exists(entity, ident)

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        key = entity, NOTHING, _EVERYBODY
        if key not in self._found:
            self._found[key] = self.view.existing(entity), None
        return self._found[key][0]


class _Read:
    """A system of which is noted down what was read."""

    def __init__(self, table: TransitionTable) -> None:
        self.table = table
        self.places: list[tuple[str, z3.ExprRef, str, Term]] = []
        self._names: dict[tuple[str, int, str], Term] = {}

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        declared = self.table.entity(entity).fields
        wanted = (z3.IntSort(),) if name == "state" else sorts(next(f.type for f in declared if f.name == name))
        return self._name(entity, ident, name, wanted)

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        return self.read(entity, ident, "state")[0] != NOTHING

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        return self._name(entity, z3.IntVal(NOTHING), _EVERYBODY, sorts(SetType(RefType(entity))))

    def _name(self, entity: str, ident: z3.ExprRef, name: str, wanted: Sequence[z3.SortRef]) -> Term:
        key = entity, ident.get_id(), name
        if key not in self._names:
            self._names[key] = tuple(z3.FreshConst(sort, f"{entity}.{name}") for sort in wanted)
            self.places.append((entity, ident, name, self._names[key]))
        return self._names[key]
