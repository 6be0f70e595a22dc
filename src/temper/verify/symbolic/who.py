"""Who can call an action: the smallest sets of roles that are let through, and a call by each that Cedar confirms.

Everything that is not listed is denied, for every name, role, value and argument of the declared types: the solver
finds nothing more. That a run ever comes to such a state is another question (`verify.reach`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic

import z3

from temper.machine import (
    Action,
    Call,
    Cell,
    Entity,
    Gate,
    Policy,
    PolicyOp,
    Request,
    Send,
    Spawn,
    TransitionTable,
    conditions_text,
    expression_text,
    is_about,
    policy_parts,
    templates,
    text,
)
from temper.verify.access import Example, Way, WhoCan, decided
from temper.verify.symbolic.any_call import AnyCall

QUERY_MS = 2_000
"""How long the solver thinks about one question."""
WAYS_MAX = 12
"""So many ways are told of one action."""
EXAMPLES_MAX = 4
"""So many calls are tried before an example is given up."""


def who_can(
    table: TransitionTable,
    entity: Entity,
    action: Action,
    *,
    states: Sequence[str] = (),
    person: tuple[str, Sequence[str]] | None = None,
    seconds_max: float = 10.0,
) -> WhoCan:
    """Every way in which somebody can call the action in one of the states, or in any that it starts from.

    With `person`, a name and roles, the one way in which that principal can, or why not.
    """
    asked = tuple(state for state in action.sources if not states or state in states)
    guard = "" if action.guard is None else text(action.guard)
    answer = WhoCan(
        entity.name,
        action.name,
        asked,
        (),
        guard,
        tuple(dict.fromkeys(causes(table, entity, action))),
        (),
        complete=True,
    )
    if action.gate not in {Gate.ROLES, Gate.POLICY} or not asked:
        return answer
    call = AnyCall(table, entity, action, states=asked)
    questions = Questions(call.facts, monotonic() + seconds_max)
    if person is not None:
        return replace(_whether(questions, call, *person), guard=guard, causes=answer.causes)
    questions.solver.add(call.gate.passes, call.guard)
    ways = []
    for roles, callers in smallest(questions, call):
        ways.append(_way(questions, call, roles, callers))
        if len(ways) == WAYS_MAX:
            questions.gave_up = True
            break
    return replace(answer, ways=tuple(ways), untranslated=tuple(call.untranslated), complete=not questions.gave_up)


def _whether(questions: Questions, call: AnyCall, name: str, roles: Sequence[str]) -> WhoCan:
    """Whether one principal can."""
    questions.solver.add(call.caller == call.texts.code(name), *exactly(call, roles))
    never = questions.model(call.gate.passes, call.guard) is None and not questions.gave_up
    why_not = _why_not(questions, call) if never else ""
    questions.solver.add(call.gate.passes, call.guard)
    ways = () if never else (_way(questions, call, tuple(roles)),)
    untranslated = tuple(call.untranslated)
    entity, action = call.entity.name, call.action.name
    return WhoCan(entity, action, call.states, ways, "", (), untranslated, not questions.gave_up, name, why_not)


def _why_not(questions: Questions, call: AnyCall) -> str:
    """What keeps a principal from it, who never can."""
    if not questions.never(call.gate.passes):
        return "its guard never holds then"
    if call.action.gate is Gate.ROLES and questions.never(call.gate.by_role):
        return f"it takes {' or '.join(call.action.roles)}"
    permits = [said for policy, said in call.gate.policies if not policy.forbids]
    if call.action.gate is Gate.POLICY and all(questions.never(said.fits) for said in permits):
        return "no policy permits it"
    against = [policy.name for policy, said in call.gate.policies if policy.forbids and not questions.never(said.fits)]
    return f"{' and '.join(against) or 'a policy'} denies it"


class Questions:
    """A solver with a time limit. `gave_up` says that some answer was not found, so that nothing is complete."""

    def __init__(self, facts: Iterable[z3.BoolRef], until: float) -> None:
        self.solver, self.until, self.gave_up = z3.Solver(), until, False
        self.solver.add(*facts)

    def model(self, *assumed: z3.BoolRef) -> z3.ModelRef | None:
        """A model, or None if there is none; if nobody knows, none is given and the rest is not complete."""
        left = int((self.until - monotonic()) * 1000)
        self.solver.set("timeout", max(1, min(QUERY_MS, left)))
        answer = z3.unknown if left <= 0 else self.solver.check(*assumed)
        if answer == z3.unknown:
            self.gave_up = True
        return self.solver.model() if answer == z3.sat else None

    def never(self, *assumed: z3.BoolRef) -> bool:
        """Whether it is proved that this cannot be."""
        given_up, self.gave_up = self.gave_up, False
        found = self.model(*assumed) is None and not self.gave_up
        self.gave_up = given_up
        return found


def smallest(
    questions: Questions, call: AnyCall, names: Sequence[str] | None = None
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The sets of roles that are enough and have no part that is, each with the only names it is enough for, if so.

    Of those names, some of which `names` lists, nothing more is told; others may be let through with more roles. When
    it ends, the solver knows of no other way.
    """
    terms = call.roles
    codes = {name: call.texts.code(name) for name in (names_in(call) if names is None else names)}
    questions.solver.push()
    while (model := questions.model()) is not None:
        roles = _held(model, terms)
        while roles:
            outside = [z3.Not(term) for role, term in terms.items() if role not in roles]
            fewer = z3.Or([z3.Not(terms[role]) for role in roles])
            smaller = questions.model(*outside, fewer)
            if smaller is None:
                break
            roles = _held(smaller, terms)
        callers = _callers(questions, call, exactly(call, roles), codes)
        yield roles, callers
        others = [z3.And([call.caller != codes[name] for name in callers])] if callers else []
        questions.solver.add(z3.Or([*(z3.Not(terms[role]) for role in roles), *others]))
    questions.solver.pop()


def exactly(call: AnyCall, roles: Sequence[str]) -> list[z3.BoolRef]:
    """That the caller has these roles and no others."""
    return [term if role in roles else z3.Not(term) for role, term in call.roles.items()]


def example(
    questions: Questions,
    call: AnyCall,
    assumed: Sequence[z3.BoolRef],
    confirm: Callable[[Cell, Call], Example | None],
) -> Example | None:
    """A call that the solver comes up with and `confirm` confirms; of several one that is applied."""
    given_up = questions.gave_up
    questions.solver.push()
    best = None
    for wishes in (_granted(questions, [*assumed], call), []):
        best = _confirmed(questions, call, [*assumed, *wishes], confirm)
        if best is not None:
            break
    questions.solver.pop()
    questions.gave_up = given_up
    return best


def _granted(questions: Questions, assumed: list[z3.BoolRef], call: AnyCall) -> list[z3.BoolRef]:
    """As many of the wishes as go together, the first first."""
    granted: list[z3.BoolRef] = []
    for wish in call.wishes():
        if not questions.never(*assumed, *granted, wish):
            granted.append(wish)
    return granted


def _confirmed(
    questions: Questions,
    call: AnyCall,
    assumed: Sequence[z3.BoolRef],
    confirm: Callable[[Cell, Call], Example | None],
) -> Example | None:
    best: Example | None = None
    for _ in range(EXAMPLES_MAX):
        model = questions.model(*assumed)
        found = None if model is None else confirm(*call.model_call(model))
        if found is not None and (best is None or found.applied):
            best = found
        if model is None or (best is not None and best.applied):
            break
        questions.solver.add(_otherwise(model))
    return best


def named(policy: Policy) -> str:
    """The policy with what it asks, as people are told of it."""
    asks = conditions_text(policy)
    who = [expression_text(each) for each in (policy.scope[0], policy.scope[2]) if each.op is not PolicyOp.LITERAL]
    said = ", ".join([*who, *([f"when {asks}"] if asks else [])])
    return f"{policy.name}: {said}" if said else policy.name


def causes(table: TransitionTable, entity: Entity, action: Action) -> Iterator[str]:
    """What makes the machine call the action."""
    for owner, by, _, _, template in templates(table):
        match template:
            case Request(asked, then=then) if owner is entity:
                for outcome, target in then:
                    if action.name in target:
                        yield f"the outcome {asked}.{outcome}"
            case Send(entity=to, action=sent) if (to, sent) == (entity.name, action.name):
                yield f"a message of {owner.name}.{by.name}"
            case Spawn(entity=to, action=sent) if (to, sent) == (entity.name, action.name):
                yield f"{owner.name}.{by.name}, which makes one"
        if isinstance(template, Send | Spawn) and owner is entity and action.name in template.refused:
            yield f"the refusal of {template.entity}.{template.action}"
    for effect in table.effects:
        performs = effect.performs
        if performs is not None and (performs.entity, performs.action) == (entity.name, action.name):
            yield f"the effect {effect.name}, when it is performed"
    if action.gate is Gate.ENVIRONMENT:
        yield "the environment, whenever it likes"
    for timer in entity.timers:
        if action.name in timer.target:
            yield f"the timer {timer.name}"


def _way(questions: Questions, call: AnyCall, roles: tuple[str, ...], callers: tuple[str, ...] = ()) -> Way:
    """How callers of exactly these roles are let through."""
    table, entity, action = call.table, call.entity, call.action
    only = exactly(call, roles)
    about = [(policy, said) for policy, said in call.gate.policies if is_about(policy, entity.name, action.name)]
    by = [f"the role {role}" for role in action.roles if role in roles]
    if action.gate is Gate.POLICY:
        permits = [(policy, said) for policy, said in about if not policy.forbids]
        by = [named(policy) for policy, said in permits if not questions.never(*only, said.fits)]
    against = Questions(call.facts, questions.until)
    some = [z3.Or([call.caller == call.texts.code(name) for name in callers])] if callers else []
    unless = [
        named(policy)
        for policy, said in about
        if policy.forbids and not against.never(*only, *some, said.fits, call.guard)
    ]
    unless += [
        f"{policy.name}: where it cannot be evaluated"
        for policy, said in about
        if not against.never(*only, *some, said.fails, call.guard)
    ]
    confirmed = example(questions, call, only, lambda cell, asked: _if_passing(decided(table, cell, asked)))
    return Way(roles, callers, tuple(dict.fromkeys(by)), tuple(dict.fromkeys(unless)), confirmed)


def _if_passing(found: Example) -> Example | None:
    return found if found.passes else None


def names_in(call: AnyCall) -> tuple[str, ...]:
    """The principals that the policies name."""
    named = (
        part.value.id
        for policy, _ in call.gate.policies
        for part in policy_parts(policy.whole)
        if part.op is PolicyOp.ENTITY and part.value.type == "Principal"
    )
    return tuple(dict.fromkeys(named))


def _callers(questions: Questions, call: AnyCall, only: list[z3.BoolRef], codes: Mapping[str, int]) -> tuple[str, ...]:
    """The names that alone are let through; none if it does not take a name."""
    if not codes or not questions.never(*only, *(call.caller != code for code in codes.values())):
        return ()
    return tuple(name for name, code in codes.items() if not questions.never(*only, call.caller == code))


def _held(model: z3.ModelRef, terms: dict[str, z3.BoolRef]) -> tuple[str, ...]:
    return tuple(role for role, term in terms.items() if z3.is_true(model.eval(term, model_completion=True)))


def _otherwise(model: z3.ModelRef) -> z3.BoolRef:
    """That something is not as in the model, of what is plain to say."""
    plain = [name() for name in model.decls() if name.arity() == 0 and name.range() in (z3.BoolSort(), z3.IntSort())]
    return z3.Or([term != model[term] for term in plain])
