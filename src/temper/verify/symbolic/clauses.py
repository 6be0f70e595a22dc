"""Lemmas from counterexamples: what the samples never show, and a counterexample to induction does.

A counterexample is a system that nobody has shown to be out of reach. What atoms say of an instance in it, or of two,
is a conjunction; the fewer of its parts are kept the stronger is the lemma that it never holds, as long as no sample
has them all (the diagrams of Karbyshev, Bjørner, Itzhaky, Rinetzky and Shoham, *Property-directed inference of
universal invariants*, 2015, weakened by examples instead of by the solver).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from heapq import heappop, heappush

from temper.machine import BOOL, Expression, Op, Property, PropertyKind, RefType, SetType, text
from temper.verify.symbolic.atoms import Atoms, K, Kind, X, Y, kinds, negated
from temper.verify.symbolic.counterexample import Decoded
from temper.verify.symbolic.hitting import Hitting
from temper.verify.symbolic.samples import Samples, tuples

FAR = 100
"""What a lemma weighs more if it speaks of fields on which nothing was built."""
LEMMA = "lemma:"


class Clauses:
    """Lemmas that exclude a system, the simplest first."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.kinds = tuple(kinds(samples.ghosts.table))
        self._hittings: dict[Kind, Hitting] = {}

    def excluding(self, found: Decoded, asked: frozenset[tuple[str, str]]) -> Iterator[tuple[int, Property]]:
        """Lemmas for which some instances of the system are in the way, the simplest first, with what they weigh.

        What speaks of fields on which nothing was built cannot settle a question, and comes last.
        """
        entities = {address.entity for address in found.near}
        open_: list[tuple[Kind, int]] = []
        for kind in self.kinds:
            if kind.x not in entities or (kind.y and kind.y not in entities) or not self.samples.masks(kind):
                continue
            look = self.samples.atoms(kind).mask
            open_ += dict.fromkeys((kind, look(found.view, *tuple_)) for tuple_ in tuples(found.near, kind))
        open_.sort(key=lambda each: self._least(each[0]))
        for is_near in (True, False):
            ranked: list[tuple[int, int, tuple[int, ...]]] = []
            for place, (kind, mask) in enumerate(open_):
                while ranked and ranked[0][0] < self._least(kind):  # what is to come is no simpler
                    yield self._made(heappop(ranked), open_, is_near=is_near)
                atoms = self.samples.atoms(kind)
                near = mask & atoms.about(asked)
                if not is_near and near == mask:
                    continue
                for chosen in self._hitting(kind).sets(near if is_near else mask):
                    heappush(ranked, (self._weight(atoms, chosen), place, chosen))
            while ranked:
                yield self._made(heappop(ranked), open_, is_near=is_near)

    def _hitting(self, kind: Kind) -> Hitting:
        if kind not in self._hittings:
            self._hittings[kind] = Hitting(self.samples.masks(kind), len(self.samples.atoms(kind).literals))
        return self._hittings[kind]

    def _made(
        self, ranked: tuple[int, int, tuple[int, ...]], open_: Sequence[tuple[Kind, int]], *, is_near: bool
    ) -> tuple[int, Property]:
        weight, place, chosen = ranked
        return weight + FAR * (not is_near), property_of(self.samples.atoms(open_[place][0]), chosen)

    def _least(self, kind: Kind) -> int:
        """What a lemma of the kind weighs at least."""
        ends = [end for end in (kind.x, kind.y) if end]
        return 14 * (len(ends) - 1) + 14 * sum(end in self.samples.ghosts.hidden for end in ends)

    def _weight(self, atoms: Atoms, chosen: Sequence[int]) -> int:
        """How much there is to a lemma: what speaks of two, of what is pending, or of numbers is heavier."""
        return self._least(atoms.kind) + sum(4 + atoms.heaviness[at] for at in chosen)


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
