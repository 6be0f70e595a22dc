"""What the plain search says: every verdict for the reason it is given."""

from __future__ import annotations

import pytest

from support.small import asking, findings_of, gate, report_of, table_of
from temper.machine import Exhausted, Proved, Refuted, Unknown, universe, word
from temper.verify import Budget, TableModel, search
from temper.verify.explicit.docket import Docket
from temper.verify.explicit.exploration import Exploration, explore


def verdicts(text: str, budget: Budget | None = None) -> dict[str, str]:
    return {name: word(finding.verdict) for name, finding in findings_of(report_of(text, budget)).items()}


def because(text: str, name: str, budget: Budget | None = None) -> str:
    verdict = findings_of(report_of(text, budget))[name].verdict
    assert isinstance(verdict, Refuted | Unknown | Proved), verdict
    return verdict.because


def steps_to(text: str, name: str) -> int:
    verdict = findings_of(report_of(text))[name].verdict
    assert isinstance(verdict, Refuted | Proved), verdict
    assert verdict.trace is not None
    return len(verdict.trace.steps)


def test_canary_a_false_invariant_is_refuted_by_a_shortest_run() -> None:
    text = gate("low: {always: Gate.count <= 2}", "high: {always: Gate.count <= 3}")
    assert verdicts(text)["low"] == "refuted"
    assert verdicts(text)["high"] == "exhausted"
    assert steps_to(text, "low") == 5
    assert because(text, "low") == "`Gate.count <= 2` is false: `3 <= 2`"


def test_a_refutation_does_not_end_the_search_for_others() -> None:
    text = gate("at_once: {always: Gate.count >= 1}", "late: {always: Gate.state != broken}")
    assert verdicts(text)["at_once"] == "refuted"
    assert steps_to(text, "at_once") == 0
    assert steps_to(text, "late") == 4
    assert report_of(text).search.states == 8


def test_the_whole_is_exhausted_and_named_with_its_states() -> None:
    report = report_of(gate("high: {always: Gate.count <= 3}"))
    table = table_of(gate())
    assert findings_of(report)["high"].verdict == Exhausted(str(universe(table)), 8)
    assert report.search.complete
    assert (report.search.states, report.search.transitions) == (8, 7)


def test_a_step_property_looks_at_before_after_and_arguments() -> None:
    rising = "rising: {for: g in Gate, step: after.count >= before.count}"
    lifted = "lifted: {for: g in Gate, on: Gate.lift, step: after.count == before.count + 1}"
    wrong = "wrong: {for: g in Gate, on: Gate.drop, step: before.count != 2}"
    text = gate(rising, lifted, wrong)
    assert [verdicts(text)[name] for name in ("rising", "lifted", "wrong")] == ["exhausted", "exhausted", "refuted"]
    assert steps_to(text, "wrong") == 4
    assert because(text, "wrong") == "`before.count != 2` is false: `2 != 2`"


def test_a_step_property_on_another_action_is_vacuous() -> None:
    unreachable = gate("never: {for: g in Gate, on: Gate.smash, step: before.count == 7}", smash=2)
    assert verdicts(unreachable)["never"] == "refuted"
    finding = findings_of(report_of(gate("loose: {whenever: Gate.count < 9, always: Gate.count <= 3}")))["loose"]
    assert finding.vacuous == "Gate.count < 9"
    assert isinstance(finding.verdict, Exhausted)


def test_a_property_of_what_never_comes_is_vacuous() -> None:
    finding = findings_of(report_of(gate("high: {whenever: Gate.count == 7, always: Gate.state == open}")))["high"]
    assert finding.vacuous == "Gate.state == open"


def test_possible_is_proved_by_a_run_and_never_refuted() -> None:
    text = gate(
        "can_break: {possible: Gate.state == broken}", "can_fly: {possible: Gate.count == 3 and Gate.state == broken}"
    )
    assert steps_to(text, "can_break") == 4
    assert because(text, "can_fly") == "not within U: no run gets there"


def test_nothing_is_exhausted_while_a_possible_is_not_reached() -> None:
    text = gate("high: {always: Gate.count <= 3}", "can_fly: {possible: Gate.count == 3 and Gate.state == broken}")
    assert because(text, "high") == "not within U: never reached: can_fly"
    accepted = gate(
        "high: {always: Gate.count <= 3}",
        "can_fly: {possible: Gate.count == 3 and Gate.state == broken}",
        more="accept: {can_fly: it has no wings}",
    )
    assert verdicts(accepted)["high"] == "exhausted"
    assert verdicts(accepted)["can_fly"] == "unknown"


def test_a_promise_is_kept_or_broken_by_an_infinite_run() -> None:
    owed = "{whenever: Gate.state == open, eventually: Gate.state in {shut, broken}"
    text = gate(f"ends: {owed}}}", f"ends_at_last: {owed}, assuming: [Gate.drop]}}")
    assert because(text, "ends") == (
        "after 1 step `Gate.state == open` holds, and `Gate.state in {shut, broken}` never comes: "
        "after 1 step nothing more has to happen"
    )
    assert verdicts(text)["ends_at_last"] == "exhausted"


def test_a_docket_alone_never_calls_a_promise_exhausted() -> None:
    table = table_of(gate("ends: {whenever: Gate.state == open, eventually: Gate.state == shut}"))
    exploration = Exploration(TableModel(table, universe(table)))
    docket = Docket(table, exploration, world=False)
    explore(exploration, exploration.model.initial(), docket, Budget())
    assert docket.questions["ends"].verdict == Unknown("construct: nobody looked for runs that never get there")


def test_what_never_happens_is_named_and_keeps_everything_from_being_exhausted() -> None:
    text = gate("high: {always: Gate.count <= 3}", smash=9)
    found = verdicts(text)
    assert found["reachable:Gate.broken"] == found["happens:Gate.smash"] == "unknown"
    assert because(text, "high") == "not within U: never fired: Gate.smash from open, case 0"
    assert report_of(text).notes == ("Gate.smash from open, case 0 never fires",)
    accepted = gate("high: {always: Gate.count <= 3}", smash=9, more='accept: {"happens:Gate.smash": a spare}')
    assert verdicts(accepted)["high"] == "exhausted"


def test_want_of_people_is_told() -> None:
    text = gate("high: {always: Gate.count <= 3}").replace("{ann: [guard]}", "{ann: []}")
    assert because(text, "high").startswith("not within U: never fired: Gate.lift from shut, case 0; ")
    assert verdicts(text)["happens:Gate.lift"] == "unknown"


def test_leaving_a_range_is_refuted_and_hides_nothing() -> None:
    text = gate(limit=9)
    assert because(text, "range:Gate.count") == "`count` would become 4, which is no int[0, 3]"
    assert steps_to(text, "range:Gate.count") == 7


def test_a_call_that_breaks_two_ranges_shows_the_first_and_hides_the_second() -> None:
    text = gate().replace('{count: "int[0, 3]"}', '{count: "int[0, 3]", also: "int[0, 3]"}')
    both = text.replace("when: count < 3, set: {count: count + 1}", "set: {count: count + 1, also: also + 1}")
    found = verdicts(both)
    assert (found["range:Gate.count"], found["range:Gate.also"]) == ("refuted", "unknown")
    assert because(both, "range:Gate.also") == "masked: some calls were rejected for another violation first"


def test_what_is_passed_on_has_a_range_of_its_own() -> None:
    text = asking().replace("  work:\n", "  work:\n    params: {tries: 'int[0, 1]'}\n")
    text = text.replace("states: [idle, asking", "data: {tries: 'int[0, 3]'}\n    states: [idle, asking")
    text = text.replace("from: idle\n", "from: idle\n        set: {tries: min(3, tries + 1)}\n").replace(
        "with: {}", "with: [tries]"
    )
    assert because(text, "range:work.tries") == "`tries` of `work` would become 2, which is no int[0, 1]"


def test_keys_that_coincide_are_refuted() -> None:
    text = gate().replace('{count: "int[0, 3]"}', '{count: "int[0, 3]", marks: "map[int[0, 3], bool]"}')
    marks = '"marks[count]": "True", "marks[min(count, 1)]": "False"'
    text = text.replace("set: {count: count + 1}", "set: {count: count + 1, " + marks + "}")
    assert because(text, "distinct_keys:Gate.lift") == "`lift` sets `marks` twice under the same key 0"
    assert verdicts(text)["range:Gate.count"] == "unknown", "what is rejected for its keys shows nothing of ranges"


def test_things_move_by_themselves() -> None:
    text = asking(failed="ignore", patience="ignore", more="").replace("waits: [idle]", "waits: []")
    assert because(text, "moves:Job.idle") == "Job j1 is in idle, with no timer armed and no delivery from or to it"
    assert verdicts(text)["moves:Job.asking"] == "refuted"
    assert steps_to(text, "moves:Job.asking") == 4


def test_an_answer_that_nobody_takes_is_unhandled() -> None:
    text = asking(failed="stop")
    assert steps_to(text, "handled:Job.start.0.0") == 4
    assert because(text, "handled:Job.start.0.0").startswith("nothing answers work.failed: `stop`: ")
    timer = (
        asking(patience="stop")
        .replace("when:", "when:")
        .replace("stop: {from: asking,", "stop: {from: asking, when: 1 > 2,")
    )
    assert verdicts(timer)["handled:Job.patience"] == "refuted"


def test_a_cut_is_counted_and_named() -> None:
    report = report_of(asking())
    found = findings_of(report)
    assert not report.search.complete
    assert found["moves:Job.asking"].verdict == Unknown("cut at in-flight in Job.start/0.0 (once)")
    assert report.notes == ("cut at in-flight in Job.start/0.0: once",)
    assert word(found["reachable:Job.done"].verdict) == "proved"


@pytest.mark.parametrize("budget", [Budget(states_max=3), Budget(seconds_max=0)])
def test_a_spent_budget_is_no_shrug(budget: Budget) -> None:
    found = verdicts(gate("high: {always: Gate.count <= 3}"), budget)
    assert found["high"] == "unknown"
    assert because(gate("high: {always: Gate.count <= 3}"), "high", budget).startswith("budget: ")
    assert because(gate("can: {possible: Gate.state == broken}"), "can", budget).startswith("budget: ")
    assert not report_of(gate(), budget).search.complete


PAIR = """
temper: 1
blueprint: pair
properties:
  differ: {for: a in Box and_b, whenever: PREMISE, always: BODY}
roles: [clerk]
entities:
  Box:
    data: {full: bool}
    states: [here]
    waits: [here]
    actions:
      make: {by: clerk, from: new, to: here}
      fill: {by: clerk, from: here, when: not full, set: {full: not full}}
scope:
  instances: {Box: 2}
  principals: {ann: [clerk]}
"""


def pair(premise: str, body: str) -> str:
    text = PAIR.replace("{for: a in Box and_b,", "{for: 'a in Box, b in Box',")
    return text.replace("PREMISE", premise).replace("BODY", body)


def test_bindings_are_all_tried_and_may_coincide() -> None:
    assert steps_to(pair("a.full", "not b.full"), "differ") == 2, "one box is a binding of both variables"
    assert steps_to(pair("a != b and a.full", "not b.full"), "differ") == 4, "the second binding matters too"
    told = because(pair("a != b and a.full", "not b.full"), "differ")
    assert told.endswith(("where a is Box b1, b is Box b2", "where a is Box b2, b is Box b1"))


def test_live_systems_are_searched_too_but_witness_nothing() -> None:
    table = table_of(gate("high: {always: Gate.count <= 1}", "can: {possible: Gate.count == 3}", limit=1, smash=1))
    looked_at = universe(table)
    plain = search(table, universe=looked_at)
    assert word(findings_of(plain)["high"].verdict) == "unknown", "the possible is not reached"
    lifted = table_of(gate(limit=3))
    beyond = [cell for cell in _systems(lifted) if cell.cells[0].data == (3,)]
    found = findings_of(search(table, universe=looked_at, starts=beyond))
    assert isinstance(found["high"].verdict, Refuted)
    assert found["can"].verdict == Unknown("not within U: no run gets there")


def _systems(table):
    from temper.verify import TableModel
    from temper.verify.explicit import Exploration, explore

    class Nobody:
        def state(self, *_): ...
        def step(self, *_): ...
        def cut(self, *_): ...

    model = TableModel(table, universe(table))
    exploration = Exploration(model)
    explore(exploration, model.initial(), Nobody(), Budget())
    return exploration.states
