"""Where YAML itself stumbles: its own words turned into ours, with a cure."""

from __future__ import annotations

import yaml

from temper.language.parse.findings import Findings
from temper.report import Edit, Help, Label, Source

_TAB_EDITS_MAX = 1000

_CURES: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a second `:` on this line, or a key that is indented deeper than its neighbours",
        "indent the keys of one mapping alike, and quote a text that contains `: `",
    ),
    (
        "block sequence entries are not allowed",
        "a list item starts where no list can",
        "put the `-` on a line of its own",
    ),
    (
        "could not find expected ':'",
        "a key without its `:`",
        "write `key: value`, or indent the line as part of the text above",
    ),
    ("found unexpected end of stream", "a quoted text never ends", "close the quote"),
    ("found unexpected document indicator", "a quoted text never ends", "close the quote"),
    (
        "found unknown escape character",
        "an escape that YAML does not know",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    ("Unicode character escape", "an escape that names no character", "write the character itself"),
    ("hexdecimal number", "an escape without its digits", "write the character itself"),
    ("hexadecimal", "an escape without its digits", "write the character itself"),
    (
        "comment or line break",
        "text on the line of a `|` or `>`",
        "quote the value, or start the text on the next line",
    ),
    (
        "',' or '}'",
        "a `}` or a comma is missing",
        "close the mapping, separate its entries with commas, and quote expressions",
    ),
    (
        "',' or ']'",
        "a `]` or a comma is missing",
        "close the list, separate its items with commas, and quote expressions",
    ),
    ("expected key", "no key where a mapping goes on", "indent the keys of one mapping alike"),
    ("<block end>", "no key where a mapping goes on", "indent the keys of one mapping alike"),
    ("'-' indicator", "no `-` where a list goes on", "indent the items of one list alike"),
    ("node content", "a value is missing", "write the value"),
    ("document start", "text after the end of the blueprint", "keep one blueprint in one file"),
    ("alphabetic or numeric", "a `*` or `&` without a name", "quote the value"),
    ("cannot start any token", "a character that cannot begin a value", "quote the value"),
)


def report_yaml_error(findings: Findings, error: yaml.YAMLError) -> None:
    """Report what YAML could not read, pointing where it gave up and where the open construct began."""
    source = findings.source
    problem = str(getattr(error, "problem", None) or error)
    mark = getattr(error, "problem_mark", None)
    index = min(mark.index, len(source.text)) if mark is not None else 0
    if _is_tab(source, index, problem):
        _report_tab(findings, index)
    elif "directive" in problem or (source.text[index : index + 1] == "%" and _starts_line(source, index)):
        report_directive(findings, index)
    else:
        _report_syntax(findings, error, problem, index)


def report_directive(findings: Findings, index: int) -> None:
    """Report a line that begins with `%`."""
    source = findings.source
    end = source.text.find("\n", index)
    span = source.span(index, len(source.text) if end < 0 else end)
    findings.add(
        "yaml-directive",
        "a blueprint has no YAML directives",
        span,
        reason="a directive",
        notes=("every blueprint is YAML 1.2 with the core schema; there is nothing to choose",),
        helps=findings.replace("remove the line", span, ""),
    )


def _report_syntax(findings: Findings, error: yaml.YAMLError, problem: str, index: int) -> None:
    source = findings.source
    what, cure = next(((what, cure) for part, what, cure in _CURES if part in problem), (problem, "mend the YAML"))
    context = getattr(error, "context_mark", None)
    labels: tuple[Label, ...] = ()
    if context is not None and context.index < index:
        opened = source.text[context.index : context.index + 1] in {"{", "[", '"', "'"}
        text = "this is still open" if opened else "what it belongs to begins here"
        labels = (Label(source.span(context.index, context.index + 1), text),)
    findings.add(
        "yaml-syntax",
        f"this is not YAML: {what}",
        source.span(index, index + 1),
        reason="YAML cannot read on from here",
        labels=labels,
        helps=(Help(cure),),
    )


def _is_tab(source: Source, index: int, problem: str) -> bool:
    return source.text[index : index + 1] == "\t" or "tab character" in problem


def _report_tab(findings: Findings, index: int) -> None:
    source = findings.source
    line_start = source.text.rfind("\n", 0, index) + 1
    end = index
    while source.text[end : end + 1] in {"\t", " "}:
        end += 1
    findings.add(
        "tab-indent",
        "a tab in the indentation, but YAML is indented with spaces",
        source.span(index, max(end, index + 1)),
        reason="a tab" if not source.text[line_start:index].strip() else "a tab where a value would begin",
        helps=(Help("use spaces; here each tab becomes two", _tab_edits(source)),),
    )


def _tab_edits(source: Source) -> tuple[Edit, ...]:
    edits = []
    for start in source.starts:
        end = start
        while source.text[end : end + 1] in {"\t", " "}:
            end += 1
        if "\t" in source.text[start:end]:
            edits.append(Edit(source.span(start, end), source.text[start:end].replace("\t", "  ")))
        if len(edits) >= _TAB_EDITS_MAX:
            break
    return tuple(edits)


def _starts_line(source: Source, index: int) -> bool:
    return index == 0 or source.text[index - 1] == "\n"
