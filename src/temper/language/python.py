"""Python's syntax, borrowed: a scalar's text as `ast` nodes that know their place in the file.

Nothing is ever run. Two things are ours: durations such as `30s` are literals, and everything is bounded, so that
a hostile text costs no more than a long one.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from temper.language.parse.quote import quoted
from temper.language.syntax import Text
from temper.machine import parse_duration
from temper.report import Diagnostic, Edit, Help, Span

LENGTH_MAX = 2_000
DEPTH_MAX = 50
"""How deep nodes may nest; a chain such as `a + b + c` nests once for each operator."""

_LITERALS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<![\w.])\d+(?:ms|s|m|h|d)(?!\w)|#")
_PLAIN = re.compile(r"(?!(?:true|false|null)\Z)[A-Za-z(][\w .+*/%()<>=!-]*")
"""What YAML reads as a plain scalar wherever it stands."""
_MEANT = {"&&": "and", "||": "or", "!": "not ", "===": "=="}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A scalar and its one Python expression. `lead` is how many blanks stand before it."""

    text: Text
    body: ast.expr
    lead: int
    line: str

    def span(self, node: ast.expr | ast.keyword) -> Span:
        """Where the node stands in the file."""
        assert node.end_col_offset is not None
        return self.between(node.col_offset, node.end_col_offset)

    def between(self, start: int, end: int) -> Span:
        """The stretch between two of Python's columns, which count bytes."""
        return self.text.at(self._character(start), self._character(end))

    def written(self, node: ast.expr) -> str:
        """The node's text as the author wrote it."""
        assert node.end_col_offset is not None
        return self.text.text[self._character(node.col_offset) : self._character(node.end_col_offset)]

    def replaced(self, start: int, end: int | None, replacement: str) -> str:
        """The whole text with something else between two of Python's columns."""
        assert end is not None, "a node that was parsed has an end"
        text = self.text.text
        return text[: self._character(start)] + replacement + text[self._character(end) :]

    def edit(self, node: ast.expr, replacement: str) -> Edit:
        """The edit that puts something else in a node's place. What YAML would take apart is quoted as a whole."""
        assert node.end_col_offset is not None
        start, end = self._character(node.col_offset), self._character(node.end_col_offset)
        whole = self.text.text[:start] + replacement + self.text.text[end:]
        in_quotes = self.text.source.text[self.text.span.start : self.text.span.start + 1] in {"'", '"'}
        if (self.text.plain and not _PLAIN.fullmatch(whole)) or (in_quotes and set(replacement) & set("'\"\\")):
            return Edit(self.text.span, quoted(whole))
        return Edit(self.text.at(start, end), replacement)

    def duration(self, node: ast.expr) -> int | None:
        """The milliseconds of a duration literal, None for every other node."""
        return parse_duration(self.written(node)) if isinstance(node, ast.Name) and node.id.startswith("_") else None

    def _character(self, column: int) -> int:
        if self.line.isascii():
            return column + self.lead
        return len(self.line.encode()[:column].decode()) + self.lead


def parse_python(text: Text) -> Parsed | Diagnostic:
    """The expression that a scalar holds, or what is wrong with it.

    >>> from temper.report import Source
    >>> source = Source("a.yaml", "x + 30s")
    >>> parsed = parse_python(Text("x + 30s", source.span(0, 7), source))
    >>> parsed.span(parsed.body.right).column
    5
    """
    result = _parse(text.text)
    if isinstance(result, _Wrong):
        span = text.at(min(result.start, len(text.text)), min(result.end, len(text.text)))
        span = span if result.end > result.start else text.span
        helps = tuple(Help(f"write `{fix.strip()}`", (Edit(span, fix),)) for fix in result.fixes)
        return Diagnostic(result.code, result.message, span, reason=result.reason, helps=helps, notes=result.notes)
    body, lead, line = result
    return Parsed(text, body, lead, line)


def mentions(text: Text, name: str) -> bool:
    """Whether the expression reads this bare name; a text that does not parse mentions nothing."""
    result = _parse(text.text)
    if isinstance(result, _Wrong):
        return False
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(result[0]))


@dataclass(frozen=True, slots=True)
class _Wrong:
    code: str
    message: str
    start: int = 0
    end: int = 0
    reason: str = ""
    fixes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[ast.expr, int, str] | _Wrong:
    """Parse once for each text; the nodes are shared and never changed."""
    if len(text) > LENGTH_MAX:
        return _Wrong("expression-too-large", f"an expression has at most {LENGTH_MAX:,} characters, not {len(text):,}")
    masked = _mask(text)
    if isinstance(masked, _Wrong):
        return masked
    line = masked.strip(" ")
    lead = len(masked) - len(masked.lstrip(" "))
    if not line:
        return _Wrong("expression-syntax", "an expression is missing here", reason="nothing is written here")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        return _syntax(text, error, lead)
    except (ValueError, MemoryError, RecursionError):
        return _Wrong("expression-syntax", "this is no expression: Python cannot read it")
    if _depth(body) > DEPTH_MAX:
        return _Wrong("expression-too-large", f"an expression nests at most {DEPTH_MAX} levels deep")
    return body, lead, line


def _mask(text: str) -> str | _Wrong:
    """The text on one line, with each duration as a name that no author can write: `30s` is `_0s`."""
    pieces = []
    end = 0
    for found in _LITERALS.finditer(text):
        piece = found.group()
        if piece == "#":
            return _Wrong(
                "expression-syntax",
                "a comment cannot stand inside an expression",
                found.start(),
                len(text),
                reason="Python would ignore everything from here on",
                notes=("write the comment outside the quotes, where YAML sees it",),
            )
        pieces.append(_flat(text[end : found.start()]))
        pieces.append(piece if piece[0] in "'\"" else "_" + piece[1:])
        end = found.end()
    return "".join([*pieces, _flat(text[end:])])


def _flat(text: str) -> str:
    return re.sub(r"[\n\r\t\f]", " ", text)


def _depth(body: ast.expr) -> int:
    depth, level = 0, [body]
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        else:
            yield from _children(child)


def _syntax(text: str, error: SyntaxError, lead: int) -> _Wrong:
    start = max(0, (error.offset or 1) - 1) + lead
    end = max(start + 1, (error.end_offset or 0) - 1 + lead)
    shown = text if len(text) <= 60 else text[:57] + "..."
    for wrong, meant in _MEANT.items():
        at = text.find(wrong)
        if at >= 0 and text[at : at + 2] != "!=":
            reason = f"this is `{meant.strip()}` in Python's syntax"
            return _Wrong(
                "expression-syntax",
                f"`{shown}` is no expression: `{wrong}` is written `{meant.strip()}`",
                at,
                at + len(wrong),
                reason,
                (meant,),
            )
    single = re.search(r"(?<![=!<>:])=(?!=)", text)
    if single and "==" in (error.msg or ""):
        return _Wrong(
            "expression-syntax",
            f"`{shown}` is no expression: `=` sets, `==` compares",
            single.start(),
            single.end(),
            "compare with `==`",
            ("==",),
        )
    if "Generator expression must be parenthesized" in (error.msg or ""):
        return _Wrong(
            "expression-syntax",
            f"`{shown}` is no expression: the loop needs parentheses of its own",
            start,
            end,
            "put `(` and `)` around this",
            (f"({text[start:end]})",),
        )
    why = _why(error.msg or "")
    return _Wrong("expression-syntax", f"`{shown}` is no expression: {why}", start, end, reason=why)


def _why(message: str) -> str:
    message = message.split(". ", 1)[0].replace("'", "`")
    return {"invalid syntax": "Python's grammar has nothing like this"}.get(message, message[:1].lower() + message[1:])
