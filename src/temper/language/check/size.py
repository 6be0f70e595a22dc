"""How large a blueprint may be, so that whatever is made of it stays in proportion to its text."""

from __future__ import annotations

from temper.language.check.findings import Findings
from temper.language.syntax import ActionSyntax, EntitySyntax, EnumSyntax, Tree
from temper.report import Span

LISTED_MAX = 1_000
"""How many states an entity and members an enum may have."""
ROWS_MAX = 100_000
"""How many rows the table may have: an action has one for each state that it starts in and each of its cases."""


def check_size(tree: Tree, findings: Findings) -> bool:
    """Whether the blueprint is small enough to be looked at closely; `from: any` makes much of little text."""
    before = findings.errors
    for type_ in tree.types:
        if isinstance(type_.value, EnumSyntax) and len(type_.value.members) > LISTED_MAX:
            _too_many(type_.value.members[LISTED_MAX].span, "members", len(type_.value.members), LISTED_MAX, findings)
    for entity in tree.entities:
        if len(entity.states) > LISTED_MAX:
            _too_many(entity.states[LISTED_MAX].span, "states", len(entity.states), LISTED_MAX, findings)
    rows = sum(_rows(action, entity) for entity in tree.entities for action in entity.actions)
    if rows > ROWS_MAX:
        _too_many(tree.name.span, "rows", rows, ROWS_MAX, findings)
    return findings.errors == before


def _rows(action: ActionSyntax, entity: EntitySyntax) -> int:
    sources = len(entity.states) if any(text.text == "any" for text in action.from_) else len(action.from_)
    return sources * max(1, len(action.cases))


def _too_many(span: Span, what: str, count: int, most: int, findings: Findings) -> None:
    findings.add(
        "too-many-parts",
        f"there are {count:,} {what} here, but at most {most:,} can be checked",
        span,
        reason=f"more than {most:,}",
        notes=("what has a number belongs into data, not into states or members",),
    )
