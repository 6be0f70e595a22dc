"""Tables, cells and deliveries as JSON and back, and the hash that names a table.

A table's JSON form follows the type hints of its dataclasses, so a new field needs nothing here: a dataclass is an
object of its fields, a tuple a list, an enum its text. Where a hint leaves open which class it is (the union of the
types, of the templates), the object says so under `is`. Values inside it (literals, initial values) are
written with a mark where JSON has no such thing. Spans are not written: a table that was stored has no source.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Hashable
from dataclasses import Field as DataclassField
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from temper.machine.cell import Address, Args, Cell, Delivery, Effecting, Message, Refusal, Site, Spawning
from temper.machine.property import Property
from temper.machine.table import Parameter, Scope, TransitionTable
from temper.machine.value import FrozenMap, NotAValueError, Type, Value, canonical_json, from_json, to_json
from temper.report import Span

Made = TypeVar("Made")


def table_to_json(table: TransitionTable) -> dict[str, Any]:
    """The whole table as JSON data, documentation included."""
    data = encoded(table)
    assert isinstance(data, dict), "a dataclass becomes an object"
    return data


def table_from_json(data: Any) -> TransitionTable:
    """The table that was written. Raises `NotAValueError` if the data is no table of this version."""
    return decoded(TransitionTable, data)


def property_to_json(property_: Property) -> dict[str, Any]:
    """One property as JSON data, in the form that it has inside a table."""
    data = encoded(property_)
    assert isinstance(data, dict), "a dataclass becomes an object"
    return data


def property_from_json(data: Any) -> Property:
    """The property that was written. Raises `NotAValueError` if the data is none."""
    return decoded(Property, data)


def scope_to_json(scope: Scope) -> dict[str, Any]:
    """A scope as JSON data, in the form that it has inside a table."""
    data = encoded(scope)
    assert isinstance(data, dict), "a dataclass becomes an object"
    return data


def scope_from_json(data: Any) -> Scope:
    """The scope that was written. Raises `NotAValueError` if the data is none."""
    return decoded(Scope, data)


def policies_hash(table: TransitionTable) -> str:
    """The name of the policies alone, files and texts: SHA-256 in hex."""
    return hashlib.sha256(canonical_json(encoded(table.policies)).encode()).hexdigest()


def table_hash(table: TransitionTable) -> str:
    """The name of what the table means: SHA-256 in hex of everything that is compared, and of nothing else.

    Documentation, spans, scope, acceptances and migrations do not change it.
    """
    return hashlib.sha256(canonical_json(encoded(table, compared_only=True)).encode()).hexdigest()


def encoded(thing: object, *, compared_only: bool = False) -> Any:
    """A dataclass, a tuple of them, an enum or a plain value as JSON data."""
    if is_dataclass(thing):
        own: Any = type(thing)
        data: dict[str, Any] = {"is": own.__name__} if own in _unioned() else {}
        for name in _written(own, compared_only):
            data[name] = encoded(getattr(thing, name), compared_only=compared_only)
        return data
    if isinstance(thing, Enum):
        return thing.value
    if isinstance(thing, tuple):
        return [encoded(item, compared_only=compared_only) for item in thing]
    if isinstance(thing, frozenset):
        return {"set": sorted((encoded(item) for item in thing), key=canonical_json)}
    if isinstance(thing, FrozenMap):
        pairs = ([encoded(key), encoded(value)] for key, value in thing.items())
        return {"map": sorted(pairs, key=canonical_json)}
    assert thing is None or isinstance(thing, bool | int | str), f"a table holds no {type(thing).__name__}"
    return thing


def decoded(hint: type[Made], data: Any) -> Made:
    """What `encoded` wrote, as the hinted type."""
    made: Made = _decoder(cast("Hashable", hint))(data)
    return made


def cell_to_json(table: TransitionTable, cell: Cell) -> dict[str, Any]:
    """The cell as JSON, its data by field name and written as people write it."""
    entity = table.entity(cell.entity)
    data = {field.name: to_json(field.type, value) for field, value in zip(entity.fields, cell.data, strict=True)}
    timers = dict(cell.timers)
    return {
        "entity": cell.entity,
        "id": cell.id,
        "state": cell.control,
        "data": data,
        "timers": timers,
        "clock": cell.clock,
        "seq": cell.seq,
    }


def cell_from_json(table: TransitionTable, data: Any) -> Cell:
    """The cell that was written. Raises `NotAValueError` where it does not fit the table."""
    try:
        entity = table.entity(data["entity"])
        values = tuple(from_json_optional(field.type, data["data"][field.name]) for field in entity.fields)
        names = [timer.name for timer in entity.timers]
        timers = tuple((name, int(data["timers"][name])) for name in names if name in data["timers"])
        known = len(data["data"]) == len(entity.fields) and len(timers) == len(data["timers"])
        cell = Cell(entity.name, data["id"], data["state"], values, timers, int(data["clock"]), int(data["seq"]))
    except (KeyError, TypeError) as error:
        raise NotAValueError(f"this is no cell of `{table.blueprint}`: {error}") from error
    if not known:
        raise NotAValueError(f"{cell.entity} `{cell.id}` has data or timers that `{table.blueprint}` does not know")
    return cell


def delivery_to_json(table: TransitionTable, delivery: Delivery) -> dict[str, Any]:
    """The delivery as JSON, under `kind`: effect, message, spawn or refusal."""
    match delivery:
        case Refusal(of, reason, stamp):
            return {"kind": "refusal", "of": delivery_to_json(table, of), "reason": reason, "stamp": stamp}
        case Effecting():
            specific = {"kind": "effect", "effect": delivery.effect, "round": delivery.round}
        case Message():
            specific = {"kind": "message", "receiver": list(delivery.receiver), "action": delivery.action}
            specific["round"] = delivery.round
        case Spawning():
            specific = {"kind": "spawn", "child": list(delivery.child), "action": delivery.action}
    params = delivery_params(table, delivery)
    return {
        **specific,
        "owner": list(delivery.owner),
        "site": list(delivery.site),
        "args": args_to_json(params, delivery.args),
        "stamp": delivery.stamp,
        "seq": delivery.seq,
    }


def delivery_from_json(table: TransitionTable, data: Any) -> Delivery:
    """The delivery that was written. Raises `NotAValueError` where it does not fit the table."""
    try:
        return _delivery(table, data)
    except (KeyError, TypeError, ValueError) as error:
        raise NotAValueError(f"this is no delivery of `{table.blueprint}`: {error}") from error


def delivery_params(table: TransitionTable, delivery: Delivery) -> tuple[Parameter, ...]:
    """The parameters that the delivery's arguments are for."""
    match delivery:
        case Effecting():
            return table.effect(delivery.effect).params
        case Message():
            return table.entity(delivery.receiver.entity).action(delivery.action).params
        case Spawning():
            return table.entity(delivery.child.entity).action(delivery.action).params
        case Refusal():
            return delivery_params(table, delivery.of)


def args_to_json(params: tuple[Parameter, ...], args: Args) -> dict[str, Any]:
    """Arguments by name, each written by its parameter's type."""
    typed = {param.name: param.type for param in params}
    return {name: to_json(typed[name], value) for name, value in args}


def args_from_json(params: tuple[Parameter, ...], data: Any) -> Args:
    """Arguments in the order of the parameters. Raises `NotAValueError` for what is no argument."""
    typed = {param.name: param.type for param in params}
    unknown = [name for name in data if name not in typed]
    if unknown:
        raise NotAValueError(f"there is no parameter `{unknown[0]}`")
    return tuple((name, from_json_optional(type_, data[name])) for name, type_ in typed.items() if name in data)


def from_json_optional(type_: Type, data: Any) -> Value:
    """As `from_json`, and null is None for any type: what was never given reads so."""
    return None if data is None else from_json(type_, data)


def _delivery(table: TransitionTable, data: Any) -> Delivery:
    kind = data["kind"]
    if kind == "refusal":
        of = _delivery(table, data["of"])
        if not isinstance(of, Message | Spawning):
            raise NotAValueError("only a message or a spawn is refused")
        return Refusal(of, data["reason"], int(data["stamp"]))
    owner, site, stamp, seq = Address(*data["owner"]), Site(*data["site"]), int(data["stamp"]), int(data["seq"])
    if kind == "effect":
        args = args_from_json(table.effect(data["effect"]).params, data["args"])
        return Effecting(owner, site, data["effect"], args, stamp, seq, int(data["round"]))
    to = Address(*data["receiver" if kind == "message" else "child"])
    args = args_from_json(table.entity(to.entity).action(data["action"]).params, data["args"])
    if kind == "message":
        return Message(owner, site, to, data["action"], args, stamp, seq, int(data["round"]))
    if kind == "spawn":
        return Spawning(owner, site, to, data["action"], args, stamp, seq)
    raise NotAValueError(f"there is no kind of delivery called {kind!r}")


# The table's own form, from its type hints.


@cache
def _unioned() -> frozenset[type]:
    """The classes that stand in a union with other classes, and therefore say which they are."""
    seen: set[type] = set()
    unioned: set[type] = set()
    _gather(TransitionTable, seen, unioned)
    return frozenset(unioned)


def _gather(hint: Any, seen: set[type], unioned: set[type]) -> None:
    classes = {choice for choice in _flat(hint) if isinstance(choice, type) and is_dataclass(choice)}
    if len(classes) > 1:
        unioned |= classes
    for own in classes - seen:
        seen.add(own)
        for inner in _hints(own).values():
            _gather(inner, seen, unioned)
    for inner in get_args(hint):
        _gather(inner, seen, unioned)


@cache
def _written(own: type, compared_only: bool) -> tuple[str, ...]:  # noqa: FBT001 - a cache key
    return tuple(field.name for field in fields(own) if _is_written(own, field, compared_only=compared_only))


def _is_written(own: type, field: DataclassField[Any], *, compared_only: bool) -> bool:
    return Span not in _flat(_hints(own)[field.name]) and (field.compare or not compared_only)


@cache
def _hints(own: type) -> dict[str, Any]:
    return get_type_hints(own)


def _flat(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


@cache
def _decoder(hint: Any) -> Callable[[Any], Any]:
    choices = _flat(hint)
    if hint == Value or any(choice == frozenset[Any] for choice in choices) or hint is Any:
        return _decoded_value
    if is_dataclass(hint):
        return lambda data: _decoded_object(hint, data)
    if len(choices) > 1:
        return lambda data: _decoded_choice(choices, data)
    if get_origin(hint) is tuple:
        return _tuple_decoder(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda data: _decoded_enum(hint, data)
    return lambda data: _decoded_plain(hint, data)


def _tuple_decoder(items: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(items) == 2 and items[1] is Ellipsis:
        return lambda data: tuple(_decoder(items[0])(item) for item in _listed(data))
    return lambda data: tuple(_decoder(item)(part) for item, part in zip(items, _listed(data, len(items)), strict=True))


def _decoded_object(hint: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise NotAValueError(f"expected {hint.__name__} as an object, got {type(data).__name__}")
    hints = _hints(hint)
    names = _written(hint, False)
    surplus = data.keys() - set(names) - {"is"}
    missing = set(names) - data.keys()
    if surplus or missing:
        raise NotAValueError(f"{hint.__name__} has {', '.join(names)}; here {sorted(surplus | missing)} differ")
    return hint(**{name: _decoder(hints[name])(data[name]) for name in names})


def _decoded_choice(choices: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in choices:
        return None
    rest = tuple(choice for choice in choices if choice is not type(None))
    if len(rest) == 1:
        return _decoder(rest[0])(data)
    named = {choice.__name__: choice for choice in rest}
    if not isinstance(data, dict) or data.get("is") not in named:
        raise NotAValueError(f"expected an object whose `is` is one of {', '.join(named)}")
    return _decoded_object(named[data["is"]], data)


def _decoded_enum(hint: type[Enum], data: Any) -> Enum:
    try:
        return hint(data)
    except ValueError as error:
        raise NotAValueError(str(error)) from error


def _decoded_plain(hint: Any, data: Any) -> Any:
    if type(data) is not hint:
        raise NotAValueError(f"expected {hint.__name__}, got {data!r}"[:200])
    return data


def _decoded_value(data: Any) -> Value:
    match data:
        case {"set": list(items)}:
            return frozenset(_decoded_value(item) for item in items)
        case {"map": list(pairs)}:
            return FrozenMap({_decoded_value(key): _decoded_value(value) for key, value in pairs})
        case None | bool() | int() | str():
            return data
        case _:
            raise NotAValueError(f"expected a value, got {data!r}"[:200])


def _listed(data: Any, length: int | None = None) -> list[Any]:
    if not isinstance(data, list) or length not in (None, len(data)):
        raise NotAValueError(f"expected a list, got {data!r}"[:200])
    return data
