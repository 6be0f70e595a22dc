"""What a table is: small named predicates that `lower` asserts and everyone below relies on.

Each gives a sentence for everything that breaks it. A broken one is our mistake, never the author's: what an author
can get wrong is a diagnostic of the language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from temper.machine.expression import Expression, Op, fold, parts
from temper.machine.table import (
    AGAIN,
    IGNORE,
    NEW,
    UNKNOWN,
    Action,
    Entity,
    Gate,
    Parameter,
    Request,
    Send,
    Spawn,
    Target,
    Template,
    TransitionTable,
    action_expressions,
    templates,
)
from temper.machine.value import MapType, contains

DEPTH_MAX = 120
"""How deep an expression may nest: Python's own parser gives up at some hundred parentheses."""

Problems = Iterator[str]


def assert_wellformed(table: TransitionTable) -> TransitionTable:
    """The table, after asserting that it is one."""
    found = problems(table)
    assert not found, f"the table of `{table.blueprint}` is not well formed: " + "; ".join(found)
    return table


def problems(table: TransitionTable) -> tuple[str, ...]:
    """Everything that keeps it from being a table, predicate by predicate."""
    return tuple(problem for predicate in PREDICATES for problem in predicate(table))


def names_are_unique(table: TransitionTable) -> Problems:
    """No two things of one kind in one place have the same name."""
    yield from _twice("role", table.roles)
    yield from _twice("entity", (entity.name for entity in table.entities))
    yield from _twice("effect", (effect.name for effect in table.effects))
    yield from _twice("property", (item.name for item in table.properties))
    for entity in table.entities:
        yield from _twice(f"state of {entity.name}", entity.states)
        yield from _twice(f"field of {entity.name}", (field.name for field in entity.fields))
        yield from _twice(f"action of {entity.name}", (action.name for action in entity.actions))
        yield from _twice(f"timer of {entity.name}", (timer.name for timer in entity.timers))
        for action in entity.actions:
            yield from _twice(f"parameter of {action.name}", (param.name for param in action.params))
    for effect in table.effects:
        yield from _twice(f"outcome of {effect.name}", (UNKNOWN, *(outcome.name for outcome in effect.outcomes)))


def states_are_known(table: TransitionTable) -> Problems:
    """Every state that is mentioned is a state of its entity."""
    for entity in table.entities:
        timers = (state for timer in entity.timers for state in timer.states)
        for state in (*entity.final, *entity.waits, *timers):
            if state not in entity.states:
                yield f"{entity.name} has no state {state}"
        for action in entity.actions:
            targets = (case.target for case in action.cases if case.target is not None)
            for state in targets:
                if state not in entity.states:
                    yield f"{entity.name}.{action.name} leads to {state}, which is no state"
            for state in action.sources:
                if state not in (NEW, *entity.states):
                    yield f"{entity.name}.{action.name} starts in {state}, which is no state"


def final_states_have_no_exits(table: TransitionTable) -> Problems:
    """Nothing starts in a final state."""
    for entity in table.entities:
        for action in entity.actions:
            for state in action.sources:
                if state in entity.final:
                    yield f"{entity.name}.{action.name} starts in the final state {state}"


def actions_have_cases(table: TransitionTable) -> Problems:
    """Every action starts somewhere, goes some way, and restarts timers that exist."""
    for entity in table.entities:
        for action in entity.actions:
            if not action.cases:
                yield f"{entity.name}.{action.name} has no case"
            if not action.sources:
                yield f"{entity.name}.{action.name} starts in no state"
            timers = {timer.name for timer in entity.timers}
            for case in action.cases:
                yield from (f"{action.name} restarts no timer {name}" for name in case.restarts if name not in timers)


def constructors_lead_somewhere(table: TransitionTable) -> Problems:
    """A constructor starts in `new` alone and leaves it; a single entity has none."""
    for entity in table.entities:
        for action in entity.actions:
            if NEW in action.sources and not action.is_constructor:
                yield f"{entity.name}.{action.name} starts in `new` and elsewhere"
            if action.is_constructor and any(case.target is None for case in action.cases):
                yield f"the constructor {entity.name}.{action.name} leaves the instance in `new`"
            if action.is_constructor and entity.single:
                yield f"{entity.name} is single and has the constructor {action.name}"


def gates_fit(table: TransitionTable) -> Problems:
    """Roles are named where roles may call; the environment acts in the world alone, and the world hands nothing on."""
    for entity in table.entities:
        if entity.world and not entity.single:
            yield f"the world entity {entity.name} is not single"
        for action in entity.actions:
            if (action.gate is Gate.ROLES) != bool(action.roles):
                yield f"{entity.name}.{action.name} names roles exactly if roles may call it"
            if action.gate is Gate.ENVIRONMENT and not entity.world:
                yield f"{entity.name}.{action.name} is the environment's, but the entity is not of the world"
            yield from (f"there is no role {role}" for role in action.roles if role not in table.roles)
            if entity.world and any(case.deliveries for case in action.cases):
                yield f"{entity.name} is of the world and hands something on in {action.name}"


def updates_fit(table: TransitionTable) -> Problems:
    """Updates set fields, a map as a whole or by key; initial values are in their types."""
    for entity in table.entities:
        types = {field.name: field.type for field in entity.fields}
        for field in entity.fields:
            if field.initial is not None and not contains(field.type, field.initial):
                yield f"{entity.name}.{field.name} starts with {field.initial!r}, which is no {field.type}"
        for action in entity.actions:
            for updates in (action.updates, *(case.updates for case in action.cases)):
                yield from _twice(f"whole update in {action.name}", (u.name for u in updates if u.key is None))
                for update in updates:
                    if update.name not in types:
                        yield f"{entity.name}.{action.name} sets {update.name}, which is no field"
                    elif update.key is not None and not isinstance(types[update.name], MapType):
                        yield f"{entity.name}.{action.name} sets {update.name} by key, but it is no map"
                    elif update.key is not None and any(u.name == update.name and u.key is None for u in updates):
                        yield f"{entity.name}.{action.name} sets {update.name} as a whole and by key"


def templates_fit(table: TransitionTable) -> Problems:
    """What is handed on exists and is given exactly its parameters."""
    for entity, action, _, _, template in templates(table):
        where = f"{entity.name}.{action.name}"
        params = _params(table, template)
        if params is None:
            yield f"{where} hands something on to what does not exist"
            continue
        given, wanted = {name for name, _ in template.args}, {param.name for param in params}
        if given != wanted:
            yield f"{where} passes {sorted(given)} where {sorted(wanted)} is asked for"
        if isinstance(template, Spawn) and template.into and template.into not in {f.name for f in entity.fields}:
            yield f"{where} puts its spawn into {template.into}, which is no field"
        if isinstance(template, Spawn) and not table.entity(template.entity).action(template.action).is_constructor:
            yield f"{where} spawns by {template.action}, which is no constructor"


def targets_fit(table: TransitionTable) -> Problems:
    """Every target names actions of its entity whose parameters are all there and which do not read `caller`."""
    for entity in table.entities:
        for timer in entity.timers:
            yield from _target_problems(entity, timer.target, set(), again=False, where=f"the timer {timer.name}")
    for entity, action, _, _, template in templates(table):
        where = f"{entity.name}.{action.name}"
        own = {name for name, _ in template.args}
        match template:
            case Request(effect=name, then=then):
                effect = next((effect for effect in table.effects if effect.name == name), None)
                outcomes = {outcome.name: outcome for outcome in effect.outcomes} if effect else {}
                if effect and {name for name, _ in then} != {*outcomes, UNKNOWN}:
                    yield f"{where} does not say what follows each outcome of {name}"
                for outcome, target in then:
                    fields = {field.name for field in outcomes[outcome].fields} if outcome in outcomes else set()
                    yield from _target_problems(entity, target, own | fields, again=True, where=where)
            case Send(refused=target):
                yield from _target_problems(entity, target, own | {"reason", "receiver"}, again=True, where=where)
            case Spawn(refused=target):
                yield from _target_problems(entity, target, own | {"reason", "receiver"}, again=False, where=where)


def the_machine_has_no_caller(table: TransitionTable) -> Problems:
    """No action that only the machine calls reads `caller`."""
    called = {(t.entity, t.action) for *_, t in templates(table) if isinstance(t, Send | Spawn)}
    for entity in table.entities:
        for action in entity.actions:
            if _reads_caller(action) and (action.gate is Gate.MACHINE or (entity.name, action.name) in called):
                yield f"{entity.name}.{action.name} reads `caller`, but the machine calls it"


def expressions_are_resolved(table: TransitionTable) -> Problems:
    """Expressions of rows read their own fields and parameters alone, and are not too deep."""
    for entity in table.entities:
        fields = {field.name for field in entity.fields}
        for timer in entity.timers:
            yield from _expression_problems(timer.after, fields, set(), f"the timer {timer.name} of {entity.name}")
        for action in entity.actions:
            params = {param.name for param in action.params}
            for expression in action_expressions(action):
                yield from _expression_problems(expression, fields, params, f"{entity.name}.{action.name}")
    for item in table.properties:
        for body in (item.whenever, item.body):
            if body is not None and _depth(body) > DEPTH_MAX:
                yield f"the property {item.name} nests deeper than {DEPTH_MAX}"
        entities = {entity.name for entity in table.entities}
        yield from (f"the property {item.name} ranges over {of}" for _, of in item.variables if of not in entities)


PREDICATES: tuple[Callable[[TransitionTable], Problems], ...] = (
    names_are_unique,
    states_are_known,
    final_states_have_no_exits,
    actions_have_cases,
    constructors_lead_somewhere,
    gates_fit,
    updates_fit,
    templates_fit,
    targets_fit,
    the_machine_has_no_caller,
    expressions_are_resolved,
)


def _twice(what: str, names: Iterable[str]) -> Problems:
    yield from (f"there are {count} of the {what} {name}" for name, count in Counter(names).items() if count > 1)


def _params(table: TransitionTable, template: Template) -> tuple[Parameter, ...] | None:
    try:
        if isinstance(template, Request):
            return table.effect(template.effect).params
        return table.entity(template.entity).action(template.action).params
    except KeyError:
        return None


def _target_problems(entity: Entity, target: Target, pool: set[str], *, again: bool, where: str) -> Problems:
    actions = {action.name: action for action in entity.actions}
    for name in target:
        if name == IGNORE or (name == AGAIN and again):
            continue
        if name not in actions:
            yield f"{where} leads to {name}, which {entity.name} cannot do"
            continue
        missing = {param.name for param in actions[name].params} - pool
        if missing:
            yield f"{where} calls {name} without {', '.join(sorted(missing))}"
        if _reads_caller(actions[name]):
            yield f"{where} calls {name}, which reads `caller`"


def _reads_caller(action: Action) -> bool:
    return any(node.op is Op.CALLER for expression in action_expressions(action) for node in parts(expression))


def _expression_problems(expression: Expression, fields: set[str], params: set[str], where: str) -> Problems:
    if _depth(expression) > DEPTH_MAX:
        yield f"an expression of {where} nests deeper than {DEPTH_MAX}"
    for node in parts(expression):
        if node.op is Op.FIELD and node.name not in fields:
            yield f"{where} reads {node.name}, which is no field"
        if node.op is Op.ARGUMENT and node.name not in params:
            yield f"{where} reads args.{node.name}, which is no parameter"
        if node.op in (Op.READ, Op.INSTANCES):
            yield f"{where} reads another instance"


def _depth(expression: Expression) -> int:
    return fold(expression, dict.fromkeys(Op, lambda _, *inner: 1 + max(inner, default=0)))
