"""Parsing: from a source to the tree of a blueprint, with every finding of its shape in one run."""

from __future__ import annotations

from temper.language.parse.build import build
from temper.language.parse.characters import SIZE_MAX, check_characters, too_large
from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.grammar import BLUEPRINT
from temper.language.parse.read import Fields, Reader
from temper.language.syntax import Tree
from temper.report import Diagnostic, Source

__all__ = ["parse"]


def parse(source: Source, policies: tuple[Source, ...] = ()) -> tuple[Tree | None, tuple[Diagnostic, ...]]:
    r"""The tree of a blueprint, and everything that is wrong with its shape.

    It ends in bounded time and memory whatever the text holds, and never raises. There may be a tree although
    there are findings: then each of them was read as its author surely meant it, so that checking may go on
    and find what else is wrong. Without a tree some part could not be read at all.

    >>> tree, found = parse(Source("a.yaml", "temper: 1\nblueprint: a\nentities: {A: {states: [on]}}\n"))
    >>> tree.entities[0].states[0].text, found
    ('on', ())
    """
    if len(source.text) > SIZE_MAX:
        return None, (too_large(source),)
    findings = Findings(source)
    check_characters(findings)
    root = None if findings.sorted() else _read(findings)
    if root is None or not findings.whole:
        return None, findings.sorted()
    return build(source, root, policies), findings.sorted()


def _read(findings: Findings) -> Fields | None:
    node = compose(findings)
    if node is None:
        return None
    read = Reader(findings).read(node, BLUEPRINT, "the file")
    return read if isinstance(read, Fields) else None
