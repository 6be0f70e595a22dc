"""Random policies over a random schema, and random requests to them: drawn by seed, so that millions are quick to make.

About one expression in ten is of a kind that does not fit where it stands, as no policy that was validated has it:
what Cedar makes of those is part of its meaning, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from support.tables import action, entity, lit, params, sets, table
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    INT_MAX,
    INT_MIN,
    PRINCIPAL,
    STR,
    Action,
    Call,
    Cause,
    Cell,
    Entity,
    EnumType,
    Field,
    Gate,
    IntType,
    MapType,
    OptionType,
    Parameter,
    RefType,
    SetType,
    TransitionTable,
    Type,
    Value,
    initial,
)

SMALL = IntType(0, 3)
LEVEL = EnumType("Level", ("low", "high", "ann"))
ROLES = ("clerk", "guard", "chief")
PEOPLE = ("ann", "bob", "cid", "d1")
IDS = ("d1", "d2")
STATES = ("shut", "open", "gone")
TEXTS = ("", "a", "ann", "low", "open", "a*b", "x\n", "d1")
NUMBERS = (0, 1, 1, 2, 3, -1, INT_MAX, INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1)
TYPES: tuple[Type, ...] = (
    BOOL,
    INT,
    SMALL,
    LEVEL,
    STR,
    PRINCIPAL,
    RefType("Door"),
    DURATION,
    SetType(PRINCIPAL),
    SetType(LEVEL),
    SetType(SMALL),
    SetType(STR),
    SetType(INT),
    SetType(BOOL),
    OptionType(BOOL),
    OptionType(SMALL),
    OptionType(PRINCIPAL),
    OptionType(LEVEL),
    OptionType(SetType(PRINCIPAL)),
    MapType(LEVEL, BOOL),
)
FIELDS, PARAMS = ("count", "level", "note", "owner", "keys", "wait"), ("given", "why", "level", "who")


def drawn_table(random: Random, odd: float = 0.06, policies_max: int = 5) -> TransitionTable:
    """One entity with some data, four actions that people call, and one to five policies about them.

    So often as `odd` says, an expression is of a kind that does not fit.
    """
    fields = tuple(Field(name, type_, initial(type_)) for name, type_ in _typed(random, FIELDS))
    made = [field for field in fields if field.initial is None and not isinstance(field.type, OptionType)]
    first = sets(**{field.name: lit(field.type, drawn_value(random, field.type)) for field in made})
    updates = first if random.random() < 0.5 else ()
    actions = (
        action("make", by=("clerk",), takes=_taken(random), sources=("new",), updates=updates, to="shut"),
        action("knock", by=("clerk", "guard"), takes=_taken(random), sources=STATES),
        action("enter", gate=Gate.POLICY, takes=_taken(random), sources=STATES),
        action("leave", gate=Gate.POLICY, takes=_taken(random), sources=STATES[:1]),
    )
    whole = table(entity("Door", *actions, fields=fields, states=STATES), roles=ROLES)
    writer = _Writer(random, whole.entities[0], odd)
    policies = "\n".join(writer.policy() for _ in range(random.randint(1, policies_max)))
    return replace(whole, policies=(("drawn.cedar", policies),))


def drawn_call(random: Random, table: TransitionTable) -> tuple[Action, Cell, Call]:
    """A call by somebody to some door."""
    door = table.entities[0]
    asked = random.choice(door.actions)
    cell = drawn_cell(random, table, asked)
    args = {param.name: drawn_value(random, param.type) for param in asked.params}
    roles = frozenset(role for role in ROLES if random.random() < 0.5)
    return asked, cell, Call(Cause.PERSON, asked.name, args, 1, random.choice(PEOPLE), roles)


def drawn_cell(random: Random, table: TransitionTable, asked: Action) -> Cell:
    """An instance in which the action may be called. What does not exist yet has its first data."""
    door = table.entities[0]
    control = random.choice(asked.sources)
    if control == "new":
        return Cell("Door", random.choice(IDS), control, tuple(field.initial for field in door.fields))
    made = {update.name for each in door.actions if each.is_constructor for update in each.updates}
    data = tuple(
        drawn_value(random, field.type, unset=field.initial is None and field.name not in made) for field in door.fields
    )
    return Cell("Door", random.choice(IDS), control, data)


def drawn_value(random: Random, type_: Type, *, unset: bool = False) -> Value:
    """A value of the type, or None where it may never have been set."""
    if unset and random.random() < 0.2:
        return None
    match type_:
        case OptionType(of):
            return None if random.random() < 0.4 else drawn_value(random, of)
        case SetType(of):
            return frozenset(drawn_value(random, of) for _ in range(random.randint(0, 3)))
        case EnumType(_, members):
            return random.choice(members)
        case IntType(lo, hi):
            return random.choice([number for number in NUMBERS if lo <= number <= hi])
    if type_ == BOOL:
        return random.random() < 0.5
    if type_ == DURATION:
        return random.choice((0, 1, 3, 1_000))
    if type_ == STR:
        return random.choice(TEXTS)
    if isinstance(type_, RefType):
        return random.choice(IDS)
    return random.choice(PEOPLE) if type_ == PRINCIPAL else initial(type_)


def _typed(random: Random, names: tuple[str, ...]) -> Iterator[tuple[str, Type]]:
    for name in random.sample(names, random.randint(0, len(names))):
        yield name, random.choice(TYPES)


def _taken(random: Random) -> tuple[Parameter, ...]:
    listed = [(name, type_) for name, type_ in _typed(random, PARAMS) if not isinstance(type_, MapType)]
    return params(**dict(listed))


KINDS = ("bool", "long", "text", "texts", "longs", "entity", "entities", "record")


class _Writer:
    """Writes policies about one entity."""

    def __init__(self, random: Random, door: Entity, odd: float) -> None:
        self.random, self.odd = random, odd
        self.attributes: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.attributes["text"].append("resource.state")
        self.names = [*FIELDS, *PARAMS, "state", "none"]
        for field in door.fields:
            self._seen(f"resource.{field.name}", field.type)
        for each in door.actions:
            for param in each.params:
                self._seen(f"context.{param.name}", param.type)

    def policy(self) -> str:
        name = f'@id("{self.pick("abc")}")\n' if self.random.random() < 0.2 else ""
        word = self.pick(["permit", "permit", "forbid"])
        said = [
            f" {self.pick(['when', 'unless'])} {{ {self.write('bool', 3)} }}" for _ in range(self.pick([0, 1, 1, 2]))
        ]
        return f"{name}{word}({self._who()}, {self._what()}, {self._which()}){''.join(said)};"

    def write(self, kind: str, depth: int) -> str:
        """An expression, most often of the kind."""
        if self.random.random() < self.odd:
            kind = self.pick(KINDS)
        if depth == 0 or self.random.random() < 0.15:
            return self._leaf(kind)
        return str(self.pick(_FORMS[kind])(self, depth - 1))

    def pick(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def _seen(self, name: str, type_: Type) -> None:
        of = type_.of if isinstance(type_, OptionType) else type_
        if isinstance(of, MapType):
            return
        kind = "text"
        if isinstance(of, SetType):
            kind = "longs" if isinstance(of.of, IntType) else "texts"
        elif isinstance(of, IntType) or of == DURATION:
            kind = "long"
        elif of == BOOL:
            kind = "bool"
        self.attributes[kind] += [name, name]

    def _leaf(self, kind: str) -> str:
        own = self.attributes[kind]
        if own and self.random.random() < 0.6:
            return str(self.pick(own))
        match kind:
            case "bool":
                return str(
                    self.pick(["true", "false", f"({self.pick(['resource', 'context'])} has {self.pick(self.names)})"])
                )
            case "long":
                number = self.pick(NUMBERS)
                return f"({number})" if number < 0 else str(number)
            case "text":
                return _quoted(str(self.pick(TEXTS)))
            case "texts" | "longs" | "entities":
                one = {"texts": "text", "longs": "long", "entities": "entity"}[kind]
                return f"[{', '.join(self._leaf(one) for _ in range(self.random.randint(0, 2)))}]"
            case "entity":
                return str(self.pick(["principal", "action", "resource", self._uid(), self._uid()]))
            case _:
                return str(self.pick(["context", '{"given": 1}', '{"given": true, "why": "a"}']))

    def _uid(self) -> str:
        uids = [f'Principal::"{name}"' for name in PEOPLE] + [f'Role::"{name}"' for name in (*ROLES, *ROLES, "none")]
        uids += [f'Door::"{name}"' for name in IDS] + ['Action::"Door.enter"', 'Action::"Door.knock"']
        return str(self.pick(uids))

    def _who(self) -> str:
        role, name = f'Role::"{self.pick(ROLES)}"', f'Principal::"{self.pick(PEOPLE)}"'
        forms = ["principal", "principal", f"principal in {role}", f"principal in {role}", f"principal == {name}"]
        return str(self.pick([*forms, "principal is Principal", f"principal is Principal in {role}"]))

    def _what(self) -> str:
        one, other = (f'Action::"Door.{self.pick(["make", "knock", "enter", "leave"])}"' for _ in range(2))
        return str(self.pick(["action", "action", f"action == {one}", f"action in [{one}, {other}]"]))

    def _which(self) -> str:
        one = f'Door::"{self.pick(IDS)}"'
        return str(self.pick(["resource"] * 6 + [f"resource == {one}", f"resource in {one}", "resource is Door"]))


Form = Callable[[_Writer, int], str]


def _two(sign: str, kind: str) -> Form:
    return lambda w, d: f"({w.write(kind, d)} {sign} {w.write(kind, d)})"


def _same(w: _Writer, d: int) -> str:
    kind = str(w.pick(KINDS))
    other = str(w.pick([kind, kind, kind, "bool", "long"]))
    return f"({w.write(kind, d)} {w.pick(['==', '!='])} {w.write(other, d)})"


def _called(name: str) -> Form:
    def form(w: _Writer, d: int) -> str:
        many = str(w.pick(["texts", "longs", "entities"]))
        one = {"texts": "text", "longs": "long", "entities": "entity"}[many]
        given = "" if name == "isEmpty" else w.write(one if name == "contains" else many, d)
        return f"{w.write(many, d)}.{name}({given})"

    return form


def _chosen(kind: str) -> Form:
    return lambda w, d: f"(if {w.write('bool', d)} then {w.write(kind, d)} else {w.write(kind, d)})"


def _listed(kind: str) -> Form:
    return lambda w, d: f"[{', '.join(w.write(kind, d) for _ in range(w.random.randint(0, 3)))}]"


def _attribute(w: _Writer, d: int) -> str:
    of = w.pick(["resource", "context", w.write("entity", d), w.write("record", d)])
    return f'({of})["{w.pick(w.names)}"]'


def _has(w: _Writer, d: int) -> str:
    return f"(({w.pick([w.write('entity', d), w.write('record', d)])}) has {w.pick(w.names)})"


_LIKE = tuple(f'"{pattern}"' for pattern in ("a*", "*", "", "*n*", "a\\*b", "*w", "a*n*n"))
_FORMS: dict[str, list[Form]] = {
    "bool": [
        lambda w, d: f"({w.pick(['[1]', '[true]'])}.contains({w.write(str(w.pick(['bool', 'long'])), d)}))",
        lambda w, d: f"({w.pick(['1', 'true'])} == {w.write(str(w.pick(['bool', 'long'])), d)})",
        _two("&&", "bool"),
        _two("&&", "bool"),
        _two("||", "bool"),
        _two("||", "bool"),
        lambda w, d: f"(!{w.write('bool', d)})",
        *(_two(sign, "long") for sign in ("<", "<=", ">", ">=")),
        _same,
        _same,
        _same,
        _called("contains"),
        _called("containsAll"),
        _called("containsAny"),
        _called("isEmpty"),
        lambda w, d: f"({w.write('entity', d)} in {w.write(str(w.pick(['entity', 'entity', 'entities'])), d)})",
        lambda w, d: f'(principal in Role::"{w.pick(ROLES)}")',
        lambda w, d: f"({w.write('text', d)} like {w.pick(_LIKE)})",
        lambda w, d: f"({w.write('entity', d)} is {w.pick(['Principal', 'Role', 'Door'])})",
        _has,
        _chosen("bool"),
        lambda w, _: str(w.pick(["(resource.count > 1)", '(resource.state == "open")', "(context has given)"])),
    ],
    "long": [
        *(_two(sign, "long") for sign in "+-*"),
        lambda w, d: f"(-{w.write('long', d)})",
        _chosen("long"),
        _attribute,
    ],
    "text": [_chosen("text"), _attribute, lambda w, _: w._leaf("text")],
    "texts": [_listed("text"), _chosen("texts"), _attribute],
    "longs": [_listed("long"), _attribute],
    "entity": [lambda w, _: w._leaf("entity"), _chosen("entity")],
    "entities": [_listed("entity")],
    "record": [lambda w, d: f'{{"given": {w.write(str(w.pick(KINDS)), d)}}}', lambda _w, _d: "context"],
}


def _quoted(text: str) -> str:
    written = text.replace("\n", "\\n")
    return f'"{written}"'
