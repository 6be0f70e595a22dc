"""Law: a call passes its gate exactly if the policies, read as they are written, let it.

Each policy is drawn with a reading of its own, in plain Python, that knows nothing of Cedar. One whose condition cannot
be evaluated (a sum beyond 64 bits) denies whatever it says, for Cedar would skip it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from support.tables import action, data, entity, params, table
from temper.machine import INT_MAX, Call, Cause, Cell, Gate, IntType, Rejected, TransitionTable, step

ROLES = ("clerk", "guard", "chief")
PEOPLE = ("ann", "bob")
STATES = ("shut", "open")
SMALL = IntType(0, 3)


class Asked(NamedTuple):
    action: str
    caller: str
    roles: frozenset[str]
    state: str
    count: int
    given: int


class Policy(NamedTuple):
    """`word` principal-scope action-scope `when` condition, each as a choice."""

    forbids: bool
    who: str
    what: str
    condition: str

    def text(self) -> str:
        who = {"": "principal"}.get(self.who) or (
            f'principal == Principal::"{self.who}"' if self.who in PEOPLE else f'principal in Role::"{self.who}"'
        )
        what = f'action == Action::"Door.{self.what}"' if self.what else "action"
        when = f" when {{ {CONDITIONS[self.condition]} }}" if self.condition else ""
        return f"{'forbid' if self.forbids else 'permit'}({who}, {what}, resource){when};"

    def concerns(self, asked: Asked) -> bool:
        person = self.who in {"", asked.caller} or self.who in asked.roles
        return person and self.what in {"", asked.action}

    def fails(self, asked: Asked) -> bool:
        return self.concerns(asked) and self.condition == "overflow" and asked.count > 0

    def fits(self, asked: Asked) -> bool:
        holds = {
            "": True,
            "state": asked.state == "open",
            "count": asked.count > 1,
            "given": asked.given == asked.count,
            "overflow": True,
        }
        return self.concerns(asked) and not self.fails(asked) and holds[self.condition]


CONDITIONS = {
    "state": 'resource.state == "open"',
    "count": "resource.count > 1",
    "given": "context.given == resource.count",
    "overflow": f"resource.count + {INT_MAX} > 0",
}


def passes(gate: Gate, roles: tuple[str, ...], policies: list[Policy], asked: Asked) -> bool:
    """Section 2 (c) of the semantics, and what `by:` says of roles and of `policy`."""
    if any(policy.fails(asked) for policy in policies):
        return False
    if any(policy.forbids and policy.fits(asked) for policy in policies):
        return False
    if gate is Gate.ROLES:
        return not asked.roles.isdisjoint(roles)
    return any(policy.fits(asked) for policy in policies if not policy.forbids)


def door(policies: list[Policy]) -> TransitionTable:
    knock = action("knock", by=("clerk", "guard"), takes=params(given=SMALL), sources=STATES)
    enter = action("enter", gate=Gate.POLICY, takes=params(given=SMALL), sources=STATES)
    made = table(entity("Door", knock, enter, fields=(data("count", SMALL),), states=STATES), roles=ROLES)
    return replace(made, policies=(("door.cedar", "\n".join(policy.text() for policy in policies)),))


POLICIES = st.builds(
    Policy,
    st.booleans(),
    st.sampled_from(["", *PEOPLE, *ROLES]),
    st.sampled_from(["", "knock", "enter"]),
    st.sampled_from(["", *CONDITIONS]),
)
ASKED = st.builds(
    Asked,
    st.sampled_from(["knock", "enter"]),
    st.sampled_from(PEOPLE),
    st.frozensets(st.sampled_from(ROLES)),
    st.sampled_from(STATES),
    st.integers(0, 3),
    st.integers(0, 3),
)


@settings(max_examples=400)
@given(st.lists(POLICIES, min_size=1, max_size=4), st.lists(ASKED, min_size=10, max_size=30))
def test_a_call_passes_as_the_policies_say(policies: list[Policy], calls: list[Asked]) -> None:
    made = door(policies)
    for asked in calls:
        cell = Cell("Door", "d", asked.state, (asked.count,))
        call = Call(Cause.PERSON, asked.action, {"given": asked.given}, 1, asked.caller, asked.roles)
        gate, roles = (Gate.ROLES, ("clerk", "guard")) if asked.action == "knock" else (Gate.POLICY, ())
        answer = step(made, cell, call)
        denied = isinstance(answer, Rejected)
        assert denied != passes(gate, roles, policies, asked), (made.policies[0][1], asked, answer)
        assert not isinstance(answer, Rejected) or answer.code == "denied"
