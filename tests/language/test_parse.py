"""From text to tree: every form of the language, and every finding about its shape."""

from __future__ import annotations

import pytest
import yaml

from support.blueprints import DEPLOY
from temper.language import parse
from temper.language.syntax import EnumSyntax, Pairs, Text, Tree
from temper.report import Diagnostic, Source, apply_edits


def tree_of(text: str) -> Tree:
    tree, found = parse(Source("a.yaml", text))
    assert found == ()
    assert tree is not None
    return tree


def found_in(text: str) -> list[tuple[str, str]]:
    """Each finding's code and the text it points at."""
    _, found = parse(Source("a.yaml", text))
    return [(one.code, pointed(text, one)) for one in found]


def pointed(text: str, finding: Diagnostic) -> str:
    assert finding.span is not None
    return text[finding.span.start : finding.span.end]


def words(texts: tuple[Text, ...]) -> list[str]:
    return [text.text for text in texts]


def pairs(value: Pairs | tuple[Text, ...] | None) -> dict[str, str]:
    assert isinstance(value, Pairs)
    return {name.text: one.text for name, one in value.items}


def within(entity: str, head: str = "") -> str:
    """A whole blueprint around an entity's body in braces or on lines."""
    return f"temper: 1\nblueprint: a\n{head}entities:\n  A: {entity}\n"


def test_the_deployment_of_the_language_page() -> None:
    tree = tree_of(DEPLOY)
    assert tree.name.text == "deploy"
    assert tree.doc.startswith("Roll one version out")
    assert [one.name.text for one in tree.properties][:2] == ["nothing_unapproved_goes_live", "four_eyes"]
    assert words(tree.roles) == ["engineer", "approver", "operator"]
    health, percent = tree.types
    assert isinstance(health.value, EnumSyntax)
    assert words(health.value.members) == ["unseen", "good"]
    assert str(percent.value) == "int[0, 100]"
    deploy, router = tree.entities
    assert [action.name.text for action in deploy.actions][:3] == ["propose", "approve", "start"]
    assert router.world is not None
    assert router.world.text == "true"
    assert tree.scope is not None
    assert [(name.text, words(roles)) for name, roles in tree.scope.principals][1] == ("bob", ["approver"])


def test_the_short_and_the_long_forms() -> None:
    deploy = tree_of(DEPLOY).entities[0]
    actions = {action.name.text: action for action in deploy.actions}
    assert words(actions["propose"].by) == ["engineer"]
    assert words(actions["start"].by) == ["engineer", "operator"]
    assert words(actions["watch"].by) == []
    assert words(actions["propose"].from_) == ["new"]
    assert words(actions["revert"].from_) == ["shifting", "watching"]
    assert pairs(actions["approve"].common.set_) == {"approvers": "approvers | {caller}"}
    first, second = actions["approve"].cases
    assert first.when is not None
    assert (first.when.text, str(first.to)) == ("len(approvers) >= 2", "approved")
    assert (second.when, str(second.to)) == (None, "draft")
    start, revert = actions["start"].common.do[0], actions["revert"].common.do[0]
    assert isinstance(start.with_, tuple)
    assert words(start.with_) == ["service", "percent"]
    assert pairs(revert.with_) == {"service": "service", "percent": "0"}
    assert revert.replaces is not None
    watch = actions["watch"].common.do[0]
    healthy, target = watch.then[0]
    assert (healthy.text, words(target.names)) == ("healthy", ["seen_good", "ignore"])
    assert words(deploy.timers[0].in_) == ["watching"]
    assert words(deploy.timers[0].do.names) == ["promote", "revert"]


def test_messages_spawns_scope_and_versions() -> None:
    tree = tree_of(
        """
temper: 1
blueprint: a
entities:
  A:
    single: True
    data: {x: A | None}
    states: [on, off]
    actions:
      go:
        from: any
        send: [{to: x, action: go, with: {y: "m[k]"}, refused: [go, ignore]}]
        spawn: [{entity: B, action: open, as: x, refused: ignore}]
        restart: [t]
  B: {states: [on]}
effects:
  e:
    outcomes: {found: {step: Percent = Router.percent}, none: {}}
    delivery: keyed
    performs: {call: Router.route, surely: [found], not: [none]}
    retry: {factor: 2, attempts: 5}
scope: {instances: {A: 1}, principals: {ann: [], bob: [x]}, values: {Host: [a, b]}, unbounded: [-2, 5], in_flight: 1, late: 2}
accept: {p: the search is too small}
grandfathered: {q: 3}
migrate: {A: {states: {old: new}, data: {x: y + 1}}}
"""
    )
    a, b = tree.entities
    assert str(a.single) == "true"
    go = a.actions[0].common
    assert str(go.send[0].to) == "x"
    assert go.send[0].refused is not None
    assert words(go.send[0].refused.names) == ["go", "ignore"]
    assert (str(go.spawn[0].into), go.spawn[0].with_) == ("x", ())
    assert words(go.restart) == ["t"]
    assert b.actions == ()
    effect = tree.effects[0]
    assert [(told.name.text, told.type_.text) for told in effect.outcomes[0][1]] == [
        ("step", "Percent = Router.percent")
    ]
    assert effect.performs is not None
    assert words(effect.performs.never) == ["none"]
    assert pairs(effect.retry) == {"attempts": "5", "factor": "2"}
    scope = tree.scope
    assert scope is not None
    assert pairs(scope.instances) == {"A": "1"}
    assert [(name.text, words(roles)) for name, roles in scope.principals] == [("ann", []), ("bob", ["x"])]
    assert [(name.text, words(values)) for name, values in scope.values] == [("Host", ["a", "b"])]
    assert words(scope.unbounded) == ["-2", "5"]
    assert (str(scope.in_flight), str(scope.late)) == ("1", "2")
    assert pairs(tree.accept) == {"p": "the search is too small"}
    assert pairs(tree.grandfathered) == {"q": "3"}
    assert pairs(tree.migrate[0].data) == {"x": "y + 1"}


def test_only_the_core_schema_of_yaml_1_2_is_known() -> None:
    states = (
        tree_of(within("{states: [on, off, yes, no, y, n, 1_000, 12:30:45, 2026-01-01, <<, =]}")).entities[0].states
    )
    assert words(states)[:6] == ["on", "off", "yes", "no", "y", "n"]
    assert len(states) == 11


def test_json_is_accepted_as_it_is() -> None:
    text = '{"temper":1,"blueprint":"a","doc":"\\ud83d\\ude00 \\u00e9\\/",\r\n\t"entities":{"A":{"states":["on"],"single":true}}}'
    tree = tree_of(text)
    assert tree.doc == "😀 é/"
    assert str(tree.entities[0].single) == "true"


def test_without_libyaml_the_tree_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = tree_of(DEPLOY)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert tree_of(DEPLOY) == with_it


def test_policies_are_handed_on() -> None:
    policy = Source("a.cedar", "permit(principal, action, resource);")
    tree, _ = parse(Source("a.yaml", within("{states: [on]}")), (policy,))
    assert tree is not None
    assert tree.policies == (policy,)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("", [("empty-file", "")]),
        ("# nothing\n", [("empty-file", "")]),
        ("~\n", [("empty-file", "")]),
        ("hello\n", [("wrong-shape", "hello")]),
        ("[temper]\n", [("wrong-shape", "[temper]")]),
        (within("{states: [on]}").replace("temper: 1", "temper: 2"), [("wrong-version", "2")]),
        (within("{states: [on]}").replace("temper: 1", "temper: '1'"), [("wrong-shape", "'1'")]),
        (within("{states: [on]}").replace("temper: 1\n", ""), [("missing-key", "blueprint: a")]),
        (within("{states: [on]}", "blueprint: b\n"), [("duplicate-key", "blueprint")]),
        (within("{states: [on], fnal: []}"), [("unknown-key", "fnal")]),
        (within("{states: on}"), [("wrong-shape", "on")]),
        (within("{states: []}"), [("wrong-shape", "[]")]),
        (within("{states: [1, true, ~, on]}"), [("wrong-shape", "1"), ("wrong-shape", "true"), ("missing-value", "~")]),
        (within("{states: [on], single: yes}"), [("wrong-shape", "yes")]),
        (within("{states: [on], doc: }"), [("missing-value", "")]),
        (within("{states: [on], timers: {t: {in: on}}}"), [("missing-key", "{in: on}"), ("missing-key", "{in: on}")]),
        (within("{states: [on], actions: {go: {from: {a: b}}}}"), [("wrong-shape", "{a: b}")]),
        (within("{states: [on], actions: {go: {from: on, when: ''}}}"), [("missing-value", "''")]),
        (within("{states: &a [on]}"), [("yaml-anchor", "&a")]),
        (within("{states: [on], doc: *a}"), [("yaml-anchor", "*a")]),
        (within("{states: !x [on]}"), [("yaml-tag", "!x")]),
        (within("{states: [on], doc: !!str x}"), [("yaml-tag", "!!str")]),
        (within("{states: [on], <<: {a: b}}"), [("yaml-merge-key", "<<")]),
        (within("{? states : [on]}"), [("yaml-explicit-key", "?")]),
        ("%YAML 1.2\n---\n" + within("{states: [on]}"), [("yaml-directive", "%YAML 1.2")]),
        (within("{states: [on]}") + "---\n", [("several-documents", "---")]),
        (within("{states: [on]}") + "--- x\n--- y\n--- z\n", [("several-documents", "---")]),
        (within("{states: [on], doc: a\u202eb}"), [("odd-character", "\u202e")]),
        (within('{states: [on], doc: "a\\u202eb"}'), [("odd-character", "\\u202e")]),
        (within('{states: ["o\\0n"]}'), [("odd-character", "\\0")]),
        ("\ufeff" + within("{states: [on]}"), [("odd-character", "\ufeff")]),
        (within("{states: [on]}").replace("\n", "\r", 1), [("odd-character", "\r")]),
        (within("{states: [on], doc: a\udcff}"), [("odd-character", "\udcff")]),
        (within("\n\tstates: [on]"), [("tab-indent", "\t")]),
        (within("{states: [on]"), [("yaml-syntax", "")]),
        (within("{states: [on], doc: 'x}"), [("yaml-syntax", "")]),
        (within("{states: [on], [a]: b}"), [("wrong-shape", "[a]")]),
        (within("[" * 65 + "]" * 65), [("too-deep", "[")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_shape_is_said_once_and_where(text: str, findings: list[tuple[str, str]]) -> None:
    assert found_in(text) == findings


def test_every_mistake_is_found_in_one_run() -> None:
    text = within("{states: [on], fnal: [], actions: {go: {form: any, when: {caller}, sett: 5}}, timers: [], doc: }")
    assert found_in(text) == [
        ("unknown-key", "fnal"),
        ("unknown-key", "form"),
        ("quote-this", "{caller}"),
        ("unknown-key", "sett"),
        ("wrong-shape", "5"),
        ("wrong-shape", "[]"),
        ("missing-value", ""),
    ]


def test_a_misspelt_key_is_read_as_the_one_that_was_meant() -> None:
    tree, found = parse(Source("a.yaml", within("{states: [on], actions: {go: {form: on, too: on}}}")))
    assert [one.helps[0].text for one in found] == ["did you mean `from`?", "did you mean `to`?"]
    assert tree is not None
    assert words(tree.entities[0].actions[0].from_) == ["on"]


def test_the_edits_mend_what_they_are_about() -> None:
    text = within(
        "{sates: on, single: yes, actions: {go: {from: [any], to: [on], do: {effect: e, then: {x: ignore}}}}}"
    )
    _, found = parse(Source("a.yaml", text))
    assert len(found) == 5
    edits = [edit for one in found for edit in one.helps[0].edits]
    assert tree_of(apply_edits(text, edits)).entities[0].actions[0].common.do[0].effect.text == "e"


def test_tabs_are_mended_by_one_help() -> None:
    text = "temper: 1\nblueprint: a\nentities:\n\tA:\n\t\tstates: [on]\n"
    _, found = parse(Source("a.yaml", text))
    assert len(found) == 1
    assert tree_of(apply_edits(text, found[0].helps[0].edits)).entities[0].name.text == "A"
