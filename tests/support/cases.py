"""Cases: prose, a fenced blueprint, and comments that say what is wrong in it. The language is specified by these.

A case file is Markdown. Each block fenced as `yaml` is checked and must hold exactly the errors that its comments
announce, each on its line: `# error: [code]`, or several codes, each in brackets. A block without one must
lower to a table. What follows `yaml` says what the block is:

- nothing: a whole blueprint, which begins with `temper: 1`;
- `action`, `data`, `timer`, `entity`, `effect`, `property`, `type`, `constant` or `top`: a fragment, placed into
  `frame.yaml` where that file says `#> action` and so on;
- `expression`: one expression a line, each the guard of an action of the frame's `Job`;
- `with N=7`: (after the others) constants set for the run.

An error that stands in none of the block's lines (in the frame, or in no file) is announced by a comment alone on
its line. A block fenced as `cedar` before it is the folder's policy file, where `// error: [code]` announces.

A block fenced as `text` after it holds the full rendering of its errors. `make bless`, which runs these tests with
`TEMPER_BLESS=1`, writes it; it is never edited by hand, and the difference is read in review.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from temper.language import check, lower, parse
from temper.machine import TransitionTable
from temper.report import Diagnostic, Source, render

FRAME = Path(__file__).with_name("frame.yaml")
_FENCE = re.compile(r"^(?P<ticks>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)[ ]*$\n?", re.DOTALL | re.MULTILINE)
_ANNOUNCED = re.compile(r"(?:#|//)\s*error:((?:\s*\[[a-z0-9-]+\])+)")
_EXPRESSION = "expression"
_CEDAR = 10_000
"""Lines of a policy file are counted from here, so that they are not mistaken for the blueprint's."""


@dataclass(frozen=True)
class Case:
    """One fenced blueprint. `text` is the block after it that holds its rendering, if there is one."""

    path: Path
    number: int
    line: int
    info: str
    body: str
    policy: str
    golden: str | None
    golden_at: tuple[int, int]
    heading: str

    @property
    def name(self) -> str:
        return f"{self.path.stem}:{self.line}"


@dataclass(frozen=True)
class Checked:
    """What came of a case."""

    sources: tuple[Source, ...]
    table: TransitionTable | None
    found: tuple[Diagnostic, ...]

    @property
    def rendered(self) -> str:
        return "\n\n".join(render(one, self.sources) for one in self.found) + "\n"


def read_cases(path: Path) -> list[Case]:
    """The cases of a Markdown file, in order."""
    text = path.read_text(encoding="utf-8")
    fences = list(_FENCE.finditer(text))
    cases: list[Case] = []
    ends = [None] if fences else []
    for before, fence, following in zip([*ends, *fences[:-1]], fences, [*fences[1:], *ends], strict=True):
        if fence["info"].split()[:1] != ["yaml"]:
            continue
        golden = following if following is not None and following["info"].strip() == "text" else None
        heading = re.findall(r"^#+ (.*)$", text[: fence.start()], re.MULTILINE)
        cases.append(
            Case(
                path,
                len(cases),
                text.count("\n", 0, fence.start()) + 1,
                fence["info"].strip().removeprefix("yaml").strip(),
                fence["body"],
                before["body"] if before is not None and before["info"].strip() == "cedar" else "",
                golden["body"] if golden else None,
                (golden.start("body"), golden.end("body")) if golden else (0, 0),
                heading[-1] if heading else path.stem,
            )
        )
    return cases


def check_case(case: Case) -> Checked:
    """Parse, check and, if nothing is wrong, lower the case's blueprint."""
    source = Source("case.yaml", _whole(case)[0])
    policies = (Source("case.cedar", case.policy),) if case.policy else ()
    tree, found = parse(source, policies)
    blueprint = None
    if tree is not None:
        blueprint, more = check(tree, _constants(case))
        found = (*found, *more)
    return Checked((source, *policies), lower(blueprint) if blueprint is not None and not found else None, found)


def check_text(text: str) -> list[str]:
    """The messages of everything that is wrong with a text that parses."""
    tree, found = parse(Source("case.yaml", text))
    assert tree is not None, [one.message for one in found]
    return [one.message for one in (*found, *check(tree)[1])]


def announced(case: Case) -> Counter[tuple[int, str]]:
    """The errors that the comments announce, as (line of the block, code)."""
    return _announced(case.body, 0) + _announced(case.policy, _CEDAR)


def _announced(text: str, first: int) -> Counter[tuple[int, str]]:
    return Counter(
        (0 if line.startswith("# error") else first + number, code)
        for number, line in enumerate(text.splitlines(), 1)
        if (said := _ANNOUNCED.search(line))
        for code in re.findall(r"\[([a-z0-9-]+)\]", said[1])
    )


def happened(case: Case, checked: Checked) -> Counter[tuple[int, str]]:
    """The errors that were found, as (line of the block, code); 0 is outside of the block."""
    places = _whole(case)[1]
    return Counter((_line(one, places), one.code) for one in checked.found)


def _line(finding: Diagnostic, places: dict[int, int]) -> int:
    if finding.span is None:
        return 0
    return _CEDAR + finding.span.line if finding.span.path.endswith(".cedar") else places.get(finding.span.line, 0)


def bless(case: Case, rendered: str) -> None:
    """Write the rendering into the case's file. Blocks are blessed one at a time, so that offsets hold."""
    text = case.path.read_text(encoding="utf-8")
    start, end = read_cases(case.path)[case.number].golden_at
    case.path.write_text(text[:start] + rendered + text[end:], encoding="utf-8")


def _constants(case: Case) -> dict[str, str]:
    _, _, given = case.info.partition("with ")
    return dict(pair.split("=", 1) for pair in given.split())


def _whole(case: Case) -> tuple[str, dict[int, int]]:
    """The whole blueprint of a case, and for each of its lines the line of the block that it comes from."""
    kind = case.info.partition("with ")[0].strip()
    lines = list(enumerate(case.body.splitlines(), 1))
    if not kind:
        return _numbered(lines)
    if kind == _EXPRESSION:
        return _framed("action", list(_guards(lines)))
    return _framed(kind, lines)


def _numbered(lines: list[tuple[int, str]]) -> tuple[str, dict[int, int]]:
    text = "".join(line + "\n" for _, line in lines)
    return text, {at: number for at, (number, _) in enumerate(lines, 1)}


def _guards(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Each expression as the guard of an action of its own."""
    for number, line in lines:
        if line.strip() and not line.startswith("#"):
            yield 0, f"expression_{number}:"
            yield 0, "  by: clerk"
            yield 0, "  params: {n: int, flag: bool, who: principal, worker: Worker, patience: duration}"
            yield 0, "  from: open"
            yield number, f"  when: {line}"


@cache
def _frame() -> str:
    return FRAME.read_text(encoding="utf-8")


def _framed(kind: str, body: list[tuple[int, str]]) -> tuple[str, dict[int, int]]:
    """The frame with a fragment in its place, which is marked `#> kind` and has the indent that the fragment takes."""
    lines = _frame().splitlines()
    at = next((number for number, line in enumerate(lines) if line.strip() == f"#> {kind}"), None)
    assert at is not None, f"the frame has no place for `{kind}`"
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    placed = [(number, indent + line if line.strip() else line) for number, line in body]
    around = [
        [(0, line) for line in part if not line.strip().startswith("#> ")] for part in (lines[:at], lines[at + 1 :])
    ]
    return _numbered([*around[0], *placed, *around[1]])
