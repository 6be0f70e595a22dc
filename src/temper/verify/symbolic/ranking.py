"""Promises by ranking: `whenever … eventually …`, for any number of instances and all values.

All that the subject of a promise can do while it is owed is laid out as a graph of outlines. A run that owes it for
ever stays in a strongly connected part of that graph; if every such part leaves something pending or armed for ever,
or asks again and again for an outcome that is assumed to come and never has it, no fair run does (semantics.md
section 5). Then the parts, in the order in which they lead to each other, are a ranking: every fair run goes down, and
there is no way to go down for ever.

An outline has every run that a system has, and more; what its fairness asks, every fair run of a system keeps. So a
promise that is not proved here is not refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from time import monotonic

from temper.machine import Finding, Property, PropertyKind, Proved, Request, TransitionTable, Unknown, Verdict, text
from temper.verify.explicit.components import Component, fair_components, strongly_connected
from temper.verify.explicit.graph import Bits, Edge, Node
from temper.verify.substitution import as_written
from temper.verify.symbolic.draft import Armed, Asked, Move, Outline, Owed, TooManyError
from temper.verify.symbolic.figures import figures
from temper.verify.symbolic.outline import Outlines
from temper.verify.symbolic.possible import Values, truth

OUTLINES_MAX = 5_000
"""So many outlines are gone through for one promise at most."""
COMES = "what is pending comes"
PLACES_MAX = 8
"""So many places are named, and no more."""
NO_SUBJECT = "construct: a ranking follows one instance, and this promise is about none, or several"


def ranked(table: TransitionTable, *, seconds_max: float) -> tuple[Finding, ...]:
    """A finding for each `eventually` of the table."""
    until = monotonic() + seconds_max
    promises = [each for each in table.properties if each.kind is PropertyKind.EVENTUALLY]
    return tuple(Finding(each.name, rank(table, each, until - monotonic())) for each in promises)


def rank(table: TransitionTable, property_: Property, seconds_max: float) -> Verdict:
    """The promise proved, or unknown because no ranking was found; few facts are looked at first, then more.

    >>> from temper.machine import BOOL, Expression, Op
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> goal = Expression(Op.LITERAL, BOOL, value=True)
    >>> rank(empty, Property("p", PropertyKind.EVENTUALLY, (), None, goal), 1).because == NO_SUBJECT
    True
    """
    assert property_.kind is PropertyKind.EVENTUALLY, "a ranking proves that something comes"
    until = monotonic() + seconds_max
    verdict: Verdict = Unknown(NO_SUBJECT)
    for numbers in (False, True):
        those = figures(table, property_, numbers=numbers)
        if not those:
            break
        try:
            verdict = _Ranking(Outlines(table, those), property_, until).verdict()
        except TooManyError as stopped:
            return verdict if verdict != Unknown(NO_SUBJECT) else Unknown(f"ranking: {stopped.because}")
        if isinstance(verdict, Proved):
            break
    return verdict


@dataclass(frozen=True, slots=True)
class _Seen:
    """One outline while the promise is looked at: what it leads to, and what the promise says of it."""

    outline: Outline
    moves: tuple[Move, ...]
    is_asked: bool
    is_open: bool
    """Whether the goal may still be to come."""


class _Ranking:
    def __init__(self, outlines: Outlines, property_: Property, until: float) -> None:
        self.outlines, self.property, self.until = outlines, property_, until
        self.variables: dict[str, Values] = {
            name: frozenset({outlines.figures[0].ident}) for name, _ in property_.variables
        }
        self.debts, self.insistences = Bits(), Bits()
        self.numbers: dict[Outline, int] = {}
        self.seen: list[_Seen] = []

    def verdict(self) -> Verdict:
        self._explore()
        nodes = {number: self._node(seen) for number, seen in enumerate(self.seen) if seen.is_open}
        region = self._owing(nodes)
        nodes = {number: nodes[number] for number in region}
        every = (1 << len(self.debts.numbers)) - 1
        outcomes = self._strong(lambda asked: isinstance(asked, Asked))
        stuck = next(fair_components(nodes, weak=every, strong=outcomes), None)
        if stuck is None:
            return Proved(f"by ranking: {self._order(nodes)}")
        if next(fair_components(nodes, weak=every, strong=self._strong(lambda _: True)), None) is None:
            return Proved(f"by ranking: {self._order(nodes)}, as no number in a range rises or falls for ever")
        return Unknown(f"ranking: {self._stays(stuck)}")

    def _strong(self, counts: Callable[[Hashable], bool]) -> int:
        """Those of what comes only with something else that count."""
        return sum(1 << bit for asked, bit in self.insistences.numbers.items() if counts(asked))

    def _explore(self) -> None:
        waiting = [self.outlines.start()]
        self.numbers[waiting[0]] = 0
        for outline in waiting:
            if len(waiting) > OUTLINES_MAX or monotonic() > self.until:
                raise TooManyError(f"{OUTLINES_MAX:,} outlines of it, or its time, are not enough")
            moves = tuple(dict.fromkeys(self.outlines.moves(outline)))
            for move in moves:
                if move.after not in self.numbers:
                    self.numbers[move.after] = len(waiting)
                    waiting.append(move.after)
            guess = self.outlines.guess(outline, self.variables)
            exists = self.outlines.exists(outline)
            self.seen.append(
                _Seen(
                    outline,
                    moves,
                    is_asked=exists and True in truth(self.property.whenever, guess),
                    is_open=exists and False in truth(self.property.body, guess),
                )
            )

    def _owing(self, nodes: dict[int, Node]) -> set[int]:
        """The outlines in which the promise may be owed: where it is asked for, and what follows until it is met."""
        waiting = [number for number in nodes if self.seen[number].is_asked]
        found = set(waiting)
        while waiting:
            for edge in nodes[waiting.pop()].edges:
                if edge.target in nodes and edge.target not in found:
                    found.add(edge.target)
                    waiting.append(edge.target)
        return found

    def _node(self, seen: _Seen) -> Node:
        edges = (
            Edge(
                self.numbers[move.after],
                self.debts.of(move.paid),
                self.insistences.of(self._asked(move)),
                self.insistences.of(self._kept(move)),
            )
            for move in seen.moves
        )
        return Node(self.debts.of(self.outlines.owed(seen.outline)), tuple(dict.fromkeys(edges)))

    def _asked(self, move: Move) -> Iterator[Hashable]:
        """What comes again and again only if something else does: see `_kept`.

        That is an assumed outcome where a settlement might have had it, and the fall of a number that is raised, or the
        rise of one that is lowered.
        """
        yield from self._insisted(move)
        for owner, field, span in move.turns:
            if span.least > 0:
                yield owner, field, "falls"
            if span.most < 0:
                yield owner, field, "rises"

    def _kept(self, move: Move) -> Iterator[Hashable]:
        yield from (asked for asked in self._insisted(move) if asked == move.settled)
        for owner, field, span in move.turns:
            if span.least < 0:
                yield owner, field, "falls"
            if span.most > 0:
                yield owner, field, "rises"

    def _insisted(self, move: Move) -> Iterator[Asked]:
        """The assumed outcomes that the move, a settlement, might have had."""
        if move.settled is not None:
            request = self.outlines.templates[move.settled.site]
            assert isinstance(request, Request), "only requests are settled"
            for effect, outcome in self.property.assuming:
                if effect == request.effect:
                    yield move.settled._replace(outcome=outcome)

    # What is said of it.

    def _order(self, nodes: dict[int, Node]) -> str:
        """The places in the order in which runs go down, and what makes them go on from each."""
        goal = f"`{text(as_written(self.property.body))}`"
        if not any(seen.is_asked for seen in self.seen):
            return "it is never asked for"
        if not nodes:
            return f"whenever it is asked for, {goal} holds already"
        said: dict[str, frozenset[str]] = {}
        for part in reversed([*strongly_connected(nodes, Component(frozenset(nodes)))]):
            for number in sorted(part):
                place, comes = self._place(number), self._comes(self.seen[number].outline)
                said[place] = said.get(place, comes) & comes
        steps = [f"from {place} as {' and '.join(sorted(comes)) or COMES}" for place, comes in said.items()]
        more = [] if len(steps) <= PLACES_MAX else [f"from {len(steps) - PLACES_MAX} places more"]
        return f"{'; '.join([*steps[:PLACES_MAX], *more])}; down to {goal}"

    def _stays(self, stuck: Component) -> str:
        places = list(dict.fromkeys(self._place(number) for number in sorted(stuck.states)))
        shown = ", ".join(places[:PLACES_MAX]) + (", …" if len(places) > PLACES_MAX else "")
        return f"for all that one instance shows, it may go on for ever at {shown}"

    def _place(self, number: int) -> str:
        """Where the figures stand, in the words of the blueprint."""
        stands = self.seen[number].outline.stands
        others = zip(self.outlines.figures[1:], stands[1:], strict=True)
        return " with ".join(
            [f"`{stands[0].control}`", *(f"`{figure.into}` `{stand.control}`" for figure, stand in others)]
        )

    def _comes(self, outline: Outline) -> frozenset[str]:
        """What does not stay pending or armed there."""
        return frozenset(map(self._said, self.outlines.owed(outline)))

    def _said(self, debt: Owed) -> str:
        if isinstance(debt, Armed):
            return f"`{debt.timer}` fires"
        template = self.outlines.templates[debt.site]
        if isinstance(template, Request):
            assumed = [outcome for effect, outcome in self.property.assuming if effect == template.effect]
            last = f", at last as {' and '.join(f'`{outcome}`' for outcome in assumed)}" if assumed else ""
            return f"`{template.effect}` is settled{last}"
        return f"`{template.action}` is {'delivered' if debt.kind != 'refusal' else 'refused'}"
