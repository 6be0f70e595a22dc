"""What is to be shown of a table: of every system, of every step, of every value that is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import z3

from temper.machine import BOOL, EnumType, Expression, Op, Property, PropertyKind, RefType, parts
from temper.verify.obligations import moving_states
from temper.verify.symbolic.algebra import Sight, View, truth
from temper.verify.symbolic.ghosts import Ghosts, armed_field
from temper.verify.symbolic.moves import Move
from temper.verify.symbolic.shapes import Texts, Unencodable
from temper.verify.symbolic.taking import EXISTS


class Goal(Protocol):
    """Something that each move has to keep, or that some moves must not do."""

    @property
    def name(self) -> str: ...

    def concerns(self, move: Move) -> bool:
        """Whether the move can make a difference to it."""
        ...

    def broken(self, move: Move, texts: Texts, /) -> Sequence[z3.BoolRef]:
        """The ways in which the move may break it. Raises `Unencodable`."""
        ...

    @property
    def fits(self) -> bool:
        """Whether what the move writes is known to be in its type."""
        ...


@dataclass(frozen=True, slots=True)
class Always:
    """An `always` property, or a lemma: it may be assumed of the system before, too."""

    claim: Property
    fits = True

    @property
    def name(self) -> str:
        return self.claim.name

    def concerns(self, move: Move) -> bool:
        return bool(move.writes & reads(self.claim))

    def broken(self, move: Move, texts: Texts, /) -> Sequence[z3.BoolRef]:
        chosen = witnesses(self.claim)
        return [z3.Not(holds(part, move.after, chosen, texts)) for part in conjuncts(self.claim)]


@dataclass(frozen=True, slots=True)
class Stepwise:
    """A `step` property."""

    claim: Property
    fits = True

    @property
    def name(self) -> str:
        return self.claim.name

    def concerns(self, move: Move) -> bool:
        ((_, entity),) = self.claim.variables
        on, taking = self.claim.on, move.taking
        return taking is not None and taking.entity.name == entity and (on is None or on[1] == taking.action.name)

    def broken(self, move: Move, texts: Texts, /) -> Sequence[z3.BoolRef]:
        taking = move.taking
        assert taking is not None, "only a row that is taken is a step"
        ((name, _),) = self.claim.variables
        sight = Sight(texts, args=taking.args, view=move.after, before=move.before, variables={name: (taking.ident,)})
        premise = [] if self.claim.whenever is None else [truth(self.claim.whenever, sight)]
        return [z3.And(*premise, z3.Not(truth(part.body, sight))) for part in conjuncts(self.claim)]


@dataclass(frozen=True, slots=True)
class Fitting:
    """`range:…`: what is written or passed on stays within its type."""

    name: str
    fits = False

    def concerns(self, move: Move) -> bool:
        return move.taking is not None and any(name == self.name for name, _ in move.taking.fits)

    def broken(self, move: Move, _: Texts, /) -> Sequence[z3.BoolRef]:
        assert move.taking is not None, "only a row writes"
        found = [fits for name, fits in move.taking.fits if name == self.name]
        if None in found:
            raise Unencodable(self.name)
        return [z3.Not(each) for each in found if each is not None]


@dataclass(frozen=True, slots=True)
class Distinct:
    """`distinct_keys:…`: two updates of one `set` never write one key."""

    name: str
    fits = False

    def concerns(self, move: Move) -> bool:
        taking = move.taking
        return (
            taking is not None
            and bool(taking.distinct)
            and self.name == f"distinct_keys:{taking.entity.name}.{taking.action.name}"
        )

    def broken(self, move: Move, _: Texts, /) -> Sequence[z3.BoolRef]:
        assert move.taking is not None, "only a row writes"
        if None in move.taking.distinct:
            raise Unencodable(self.name)
        return [z3.Not(each) for each in move.taking.distinct if each is not None]


@dataclass(frozen=True, slots=True)
class Handled:
    """`handled:…`: whatever comes back finds a target."""

    name: str
    fits = False

    def concerns(self, move: Move) -> bool:
        return move.unhandled == self.name

    def broken(self, _: Move, __: Texts, /) -> Sequence[z3.BoolRef]:
        return [z3.BoolVal(True)]


def moving(ghosts: Ghosts) -> Iterator[Property]:
    """`moves:…`: outside `final` and `waits` a timer is armed, something of its own is pending, or a message comes."""
    for entity in ghosts.entities:
        own = Expression(Op.VARIABLE, RefType(entity.name), name="x")
        type_ = EnumType(f"{entity.name}.state", entity.states)
        state = Expression(Op.READ, type_, (own,), name="state")
        armed = [Expression(Op.READ, BOOL, (own,), name=armed_field(timer.name)) for timer in entity.timers]
        counts = [place.count for place in ghosts.places_of(entity.name)]
        counts += [place.coming for place in ghosts.coming_to(entity.name)]
        pending = [_some_pending(ghosts, own, count) for count in counts]
        for name in moving_states(entity):
            there = Expression(Op.EQ, BOOL, (state, Expression(Op.LITERAL, type_, value=name)))
            body = Expression(Op.OR, BOOL, (*armed, *pending, _NEVER, _NEVER))
            yield Property(f"moves:{entity.name}.{name}", PropertyKind.ALWAYS, (("x", entity.name),), there, body)


_NEVER = Expression(Op.LITERAL, BOOL, value=False)


def _some_pending(ghosts: Ghosts, own: Expression, count: str) -> Expression:
    entity = own.type
    assert isinstance(entity, RefType), "an instance"
    field = next(field for field in ghosts.table.entity(entity.entity).fields if field.name == count)
    read = Expression(Op.READ, field.type, (own,), name=count)
    return Expression(Op.LE, BOOL, (Expression(Op.LITERAL, field.type, value=1), read))


def conjuncts(claim: Property) -> Iterator[Property]:
    """The same claim in parts, where its body is a conjunction: each may have a reason of its own."""
    if claim.body.op is Op.AND:
        for operand in claim.body.operands:
            yield from conjuncts(replace(claim, body=operand))
    else:
        yield claim


@cache
def reads(candidate: Property) -> frozenset[tuple[str, str]]:
    """What decides whether a property holds: fields by entity and name, and who exists."""
    found = {(entity, EXISTS) for _, entity in candidate.variables}
    for whole in filter(None, (candidate.whenever, candidate.body)):
        for part in parts(whole):
            if part.op is Op.READ:
                reference = part.operands[0].type
                assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
                found |= {(reference.entity, part.name), (reference.entity, EXISTS)}
            elif part.op is Op.INSTANCES:
                found.add((part.name, EXISTS))
    return frozenset(found)


def witnesses(candidate: Property) -> tuple[z3.ExprRef, ...]:
    """The instances for which a candidate is asked; candidates share them, as each is asked by itself."""
    numbers: dict[str, int] = {}
    chosen = []
    for _, entity in candidate.variables:
        numbers[entity] = numbers.get(entity, 0) + 1
        chosen.append(z3.Int(f"{entity}.{numbers[entity]}"))
    return tuple(chosen)


def holds(property_: Property, view: View, chosen: Iterable[z3.ExprRef], texts: Texts) -> z3.BoolRef:
    """What an `always` property says of some instances: if they exist and the premise holds, the body does."""
    variables = {name: (ident,) for (name, _), ident in zip(property_.variables, chosen, strict=True)}
    sight = Sight(texts, view=view, variables=variables)
    there = [
        view.exists(entity, ident)
        for (_, entity), (ident,) in zip(property_.variables, variables.values(), strict=True)
    ]
    premise = [] if property_.whenever is None else [truth(property_.whenever, sight)]
    return z3.Implies(z3.And([*there, *premise]), truth(property_.body, sight))
