"""Quantifiers taken away: what there is gets a name, and what holds of everything is said of the terms at hand.

A solver answers small questions without quantifiers in milliseconds; with them its answer is a matter of luck. What is
said of a few terms is less than what is said of everything, so a contradiction in it is one of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import z3

INSTANCES_MAX = 400
"""For so many choices of terms at most a formula is said; the rest of the proof does without."""

Naming = Callable[[z3.SortRef], z3.ExprRef]
"""A name for something that there is."""


@dataclass(frozen=True, slots=True)
class Everything:
    """A condition without quantifiers that holds whatever the `bound` names stand for."""

    bound: tuple[z3.ExprRef, ...]
    condition: z3.BoolRef
    named: tuple[z3.ExprRef, ...] = ()
    """What there is, whatever the bound names stand for."""

    def of(self, terms: Sequence[z3.ExprRef]) -> Iterator[z3.BoolRef]:
        """What it says of the terms, for every choice of them."""
        if not self.bound:
            yield self.condition
            return
        sorts = [term.sort() for term in terms]
        choices = product(
            *([term for term, sort in zip(terms, sorts, strict=True) if sort == name.sort()] for name in self.bound)
        )
        for chosen in islice(choices, INSTANCES_MAX):
            yield z3.substitute(self.condition, *zip(self.bound, chosen, strict=True))


def everything(formula: z3.BoolRef, name: Naming | None = None, *, holds: bool = True) -> Everything:
    """What follows from the formula, or from its opposite, with every quantifier at the front.

    A quantifier in a place where it cannot be moved from (inside a number, or a set) says nothing any more.

    >>> place = z3.Int("place")
    >>> found = everything(z3.ForAll([place], place > 0))
    >>> list(found.of([z3.Int("x"), z3.Int("y")]))
    [x > 0, y > 0]
    """
    moving = _Moving(name or (lambda sort: z3.FreshConst(sort, "some")))
    condition = moving.moved(formula, (), holds=holds)
    return Everything(tuple(moving.bound), condition, tuple(moving.named))


class Names:
    """Names that are the same in every formula in which nothing else is named: `some.1`, `some.2` and so on."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.count = prefix, 0

    def __call__(self, sort: z3.SortRef) -> z3.ExprRef:
        self.count += 1
        return z3.Const(f"{self.prefix}.{sort}.{self.count}", sort)


class _Moving:
    def __init__(self, name: Naming) -> None:
        self.name = name
        self.bound: list[z3.ExprRef] = []
        self.named: list[z3.ExprRef] = []
        self.seen: dict[int, tuple[bool, z3.ExprRef]] = {}

    def moved(self, formula: z3.BoolRef, within: tuple[z3.ExprRef, ...], *, holds: bool) -> z3.BoolRef:
        """The formula, or its opposite, without quantifiers, where all that is bound in `within` is seen."""
        if not self.quantifies(formula):
            return formula if holds else z3.Not(formula)
        if z3.is_quantifier(formula):
            return self.instance(formula, within, holds=holds)
        parts = formula.children()
        if z3.is_not(formula):
            return self.moved(parts[0], within, holds=not holds)
        if z3.is_implies(formula):
            return self.any_of([(parts[0], not holds), (parts[1], holds)], within, all_of=not holds)
        if z3.is_and(formula) or z3.is_or(formula):
            return self.any_of([(part, holds) for part in parts], within, all_of=z3.is_and(formula) == holds)
        if z3.is_app_of(formula, z3.Z3_OP_ITE):
            condition, then, otherwise = parts
            yes = self.any_of([(condition, False), (then, holds)], within, all_of=False)
            no = self.any_of([(condition, True), (otherwise, holds)], within, all_of=False)
            return z3.And(yes, no)
        if z3.is_eq(formula) and z3.is_bool(parts[0]):
            left, right = parts
            yes = self.any_of([(left, False), (right, holds)], within, all_of=False)
            no = self.any_of([(left, True), (right, not holds)], within, all_of=False)
            return z3.And(yes, no)
        return z3.BoolVal(True)

    def any_of(
        self, parts: Iterable[tuple[z3.BoolRef, bool]], within: tuple[z3.ExprRef, ...], *, all_of: bool
    ) -> z3.BoolRef:
        found = [self.moved(part, within, holds=holds) for part, holds in parts]
        return z3.And(found) if all_of else z3.Or(found)

    def instance(self, formula: z3.QuantifierRef, within: tuple[z3.ExprRef, ...], *, holds: bool) -> z3.BoolRef:
        sorts = [formula.var_sort(at) for at in range(formula.num_vars())]
        if formula.is_forall() == holds:
            places = [z3.FreshConst(sort, "each") for sort in sorts]
            self.bound += places
            within = (*within, *places)
        else:
            places = [self.some(sort, within) for sort in sorts]
        body = z3.substitute_vars(formula.body(), *reversed(places))
        return self.moved(body, within, holds=holds)

    def some(self, sort: z3.SortRef, within: tuple[z3.ExprRef, ...]) -> z3.ExprRef:
        """What there is, where so much is bound: it may be another one for each choice of that."""
        if not within:
            found = self.name(sort)
            self.named.append(found)
            return found
        return z3.FreshFunction(*(each.sort() for each in within), sort)(*within)

    def quantifies(self, term: z3.ExprRef) -> bool:
        """Whether there is a quantifier anywhere inside. A set written as a condition on its members is none."""
        key = term.get_id()
        if key not in self.seen:
            if z3.is_quantifier(term):
                found = not term.is_lambda() or self.quantifies(term.body())
            else:
                found = any(map(self.quantifies, term.children()))
            self.seen[key] = found, term
        return self.seen[key][0]
