"""What the solver's counterexample says, as cells: the instances that were asked for, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ctypes import byref, c_int64
from dataclasses import dataclass

import z3

from temper.machine import (
    NEW,
    Address,
    BoolType,
    Cell,
    DurationType,
    EnumType,
    FrozenMap,
    IntType,
    MapType,
    OptionType,
    RefType,
    SetType,
    TimeType,
    Type,
    Value,
    initial,
)
from temper.verify.symbolic.ghosts import taken_ids
from temper.verify.symbolic.moves import referred
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, Unencodable, few, has_spare, items_of, sorts
from temper.verify.symbolic.system import AnySystem

OTHERS = 10**12
"""From here on codes are of members of which nobody else speaks."""

Instances = Mapping[str, Sequence[z3.ExprRef]]
"""By entity: the ids that are asked for."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A system as a model has it, and which id stands for which instance in it."""

    view: Mapping[Address, Cell]
    idents: Mapping[Address, z3.ExprRef]
    near: frozenset[Address]
    """Those that were asked for; the others are there since one of these refers to them."""


def decode(model: z3.ModelRef, before: AnySystem, known: Instances) -> Decoded:
    """The instances that exist in the model."""
    return _Decoding(model, before.texts).system(before, known)


class _Decoding:
    def __init__(self, model: z3.ModelRef, texts: Texts) -> None:
        self.model, self.texts = model, {code: text for text, code in texts.codes.items()}
        self.context = model.ctx.ref()
        self.codes: dict[Type, set[int]] = {}
        """Of each type of texts: the codes that something mentions."""
        self.view: dict[Address, Cell] = {}
        self.idents: dict[Address, z3.ExprRef] = {}
        self.sets: list[tuple[Address, int, SetType, Term]] = []
        """Sets without end, and where they are: what is in them is known once everything else is read."""

    def system(self, before: AnySystem, known: Instances) -> Decoded:
        self._read(before, known)
        near = frozenset(self.idents)
        self._read(before, self._far(before))
        for address, at, type_, (array, size) in self.sets:
            cell = self.view[address]
            members = frozenset(self._members(type_, array, self._int(size)))
            self.view[address] = cell._replace(data=(*cell.data[:at], members, *cell.data[at + 1 :]))
        return Decoded(self.view, self.idents, near)

    def _read(self, before: AnySystem, known: Instances) -> None:
        """Reads the instances that exist in the model."""
        for name, terms in known.items():
            entity = before.table.entity(name)
            for ident in terms:
                place = self._int(before.place(name, ident))
                if not 0 <= place < len(entity.states):
                    continue
                address = Address(name, self._text(RefType(name), self._int(ident)) or "")
                if address in self.view:
                    continue
                data: list[Value] = []
                for at, field in enumerate(entity.fields):
                    try:
                        term = before.look(name, ident, field.name)
                    except Unencodable:
                        data.append(field.initial)
                        continue
                    if isinstance(field.type, SetType) and few(field.type.of) is None:
                        self.sets.append((address, at, field.type, term))
                        data.append(frozenset())
                    else:
                        data.append(self._value(field.type, term))
                self.view[address] = Cell(name, address.id, entity.states[place], tuple(data))
                self.idents[address] = ident

    def _far(self, before: AnySystem) -> Instances:
        """Whom those that were read refer to, and what of the ids: else they would read as if they did not exist."""
        found: dict[str, list[z3.ExprRef]] = {}
        hidden = {entity.name for entity in before.table.entities}
        for address, ident in self.idents.items():
            for field, value in zip(before.table.entity(address.entity).fields, self.view[address].data, strict=True):
                to = referred(field.type)
                if to is None or value is None:
                    continue
                for entity in filter(hidden.__contains__, (to, taken_ids(to))):
                    if Address(entity, str(value)) not in self.view:
                        found.setdefault(entity, []).append(before.look(address.entity, ident, field.name)[0])
        return found

    def _members(self, type_: SetType, array: z3.ExprRef, size: int) -> Iterator[Value]:
        """Of a set without end the members that something else mentions, and others as many as there are."""
        mentioned = [code for code in sorted(self.codes.get(type_.of, ())) if self._has(array, code)]
        yield from (self._member(type_.of, code) for code in mentioned)
        yield from (self._member(type_.of, OTHERS + number) for number in range(min(size - len(mentioned), 9)))

    def _int(self, term: z3.ExprRef) -> int:
        found = self._eval(term)
        if not z3.Z3_is_numeral_ast(self.context, found):
            return NOTHING
        number = c_int64()
        if z3.Z3_get_numeral_int64(self.context, found, byref(number)):
            return number.value
        return int(z3.Z3_get_numeral_string(self.context, found))

    def _truth(self, term: z3.ExprRef) -> bool:
        return bool(z3.Z3_get_bool_value(self.context, self._eval(term)) == z3.Z3_L_TRUE)

    def _eval(self, term: z3.ExprRef) -> z3.Ast:
        """What the model says, as the solver's library has it: dressed for Python it would take five times as long.

        It is to be looked at before anything else is asked of the library.
        """
        found = (z3.Ast * 1)()
        knows = z3.Z3_model_eval(self.context, self.model.model, term.as_ast(), True, found)
        assert knows, "a model that is complete knows every term"
        return found[0]

    def _has(self, array: z3.ExprRef, code: int) -> bool:
        return self._truth(z3.Select(array, z3.IntVal(code)))

    def _text(self, type_: Type, code: int) -> str | None:
        if code < 0:
            return None
        if code < OTHERS:
            self.codes.setdefault(type_, set()).add(code)
        return self.texts.get(code, f"#{code}")

    def _member(self, type_: Type, code: int) -> Value:
        return code if isinstance(type_, IntType | DurationType | TimeType) else self._text(type_, code)

    def _value(self, type_: Type, term: Term) -> Value:
        match type_:
            case BoolType():
                return self._truth(term[0])
            case IntType() | DurationType() | TimeType():
                return self._int(term[0])
            case EnumType(_, members):
                place = self._int(term[0]) + (members[0] == NEW)
                return members[place] if 0 <= place < len(members) else None
            case OptionType(of) if has_spare(of):
                return self._value(of, term)
            case OptionType(of):
                return self._value(of, term[1:]) if self._truth(term[0]) else None
            case SetType(of):
                return frozenset(value for value, bit in zip(few(of) or (), term, strict=True) if self._truth(bit))
            case MapType(key, item):
                keys = few(key)
                if keys is None:
                    return FrozenMap()
                assert len(sorts(item)) * len(keys) == len(term), "a map with few keys lists its values"
                values = {k: self._value(item, each) for k, each in zip(keys, items_of(type_, term), strict=True)}
                return FrozenMap({k: value for k, value in values.items() if value != initial(item)})
            case _:
                return self._text(type_, self._int(term[0]))
