"""One expression compiled by the LLVM algebra and run on values that it did not know when it was compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from support.expressions import ARGS, EXAMPLE, FIELDS, NODE
from temper.machine import (
    BOOL,
    PRINCIPAL,
    Address,
    Cell,
    Environment,
    Expression,
    Op,
    Property,
    PropertyKind,
    Scope,
    System,
    TransitionTable,
    Type,
    Universe,
    Value,
    canonical,
    universe,
)
from temper.verify.native.algebra import Scope as Reading
from temper.verify.native.coding import Coding
from temper.verify.native.domain import Domains
from temper.verify.native.engine import compiled
from temper.verify.native.layout import Layout
from temper.verify.native.meant import Entries, Maybe, Meant, Members, Number
from temper.verify.native.packing import packing
from temper.verify.native.sight import Fields, Sight, control_of
from temper.verify.native.writer import Word, Writer, text

SCOPE = Scope(instances=(("Node", 3),), principals=(("ann", ()), ("bob", ()), ("cid", ())), unbounded=(-9, 9))
SELF = Address("Node", "n1")


def table_with(expression: Expression) -> tuple[TransitionTable, Universe]:
    """The example, in which the expression is written somewhere, so that its literals are known."""
    same = Expression(Op.EQ, BOOL, (expression, expression))
    table = replace(EXAMPLE, properties=(Property("written", PropertyKind.ALWAYS, (), None, same),))
    return table, universe(table, SCOPE)


@dataclass
class Compiled:
    """The expression as a function of a system before, a system now, and arguments."""

    expression: Expression
    domains: Domains
    layout: Layout
    shape: Meant = field(init=False)

    def __post_init__(self) -> None:
        self.engine = compiled("\n".join(self._module()), 0)
        address = self.engine.get_function_address("evaluate")
        self.run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)

    def _module(self) -> list[str]:
        writer = Writer()
        loads = [line for name in ("now", "before") for line in _loads(name, self.layout.words)]
        now = tuple(f"%now{at}" for at in range(self.layout.words))
        before = tuple(f"%before{at}" for at in range(self.layout.words))
        args: dict[str, Meant] = {}
        for at, (name, type_) in enumerate((*ARGS.items(), ("caller", PRINCIPAL), ("a", NODE))):
            word = writer.emit(f"load i64, ptr {writer.emit(f'getelementptr i64, ptr %args, i64 {at}')}")
            args[name] = packing(self.domains, type_).unpack(writer, word)
        place = self.layout.by_address[SELF]
        scope = Reading(
            writer,
            self.domains,
            Fields(writer, self.domains, place, now, {}),
            args,
            control_of(writer, place, now),
            self.domains.constant(NODE, "n1"),
            args["caller"],
            Sight(writer, self.layout, now),
            Sight(writer, self.layout, before),
            {"a": args["a"]},
        )
        self.shape = scope.mean(self.expression)
        for at, given in enumerate(flat(writer, self.shape)):
            writer.line(f"store i64 {text(given)}, ptr {writer.emit(f'getelementptr i64, ptr %out, i64 {at}')}")
        head = [
            "declare i64 @llvm.ctpop.i64(i64)",
            "define void @evaluate(ptr %now, ptr %before, ptr %args, ptr %out) {",
        ]
        return [*head, *loads, *writer.lines, "  ret void", "}"]

    def __call__(self, environment: Environment) -> list[int]:
        """What it gives, as flat words."""
        out = (ctypes.c_int64 * 80)()
        now = {**environment.view, SELF: own_cell(environment)}
        passed = {**environment.args, "caller": environment.caller, "a": environment.variables["a"]}
        types = {**ARGS, "caller": PRINCIPAL, "a": NODE}
        args = [packing(self.domains, types[name]).encode(passed[name]) for name in types]
        words = [
            (ctypes.c_uint64 * self.layout.words)(*Coding(self.layout).encode(system(cells)))
            for cells in (now, environment.before)
        ]
        self.run(*words, (ctypes.c_uint64 * len(args))(*args), out)
        return list(out)[: len(flat(Writer(), self.shape))]

    def expected(self, value: Value, type_: Type) -> list[int]:
        """The words that stand for a value, in the shape that the compiled expression has."""
        meant = self.domains.constant(type_, value)
        if isinstance(meant, Members) and isinstance(self.shape, Members):
            mask = meant.mask
            assert isinstance(mask, int), "what is known is a number"
            moved = (
                mask << (meant.lo - self.shape.lo) if meant.lo >= self.shape.lo else mask >> (self.shape.lo - meant.lo)
            )
            return [_signed(moved)]
        return [_signed(word) for word in flat(Writer(), meant) if isinstance(word, int)]


def own_cell(environment: Environment) -> Cell:
    return Cell("Node", "n1", environment.state, tuple(environment.fields[name] for name in FIELDS))


def system(cells: Mapping[Address, Cell]) -> System:
    return canonical(System(tuple(cells.values())))


def flat(writer: Writer, meant: Meant) -> list[Word]:
    """A value as words; what is missing has no value to compare."""
    match meant:
        case Number(word):
            return [word]
        case Members(mask):
            return [mask]
        case Maybe(there, value):
            inner = flat(writer, value)
            return [writer.as_word(there), *(writer.select(there, word, 0) for word in inner)]
        case Entries(_, values):
            return [word for value in values for word in flat(writer, value)]
        case _:
            return [writer.as_word(meant)]


def _loads(name: str, words: int) -> list[str]:
    return [
        line
        for at in range(words)
        for line in (
            f"  %{name}p{at} = getelementptr i64, ptr %{name}, i64 {at}",
            f"  %{name}{at} = load i64, ptr %{name}p{at}",
        )
    ]


def _signed(word: int) -> int:
    return ctypes.c_int64(word & (1 << 64) - 1).value


def compile_expression(expression: Expression) -> Compiled:
    """Raises `Unsupported` where native code does not take the expression on."""
    table, within = table_with(expression)
    domains = Domains(table, within)
    return Compiled(expression, domains, Layout(table, within, domains))
