"""Types in Python's syntax: `int[0, 100]`, `principal | None`, `set[Node, 3]`, `map[Node, bool]`."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from temper.language.check.constant import closed_int
from temper.language.check.declared import Declared
from temper.language.check.findings import Findings, article, did_you_mean, instead
from temper.language.check.place import Place
from temper.language.check.reading import is_opaque
from temper.language.python import Parsed, parse_python
from temper.language.syntax import Text
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    JSON,
    PRINCIPAL,
    SET_MAX,
    STR,
    TIME,
    EnumType,
    IntType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    Type,
    finite_values,
    has_initial,
)
from temper.report import Diagnostic

PLAIN: Mapping[str, Type] = {
    "bool": BOOL,
    "int": INT,
    "str": STR,
    "principal": PRINCIPAL,
    "duration": DURATION,
    "time": TIME,
    "json": JSON,
}
_GENERIC = ("int", "set", "map")
_FOREIGN = {
    "float": "int",
    "boolean": "bool",
    "string": "str",
    "integer": "int",
    "text": "str",
    "datetime": "time",
    "timestamp": "time",
    "dict": "map",
    "object": "json",
    "user": "principal",
    "frozenset": "set",
    "list": "set",
}


def read_type(text: Text, declared: Declared, findings: Findings) -> Type | None:
    """The type that a scalar names, or None after a finding."""
    parsed = parse_python(text)
    if isinstance(parsed, Diagnostic):
        findings.put(parsed)
        return None
    return read_annotation(parsed, parsed.body, declared, findings)


def is_annotation(node: ast.expr, declared: Declared) -> bool:
    """Whether a node can only be a type, where a value might stand as well."""
    match node:
        case ast.Name(id=name):
            return name in PLAIN or name in declared.types
        case ast.Subscript(value=ast.Name(id=name)):
            return name in _GENERIC
        case ast.BinOp(op=ast.BitOr(), right=ast.Constant(value=None)):
            return True
        case _:
            return False


def read_annotation(parsed: Parsed, node: ast.expr, declared: Declared, findings: Findings) -> Type | None:
    """The type of a node, or None after a finding."""
    return _Annotation(parsed, declared, findings).read(node)


class _Annotation:
    """One type being read."""

    def __init__(self, parsed: Parsed, declared: Declared, findings: Findings) -> None:
        self.parsed = parsed
        self.declared = declared
        self.findings = findings

    def read(self, node: ast.expr) -> Type | None:
        match node:
            case ast.Name(id=name):
                return self.named(node, name)
            case ast.Subscript(value=ast.Name(id="int")):
                return self.range(node, node.slice)
            case ast.Subscript(value=ast.Name(id="set")):
                return self.set(node.slice)
            case ast.Subscript(value=ast.Name(id="map")):
                return self.map(node, node.slice)
            case ast.BinOp(op=ast.BitOr()):
                return self.option(node)
            case _:
                self.refuse(node, f"`{self.parsed.written(node)}` is no type", "not a type")
                return None

    def named(self, node: ast.expr, name: str) -> Type | None:
        if name in PLAIN:
            return PLAIN[name]
        if name in self.declared.broken:
            return None
        if name in self.declared.types:
            return self.declared.types[name]
        if name in self.declared.entity_names:
            return self.reference(node, name)
        if name in _GENERIC:
            example = {"set": "set[principal]", "map": "map[Node, bool]"}[name]
            self.refuse(node, f"a {name} says what it holds: `{example}`", "of what?")
            return None
        span = self.parsed.span(node)
        known = [*PLAIN, "set", "map", *self.declared.capitals()]
        helps = instead(span, _FOREIGN[name]) if name in _FOREIGN else did_you_mean(span, name, known)
        self.findings.add("unknown-type", f"there is no type `{name}`", span, reason="not declared", helps=helps)
        return None

    def reference(self, node: ast.expr, name: str) -> Type | None:
        world = self.declared.entity_names[name].world
        if world is not None and world.text == "true":
            self.refuse(
                node, f"no reference can lead to `{name}`, which is the outside world", "only properties read it"
            )
            return None
        return RefType(name)

    def option(self, node: ast.BinOp) -> Type | None:
        if not (isinstance(node.right, ast.Constant) and node.right.value is None):
            why = "a type is joined with None alone: `T | None`"
            self.refuse(node, f"`{self.parsed.written(node)}` is no type: {why}", why)
            return None
        of = self.read(node.left)
        if isinstance(of, OptionType):
            self.refuse(node, f"`{of}` can be None already", "twice `| None`")
            return None
        return None if of is None else OptionType(of)

    def range(self, node: ast.expr, bounds: ast.expr) -> Type | None:
        if not (isinstance(bounds, ast.Tuple) and len(bounds.elts) == 2):
            self.refuse(node, "a range has two bounds: `int[0, 100]`", "two bounds")
            return None
        lo, hi = (self.bound(bound) for bound in bounds.elts)
        if lo is None or hi is None:
            return None
        if lo > hi:
            self.refuse(node, f"the range from {lo} to {hi} is empty", "the lower bound is above the upper one")
            return None
        return IntType(lo, hi)

    def bound(self, node: ast.expr) -> int | None:
        place = Place(self.declared, "a bound")
        return closed_int(self.parsed, node, place, self.findings)

    def set(self, inner: ast.expr) -> Type | None:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if len(parts) > 2:
            self.refuse(inner, "a set has a type and at most a size: `set[Node, 3]`", "too many parts")
            return None
        of = self.read(parts[0])
        size = SET_MAX if len(parts) == 1 else self.bound(parts[1])
        if of is None or size is None:
            return None
        if not 0 < size <= SET_MAX:
            self.refuse(
                parts[-1], f"a set has at least 1 and at most {SET_MAX:,} members, not {size:,}", "out of bounds"
            )
            return None
        if isinstance(of, MapType | OptionType | SetType) or is_opaque(of):
            self.refuse(parts[0], f"a set cannot hold {article(of)}", "only values that can be told apart one by one")
            return None
        return SetType(of, size)

    def map(self, node: ast.expr, inner: ast.expr) -> Type | None:
        if not (isinstance(inner, ast.Tuple) and len(inner.elts) == 2):
            self.refuse(node, "a map has a key type and a value type: `map[Node, bool]`", "two types")
            return None
        key, value = self.read(inner.elts[0]), self.read(inner.elts[1])
        if key is None or value is None:
            return None
        if not self.is_key(key):
            self.refuse(
                inner.elts[0],
                f"a map's key is an enum, a range, an entity or a principal, not {article(key)}",
                "not a key",
            )
            return None
        if isinstance(value, MapType):
            self.refuse(inner.elts[1], "a map cannot hold maps: nothing could change what is inside", "a map in a map")
            return None
        if not has_initial(value):
            self.refuse(
                inner.elts[1],
                f"every key of a map starts with a value, and {article(value)} has none: write `{value} | None`",
                "no value to start with",
            )
            return None
        return MapType(key, value)

    @staticmethod
    def is_key(key: Type) -> bool:
        return isinstance(key, EnumType | RefType | PrincipalType) or (
            isinstance(key, IntType) and finite_values(key) is not None
        )

    def refuse(self, node: ast.expr, message: str, reason: str) -> None:
        self.findings.add("bad-type", message, self.parsed.span(node), reason=reason)
