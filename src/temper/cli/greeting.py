"""What `temper up` says when it serves: where, under whose tokens, and how to make the first call."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from temper.machine import (
    NEW,
    Action,
    Entity,
    EnumType,
    Gate,
    IntType,
    Parameter,
    StrType,
    TransitionTable,
    finite_values,
    initial,
    to_json,
)
from temper.serve.openapi import callable_actions
from temper.serve.tokens import Principal, Tokens

if TYPE_CHECKING:
    from temper.cli.serving import Plan


@dataclass(frozen=True, slots=True)
class Greeting:
    """Everything that is said. `drawn` holds the tokens that this machine's user may use, by principal."""

    plan: Plan
    url: str
    tokens: Tokens
    drawn: Mapping[str, str]
    handlers: tuple[str, ...]

    @property
    def table(self) -> TransitionTable:
        return self.plan.certified.table


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A call that somebody could make on an empty system."""

    entity: Entity
    action: Action
    id: str
    args: Mapping[str, Any]
    caller: Principal


def greeting_lines(greeting: Greeting) -> Iterator[str]:
    """The greeting for people."""
    plan, table = greeting.plan, greeting.table
    yield ""
    yield f"serving {table.blueprint} at {greeting.url}; end it with Ctrl-C"
    yield f"  journal   {plan.store}"
    yield f"  tokens    {plan.tokens_path}"
    if plan.handlers_path is not None:
        yield f"  handlers  {plan.handlers_path}: {', '.join(sorted(greeting.handlers))}"
    missing = [effect.name for effect in table.effects if effect.name not in greeting.handlers]
    if missing:
        yield f"  parked    {', '.join(missing)}: no handler; their deliveries wait until there is one"
    if plan.watch:
        yield f"  watching  {plan.path}"
    first = first_call(greeting)
    if first is not None:
        yield ""
        yield "make the first call, in another terminal here:"
        yield f"  {_temper_line(first)}"
        yield "or, which is the same:"
        yield f"  {_curl_line(greeting, first)}"


def greeting_json(greeting: Greeting) -> dict[str, Any]:
    """The greeting for programs."""
    certificate = greeting.plan.certified.certificate
    return {
        "event": "serving",
        "blueprint": greeting.table.blueprint,
        "table": certificate.table,
        "url": greeting.url,
        "store": str(greeting.plan.store),
        "tokens": str(greeting.plan.tokens_path),
        "handlers": sorted(greeting.handlers),
    }


def first_call(greeting: Greeting) -> FirstCall | None:
    """The first action of the blueprint that somebody in the tokens file could call on an empty system."""
    for entity in greeting.table.entities:
        if entity.world:
            continue
        for action in callable_actions(entity):
            starts = entity.states[0] in action.sources if entity.single else NEW in action.sources
            caller = _caller(action, greeting.tokens)
            if starts and caller is not None:
                id_ = entity.name if entity.single else f"{entity.name[0].lower()}1"
                return FirstCall(entity, action, id_, {each.name: sampled(each) for each in action.params}, caller)
    return None


def _caller(action: Action, tokens: Tokens) -> Principal | None:
    """Somebody with a role that may; under a policy anybody, since only the policy knows."""
    others = [principal for principal in tokens.principals.values() if not principal.operator]
    if action.gate is Gate.POLICY:
        return others[0] if others else None
    return next((principal for principal in others if principal.roles & set(action.roles)), None)


def sampled(parameter: Parameter) -> Any:
    """Some value that the parameter may have."""
    match parameter.type:
        case StrType():
            return parameter.name
        case IntType() | EnumType():
            listed = finite_values(parameter.type)
            return listed[-1] if listed else 1
        case _:
            return to_json(parameter.type, initial(parameter.type))


def _temper_line(first: FirstCall) -> str:
    given = [f"{name}={_word(value)}" for name, value in first.args.items()]
    words = ["temper", "call", first.entity.name, first.id, first.action.name, *given, "--as", first.caller.name]
    return shlex.join(words)


def _curl_line(greeting: Greeting, first: FirstCall) -> str:
    path = f"/v1/{greeting.table.blueprint}/{first.entity.name}/{first.id}/{first.action.name}"
    token = greeting.drawn.get(first.caller.name)
    shown = f'"Authorization: Bearer {token or "$TEMPER_TOKEN"}"'
    return f"curl -X POST {greeting.url}{path} -H {shown} -d {shlex.quote(json.dumps(dict(first.args)))}"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
