"""Who may, as a solver term: what `by:` and the policies say of a person's call, and which policy says it.

The machine's own calls pass no gate (semantics.md section 2 (c)), so this is a condition on calls by people alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from temper.machine import (
    NEW,
    Action,
    Entity,
    Field,
    Gate,
    OptionType,
    Policy,
    TransitionTable,
    Type,
    Uid,
    cedar_type,
    read_policies,
)
from temper.verify.symbolic.algebra import Sight
from temper.verify.symbolic.policy_algebra import asked
from temper.verify.symbolic.policy_sight import Asked, PolicySight
from temper.verify.symbolic.policy_values import FALSE, TRUE, Attribute, Choice, Named, any_of, both, negated, seen
from temper.verify.symbolic.shapes import NOTHING, Term, Unencodable


@dataclass(frozen=True, slots=True)
class GateTerm:
    """What the gate says of one call by a person."""

    passes: z3.BoolRef
    by_role: z3.BoolRef
    """That a role of `by:` is among the caller's."""
    policies: tuple[tuple[Policy, Asked], ...]
    """Each policy of the table, and what it says of the call."""
    untranslated: tuple[str, ...]
    """Conditions that the solver does not take on, as they are written: each may hold or not, and may fail."""
    free: tuple[z3.BoolRef, ...] = ()
    """The terms that are free for it. Where none of them holds, nothing is guessed."""


def gate_term(
    table: TransitionTable, entity: Entity, action: Action, sight: Sight, roles: Mapping[str, z3.BoolRef]
) -> GateTerm:
    """What must hold for a person's call to pass its gate; `passes` is the whole of it.

    `sight` is what a guard sees before the step: `fields` and `state` of the instance (the place of its control state
    in the entity's list, `NOTHING` for `new`), `args`, `self`, `caller`. `roles` says of each role whether the caller
    is in it; one that is not named there may be or not. What the solver does not take on passes or not, as it likes:
    there are more calls than the machine lets through, and none less. Never raises `Unencodable`.
    """
    by_role = any_of(roles.get(role, z3.FreshBool(f"role.{role}")) for role in action.roles)
    if action.gate not in {Gate.ROLES, Gate.POLICY}:
        return GateTerm(FALSE, FALSE, (), ())
    policy_sight = _sight(entity, action, sight, roles)
    decided = tuple((policy, asked(policy, policy_sight)) for policy in read_policies(table))
    passes = gate_passes(action, by_role, decided)
    free = tuple(term for said in policy_sight.free.values() for term in (said.fails, said.holds))
    return GateTerm(passes, by_role, decided, tuple(policy_sight.free), free)


def gate_passes(action: Action, by_role: z3.BoolRef, decided: Iterable[tuple[Policy, Asked]]) -> z3.BoolRef:
    """Default deny, forbid wins, and a policy that fails denies; a role that `by:` names is as good as a permit."""
    listed = tuple(decided)
    fails = any_of(said.fails for _, said in listed)
    forbids = any_of(said.fits for policy, said in listed if policy.forbids)
    permits = any_of(said.fits for policy, said in listed if not policy.forbids)
    allows = by_role if action.gate is Gate.ROLES else permits
    return both(allows, negated(forbids), negated(fails))


def any_roles(table: TransitionTable) -> dict[str, z3.BoolRef]:
    """The roles of some caller, of which nothing is known."""
    return {role: z3.FreshBool(f"role.{role}") for role in table.roles}


def _sight(entity: Entity, action: Action, sight: Sight, roles: Mapping[str, z3.BoolRef]) -> PolicySight:
    states = ((NEW, NOTHING), *((name, place) for place, name in enumerate(entity.states)))
    attributes: dict[str, Attribute] = {
        field.name: _field(entity, action, field, sight)
        for field in entity.fields
        if cedar_type(field.type) is not None
    }
    attributes["state"] = (TRUE, Choice(tuple(states), sight.state[0]))
    context = {
        param.name: _seen(param.name, param.type, sight.args, sight)
        for param in action.params
        if cedar_type(param.type) is not None
    }
    return PolicySight(
        texts=sight.texts,
        caller=sight.caller[0],
        roles=roles,
        action=Uid("Action", f"{entity.name}.{action.name}"),
        resource=Named(entity.name, sight.self[0]),
        attributes=attributes,
        context=context,
    )


def is_surely_set(entity: Entity, field: Field) -> bool:
    """Whether the field has a value in every instance that exists: from the start, or from every constructor."""
    if field.initial is not None or isinstance(field.type, OptionType):
        return True
    made = [(action, case) for action in entity.actions if action.is_constructor for case in action.cases]
    written = ({update.name for update in (*action.updates, *case.updates)} for action, case in made)
    return not entity.single and all(field.name in names for names in written)


def _field(entity: Entity, action: Action, field: Field, sight: Sight) -> Attribute:
    found = _seen(field.name, field.type, sight.fields, sight, unset=not is_surely_set(entity, field))
    is_absent = action.is_constructor and field.initial is None
    return found if isinstance(found, Unencodable) or not is_absent else (FALSE, found[1])


def _seen(name: str, type_: Type, terms: Mapping[str, Term], sight: Sight, *, unset: bool = False) -> Attribute:
    try:
        return seen(type_, terms[name], sight.texts, unset=unset)
    except Unencodable as refused:
        return refused
    except KeyError:
        return Unencodable(f"`{name}`")
