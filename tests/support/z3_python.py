"""Solver terms as Python functions, so that a term can be asked of a million values one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import z3

SIGNS = {
    z3.Z3_OP_ADD: " + ",
    z3.Z3_OP_SUB: " - ",
    z3.Z3_OP_MUL: " * ",
    z3.Z3_OP_AND: " and ",
    z3.Z3_OP_OR: " or ",
    z3.Z3_OP_EQ: " == ",
    z3.Z3_OP_LE: " <= ",
    z3.Z3_OP_LT: " < ",
    z3.Z3_OP_GE: " >= ",
    z3.Z3_OP_GT: " > ",
    z3.Z3_OP_SET_SUBSET: " <= ",
    z3.Z3_OP_SET_INTERSECT: " & ",
}
"""What is written between operands. A set is a `frozenset`."""


def as_python(terms: list[z3.ExprRef]) -> tuple[Callable[[Mapping[str, Any]], tuple[Any, ...]], frozenset[str]]:
    """A function from the values of all constants to the values of the terms, and the names of the constants."""
    writer = _Writer()
    given = ", ".join(writer.name(term) for term in terms)
    source = "\n".join(["def values(given):", *writer.lines, f"    return ({given},)"])
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["values"], frozenset(writer.constants)


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.kept: list[z3.ExprRef] = []
        self.constants: set[str] = set()

    def name(self, term: z3.ExprRef) -> str:
        """The name of the term's value, which is computed once."""
        if term.get_id() not in self.names:
            written = self.written(term)
            self.names[term.get_id()] = name = f"v{len(self.names)}"
            self.kept.append(term)  # an id is free again when its term is
            self.lines.append(f"    {name} = {written}")
        return self.names[term.get_id()]

    def written(self, term: z3.ExprRef) -> str:
        if z3.is_int_value(term):
            return str(term.as_long())
        if z3.is_true(term) or z3.is_false(term):
            return str(z3.is_true(term))
        kind = term.decl().kind()
        if kind == z3.Z3_OP_UNINTERPRETED and term.num_args() == 0:
            self.constants.add(str(term.decl().name()))
            return f"given[{term.decl().name()!r}]"
        operands = [self.name(each) for each in term.children()]
        if kind in SIGNS:
            return SIGNS[kind].join(operands)
        match kind:
            case z3.Z3_OP_NOT:
                return f"not {operands[0]}"
            case z3.Z3_OP_UMINUS:
                return f"-{operands[0]}"
            case z3.Z3_OP_ITE:
                return f"{operands[1]} if {operands[0]} else {operands[2]}"
            case z3.Z3_OP_SELECT:
                return f"{operands[1]} in {operands[0]}"
            case z3.Z3_OP_STORE:
                return f"{operands[0]} | {{{operands[1]}}} if {operands[2]} else {operands[0]} - {{{operands[1]}}}"
            case z3.Z3_OP_CONST_ARRAY if z3.is_false(term.arg(0)):
                return "frozenset()"
        raise AssertionError(f"nobody said what {term.decl()} means in Python")
