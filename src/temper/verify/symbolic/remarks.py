"""Policies that decide nothing: they never fit, or without them every call would be decided the same.

Every remark is proved: the solver finds no request of the declared types, by anybody, in any data, where it is
otherwise. Guards are left out of it; a policy that only a guard makes needless is no mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic

from temper.machine import Gate, Policy, TransitionTable, policy_text, read_policies
from temper.verify.access import Remark, RemarkKind
from temper.verify.symbolic.any_call import AnyCall
from temper.verify.symbolic.gates import gate_passes
from temper.verify.symbolic.policy_values import negated
from temper.verify.symbolic.who import Questions


def needless(table: TransitionTable, *, seconds_max: float = 20.0) -> tuple[Remark, ...]:
    """The policies of the table that decide nothing, and why. What nobody could prove in time is not among them."""
    if not table.policies:
        return ()
    until = monotonic() + seconds_max
    calls = [
        AnyCall(table, entity, action)
        for entity in table.entities
        for action in entity.actions
        if action.gate in {Gate.ROLES, Gate.POLICY}
    ]
    asked = [(call, Questions(call.facts, until)) for call in calls]
    return tuple(
        remark for place, policy in enumerate(read_policies(table)) for remark in _remarks(asked, place, policy)
    )


Asked = Sequence[tuple[AnyCall, Questions]]


def _remarks(asked: Asked, place: int, policy: Policy) -> Iterator[Remark]:
    said = [(call, questions, call.gate.policies[place][1]) for call, questions in asked]
    fitting = [(call, questions) for call, questions, each in said if not questions.never(each.fits)]
    failing = [call for call, questions, each in said if not questions.never(each.fails)]
    if not fitting and failing:
        return  # where it cannot be evaluated it denies, and that may be what it is for
    if not fitting:
        yield _remark(policy, RemarkKind.NEVER_FITS, (), "no request fits it")
        return
    if not all(_decides_nothing(call, questions, place) for call, questions, _ in said):
        return
    if not policy.forbids and all(call.action.gate is Gate.ROLES for call, _ in fitting):
        names = ", ".join(f"{call.entity.name}.{call.action.name}" for call, _ in fitting)
        yield _remark(policy, RemarkKind.NEEDLESS, (), f"{names} is called by roles, and a permit gives nobody a role")
        return
    others = _shadows(fitting, place)
    if others:
        word = "forbids" if others[0].forbids else "permits"
        because = f"whatever it {'forbids' if policy.forbids else 'permits'}, {others[0].name} {word}"
        yield _remark(policy, RemarkKind.SHADOWED, tuple(each.name for each in others), because)
    elif policy.forbids:
        yield _remark(policy, RemarkKind.NEEDLESS, (), "whatever it forbids, nobody could do anyway")
    else:
        yield _remark(policy, RemarkKind.NEEDLESS, (), "whatever it permits, other policies permit or forbid together")


def _remark(policy: Policy, kind: RemarkKind, by: tuple[str, ...], because: str) -> Remark:
    return Remark(policy.name, policy.forbids, policy_text(policy), kind, by, because)


def _decides_nothing(call: AnyCall, questions: Questions, place: int) -> bool:
    """Whether the gate is the same without it."""
    others = [each for number, each in enumerate(call.gate.policies) if number != place]
    without = gate_passes(call.action, call.gate.by_role, others)
    return questions.never(without != call.gate.passes)


def _shadows(fitting: Asked, place: int) -> list[Policy]:
    """The other policies each of which fits wherever this one does. What a forbid does only a forbid can do."""
    found = []
    for number, (other, _) in enumerate(fitting[0][0].gate.policies):
        mine = fitting[0][0].gate.policies[place][0]
        if number == place or (mine.forbids and not other.forbids):
            continue
        if all(
            questions.never(call.gate.policies[place][1].fits, negated(call.gate.policies[number][1].fits))
            for call, questions in fitting
        ):
            found.append(other)
    return sorted(found, key=lambda each: not each.forbids)
