"""Families for tests: from a text, or a changed example, to its family and what is proved of all its members."""

from __future__ import annotations

from support.examples import EXAMPLES
from temper.language import check, family, lower, parse
from temper.machine import Family, TransitionTable
from temper.report import Source

TWOPHASE = (EXAMPLES / "twophase" / "twophase.yaml").read_text(encoding="utf-8")


def family_of(text: str) -> Family | None:
    """The family of a blueprint that is right."""
    tree, findings = parse(Source("family.yaml", text))
    assert tree is not None, findings
    return family(tree, {})


def member_of(text: str, **constants: int) -> TransitionTable | None:
    """The table for these values of constants; None where the blueprint is none with them."""
    tree, findings = parse(Source("family.yaml", text))
    assert tree is not None, findings
    blueprint, _ = check(tree, {name: str(value) for name, value in constants.items()})
    return None if blueprint is None else lower(blueprint)


def changed(text: str, *edits: tuple[str, str]) -> str:
    """The text after edits, each of which fits in exactly one place."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text
