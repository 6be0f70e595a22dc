"""Renaming systems: of all systems that differ by a renaming only one is kept, the least.

All renamings are tried, so a representative is exact: equal for two systems if and only if a renaming leads from one
to the other. Cells are renamed once and remembered, since few of them differ from one system to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import permutations, product
from math import factorial
from typing import Any, TypeAlias

from temper.machine import (
    Address,
    Args,
    Cell,
    Effecting,
    FrozenMap,
    MapType,
    Message,
    OptionType,
    RefType,
    Refusal,
    SetType,
    Spawning,
    System,
    TransitionTable,
    Type,
    Value,
    args_key,
    canonical,
    value_key,
)
from temper.verify.symmetry import Alike

RENAMINGS_MAX = 120
"""How many renamings are tried for each state; where there are more, only some values change places."""
REMEMBERED_MAX = 1 << 16

Renaming: TypeAlias = Mapping[Type, Mapping[Value, Value]]


def narrowed(classes: Iterable[Alike], most: int) -> tuple[Alike, ...]:
    """The classes without some of their values, so that there are at most so many renamings: the smallest first."""
    kept: list[Alike] = []
    for each in sorted(classes, key=lambda each: len(each.values)):
        size = len(each.values)
        while size > 1 and factorial(size) > most:
            size -= 1
        if size > 1:
            kept.append(Alike(each.type, each.values[:size]))
            most //= factorial(size)
    return tuple(kept)


def renamings(classes: Iterable[Alike]) -> Iterator[Renaming]:
    """Every renaming, the identity first."""
    listed = tuple(classes)
    for images in product(*(permutations(each.values) for each in listed)):
        found: dict[Type, dict[Value, Value]] = {}
        for each, image in zip(listed, images, strict=True):
            found.setdefault(each.type, {}).update(zip(each.values, image, strict=True))
        yield found


class Renamer:
    """Renames systems of one table by one renaming."""

    def __init__(self, table: TransitionTable, renaming: Renaming) -> None:
        self.renaming = renaming
        self.cell = lru_cache(REMEMBERED_MAX)(self._cell)
        self.fields = {
            entity.name: [(at, change) for at, f in enumerate(entity.fields) if (change := self.change(f.type))]
            for entity in table.entities
        }
        self.effects = {
            effect.name: {param.name: self.change(param.type) for param in effect.params} for effect in table.effects
        }
        self.told = {
            effect.name: {
                f"{outcome.name}.{field.name}": self.change(field.type)
                for outcome in effect.outcomes
                for field in outcome.fields
            }
            for effect in table.effects
        }
        self.actions = {
            (entity.name, action.name): {param.name: self.change(param.type) for param in action.params}
            for entity in table.entities
            for action in entity.actions
        }

    def change(self, type_: Type) -> Callable[[Any], Any] | None:
        """What becomes of a value of that type; None if nothing ever does."""
        match type_:
            case OptionType(of):
                inner = self.change(of)
                return None if inner is None else partial(_if_some, inner)
            case SetType(of):
                inner = self.change(of)
                return None if inner is None else lambda value: frozenset(map(inner, value))
            case MapType(key, held):
                keys, values = self.change(key), self.change(held)
                if keys is None and values is None:
                    return None
                first, second = keys or _same, values or _same
                return lambda value: FrozenMap({first(k): second(v) for k, v in value.items()})
            case _:
                found = self.renaming.get(type_)
                return None if found is None else lambda value: found.get(value, value)

    def address(self, address: Address) -> Address:
        found = self.renaming.get(RefType(address.entity))
        return address if found is None else Address(address.entity, str(found.get(address.id, address.id)))

    def _cell(self, cell: Cell) -> Cell:
        data = list(cell.data)
        for at, change in self.fields[cell.entity]:
            if data[at] is not None:
                data[at] = change(data[at])
        return cell._replace(id=self.address(cell.address).id, data=tuple(data))

    def system(self, system: System) -> System:
        """The system with everything renamed."""
        return canonical(
            System(
                tuple(map(self.cell, system.cells)),
                tuple(map(self.request, system.effects)),
                tuple(map(self.letter, system.mail)),
                tuple(
                    late._replace(owner=self.address(late.owner), args=_args(self.effects[late.effect], late.args))
                    for late in system.late
                ),
                tuple((self.address(address), zone) for address, zone in system.zones),
                tuple(map(self.address, system.burnt)),
            )
        )

    def request(self, request: Effecting) -> Effecting:
        seen = {_args(self.told[request.effect], each) for each in request.performed}
        return request._replace(
            owner=self.address(request.owner),
            args=_args(self.effects[request.effect], request.args),
            performed=tuple(sorted(seen, key=args_key)),
        )

    def letter(self, mail: Message | Spawning | Refusal) -> Message | Spawning | Refusal:
        match mail:
            case Refusal(of=of):
                renamed = self.letter(of)
                assert not isinstance(renamed, Refusal), "a refusal is not refused"
                return mail._replace(of=renamed)
            case Message(receiver=receiver):
                args = _args(self.actions[receiver.entity, mail.action], mail.args)
                return mail._replace(owner=self.address(mail.owner), receiver=self.address(receiver), args=args)
            case Spawning(child=child):
                args = _args(self.actions[child.entity, mail.action], mail.args)
                return mail._replace(owner=self.address(mail.owner), child=self.address(child), args=args)


class Permuting:
    """The representatives of the systems of one table under the renamings of some classes."""

    def __init__(
        self, table: TransitionTable, classes: Iterable[Alike], sliced: Callable[[System], System] | None = None
    ) -> None:
        self.renamers = [Renamer(table, renaming) for renaming in renamings(classes)]
        self.sliced = sliced
        self.canonical = lru_cache(REMEMBERED_MAX)(self._least)

    def _least(self, system: System) -> System:
        """The least system that is this one renamed."""
        return min(self._renamed(system), key=system_key)

    def size(self, system: System) -> int:
        """How many systems are this one renamed."""
        return len(set(self._renamed(system)))

    def _renamed(self, system: System) -> Iterator[System]:
        """What is sliced away goes last: the value that stands there for all is not to be renamed."""
        for renamer in self.renamers:
            found = renamer.system(system)
            yield found if self.sliced is None else self.sliced(found)


def system_key(system: System) -> tuple[Any, ...]:
    """Something to sort systems by: equal for equal systems only."""
    return (
        tuple(map(_cell_key, system.cells)),
        tuple(map(_request_key, system.effects)),
        tuple(map(_letter_key, system.mail)),
        tuple((late.owner, late.effect, late.seq, args_key(late.args)) for late in system.late),
        system.zones,
        system.burnt,
    )


@lru_cache(REMEMBERED_MAX)
def _cell_key(cell: Cell) -> tuple[Any, ...]:
    return cell.entity, cell.id, cell.control, tuple(map(value_key, cell.data)), cell.timers


@lru_cache(REMEMBERED_MAX)
def _request_key(request: Effecting) -> tuple[Any, ...]:
    seen = tuple(map(args_key, request.performed))
    return request.owner, request.effect, request.site, args_key(request.args), request.seq, seen


@lru_cache(REMEMBERED_MAX)
def _letter_key(mail: Message | Spawning | Refusal) -> tuple[Any, ...]:
    match mail:
        case Message(owner, site, receiver, action, args):
            return 0, owner, site, receiver, action, args_key(args), ""
        case Spawning(owner, site, child, action, args):
            return 1, owner, site, child, action, args_key(args), ""
        case Refusal(of, reason):
            kind, *rest, _ = _letter_key(of)
            return (2 + kind, *rest, reason)


def _same(value: Value) -> Value:
    return value


def _if_some(change: Callable[[Any], Any], value: Value) -> Value:
    return None if value is None else change(value)


def _args(changes: Mapping[str, Callable[[Any], Any] | None], args: Args) -> Args:
    return tuple(
        (name, value if value is None or (change := changes.get(name)) is None else change(value))
        for name, value in args
    )
