"""Systems without what nothing reads: each such place holds the same value everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from temper.machine import (
    Args,
    Cell,
    Effecting,
    Late,
    Message,
    Refusal,
    Spawning,
    System,
    TransitionTable,
    Universe,
    Value,
    canonical,
)
from temper.machine import Type as ValueType
from temper.verify.slicing import FIELD, PARAM, REQUEST, Place

REMEMBERED_MAX = 1 << 16


class Slicer:
    """Puts one value into every place of some. It is of the place's type, so that steps go on with it."""

    def __init__(self, table: TransitionTable, universe: Universe, places: Iterable[Place]) -> None:
        chosen = frozenset(places)
        self.fields = {
            entity.name: [
                (at, each.initial if each.initial is not None else value_of(universe, each.type))
                for at, each in enumerate(entity.fields)
                if Place(FIELD, entity.name, each.name) in chosen
            ]
            for entity in table.entities
        }
        self.requests = {
            effect.name: {
                param.name: value_of(universe, param.type)
                for param in effect.params
                if Place(REQUEST, effect.name, param.name) in chosen
            }
            for effect in table.effects
        }
        self.params = {
            (entity.name, action.name): {
                param.name: value_of(universe, param.type)
                for param in action.params
                if Place(PARAM, f"{entity.name}.{action.name}", param.name) in chosen
            }
            for entity in table.entities
            for action in entity.actions
        }
        self.cell = lru_cache(REMEMBERED_MAX)(self._cell)
        self.has_deliveries = any(self.requests.values()) or any(self.params.values())

    def system(self, system: System) -> System:
        """The system that stands for all that differ in these places only."""
        sliced = system._replace(cells=tuple(map(self.cell, system.cells)))
        if not self.has_deliveries or not (system.effects or system.mail or system.late):
            return sliced
        return canonical(
            sliced._replace(
                effects=tuple(map(self._request, system.effects)),
                mail=tuple(map(self._letter, system.mail)),
                late=tuple(map(self._late, system.late)),
            )
        )

    def _cell(self, cell: Cell) -> Cell:
        data = list(cell.data)
        for at, value in self.fields[cell.entity]:
            data[at] = value
        return cell._replace(data=tuple(data))

    def _request(self, request: Effecting) -> Effecting:
        return request._replace(args=_args(self.requests[request.effect], request.args))

    def _late(self, late: Late) -> Late:
        return late._replace(args=_args(self.requests[late.effect], late.args))

    def _letter(self, mail: Message | Spawning | Refusal) -> Message | Spawning | Refusal:
        match mail:
            case Refusal(of=of):
                sliced = self._letter(of)
                assert not isinstance(sliced, Refusal), "a refusal is not refused"
                return mail._replace(of=sliced)
            case Message(receiver=receiver):
                return mail._replace(args=_args(self.params[receiver.entity, mail.action], mail.args))
            case Spawning(child=child):
                return mail._replace(args=_args(self.params[child.entity, mail.action], mail.args))


def value_of(universe: Universe, type_: ValueType) -> Value:
    """Some value of the type."""
    return universe.values_of(type_)[0]


def _args(values: Mapping[str, Value], args: Args) -> Args:
    return tuple((name, values.get(name, value)) for name, value in args) if values else args
