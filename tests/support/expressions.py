"""Random well-typed expressions over a fixed entity, of every operator; and random values for what they read."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from support.tables import HEALTH, action, data, entity, lit, op, params, table
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    INT_MAX,
    INT_MIN,
    PRINCIPAL,
    STR,
    Address,
    BoolType,
    Cell,
    DurationType,
    EnumType,
    Environment,
    Expression,
    FrozenMap,
    IntType,
    MapType,
    Op,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    Type,
    finite_values,
    initial,
)

SMALL = IntType(-3, 3)
NODE = RefType("Node")
NODE_STATE = EnumType("Node.state", ("idle", "busy"))
PEOPLE, SMALLS, NODES = SetType(PRINCIPAL, 4), SetType(SMALL, 5), SetType(NODE)
VOTES, MARKS, SCORES = MapType(HEALTH, IntType(0, 5)), MapType(IntType(0, 2), BOOL), MapType(PRINCIPAL, IntType(0, 5))
MAYBE_WHO, MAYBE_INT, MAYBE_NODE = OptionType(PRINCIPAL), OptionType(INT), OptionType(NODE)

FIELDS: dict[str, Type] = {
    "flag": BOOL,
    "n": INT,
    "small": SMALL,
    "health": HEALTH,
    "word": STR,
    "who": MAYBE_WHO,
    "maybe": MAYBE_INT,
    "people": PEOPLE,
    "smalls": SMALLS,
    "votes": VOTES,
    "marks": MARKS,
    "scores": SCORES,
    "wait": DURATION,
    "peer": MAYBE_NODE,
    "peers": NODES,
}
ARGS: dict[str, Type] = {"x": INT, "y": SMALL, "name": PRINCIPAL, "good": BOOL, "long": DURATION}
INTS = (INT, SMALL, IntType(0, 5), IntType(0, 2))
EXAMPLE = table(
    entity(
        "Node",
        action("go", sources=("idle",), takes=params(**ARGS), to="busy"),
        fields=tuple(data(name, type_, 0 if type_ == DURATION else initial(type_)) for name, type_ in FIELDS.items()),
        states=NODE_STATE.members,
    )
)
NAMES = ("ann", "bob", "cid")
IDS = ("n1", "n2", "n3")
EDGES = (0, 1, -1, 2, -7, INT_MAX, INT_MIN, INT_MAX - 1, 600_000)


def values(type_: Type) -> st.SearchStrategy[Any]:
    """Values of the type, edges included."""
    match type_:
        case BoolType():
            return st.booleans()
        case IntType() if type_ == INT:
            return st.sampled_from(EDGES) | st.integers(INT_MIN, INT_MAX)
        case IntType(lo, hi):
            return st.integers(lo, hi)
        case DurationType():
            return st.sampled_from(EDGES) | st.integers(-10_000, 10_000)
        case EnumType(_, members):
            return st.sampled_from(members)
        case StrType():
            return st.sampled_from(("", "a", 'it\'s "quoted"', "Zoë\n"))
        case PrincipalType():
            return st.sampled_from(NAMES)
        case RefType():
            return st.sampled_from(IDS)
        case OptionType(of):
            return st.none() | values(of)
        case SetType(of, size_max):
            return st.frozensets(values(of), max_size=min(size_max, 3))
        case MapType(key, of):
            start = initial(of)
            pairs = st.dictionaries(values(key), values(of), max_size=3)
            return pairs.map(lambda found: FrozenMap({k: v for k, v in found.items() if v != start}))
    raise AssertionError(type_)


@st.composite
def cells(draw: Any, ident: str) -> Cell:
    drawn = tuple(draw(values(type_)) for type_ in FIELDS.values())
    return Cell("Node", ident, draw(st.sampled_from(NODE_STATE.members)), drawn)


@st.composite
def views(draw: Any) -> dict[Address, Cell]:
    ids = draw(st.frozensets(st.sampled_from(IDS), max_size=2))
    return {Address("Node", ident): draw(cells(ident)) for ident in sorted(ids)}


@st.composite
def environments(draw: Any) -> Environment:
    """Everything that an expression over `EXAMPLE` may read."""
    return Environment(
        fields={name: draw(values(type_)) for name, type_ in FIELDS.items()},
        args={name: draw(values(type_)) for name, type_ in ARGS.items()},
        state=draw(st.sampled_from(NODE_STATE.members)),
        self=draw(st.sampled_from(IDS)),
        caller=draw(st.sampled_from(NAMES)),
        now=draw(st.integers(0, 10**12)),
        view=draw(views()),
        before=draw(views()),
        variables={"a": draw(st.sampled_from(IDS))},
    )


Bound = tuple[tuple[str, Type], ...]


def expressions(type_: Type, *, depth: int = 4, properties: bool = False) -> st.SearchStrategy[Expression]:
    """Expressions of the type; with `properties`, also ones that follow references and go through instances."""
    bound: Bound = (("a", NODE),) if properties else ()
    return _expression(type_, depth, bound, properties)


@st.composite
def _expression(draw: Any, type_: Type, depth: int, bound: Bound, properties: bool) -> Expression:
    makers = _leaves(type_, bound, properties)
    if depth > 0:
        makers = makers[:2] + _branches(type_, properties)
    make = draw(st.sampled_from(makers))
    return make(_Drawing(draw, depth - 1, bound, properties))


class _Drawing:
    """Draws operands one level deeper."""

    def __init__(self, draw: Any, depth: int, bound: Bound, properties: bool) -> None:
        self.draw, self.depth, self.bound, self.properties = draw, depth, bound, properties

    def __call__(self, type_: Type, *more: tuple[str, Type]) -> Expression:
        return self.draw(_expression(type_, max(self.depth, 0), (*self.bound, *more), self.properties))

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def value(self, type_: Type) -> Any:
        return self.draw(values(type_))


def _same(wanted: Type, have: Type) -> bool:
    return wanted == have or (isinstance(wanted, IntType) and isinstance(have, IntType))


def _leaves(type_: Type, bound: Bound, properties: bool) -> list[Any]:
    found: list[Any] = []
    if not isinstance(type_, MapType):
        found.append(lambda d: lit(type_, d.value(type_)))
    read = [Expression(Op.FIELD, have, name=name) for name, have in FIELDS.items() if _same(type_, have)]
    read += [Expression(Op.ARGUMENT, have, name=name) for name, have in ARGS.items() if _same(type_, have)]
    read += [Expression(Op.VARIABLE, have, name=name) for name, have in dict(bound).items() if _same(type_, have)]
    read += {PRINCIPAL: [Expression(Op.CALLER, PRINCIPAL)], NODE: [Expression(Op.SELF, NODE)]}.get(type_, [])
    read += [Expression(Op.STATE, NODE_STATE)] if type_ == NODE_STATE else []
    if properties:
        read = [node for node in read if node.op in (Op.ARGUMENT, Op.VARIABLE)] or read
    found += [lambda _, node=node: node for node in read]
    return found


def _branches(type_: Type, properties: bool) -> list[Any]:
    found: list[Any] = [
        lambda d: op(Op.IF, type_, d(BOOL), d(type_), d(type_)),
        lambda d: _unwrapped(d, type_),
    ]
    if properties:
        found += [
            lambda d, name=name, have=have: Expression(
                Op.READ, have, (d(NODE),), name=name, moment=d.one("now", "before")
            )
            for name, have in (*FIELDS.items(), ("state", NODE_STATE))
            if _same(type_, have)
        ]
    match type_:
        case BoolType():
            found += _BOOLEAN
        case IntType():
            found += _NUMBER
        case DurationType():
            found += _DURATION
        case OptionType(of):
            found += [lambda d: op(Op.SOME, type_, d(of))]
        case SetType(of):
            found += _sets(type_)
            if properties and of == NODE:
                found += [lambda _: Expression(Op.INSTANCES, type_, name="Node")]
    return found


def _unwrapped(d: _Drawing, type_: Type) -> Expression:
    """`… THE(x) … if x != None else …`: the only way to read what may be missing."""
    maybe = d.one(MAYBE_WHO, MAYBE_INT)
    x = d(maybe)
    known = op(Op.NOT, BOOL, op(Op.EQ, BOOL, x, lit(maybe, None)))
    the = op(Op.THE, maybe.of, x)
    if maybe == MAYBE_WHO:
        inside = op(Op.IF, type_, op(Op.IN, BOOL, the, d(PEOPLE)), d(type_), d(type_))
    else:
        inside = op(Op.IF, type_, op(Op.LT, BOOL, the, d(INT)), d(type_), d(type_))
    return op(Op.IF, type_, known, inside, d(type_))


def _compared(operator: Op) -> Any:
    def make(d: _Drawing) -> Expression:
        type_ = d.one(INT, SMALL, DURATION)
        return op(operator, BOOL, d(type_), d(type_))

    return make


def _equal(d: _Drawing) -> Expression:
    type_ = d.one(
        BOOL,
        INT,
        HEALTH,
        STR,
        PRINCIPAL,
        MAYBE_WHO,
        MAYBE_INT,
        PEOPLE,
        SMALLS,
        VOTES,
        DURATION,
        NODE_STATE,
        NODE,
        MAYBE_NODE,
    )
    return op(Op.EQ, BOOL, d(type_), d(type_))


def _member(d: _Drawing) -> Expression:
    set_ = d.one(PEOPLE, SMALLS)
    return op(Op.IN, BOOL, d(set_.of), d(set_))


def _domain(d: _Drawing) -> tuple[Expression, Type]:
    """Something to go through, and the type of what it holds."""
    choices: list[Any] = [
        lambda: (d(PEOPLE), PRINCIPAL),
        lambda: (d(SMALLS), SMALL),
        lambda: (Expression(Op.VALUES, SetType(HEALTH)), HEALTH),
        lambda: (Expression(Op.VALUES, SetType(SMALL)), SMALL),
        lambda: (d(VOTES), HEALTH),
        lambda: (d(SCORES), PRINCIPAL),
    ]
    if d.properties:
        choices.append(lambda: (Expression(Op.INSTANCES, NODES, name="Node"), NODE))
    return d.one(*choices)()


def _binder(operator: Op, type_: Type, body: Type | None, *, default: bool = False) -> Any:
    def make(d: _Drawing) -> Expression:
        domain, held = _domain(d)
        name = d.one("v", "w")
        condition = lit(BOOL, True) if d.one(True, False) else d(BOOL, (name, held))
        operands = [domain, condition]
        if body is not None:
            operands.append(d(body, (name, held)))
        if default:
            operands.append(d(type_))
        return op(operator, type_, *operands, name=name)

    return make


def _several(operator: Op, type_: Type) -> Any:
    return lambda d: op(operator, type_, *(d(type_) for _ in range(d.one(2, 3))))


_BOOLEAN = [
    lambda d: op(Op.NOT, BOOL, d(BOOL)),
    _several(Op.AND, BOOL),
    _several(Op.OR, BOOL),
    _equal,
    _compared(Op.LT),
    _compared(Op.LE),
    _member,
    lambda d: op(Op.GET, BOOL, d(MARKS), d(IntType(0, 2))),
    _binder(Op.ALL, BOOL, BOOL),
    _binder(Op.ANY, BOOL, BOOL),
]
_NUMBER = [
    *(lambda d, o=o: op(o, INT, d(INT), d(INT)) for o in (Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MOD)),
    lambda d: op(Op.NEG, INT, d(INT)),
    lambda d: op(Op.ABS, INT, d(INT)),
    _several(Op.MIN, INT),
    _several(Op.MAX, INT),
    lambda d: op(Op.LEN, INT, d(d.one(PEOPLE, SMALLS))),
    lambda d: op(Op.GET, IntType(0, 5), d(VOTES), d(HEALTH)),
    lambda d: op(Op.GET, IntType(0, 5), d(SCORES), d(PRINCIPAL)),
    lambda d: op(Op.DIV, INT, d(DURATION), d(DURATION)),
    _binder(Op.COUNT, INT, None),
    _binder(Op.SUM, INT, INT),
    _binder(Op.LEAST, INT, INT, default=True),
    _binder(Op.GREATEST, INT, INT, default=True),
]
_DURATION = [
    lambda d: op(Op.ADD, DURATION, d(DURATION), d(DURATION)),
    lambda d: op(Op.MUL, DURATION, d(DURATION), d(INT)),
    lambda d: op(Op.NEG, DURATION, d(DURATION)),
    _several(Op.MAX, DURATION),
]


def _sets(type_: SetType) -> list[Any]:
    found: list[Any] = [
        lambda d, o=o: op(o, type_, d(type_), d(type_)) for o in (Op.UNION, Op.INTERSECT, Op.DIFFERENCE)
    ]
    found.append(lambda d: op(Op.SET, type_, *(d(type_.of) for _ in range(d.one(0, 1, 2)))))
    if finite_values(type_.of) is not None:
        found.append(lambda _: Expression(Op.VALUES, type_))
    return found


RESULTS = (
    BOOL,
    INT,
    SMALL,
    HEALTH,
    STR,
    NODE,
    NODE_STATE,
    PRINCIPAL,
    MAYBE_WHO,
    MAYBE_INT,
    PEOPLE,
    SMALLS,
    VOTES,
    DURATION,
)
"""Types of which there are expressions with every operator inside."""
