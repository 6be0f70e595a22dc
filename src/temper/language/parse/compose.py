"""From events to nodes, with everything in YAML refused that a blueprint does not need."""

from __future__ import annotations

import re

from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from temper.language.parse.characters import odd_in, report_odd
from temper.language.parse.events import end_of, read_events, start_of
from temper.language.parse.findings import Findings
from temper.language.parse.nodes import ListNode, MapNode, Node, ScalarNode, is_null
from temper.language.parse.quote import extent, report_quote
from temper.language.parse.scalar import scalar_text
from temper.language.parse.stumble import report_directive
from temper.language.syntax import Text
from temper.report import Help, Label, Span

SPLIT_LOOKS_MAX = 500
"""How many values with an open bracket are looked at: a bound on the time that a hostile file can cost."""
_MARKERS = re.compile(r"(?:[!&][^\s]*\s+)*(?:[!&][^\s,\]}]*)?")
_COMMENT = re.compile(r"#[^\n]*")


def compose(findings: Findings) -> Node | None:
    """The node of the only document, or None if there is none that can be read."""
    read = read_events(findings)
    if read is None:
        return None
    events, text, masked = read
    return _Composer(findings, events, text, masked).document()


class _Composer:
    """Walks the events once. `_end` is where the event before ended, to look at what stands between."""

    def __init__(self, findings: Findings, events: list[Event], text: str, masked: dict[int, Text]) -> None:
        self._findings = findings
        self._source = findings.source
        self._events = iter(events)
        self._text = text
        self._masked = masked
        self._end = 0
        self._split_looks = 0

    def document(self) -> Node | None:
        node: Node | None = None
        documents = 0
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            documents += 1
            if documents == 2:
                self._second_document(event)
                break
            if self._text.startswith("%", start_of(event)):
                report_directive(self._findings, start_of(event))
            node = self._node(next(self._events))
        if node is None or (isinstance(node, ScalarNode) and is_null(node.text)):
            self._empty()
            return None
        return node

    def _node(self, event: Event) -> Node:
        assert isinstance(event, NodeEvent), f"a node was due, not {event}"
        start = self._bare_start(event)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if isinstance(event, SequenceStartEvent):
            return self._list(event, start)
        if isinstance(event, MappingStartEvent):
            return self._map(event, start)
        assert isinstance(event, ScalarEvent), f"a scalar was due, not {event}"
        return self._scalar(event, start)

    def _scalar(self, event: ScalarEvent, start: int) -> ScalarNode:
        end = end_of(event)
        self._end = end
        if start in self._masked:
            return ScalarNode(self._masked[start])
        text = scalar_text(self._source, self._text, start, end, event.style, event.value)
        if event.style == '"' and text.offsets:
            self._check_escapes(text)
        return ScalarNode(text, block=event.style in {"|", ">"})

    def _check_escapes(self, text: Text) -> None:
        odd = odd_in(text.text)
        if odd is not None:
            start, end = text.offsets[odd], text.offsets[odd + 1]
            report_odd(self._findings, self._source.span(start, max(end, start + 1)), text.text[odd])

    def _list(self, event: CollectionStartEvent, start: int) -> ListNode:
        self._end = end_of(event)
        items: list[Node] = []
        while not isinstance(following := next(self._events), SequenceEndEvent):
            items.append(self._node(following))
        flow = bool(event.flow_style)
        end = self._close(following, items[-1].span if items else None, flow=flow)
        return ListNode(tuple(items), self._source.span(start, end), flow)

    def _map(self, event: CollectionStartEvent, start: int) -> MapNode:
        flow = bool(event.flow_style)
        self._end = end_of(event) if flow else start
        items: list[tuple[ScalarNode, Node]] = []
        while not isinstance(following := next(self._events), MappingEndEvent):
            key = self._key(following)
            value = self._node(next(self._events))
            if key is not None:
                items.append((key, value))
        end = self._close(following, items[-1][1].span if items else None, flow=flow)
        if flow:
            items = self._rejoined(items)
        return MapNode(self._unique(items), self._source.span(start, end), flow)

    def _close(self, event: Event, last: Span | None, *, flow: bool) -> int:
        """Where a collection ends: after its bracket, or after its last child, not where the next thing begins."""
        if flow:
            self._end = end_of(event)
            return self._end
        return last.end if last is not None else start_of(event)

    def _key(self, event: Event) -> ScalarNode | None:
        gap = self._text[self._end : start_of(event)]
        if "?" in gap and "?" in _COMMENT.sub("", gap):
            at = self._text.rindex("?", self._end, start_of(event))
            message = "a key is written `key: value`, without `?`"
            self._refuse("yaml-explicit-key", message, at, at + 1, "an explicit key", "write `key: value`")
        node = self._node(event)
        if isinstance(node, ScalarNode):
            return node
        self._findings.add(
            "wrong-shape",
            "a key is one word, not a mapping or a list",
            node.span,
            reason="this stands where a key should",
            helps=(Help("if it is part of an expression, quote the whole expression"),),
        )
        return None

    def _unique(self, items: list[tuple[ScalarNode, Node]]) -> tuple[tuple[ScalarNode, Node], ...]:
        """The first of each key; every further one is reported."""
        seen: dict[str, ScalarNode] = {}
        for key, _ in items:
            first = seen.setdefault(key.text.text, key)
            if first is not key:
                self._findings.add(
                    "duplicate-key",
                    f"`{key.text.text}` is there twice",
                    key.span,
                    reason="again here",
                    labels=(Label(first.span, "first here"),),
                    notes=("one of the two would be ignored without a word",),
                    helps=(Help("keep one of them, or give the second another name"),),
                    mended=True,
                )
        return tuple((key, value) for key, value in items if seen[key.text.text] is key)

    def _rejoined(self, items: list[tuple[ScalarNode, Node]]) -> list[tuple[ScalarNode, Node]]:
        """Entries with `max(1, x)` put together again where YAML split it at the comma."""
        joined: list[tuple[ScalarNode, Node]] = []
        swallowed_to = -1
        for index, (key, value) in enumerate(items):
            if key.span.start < swallowed_to:
                continue
            end = self._split_end(items, index, value)
            if end is None:
                joined.append((key, value))
                continue
            swallowed_to = end
            reason = "YAML ends the value at the comma"
            joined.append((key, ScalarNode(report_quote(self._findings, value.span.start, end, reason))))
        return joined

    def _split_end(self, items: list[tuple[ScalarNode, Node]], index: int, value: Node) -> int | None:
        """Where a split expression ends, if it was split: exactly at the end of a later key without a value."""
        if not isinstance(value, ScalarNode) or not value.text.plain or not _opens(value.text.text):
            return None
        self._split_looks += 1
        if self._split_looks > SPLIT_LOOKS_MAX:
            return None
        end = extent(self._source.text, value.span.start, flow=True)
        if end is None or end <= value.span.end:
            return None
        for key, following in items[index + 1 :]:
            if not (isinstance(following, ScalarNode) and following.text.plain and following.text.text == ""):
                return None
            if key.span.end >= end:
                return end if key.span.end == end else None
        return None

    def _alias(self, event: AliasEvent) -> ScalarNode:
        start, end = start_of(event), end_of(event)
        self._end = end
        self._refuse("yaml-anchor", "a blueprint has no YAML aliases", start, end, "an alias", "write the value itself")
        return ScalarNode(Text(self._source.text[start:end], self._source.span(start, end), self._source))

    def _bare_start(self, event: NodeEvent) -> int:
        """Where the node begins without its tag and anchor, which are refused."""
        start = start_of(event)
        tag = getattr(event, "tag", None)
        if isinstance(event, AliasEvent) or (tag is None and event.anchor is None):
            return start
        match = _MARKERS.match(self._text, start)
        end = match.end() if match else start
        marker = self._source.text[start:end].split()
        shown = start + (len(marker[0]) if marker else 1)
        if event.anchor is not None:
            self._refuse("yaml-anchor", "a blueprint has no YAML anchors", start, shown, "an anchor", "remove it")
        if tag is not None:
            self._refuse(
                "yaml-tag", "a blueprint has no YAML tags", start, shown, "a tag", "remove it, or quote the value"
            )
        return min(end, end_of(event)) if isinstance(event, ScalarEvent) else end

    def _refuse(self, code: str, message: str, start: int, end: int, reason: str, cure: str = "remove it") -> None:
        self._findings.add(code, message, self._source.span(start, end), reason=reason, helps=(Help(cure),))

    def _second_document(self, event: Event) -> None:
        index = start_of(event)
        message = "a second document in the file, but one file is one blueprint"
        self._refuse("several-documents", message, index, index + 3, "begins here", "move it to a file of its own")

    def _empty(self) -> None:
        self._findings.add(
            "empty-file",
            f"`{self._source.path}` holds no blueprint",
            self._source.span(0, 0),
            reason="nothing here",
            helps=(Help("begin with `temper: 1`; `temper new` writes a first blueprint"),),
        )


def _opens(text: str) -> bool:
    return text.count("(") > text.count(")") or text.count('"') % 2 == 1 or text.count("'") % 2 == 1
