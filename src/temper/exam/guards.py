"""Faults in expressions: a guard dropped or flipped, a conjunct gone, a comparison or a number off by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from temper.exam.fault import Fault
from temper.exam.places import Path, Place, actions, expressions, parts
from temper.language import Parsed, Sheet, conjuncts, literals

OFF_BY_ONE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
FLIPPED = {"==": "!=", "!=": "==", "in": "not in", "not in": "in"}
QUANTIFIERS = {"all": "any", "any": "all"}
_OPERATOR = re.compile(r"<=|>=|==|!=|<|>|not\s+in\b|in\b")


@dataclass(frozen=True, slots=True)
class Tweak:
    """Another text for an expression, and what is different about it."""

    kind: str
    message: str
    text: str


def guard_faults(sheet: Sheet) -> Iterator[Fault]:
    """Every fault in a guard, a case's guard, or in what is set and passed on."""
    for action in actions(sheet):
        for part in parts(sheet, action):
            path = (*part.path, "when")
            if sheet.has(*path):
                yield Fault(
                    "guard-dropped",
                    part.name,
                    f"the guard of {part.said} is dropped",
                    (sheet.without(path),),
                    part.name,
                )
                yield from _faults(sheet, part, path, f"the guard of {part.said}", is_guard=True)
            for said, where in expressions(sheet, part):
                yield from _faults(sheet, part, where, said, is_guard=False)


def tweaks(parsed: Parsed, *, is_guard: bool) -> Iterator[Tweak]:
    """The expression with one small thing different, in written order."""
    if is_guard:
        yield Tweak("guard-flipped", "is flipped", f"not ({parsed.text.text.strip()})")
        yield from _without_conjuncts(parsed)
    for node in ast.walk(parsed.body):
        if isinstance(node, ast.Compare):
            yield from _compared(parsed, node, is_whole=is_guard and node is parsed.body)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in QUANTIFIERS:
            other = QUANTIFIERS[node.func.id]
            text = parsed.replaced(node.func.col_offset, node.func.end_col_offset, other)
            yield Tweak("quantifier-changed", f"says `{other}` for `{node.func.id}`", text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            text = parsed.replaced(node.col_offset, node.end_col_offset, str(not node.value))
            yield Tweak("flag-flipped", f"says {not node.value} for {node.value}", text)
    for number, value in literals(parsed):
        for other_number in (value - 1, value + 1):
            text = parsed.replaced(number.col_offset, number.end_col_offset, str(other_number))
            yield Tweak("number-changed", f"says {other_number} for {value}", text)


def _faults(sheet: Sheet, part: Place, path: Path, said: str, *, is_guard: bool) -> Iterator[Fault]:
    parsed = sheet.expression(*path)
    if parsed is None:
        return
    for tweak in tweaks(parsed, is_guard=is_guard):
        edits = (sheet.replaced(path, tweak.text),)
        yield Fault(tweak.kind, part.name, f"{said} {tweak.message}", edits, part.name)


def _without_conjuncts(parsed: Parsed) -> Iterator[Tweak]:
    joined = conjuncts(parsed)
    if len(joined) == 1:
        return
    for left_out in joined:
        rest = [_in_and(parsed, node) for node in joined if node is not left_out]
        yield Tweak("conjunct-dropped", f"lacks `{parsed.written(left_out)}`", " and ".join(rest))


def _in_and(parsed: Parsed, node: ast.expr) -> str:
    loose = isinstance(node, ast.BoolOp | ast.IfExp)
    return f"({parsed.written(node)})" if loose else parsed.written(node)


def _compared(parsed: Parsed, node: ast.Compare, *, is_whole: bool) -> Iterator[Tweak]:
    sides = [node.left, *node.comparators]
    for left, right in pairwise(sides):
        assert left.end_col_offset is not None
        between = parsed.line.encode()[left.end_col_offset : right.col_offset].decode()
        found = _OPERATOR.search(between)
        if found is None:
            continue
        operator = " ".join(found.group().split())
        start = left.end_col_offset + found.start()
        for kind, others in (("comparison-by-one", OFF_BY_ONE), ("comparison-flipped", FLIPPED)):
            if operator in others and not (is_whole and kind == "comparison-flipped" and len(sides) == 2):
                text = parsed.replaced(start, start + len(found.group()), others[operator])
                yield Tweak(kind, f"says `{others[operator]}` for `{operator}`", text)
