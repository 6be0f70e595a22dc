"""Lemmas from counterexamples: what the samples never show, and a counterexample to induction does.

A counterexample is a system that nobody has shown to be out of reach. What atoms say of an instance in it, or of two,
is a conjunction; the fewer of its parts are kept the stronger is the lemma that it never holds, as long as no sample
has them all (the diagrams of Karbyshev, Bjørner, Itzhaky, Rinetzky and Shoham, *Property-directed inference of
universal invariants*, 2015, weakened by examples instead of by the solver).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from hashlib import sha256
from operator import and_

from temper.machine import BOOL, Expression, Op, Property, PropertyKind, RefType, SetType, text
from temper.verify.symbolic.atoms import Atoms, K, Kind, X, Y, kinds, negated
from temper.verify.symbolic.counterexample import Decoded
from temper.verify.symbolic.samples import Samples, tuples

LITERALS_MAX = 4
FOUND_MAX = 60
"""So many lemmas from one look at a counterexample are enough."""
LEMMA = "lemma:"


class Clauses:
    """Lemmas that exclude a system, the simplest first."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.kinds = tuple(kinds(samples.ghosts.table))

    def excluding(self, found: Decoded, asked: frozenset[tuple[str, str]]) -> Iterator[Property]:
        """Lemmas for which some instances of the system are in the way, the simplest first.

        What speaks of fields on which nothing was built cannot settle a question, and comes last.
        """
        entities = {address.entity for address in found.view}
        open_: list[tuple[Kind, int]] = []
        for kind in self.kinds:
            if kind.x not in entities or (kind.y and kind.y not in entities) or not self.samples.masks(kind):
                continue
            look = self.samples.atoms(kind).mask
            open_ += dict.fromkeys((kind, look(found.view, *tuple_)) for tuple_ in tuples(found.view, kind))
        for is_near in (True, False):
            ranked: list[tuple[int, int, tuple[int, ...]]] = []
            for place, (kind, mask) in enumerate(open_):
                atoms = self.samples.atoms(kind)
                near = mask & atoms.about(asked)
                if not is_near and near == mask:
                    continue
                for chosen in hitting_sets(near if is_near else mask, self.samples.masks(kind)):
                    ranked.append((self._weight(atoms, chosen), place, chosen))
            for _, place, chosen in sorted(ranked):
                yield property_of(self.samples.atoms(open_[place][0]), chosen)

    def _weight(self, atoms: Atoms, chosen: Sequence[int]) -> int:
        """How much there is to a lemma: what speaks of two, of what is pending, or of numbers is heavier."""
        ends = [end for end in (atoms.kind.x, atoms.kind.y) if end]
        found = 14 * (len(ends) - 1) + 14 * sum(end in self.samples.ghosts.hidden for end in ends)
        for at in chosen:
            found += 4 + atoms.heaviness[at]
        return found


def hitting_sets(mask: int, samples: Sequence[int]) -> list[tuple[int, ...]]:
    """The least sets of literals of the mask that no sample has all of, up to `LITERALS_MAX` and `FOUND_MAX`.

    >>> hitting_sets(0b0111, [0b0011, 0b1101])
    [(1, 2)]
    """
    missing = sorted({mask & ~sample for sample in samples}, key=int.bit_count)
    if not missing or not missing[0]:
        return []
    lacking: list[int] = []
    for each in missing:
        for other in lacking:
            if not other & ~each:
                break
        else:
            lacking.append(each)
    found: list[int] = []

    def add(chosen: int) -> None:
        if all(other & ~chosen for other in found):
            found.append(chosen)

    def go(chosen: int, left: int, tried: int) -> None:
        missed = [each for each in lacking if not each & chosen]
        if not missed:
            add(chosen)
        elif len(found) < FOUND_MAX:
            # The last literal has to be in all that is missed; with more to come, in the first of it.
            ways = (missed[0] if left > 1 else reduce(and_, missed)) & ~tried
            while ways:
                bit = ways & -ways
                ways ^= bit
                if left > 1:
                    go(chosen | bit, left - 1, tried)
                    tried |= bit  # whatever has it was found there
                else:
                    add(chosen | bit)

    for most in range(1, LITERALS_MAX + 1):
        go(0, most, 0)
    return [tuple(at for at in range(each.bit_length()) if each >> at & 1) for each in found]


def _nodes(whole: Expression) -> Iterator[Expression]:
    yield whole
    for operand in whole.operands:
        yield from _nodes(operand)


def property_of(atoms: Atoms, chosen: Sequence[int]) -> Property:
    """That the literals never hold together."""
    kind = atoms.kind
    literals = sorted((atoms.literals[at] for at in chosen), key=_is_conclusion)
    *premises, last = literals
    if kind.x == kind.y:
        x, y = (Expression(Op.VARIABLE, RefType(kind.x), name=name) for name in (X, Y))
        premises.insert(0, negated(Expression(Op.EQ, BOOL, (x, y))))
    variables = ((X, kind.x), (Y, kind.y)) if kind.y else ((X, kind.x),)
    premise = None if not premises else premises[0] if len(premises) == 1 else Expression(Op.AND, BOOL, tuple(premises))
    body = negated(last)
    if kind.key is not None:
        every = Expression(Op.VALUES, SetType(kind.key))
        met = premise or Expression(Op.LITERAL, BOOL, value=True)
        body, premise = Expression(Op.ALL, BOOL, (every, met, body), name=K), None
    lemma = Property("", PropertyKind.ALWAYS, variables, premise, body)
    return replace(lemma, name=f"{LEMMA}{said(lemma)} #{_digest(lemma)}")


def _digest(lemma: Property) -> str:
    """What a lemma is, beyond how it reads: proofs know it by its name, and two may read alike and differ."""
    return sha256(repr((lemma.variables, lemma.whenever, lemma.body)).encode()).hexdigest()[:16]


def _is_conclusion(literal: Expression) -> tuple[bool, bool]:
    """States and what is positive are better premises than conclusions."""
    is_state = any(node.op is Op.READ and node.name == "state" for node in _nodes(literal))
    return not is_state, literal.op is Op.NOT


def is_lemma(property_: Property) -> bool:
    """Whether it was found here, and not written by the author."""
    return property_.name.startswith(LEMMA)


def said(lemma: Property) -> str:
    """The lemma as a blueprint would say it.

    >>> said(Property("l", PropertyKind.ALWAYS, (("x", "Job"),), None, Expression(Op.LITERAL, BOOL, value=True)))
    'for x in Job: True'
    """
    whose = f"for {', '.join(f'{name} in {entity}' for name, entity in lemma.variables)}: " if lemma.variables else ""
    premise = "" if lemma.whenever is None else f"whenever {text(lemma.whenever)}, "
    return f"{whose}{premise}{text(lemma.body)}"
