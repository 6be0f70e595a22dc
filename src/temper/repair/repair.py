"""A repair: a small edit that may mend what a counterexample shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from temper.pipeline import Read
from temper.report import Edit

_TOKENS = re.compile(r"\w+|[^\w\s]")

AS_IT_IS = 0
"""What a repair costs that only says more exactly when something may happen."""
OTHER_RULES = 1
"""One after which something else happens: an update, a target, a timer, an action, a policy."""
WORLD = 2
"""One that changes what the outside is taken to do."""
WEAKER = 3
"""One that lets a promise rest on more than before."""
COSTS = {WORLD: "changes what the outside is taken to do", WEAKER: "lets the promise rest on more"}


@dataclass(frozen=True, slots=True)
class Repair:
    """What is done, in words and as edits of one file. `cost` says what kind of change it is: see above."""

    kind: str
    message: str
    edits: tuple[Edit, ...]
    cost: int = AS_IT_IS
    relevance: int = 0
    """How much it has to do with what is refuted: 0 speaks of the same data, more speaks of something else."""


def size(read: Read, repair: Repair) -> int:
    """How many words and signs a repair adds or takes away.

    >>> from temper.report import Source
    >>> source = Source("a.yaml", "when: a < b\\n")
    >>> size(Read(source), Repair("", "", (Edit(source.span(6, 11), "a <= b and c"),)))
    5
    """
    texts = {source.path: source.text for source in read.sources}
    return sum(
        _distance(texts[edit.span.path][edit.span.start : edit.span.end], edit.replacement) for edit in repair.edits
    )


def _distance(before: str, after: str) -> int:
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return len(old) + len(new)
