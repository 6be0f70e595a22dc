"""Formatting: one order of keys, every comment kept, no scalar touched.

Whole stretches of the file change places, each with the comments that belong to it; nothing is printed
anew. Only keys whose order has no meaning move. A comment above a key belongs to that key, one that is
indented deeper to what stands before it; comments that a blank line sets apart at the top stay there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass

from temper.language.parse import parse
from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.grammar import BLUEPRINT
from temper.language.parse.nodes import ListNode, MapNode, Node, ScalarNode
from temper.language.parse.shape import Either, ListOf, MapOf, Record, Shape
from temper.language.syntax import Text, Tree
from temper.report import Diagnostic, Source, Span

_AFTER_ITEM = re.compile(r"(?:[ \t]*(,))?([ \t]*(?:#[^\n]*)?\r?\n)")


def format_source(source: Source) -> tuple[str | None, tuple[Diagnostic, ...]]:
    r"""The text of a blueprint with its keys in the one order, or None and what keeps it from being read.

    What it means stays the same, and formatting twice is formatting once. The last line gets its line break.

    >>> format_source(Source("a.yaml", "blueprint: a\nentities: {A: {states: [on]}}  # one\ntemper: 1\n"))[0]
    'temper: 1\nblueprint: a\nentities: {A: {states: [on]}}  # one\n'
    """
    ended = source if source.text.endswith("\n") else Source(source.path, f"{source.text}\n")
    tree, found = parse(ended)
    if tree is None or found:
        return None, parse(source)[1]
    node = compose(Findings(ended))
    assert node is not None, "what was parsed can be composed"
    text = _Formatter(ended.text).whole(node)
    again, refound = parse(Source(source.path, text))
    assert again is not None, f"formatting made the blueprint unreadable: {refound}"
    assert meaning(again) == meaning(tree), "formatting changed the meaning of the blueprint"
    return text, ()


def meaning(part: Tree | object) -> object:
    r"""A part of a tree without its places: equal for two blueprints that say the same in the same words.

    >>> one, _ = parse(Source("a.yaml", "temper: 1\nblueprint: a\nentities: {A: {states: [on]}}\n"))
    >>> other, _ = parse(Source("b.yaml", "{temper: 1, blueprint: a, entities: {A: {states: ['on']}}}"))
    >>> meaning(one) == meaning(other)
    True
    """
    if isinstance(part, Text):
        return part.text
    if isinstance(part, tuple):
        return tuple(map(meaning, part))
    if isinstance(part, Span | Source):
        return None
    if is_dataclass(part):
        return (type(part).__name__, *(meaning(getattr(part, one.name)) for one in fields(part)))
    return part


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a record: its rank in the one order, the comment lines above it, and its text.

    `after` is what follows its comma in a flow mapping: a comment and the line break.
    """

    rank: int
    comments: str
    content: str
    after: str = ""


class _Formatter:
    """Rewrites stretches of one text. All offsets are those of the text as it was."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def whole(self, root: Node) -> str:
        """The whole text."""
        if isinstance(root, MapNode) and not root.flow:
            head, end = self._head(root.span.start), self._own_end(root.span.end, 0)
        else:
            head, end = root.span.start, root.span.end
        return self._text[:head] + self._stretch(head, end, root, BLUEPRINT) + self._text[end:]

    def _head(self, limit: int) -> int:
        """Where the file's own head ends: after its last blank line or its `---`."""
        head = at = 0
        for line in self._text[:limit].splitlines(keepends=True):
            at += len(line)
            if line.endswith("\n") and (not line.strip() or line.startswith("---")):
                head = at
        return head

    def _stretch(self, start: int, end: int, node: Node, shape: Shape) -> str:
        """The new text from `start` to `end`: one node, with the comments above and below that belong to it."""
        match shape:
            case Either(many=many, other=other):
                return self._stretch(start, end, node, many if isinstance(node, ListNode) else other)
            case ListOf(item=item) if isinstance(node, ListNode):
                return self._collection(start, end, node, [(child, item) for child in node.items])
            case MapOf(value=value) if isinstance(node, MapNode):
                return self._collection(start, end, node, [(child, value) for _, child in node.items])
            case Record() if isinstance(node, MapNode) and node.flow:
                return self._flow_record(start, end, node, shape)
            case Record() if isinstance(node, MapNode):
                return self._block_record(start, end, node, shape)
        return self._text[start:end]

    def _collection(self, start: int, end: int, parent: ListNode | MapNode, parts: list[tuple[Node, Shape]]) -> str:
        """A collection whose order has a meaning: only what is inside its parts may move."""
        pieces: list[str] = []
        done = start
        for child, shape in parts:
            first, last = self._reach(child, parent)
            pieces += (self._text[done:first], self._stretch(first, last, child, shape))
            done = last
        return "".join((*pieces, self._text[done:end]))

    def _block_record(self, start: int, end: int, node: MapNode, record: Record) -> str:
        entries: list[_Entry] = []
        gaps: list[str] = []
        done = start
        for key, value in node.items:
            gap, comments = _lead(self._text[done : key.span.start])
            known = record.key(key.text.text)
            assert known is not None, "a tree without findings has no unknown keys"
            first, last = self._reach(value, node)
            done = self._own_end(value.span.end, _column(node))
            inner = self._stretch(first, last, value, known.shape)
            content = self._text[key.span.start : first] + inner + self._text[last:done]
            entries.append(_Entry(record.keys.index(known), comments, content))
            gaps.append(gap)
        compact = bool(self._text[self._line_start(node.span.start) : node.span.start].strip())
        ordered = sorted(entries, key=lambda entry: entry.rank)
        return self._laid_out(ordered, gaps, " " * _column(node), compact=compact) + self._text[done:end]

    def _laid_out(self, entries: list[_Entry], gaps: list[str], indent: str, *, compact: bool) -> str:
        """The entries line by line. Blank lines keep their places. `compact`: the first shares its line with a `-`."""
        pieces: list[str] = []
        for place, (entry, gap) in enumerate(zip(entries, gaps, strict=True)):
            if place == 0 and compact:
                above = entry.comments.lstrip(" ") + indent if entry.comments else ""
            else:
                above = gap + entry.comments + indent
            last = place == len(entries) - 1
            broken = entry.content.endswith("\n") or last
            pieces += (above, entry.content, "" if broken else self._newline)
        return "".join(pieces)

    def _flow_record(self, start: int, end: int, node: MapNode, record: Record) -> str:
        """Entries in braces change places between the commas; with comments between them, line by line."""
        contents: list[tuple[int, str]] = []
        for key, value in node.items:
            known = record.key(key.text.text)
            assert known is not None, "a tree without findings has no unknown keys"
            inner = self._stretch(value.span.start, value.span.end, value, known.shape)
            contents.append((record.keys.index(known), self._text[key.span.start : value.span.start] + inner))
        between = self._between(start, end, node)
        if any("#" in one for one in between):
            return self._flow_lines(start, end, node, contents) or _interleaved(between, contents)
        return _interleaved(between, sorted(contents))

    def _between(self, start: int, end: int, node: MapNode) -> list[str]:
        """What stands before, between and after the entries."""
        edges = [start, *(edge for key, value in node.items for edge in (key.span.start, value.span.end)), end]
        return [self._text[first:last] for first, last in zip(edges[::2], edges[1::2], strict=True)]

    def _flow_lines(self, start: int, end: int, node: MapNode, contents: list[tuple[int, str]]) -> str | None:
        """Entries in braces, each on lines of its own, with their comments; None if they share lines."""
        opening = self._line_end(start)
        done = opening
        entries: list[_Entry] = []
        indents: list[str] = []
        commas: list[str] = []
        for (key, value), (rank, content) in zip(node.items, contents, strict=True):
            after = _AFTER_ITEM.match(self._text, value.span.end)
            if key.span.start < done or after is None:
                return None
            lead = self._text[done : key.span.start]
            indents.append(lead[lead.rfind("\n") + 1 :])
            entries.append(_Entry(rank, lead[: lead.rfind("\n") + 1], content, after.group(2)))
            commas.append(after.group(1) or "")
            done = after.end()
        entries.sort(key=lambda entry: entry.rank)
        lines = (
            entry.comments + indent + entry.content + comma + entry.after
            for entry, indent, comma in zip(entries, indents, commas, strict=True)
        )
        return self._text[start:opening] + "".join(lines) + self._text[done:end]

    def _reach(self, child: Node, parent: ListNode | MapNode) -> tuple[int, int]:
        """A child's stretch: a block collection owns the comments above it and those below that are indented deeper."""
        if isinstance(child, ScalarNode) or child.flow:
            return child.span.start, child.span.end
        return self._above(child), self._own_end(child.span.end, _column(parent))

    def _above(self, child: ListNode | MapNode) -> int:
        """The start of the comment lines above a block collection that begins on a line of its own."""
        start = self._line_start(child.span.start)
        if self._text[start : child.span.start].strip():
            return child.span.start
        while start > 0:
            before = self._line_start(start - 1)
            line = self._text[before:start].strip()
            if line and not line.startswith("#"):
                break
            start = before
        return start

    def _own_end(self, at: int, column: int) -> int:
        """The end of the line on which something ends, and of the comments below that are indented deeper."""
        end = at if self._text[at - 1 : at] == "\n" else self._line_end(at)
        probe = end
        while probe < len(self._text):
            after = self._line_end(probe)
            line = self._text[probe:after]
            bare = line.lstrip()
            if bare and not (bare.startswith("#") and len(line) - len(bare) > column):
                break
            end = after if bare else end
            probe = after
        return end

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        return self._text.find("\n", at) + 1 or len(self._text)


def _lead(text: str) -> tuple[str, str]:
    """What stands above a key: first its blank lines, then its comment lines. The key's indent is left out."""
    above = text[: text.rfind("\n") + 1]
    blank = len(above) - len(above.lstrip())
    first = above.rfind("\n", 0, blank) + 1
    return above[:first], above[first:]


def _interleaved(between: list[str], contents: list[tuple[int, str]]) -> str:
    pairs = zip(between, (*(content for _, content in contents), ""), strict=True)
    return "".join(before + content for before, content in pairs)


def _column(node: ListNode | MapNode) -> int:
    return node.span.column - 1
