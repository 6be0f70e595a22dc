"""A row taken once, from any system: after (a) to (f) of semantics.md section 2, whoever calls it.

What the solver does not take on is free here: a guard that may hold or not, a value of its type that may be any. So
there are more steps than the machine takes, and none less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

import z3

from temper.machine import (
    NEW,
    Action,
    Case,
    Entity,
    Expression,
    MapType,
    Request,
    Send,
    SetType,
    Spawn,
    Template,
    Type,
    Update,
)
from temper.verify.obligations import Row, is_ranged
from temper.verify.symbolic.algebra import Sight, meaning, truth
from temper.verify.symbolic.ghosts import OWNER, PERFORMED, TO, Ghosts, Place, armed_field, passed_field
from temper.verify.symbolic.shapes import (
    NOTHING,
    Term,
    Texts,
    Unencodable,
    as_type,
    equal,
    few,
    has,
    in_range,
    put,
    sorts,
    within,
)
from temper.verify.symbolic.system import Layer, System, Written, write

EXISTS = "exists"
"""Stands among what is written for that there is one more, or one less."""


class Known(dict[str, Term]):
    """Values by name; one that the solver does not take on is not there, and asking for it says so."""

    def __missing__(self, name: str) -> Term:
        raise Unencodable(f"`{name}`")


class Own(Known):
    """The data of a cell; what nobody asks for is not looked at."""

    def __init__(self, of: Callable[[str], Term], written: Mapping[str, Term | None] | None = None) -> None:
        super().__init__()
        self.of, self.written = of, dict(written or {})

    def __missing__(self, name: str) -> Term:
        if name in self.written:
            found = self.written[name]
            return super().__missing__(name) if found is None else found
        found = self[name] = self.of(name)
        return found

    def having(self, written: Mapping[str, Term | None]) -> Own:
        """The same with other values here and there; None for one that the solver does not take on."""
        return Own(self.of, {**self.written, **written})


class Taking:
    """One row, taken by the instance `ident` with these arguments, if all of `conditions` hold and everything fits."""

    def __init__(
        self,
        ghosts: Ghosts,
        before: System,
        texts: Texts,
        entity: Entity,
        action: Action,
        row: Row,
        *,
        ident: z3.ExprRef,
        args: Mapping[str, Term],
        caller: Term,
        conditions: Iterable[z3.BoolRef],
        is_exact: bool,
    ) -> None:
        self.ghosts, self.before, self.texts = ghosts, before, texts
        self.entity, self.action, self.row, self.ident, self.args = entity, action, row, ident, args
        self.caller = caller
        self.case: Case = action.cases[row.case]
        self.types: Mapping[str, Type] = {field.name: field.type for field in entity.fields}
        self.conditions = [*conditions]
        self.laws: list[z3.BoolRef] = []
        """What holds of values that came from nowhere."""
        self.fits: list[tuple[str, z3.BoolRef | None]] = []
        """Obligation, and that what it is about stays within its type; None where the solver cannot say so."""
        self.distinct: list[z3.BoolRef | None] = []
        """That two keys of one map in one `set` differ."""
        self.is_exact = is_exact
        """Whether nothing was left free: then whether the row is taken hangs on nothing but the system and the call."""
        self.mentioned: list[tuple[str, z3.ExprRef]] = []
        self.unborn: list[tuple[str, z3.ExprRef]] = []
        """Ids that no pending spawn is about to give away."""
        self.writes: set[tuple[str, str]] = set()
        self.after: System = before
        self.seen: Sight
        """What guards and policies see."""
        self._take()

    # From top to bottom.

    def _take(self) -> None:
        source = self._state(self.row.source)
        self.conditions.append(self.before.read(self.entity.name, self.ident, "state")[0] == source)
        data = Own(lambda name: self.before.read(self.entity.name, self.ident, name))
        self.seen = self._sight(data, source)
        self._holds(self.action.guard, data, source)
        data = self._updated(data, self.action.updates, source)
        for earlier in self.action.cases[: self.row.case]:
            self._holds(earlier.guard, data, source, negated=True)
        self._holds(self.case.guard, data, source)
        data = self._updated(data, self.case.updates, source)
        children = self._children(data)
        control = source if self.case.target is None else self._state(self.case.target)
        sight = self._sight(data, control)
        self._write(data, control)
        for number, template in enumerate(self.case.deliveries):
            self._hand_on(self._place(number), template, sight, children.get(number))

    def _write(self, data: Own, control: z3.ExprRef) -> None:
        """The cell as it is afterwards: its state, its data, its timers."""
        name, is_new = self.entity.name, self.row.source == NEW
        written = {update.name for update in (*self.action.updates, *self.case.updates)}
        written |= {template.into for template in self.case.deliveries if isinstance(template, Spawn) and template.into}
        changed: dict[str, Term] = {}
        for field in written:
            with suppress(Unencodable):
                changed[field] = data[field]
        for field in written - {*changed}:
            changed[field] = self._any(self.types[field], field, unset=True)
        for timer, armed in self._timers():
            changed[armed_field(timer)] = (z3.BoolVal(armed),)
        if is_new:
            changed |= {place.coming: (self._waiting(place),) for place in self.ghosts.coming_to(name)}
        self.writes |= {(name, field) for field in changed}
        if is_new or self.case.target not in {None, self.row.source}:
            self.writes.add((name, "state"))
        if is_new:  # what did not exist read as its defaults, and exists now
            self.writes |= {(name, EXISTS), *((name, field) for field in self.types)}
        self.after = write(self.after, name, self.ident, control, changed)
        if is_new:
            self._take_id(name, self.ident)

    def _waiting(self, place: Place) -> z3.ExprRef:
        """How many messages have waited for who is new: nobody knows, but where some have, there is one."""
        waiting, one = z3.FreshInt("waiting"), z3.FreshInt("waits")
        goes = self.before.read(place.name, one, TO)[0] == self.ident
        is_there = z3.And(one >= 0, self.before.read(place.name, one, "state")[0] == 0, goes)
        self.laws += [waiting >= 0, z3.Implies(waiting >= 1, is_there)]
        self.mentioned.append((place.name, one))
        return waiting

    def _timers(self) -> Iterator[tuple[str, bool]]:
        """The timers that this row arms or disarms; others are as before."""
        target = self.case.target or self.row.source
        for timer in self.entity.timers:
            if target not in timer.states:
                yield timer.name, False
            elif self.row.source not in timer.states or timer.name in self.case.restarts:
                yield timer.name, True

    # Guards and updates.

    def _state(self, name: str) -> z3.ExprRef:
        return z3.IntVal(NOTHING if name == NEW else self.entity.states.index(name))

    def _sight(self, data: Mapping[str, Term], state: z3.ExprRef) -> Sight:
        return Sight(
            self.texts,
            fields=data,
            args=Known(self.args),
            state=(state,),
            self=(self.ident,),
            caller=self.caller,
            now=(z3.Int("now"),),
        )

    def _holds(
        self, guard: Expression | None, data: Mapping[str, Term], source: z3.ExprRef, *, negated: bool = False
    ) -> None:
        if guard is None:
            if negated:  # an earlier case that always fits
                self.conditions.append(z3.BoolVal(False))
            return
        try:
            found = truth(guard, self._sight(data, source))
        except Unencodable:
            self.is_exact = False
            return
        self.conditions.append(z3.Not(found) if negated else found)

    def _updated(self, data: Own, updates: tuple[Update, ...], source: z3.ExprRef) -> Own:
        """Simultaneous: every value is computed before any is assigned."""
        sight, found = self._sight(data, source), dict[str, Term | None]()
        keys: dict[str, list[Term]] = {}
        for update in updates:
            type_ = self.types[update.name]
            try:
                held = () if update.key is None else data.having(found)[update.name]
                found[update.name] = self._written(type_, update, held, sight, keys)
            except Unencodable:
                self._fits(type_, f"{self.entity.name}.{update.name}", None)
                found[update.name] = None
                if update.key is not None:
                    self.distinct.append(None)
                with suppress(Unencodable):
                    found[update.name] = self._any(type_, update.name, unset=True)
        return data.having(found)

    def _written(self, type_: Type, update: Update, held: Term, sight: Sight, keys: dict[str, list[Term]]) -> Term:
        name = f"{self.entity.name}.{update.name}"
        if update.key is None:
            value = as_type(meaning(update.value, sight), update.value.type, type_)
            self._fits(type_, name, in_range(type_, value))
            return value
        assert isinstance(type_, MapType), f"only a map is updated by key, and {update.name} is none"
        key = as_type(meaning(update.key, sight), update.key.type, type_.key)
        value = as_type(meaning(update.value, sight), update.value.type, type_.value)
        for other in keys.setdefault(update.name, []):
            self.distinct.append(z3.Not(equal(type_.key, key, other)))
        keys[update.name].append(key)
        self._fits(type_, name, z3.And(within(type_.key, key), in_range(type_.value, value)))
        return put(type_, held, key, value)

    def _fits(self, type_: Type, name: str, fits: z3.BoolRef | None) -> None:
        """Notes down that what is written or passed on is a value of its type."""
        if fits is None:
            self.is_exact = False
        if is_ranged(type_):
            self.fits.append((f"range:{name}", fits))
        elif fits is not None:
            self.laws.append(fits)

    # Deliveries.

    def _place(self, number: int) -> Place:
        return next(
            place
            for place in self.ghosts.places_of(self.entity.name)
            if (place.site.action, place.site.case, place.site.position) == (self.action.name, self.row.case, number)
        )

    def _children(self, data: Own) -> dict[int, z3.ExprRef]:
        """New ids for what the case spawns, put into their fields at once."""
        found: dict[int, z3.ExprRef] = {}
        for number, template in enumerate(self.case.deliveries):
            if isinstance(template, Spawn):
                child = z3.FreshInt("child")
                self.laws += [child >= 0, z3.Not(self.before.exists(template.entity, child))]
                self.laws += [child != other for other in found.values()]
                self.laws.append(z3.Not(self.before.exists(self.ghosts.taken[template.entity], child)))
                self.unborn.append((template.entity, child))
                self.mentioned.append((template.entity, child))
                self.mentioned.append((self.ghosts.taken[template.entity], child))
                found[number] = child
                if template.into:
                    data.written[template.into] = (child,)
        return found

    def _hand_on(self, place: Place, template: Template, sight: Sight, child: z3.ExprRef | None) -> None:
        data: dict[str, Term] = {OWNER: (self.ident,), **self._passed(place, template, sight)}
        match template:
            case Request(replaces=replaces):
                if replaces:
                    self._withdraw(template.effect)
                if place.performs:
                    data[PERFORMED] = (z3.BoolVal(False),)
                self._send(place, data, z3.BoolVal(True))
            case Spawn():
                assert child is not None, "what is spawned has an id"
                self._take_id(template.entity, child)
                self._send(place, {**data, TO: (child,)}, z3.BoolVal(True))
            case Send():
                self._send_to(place, template, data, sight)

    def _send_to(self, place: Place, template: Send, data: dict[str, Term], sight: Sight) -> None:
        type_ = template.to.type
        try:
            to = meaning(template.to, sight)
        except Unencodable:
            self.is_exact = False
            self._send_many(place, data, lambda _: z3.BoolVal(True))
            some = z3.Function(z3.FreshConst(z3.BoolSort(), "some").sexpr(), z3.IntSort(), z3.BoolSort())
            self._come(place, some)
            return
        if isinstance(type_, SetType):
            assert few(type_.of) is None, "there is no end of ids"
            self._send_many(place, data, lambda one: has(type_, to, (one,)))
            self._come(place, lambda one: has(type_, to, (one,)))
        else:  # a reference that is not there sends nothing
            self._send(place, {**data, TO: to}, to[0] != NOTHING)
            self._come(place, lambda one: z3.And(one == to[0], to[0] != NOTHING))

    def _send(self, place: Place, data: Mapping[str, Term], there: z3.BoolRef) -> None:
        """One more delivery is pending, under a name that none has."""
        ident = z3.FreshInt("sent")
        self.laws += [ident >= 0, z3.Not(self.after.exists(place.name, ident))]
        self.mentioned.append((place.name, ident))
        state = z3.If(there, 0, NOTHING)
        self._appear(place, data)
        self.after = write(self.after, place.name, ident, state, data)
        self._count(place, z3.If(there, 1, 0))

    def _send_many(self, place: Place, data: Mapping[str, Term], to: Callable[[z3.ExprRef], z3.BoolRef]) -> None:
        """A message each: nobody knows how many."""
        sent = z3.Function(z3.FreshConst(z3.BoolSort(), "sent").sexpr(), z3.IntSort(), z3.BoolSort())
        whom = z3.Function(z3.FreshConst(z3.IntSort(), "to").sexpr(), z3.IntSort(), z3.IntSort())
        under = self.after
        self._appear(place, {**data, TO: (z3.IntVal(0),)})

        def is_sent(one: z3.ExprRef) -> z3.BoolRef:
            is_free = z3.And(one >= 0, z3.Not(under.exists(place.name, one)))
            return z3.And(is_free, sent(one), to(whom(one)), whom(one) >= 0)

        written: dict[str, Written] = {**data, TO: lambda one: (whom(one),)}
        self.after = Layer(under, place.name, is_sent, z3.IntVal(0), written)
        more = z3.FreshInt("many")
        self.laws.append(more >= 0)
        self._count(place, more)

    def _take_id(self, entity: str, ident: z3.ExprRef) -> None:
        """The id is not to be had any more, where somebody might draw it."""
        taken = self.ghosts.taken.get(entity)
        if taken is not None:
            self.after = write(self.after, taken, ident, z3.IntVal(0), {})
            self.writes |= {(taken, "state"), (taken, EXISTS)}

    def _appear(self, place: Place, data: Mapping[str, Term]) -> None:
        self.writes |= {(place.name, name) for name in ("state", EXISTS, *data)}

    def _count(self, place: Place, more: z3.ExprRef) -> None:
        self.writes.add((self.entity.name, place.count))
        held = self.after.read(self.entity.name, self.ident, place.count)[0]
        self.after = write(self.after, self.entity.name, self.ident, None, {place.count: (held + more,)})

    def _come(self, place: Place, to: Callable[[z3.ExprRef], z3.BoolRef]) -> None:
        """One message more is on its way to each of those."""
        self.after, written = more_coming(self.ghosts, self.after, place, to, 1)
        self.writes |= written

    def _withdraw(self, effect: str) -> None:
        """What is pending in the lane is settled by nobody any more, and may reach the world all the same."""
        name = self.entity.name
        for place in self.ghosts.lane(name, effect):
            under = self.after
            late = self.ghosts.late.get((name, effect))
            if late is not None:
                self._become_late(place, late, under)
            after, is_ours = self.after, _is_ours(under, place, self.ident)
            self.after = Layer(after, place.name, is_ours, z3.IntVal(NOTHING), {})
            self.after = write(self.after, name, self.ident, None, {place.count: (z3.IntVal(0),)})
            self.writes |= {(place.name, "state"), (place.name, EXISTS), (name, place.count)}

    def _become_late(self, place: Place, late: str, under: System) -> None:
        """Some of what is withdrawn may still happen: each such is late, with the arguments that it had."""
        is_late = z3.Function(z3.FreshConst(z3.BoolSort(), "late").sexpr(), z3.IntSort(), z3.BoolSort())
        was = z3.Function(z3.FreshConst(z3.IntSort(), "was").sexpr(), z3.IntSort(), z3.IntSort())
        for number in (1, 2):
            self.mentioned.append((place.name, was(z3.Int(f"{late}.{number}"))))
        is_ours, after = _is_ours(under, place, self.ident), self.after

        def args(name: str) -> Written:
            return lambda one: under.read(place.name, was(one), name)

        fields = [field.name for field in self.ghosts.table.entity(late).fields]
        self.after = Layer(
            after,
            late,
            lambda one: z3.And(one >= 0, is_late(one), z3.Not(after.exists(late, one)), is_ours(was(one))),
            z3.IntVal(0),
            {name: args(name) for name in fields},
        )
        self.writes |= {(late, name) for name in ("state", EXISTS, *fields)}

    def _passed(self, place: Place, template: Template, sight: Sight) -> dict[str, Term]:
        """The arguments handed on, each a value of its type."""
        given = dict(template.args)
        whom = template.effect if isinstance(template, Request) else f"{template.entity}.{template.action}"
        found: dict[str, Term] = {}
        for param in place.params:
            expression = given[param.name]
            try:
                value = as_type(meaning(expression, sight), expression.type, param.type)
                self._fits(param.type, f"{whom}.{param.name}", in_range(param.type, value))
            except Unencodable:
                self._fits(param.type, f"{whom}.{param.name}", None)
                with suppress(Unencodable):
                    value = self._any(param.type, param.name, unset=True)
                    found[passed_field(param.name)] = value
                continue
            found[passed_field(param.name)] = value
        return found

    def _any(self, type_: Type, name: str, *, unset: bool = False) -> Term:
        """Any value of the type."""
        self.is_exact = False
        term = tuple(z3.FreshConst(sort, name) for sort in sorts(type_))
        self.laws.append(within(type_, term, unset=unset))
        return term


def more_coming(
    ghosts: Ghosts, system: System, place: Place, to: Callable[[z3.ExprRef], z3.BoolRef], more: int
) -> tuple[System, set[tuple[str, str]]]:
    """The system in which so many messages more of a place are on their way to each of those, and what is written."""
    entity, name = _receiver(place), place.coming
    if place not in ghosts.coming_to(entity):
        return system, set()

    def there(one: z3.ExprRef) -> z3.BoolRef:
        return z3.And(to(one), system.exists(entity, one))

    def counted(one: z3.ExprRef) -> Term:
        return (system.read(entity, one, name)[0] + more,)

    return Layer(system, entity, there, None, {name: counted}), {(entity, name)}


def _receiver(place: Place) -> str:
    assert isinstance(place.template, Send), "only messages are on their way to somebody who is there"
    return place.template.entity


def _is_ours(system: System, place: Place, owner: z3.ExprRef) -> Callable[[z3.ExprRef], z3.BoolRef]:
    """That a delivery of the place is pending and the owner's."""
    return lambda one: z3.And(system.exists(place.name, one), system.read(place.name, one, OWNER)[0] == owner)
