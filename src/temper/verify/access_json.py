"""Answers about who may do what, as JSON data."""

from __future__ import annotations

from typing import Any, assert_never

from temper.machine import TransitionTable, to_json
from temper.verify.access import Changed, Changes, Example, Remark, Way, WhoCan
from temper.verify.certificate_json import trace_to_json
from temper.verify.reach import Attempt, Gets, Never, NotWithin, Open, Reach


def who_can_json(table: TransitionTable, answer: WhoCan) -> dict[str, Any]:
    """`complete` says that whoever is not listed is proved to be denied."""
    told: dict[str, Any] = {
        "entity": answer.entity,
        "action": answer.action,
        "states": list(answer.states),
        "ways": [_way(table, way) for way in answer.ways],
        "guard": answer.guard,
        "machine": list(answer.causes),
        "untranslated": list(answer.untranslated),
        "complete": answer.complete,
    }
    return {**told, "principal": answer.person, "why_not": answer.why_not} if answer.person else told


def reach_json(answer: Reach) -> dict[str, Any]:
    """`takes_two` is null where it is not known."""
    return {
        "entity": answer.entity,
        "state": answer.state,
        "anybody_alone": attempt_json(answer.anybody),
        "alone": [attempt_json(each) for each in answer.alone],
        "together": attempt_json(answer.together),
        "takes_two": answer.takes_two,
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Some people, and whether they get there: `yes`, `never`, `not within scope` or `unknown`."""
    people = {name: list(roles) for name, roles in attempt.people}
    match attempt.reached:
        case Gets(trace, _, callers):
            return {"people": people, "answer": "yes", "callers": list(callers), "trace": trace_to_json(trace)}
        case Never(because):
            return {"people": people, "answer": "never", "because": because}
        case NotWithin(scope, states):
            return {"people": people, "answer": "not within scope", "scope": scope, "states": states}
        case Open(because):
            return {"people": people, "answer": "unknown", "because": because}
        case _:
            assert_never(attempt.reached)


def remark_json(remark: Remark) -> dict[str, Any]:
    """A policy that decides nothing."""
    return {
        "policy": remark.policy,
        "effect": "forbid" if remark.forbids else "permit",
        "text": remark.text,
        "kind": remark.kind.value,
        "by": list(remark.by),
        "because": remark.because,
    }


def changes_json(old: TransitionTable, new: TransitionTable, found: Changes) -> dict[str, Any]:
    """What is newly allowed and newly denied."""
    told = [(each, _changed(old, new, each)) for each in found.changed]
    return {
        "newly_allowed": [data for each, data in told if each.allowed],
        "newly_denied": [data for each, data in told if not each.allowed],
        "not_compared": list(found.open),
        "untranslated": list(found.untranslated),
    }


def _changed(old: TransitionTable, new: TransitionTable, each: Changed) -> dict[str, Any]:
    table = new if each.allowed else old
    return {
        "entity": each.entity,
        "action": each.action,
        "roles": list(each.roles),
        "callers": list(each.callers),
        "example": None if each.example is None else _example(table, each.example),
        "otherwise": "" if each.before is None else each.before.because,
    }


def _way(table: TransitionTable, way: Way) -> dict[str, Any]:
    return {
        "roles": list(way.roles),
        "callers": list(way.callers),
        "by": list(way.by),
        "unless": list(way.unless),
        "example": None if way.example is None else _example(table, way.example),
    }


def _example(table: TransitionTable, example: Example) -> dict[str, Any]:
    cell, call = example.cell, example.call
    entity = table.entity(cell.entity)
    params = {param.name: param.type for param in entity.action(call.action).params}
    return {
        "caller": call.caller,
        "roles": sorted(call.roles),
        "instance": cell.id,
        "state": cell.control,
        "data": {
            field.name: None if value is None else to_json(field.type, value)
            for field, value in zip(entity.fields, cell.data, strict=True)
        },
        "args": {name: to_json(params[name], value) for name, value in call.args.items()},
        "applied": example.applied,
        "because": example.because,
    }
