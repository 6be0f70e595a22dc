"""The oracle: semantics.md sections 2 and 3, transcribed literally and slowly.

It shares types and values with `temper.machine`, and nothing that steps: not `step`, `relation` or `python`. It
keeps real times, real counters and unsorted lists, and copies a whole state for every successor. What is quoted in
the comments is the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from support.oracle_gate import may
from temper.machine import (
    AGAIN,
    IGNORE,
    INT,
    INT_MAX,
    INT_MIN,
    NEW,
    UNKNOWN,
    Action,
    Address,
    DeliveryKind,
    DurationType,
    Effect,
    Entity,
    Expression,
    FrozenMap,
    Gate,
    IntType,
    MapType,
    Op,
    OptionType,
    Outcome,
    RefType,
    Request,
    Send,
    SetType,
    Site,
    Spawn,
    Target,
    Template,
    TransitionTable,
    Type,
    contains,
    finite_values,
    initial,
)
from temper.machine.universe import Universe

PERSON, MACHINE, ENVIRONMENT = "person", "machine", "environment"
NOBODY = "?"


@dataclass
class OracleCell:
    """cell = (control, data, timers: armed timer → due, clock: its last `now`, seq)."""

    address: Address
    control: str
    data: dict[str, Any]
    timers: dict[str, int] = field(default_factory=dict)
    clock: int = 0
    seq: int = 0


@dataclass
class Pending:
    """d = (id, kind effect|message|spawn|refusal, owner, site, target, args, stamp, seq)."""

    kind: str
    owner: Address
    site: Site
    target: Any  # the effect's name, or the address of the receiver or child
    action: str
    args: dict[str, Any]
    stamp: int
    seq: int
    of: str = ""  # of a refusal: message or spawn
    reason: str = ""
    performed: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class LateRequest:
    owner: Address
    effect: str
    args: dict[str, Any]
    seq: int


@dataclass
class State:
    """σ = (v, I, P, L, W); v is the table, W the cells of world entities within I. `burnt`: ids that stay new."""

    cells: dict[Address, OracleCell] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    late: list[LateRequest] = field(default_factory=list)
    burnt: set[Address] = field(default_factory=set)


def copied(state: State) -> State:
    """A state of its own, to be changed at will. Arguments are never changed."""
    return State(
        {address: copied_cell(cell) for address, cell in state.cells.items()},
        [replace(d, performed=list(d.performed)) for d in state.pending],
        list(state.late),
        set(state.burnt),
    )


def copied_cell(cell: OracleCell) -> OracleCell:
    return replace(cell, data=dict(cell.data), timers=dict(cell.timers))


@dataclass
class Done:
    """Applied(cell', D)."""

    cell: OracleCell
    deliveries: list[Pending]
    case: int


@dataclass
class No:
    """Rejected(because)."""

    because: str


@dataclass
class Taken:
    """A successor: the rule, the state, the kinds of violations it shows, or the bound at which it is cut."""

    rule: str
    state: State
    violations: frozenset[str] = frozenset()
    cut: str = ""
    where: Address | None = None


class OutOfIdsError(Exception):
    """A spawn finds no unused id in the universe."""


# Expressions, by plain recursion.


@dataclass
class Scope:
    fields: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    id: str = ""
    caller: str | None = None
    now: int = 0
    bound: Mapping[str, Any] = field(default_factory=dict)
    cells: Mapping[Address, OracleCell] = field(default_factory=dict)


def value_of(table: TransitionTable, e: Expression, scope: Scope) -> Any:
    """The expression's value; operands are evaluated when they are needed, though it makes no difference."""

    def of(part: Expression) -> Any:
        return value_of(table, part, scope)

    ops = e.operands
    if e.op in {Op.ALL, Op.ANY, Op.COUNT, Op.SUM, Op.LEAST, Op.GREATEST}:
        return _binder(table, e, scope)
    match e.op:
        case Op.LITERAL:
            return e.value
        case Op.FIELD:
            value = scope.fields[e.name]
            return 0 if value is None and isinstance(e.type, DurationType) else value
        case Op.STATE:
            return scope.state
        case Op.SELF:
            return scope.id
        case Op.CALLER:
            return scope.caller
        case Op.NOW:
            return scope.now
        case Op.ARGUMENT:
            return scope.args[e.name]
        case Op.VARIABLE:
            return scope.bound[e.name]
        case Op.READ:
            assert isinstance(ops[0].type, RefType)
            cell = scope.cells.get(Address(ops[0].type.entity, of(ops[0])))
            entity = table.entity(ops[0].type.entity)
            if e.name == "state":
                return NEW if cell is None else cell.control
            return next(f.initial for f in entity.fields if f.name == e.name) if cell is None else cell.data[e.name]
        case Op.SOME | Op.THE:
            return of(ops[0])
        case Op.NOT:
            return not of(ops[0])
        case Op.AND:
            return all(of(part) for part in ops)
        case Op.OR:
            return any(of(part) for part in ops)
        case Op.IF:
            return of(ops[1]) if of(ops[0]) else of(ops[2])
        case Op.EQ:
            return of(ops[0]) == of(ops[1])
        case Op.LT:
            return of(ops[0]) < of(ops[1])
        case Op.LE:
            return of(ops[0]) <= of(ops[1])
        case Op.IN:
            return of(ops[0]) in of(ops[1])
        case Op.ADD:
            return of(ops[0]) + of(ops[1])
        case Op.SUB:
            return of(ops[0]) - of(ops[1])
        case Op.MUL:
            return of(ops[0]) * of(ops[1])
        case Op.DIV:
            return 0 if of(ops[1]) == 0 else of(ops[0]) // of(ops[1])
        case Op.MOD:
            return 0 if of(ops[1]) == 0 else of(ops[0]) % of(ops[1])
        case Op.NEG:
            return -of(ops[0])
        case Op.ABS:
            return abs(of(ops[0]))
        case Op.MIN:
            return min(of(part) for part in ops)
        case Op.MAX:
            return max(of(part) for part in ops)
        case Op.SET:
            return frozenset(of(part) for part in ops)
        case Op.UNION:
            return of(ops[0]) | of(ops[1])
        case Op.INTERSECT:
            return of(ops[0]) & of(ops[1])
        case Op.DIFFERENCE:
            return of(ops[0]) - of(ops[1])
        case Op.LEN:
            return len(of(ops[0]))
        case Op.GET:
            assert isinstance(ops[0].type, MapType)
            return of(ops[0]).get(of(ops[1]), initial(ops[0].type.value))
        case Op.VALUES:
            assert isinstance(e.type, SetType)
            return frozenset(finite_values(e.type.of) or ())
        case _:
            raise AssertionError(f"the oracle does not know {e.op}")


def _binder(table: TransitionTable, e: Expression, scope: Scope) -> Any:
    domain = value_of(table, e.operands[0], scope)
    found = []
    for item in domain:
        inner = replace(scope, bound={**scope.bound, e.name: item})
        if value_of(table, e.operands[1], inner):
            found.append(value_of(table, e.operands[2], inner) if len(e.operands) > 2 else 1)
    default = value_of(table, e.operands[3], scope) if len(e.operands) > 3 else None
    folds: dict[Op, Callable[[], Any]] = {
        Op.ALL: lambda: all(found),
        Op.ANY: lambda: any(found),
        Op.COUNT: lambda: len(found),
        Op.SUM: lambda: sum(found),
        Op.LEAST: lambda: min(found, default=default),
        Op.GREATEST: lambda: max(found, default=default),
    }
    return folds[e.op]()


# Section 2: the step of one cell.


def oracle_step(
    table: TransitionTable,
    cell: OracleCell,
    *,
    cause: str,
    caller: str | None,
    roles: frozenset[str],
    action: str,
    args: Mapping[str, Any],
    now: int,
    fresh: Callable[[str], str],
) -> Done | No:
    """`step(v, cell, cause, caller, roles, action, args, n)`. `fresh` draws an unused id of an entity."""
    entity = table.entity(cell.address.entity)
    row = entity.action(action)
    # (a) args are in their types
    if set(args) != {p.name for p in row.params} or not all(contains(p.type, args[p.name]) for p in row.params):
        return No("bad-args")
    # (b) control ∈ `from`
    if cell.control not in row.sources:
        return No("wrong-state")
    # (c) cause = machine, or the policies permit (caller, roles, args, cell before)
    if cause == PERSON and not may(
        table,
        entity,
        row,
        ident=cell.address.id,
        control=cell.control,
        data=cell.data,
        caller=caller,
        roles=roles,
        args=args,
    ):
        return No("denied")
    if cause == ENVIRONMENT and row.gate is not Gate.ENVIRONMENT:
        return No("denied")

    def read(e: Expression, data: dict[str, Any], state: str) -> Any:
        return value_of(table, e, Scope(data, args, state, cell.address.id, caller, now))

    # (d) `when` holds before, with now = n
    if row.guard is not None and not read(row.guard, cell.data, cell.control):
        return No("guard-false")
    # (e) after the simultaneous common `set`, some case matches: the first, whose own `set` then applies
    data, common = _updated(entity, row.updates, cell.data, lambda e: read(e, cell.data, cell.control))
    # Two equal keys in one `set`: there is no data after, and no case to look at it.
    if common == "same-key-twice":
        return No(common)
    number, case = next(
        ((n, c) for n, c in enumerate(row.cases) if c.guard is None or read(c.guard, data, cell.control)), (-1, None)
    )
    if case is None:
        return No("no-case")
    between = data
    data, own = _updated(entity, case.updates, between, lambda e: read(e, between, cell.control))
    # (f) every value written or passed on is in its declared range and size, every int in 64 bits
    wrong = own if own == "same-key-twice" else common or own
    if wrong:
        return No(wrong)
    after = OracleCell(cell.address, case.target or cell.control, data, {}, now, cell.seq + 1)
    children = {at: fresh(t.entity) for at, t in enumerate(case.deliveries) if isinstance(t, Spawn)}
    for at, template in enumerate(case.deliveries):
        if isinstance(template, Spawn) and template.into:
            data[template.into] = children[at]
    deliveries = []
    for at, template in enumerate(case.deliveries):
        site = Site(entity.name, action, number, at)
        # `with`, send targets and `after:` read the data after.
        made = _hand_on(table, after, site, template, children.get(at), now, lambda e: read(e, data, after.control))
        if made is None:
            return No("out-of-range")
        deliveries += made
    # Timer k from s to s': disarm if s' ∉ in(k); arm at n + max(0, after) if s' ∈ in(k) and (s ∉ in(k) or
    # k ∈ restart of the row); else keep its due.
    for timer in entity.timers:
        if after.control not in timer.states:
            continue
        if cell.control not in timer.states or timer.name in case.restarts:
            after.timers[timer.name] = now + max(0, read(timer.after, data, after.control))
        elif timer.name in cell.timers:
            after.timers[timer.name] = cell.timers[timer.name]
    return Done(after, deliveries, number)


def _updated(
    entity: Entity, updates: Any, before: dict[str, Any], read: Callable[[Expression], Any]
) -> tuple[dict[str, Any], str]:
    """The data after, and what is wrong with it. That two keys of one `set` differ is an obligation."""
    types = {f.name: f.type for f in entity.fields}
    values = [(u.name, None if u.key is None else read(u.key), u.key is not None, read(u.value)) for u in updates]
    keys = [(name, key) for name, key, keyed, _ in values if keyed]
    data = dict(before)
    twice = len(set(keys)) != len(keys)
    wrong = ""
    for name, key, keyed, value in values:
        type_ = types[name]
        if keyed:
            assert isinstance(type_, MapType)
            if not (contains(type_.key, key) and contains(type_.value, value)):
                wrong = "out-of-range"
            data[name] = data[name].put(key, value, initial=initial(type_.value))
        else:
            if not contains(type_, value):
                wrong = "out-of-range"
            data[name] = value
    return data, "same-key-twice" if twice else wrong


def _hand_on(
    table: TransitionTable,
    after: OracleCell,
    site: Site,
    template: Template,
    child: str | None,
    now: int,
    read: Callable[[Expression], Any],
) -> list[Pending] | None:
    """Deliveries in D get stamp n. None if a value passed on is out of its range."""
    receivers: list[Any]
    match template:
        case Request(effect=effect):
            params, receivers, kind, action = table.effect(effect).params, [effect], "effect", effect
        case Send(to=to, entity=entity, action=action):
            # `to` is a reference, an optional one (`None` sends nothing), or a set (one message each)
            named = read(to)
            ids = [] if named is None else sorted(named) if isinstance(named, frozenset) else [named]
            params = table.entity(entity).action(action).params
            receivers, kind = [Address(entity, i) for i in ids], "message"
        case Spawn(entity=entity, action=action):
            params = table.entity(entity).action(action).params
            receivers, kind = [Address(entity, child or "")], "spawn"
    if not receivers:
        return []
    args = {name: read(e) for name, e in template.args}
    types = {p.name: p.type for p in params}
    if not all(contains(types[name], value) for name, value in args.items()):
        return None
    args = {p.name: args[p.name] for p in params if p.name in args}
    return [Pending(kind, after.address, site, to, action, dict(args), now, after.seq) for to in receivers]


# Section 3: the step relation.


class Oracle:
    """The relation of one table within one universe, at a chosen `now` per step."""

    def __init__(self, table: TransitionTable, universe: Universe) -> None:
        self.table, self.universe = table, universe
        self.templates = {
            Site(e.name, a.name, c, p): t
            for e in table.entities
            for a in e.actions
            for c, case in enumerate(a.cases)
            for p, t in enumerate(case.deliveries)
        }

    def start(self, now: int = 0) -> State:
        """A run starts with everything empty, `single` cells and W initial (timers whose `in` holds the first state are armed)."""
        state = State()
        for entity in self.table.entities:
            if entity.single and (self.universe.world or not entity.world):
                cell = self.absent(Address(entity.name, entity.name))
                cell.control, cell.clock = entity.states[0], now
                for timer in entity.timers:
                    if cell.control in timer.states:
                        after = value_of(
                            self.table, timer.after, Scope(cell.data, {}, cell.control, entity.name, None, now)
                        )
                        cell.timers[timer.name] = now + max(0, after)
                state.cells[cell.address] = cell
        return state

    def absent(self, address: Address) -> OracleCell:
        """An id outside I is in control state `new`; reading it gives the defaults."""
        return OracleCell(address, NEW, {f.name: f.initial for f in self.table.entity(address.entity).fields})

    def successors(self, state: State, late_by: int = 0, exactly: int | None = None) -> Iterator[Taken]:
        """Every step with n as early as it may be plus `late_by`, or, if given, `exactly` at that n."""

        def moment(*floors: int) -> int | None:
            if exactly is None:
                return max(floors) + late_by
            return exactly if exactly >= max(floors) else None

        yield from self.calls(state, moment)
        yield from self.deliveries(state, moment)
        yield from self.settlements(state, moment)
        yield from self.firings(state, moment)
        if self.universe.world:
            yield from self.performs(state, moment)

    # 1. Call, and 6. Environment.

    def calls(self, state: State, moment: Any) -> Iterator[Taken]:
        """Any principal, any roles, any id (any unused one for a constructor), any action with `by`, any args, any n ≥ clock."""
        for entity in self.table.entities:
            if entity.world and not self.universe.world:
                continue
            for ident in self.universe.ids_of(entity.name):
                address = Address(entity.name, ident)
                if address not in state.cells and not self.unused(state, address):
                    continue
                for action in entity.actions:
                    yield from self.calls_of(state, address, action, moment)

    def calls_of(self, state: State, address: Address, action: Action, moment: Any) -> Iterator[Taken]:
        cell = state.cells.get(address) or self.absent(address)
        n = moment(cell.clock)
        if action.gate is Gate.MACHINE or n is None:
            return
        cause = ENVIRONMENT if action.gate is Gate.ENVIRONMENT else PERSON
        callers = self.universe.principals if cause == PERSON else ((None, frozenset()),)
        for caller, roles in callers:
            for values in product(*(self.universe.values_of(p.type) for p in action.params)):
                args = {p.name: v for p, v in zip(action.params, values, strict=True)}
                try:
                    answer = self.step(state, cell, cause, caller, roles, action.name, args, n)
                except OutOfIdsError:
                    yield Taken("call", state, cut="spawn")
                    continue
                if isinstance(answer, Done):
                    # Applied: write the cell, P ∪ D.
                    yield self.applied("call", copied(state), answer)
                elif answer.because in VIOLATING:
                    # Rejected: σ' = σ. A value that leaves its range is a violation all the same.
                    yield Taken("call", state, frozenset({VIOLATING[answer.because]}))

    # 2. Deliver.

    def deliveries(self, state: State, moment: Any) -> Iterator[Taken]:
        """A message, spawn or refusal d ∈ P, n ≥ max(clock(receiver), stamp(d)); a message to an id whose spawn is pending waits."""
        for index, d in enumerate(state.pending):
            if d.kind == "effect":
                continue
            if d.kind == "refusal":
                yield from self.refusals(state, index, moment)
                continue
            if d.kind == "message" and any(o.kind == "spawn" and o.target == d.target for o in state.pending):
                continue
            cell = state.cells.get(d.target) or self.absent(d.target)
            n = moment(cell.clock, d.stamp)
            if n is None:
                continue
            after = copied(state)
            # Remove d, step the receiver with cause = machine.
            del after.pending[index]
            try:
                answer: Done | No
                if d.target in state.burnt:
                    answer = No("wrong-state")
                else:
                    answer = self.step(after, cell, MACHINE, None, frozenset(), d.action, d.args, n)
            except OutOfIdsError:
                yield Taken("deliver", state, cut="spawn")
                continue
            if isinstance(answer, Done):
                yield self.applied("deliver", after, answer)
                continue
            # Rejected: `refused: ignore` changes nothing more; else P gains a refusal to the owner.
            template = self.templates[d.site]
            assert isinstance(template, Send | Spawn)
            if d.kind == "spawn":
                after.burnt.add(d.target)
            if template.refused != (IGNORE,):
                after.pending.append(replace(d, kind="refusal", of=d.kind, reason=answer.because, stamp=n))
            shown = frozenset({VIOLATING[answer.because]}) if answer.because in VIOLATING else frozenset[str]()
            yield Taken("deliver", after, shown)

    def refusals(self, state: State, index: int, moment: Any) -> Iterator[Taken]:
        """The owner applies its target there with the original arguments, `reason` and `receiver`."""
        d = state.pending[index]
        n = moment(state.cells[d.owner].clock, d.stamp)
        if n is None:
            return
        after = copied(state)
        del after.pending[index]
        template = self.templates[d.site]
        assert isinstance(template, Send | Spawn)
        pool = {**d.args, "reason": d.reason, "receiver": d.target.id}
        # `again` issues the same delivery once more in the place of the old one
        again = replace(d, kind="message", of="", reason="", stamp=n)
        yield self.aimed("deliver", state, after, d.owner, template.refused, pool, n, again)

    # 3. Settle.

    def settlements(self, state: State, moment: Any) -> Iterator[Taken]:
        """The first effect d of a lane with an outcome o: a declared one with fields in their types, or `unknown`."""
        for d in self.firsts(state):
            effect = self.table.effect(d.target)
            n = moment(state.cells[d.owner].clock, d.stamp)
            if n is None:
                continue
            for outcome in (*effect.outcomes, Outcome(UNKNOWN, ())):
                for fields in self.fields_of(effect, outcome, d):
                    after = copied(state)
                    # In one step: remove d, update L, apply the target `then[o]` to the owner's cell.
                    del after.pending[state.pending.index(d)]
                    self.joins_late(after, d, outcome.name)
                    template = self.templates[d.site]
                    assert isinstance(template, Request)
                    again = replace(d, stamp=n, performed=[])
                    pool = {**d.args, **fields}
                    yield self.aimed("settle", state, after, d.owner, template.target(outcome.name), pool, n, again)

    def fields_of(self, effect: Effect, outcome: Outcome, d: Pending) -> Iterator[dict[str, Any]]:
        performs = effect.performs
        told = dict(outcome.told)
        if self.universe.world and performs is not None:
            # `surely: [o]`: o is enabled only after a perform. `not: [o]`: only if none happened.
            # An outcome with told fields is `surely`.
            if (outcome.name in performs.surely or told) and not d.performed:
                return
            if outcome.name in performs.never and d.performed:
                return
        free = [f for f in outcome.fields if f.name not in told]
        for values in product(*(self.universe.values_of(f.type) for f in free)):
            fields = {f.name: v for f, v in zip(free, values, strict=True)}
            if not told:
                yield fields
            # and they are the values at a perform of this delivery
            for seen in d.performed if told else ():
                yield {**fields, **{name: seen[f"{outcome.name}.{name}"] for name in told}}

    # 4. Perform.

    def performs(self, state: State, moment: Any) -> Iterator[Taken]:
        """For a first-of-lane effect or a late request: its world cell steps; rejected: no change. Never forced."""
        for d in self.firsts(state):
            effect = self.table.effect(d.target)
            once = effect.delivery is not DeliveryKind.IDEMPOTENT
            # at_most_once, keyed: at most 1; idempotent: any number
            if effect.performs is None or (once and d.performed):
                continue
            after = copied(state)
            outcome = self.performed(after, effect, d.args, moment)
            if outcome == "":
                mine = after.pending[state.pending.index(d)]
                seen = self.told(after, effect, d.args)
                if seen not in mine.performed:
                    mine.performed.append(seen)
                self.fence(after, effect, d.owner, d.seq)
                yield self.checked("perform", after)
            elif outcome is not None:
                yield Taken("perform", state, frozenset({outcome}))
        for index, late in enumerate(state.late):
            effect = self.table.effect(late.effect)
            after = copied(state)
            outcome = self.performed(after, effect, late.args, moment)
            if outcome == "":
                if effect.delivery is not DeliveryKind.IDEMPOTENT:
                    del after.late[index]
                self.fence(after, effect, late.owner, late.seq)
                yield self.checked("perform", after)
            elif outcome is not None:
                yield Taken("perform", state, frozenset({outcome}))

    def performed(self, after: State, effect: Effect, args: dict[str, Any], moment: Any) -> str | None:
        """ "" if it happened, the violation if it would leave a range, None if the world rejects it."""
        assert effect.performs is not None
        address = Address(effect.performs.entity, effect.performs.entity)
        passed = {name: value_of(self.table, e, Scope(args=args)) for name, e in effect.performs.args}
        cell = after.cells[address]
        n = moment(cell.clock)
        if n is None:
            return None
        answer = self.step(after, cell, MACHINE, None, frozenset(), effect.performs.action, passed, n)
        if isinstance(answer, No):
            # Leaving a declared range is a violation there too, be it by what the effect passes on.
            return "range" if answer.because == "bad-args" else VIOLATING.get(answer.because)
        after.cells[address] = answer.cell
        return ""

    def told(self, after: State, effect: Effect, args: dict[str, Any]) -> dict[str, Any]:
        return {
            f"{outcome.name}.{name}": value_of(self.table, e, Scope(args=args, cells=after.cells))
            for outcome in effect.outcomes
            for name, e in outcome.told
        }

    def fence(self, after: State, effect: Effect, owner: Address, seq: int) -> None:
        """Performing seq k removes all late ones of the lane with seq < k."""
        if effect.fenced:
            after.late = [x for x in after.late if (x.owner, x.effect) != (owner, effect.name) or x.seq >= seq]

    # 5. Fire.

    def firings(self, state: State, moment: Any) -> Iterator[Taken]:
        """Timer k of cell i, no other armed timer of i having a smaller (due, position); n ≥ max(clock, due)."""
        for address, cell in state.cells.items():
            entity = self.table.entity(address.entity)
            order = [timer.name for timer in entity.timers]
            if not cell.timers:
                continue
            due, position = min((due, order.index(name)) for name, due in cell.timers.items())
            n = moment(cell.clock, due)
            if n is None:
                continue
            timer = entity.timers[position]
            after = copied(state)
            # Disarm, apply its target with cause = machine.
            del after.cells[address].timers[timer.name]
            taken = self.aimed("fire", state, after, address, timer.target, {}, n, None)
            taken.where = address
            yield taken

    # What several rules share.

    def firsts(self, state: State) -> list[Pending]:
        """Effects form lanes: the pending effects of one (owner, effect), ordered by seq."""
        lanes: dict[Any, list[Pending]] = {}
        for d in state.pending:
            if d.kind == "effect":
                lanes.setdefault((d.owner, d.target), []).append(d)
        return [min(lane, key=lambda d: (d.seq, d.site.position)) for lane in lanes.values()]

    def aimed(
        self,
        rule: str,
        before: State,
        after: State,
        owner: Address,
        target: Target,
        pool: dict[str, Any],
        n: int,
        again: Any,
    ) -> Taken:
        """Applying a target to a cell: the first action in it that the cell accepts steps."""
        shown: set[str] = set()
        cell = after.cells[owner]
        for name in target:
            if name == AGAIN:
                # in the place of the old one: its seq says where that is
                after.pending.append(again)
                return self.checked(rule, after, frozenset(shown))
            if name == IGNORE:
                return self.checked(rule, after, frozenset(shown))
            row = self.table.entity(owner.entity).action(name)
            args = {p.name: pool[p.name] for p in row.params}
            try:
                answer = self.step(before, cell, MACHINE, None, frozenset(), name, args, n)
            except OutOfIdsError:
                return Taken(rule, after, cut="spawn")
            if isinstance(answer, Done):
                return self.applied(rule, after, answer, frozenset(shown))
            if answer.because in VIOLATING:
                shown.add(VIOLATING[answer.because])
        # If none accepts, it is unhandled: control and data do not change, the delivery is consumed or the timer disarmed.
        return self.checked(rule, after, frozenset(shown | {"unhandled"}))

    def step(
        self,
        state: State,
        cell: OracleCell,
        cause: str,
        caller: str | None,
        roles: frozenset[str],
        action: str,
        args: Any,
        n: int,
    ) -> Done | No:
        taken: set[Address] = set()

        def fresh(entity: str) -> str:
            for ident in self.universe.ids_of(entity):
                address = Address(entity, ident)
                if address not in taken and self.unused(state, address) and address != cell.address:
                    taken.add(address)
                    return ident
            return NOBODY

        answer = oracle_step(
            self.table,
            copied_cell(cell),
            cause=cause,
            caller=caller,
            roles=roles,
            action=action,
            args=args,
            now=n,
            fresh=fresh,
        )
        # A call that is rejected whatever the ids is rejected, and not cut.
        if isinstance(answer, Done) and any(d.kind == "spawn" and d.target.id == NOBODY for d in answer.deliveries):
            raise OutOfIdsError
        return answer

    def unused(self, state: State, address: Address) -> bool:
        """An id is never used again (one with a pending spawn is taken, too)."""
        pending = any(d.kind == "spawn" and d.target == address for d in state.pending)
        return address not in state.cells and address not in state.burnt and not pending

    def applied(self, rule: str, after: State, done: Done, shown: frozenset[str] = frozenset()) -> Taken:
        """Write the cell, P ∪ D, as far as the universe reaches."""
        if self.beyond(done):
            return Taken(rule, after, shown, cut="int")
        after.cells[done.cell.address] = done.cell
        for d in done.deliveries:
            if d.kind == "effect":
                template = self.templates[d.site]
                assert isinstance(template, Request)
                if template.replaces:
                    # withdraws earlier pending effects of the lane in the same step: no outcome, into L as above
                    earlier = [
                        o for o in after.pending if o.kind == "effect" and (o.owner, o.target) == (d.owner, d.target)
                    ]
                    for old in earlier:
                        after.pending.remove(old)
                        self.joins_late(after, old, None)
            # In flight, a message and its refusal share one place; a new delivery that finds its place taken is cut.
            place = (d.owner, d.site, None if d.kind == "effect" else d.target)
            same = [o for o in after.pending if (o.owner, o.site, None if o.kind == "effect" else o.target) == place]
            if len(same) >= self.universe.in_flight:
                return Taken(rule, after, shown, cut="in-flight")
            after.pending.append(d)
        return self.checked(rule, after, shown)

    def joins_late(self, after: State, d: Pending, outcome: str | None) -> None:
        """The table of section 3: a settled or replaced request joins L."""
        effect = self.table.effect(d.target)
        if effect.performs is None or not self.universe.world:
            return
        match effect.delivery:
            case DeliveryKind.AT_MOST_ONCE:  # if settled `unknown` or replaced, and not yet performed
                joins = (outcome is None or outcome == UNKNOWN) and not d.performed
            case DeliveryKind.KEYED:  # if not yet performed, and o not in `not`
                joins = not d.performed and outcome not in effect.performs.never
            case DeliveryKind.IDEMPOTENT:  # always, and it stays
                joins = True
        if joins:
            after.late.append(LateRequest(d.owner, d.target, d.args, d.seq))

    def checked(self, rule: str, after: State, shown: frozenset[str] = frozenset()) -> Taken:
        """The state, with equal late neighbours merged, unless a lane of them is longer than the universe allows."""
        after.late = self.merged(after.late)
        lanes = [(x.owner, x.effect) for x in after.late]
        if any(lanes.count(lane) > self.universe.late for lane in lanes):
            return Taken(rule, after, shown, cut="late")
        return Taken(rule, after, shown)

    def merged(self, late: list[LateRequest]) -> list[LateRequest]:
        """L is a multiset per lane, in seq order if `fenced`; equal neighbours are one only if `idempotent`."""
        kept: list[LateRequest] = []
        for lane in {(x.owner, x.effect): None for x in late}:
            effect = self.table.effect(lane[1])
            mine = [x for x in late if (x.owner, x.effect) == lane]
            if effect.delivery is not DeliveryKind.IDEMPOTENT:
                kept += mine
                continue
            groups: dict[int, list[LateRequest]] = {}
            for x in sorted(mine, key=lambda x: x.seq):
                group = groups.setdefault(x.seq if effect.fenced else 0, [])
                if not any(x.args == y.args for y in group):
                    group.append(x)
            # Of one seq there is no order, so a request has a neighbour of another seq only where it is alone.
            ordered = [groups[seq] for seq in sorted(groups)]
            for this, following in zip(ordered, [*ordered[1:], []], strict=True):
                if not (len(this) == 1 and any(this[0].args == y.args for y in following)):
                    kept += this
        return kept

    def beyond(self, done: Done) -> bool:
        """Whether an `int` without a range has left the universe."""
        entity = self.table.entity(done.cell.address.entity)
        lo, hi = self.universe.unbounded
        if any(_beyond(f.type, done.cell.data[f.name], lo, hi) for f in entity.fields):
            return True
        for d in done.deliveries:
            effect = d.kind == "effect"
            params = (
                self.table.effect(d.target).params
                if effect
                else self.table.entity(d.target.entity).action(d.action).params
            )
            if any(_beyond(p.type, d.args[p.name], lo, hi) for p in params if p.name in d.args):
                return True
        return False


VIOLATING = {"out-of-range": "range", "same-key-twice": "same-key"}


def _beyond(type_: Type, value: Any, lo: int, hi: int) -> bool:
    match type_:
        case IntType():
            return type_ == INT and not lo <= value <= hi
        case OptionType(of):
            return value is not None and _beyond(of, value, lo, hi)
        case SetType(of):
            return any(_beyond(of, x, lo, hi) for x in value)
        case MapType(key, item):
            return any(_beyond(key, k, lo, hi) or _beyond(item, v, lo, hi) for k, v in value.items())
        case _:
            return False


assert INT_MIN < 0 < INT_MAX
assert FrozenMap() == {}
