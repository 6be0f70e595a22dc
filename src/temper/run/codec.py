"""Records, instances and pending deliveries as rows, and back, under the table they were made under."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from temper.machine import (
    INT_MAX,
    NEW,
    Address,
    Cell,
    Delivery,
    Effecting,
    Message,
    Refusal,
    Site,
    Spawning,
    Value,
    absent,
    delivery_from_json,
    delivery_to_json,
)
from temper.run.engine import Instance
from temper.run.record import Pending, Record, kind_of, owner_of, receiver_of
from temper.run.store.rows import CellRow, PendingRow
from temper.run.version import Columns, Version
from temper.run.wording import keys_text, pair_text, quoted, text, timers_text

Versions = Mapping[str, Version]
"""Every version that was ever loaded, by hash."""

_PLAIN = ("rule", "cause", "caller", "gate", "case", "before", "effect", "outcome", "note", "trace")


def record_to_json(version: Version, record: Record) -> dict[str, Any]:
    """A record as data; what is at its default is left out."""
    entity, id_ = record.address
    data: dict[str, Any] = {"number": record.number, "at": record.at, "table": record.table}
    if entity:
        data |= {"entity": entity, "id": id_}
    for name in _PLAIN:
        value = getattr(record, name)
        if value is not None and value != "":
            data[name] = value
    if record.roles:
        data["roles"] = list(record.roles)
    if record.action:
        data["action"] = record.action
    if record.args:
        data["args"] = version.params[entity, record.action].encode_pairs(record.args)
    if record.fields:
        data["fields"] = version.outcomes[record.effect, record.outcome].encode_pairs(record.fields)
    return data | _changes_to_json(version, record)


def record_text(version: Version, record: Record, made: Sequence[str]) -> str:
    """The JSON text of `record_to_json`, written piece by piece; `made` are the texts of what it hands on.

    In one function, though it is long: it is written for every call, and to look each field up takes longer than to
    write it.
    """
    number, at, table, (entity, id_), rule, cause, caller, roles, action, args = record[:10]
    gate, case, stepped, before, control, seq, data, changes, timers = record[10:19]
    handed_on, consumed, withdrawn, effect, outcome, fields, note, unhandled, burnt, trace = record[19:]
    written = f'{{"number":{number},"at":{at},"table":"{table}"'
    if entity:
        written += f',"entity":{quoted(entity)},"id":{quoted(id_)}'
    occasion, deed = _occasion(rule, cause, caller, gate, case, before, effect, outcome, note, roles, action)
    written += f'{occasion},"trace":{quoted(trace)}{deed}' if trace else occasion + deed
    if args:
        written += f',"args":{version.params[entity, action].write_pairs(args)}'
    if fields:
        written += f',"fields":{version.outcomes[effect, outcome].write_pairs(fields)}'
    if stepped or data is not None:
        written += f',"state":{quoted(control)},"seq":{seq}'
        columns = version.fields[entity]
        if data is not None:
            written += f',"data":{columns.write(data)}'
        elif changes:
            members = columns.members
            written += f',"set":{{{",".join([members[place](value) for place, value in changes])}}}'
        if stepped:
            written += ',"stepped":true'
    if timers is not None:
        written += f',"timers":{timers_text(timers)}'
    if made:
        listed = [
            f'{{"place":{each.place},"round":{each.round},"not_before":{each.not_before},"delivery":{delivery}}}'
            for each, delivery in zip(handed_on, made, strict=True)
        ]
        written += f',"made":[{",".join(listed)}]'
    if consumed:
        written += f',"consumed":{keys_text(consumed)}'
    if withdrawn:
        written += f',"withdrawn":{keys_text(withdrawn)}'
    if unhandled or burnt:
        written += (',"unhandled":true' if unhandled else "") + (',"burnt":true' if burnt else "")
    return written + "}"


@lru_cache(maxsize=1024)  # the same people do the same things in the same states
def _occasion(
    rule: str,
    cause: str,
    caller: str | None,
    gate: str,
    case: int | None,
    before: str,
    effect: str,
    outcome: str,
    note: str,
    roles: tuple[str, ...],
    action: str,
) -> tuple[str, str]:
    """Why it happened, and what was done on whose behalf: a part of a record that is one of few."""
    told = {"rule": rule, "cause": cause, "caller": caller, "gate": gate, "case": case, "before": before}
    told |= {"effect": effect, "outcome": outcome, "note": note}
    occasion = {name: value for name, value in told.items() if value is not None and value != ""}
    return _members(occasion), _members(
        {name: value for name, value in (("roles", roles), ("action", action)) if value}
    )


def _members(data: Mapping[str, Any]) -> str:
    """What stands in an object, to go on behind what stands in it already."""
    return f",{text(data)[1:-1]}" if data else ""


def delivery_text(version: Version, delivery: Delivery) -> str:
    """The JSON text of `delivery_to_json`."""
    if not isinstance(delivery, Effecting):
        return text(delivery_to_json(version.table, delivery))
    effect = delivery.effect
    return (
        f'{{"kind":"effect","effect":{quoted(effect)},"round":{delivery.round}'
        f',"owner":{pair_text(delivery.owner)},"site":{_site_text(delivery.site)}'
        f',"args":{version.asks[effect].write_pairs(delivery.args)}'
        f',"stamp":{delivery.stamp},"seq":{delivery.seq}}}'
    )


def pending_text(version: Version, pending: Pending) -> str:
    """The text of a delivery as its row and its record have it: with its trace, if somebody follows it."""
    written = delivery_text(version, pending.delivery)
    return written if not pending.trace else f'{written[:-1]},"trace":{quoted(pending.trace)}}}'


@lru_cache(maxsize=1024)
def _site_text(site: Site) -> str:
    return text(site)


def _changes_to_json(version: Version, record: Record) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if record.stepped or record.data is not None:
        data |= {"state": record.control, "seq": record.seq}
        columns = version.fields[record.address.entity]
        if record.data is not None:
            data["data"] = columns.encode(record.data)
        elif record.changes:
            pairs = tuple((columns.names[index], value) for index, value in record.changes)
            data["set"] = columns.encode_pairs(pairs)
    if record.stepped:
        data["stepped"] = True
    if record.timers is not None:
        data["timers"] = [list(timer) for timer in record.timers]
    if record.made:
        data["made"] = [pending_to_json(version, pending) for pending in record.made]
    for name in ("consumed", "withdrawn"):
        if keys := getattr(record, name):
            data[name] = [list(key) for key in keys]
    data |= {name: True for name in ("unhandled", "burnt") if getattr(record, name)}
    return data


def record_from_json(versions: Versions, data: Mapping[str, Any]) -> Record:
    """The record that was written, read with the types of the table it was made under."""
    version = versions[data["table"]]
    entity, action = data.get("entity", ""), data.get("action", "")
    columns = version.fields.get(entity)
    plain = {name: data[name] for name in _PLAIN if name in data}
    effect, outcome = data.get("effect", ""), data.get("outcome", "")
    return Record(
        number=data["number"],
        at=data["at"],
        table=data["table"],
        address=Address(entity, data.get("id", "")),
        **plain,
        roles=tuple(data.get("roles", ())),
        action=action,
        args=version.params[entity, action].decode_pairs(data["args"]) if "args" in data else (),
        fields=version.outcomes[effect, outcome].decode_pairs(data["fields"]) if "fields" in data else (),
        stepped=data.get("stepped", False),
        control=data.get("state", ""),
        seq=data.get("seq", 0),
        data=columns.decode(data["data"]) if columns is not None and "data" in data else None,
        changes=_changes_from_json(columns, data.get("set")),
        timers=_timers(data["timers"]) if "timers" in data else None,
        made=tuple(pending_from_json(version, made) for made in data.get("made", ())),
        consumed=tuple((place, round_) for place, round_ in data.get("consumed", ())),
        withdrawn=tuple((place, round_) for place, round_ in data.get("withdrawn", ())),
        unhandled=data.get("unhandled", False),
        burnt=data.get("burnt", False),
    )


def _changes_from_json(columns: Columns | None, data: Mapping[str, Any] | None) -> tuple[tuple[int, Value], ...]:
    if data is None or columns is None:
        return ()
    return tuple((columns.index[name], value) for name, value in columns.decode_pairs(data))


def _timers(data: Sequence[Any]) -> tuple[tuple[str, int], ...]:
    return tuple((name, due) for name, due in data)


def pending_to_json(version: Version, pending: Pending) -> dict[str, Any]:
    """A pending delivery inside a record."""
    data = {"place": pending.place, "round": pending.round, "not_before": pending.not_before}
    delivery = delivery_to_json(version.table, pending.delivery)
    return data | {"delivery": delivery | {"trace": pending.trace} if pending.trace else delivery}


def pending_from_json(version: Version, data: Mapping[str, Any]) -> Pending:
    """The pending delivery that a record made."""
    delivery = delivery_from_json(version.table, data["delivery"])
    trace = data["delivery"].get("trace", "")
    return Pending(data["place"], data["round"], delivery, not_before=data["not_before"], trace=trace)


def pending_args(version: Version, delivery: Delivery) -> dict[str, Any]:
    """What a delivery carries, as JSON data."""
    match delivery:
        case Effecting():
            return version.asks[delivery.effect].encode_pairs(delivery.args)
        case Refusal(of, _):
            return pending_args(version, of)
        case Message() | Spawning():
            entity = receiver_of(delivery).entity
            return version.params[entity, delivery.action].encode_pairs(delivery.args)


def pending_row(version: Version, pending: Pending, written: str | None = None) -> PendingRow:
    """The row of a pending delivery; `written` is its delivery as text, where that is known already."""
    delivery = pending.delivery
    return PendingRow(
        pending.place,
        pending.round,
        kind_of(delivery),
        *owner_of(delivery),
        *receiver_of(delivery),
        int(pending.claimed),
        pending.attempts,
        pending.not_before,
        pending.note,
        written if written is not None else pending_text(version, pending),
    )


def pending_from_row(version: Version, row: PendingRow) -> Pending:
    """The pending delivery of a row."""
    data = json.loads(row.body)
    delivery, trace = delivery_from_json(version.table, data), data.get("trace", "")
    return Pending(row.place, row.round, delivery, bool(row.claimed), row.attempts, row.not_before, row.note, trace)


def cell_row(version: Version, instance: Instance) -> CellRow:
    """The row of an instance. Its pending effects have rows of their own."""
    cell = instance.cell
    due = min([due for _, due in cell.timers], default=None)
    return CellRow(
        cell.entity,
        cell.id,
        cell.control,
        cell.seq,
        cell.clock,
        None if due is None else min(due, INT_MAX),
        timers_text(cell.timers) if cell.timers else "[]",
        version.fields[cell.entity].write(cell.data),
        text(instance.marks) if instance.marks else "[]",
        int(instance.burnt),
    )


def cell_from_row(version: Version, row: CellRow) -> Cell:
    """The cell of a row. An id that is merely taken has no data, whatever version took it."""
    if row.control == NEW:
        return absent(version.table, row.address)._replace(clock=row.clock, seq=row.seq)
    data = version.fields[row.entity].decode(json.loads(row.data))
    return Cell(row.entity, row.id, row.control, data, _timers(json.loads(row.timers)), row.clock, row.seq)


def instance_from_rows(version: Version, row: CellRow, effects: Sequence[PendingRow]) -> Instance:
    """An instance as the store has it."""
    marks = tuple(json.loads(row.marks))
    pending = tuple(pending_from_row(version, effect) for effect in effects)
    return Instance(cell_from_row(version, row), pending, marks, bool(row.burnt))
