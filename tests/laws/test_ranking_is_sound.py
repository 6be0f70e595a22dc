"""Laws: an outline has every run that a system has, and nothing that is proved by ranking is refuted by search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.outlined import Beside
from support.random_promises import promising
from support.random_tables import Draw, by_machine, lit, random_tables
from temper.machine import (
    BOOL,
    DURATION,
    IGNORE,
    NEW,
    Action,
    Address,
    Entity,
    EnumType,
    Expression,
    Op,
    OptionType,
    Property,
    PropertyKind,
    RefType,
    Refuted,
    Spawn,
    Step,
    Template,
    Timer,
    TransitionTable,
    Update,
    relation,
    universe,
)
from temper.verify import Budget, search
from temper.verify.obligations import owed
from temper.verify.symbolic import counting
from temper.verify.symbolic.draft import TooManyError
from temper.verify.symbolic.figures import figures
from temper.verify.symbolic.outline import Outlines
from temper.verify.symbolic.ranking import rank

LAW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SEED = RefType("Seed")
STEPS = 25
WIDE = 40
"""So many outlines of one system are followed; where there are more, the run ends."""


def rooted(table: TransitionTable) -> TransitionTable:
    """The table in which every plant has one seed from the start, and the promise is about that seed, too."""
    plant = table.entity("Plant")
    itself = Expression(Op.SOME, OptionType(RefType("Plant")), (Expression(Op.SELF, RefType("Plant")),))
    sown = Spawn("Seed", "make", (("plant", itself),), "seed", (IGNORE,))

    def elsewhere(template: Template) -> Template:
        return replace(template, into="") if isinstance(template, Spawn) else template

    def made(action: Action) -> Action:
        own = (sown,) if action.is_constructor else ()
        cases = (
            replace(case, deliveries=(*map(elsewhere, case.deliveries), *own), updates=kept(case.updates))
            for case in action.cases
        )
        return replace(action, cases=tuple(cases), updates=kept(action.updates))

    def kept(updates: tuple[Update, ...]) -> tuple[Update, ...]:
        return tuple(update for update in updates if update.name != "seed")

    promise = table.properties[-1]
    (variable, _), *_ = promise.variables
    whose = Expression(Op.VARIABLE, RefType("Plant"), name=variable)
    seed = Expression(Op.THE, SEED, (Expression(Op.READ, OptionType(SEED), (whose,), name="seed"),))
    type_ = EnumType("Seed.state", (NEW, *table.entity("Seed").states))
    state = Expression(Op.READ, type_, (seed,), name="state")
    opened = Expression(Op.EQ, BOOL, (state, lit(type_, table.entity("Seed").states[-1])))
    promise = replace(promise, variables=((variable, "Plant"),), whenever=lit(BOOL, True), body=opened)
    plants = replace(plant, actions=tuple(map(made, plant.actions)))
    entities = tuple(plants if entity.name == "Plant" else entity for entity in table.entities)
    return replace(table, entities=entities, properties=(*table.properties[:-1], promise))


@st.composite
def promises(draw: Draw) -> TransitionTable:
    """A table with a promise; of those with seeds some are about a plant and its seed."""
    table = draw(promising())
    has_seeds = any(entity.name == "Seed" for entity in table.entities)
    return rooted(table) if has_seeds and draw(st.integers(0, 3)) else table


def test_every_run_is_a_run_of_the_outline() -> None:
    seen = followed(120)
    assert seen["2 figures"] > 15, seen
    assert min(seen[rule] for rule in ("call", "deliver", "settle", "fire")) > 20, seen


WRONG = {
    "timers never fire": (Outlines, "_fired", lambda *_: iter(())),
    "nothing is refused": (Outlines, "_refused", lambda *_: iter(())),
    "numbers only rise": (counting, "SOMEHOW", counting.Span(1, 1)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_run_that_is_left_out_is_noticed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*WRONG[wrong])
    with pytest.raises((AssertionError, KeyError)):
        followed(120)


def followed(examples: int) -> Counter[str]:
    """How often runs took which rule, beside the outlines of one instance."""
    seen: Counter[str] = Counter()

    @settings(LAW, max_examples=examples, phases=(Phase.generate,))
    @given(promises(), st.booleans(), st.data())
    def law(table: TransitionTable, numbers: bool, drawing: st.DataObject) -> None:
        promise = table.properties[-1]
        those = figures(table, promise, numbers=numbers)
        outlines = Outlines(table, those)
        seen[f"{len(those)} figures"] += 1
        within = universe(table)
        entity = promise.variables[0][1]
        ids = within.ids_of(entity)
        beside = Beside(outlines, Address(entity, drawing.draw(st.sampled_from(ids))))
        steps = relation(table, within)
        system, now = steps.start(), {outlines.start()}
        assert all(beside.fits(each, system) for each in now)
        for _ in range(STEPS):
            found = [step for step in steps.steps(system) if isinstance(step, Step)]
            if not found:
                break
            step = found[drawing.draw(st.integers(0, len(found) - 1))]
            try:
                now = {after for each in now for after in beside.follows(each, system, step)}
            except TooManyError:
                seen["too many"] += 1
                break
            assert now, f"no move is like {step.label}"
            system = step.system
            seen[step.label.rule] += 1
            if len(now) > WIDE:
                break

    law()
    return seen


@st.composite
def wound(draw: Draw) -> TransitionTable:
    """A table in which one more timer goes off in each of some states, and does whatever can be done there."""
    table = draw(random_tables())

    def with_timer(entity: Entity) -> Entity:
        doing = [a for a in entity.actions if not a.params and not a.is_constructor and by_machine(a)]
        if entity.world or not doing:
            return entity
        chosen = draw(st.lists(st.sampled_from(doing), min_size=1, max_size=2, unique_by=lambda action: action.name))
        sources = tuple(state for state in entity.states if any(state in action.sources for action in chosen))
        timer = Timer("push", sources, lit(DURATION, 1000), (*(action.name for action in chosen), IGNORE))
        return replace(entity, timers=(*entity.timers, timer))

    return replace(table, entities=tuple(map(with_timer, table.entities)))


def everywhere(table: TransitionTable) -> Iterator[Property]:
    """For each state the promise that it is left, with nothing assumed, or one outcome of each effect."""
    assumed = tuple((effect.name, effect.outcomes[0].name) for effect in table.effects)
    for entity in table.entities:
        type_ = EnumType(f"{entity.name}.state", (NEW, *entity.states))
        whose = Expression(Op.VARIABLE, RefType(entity.name), name="x")
        state = Expression(Op.READ, type_, (whose,), name="state")
        for number, name in enumerate(entity.states if not entity.world else ()):
            stands = Expression(Op.EQ, BOOL, (state, lit(type_, name)))
            left = Expression(Op.NOT, BOOL, (stands,))
            variables = (("x", entity.name),)
            for assuming in ((), assumed):
                called = f"{entity.name}_{number}_{len(assuming)}"
                yield Property(called, PropertyKind.EVENTUALLY, variables, stands, left, assuming=assuming)


def test_nothing_proved_by_ranking_is_refuted() -> None:
    """Neither within the scope that was drawn nor within a larger one."""
    seen: Counter[str] = Counter()

    @settings(LAW, max_examples=20)
    @given(wound())
    def law(table: TransitionTable) -> None:
        promised = [*everywhere(table)]
        proved = [each for each in promised if rank(table, each, 1).because.startswith("by ranking: from")]
        seen["not proved"] += len(promised) - len(proved)
        seen["proved"] += len(proved)
        if not proved:
            return
        excused = tuple((name, "rows may be idle here") for name in owed(table))
        table = replace(table, properties=tuple(proved), accept=excused)
        for scope in (table.scope, replace(table.scope, instances=(("Plant", 2), ("Seed", 2)), in_flight=2)):
            report = search(table, universe=universe(table, scope), budget=Budget(400, 5))
            for finding in report.findings:
                if finding.name in {each.name for each in proved}:
                    assert not isinstance(finding.verdict, Refuted), (finding.name, finding.verdict.because)
                    seen[f"{type(finding.verdict).__name__} by search"] += 1

    law()

    assert seen["proved"] >= 8, seen
