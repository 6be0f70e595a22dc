"""What settles a question: as little and as simple as will do, of all that excludes its counterexamples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import z3

from support.small import table_of
from temper.machine import BOOL, Address, Expression, Op, Property, PropertyKind, universe
from temper.pipeline import build, family
from temper.verify.symbolic.clauses import LEMMA
from temper.verify.symbolic.counterexample import Decoded, decode
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.goals import Always
from temper.verify.symbolic.induction import Induction
from temper.verify.symbolic.proofs import goals
from temper.verify.symbolic.samples import Samples
from temper.verify.symbolic.settling import settled
from temper.verify.symbolic.shapes import Texts
from temper.verify.symbolic.system import AnySystem

EXAMPLES = Path(__file__).parents[2] / "examples"
NEVER = Expression(Op.LITERAL, BOOL, value=False)


def lemma(name: str) -> Property:
    return Property(f"{LEMMA}{name}", PropertyKind.ALWAYS, (), None, NEVER)


@dataclass
class Puzzle:
    """Counterexamples by number, and which lemmas exclude each: what is left is found until nothing is."""

    excluded: list[set[str]]
    weights: dict[str, int]
    asked: list[set[str]] = field(default_factory=list)
    patience: int = 100

    def ask(self, beliefs: Iterable[str]) -> z3.CheckSatResult:
        self.asked.append({name.removeprefix(LEMMA) for name in beliefs})
        return z3.unsat if self.left() is None else z3.sat

    def left(self) -> int | None:
        return next((at for at, by in enumerate(self.excluded) if not by & self.asked[-1]), None)

    def is_worth_asking(self) -> bool:
        return len(self.asked) < self.patience

    def counterexample(self) -> Decoded:
        return self.system(self.left() or 0)

    def system(self, number: int) -> Decoded:
        return Decoded({}, {}, frozenset({Address("Box", str(number))}))

    def tell(self, _: Iterable[Always], __: Decoded) -> bool:
        return False

    def fields(self) -> frozenset[tuple[str, str]]:
        return frozenset()

    def excluding(self, found: Decoded, _: Collection[object]) -> Iterator[tuple[int, Property]]:
        (address,) = found.near
        for name in sorted(self.excluded[int(address.id)], key=lambda name: self.weights[name]):
            yield self.weights[name], lemma(name)

    def chosen(self, *given_up: str) -> set[str]:
        refused = {f"{LEMMA}{name}" for name in given_up}
        found = settled(self, self.system(0), self, {}, refused)  # type: ignore[arg-type]
        return {name.removeprefix(LEMMA) for name in found}


def test_lemmas_that_settle_a_question_only_together_are_found() -> None:
    puzzle = Puzzle([{"a", "b"}, {"c"}, {"b", "d"}], {"a": 1, "b": 2, "c": 3, "d": 9})
    assert puzzle.chosen() == {"b", "c"}


def test_two_that_are_simple_are_preferred_to_one_that_is_not() -> None:
    weights = {"light": 1, "slight": 2, "heavy": 50}
    puzzle = Puzzle([{"light", "slight", "heavy"}, {"slight", "heavy"}, {"light", "heavy"}], weights)
    assert puzzle.chosen() == {"light", "slight"}
    assert puzzle.chosen("slight") == {"heavy"}


def test_what_nothing_excludes_is_settled_by_nothing() -> None:
    assert Puzzle([{"a"}, set()], {"a": 1}).chosen() == set()


def test_it_is_given_up_when_there_is_no_time() -> None:
    many = [{f"lemma {number}"} for number in range(50)]
    puzzle = Puzzle(many, {name: 1 for (name,) in many}, patience=10)
    assert puzzle.chosen() == set()
    assert len(puzzle.asked) <= 10


CHAIN = """
temper: 1
blueprint: chain
properties:
  never: {for: a in Link, always: a.state != broken}
roles: [clerk]
entities:
  Link:
    data: {next: Link | None}
    states: [whole, broken]
    waits: [whole, broken]
    actions:
      make: {by: clerk, params: {next: Link | None}, from: new, set: {next: args.next}, to: whole}
"""


def test_whom_a_counterexample_refers_to_is_read_as_well() -> None:
    """Else it would read as if it did not exist, and lemmas would exclude what is there."""
    before, own = AnySystem(table_of(CHAIN), Texts()), z3.Int("own")
    (next_,) = before.read("Link", own, "next")
    solver = z3.SimpleSolver()
    solver.add(before.exists("Link", own), own >= 0, next_ != own, before.read("Link", next_, "state")[0] == 1)
    solver.add(*before.facts)
    assert solver.check() == z3.sat
    found = decode(solver.model(), before, {"Link": [own]})
    ((near, cell),) = [(address, found.view[address]) for address in found.near]
    assert near.id != cell.data[0]
    assert found.view[Address("Link", str(cell.data[0]))].control == "broken"
    assert len(found.view) == len(found.idents) == 2


def test_lemmas_of_an_example_are_found() -> None:
    """Twelve or so, of which most need another: about what is pending, and two by two."""
    built = build(EXAMPLES / "queue")
    assert built.table is not None
    ghosts = Ghosts(built.table, world=universe(built.table).world)
    asked = [goal for goal in goals(ghosts) if goal.name in {"done_by_the_current_lease", "work_was_leased"}]
    samples = Samples(ghosts, family(built), thorough=True)
    found = Induction(ghosts, 60, samples, (), (1_500,)).decide(asked)
    assert "done_by_the_current_lease" in found.proved
