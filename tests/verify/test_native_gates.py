"""What policies decide, looked up by native code: as the plain gate decides, or refused aloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engines import differences
from temper.machine import Mentions, TransitionTable, mentions, universe
from temper.pipeline import Read, build_read
from temper.report import Source
from temper.verify import exhaustive
from temper.verify.native import Unsupported, gates
from temper.verify.native.rules import Rules

SAFE = """
temper: 1
blueprint: safe
roles: [clerk, chief]
properties:
  nothing: {always: 1 < 2}
types:
  Size: "int[0, 4]"
entities:
  Safe:
    data: {inside: Size, taken: Size, owner: "principal | None", keys: "set[principal, 2]", wide: int, far: int}
    states: [shut, open]
    waits: [shut, open]
    actions:
      make: {by: [clerk, chief], from: new, to: shut}
      lift: {by: policy, from: [shut, open], params: {size: Size, hint: Size}, when: inside + args.size <= 4, set: {inside: inside + args.size}, to: open}
      take: {by: policy, from: open, when: inside > 0, set: {inside: inside - 1, taken: 1, owner: caller, keys: "keys | {caller}"}, to: shut}
      drop: {by: [clerk, chief], from: [shut, open], set: {inside: 0, taken: 0}, to: shut}
scope:
  instances: {Safe: 1}
  principals: {ann: [clerk], bob: [chief], cid: [clerk]}
"""
POLICIES = """
permit(principal in Role::"chief", action, resource);
permit(principal, action == Action::"Safe.lift", resource) when { context.size == resource.taken || resource.state == "open" };
permit(principal, action == Action::"Safe.take", resource) when { resource has owner && resource.owner == "ann" && resource.inside + resource.taken > 2 };
permit(principal, action == Action::"Safe.take", resource) when { resource.keys.contains("bob") && resource.inside + 9223372036854775804 > 0 };
forbid(principal in Role::"clerk", action == Action::"Safe.drop", resource) unless { resource.keys.isEmpty() };
forbid(principal == Principal::"cid", action == Action::"Safe.drop", resource);
"""


def safe(policies: str = POLICIES) -> TransitionTable:
    built = build_read(Read(Source("safe.yaml", SAFE), (Source("safe.cedar", "permit(principal, action, resource);"),)))
    assert built.table is not None, built.diagnostics
    return replace(built.table, policies=(("safe.cedar", policies),))


def rules_of(table: TransitionTable) -> Rules:
    rules = Rules(table, universe(table))
    rules.expand()
    return rules


def test_what_policies_decide_is_looked_up() -> None:
    """In one word of bits or in a table of several, where the decision is not the same for all data anyway."""
    found = rules_of(safe()).gates
    assert found.names, "a table of more than one word"
    assert {each.settled for each in found.decided.values()} == {True, False, None}
    assert differences(safe()) == ""


def test_nothing_is_asked_of_data_that_policies_do_not_mention() -> None:
    found = rules_of(safe()).gates
    assert {field.name for each in found.decided.values() for field in each.fields} == {
        "taken",
        "owner",
        "inside",
        "keys",
    }


def test_too_many_combinations_are_refused_aloud() -> None:
    policies = 'permit(principal, action, resource) when { resource.wide + resource.far + resource.inside + resource.taken > 1 && resource.keys.contains("bob") && resource.owner == "ann" };'
    with pytest.raises(Unsupported, match="policies that look at more than 20,000 combinations"):
        rules_of(safe(policies))


def test_a_long_search_says_why_it_was_done_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 2)
    monkeypatch.setattr(exhaustive, "WORTH_SAYING", 2)
    monkeypatch.setattr(gates, "DECISIONS_MAX", 10)
    report = exhaustive.exhaust(safe(), universe=universe(safe()))
    assert any("policies that look at more than 10 combinations" in note for note in report.notes)


MENTIONS = {
    "resource.inside > 1": ({"inside"}, set()),
    'resource has owner && resource["taken"] == 1': ({"owner", "taken"}, set()),
    "{safe: resource}.safe.inside > 1": ({"inside"}, set()),
    'Safe::"s1".inside > 1': ({"inside"}, set()),
    "context.size > 1": (set(), {"size"}),
    "context == {size: 1}": (set(), {"size", "hint"}),
    "{all: context}.all.size == 1": (set(), {"size", "hint"}),
    "context has size && [context.size].contains(resource.taken)": ({"taken"}, {"size"}),
}


@pytest.mark.parametrize("condition", MENTIONS)
def test_what_a_policy_mentions_is_found(condition: str) -> None:
    """All arguments, where a policy takes them as a whole."""
    table = safe(f"permit(principal, action, resource) when {{ {condition} }};")
    entity = table.entity("Safe")
    lift = entity.action("lift")
    found = mentions(table, entity, lift)
    fields, params = {each.name for each in found.fields(entity)}, {each.name for each in found.params(lift)}
    assert (fields, params) == MENTIONS[condition]


def test_a_policy_about_another_action_mentions_nothing() -> None:
    for scope, other in (
        ('== Action::"Safe.take"', True),
        ('in [Action::"Safe.take"]', True),
        ('in [Action::"Safe.take", Action::"Safe.lift"]', False),
    ):
        table = safe(f"permit(principal, action {scope}, resource) when {{ resource.inside > 1 }};")
        entity = table.entity("Safe")
        assert (mentions(table, entity, entity.action("lift")).fields(entity) == ()) == other


Breaking = Callable[[pytest.MonkeyPatch], None]


def always(owner: object, name: str, value: object) -> Breaking:
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: value)


def turned_round(patch: pytest.MonkeyPatch) -> None:
    right = gates.Governed.passes
    patch.setattr(gates.Governed, "passes", lambda *given: not right(*given))


def one_off(patch: pytest.MonkeyPatch) -> None:
    right = gates._table
    patch.setattr(gates, "_table", lambda passing, width: right(frozenset(key ^ 1 for key in passing), width))


def last_one_missing(patch: pytest.MonkeyPatch) -> None:
    right = gates._table
    patch.setattr(gates, "_table", lambda passing, width: right(passing - {max(passing)}, width))


def errors_permit(patch: pytest.MonkeyPatch) -> None:
    """As Cedar itself would: a policy that cannot be evaluated is skipped."""
    right = gates.Governed.passes
    patch.setattr(
        gates.Governed, "passes", lambda *given: right(*given) or "evaluated" in given[0].ask(*given[1:]).reason
    )


BROKEN: dict[str, Breaking] = {
    "everybody passes": always(gates.Governed, "passes", True),
    "nobody passes": always(gates.Governed, "passes", False),
    "decisions are turned round": turned_round,
    "decisions are looked up beside where they are": one_off,
    "a decision is missing": last_one_missing,
    "what cannot be evaluated permits": errors_permit,
    "no field is mentioned": always(Mentions, "fields", ()),
    "no parameter is mentioned": always(Mentions, "params", ()),
    "the state is not mentioned": lambda patch: patch.setattr(Mentions, "state", False),
    "policies are not asked": always(gates, "governed", None),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_decision_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[broken](monkeypatch)
    assert differences(safe()) != ""


def test_instances_of_which_policies_say_something_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = POLICIES + 'forbid(principal, action == Action::"Safe.take", resource == Safe::"s2");'
    table = safe(policies)
    table = replace(table, scope=replace(table.scope, instances=(("Safe", 2),), principals=(("bob", ("chief",)),)))
    assert differences(table) == ""
    monkeypatch.setattr(Mentions, "instance", lambda *_: False)
    assert differences(table) != ""
