"""What the policies say of a call, as a table: asked once beforehand, for whatever the state may hold.

Who calls with what is known where a call is written. What is left are the fields that the policies mention: the plain
gate is asked for each of their values, and native code looks the answer up by the bits in which they lie.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from math import prod

from temper.machine import (
    NEW,
    Action,
    Address,
    Call,
    Cell,
    Entity,
    Field,
    Gate,
    Gatekeeper,
    MapType,
    Mentions,
    TransitionTable,
    absent,
    gate,
    mentions,
)
from temper.verify.native.layout import FieldPlace, InstancePlace, Layout
from temper.verify.native.packing import Coded, Flag, Lengths, Optional, Packing, Ranged, Subset
from temper.verify.native.sight import Words, get
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer, text

DECISIONS_MAX = 20_000
"""How often the policies are asked about one action of an entity, at most: about two seconds."""


@dataclass(frozen=True, slots=True)
class Governed:
    """One action that policies have a say in."""

    entity: Entity
    action: Action
    ask: Gatekeeper
    mentions: Mentions

    def passes(self, cell: Cell, call: Call) -> bool:
        """Whether the gate lets the call pass: a role is enough unless it is forbidden, else there must be a permit."""
        decision = self.ask(cell, call)
        return decision.permits if self.action.gate is Gate.POLICY else not decision.forbids


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is decided for one caller and its arguments: bit by bit of the fields that matter, the first lowest."""

    fields: tuple[Field, ...]
    passing: frozenset[int]
    asked: int

    @property
    def settled(self) -> bool | None:
        """The decision if there is but one."""
        return bool(self.passing) if len(self.passing) in {0, self.asked} else None


class Gates:
    """Writes what policies decide."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.layout, self.table = writer, layout, layout.table
        self.governed: dict[tuple[str, str], Governed | None] = {}
        self.decided: dict[tuple[object, ...], Decisions] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often the policies were asked about an action."""
        self.names: dict[tuple[int, ...], str] = {}
        """The tables that are too long for one word, by what is in them."""

    def passes(self, place: InstancePlace, control: str, call: Call, words: Words) -> Truth:
        """Whether the gate lets a person's call pass, in a state in which the instance has that control state."""
        governed = self._governed(place.entity, call.action)
        if governed is None:
            return place.entity.action(call.action).gate is not Gate.POLICY
        decisions = self._decisions(governed, place, control, call)
        if decisions.settled is not None:
            return decisions.settled
        return self._looked_up(decisions, place, words)

    def tables(self) -> list[str]:
        """What is looked up, as lines of a module."""
        return [
            f"{name} = internal constant [{len(found)} x i64] [{', '.join(f'i64 {text(word)}' for word in found)}]"
            for found, name in self.names.items()
        ]

    # Asking.

    def _governed(self, entity: Entity, action: str) -> Governed | None:
        key = entity.name, action
        if key not in self.governed:
            self.governed[key] = governed(self.table, entity, entity.action(action))
        return self.governed[key]

    def _decisions(self, governed: Governed, place: InstancePlace, control: str, call: Call) -> Decisions:
        """What is decided of calls that are alike in all that is mentioned."""
        seen, address = governed.mentions, place.address
        key = (
            governed.entity.name,
            governed.action.name,
            control if seen.state or control == NEW else "",
            address.id if seen.instance(address.id) else "",
            call.caller,
            tuple(call.args[param.name] for param in seen.params(governed.action)),
        )
        if key not in self.decided:
            self.decided[key] = self._asked(governed, place, control, call)
        return self.decided[key]

    def _asked(self, governed: Governed, place: InstancePlace, control: str, call: Call) -> Decisions:
        fields = () if control == NEW else governed.mentions.fields(governed.entity)
        pieces = [_piece(place, field) for field in fields]
        spot = governed.entity.name, governed.action.name
        count = prod(len(packings(piece.packing)) for piece in pieces)
        self.asked[spot] += count
        if self.asked[spot] > DECISIONS_MAX:
            ways = f"more than {DECISIONS_MAX:,} combinations of callers, arguments and data"
            raise Unsupported(f"policies that look at {ways} for {'.'.join(spot)}")
        passing = {
            _key(pieces, bits)
            for bits in product(*(packings(piece.packing) for piece in pieces))
            if governed.passes(self._cell(place.address, control, fields, pieces, bits), call)
        }
        return Decisions(fields, frozenset(passing), count)

    def _cell(
        self, address: Address, control: str, fields: tuple[Field, ...], pieces: list[FieldPlace], bits: tuple[int, ...]
    ) -> Cell:
        """The instance with these bits in the fields that matter; what else it holds makes no difference."""
        held = {field.name: piece.packing.decode(each) for field, piece, each in zip(fields, pieces, bits, strict=True)}
        cell = absent(self.table, address)
        names = [field.name for field in self.table.entity(address.entity).fields]
        data = tuple(held.get(name, value) for name, value in zip(names, cell.data, strict=True))
        return cell._replace(control=control, data=data)

    # Looking up.

    def _looked_up(self, decisions: Decisions, place: InstancePlace, words: Words) -> Truth:
        found: Word = 0
        offset = 0
        for piece in (_piece(place, field) for field in decisions.fields):
            bits = self.writer.xor(get(self.writer, words, piece.bits), piece.start)
            found = self.writer.either(found, self.writer.left(bits, offset))
            offset += piece.packing.width
        table = _table(decisions.passing, offset)
        if len(table) == 1:
            return self.writer.as_truth(self.writer.right(table[0], found))
        name = self.names.setdefault(table, f"@gate{len(self.names)}")
        at = self.writer.emit(f"getelementptr i64, ptr {name}, i64 {text(self.writer.right(found, 6))}")
        return self.writer.as_truth(self.writer.right(self.writer.emit(f"load i64, ptr {at}"), found))


def governed(table: TransitionTable, entity: Entity, action: Action) -> Governed | None:
    """The action if policies are asked about it."""
    ask = gate(table, entity, action)
    return None if ask is None else Governed(entity, action, ask, mentions(table, entity, action))


def packings(packed: Packing) -> range:
    """All bits that a value may be packed as.

    >>> packings(Ranged(3, 7))
    range(0, 5)
    """
    match packed:
        case Flag():
            return range(2)
        case Ranged(lo, hi) | Coded(_, _, lo, hi):
            return range(hi - lo + 1)
        case Lengths(values):
            return range(len(values) + 1)
        case Optional(of):
            return range(len(packings(of)) + 1)
        case Subset():
            return range(1 << packed.width)
        case _:
            raise AssertionError("policies see neither maps nor what nothing reads")


def _piece(place: InstancePlace, field: Field) -> FieldPlace:
    assert not isinstance(field.type, MapType), "policies see no maps"
    (piece,) = next(
        pieces for each, pieces in zip(place.entity.fields, place.fields, strict=True) if each.name == field.name
    )
    return piece


def _key(pieces: list[FieldPlace], bits: tuple[int, ...]) -> int:
    """The bits of all pieces side by side, the first lowest."""
    found = offset = 0
    for piece, each in zip(pieces, bits, strict=True):
        found |= each << offset
        offset += piece.packing.width
    return found


def _table(passing: frozenset[int], width: int) -> tuple[int, ...]:
    """One bit for each key, 64 to a word."""
    words = [0] * (1 << max(0, width - 6))
    for key in passing:
        words[key >> 6] |= 1 << (key & 63)
    return tuple(words)
