"""Following one order of independent steps says what following all of them says, and what it leaves out is independent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.engines import told, without_promises
from support.examples import EXAMPLES, names
from support.random_tables import PLANT, STATES, random_tables
from temper.machine import (
    BOOL,
    Action,
    Case,
    Cut,
    EnumType,
    Expression,
    Gate,
    Op,
    OptionType,
    Parameter,
    Property,
    PropertyKind,
    RefType,
    Step,
    System,
    TransitionTable,
    Universe,
    Update,
    universe,
)
from temper.pipeline import build
from temper.verify import NO_REDUCTIONS, Budget, Reductions
from temper.verify.explicit import PlainSearch
from temper.verify.explicit.ordered import OrderedSearch
from temper.verify.explicit.permuting import Permuting
from temper.verify.symmetry import Alike

STATES_MAX = 1_500
BESIDES = (NO_REDUCTIONS, replace(NO_REDUCTIONS, slicing=True), Reductions(partial_order=False))
RULES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # shrinking a table takes longer than reading it
    suppress_health_check=list(HealthCheck),
)


def several(table: TransitionTable) -> TransitionTable:
    """The table with two instances of whatever is not single, where plants are told of each other by people."""
    counts = tuple((entity.name, 2) for entity in table.entities if not entity.single)
    peer = OptionType(PLANT)
    told = Update("peer", None, Expression(Op.ARGUMENT, peer, name="peer"))
    meet = Action(
        "meet", Gate.ROLES, ("keeper",), (Parameter("peer", peer),), STATES[:1], None, (told,), (Case(None, (), None),)
    )
    entities = tuple(
        replace(entity, actions=(*entity.actions, meet)) if entity.name == "Plant" else entity
        for entity in table.entities
    )
    return replace(table, entities=entities, scope=replace(table.scope, instances=counts))


def in_state(variable: str, entity: str, state: str) -> Expression:
    kind = EnumType(f"{entity}.state", STATES)
    reference = Expression(Op.VARIABLE, RefType(entity), name=variable)
    read = Expression(Op.READ, kind, (reference,), name="state")
    return Expression(Op.EQ, BOOL, (read, Expression(Op.LITERAL, kind, value=state)))


def never_together(one: tuple[str, str], other: tuple[str, str]) -> Property:
    """No two instances are ever in these states at once."""
    both = Expression(Op.AND, BOOL, (in_state("x", *one), in_state("y", *other)))
    apart = Expression(Op.NOT, BOOL, (both,))
    return Property("apart", PropertyKind.ALWAYS, (("x", one[0]), ("y", other[0])), None, apart)


def pairs(table: TransitionTable) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    placed = [(entity.name, state) for entity in table.entities if not entity.world for state in STATES]
    return [(one, other) for one, other in product(placed, placed) if one <= other]


def difference(table: TransitionTable, besides: Reductions = NO_REDUCTIONS) -> str:
    """What the search by partial order, and by other reductions, says differently; empty if nothing."""
    within = universe(table)
    plain = PlainSearch(table, within)
    plain.go(Budget(STATES_MAX, 600))
    if plain.exploration.stopped:
        return "too large"
    questions = plain.docket.questions.values()
    is_wrong = bool(plain.docket.cuts) or any(q.spurious or _is_refuted(q.verdict) for q in questions)
    ordered = OrderedSearch(PlainSearch(table, within, reductions=besides))
    ordered.go(Budget(STATES_MAX, 600))
    if is_wrong:
        return "" if ordered.found else "what is wrong was not found"
    if ordered.found:
        return f"found what is not there: {ordered.found}"
    if len(ordered.exploration.states) > len(plain.exploration.states):
        return "more states than there are"
    if besides == NO_REDUCTIONS and not set(ordered.exploration.states) <= set(plain.exploration.states):
        return "states that are not there"
    mine, other = told(ordered.report()), told(plain.report())
    names = [finding.name for finding in plain.report().findings]
    return "; ".join(
        f"{name}: {mine[name]}, not {other[name]}" for name in names if _words(mine[name]) != _words(other[name])
    )


def _is_refuted(verdict: object) -> bool:
    return type(verdict).__name__ == "Refuted"


def _words(said: object) -> tuple[object, ...]:
    """All but how long a run is that shows something to be possible."""
    assert isinstance(said, tuple)
    return said[:3]


def test_verdicts_stay_the_same_on_random_tables() -> None:
    seen: Counter[str] = Counter()

    @RULES
    @given(random_tables(), st.sets(st.sampled_from(STATES[:2])), st.sampled_from(BESIDES), st.data())
    def law(drawn: TransitionTable, waits: set[str], besides: Reductions, data: st.DataObject) -> None:
        rests = tuple(state for state in STATES if state in waits)
        entities = tuple(e if e.world else replace(e, waits=rests) for e in drawn.entities)
        table = several(replace(drawn, entities=entities))
        joined = data.draw(st.sampled_from(pairs(table)))
        table = replace(table, properties=(*table.properties, never_together(*joined)))
        found = difference(table, besides)
        seen[found or "compared"] += 1
        assert found in {"", "too large"}, found

    law()
    assert seen["compared"] >= 0.7 * seen.total(), seen


@pytest.mark.parametrize("example", names())
def test_verdicts_stay_the_same_on_every_example(example: str) -> None:
    built = build(EXAMPLES / example)
    assert built.table is not None
    table = without_promises(built.table)
    within = universe(table)
    plain = PlainSearch(table, within)
    plain.go(Budget(10_000, 600))
    assert not plain.exploration.stopped
    ordered = OrderedSearch(PlainSearch(table, within))
    ordered.go(Budget(10_000, 600))
    assert ordered.is_done
    mine, other = ordered.report(), plain.report()
    assert [(f.name, type(f.verdict), f.vacuous) for f in mine.findings] == [
        (f.name, type(f.verdict), f.vacuous) for f in other.findings
    ]
    assert len(ordered.exploration.states) <= len(plain.exploration.states)


# What is left out is independent.

WALK_MAX = 10
"""How many systems are looked at that others lead to while the chosen wait."""
Key = tuple[object, ...]


class Chosen(OrderedSearch):
    """A search by partial order that holds each choice against the relation.

    Which id a spawn takes is a mere name, where nobody can know it before.
    """

    def __init__(self, table: TransitionTable, within: Universe) -> None:
        super().__init__(PlainSearch(table, within))
        self.walked = 0
        ids = dict(within.ids)
        nameless = sorted(self.order.clusters.prospects.nameless)
        classes = tuple(Alike(RefType(name), ids[name]) for name in nameless if len(ids[name]) > 1)
        self.unnamed = Permuting(table, classes).canonical if classes else lambda system: system

    def _followed(self, number: int, system: System) -> list[Step | Cut]:
        followed = list(super()._followed(number, system))
        members = {step.label.address for step in followed}
        if len(followed) < len(list(self.exploration.successors(system))):
            self._wait(system, members)
        return followed

    def _wait(self, system: System, members: set[object]) -> None:
        """Whatever the others do, the chosen can do the same as before, and both orders come to the same.

        Where somebody takes the last id or place, there is a cut in either order, and a search of everything tells it.
        """
        can = set(self._steps(system, members))
        seen, unseen = {system}, [system]
        while unseen and len(seen) < WALK_MAX:
            at = unseen.pop()
            if any(isinstance(step, Cut) for step in self.exploration.successors(at)):
                continue
            mine = self._steps(at, members)
            assert set(mine) == can, "others enable or disable a chosen step"
            for key, afters in self._steps(at, members, others=True).items():
                for after in afters:
                    self._commutes(mine, key, after, members)
                    self.walked += 1
                    if after not in seen:
                        seen.add(after)
                        unseen.append(after)

    def _commutes(self, mine: dict[Key, set[System]], key: Key, after: System, members: set[object]) -> None:
        later = self._steps(after, members)
        for chosen, results in mine.items():
            if chosen not in later:
                continue
            for result in results:
                there = self._steps(result, members, others=True)
                assert key in there, "a chosen step disables what others can do"
                both = {*map(self.unnamed, there[key])} & {*map(self.unnamed, later[chosen])}
                assert both, "the order of independent steps matters"

    def _steps(self, system: System, members: set[object], *, others: bool = False) -> dict[Key, set[System]]:
        """Where each step of the chosen, or of the others, leads. Cuts end the search anyway."""
        found: dict[Key, set[System]] = {}
        for step in self.exploration.successors(system):
            if isinstance(step, Step) and (step.label.address in members) is not others:
                found.setdefault((step.label, step.timing.consumed), set()).add(step.system)
        return found


def test_what_is_left_out_is_independent() -> None:
    walked: Counter[bool] = Counter()

    @RULES
    @given(random_tables())
    def law(drawn: TransitionTable) -> None:
        table = unbounded(several(drawn))
        search = Chosen(table, universe(table))
        search.go(Budget(12, 600))
        walked[search.walked > 0] += 1

    law()
    assert walked[True] >= 0.3 * walked.total(), walked


def unbounded(table: TransitionTable) -> TransitionTable:
    """With room enough that nothing is cut soon."""
    return replace(table, scope=replace(table.scope, in_flight=3, late=4))
