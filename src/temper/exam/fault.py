"""A fault: one small thing wrong with a blueprint, as edits of what its author wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from temper.pipeline import Read
from temper.report import Edit, Source, Span, apply_edits


@dataclass(frozen=True, slots=True)
class Fault:
    """What is planted, where, and the edits that do it. All of them are of one file.

    `action` is the one whose rows it changes, `Entity.action`; empty where it changes something else.
    """

    kind: str
    where: str
    message: str
    edits: tuple[Edit, ...]
    action: str = ""

    @property
    def span(self) -> Span:
        """Where an author looks."""
        return min(edit.span for edit in self.edits)

    @property
    def path(self) -> str:
        return self.span.path


def edited(read: Read, edits: Iterable[Edit]) -> Read:
    """The files with edits made, each in its own.

    >>> before = Read(Source("a.yaml", "a: 1"))
    >>> edited(before, [Edit(before.source.span(3, 4), "2")]).source.text
    'a: 2'
    """
    listed = tuple(edits)
    source, *policies = (_edited(source, listed) for source in read.sources)
    return replace(read, source=source, policies=tuple(policies))


def _edited(source: Source, edits: tuple[Edit, ...]) -> Source:
    own = [edit for edit in edits if edit.span.path == source.path]
    return Source(source.path, apply_edits(source.text, own)) if own else source


def source_of(read: Read, path: str) -> Source:
    """The file of that path."""
    return next(source for source in read.sources if source.path == path)


def change_lines(read: Read, edits: Iterable[Edit]) -> list[str]:
    """The lines that edits change, before with `-` and after with `+`, each edit under its file and line.

    >>> before = Read(Source("a.yaml", "a: 1\\nb: 2\\n"))
    >>> change_lines(before, [Edit(before.source.span(8, 9), "3")])
    ['a.yaml:2', '  - b: 2', '  + b: 3']
    """
    listed = sorted(edits, key=lambda edit: edit.span)
    lines: list[str] = []
    for group in _together(listed):
        source = source_of(read, group[0].span.path)
        first, last = group[0].span.line, max(edit.span.end_line for edit in group)
        if group[-1].span.end_column == 1 and last > first:
            last -= 1
        start, end = source.starts[first - 1], (source.starts[last] if last < len(source.starts) else len(source.text))
        end = max(end, *(edit.span.end for edit in group))
        part = Source(source.path, source.text[start:end])
        moved = [Edit(part.span(edit.span.start - start, edit.span.end - start), edit.replacement) for edit in group]
        lines.append(f"{source.path}:{first}")
        before, after = part.text.splitlines(), apply_edits(part.text, moved).splitlines()
        shared = [line for line in before if line in after] if len(after) > len(before) else []
        lines += [f"  - {line.strip()}" for line in before if line.strip() and line not in shared]
        lines += [f"  + {line.strip()}" for line in after if line.strip() and line not in shared]
    return lines


def _together(edits: list[Edit]) -> list[list[Edit]]:
    """Edits of lines that touch, told together."""
    groups: list[list[Edit]] = []
    for edit in edits:
        last = groups[-1][-1] if groups else None
        if last is not None and last.span.path == edit.span.path and edit.span.line <= last.span.end_line:
            groups[-1].append(edit)
        else:
            groups.append([edit])
    return groups
