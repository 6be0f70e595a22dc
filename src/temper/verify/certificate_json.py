"""Certificates as JSON, both ways: a table is certified in one process and loaded by another.

Values in traces describe themselves, so that a certificate can be read without its table: what JSON has is
written as it is, a set as `{"set": [...]}`, a map as `{"map": [[key, value], ...]}`.
"""

from __future__ import annotations

import json
from typing import Any, assert_never

from temper.machine import (
    Address,
    Args,
    Cell,
    Certificate,
    Change,
    Exhausted,
    Finding,
    FrozenMap,
    Label,
    Proved,
    Refuted,
    SearchSummary,
    Survived,
    Trace,
    TraceStep,
    Unknown,
    Value,
    Verdict,
    canonical_json,
    property_from_json,
    property_to_json,
    scope_from_json,
    scope_to_json,
    word,
)


def certificate_to_json(certificate: Certificate) -> dict[str, Any]:
    """The certificate as JSON data, from which `certificate_from_json` makes an equal one."""
    return {
        "table": certificate.table,
        "findings": [_finding_to_json(finding) for finding in certificate.findings],
        "search": None if certificate.search is None else summary_to_json(certificate.search),
        "scope": certificate.scope,
        "accepted": dict(certificate.accepted),
        "made_with": dict(certificate.made_with),
        "notes": list(certificate.notes),
        "assumptions": list(certificate.assumptions),
        "policies": certificate.policies,
        "lemmas": list(map(property_to_json, certificate.lemmas)),
        "searched": None if certificate.searched is None else scope_to_json(certificate.searched),
        "begins": certificate.begins,
        "times": dict(certificate.times),
        "made_at": certificate.made_at,
    }


def certificate_from_json(data: dict[str, Any]) -> Certificate:
    """The certificate that the data was made from.

    Data of another shape raises `KeyError`, `TypeError` or `ValueError`.
    """
    search = data["search"]
    return Certificate(
        table=data["table"],
        findings=tuple(map(_finding_from_json, data["findings"])),
        search=None if search is None else _summary_from_json(search),
        scope=data["scope"],
        accepted=tuple(data["accepted"].items()),
        made_with=tuple(data["made_with"].items()),
        notes=tuple(data["notes"]),
        assumptions=tuple(data["assumptions"]),
        policies=data["policies"],
        lemmas=tuple(map(property_from_json, data["lemmas"])),
        searched=None if data["searched"] is None else scope_from_json(data["searched"]),
        begins=data["begins"],
        times=tuple(data["times"].items()),
        made_at=data["made_at"],
    )


def certificate_to_line(certificate: Certificate) -> str:
    """The certificate as one line of JSON, for a store that keeps it with its version."""
    return json.dumps(certificate_to_json(certificate), ensure_ascii=False)


def certificate_from_line(line: str) -> Certificate | None:
    """The certificate of the line; None if it was written by a version of us that wrote another shape."""
    try:
        return certificate_from_json(json.loads(line))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def summary_to_json(summary: SearchSummary) -> dict[str, Any]:
    """What the search did, with the keys that `temper verify --json` prints."""
    return {
        "states": summary.states,
        "transitions": summary.transitions,
        "seconds": summary.seconds,
        "complete": summary.complete,
        "stand_for": summary.stand_for,
        "reduced": dict(summary.reduced),
        "not_reduced": dict(summary.not_reduced),
    }


def _summary_from_json(data: dict[str, Any]) -> SearchSummary:
    named = {name: tuple(data.get(name, {}).items()) for name in ("reduced", "not_reduced")}
    return SearchSummary(**{**data, **named})


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """A run as data: each step with what it was, what it changed and what it handed on, and the cells at its end.

    An infinite run has `loop`, too: how many steps come before those that repeat.
    """
    repeats = {} if trace.loop is None else {"loop": trace.loop}
    return {
        "steps": [
            {
                **_label_to_json(step.label),
                "changes": [
                    {
                        "entity": change.address.entity,
                        "id": change.address.id,
                        "changes": [
                            [name, value_to_json(before), value_to_json(after)]
                            for name, before, after in change.changes
                        ],
                    }
                    for change in step.changes
                ],
                "handed_on": list(step.handed_on),
            }
            for step in trace.steps
        ],
        "final": [_cell_to_json(cell) for cell in trace.final],
        **repeats,
    }


def trace_from_json(data: dict[str, Any]) -> Trace:
    """The run that the data was made from."""
    return Trace(
        tuple(
            TraceStep(
                _label_from_json(step),
                tuple(
                    Change(
                        Address(change["entity"], change["id"]),
                        tuple((name, value_from_json(a), value_from_json(b)) for name, a, b in change["changes"]),
                    )
                    for change in step["changes"]
                ),
                tuple(step["handed_on"]),
            )
            for step in data["steps"]
        ),
        tuple(map(_cell_from_json, data["final"])),
        data.get("loop"),
    )


def value_to_json(value: Value) -> Any:
    """A value that says what it is; equal values give equal data.

    >>> value_to_json(frozenset({"b", "a"}))
    {'set': ['a', 'b']}
    """
    if isinstance(value, frozenset):
        return {"set": sorted(map(value_to_json, value), key=canonical_json)}
    if isinstance(value, FrozenMap):
        pairs = [[value_to_json(key), value_to_json(item)] for key, item in value.items()]
        return {"map": sorted(pairs, key=canonical_json)}
    return value


def value_from_json(data: Any) -> Value:
    """The value that the data was made from.

    >>> value_from_json({"map": [[1, True]]})
    FrozenMap({1: True})
    """
    if isinstance(data, dict) and "set" in data:
        return frozenset(map(value_from_json, data["set"]))
    if isinstance(data, dict):
        return FrozenMap({value_from_json(key): value_from_json(item) for key, item in data["map"]})
    if data is None or isinstance(data, bool | int | str):
        return data
    raise ValueError(f"a value of a trace is expected, not {data!r}")


def _args_to_json(args: Args) -> dict[str, Any]:
    return {name: value_to_json(value) for name, value in args}


def _args_from_json(data: dict[str, Any]) -> Args:
    return tuple((name, value_from_json(value)) for name, value in data.items())


def _label_to_json(label: Label) -> dict[str, Any]:
    return {
        "rule": label.rule,
        "entity": label.address.entity,
        "id": label.address.id,
        "action": label.action,
        "args": _args_to_json(label.args),
        "cause": label.cause,
        "caller": label.caller,
        "roles": list(label.roles),
        "outcome": label.outcome,
        "fields": _args_to_json(label.fields),
        "case": label.case,
    }


def _label_from_json(data: dict[str, Any]) -> Label:
    return Label(
        rule=data["rule"],
        address=Address(data["entity"], data["id"]),
        action=data["action"],
        args=_args_from_json(data["args"]),
        cause=data["cause"],
        caller=data["caller"],
        roles=tuple(data["roles"]),
        outcome=data["outcome"],
        fields=_args_from_json(data["fields"]),
        case=data["case"],
    )


def _cell_to_json(cell: Cell) -> dict[str, Any]:
    return {
        "entity": cell.entity,
        "id": cell.id,
        "state": cell.control,
        "data": [value_to_json(value) for value in cell.data],
        "timers": [list(timer) for timer in cell.timers],
        "clock": cell.clock,
        "seq": cell.seq,
    }


def _cell_from_json(data: dict[str, Any]) -> Cell:
    return Cell(
        data["entity"],
        data["id"],
        data["state"],
        tuple(map(value_from_json, data["data"])),
        tuple((name, due) for name, due in data["timers"]),
        data["clock"],
        data["seq"],
    )


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        **_verdict_to_json(finding.verdict),
        "obligation": finding.obligation,
        "vacuous": finding.vacuous,
    }


def _finding_from_json(data: dict[str, Any]) -> Finding:
    return Finding(data["name"], _verdict_from_json(data), obligation=data["obligation"], vacuous=data["vacuous"])


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Proved(because, trace) | Refuted(because, trace):
            rest: dict[str, Any] = {"because": because, "trace": None if trace is None else trace_to_json(trace)}
        case Exhausted(scope, states, whole):
            rest = {"scope": scope, "states": states, **({} if whole else {"whole": False})}
        case Survived(runs, seeds, faults):
            rest = {"runs": runs, "seeds": seeds, "faults": faults}
        case Unknown(because):
            rest = {"because": because}
        case _:
            assert_never(verdict)
    return {"verdict": word(verdict), **rest}


def _verdict_from_json(data: dict[str, Any]) -> Verdict:
    match data["verdict"]:
        case "proved" | "refuted" as kind:
            trace = None if data["trace"] is None else trace_from_json(data["trace"])
            return (Proved if kind == "proved" else Refuted)(data["because"], trace)
        case "exhausted":
            return Exhausted(data["scope"], data["states"], data.get("whole", True))
        case "survived":
            return Survived(data["runs"], data["seeds"], data["faults"])
        case "unknown":
            return Unknown(data["because"])
        case other:
            raise ValueError(f"there is no verdict {other!r}")
