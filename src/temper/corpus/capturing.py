"""An incident cut out of a journal: what happened to an instance, and everything else that it rests on.

A message rests on what its sender had done by then, and that on what others had sent before. Steps of different
instances commute, so the records of a set that is closed in this way are a run by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from temper.corpus.reading import address_of
from temper.corpus.scenario import Origin, Scenario, Standing
from temper.machine import Address
from temper.verify import RULES, Told, told_of_records

Records: TypeAlias = Callable[[Address], Sequence[Mapping[str, Any]]]
"""The records of one instance, oldest first, each with its `entity` and `id`."""
INSTANCES_MAX = 1_000


class TooWideError(Exception):
    """What happened rests on more instances than anybody would read."""


def captured(
    records_of: Records, address: Address, *, name: str = "", never: Sequence[str] = (), found: str = ""
) -> Scenario:
    """The scenario of one instance's life so far. Raises `NoRecordError` and `TooWideError`."""
    records = _closed(records_of, address)
    told = tuple(each for each in told_of_records(records) if each.rule in RULES)
    return Scenario(
        name=name or f"{address.entity}-{address.id}",
        origin=Origin.CAPTURED,
        steps=tuple(replace(each, state=None, data={}, at=None) for each in told),
        found=found,
        table=str(records[-1]["table"]) if records else "",
        because="" if never else f"what happened to {address.entity} {address.id}",
        never=tuple(never),
        ends=(_standing(told, address),) if told else (),
    )


def _standing(told: Sequence[Told], address: Address) -> Standing:
    """How the instance stood in the end: every field that was ever written, and the last state."""
    state: str | None = None
    data: dict[str, Any] = {}
    for each in told:
        if each.address == address:
            state = each.state or state
            data |= each.data
    return Standing(address, state, data)


def _closed(records_of: Records, address: Address) -> list[Mapping[str, Any]]:
    """The records of the instance and of all that it rests on, in the order of their numbers."""
    known: dict[Address, Sequence[Mapping[str, Any]]] = {}
    upto: dict[Address, float] = {address: float("inf")}
    open_ = [address]
    while open_:
        one = open_.pop()
        if one not in known:
            if len(known) >= INSTANCES_MAX:
                raise TooWideError(f"it rests on more than {INSTANCES_MAX:,} instances")
            known[one] = records_of(one)
        for record in known[one]:
            sender = _sender(record)
            if record["number"] < upto[one] and sender is not None and upto.get(sender, 0) < record["number"]:
                upto[sender] = record["number"]
                open_.append(sender)
    found = [record for one, most in upto.items() for record in known[one] if record["number"] < most]
    return sorted(found, key=lambda record: int(record["number"]))


def _sender(record: Mapping[str, Any]) -> Address | None:
    """Whose message, spawn or refusal it is."""
    if record["rule"] != "deliver":
        return None
    cause, refused_by = str(record["cause"]), "refused by "
    is_refusal = cause.startswith(refused_by)
    return address_of(cause.removeprefix(refused_by).rpartition(": ")[0] if is_refusal else cause)
