"""What a caller hears: done, rejected, or a problem that is not about the blueprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from temper.machine import Address, Rejected
from temper.run.wording import quoted, text


class Done(NamedTuple):
    """The call was applied and is durable. `repeated`: a key brought back an earlier answer."""

    entity: str
    id: str
    action: str
    state: str
    seq: int
    written: str
    """The data as JSON text, as it is kept and told."""
    record: int
    at: int
    repeated: bool = False

    @property
    def data(self) -> Mapping[str, Any]:
        """The data as JSON."""
        found: Mapping[str, Any] = json.loads(self.written)
        return found


@dataclass(frozen=True, slots=True)
class Retryable:
    """The world failed and nothing changed; the same request may succeed later. `facts` say what is tried next."""

    code: str
    message: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Terminal:
    """The request can never succeed as it is, whatever the state of the instance."""

    code: str
    message: str
    facts: tuple[tuple[str, str], ...] = ()


Problem: TypeAlias = Retryable | Terminal
Response: TypeAlias = Done | Rejected | Problem


PROBLEMS = {
    "storage-full": "there is no room for the journal; calls are refused until there is",
    "store-failed": "the store did not keep it, and nothing changed",
    "store-unsure": "the store failed, and nobody knows yet whether it kept it",
    "shutting-down": "the runtime is closing and takes no more calls",
    "unknown-entity": "the blueprint has no such entity, or it is a world entity",
    "unknown-instance": "there is no instance with this id",
    "id-taken": "the id was given out already, to an instance or to a spawn on its way",
    "stale-version": "the instance has changed since the caller looked",
    "idempotency-key-reused": "the key already stands for another request",
    "bad-id": "an id, caller or key is empty, too long or holds control characters",
    "unknown-effect": "the blueprint has no such effect",
    "no-such-delivery": "no such delivery is pending, and none is a dead letter",
    "not-redrivable": "a dead letter cannot be performed once more",
    "lease-lost": "the lease has run out, or was never this worker's",
    "lease-elsewhere": "another node gave the lease, and hears of it",
    "bad-filter": "a filter names no field or state, or a value that the field cannot have",
}
"""Codes that the runtime answers with, besides the machine's `REJECTIONS`; each has a page."""


def done_to_json(done: Done) -> dict[str, Any]:
    """An applied answer as data, as it is stored under a key and shown by every transport."""
    return {
        "entity": done.entity,
        "id": done.id,
        "action": done.action,
        "state": done.state,
        "seq": done.seq,
        "data": dict(done.data),
        "record": done.record,
        "at": done.at,
    }


def rejected_to_json(rejected: Rejected | Problem) -> dict[str, Any]:
    """A rejection or problem as data."""
    return {"code": rejected.code, "message": rejected.message, "facts": [list(fact) for fact in rejected.facts]}


def answer_text(answer: Done | Rejected) -> str:
    """The JSON text of `answer_to_json`."""
    if not isinstance(answer, Done):
        return text(answer_to_json(answer))
    return (
        f'{{"applied":{{"entity":{quoted(answer.entity)},"id":{quoted(answer.id)},"action":{quoted(answer.action)}'
        f',"state":{quoted(answer.state)},"seq":{answer.seq},"data":{answer.written}'
        f',"record":{answer.record},"at":{answer.at}}}}}'
    )


def answer_to_json(answer: Done | Rejected) -> dict[str, Any]:
    """What is stored under an idempotency key."""
    if isinstance(answer, Done):
        return {"applied": done_to_json(answer)}
    return {"rejected": rejected_to_json(answer)}


def answer_from_json(data: Mapping[str, Any]) -> Done | Rejected:
    """The stored answer again, marked as repeated."""
    if "applied" in data:
        told = data["applied"]
        done = (told["entity"], told["id"], told["action"], told["state"], told["seq"], text(told["data"]))
        return Done(*done, told["record"], told["at"], repeated=True)
    told = data["rejected"]
    return Rejected(told["code"], told["message"], tuple((name, value) for name, value in told["facts"]))


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance as it is durable: state, JSON data, armed timers, and the marks of unhandled calls."""

    entity: str
    id: str
    state: str
    seq: int
    clock: int
    data: Mapping[str, Any]
    timers: tuple[tuple[str, int], ...] = ()
    unhandled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """An action as it stands now for one caller, with (name, type) of its parameters; `because` says why not."""

    action: str
    params: tuple[tuple[str, str], ...]
    because: Rejected | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of instances; `after` is where the next page begins, None on the last."""

    seen: tuple[Seen, ...]
    after: str | None


class Armed(NamedTuple):
    """An armed timer and when it is due."""

    address: Address
    timer: str
    due: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending delivery as an operator sees it: what, from whom, to whom, and what it waits for."""

    key: str
    kind: str
    owner: str
    receiver: str
    what: str
    args: Mapping[str, Any]
    status: str
    """`waiting`, `attempting`, `leased` (with a worker), `held` (by a limit or a breaker), `paused`, `parked` (no
    handler), `behind` (another of its lane comes first)."""
    attempts: int
    not_before: int
    note: str = field(default="")
