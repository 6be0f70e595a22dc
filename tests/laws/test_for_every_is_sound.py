"""Law: nothing that is said to hold for every value of a constant is broken by a run with any value that is tried."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.families import family_of, member_of
from temper.machine import Family, Refuted, filled, holder, universe
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.prover import Proofs
from temper.verify.symbolic.clauses import said
from temper.verify.symbolic.every import EveryInduction
from temper.verify.symbolic.for_every import shown_for_every
from temper.verify.symbolic.keyed import keyed
from temper.verify.symbolic.proofs import proofs

EXAMPLES = 10 if settings.default.derandomize else 100
"""Every one takes a second; a hunt (`make hunt`) has time."""
SEARCHED = Budget(1_500, 60)
GUARDS = (
    "args.node in some",
    "args.node not in some",
    "args.node != last",
    "last == None or args.node == last",
    "marks[args.node] == red",
    "marks[args.node] != blue",
    "all(n in some for n in Node)",
    "all(n in some or n == args.node for n in Node)",
    "all(n in some for n in Node if n < N)",
    "any(n in some for n in Node)",
    "not any(marks[n] == blue for n in Node)",
    "any(marks[n] != red and n != args.node for n in Node)",
    "1 in some and 2 in some",
    "args.node < N",
    "args.node == 1 or N > 3",
    "args.node + 1 < N",
    "len(some) < N",
    "len(some) >= 2",
    "count < N",
    "count == N",
    "count + args.node <= N",
    "count(n for n in Node if marks[n] == blue) < 2",
    "flag",
    "not flag",
)
UPDATES = (
    ("some", "some | {args.node}"),
    ("some", "some - {args.node}"),
    ("some", "{args.node}"),
    ("some", "set()"),
    ("some", "some | {1}"),
    ("some", "{N}"),
    ("'marks[args.node]'", "red"),
    ("'marks[args.node]'", "blue"),
    ("'marks[args.node]'", "green"),
    ("'marks[1]'", "blue"),
    ("'marks[N]'", "green"),
    ("last", "args.node"),
    ("last", "None"),
    ("last", "N"),
    ("count", "count + 1"),
    ("count", "N"),
    ("count", "args.node"),
    ("count", "0"),
    ("flag", "args.node == N"),
    ("flag", "args.node in some"),
)
BODIES = (
    "Thing.count < N",
    "Thing.count <= N",
    "Thing.last == None or Thing.last in Thing.some",
    "all(n in Thing.some or Thing.marks[n] != blue for n in Node)",
    "not any(Thing.marks[n] == green for n in Node) or Thing.flag",
    "any(n in Thing.some for n in Node)",
    "any(n not in Thing.some for n in Node)",
    "all(a == b for a in Thing.some for b in Thing.some)",
    "all(n == 1 or n == N for n in Thing.some)",
    "all(n < N for n in Thing.some)",
    "len(Thing.some) <= N",
    "all(any(Thing.marks[m] == Thing.marks[n] and m != n for m in Node) for n in Thing.some)",
    "N < 3 or Thing.state != last_one",
)
STATES = ("first", "second", "last_one")


@st.composite
def blueprints(draw: st.DrawFn) -> str:
    """A thing with sets, maps and numbers over `Node`, and a few actions."""
    actions = []
    for number in range(draw(st.integers(3, 5))):
        guards = draw(st.lists(st.sampled_from(GUARDS), max_size=2, unique=True)) if number else []
        updates = draw(
            st.lists(
                st.sampled_from(UPDATES),
                min_size=1,
                max_size=3,
                unique_by=lambda each: each[0].strip("'").split("[")[0],
            )
        )
        target = draw(st.sampled_from((None, None, *STATES)))
        lines = [f"      act{number}:", "        by: any_one", "        params: {node: Node}"]
        lines.append(
            f"        from: [{', '.join(draw(st.lists(st.sampled_from(STATES), min_size=2, max_size=3, unique=True)))}]"
        )
        if guards:
            lines.append(
                f"        when: {draw(st.sampled_from((' and ', ' or '))).join(f'({guard})' for guard in guards)}"
            )
        if updates:
            lines += ["        set:", *(f'          {name}: "{value}"' for name, value in updates)]
        if target:
            lines.append(f"        to: {target}")
        if updates or target:
            actions += lines
    bodies = draw(st.lists(st.sampled_from(BODIES), min_size=2, max_size=6, unique=True))
    return "\n".join(
        [
            "temper: 1",
            "blueprint: thing",
            "properties:",
            *(f'  p{number}: {{always: "{body}"}}' for number, body in enumerate(bodies)),
            "roles: [any_one]",
            "types: {Node: 'int[1, N]', Mark: [red, blue, green]}",
            "constants: {N: 3}",
            "entities:",
            "  Thing:",
            "    single: true",
            "    data: {some: 'set[Node]', marks: 'map[Node, Mark]', last: Node | None, count: 'int[0, N]', flag: bool}",
            f"    states: [{', '.join(STATES)}]",
            f"    waits: [{', '.join(STATES)}]",
            "    actions:",
            "      rest: {by: any_one, params: {node: Node}, from: first, set: {flag: flag}}",
            *actions,
        ]
    )


def shown_also(family: Family, text: str) -> set[str]:
    """The names of what is proved for one value, and by its lemmas for every."""
    table = member_of(text, N=3)
    assert table is not None
    found = proofs(table, universe=universe(table), seconds_max=10)
    assert isinstance(found, Proofs), found
    return {each.name for each in shown_for_every(family, table, found, world=True, seconds_max=10)}


def test_what_holds_for_every_value_is_never_broken() -> None:
    """Candidates come from the author and the shapes of lemmas, most of them wrong; what is kept must hold."""
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(blueprints())
    def law(text: str) -> None:
        family = family_of(text)
        assert family is not None, text
        induction = EveryInduction(family, 30, world=True)
        also = shown_also(family, text)
        seen["shown by lemmas of one value"] += len(also)
        lemmas = keyed(family, induction.opening, 0)
        candidates = [*family.table.properties, *lemmas[:: max(1, len(lemmas) // 40)]]
        kept = induction.largest(candidates)
        seen["kept"] += len(kept)
        seen["left out"] += len(candidates) - len(kept)
        for number in (1, 2, 3, 4, 5):
            member = member_of(text, N=number)
            assert member is not None
            assert filled(family.table, family.of(member)) == member
            search = PlainSearch(member, universe(member))
            search.go(SEARCHED)
            refuted = {each.name for each in search.report().findings if isinstance(each.verdict, Refuted)}
            assert not refuted & also, f"N = {number}: {refuted & also} of\n{text}"
            views = [system.view for system in search.exploration.states]
            for property_ in kept:
                look = holder(member, filled(property_, family.of(member)))
                broken = next((view for view in views if look(view) is not None), None)
                assert broken is None, f"N = {number}: {said(property_)} is broken in {broken} of\n{text}"
            seen["states"] += len(views)

    law()
    assert seen["kept"] > 100, seen
    assert seen["shown by lemmas of one value"] > 20, seen
    assert seen["left out"] > 100, seen
