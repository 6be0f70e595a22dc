"""A row taken by anyone, at any time: nothing is known of what is pending or armed, and so nothing asked of it.

That is more than the machine does (`moves` lists what it does), and all that can be said of a table whose ranges are
left open.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import z3

from temper.machine import PRINCIPAL, Action, Entity, Type
from temper.verify.obligations import Row
from temper.verify.symbolic.shapes import Term, Unencodable, sorts, within
from temper.verify.symbolic.system import AnySystem, System
from temper.verify.symbolic.taking import Known, Taking


@dataclass(frozen=True, slots=True)
class Taken:
    """One row, taken by the instance `ident` with these arguments, if all of `conditions` hold."""

    row: Row
    ident: z3.ExprRef
    args: Mapping[str, Term]
    conditions: tuple[z3.BoolRef, ...]
    after: System
    mentioned: tuple[tuple[str, z3.ExprRef], ...]
    """References that the step brings in: entity and id."""


def take(before: AnySystem, entity: Entity, action: Action, row: Row) -> Taken:
    """The row, taken from the system with any arguments."""
    ident = z3.Int(f"self.{entity.name}")
    conditions = [ident >= 0]

    def anything(type_: Type, name: str) -> Term:
        term = tuple(z3.FreshConst(sort, name) for sort in sorts(type_))
        conditions.append(within(type_, term))
        return term

    args = Known()
    for param in action.params:
        with suppress(Unencodable):
            args[param.name] = anything(param.type, f"arg.{param.name}")
    taking = Taking(
        None, before, before.texts, entity, action, row,
        ident=ident, args=args, caller=anything(PRINCIPAL, "caller"), conditions=(), is_exact=False,
    )  # fmt: skip
    fits = (each for each in (*(fits for _, fits in taking.fits), *taking.distinct) if each is not None)
    found = (*conditions, *taking.conditions, *taking.laws, *fits)
    return Taken(row, ident, args, found, taking.after, tuple(taking.mentioned))
