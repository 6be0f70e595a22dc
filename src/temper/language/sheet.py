"""A blueprint's text as something to be edited: where each part stands, and edits that touch nothing else.

The tree knows what is written, not between which brackets. A sheet knows that: how an entry goes with its comma or
its line, where a new one is put, and what has to be quoted there. Comments of other lines stay.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.nodes import ListNode, MapNode, Node, ScalarNode
from temper.language.parse.quote import quoted
from temper.language.python import Parsed, parse_python
from temper.report import Edit, Source, Span

Path: TypeAlias = tuple[str | int, ...]
"""From the root to a part: keys of mappings, and places in lists from 0."""

_PLAIN = re.compile(r"[A-Za-z(][\w .+*/%()<>=!-]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")


class Sheet:
    r"""The parts of one source, by path, and edits of it.

    >>> from temper.report import apply_edits
    >>> sheet = Sheet(Source("a.yaml", "a: {b: 1, c: 2}\nd: [x, y]\n"))
    >>> apply_edits(sheet.source.text, [sheet.without(("a", "b")), sheet.without(("d", 1))])
    'a: {c: 2}\nd: [x]\n'
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root = compose(Findings(source))

    def at(self, path: Path) -> Node | None:
        """The part at the path, None if there is none."""
        node = self.root
        for step in path:
            node = _child(node, step)
        return node

    def has(self, *path: str | int) -> bool:
        """Whether there is something at the path."""
        return self.at(path) is not None

    def keys(self, *path: str | int) -> tuple[str, ...]:
        """The keys of the mapping at the path, in written order; none if there is no mapping."""
        node = self.at(path)
        return tuple(key.text.text for key, _ in node.items) if isinstance(node, MapNode) else ()

    def places(self, *path: str | int) -> range:
        """The places of the list at the path; none if there is no list."""
        node = self.at(path)
        return range(len(node.items)) if isinstance(node, ListNode) else range(0)

    def word(self, *path: str | int) -> str:
        """The scalar at the path, as it reads; empty if there is none."""
        node = self.at(path)
        return node.text.text if isinstance(node, ScalarNode) else ""

    def words(self, *path: str | int) -> tuple[str, ...]:
        """The scalars of the list at the path, or the one that stands in its place."""
        node = self.at(path)
        items = node.items if isinstance(node, ListNode) else () if node is None else (node,)
        return tuple(item.text.text for item in items if isinstance(item, ScalarNode))

    def expression(self, *path: str | int) -> Parsed | None:
        """The scalar at the path as an expression, None if it is none."""
        node = self.at(path)
        parsed = parse_python(node.text) if isinstance(node, ScalarNode) else None
        return parsed if isinstance(parsed, Parsed) else None

    def span(self, path: Path) -> Span:
        """Where the part stands, with its key."""
        node, key = self._needed(path), self._key(path)
        return node.span if key is None else self.source.span(key.span.start, node.span.end)

    # Edits.

    def without(self, path: Path) -> Edit:
        """Takes an entry or item away. What would be left empty is taken away as a whole."""
        parent = self._needed(path[:-1])
        assert isinstance(parent, MapNode | ListNode), "only an entry or an item can be taken away"
        if len(parent.items) == 1:
            return self.without(path[:-1])
        stretches = self._stretches(parent)
        index = self._index(parent, path[-1])
        start, end = stretches[index]
        if parent.flow:
            if index + 1 < len(stretches):
                return Edit(self.source.span(start, stretches[index + 1][0]), "")
            return Edit(self.source.span(stretches[index - 1][1], end), "")
        if not self._begins_line(start):  # the first entry of a mapping that is an item of a list: the next moves up
            return Edit(self.source.span(start, stretches[index + 1][0]), "")
        return Edit(self.source.span(self._line_start(start), self._line_end(end)), "")

    def replaced(self, path: Path, text: str) -> Edit:
        """Puts another scalar in the place of a part, quoted if it has to be."""
        return Edit(self._needed(path).span, self.scalar(text))

    def rewritten(self, path: Path, text: str) -> Edit:
        """Puts other YAML, as it stands, in the place of a part."""
        return Edit(self._needed(path).span, text)

    def entry(self, path: Path, key: str, value: str, *, after: Iterable[str] = ()) -> Edit:
        """Adds an entry to the mapping at the path, behind the last of those keys that is there, or at its end.

        The value is YAML as it stands: `scalar` quotes.
        """
        parent = self._needed(path)
        assert isinstance(parent, MapNode), "an entry goes into a mapping"
        stretches = self._stretches(parent)
        named = [name for name in self.keys(*path) if name in set(after)]
        index = self._index(parent, named[-1]) if named else len(stretches) - 1
        return self._inserted(parent, index, f"{key}: {value}")

    def item(self, path: Path, value: str) -> Edit:
        """Adds an item to the end of the list at the path, YAML as it stands."""
        parent = self._needed(path)
        assert isinstance(parent, ListNode), "an item goes into a list"
        return self._inserted(parent, len(parent.items) - 1, value if parent.flow else f"- {value}")

    def swapped(self, one: Path, other: Path) -> tuple[Edit, Edit]:
        """Two parts that do not overlap change places."""
        first, second = self._needed(one).span, self._needed(other).span
        return Edit(first, self.text_of(second)), Edit(second, self.text_of(first))

    def text_of(self, span: Span) -> str:
        """What is written there."""
        return self.source.text[span.start : span.end]

    @staticmethod
    def scalar(text: str) -> str:
        """The text as a scalar that YAML reads as one string wherever it stands."""
        return text if _PLAIN.fullmatch(text) or text.isdecimal() else quoted(text)

    # Where things stand.

    def _needed(self, path: Path) -> Node:
        node = self.at(path)
        assert node is not None, f"there is nothing at {path}"
        return node

    def _key(self, path: Path) -> ScalarNode | None:
        parent = self.at(path[:-1]) if path else None
        if not isinstance(parent, MapNode):
            return None
        return next((key for key, _ in parent.items if key.text.text == path[-1]), None)

    def _index(self, parent: MapNode | ListNode, step: str | int) -> int:
        if isinstance(parent, ListNode):
            assert isinstance(step, int), "a list is read by place"
            return step
        return next(index for index, (key, _) in enumerate(parent.items) if key.text.text == step)

    def _stretches(self, parent: MapNode | ListNode) -> list[tuple[int, int]]:
        """From where to where each entry or item goes, dashes included."""
        if isinstance(parent, MapNode):
            return [(key.span.start, value.span.end) for key, value in parent.items]
        if parent.flow:
            return [(item.span.start, item.span.end) for item in parent.items]
        return [(self.source.text.rindex("-", 0, item.span.start), item.span.end) for item in parent.items]

    def _inserted(self, parent: MapNode | ListNode, index: int, text: str) -> Edit:
        if not parent.items:
            at = parent.span.start + 1
            return Edit(self.source.span(at, at), text)
        start, end = self._stretches(parent)[index]
        if parent.flow:
            return Edit(self.source.span(end, end), f", {text}")
        at = self._line_end(end)
        column = self.source.span(start, start).column - 1
        missing = "" if self.source.text[at - 1 : at] == "\n" else "\n"
        return Edit(self.source.span(at, at), f"{missing}{' ' * column}{text}\n")

    def _begins_line(self, at: int) -> bool:
        return not self.source.text[self._line_start(at) : at].strip()

    def _line_start(self, at: int) -> int:
        return self.source.text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """The end of the line on which something ends, its comment included; a block scalar ends there already."""
        if self.source.text[at - 1 : at] == "\n":
            return at
        rest = _REST.match(self.source.text, at)
        return rest.end() if rest else at


def conjuncts(parsed: Parsed) -> tuple[ast.expr, ...]:
    """What an expression is the conjunction of: itself, if it is none."""
    return _conjuncts(parsed.body)


def literals(parsed: Parsed) -> Iterator[tuple[ast.Constant, int]]:
    """The whole numbers that are written in an expression, and where."""
    for node in ast.walk(parsed.body):
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
            yield node, node.value


def substituted(text: str, names: Iterable[tuple[str, str]]) -> str:
    """The expression's text with bare names replaced, each by the text beside it.

    A name behind a dot, or one that names an argument of a function, is another's.

    >>> substituted("a < b.a", [("a", "before.a")])
    'before.a < b.a'
    """
    given = dict(names)
    return _name_pattern(tuple(sorted(given))).sub(lambda found: given[found.group()], text) if given else text


@lru_cache(maxsize=256)
def _name_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, names))})(?!\w)(?!=[^=])")


def _conjuncts(node: ast.expr) -> tuple[ast.expr, ...]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return tuple(part for value in node.values for part in _conjuncts(value))
    return (node,)


def _child(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, MapNode):
        return next((value for key, value in node.items if key.text.text == step), None)
    if isinstance(node, ListNode) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None
