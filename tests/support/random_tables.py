"""Small well-formed tables drawn at random, which between them use every construct that steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

from temper.machine import (
    AGAIN,
    BOOL,
    DURATION,
    IGNORE,
    INT,
    NEW,
    PRINCIPAL,
    STR,
    TIME,
    UNKNOWN,
    Action,
    Case,
    DeliveryKind,
    Effect,
    Entity,
    EnumType,
    Expression,
    Field,
    Gate,
    IntType,
    MapType,
    Op,
    OptionType,
    Outcome,
    Parameter,
    Performs,
    Property,
    PropertyKind,
    RefType,
    Request,
    Retry,
    Scope,
    Send,
    SetType,
    Spawn,
    Target,
    Timer,
    TransitionTable,
    Type,
    Update,
    initial,
    parts,
)

T = TypeVar("T")
Draw = Callable[..., Any]

SMALL = IntType(0, 2)
COLOUR = EnumType("Colour", ("red", "green"))
WHO, TEXTS, COUNTS = OptionType(PRINCIPAL), SetType(PRINCIPAL, 2), MapType(COLOUR, SMALL)
PLANT, SEED = RefType("Plant"), RefType("Seed")
FIELDS: dict[str, Type] = {
    "flag": BOOL,
    "small": SMALL,
    "total": INT,
    "colour": COLOUR,
    "who": WHO,
    "text": STR,
    "people": TEXTS,
    "counts": COUNTS,
    "when": OptionType(TIME),
    "wait": DURATION,
}
"""What a field or parameter of that name holds, so that arguments can be filled by name."""
PARAMS = ("flag", "small", "colour", "text")
STATES = ("open", "busy", "shut")


@dataclass
class Reader:
    """What an expression may read where it stands."""

    fields: dict[str, Type]
    params: dict[str, Type]
    states: EnumType
    caller: bool = False


def lit(type_: Type, value: Any) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


@cache
def _below(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most - 1)


class Gardener:
    """Draws one table. Each method draws one kind of thing."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.world = self.chance(2)
        self.single = self.chance(2)
        self.seeds = self.chance(2)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.draw(_below(len(choices)))]

    def chance(self, one_in: int) -> bool:
        return int(self.draw(_below(one_in))) == 0

    def some(self, choices: Sequence[T], most: int) -> list[T]:
        """Up to so many different ones."""
        left = list(choices)
        wanted = self.draw(_below(1 + min(most, len(left))))
        return [left.pop(self.draw(_below(len(left)))) for _ in range(wanted)]

    # Expressions.

    def value(self, type_: Type, reader: Reader, depth: int = 2) -> Expression:
        leaves = self.leaves(type_, reader)
        if depth == 0 or self.chance(2):
            return self.pick(leaves)
        inner = depth - 1
        match type_:
            case _ if type_ == BOOL:
                return self.truth(reader, inner)
            case IntType():
                a, b = self.value(SMALL, reader, inner), self.value(SMALL, reader, inner)
                operator = self.pick([Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MOD, Op.MIN, Op.MAX])
                return Expression(operator, INT, (a, b))
            case SetType():
                a, b = self.value(type_, reader, inner), self.value(type_, reader, inner)
                return Expression(self.pick([Op.UNION, Op.INTERSECT, Op.DIFFERENCE]), type_, (a, b))
            case _:
                condition = self.truth(reader, inner)
                return Expression(Op.IF, type_, (condition, self.pick(leaves), self.pick(leaves)))

    def leaves(self, type_: Type, reader: Reader) -> list[Expression]:
        found = [Expression(Op.FIELD, of, name=name) for name, of in reader.fields.items() if of == type_]
        found += [Expression(Op.ARGUMENT, of, name=name) for name, of in reader.params.items() if of == type_]
        if type_ == INT:
            found += self.leaves(SMALL, reader)
        if type_ == WHO and reader.caller:
            found.append(Expression(Op.SOME, WHO, (Expression(Op.CALLER, PRINCIPAL),)))
        if type_ == TEXTS:
            found.append(lit(TEXTS, frozenset()))
            if reader.caller:
                found.append(Expression(Op.SET, TEXTS, (Expression(Op.CALLER, PRINCIPAL),)))
        if type_ == SMALL and "counts" in reader.fields:
            counts = Expression(Op.FIELD, COUNTS, name="counts")
            found.append(Expression(Op.GET, SMALL, (counts, lit(COLOUR, self.pick(COLOUR.members)))))
        if type_ == SMALL and "people" in reader.fields:
            found.append(Expression(Op.LEN, INT, (Expression(Op.FIELD, TEXTS, name="people"),)))
        constants: dict[Type, tuple[Any, ...]] = {
            BOOL: (True, False),
            SMALL: (0, 1, 2),
            INT: (1, 3),
            COLOUR: COLOUR.members,
            WHO: (None,),
            STR: ("", "a"),
            DURATION: (1000, 2000),
            OptionType(TIME): (None,),
            COUNTS: (initial(COUNTS),),
        }
        found += [lit(type_, constant) for constant in constants.get(type_, ())]
        return found

    def truth(self, reader: Reader, depth: int) -> Expression:
        inner = max(0, depth - 1)
        kind = self.pick(["compare", "state", "both", "not", "in", "any", "leaf"])
        if kind == "compare":
            a, b = self.value(SMALL, reader, inner), self.value(SMALL, reader, inner)
            return Expression(self.pick([Op.EQ, Op.LT, Op.LE]), BOOL, (a, b))
        if kind == "state":
            state = Expression(Op.STATE, reader.states)
            return Expression(Op.EQ, BOOL, (state, lit(reader.states, self.pick(reader.states.members))))
        if kind == "both" and depth:
            operands = (self.truth(reader, inner), self.truth(reader, inner))
            return Expression(self.pick([Op.AND, Op.OR]), BOOL, operands)
        if kind == "not" and depth:
            return Expression(Op.NOT, BOOL, (self.truth(reader, inner),))
        if kind == "in" and "people" in reader.fields and reader.caller:
            people = Expression(Op.FIELD, TEXTS, name="people")
            return Expression(Op.IN, BOOL, (Expression(Op.CALLER, PRINCIPAL), people))
        if kind == "any" and "counts" in reader.fields:
            counts = Expression(Op.FIELD, COUNTS, name="counts")
            read = Expression(Op.GET, SMALL, (counts, Expression(Op.VARIABLE, COLOUR, name="c")))
            body = Expression(Op.LT, BOOL, (lit(SMALL, 0), read))
            every = Expression(Op.VALUES, SetType(COLOUR))
            return Expression(self.pick([Op.ANY, Op.ALL]), BOOL, (every, lit(BOOL, True), body), name="c")
        return self.pick(self.leaves(BOOL, reader))

    # Tables.

    def table(self) -> TransitionTable:
        plant_fields = self.fields(["seed", "peer"] if self.seeds else ["peer"])
        names = ["Plant"] + ["Seed"] * self.seeds + ["Shed"] * self.single
        fields = {"Plant": plant_fields, "Seed": self.fields(["plant"]), "Shed": self.fields([])}
        sketches = {
            name: [self.sketch(name, index, fields[name]) for index in range(self.pick([2, 3, 4]))] for name in names
        }
        makers = {name: self.maker(name, fields[name]) for name in names if name != "Shed"}
        effects = tuple(self.effect(name) for name in ("mow", "ask")[: self.pick([1, 1, 2])])
        rooms = tuple(self.entity(name, fields[name], makers.get(name), sketches, makers, effects) for name in names)
        world = (self.garden(),) if self.world else ()
        read = Expression(Op.READ, SMALL, (lit(RefType("Garden"), "Garden"),), name="small")
        looks = Property("looks", PropertyKind.ALWAYS, (), None, Expression(Op.LE, BOOL, (read, lit(SMALL, 2))))
        return TransitionTable(
            blueprint="random",
            roles=("keeper", "guest"),
            types=(("Colour", COLOUR),),
            constants=(),
            effects=effects,
            entities=(*rooms, *world),
            properties=(looks,) if self.world and self.chance(2) else (),
            scope=self.scope(names),
        )

    def scope(self, names: list[str]) -> Scope:
        counts = {"Plant": self.pick([1, 1, 2]), "Seed": self.pick([1, 2])}
        return Scope(
            instances=tuple((name, count) for name, count in counts.items() if name in names),
            principals=(("ann", ("keeper",)), ("bob", ("guest",))),
            values=(("str", ("a", "b")),),
            unbounded=(-1, 3),
            in_flight=self.pick([1, 1, 2]),
            late=self.pick([1, 2]),
        )

    def fields(self, references: list[str]) -> dict[str, Type]:
        plain = self.some(list(FIELDS), 4)
        types: dict[str, Type] = {"seed": OptionType(SEED), "peer": OptionType(PLANT), "plant": OptionType(PLANT)}
        return {name: FIELDS[name] for name in plain} | {name: types[name] for name in references}

    def maker(self, entity: str, fields: dict[str, Type]) -> Action:
        """The constructor. Seeds are made by plants, plants by people; either may refuse."""
        params: dict[str, Type] = {"plant": OptionType(PLANT)} if entity == "Seed" else {"small": SMALL}
        reader = Reader({}, params, self.states(entity), caller=False)
        updates = [
            Update(name, None, Expression(Op.ARGUMENT, params[name], name=name))
            for name in params
            if fields.get(name) == params[name]
        ]
        guard = self.truth(reader, 1) if self.chance(3) else None
        gate = self.pick([Gate.MACHINE, Gate.ROLES]) if entity == "Seed" else Gate.ROLES
        roles = ("keeper",) if gate is Gate.ROLES else ()
        case = Case(None, (), self.pick(STATES[:2]))
        return Action("make", gate, roles, _params(params), (NEW,), guard, tuple(updates), (case,))

    def states(self, entity: str) -> EnumType:
        return EnumType(f"{entity}.state", STATES)

    def sketch(self, entity: str, index: int, fields: dict[str, Type]) -> Action:
        """An action without its deliveries."""
        by_people = self.chance(2)
        params = {name: FIELDS[name] for name in self.some(PARAMS, 1)}
        reader = Reader(fields, params, self.states(entity), caller=by_people)
        guard = self.truth(reader, 2) if self.chance(2) else None
        cases = tuple(
            Case(guarded, self.updates(reader), self.pick([None, *STATES]))
            for guarded in (
                *([self.truth(reader, 1)] if self.chance(2) else []),
                None if self.chance(3) else self.truth(reader, 1),
            )
        )
        sources = tuple(state for state in STATES[:2] if not self.chance(4)) or STATES[:1]
        gate = Gate.ROLES if by_people else Gate.MACHINE
        roles = (self.pick(["keeper", "guest"]),) if by_people else ()
        return Action(f"act{index}", gate, roles, _params(params), sources, guard, self.updates(reader), cases)

    def updates(self, reader: Reader) -> tuple[Update, ...]:
        chosen = self.some([name for name in reader.fields if name in FIELDS], 2)
        found = []
        for name in chosen:
            if name == "counts" and self.chance(1):
                keys = [self.value(COLOUR, reader, 1) for _ in range(self.pick([1, 2]))]
                found += [Update(name, key, self.value(SMALL, reader, 1)) for key in keys]
            elif name == "when":
                now = Expression(Op.SOME, OptionType(TIME), (Expression(Op.NOW, TIME),))
                found.append(Update(name, None, now))
            else:
                found.append(Update(name, None, self.value(FIELDS[name], reader)))
        return tuple(found)

    def entity(
        self,
        name: str,
        fields: dict[str, Type],
        maker: Action | None,
        sketches: dict[str, list[Action]],
        makers: dict[str, Action],
        effects: tuple[Effect, ...],
    ) -> Entity:
        mine = sketches[name]
        timers = tuple(
            Timer(
                timer,
                tuple(self.some(STATES[:2], 2)) or STATES[:1],
                self.value(DURATION, Reader(fields, {}, self.states(name)), 1),
                self.target(mine, {}),
            )
            for timer in ("early", "late")[: self.pick([0, 1, 2, 2])]
        )
        actions = [self.finished(name, fields, action, sketches, makers, effects, timers) for action in mine]
        actions = [*([self.finished(name, fields, maker, sketches, makers, effects, ())] if maker else []), *actions]
        declared = tuple(
            Field(field, type_, 1000 if type_ == DURATION else initial(type_)) for field, type_ in fields.items()
        )
        return Entity(name, name == "Shed", False, declared, STATES, ("shut",), STATES[:2], tuple(actions), timers)

    def finished(
        self,
        name: str,
        fields: dict[str, Type],
        action: Action,
        sketches: dict[str, list[Action]],
        makers: dict[str, Action],
        effects: tuple[Effect, ...],
        timers: tuple[Timer, ...],
    ) -> Action:
        params = {param.name: param.type for param in action.params}
        reader = Reader(fields, params, self.states(name))
        cases = tuple(
            Case(
                case.guard,
                case.updates,
                case.target,
                tuple(
                    template
                    for _ in range(self.pick([0, 1, 1, 2]))
                    for template in self.template(name, reader, sketches, makers, effects)
                ),
                tuple(self.some([timer.name for timer in timers], 1)),
            )
            for case in action.cases
        )
        return Action(
            action.name, action.gate, action.roles, action.params, action.sources, action.guard, action.updates, cases
        )

    def template(
        self,
        name: str,
        reader: Reader,
        sketches: dict[str, list[Action]],
        makers: dict[str, Action],
        effects: tuple[Effect, ...],
    ) -> list[Any]:
        kind = self.pick(["effect", "effect", "send", "send", "spawn"])
        mine = sketches[name]
        if kind == "effect" and effects:
            return [self.request(reader, mine, self.pick(effects))]
        if kind == "spawn" and name == "Plant" and "Seed" in makers:
            itself = Expression(Op.SOME, OptionType(PLANT), (Expression(Op.SELF, PLANT),))
            into = self.pick(["seed", ""])
            refused = self.target(mine, {"reason": STR, "plant": OptionType(PLANT)}) or (IGNORE,)
            return [Spawn("Seed", "make", (("plant", itself),), into, refused)]
        if kind == "send":
            return self.send(name, reader, sketches)
        return []

    def send(self, name: str, reader: Reader, sketches: dict[str, list[Action]]) -> list[Send]:
        ways: dict[str, Expression] = {}
        ways["self"] = Expression(Op.SELF, RefType(name))
        for field, entity in (("seed", "Seed"), ("peer", "Plant"), ("plant", "Plant")):
            if field in reader.fields and entity in sketches:
                ways[field] = Expression(Op.FIELD, OptionType(RefType(entity)), name=field)
        if "Shed" in sketches:
            ways["shed"] = Expression(Op.SET, SetType(RefType("Shed")), (lit(RefType("Shed"), "Shed"),))
        to = ways[self.pick(sorted(ways))]
        entity = _referred(to.type)
        callable_ = [action for action in sketches[entity] if by_machine(action)]
        if not callable_:
            return []
        action = self.pick(callable_)
        args = tuple((param.name, self.value(param.type, reader, 1)) for param in action.params)
        pool = {param.name: param.type for param in action.params} | {"reason": STR}
        refused = self.target(sketches[name], pool, again=True)
        return [Send(to, entity, action.name, args, refused)]

    def request(self, reader: Reader, mine: list[Action], effect: Effect) -> Request:
        args = tuple((param.name, self.value(param.type, reader, 1)) for param in effect.params)
        passed = {param.name: param.type for param in effect.params}
        then = [
            (outcome.name, self.target(mine, passed | {field.name: field.type for field in outcome.fields}, again=True))
            for outcome in (*effect.outcomes, Outcome(UNKNOWN, ()))
        ]
        return Request(effect.name, args, self.chance(3), tuple(then))

    def target(self, mine: list[Action], pool: dict[str, Type], *, again: bool = False) -> Target:
        """Actions whose parameters the pool fills; often ended by something that always fits."""
        fitting = [a.name for a in mine if by_machine(a) and all(pool.get(p.name) == p.type for p in a.params)]
        chosen = self.some(fitting, 2)
        last = self.pick([[IGNORE], [AGAIN] if again else [IGNORE], []]) if chosen else [IGNORE]
        return (*chosen, *last)

    def effect(self, name: str) -> Effect:
        params = {param: FIELDS[param] for param in self.some(PARAMS[:3], 1)}
        kind = self.pick(list(DeliveryKind))
        performs = self.world and not self.chance(4)
        told = (("small", Expression(Op.READ, SMALL, (lit(RefType("Garden"), "Garden"),), name="small")),)
        tells = performs and self.chance(3)
        outcomes = (
            Outcome("done", _params({"small": SMALL}) if self.chance(2) or tells else (), told if tells else ()),
            Outcome("failed", _params({"text": STR}) if self.chance(2) else ()),
        )
        surely = ("done",) if self.chance(2) else ()
        never = ("failed",) if self.chance(2) and kind is not DeliveryKind.IDEMPOTENT else ()
        passed = Expression(Op.ARGUMENT, SMALL, name="small") if "small" in params else lit(SMALL, 1)
        more = Expression(Op.ADD, INT, (passed, lit(SMALL, 1)))
        given = (("small", more if self.chance(4) else passed),)
        made = Performs("Garden", self.pick(["put", "grow"]), given, surely, never) if performs else None
        return Effect(name, _params(params), outcomes, kind, self.chance(2), made, 1000, Retry())

    def garden(self) -> Entity:
        small = Expression(Op.ARGUMENT, SMALL, name="small")
        more = Expression(Op.ADD, INT, (Expression(Op.FIELD, SMALL, name="small"), small))
        put = Action(
            "put",
            Gate.MACHINE,
            (),
            _params({"small": SMALL}),
            ("open",),
            None,
            (Update("small", None, small),),
            (Case(None, (), None),),
        )
        grow = Action(
            "grow",
            Gate.MACHINE,
            (),
            _params({"small": SMALL}),
            ("open", "busy"),
            None,
            (Update("small", None, more),),
            (Case(None, (), None),),
        )
        turn = Action(
            "turn",
            Gate.ENVIRONMENT,
            (),
            (),
            ("open", "busy"),
            None,
            (),
            (
                Case(self.truth(Reader({"small": SMALL}, {}, self.states("Garden")), 1), (), "open"),
                Case(None, (), "busy"),
            ),
        )
        return Entity(
            "Garden",
            True,
            True,
            (Field("small", SMALL, 0),),
            ("open", "busy"),
            (),
            ("open", "busy"),
            (put, grow, turn),
            (),
        )


def _params(types: dict[str, Type]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, type_) for name, type_ in types.items())


def by_machine(action: Action) -> bool:
    wholes = [action.guard, *(u.value for u in action.updates), *(u.key for u in action.updates)]
    for case in action.cases:
        wholes += [case.guard, *(u.value for u in case.updates), *(u.key for u in case.updates)]
    return not any(part.op is Op.CALLER for whole in wholes if whole is not None for part in parts(whole))


def _referred(type_: Type) -> str:
    match type_:
        case RefType(entity):
            return entity
        case OptionType(of) | SetType(of):
            return _referred(of)
        case _:
            raise AssertionError(f"{type_} refers to nothing")


@st.composite
def random_tables(draw: Draw) -> TransitionTable:
    """A small well-formed table; draw systems of it by walking."""
    return Gardener(draw).table()
