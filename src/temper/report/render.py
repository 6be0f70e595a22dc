"""Diagnostics for people: the wrong text, marked, with its reason and its cure. Nothing else makes them text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temper.report.diagnostic import Diagnostic, Severity
from temper.report.display import columns, visible, window
from temper.report.span import Source, Span

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "gutter": "\x1b[1;34m", "help": "\x1b[1;32m"}


@dataclass(frozen=True, slots=True)
class _Mark:
    """A stretch of one line to underline. Columns count characters from 0, `end` is exclusive."""

    line: int
    start: int
    end: int
    text: str
    primary: bool


@dataclass(frozen=True, slots=True)
class _Paint:
    """Colour if it is wanted, else nothing."""

    color: bool

    def __call__(self, kind: str, text: str) -> str:
        if not self.color or not text:
            return text
        return f"{_COLORS.get(kind, _BOLD)}{text}{_RESET}"


def render(diagnostic: Diagnostic, sources: Iterable[Source] = (), color: bool = False) -> str:  # noqa: FBT001, FBT002
    r"""The diagnostic as a person reads it, without a final line break.

    Whatever a file holds, the result is bounded and holds no character that a terminal would obey.

    >>> source = Source("a.yaml", "when: 5\n")
    >>> finding = Diagnostic("guard-not-boolean", "the guard is an int", source.span(6, 7), reason="an int")
    >>> print(render(finding, [source]))
    error[guard-not-boolean]: the guard is an int
     --> a.yaml:1:7
      |
    1 | when: 5
      |       ^ an int
      |
      = more: temper explain guard-not-boolean
    """
    paint = _Paint(color)
    severity = diagnostic.severity.value
    head = f"{paint(severity, f'{severity}[{diagnostic.code}]')}{paint('bold', f': {visible(diagnostic.message)}')}"
    by_path = {source.path: source for source in sources}
    groups = _marks(diagnostic, by_path)
    gutter = max((len(str(mark.line)) for marks in groups.values() for mark in marks), default=0)
    lines = [head]
    for number, (path, marks) in enumerate(groups.items()):
        place = _place(diagnostic, path, marks, first=number == 0)
        lines += _excerpt(by_path[path], marks, gutter, place, severity, paint)
    if not groups and diagnostic.span is not None:
        lines.append(f"{paint('gutter', '-->')} {visible(str(diagnostic.span))}")
    return "\n".join((*lines, *_footer(diagnostic, gutter, paint)))


def render_line(diagnostic: Diagnostic) -> str:
    r"""The diagnostic in one line, as editors and `grep` want it.

    >>> render_line(Diagnostic("empty-file", "there is nothing here", Source("a.yaml", "").span(0, 0)))
    'a.yaml:1:1: error[empty-file]: there is nothing here'
    """
    place = f"{diagnostic.span}: " if diagnostic.span is not None else ""
    message = diagnostic.message.replace("\n", " ")
    return visible(f"{place}{diagnostic.severity.value}[{diagnostic.code}]: {message}")


def diagnostic_to_json(diagnostic: Diagnostic) -> dict[str, object]:
    """The diagnostic as JSON data, with its edits, for tools and agents."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "span": _span_to_json(diagnostic.span) if diagnostic.span is not None else None,
        "reason": diagnostic.reason,
        "labels": [{"span": _span_to_json(label.span), "text": label.text} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "helps": [
            {
                "text": one.text,
                "edits": [{"span": _span_to_json(edit.span), "replacement": edit.replacement} for edit in one.edits],
            }
            for one in diagnostic.helps
        ],
    }


def _span_to_json(span: Span) -> dict[str, object]:
    return {
        "path": span.path,
        "start": span.start,
        "end": span.end,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _marks(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> dict[str, list[_Mark]]:
    """What is to be underlined in each file, the file of the finding first."""
    groups: dict[str, list[_Mark]] = {}
    spans = [(diagnostic.span, diagnostic.reason, True)] if diagnostic.span is not None else []
    spans += [(label.span, label.text, False) for label in diagnostic.labels]
    for span, text, primary in spans:
        source = sources.get(span.path)
        if source is not None:
            groups.setdefault(span.path, []).extend(_marks_of(span, source, text, primary=primary))
    return {path: sorted(marks, key=lambda one: (one.line, one.start, one.end)) for path, marks in groups.items()}


def _marks_of(span: Span, source: Source, text: str, *, primary: bool) -> list[_Mark]:
    """One mark, or for a stretch of several lines one on its first and one on its last."""
    start, end = span.column - 1, span.end_column - 1
    if span.line == span.end_line:
        return [_Mark(span.line, start, max(end, start + 1), text, primary)]
    first = source.line(span.line)
    last_line, last_end = (span.end_line, end) if end > 0 else (span.end_line - 1, len(source.line(span.end_line - 1)))
    if last_line == span.line:
        return [_Mark(span.line, start, max(len(first), start + 1), text, primary)]
    last = source.line(last_line)
    last_start = min(len(last) - len(last.lstrip()), max(last_end - 1, 0))
    return [
        _Mark(span.line, start, max(len(first), start + 1), "from here", primary),
        _Mark(last_line, last_start, max(last_end, last_start + 1), f"to here: {text}" if text else "to here", primary),
    ]


def _place(diagnostic: Diagnostic, path: str, marks: list[_Mark], *, first: bool) -> str:
    """`-->` and the finding's place, or `:::` and the place of what explains it in another file."""
    if diagnostic.span is not None and diagnostic.span.path == path:
        return f"--> {visible(str(diagnostic.span))}"
    arrow = "-->" if first and diagnostic.span is None else ":::"
    return f"{arrow} {visible(path)}:{marks[0].line}:{marks[0].start + 1}"


def _excerpt(source: Source, marks: list[_Mark], gutter: int, place: str, severity: str, paint: _Paint) -> list[str]:
    """The marked lines with what is between them, or `⋮` where that is more than one line."""
    arrow, _, where = place.partition(" ")
    bar = paint("gutter", f"{'':{gutter}} |")
    lines = [f"{'':{gutter}}{paint('gutter', arrow)} {where}", bar]
    before = 0
    for number in sorted({mark.line for mark in marks}):
        if before and number == before + 2:
            lines.append(_numbered(before + 1, window(source.line(before + 1), 0, 0)[0], gutter, paint))
        elif before and number > before + 2:
            lines.append(f"{'':{gutter}} {paint('gutter', '⋮')}")
        here = [mark for mark in marks if mark.line == number]
        lines += _marked_line(source.line(number), here, gutter, severity, paint)
        before = number
    return [*lines, bar]


def _marked_line(line: str, marks: list[_Mark], gutter: int, severity: str, paint: _Paint) -> list[str]:
    """One line and a row of underlining for each mark on it."""
    shown, offset, cut_left, cut_right = window(
        line, min(mark.start for mark in marks), max(mark.end for mark in marks)
    )
    left = "…" if cut_left else ""
    lines = [_numbered(marks[0].line, f"{left}{shown}{'…' if cut_right else ''}", gutter, paint)]
    for mark in marks:
        start = min(max(mark.start - offset, 0), len(shown))
        end = min(max(mark.end - offset, start), len(shown))
        indent = columns(left + shown[:start])
        sign = "^" if mark.primary else "-"
        under = paint(
            severity if mark.primary else "gutter",
            f"{sign * max(1, columns(shown[start:end]))} {visible(mark.text)}".rstrip(),
        )
        bar = paint("gutter", f"{'':{gutter}} |")
        lines.append(f"{bar} {' ' * indent}{under}")
    return lines


def _numbered(number: int, text: str, gutter: int, paint: _Paint) -> str:
    return f"{paint('gutter', f'{number:>{gutter}} |')} {visible(text)}".rstrip()


def _footer(diagnostic: Diagnostic, gutter: int, paint: _Paint) -> list[str]:
    notes = [("note", note) for note in diagnostic.notes]
    helps = [("help", one.text) for one in diagnostic.helps]
    more = [("more", f"temper explain {diagnostic.code}")]
    lines: list[str] = []
    for kind, text in (*notes, *helps, *more):
        first, *rest = text.split("\n")
        equals = paint("gutter", f"{'':{gutter}} =")
        label = paint("help", f"{kind}:") if kind == "help" else paint("bold", f"{kind}:")
        lines.append(f"{equals} {label} {visible(first)}")
        lines += [f"{'':{gutter}}   {'':{len(kind) + 1}} {visible(line)}".rstrip() for line in rest]
    return lines


assert set(_COLORS) >= {severity.value for severity in Severity}, "every severity has a colour"
