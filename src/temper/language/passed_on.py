"""Which constants a blueprint only passes on, so that nothing is worked out from them before anything runs.

Such a constant stands in the table wherever it stands in the text: as a bound of a range, as a literal. What is
worked out while checking (a bound `N - 1`, another constant, a default, a timeout) keeps a constant from being one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from temper.language.check.signature import split_default
from temper.language.python import parse_python
from temper.language.syntax import CaseSyntax, PerformsSyntax, PropertySyntax, Text, TimerSyntax, Tree
from temper.report import Diagnostic, Source, Span

_LATER = CaseSyntax | PropertySyntax | TimerSyntax | PerformsSyntax
"""Here expressions stand in the table as they are written; everywhere else they are worked out."""


def passed_on(tree: Tree) -> tuple[str, ...]:
    """The names of the constants that nothing is worked out from, in written order.

    >>> from temper.language.parse import parse
    >>> text = "temper: 1\\nblueprint: a\\nconstants: {N: 3, M: 4}\\ntypes: {Few: 'int[1, N]', Less: 'int[1, M - 1]'}"
    >>> tree, _ = parse(Source("a.yaml", text + "\\nentities: {A: {states: [on]}}"))
    >>> passed_on(tree)
    ('N',)
    """
    constants = tree.constants.items if tree.constants else ()
    texts = [*_texts((tree.types, tree.effects, tree.entities, tree.properties), later=False)]
    return tuple(
        name.text
        for name, _ in constants
        if not any(_mentions(name.text, value) for _, value in constants)
        and all(_only_named(name.text, text, later=later) for text, later in texts)
    )


def _texts(part: object, *, later: bool) -> Iterator[tuple[Text, bool]]:
    """Every scalar, and whether it is an expression that stands in the table as it is."""
    if isinstance(part, Text):
        yield part, later
    elif isinstance(part, tuple):
        for each in part:
            yield from _texts(each, later=later)
    elif is_dataclass(part) and not isinstance(part, Source | Span):
        for each in fields(part):
            yield from _texts(getattr(part, each.name), later=later or isinstance(part, _LATER))


def _mentions(name: str, text: Text) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text.text) is not None


def _only_named(name: str, text: Text, *, later: bool) -> bool:
    if not _mentions(name, text):
        return True
    written = (text,) if later else split_default(text)
    return all(part is None or _is_plain(name, part, later=later) for part in written)


def _is_plain(name: str, text: Text, *, later: bool) -> bool:
    parsed = parse_python(text)
    if isinstance(parsed, Diagnostic):
        return False
    worked_out = [node for node in ast.walk(parsed.body) if isinstance(node, ast.Subscript) and _is_type(node)]
    bounds = [bound for node in worked_out for bound in _elements(node.slice)]
    plain = {id(bound) for bound in bounds if isinstance(bound, ast.Name)}
    if later:
        return all(id(node) in plain for bound in bounds for node in _names(name, bound))
    return isinstance(parsed.body, ast.Name) or all(id(node) in plain for node in _names(name, parsed.body))


def _is_type(node: ast.Subscript) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"int", "set", "map"}


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _names(name: str, node: ast.expr) -> list[ast.Name]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == name]
