"""What a client asks for, as requests and as what is made of the replies: the same for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temper.sdk.answers import Answer, Instance, Problem, Rejected, Unanswered, answer_of, instance_of, told
from temper.sdk.exchange import Nothing, Reply, Send, path, told_by

PAGE = 100


def call_request(
    blueprint: str,
    entity: str,
    id_: str | None,
    action: str,
    args: Mapping[str, Any],
    key: str,
    expected: int | None,
    acting_as: str,
    traceparent: str = "",
) -> Send:
    """A call, or a constructor with an id that the server draws."""
    headers = {"Idempotency-Key": key}
    if expected is not None:
        headers["If-Match"] = f'"{expected}"'
    if acting_as:
        headers["Temper-As"] = acting_as
    if traceparent:
        headers["traceparent"] = traceparent
    parts = (blueprint, entity, action) if id_ is None else (blueprint, entity, id_, action)
    return Send("POST", path(*parts), dict(args), headers)


def call_answer(reply: Reply | Nothing, key: str) -> Answer:
    """What became of a call."""
    if isinstance(reply, Nothing) or reply.status >= 500 or reply.status == 429:
        return Unanswered(told_by(reply), key)
    return answer_of(reply.status, reply.data)


def read_answer(reply: Reply | Nothing) -> Instance | Rejected | Problem | Unanswered:
    """One instance."""
    if isinstance(reply, Nothing) or reply.status >= 500 or reply.status == 429:
        return Unanswered(told_by(reply), "")
    return instance_of(reply.data) if reply.status < 400 else told(reply.data)


def page_request(blueprint: str, entity: str, state: str | None, where: Mapping[str, str], cursor: str | None) -> Send:
    """A page of instances."""
    query = {"limit": str(PAGE), **where}
    if state is not None:
        query["state"] = state
    if cursor is not None:
        query["cursor"] = cursor
    return Send("GET", path(blueprint, entity, **query))


def page_answer(reply: Reply | Nothing) -> tuple[list[Instance], str | None]:
    """The instances of a page, and where the next one begins. Raises `LookupError`: there is no half of a list."""
    if isinstance(reply, Nothing) or reply.status >= 400:
        raise LookupError(told_by(reply))
    return [instance_of(each) for each in reply.data["instances"]], reply.data["next"]


def blueprint_answer(reply: Reply | Nothing) -> str:
    """The blueprint that a server serves. Raises `ConnectionError` if nobody says it."""
    if isinstance(reply, Nothing) or reply.status >= 400:
        raise ConnectionError(told_by(reply))
    return str(reply.data["blueprint"])
