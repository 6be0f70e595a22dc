"""Reading nodes by their shape: every mismatch is one finding, and whatever can be read is read on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from temper.language.parse.findings import Findings
from temper.language.parse.nodes import ListNode, MapNode, Node, ScalarNode, is_flag, is_int, is_null, is_string
from temper.language.parse.quote import extent, report_quote
from temper.language.parse.shape import Either, Key, Leaf, ListOf, MapOf, Record, Shape, phrase
from temper.language.syntax import Text
from temper.report import Help, Span
from temper.report.suggest import suggest


@dataclass(frozen=True, slots=True)
class Items:
    """What was read where a list stands."""

    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entries:
    """What was read where a mapping of the author's names stands."""

    items: tuple[tuple[Text, Value], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Fields:
    """What was read where a record stands: the keys that are there, each with its key's text."""

    values: dict[str, Value]
    span: Span
    keys: dict[str, Text] = field(default_factory=dict)


Value: TypeAlias = Text | Items | Entries | Fields

_FLAG_LOOKALIKES = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Reader:
    """Reads nodes by shape. A part that cannot be read is None, and `findings` says why."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def read(self, node: Node, shape: Shape, owner: str) -> Value | None:
        """The value of `node`, which `owner` (as a message calls it) says is of this shape."""
        match shape:
            case Leaf():
                return self._leaf(node, shape, owner)
            case ListOf():
                return self._list(node, shape, owner)
            case MapOf():
                return self._entries(node, shape, owner)
            case Record():
                return self._record(node, shape, owner)
            case Either(many=many, other=other):
                if isinstance(node, ListNode):
                    return self._list(node, many, owner)
                if isinstance(other, MapOf) and not isinstance(node, MapNode):
                    self._mismatch(node, shape, owner)
                    return None
                return self.read(node, other, owner)

    def _leaf(self, node: Node, leaf: Leaf, owner: str) -> Text | None:
        if not isinstance(node, ScalarNode):
            return self._collection_for_leaf(node, leaf, owner)
        if is_null(node.text) or (leaf is not Leaf.PROSE and not node.text.text.strip()):
            self._missing_value(node, leaf, owner)
            return None
        if leaf is Leaf.FLAG:
            return self._flag(node, owner)
        if leaf is Leaf.VERSION:
            return self._version(node, owner)
        if leaf in {Leaf.NAME, Leaf.TARGET, Leaf.TYPE} and not is_string(node.text):
            self._wrong(node.span, leaf, owner, _called(node))
            return None
        return self._uncut(node) if leaf in {Leaf.EXPRESSION, Leaf.TYPE} else node.text

    def _collection_for_leaf(self, node: ListNode | MapNode, leaf: Leaf, owner: str) -> Text | None:
        on_one_line = node.span.line == node.span.end_line
        if leaf in {Leaf.EXPRESSION, Leaf.TYPE} and node.flow and on_one_line:
            kind = "mapping" if isinstance(node, MapNode) else "list"
            return report_quote(self._findings, node.span.start, node.span.end, f"YAML reads a {kind} here")
        helps: tuple[Help, ...] = ()
        if isinstance(node, ListNode) and len(node.items) == 1 and isinstance(node.items[0], ScalarNode) and node.flow:
            only = node.items[0].text
            written = self._findings.source.text[only.span.start : only.span.end]
            helps = self._findings.replace(f"write `{written}`", node.span, written)
        self._wrong(node.span, leaf, owner, _called(node), helps)
        return None

    def _uncut(self, node: ScalarNode) -> Text:
        """The expression, with what YAML took for a comment although a quote or bracket was open."""
        text = node.text
        if not text.plain or node.span.line != node.span.end_line:
            return text
        source = self._findings.source
        if not re.compile(r"[ \t]+#").match(source.text, node.span.end):
            return text
        end = extent(source.text, node.span.start, flow=False)
        if end is None or end <= node.span.end:
            return text
        return report_quote(self._findings, node.span.start, end, "YAML takes what follows ` #` for a comment")

    def _flag(self, node: ScalarNode, owner: str) -> Text | None:
        text = node.text
        if is_flag(text):
            return Text(text.text.lower(), text.span, text.source)
        meant = _FLAG_LOOKALIKES.get(text.text.lower()) or (
            text.text.lower() if text.text.lower() in {"true", "false"} else None
        )
        helps = self._findings.replace(f"write `{meant}`", node.span, meant) if meant else ()
        self._wrong(node.span, Leaf.FLAG, owner, _called(node), helps)
        return None

    def _version(self, node: ScalarNode, owner: str) -> Text | None:
        if not is_int(node.text):
            helps = self._findings.replace("write `1`", node.span, "1")
            self._wrong(node.span, Leaf.VERSION, owner, _called(node), helps)
            return None
        if node.text.text != "1":
            self._findings.add(
                "wrong-version",
                f"{_short(node.text.text)} is not a version of the language that is known here; the only one is 1",
                node.span,
                reason="not 1",
                helps=self._findings.replace("write `1`", node.span, "1"),
                mended=True,
            )
        return node.text

    def _missing_value(self, node: Node, shape: Shape, owner: str) -> None:
        notes: tuple[str, ...] = ()
        if shape is Leaf.EXPRESSION:
            notes = ("the value that stands for nothing is written `None`",)
        self._findings.add(
            "missing-value",
            f"{owner} has no value, but must be {phrase(shape)}",
            node.span,
            reason="nothing here",
            notes=notes,
            helps=(Help("write the value, or leave the key out if it is not needed"),),
        )

    def _list(self, node: Node, shape: ListOf, owner: str) -> Items | None:
        if not isinstance(node, ListNode):
            self._mismatch(node, shape, owner)
            return None
        values = [self.read(item, shape.item, _item_owner(owner)) for item in node.items if not self._findings.full]
        if len(node.items) < shape.least or (shape.most is not None and len(node.items) > shape.most):
            self._wrong_count(node, shape, owner)
        return Items(tuple(value for value in values if value is not None), node.span)

    def _wrong_count(self, node: ListNode, shape: ListOf, owner: str) -> None:
        bound = "at least" if shape.most is None else "exactly"
        self._findings.add(
            "wrong-shape",
            f"{owner} is {phrase(shape)}, {bound} {shape.least}",
            self._head(node.span),
            reason=f"{len(node.items)} here",
        )

    def _entries(self, node: Node, shape: MapOf, owner: str) -> Entries | None:
        if not isinstance(node, MapNode):
            self._mismatch(node, shape, owner)
            return None
        entries: list[tuple[Text, Value]] = []
        for key, item in node.items:
            if self._merge_key(key) or self._findings.full:
                continue
            if is_null(key.text) or not key.text.text.strip():
                self._missing_value(key, Leaf.NAME, f"an entry of {owner}")
                continue
            value = self.read(item, shape.value, f"`{key.text.text}`")
            if value is not None:
                entries.append((key.text, value))
        if len(node.items) < shape.least:
            self._findings.add(
                "wrong-shape", f"{owner} is {phrase(shape)} and needs at least one", node.span, reason="none here"
            )
        return Entries(tuple(entries), node.span)

    def _record(self, node: Node, record: Record, owner: str) -> Fields | None:
        if not isinstance(node, MapNode):
            self._mismatch(node, record, owner)
            return None
        written = {key.text.text for key, _ in node.items}
        fields = Fields({}, node.span)
        for key, item in node.items:
            if self._merge_key(key) or self._findings.full:
                continue
            known = record.key(key.text.text) or self._unknown_key(key, record, written | set(fields.keys))
            if known is None:
                continue
            fields.keys[known.name] = key.text
            value = self.read(item, known.shape, f"`{known.name}`")
            if value is not None:
                fields.values[known.name] = value
        self._missing_keys(fields, record, owner)
        return fields

    def _unknown_key(self, key: ScalarNode, record: Record, taken: set[str]) -> Key | None:
        """Report the key; the one that was surely meant is read in its place, so that nothing else is blamed."""
        free = [known.name for known in record.keys if known.name not in taken]
        meant = suggest(key.text.text, free)
        helps = self._findings.replace(f"did you mean `{meant}`?", key.span, meant) if meant else ()
        self._findings.add(
            "unknown-key",
            f"{record.noun} has no key `{_short(key.text.text)}`",
            key.span,
            reason="not a key here",
            notes=(f"the keys here are {', '.join(known.name for known in record.keys)}",),
            helps=helps,
            mended=True,
        )
        return record.key(meant) if meant else None

    def _missing_keys(self, fields: Fields, record: Record, owner: str) -> None:
        for key in record.keys:
            if key.required and key.name not in fields.keys:
                self._findings.add(
                    "missing-key",
                    f"{owner} is {record.noun} and needs `{key.name}`",
                    self._head(fields.span),
                    reason=f"no `{key.name}` here",
                    notes=(f"`{key.name}`: {key.doc}",),
                    helps=(Help(f"add `{key.name}:`"),),
                )

    def _head(self, span: Span) -> Span:
        """The first line of a long stretch, enough to point at."""
        source = self._findings.source
        if span.line == span.end_line:
            return span
        return source.span(span.start, source.starts[span.line - 1] + len(source.line(span.line)))

    def _merge_key(self, key: ScalarNode) -> bool:
        if not (key.text.plain and key.text.text == "<<"):
            return False
        self._findings.add(
            "yaml-merge-key",
            "a blueprint has no YAML merge keys",
            key.span,
            reason="a merge key",
            helps=(Help("write the entries themselves"),),
        )
        return True

    def _mismatch(self, node: Node, shape: Shape, owner: str) -> None:
        if isinstance(node, ScalarNode) and is_null(node.text):
            self._missing_value(node, shape, owner)
            return
        self._findings.retract("quote-this", node.span)
        many = shape.many if isinstance(shape, Either) else shape
        helps: tuple[Help, ...] = ()
        if isinstance(many, ListOf) and self._wrappable(node, many):
            written = self._findings.source.text[node.span.start : node.span.end]
            helps = self._findings.replace(f"write `[{_short(written)}]`", node.span, f"[{written}]")
        self._wrong(node.span, shape, owner, _called(node), helps)

    def _wrappable(self, node: Node, shape: ListOf) -> bool:
        if isinstance(node, ScalarNode):
            one_line = node.span.line == node.span.end_line
            return isinstance(shape.item, Leaf) and one_line and not set(node.text.text) & set(",[]{}")
        return isinstance(shape.item, Record) and isinstance(node, MapNode) and node.flow

    def _wrong(self, span: Span, shape: Shape, owner: str, instead: str, helps: tuple[Help, ...] = ()) -> None:
        message = f"{owner} must be {phrase(shape)}, not {instead}"
        self._findings.add("wrong-shape", message, self._head(span), reason=f"this is {instead}", helps=helps)


def _item_owner(owner: str) -> str:
    return f"an item of {owner}" if not owner.startswith("an item of") else owner


def _called(node: Node) -> str:
    match node:
        case ListNode():
            return "a list"
        case MapNode():
            return "a mapping"
        case ScalarNode(text=text):
            if is_null(text):
                return "nothing"
            if is_flag(text):
                return "true or false"
            return "text" if is_string(text) else "a number"


def _short(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= 60 else line[:57] + "..."
