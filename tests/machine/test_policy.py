"""Cedar's part of the gate, decided by Cedar itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from support.tables import (
    BOOL,
    NEW,
    action,
    data,
    deploy_table,
    entity,
    params,
    table,
)
from temper.machine import (
    DURATION,
    INT,
    JSON,
    PRINCIPAL,
    STR,
    TIME,
    Answer,
    Applied,
    Call,
    Cause,
    Cell,
    Gate,
    MapType,
    OptionType,
    Rejected,
    SetType,
    TransitionTable,
    cedar_schema,
    policy_problems,
    step,
)

FORBID = """
@id("not-bob")
forbid(principal == Principal::"bob", action == Action::"Deploy.approve", resource);
forbid(principal, action == Action::"Deploy.start", resource) when { resource.percent + 9223372036854775807 > 0 };
"""


def with_policies(*texts: str, made: TransitionTable | None = None) -> TransitionTable:
    files = tuple((f"p{number}.cedar", text) for number, text in enumerate(texts))
    return replace(made or deploy_table(), policies=files)


def deploy(control: str, percent: int = 0) -> Cell:
    return Cell("Deploy", "d1", control, ("api", "ann", frozenset({"x"}), percent, "unseen"))


def person(name: str, caller: str, *roles: str, **args: object) -> Call:
    return Call(Cause.PERSON, name, args, 10, caller, frozenset(roles))


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Rejected) else "applied"


def test_a_forbid_wins_over_a_role_and_names_itself() -> None:
    made = with_policies(FORBID)
    answer = step(made, deploy("draft"), person("approve", "bob", "approver"))
    assert isinstance(answer, Rejected)
    assert answer.message == "`bob` may not call `Deploy.approve`: the policy not-bob forbids it"
    answer = step(made, deploy("draft"), person("approve", "cid", "approver"))
    assert isinstance(answer, Applied)
    assert answer.permitted_by == "approver"


def test_a_permit_gives_nobody_a_role() -> None:
    made = with_policies("permit(principal, action, resource);")
    assert code(step(made, deploy("draft"), person("approve", "bob", "engineer"))) == "denied"


def test_a_policy_that_cannot_be_evaluated_denies() -> None:
    """Cedar skips it; a forbid that overflows would permit."""
    made = with_policies(FORBID)
    approved = deploy("approved", percent=1)
    answer = step(made, approved, person("start", "ann", "engineer"))
    assert isinstance(answer, Rejected)
    assert answer.code == "denied"
    assert "could not be evaluated" in answer.message
    assert any("overflow" in fact for name, fact in answer.facts if name == "policy error")


def test_the_machine_is_not_asked() -> None:
    made = with_policies("forbid(principal, action, resource);")
    assert code(step(made, deploy("shifting"), Call(Cause.MACHINE, "revert", {}, 10))) == "applied"
    assert code(step(made, deploy("shifting"), person("revert", "cid", "operator"))) == "denied"


def by_policy(text: str) -> TransitionTable:
    go = action(
        "go",
        gate=Gate.POLICY,
        sources=("s", "t"),
        takes=params(n=INT, who=PRINCIPAL, note=OptionType(STR), wait=DURATION, any=JSON),
    )
    fields = (
        data("owner", OptionType(PRINCIPAL)),
        data("people", SetType(PRINCIPAL)),
        data("open", BOOL),
        data("votes", MapType(BOOL, BOOL)),
        data("at", OptionType(TIME)),
    )
    return with_policies(text, made=table(entity("Door", go, fields=fields, states=("s", "t"))))


ARGS = {"n": 3, "who": "ann", "note": None, "wait": 1_000, "any": "{}"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("true", "applied"),
        ("false", "denied"),
        ('resource.owner == "ann"', "applied"),
        ("resource has owner", "applied"),
        ('resource.people.contains("bob")', "applied"),
        ("resource.open", "denied"),
        ('resource.state == "s"', "applied"),
        ('context.n == 3 && context.wait == 1000 && context.who == "ann"', "applied"),
        ("context has note", "denied"),
        ('context.note == "x"', "denied"),
        ('principal in Role::"operator"', "applied"),
        ('principal in Role::"approver"', "denied"),
        ("resource has votes || resource has at || context has any", "denied"),
    ],
)
def test_policies_see_the_data_the_state_the_arguments_and_the_roles(condition: str, expected: str) -> None:
    made = by_policy(f"permit(principal, action, resource) when {{ {condition} }};")
    cell = Cell("Door", "d", "s", ("ann", frozenset({"bob"}), False, {}, None))
    assert code(step(made, cell, person("go", "ann", "operator", **ARGS))) == expected


def test_by_policy_denies_by_default_and_one_error_spoils_every_permit() -> None:
    cell = Cell("Door", "d", "s", (None, frozenset(), False, {}, None))
    call = person("go", "ann", **ARGS)
    assert code(step(by_policy(""), cell, call)) == "denied"
    permit = "@id('all') permit(principal, action, resource);".replace("'", '"')
    answer = step(by_policy(permit), cell, call)
    assert isinstance(answer, Applied)
    assert answer.permitted_by == "all"
    error = 'permit(principal, action, resource) when { resource.owner == "x" };'
    assert code(step(by_policy(permit + error), cell, call)) == "denied"


def test_ids_and_names_are_passed_as_data() -> None:
    made = with_policies('forbid(principal == Principal::"bob", action, resource);')
    tricky = 'bob" || true //\n'
    answer = step(made, deploy("draft"), person("approve", tricky, "approver"))
    assert isinstance(answer, Applied)
    assert answer.cell.data[2] == frozenset({"x", tricky})


def test_every_policy_is_validated_against_the_schema() -> None:
    bad = (
        ("a.cedar", 'permit(principal in Role::"aprover", action, resource);'),
        ("b.cedar", 'permit(principal, action == Action::"Deploy.nope", resource);'),
        ("c.cedar", "permit("),
        ("d.cedar", 'permit(principal, action == Action::"Deploy.approve", resource) when { resource.authr == "x" };'),
        ("e.cedar", "permit(principal == ?principal, action, resource);"),
        (
            "f.cedar",
            FORBID + 'permit(principal, action == Action::"Deploy.approve", resource) when { resource.author == "x" };',
        ),
    )
    found = policy_problems(deploy_table(), bad)
    assert {problem.file for problem in found} == {f"{letter}.cedar" for letter in "abcdef"}
    assert any(problem.policy == 2 for problem in found if problem.file == "f.cedar")
    assert not any("policy `policy" in problem.message for problem in found)
    assert policy_problems(deploy_table(), (("ok.cedar", FORBID),)) == ()


def test_an_entity_cannot_be_called_like_a_part_of_cedar() -> None:
    role = table(entity("Role", action("open", sources=(NEW,), to="s"), states=("s",)))
    (problem,) = policy_problems(role, (("a.cedar", "permit(principal, action, resource);"),))
    assert "Role" in problem.message


def test_the_schema_leaves_out_what_policies_do_not_see() -> None:
    schema = cedar_schema(by_policy(""))[""]
    assert set(schema["entityTypes"]["Door"]["shape"]["attributes"]) == {"owner", "people", "open", "state"}
    assert set(schema["actions"]["Door.go"]["appliesTo"]["context"]["attributes"]) == {"n", "who", "note", "wait"}
    assert "Router" not in cedar_schema(deploy_table())[""]["entityTypes"]
    assert "Deploy.watch" not in cedar_schema(deploy_table())[""]["actions"]


def test_without_policies_cedar_is_never_imported() -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from support.tables import deploy_table\n"
        "from temper.machine import Call, Cause, Cell, step\n"
        "cell = Cell('Deploy', 'd', 'draft', ('s', 'ann', frozenset(), 0, 'unseen'))\n"
        "step(deploy_table(), cell, Call(Cause.PERSON, 'approve', {}, 1, 'bob', frozenset({'approver'})))\n"
        "assert 'cedarpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
