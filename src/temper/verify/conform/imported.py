"""Calls of another system, one JSON object a line: what it says, and nothing of what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from temper.machine import Address, TransitionTable
from temper.verify.conform.journal import NoRecordError, moment_of
from temper.verify.conform.told import Told

KEYS = ("entity", "id", "action", "args", "caller", "roles", "time", "state", "data")
ANY = "any"
"""The rule of a step of which nobody says how it came: a call, an answer, a message, a timer."""


def told_of_calls(table: TransitionTable, lines: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[Told]:
    """The steps that numbered lines tell of. Raises `NoRecordError`, which names the line."""
    for number, line in lines:
        unknown = next((key for key in line if key not in KEYS), None)
        if unknown is not None:
            raise NoRecordError(f"line {number} has `{unknown}`, which is none of {', '.join(KEYS)}")
        try:
            yield _told(table, line, f"line {number}")
        except (TypeError, ValueError) as wrong:
            raise NoRecordError(f"line {number} has another shape: {wrong}") from wrong


def _told(table: TransitionTable, line: Mapping[str, Any], where: str) -> Told:
    action, ident = line.get("action"), line.get("id")
    if not isinstance(action, str) or not isinstance(ident, str | None):
        raise NoRecordError(f"{where} names no `action`, or an `id` that is no text")
    entity = line.get("entity") or _owner(table, action, where)
    args, data, roles = line.get("args"), line.get("data"), line.get("roles")
    if not isinstance(args, dict | None) or not isinstance(data, dict | None) or not isinstance(roles, list | None):
        raise NoRecordError(f"{where}: `args` and `data` are objects, `roles` is a list")
    caller = line.get("caller")
    return Told(
        ANY if caller is None and roles is None else "call",
        Address(str(entity), ident or str(entity)),
        action=action,
        args=args,
        caller=caller,
        roles=None if roles is None else tuple(map(str, roles)),
        state=line.get("state"),
        data=data or {},
        at=None if line.get("time") is None else moment_of(line["time"]),
        where=where,
    )


def _owner(table: TransitionTable, action: str, where: str) -> str:
    owners = [entity.name for entity in table.entities if any(each.name == action for each in entity.actions)]
    if len(owners) != 1:
        who = "no entity has it" if not owners else f"{' and '.join(owners)} have it"
        raise NoRecordError(f"{where} names no `entity`, and of `{action}` {who}")
    return owners[0]
