"""A journal as told steps: records of our own runtime, as they lie in the store or as `temper log --json` has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from temper.machine import TIME, Address, NotAValueError, from_json
from temper.verify.conform.told import Told

STUTTERS = frozenset({"late", "retire", "start"})
"""Records that are no step: an answer that nobody waited for any more, the one instance of a `single` entity, and
putting away what can only reject (semantics.md, G8)."""
STEPS = frozenset({"call", "deliver", "settle", "fire"})
REFUSED_BY = "refused by "


class NoRecordError(Exception):
    """The data is no record of a journal. The text says what is wrong with it."""


def told_of_records(records: Iterable[Mapping[str, Any]]) -> Iterator[Told]:
    """The steps that the records tell of, in their order. Raises `NoRecordError`.

    A record that puts a version in force is told as a step of the rule `reload`, which no one table has.
    """
    for index, record in enumerate(records):
        try:
            begins = index == 0 and record["rule"] == "load"
            if not begins and record["rule"] not in STUTTERS:
                yield _told(record)
        except (KeyError, TypeError, AttributeError, ValueError) as wrong:
            raise NoRecordError(f"record {record.get('number', '?')} has another shape: {wrong}") from wrong


def _told(record: Mapping[str, Any]) -> Told:
    rule, where = str(record["rule"]), f"record {record['number']}"
    address = Address(str(record.get("entity", "")), str(record.get("id", "")))
    if rule not in STEPS:
        return Told("reload", address, where=where)
    applied = record.get("seq") is not None and record.get("state") is not None
    action = record.get("action") or None
    effect, _, outcome = str(record.get("cause", "")).partition(".") if rule == "settle" else ("", "", "")
    return Told(
        rule,
        address,
        action=action if applied or rule != "deliver" or action in {"again", "ignore", "unhandled"} else "refused",
        args=record.get("args") or None,
        caller=record.get("caller"),
        roles=tuple(record.get("roles", ())),
        cause=effect or _cause(str(record.get("cause", ""))),
        outcome=outcome,
        fields=record.get("fields") or None,
        state=record.get("state") if applied else None,
        data=(record.get("data") or record.get("set") or record.get("changes") or {}) if applied else {},
        made=tuple(_made(record)),
        at=moment_of(record["at"]),
        where=where,
        is_whole=True,
    )


def _cause(cause: str) -> str:
    """Who sent it; of a refusal whose, in the words of the relation as far as the record has them."""
    if cause.startswith(REFUSED_BY):
        return f"{cause.removeprefix(REFUSED_BY).rpartition(': ')[0]} refused"
    return cause


def _made(record: Mapping[str, Any]) -> Iterator[Address]:
    for made in record.get("made", ()):
        if made["delivery"]["kind"] == "spawn":
            yield Address(*made["delivery"]["child"])
    for text in record.get("handed_on", ()):
        if text.startswith("new "):
            entity, _, ident = text.removeprefix("new ").partition(": ")[0].partition(" ")
            yield Address(entity, ident)


def moment_of(data: Any) -> int:
    """A time in milliseconds, from a number or a text. Raises `ValueError`."""
    try:
        value = from_json(TIME, data)
    except NotAValueError as wrong:
        raise ValueError(str(wrong)) from wrong
    assert isinstance(value, int), "a time is a number of milliseconds"
    return value
