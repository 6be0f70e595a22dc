"""What lives, as the JSON that every transport shows: instances, answers, records, deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from temper.machine import TIME, Rejected, to_json
from temper.run import Done, EffectSeen, LetterSeen, Option, Seen, Waiting
from temper.run.book import AttemptNote
from temper.run.trace_context import trace_of
from temper.run.wording import quoted
from temper.serve.asking import JsonText


def seen_to_json(seen: Seen) -> dict[str, Any]:
    """An instance."""
    return {
        "entity": seen.entity,
        "id": seen.id,
        "state": seen.state,
        "seq": seen.seq,
        "data": dict(seen.data),
        "timers": {name: moment(due) for name, due in seen.timers},
        "unhandled": list(seen.unhandled),
    }


def done_text(done: Done) -> JsonText:
    """An applied call, as JSON text: it is answered more often than anything else."""
    return JsonText(
        f'{{"action":{quoted(done.action)},"entity":{quoted(done.entity)},"id":{quoted(done.id)}'
        f',"state":{quoted(done.state)},"seq":{done.seq},"data":{done.written},"at":{quoted(moment(done.at))}'
        f',"record":{done.record},"repeated":{"true" if done.repeated else "false"}}}'
    )


def rejected_to_json(rejected: Rejected) -> dict[str, Any]:
    """Why an action cannot be called."""
    return {"code": rejected.code, "message": rejected.message, "facts": dict(rejected.facts)}


def option_to_json(option: Option, params: Mapping[str, Any]) -> dict[str, Any]:
    """An action as it stands now; `params` gives the schema of each argument."""
    return {
        "action": option.action,
        "possible": option.because is None,
        "because": None if option.because is None else rejected_to_json(option.because),
        "params": dict(params),
        "note": option.note,
    }


def waiting_to_json(waiting: Waiting) -> dict[str, Any]:
    """A pending delivery."""
    return {
        "key": waiting.key,
        "kind": waiting.kind,
        "what": waiting.what,
        "owner": waiting.owner,
        "receiver": waiting.receiver,
        "args": dict(waiting.args),
        "status": waiting.status,
        "attempts": waiting.attempts,
        "note": waiting.note,
    }


def effect_to_json(seen: EffectSeen) -> dict[str, Any]:
    """How an effect stands."""
    paused = seen.paused
    because = "" if paused is None or not paused.because else f": {paused.because}"
    said = seen.said if seen.until is None else f"{seen.said}; one is let through at {moment(seen.until)}"
    return {
        "effect": seen.effect,
        "handler": seen.handler,
        "workers": list(seen.workers),
        "paused": None if paused is None else f"by {paused.by} since {moment(paused.at)}{because}",
        "breaker": seen.circuit,
        "said": said,
        "limits": list(seen.limits),
        "attempting": seen.attempting,
        "waiting": seen.waiting,
        "letters": seen.letters,
    }


def letter_to_json(letter: LetterSeen) -> dict[str, Any]:
    """A dead letter."""
    return {
        "key": letter.key,
        "effect": letter.effect,
        "owner": letter.owner,
        "args": dict(letter.args),
        "at": moment(letter.at),
        "attempts": letter.attempts,
        "because": letter.because,
        "redriven_by": letter.redriven_by,
        "said": letter.said,
    }


def attempt_to_json(note: AttemptNote) -> dict[str, Any]:
    """An attempt that failed, or one that is or was a worker's."""
    return {
        "number": note.number,
        "effect": note.effect,
        "owner": f"{note.entity} {note.id}",
        "started": moment(note.started),
        "ended": None if note.ended is None else moment(note.ended),
        "worker": note.who,
        "end": note.end or "under way",
        "said": note.said,
    }


def record_to_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """A journal record for whoever reads the history: what happened, on whose behalf, and what it changed."""
    caller = record.get("caller")
    return {
        "number": record["number"],
        "seq": record.get("seq"),
        "at": moment(record["at"]),
        "rule": record["rule"],
        "action": record.get("action", record["rule"]),
        "cause": record.get("cause", ""),
        "caller": caller,
        "roles": record.get("roles", []),
        "args": record.get("args", {}),
        "fields": record.get("fields", {}),
        "state": record.get("state"),
        "changes": record.get("data", record.get("set", {})),
        "handed_on": [handed_on(made["delivery"]) for made in record.get("made", [])],
        "consumed": [f"{place}-{round_}" for place, round_ in record.get("consumed", [])],
        "note": record.get("note", ""),
        "table": record["table"],
        "trace": trace_of(record.get("trace", "")),
    }


def handed_on(delivery: Mapping[str, Any]) -> str:
    """A delivery in one line.

    >>> handed_on({"kind": "effect", "effect": "probe", "args": {"service": "web", "percent": 5}})
    'probe(service=web, percent=5)'
    """
    match delivery["kind"]:
        case "effect":
            return f"{delivery['effect']}({_args(delivery['args'])})"
        case "message":
            return f"{' '.join(delivery['receiver'])}: {delivery['action']}({_args(delivery['args'])})"
        case "spawn":
            return f"new {' '.join(delivery['child'])}: {delivery['action']}({_args(delivery['args'])})"
        case kind:
            assert kind == "refusal", f"a delivery is no {kind}"
            return f"refusal of {delivery['of']['action']}: {delivery['reason']}"


@lru_cache(maxsize=256)  # what is answered at one time happened at about one time
def moment(milliseconds: int) -> str:
    """A time as JSON writes it."""
    return str(to_json(TIME, milliseconds))


def _args(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in args.items())
