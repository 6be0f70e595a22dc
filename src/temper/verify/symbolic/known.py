"""What earlier runs found out about a table: a hint for the next one, and never a verdict.

Finding lemmas takes most of a proof's time; showing that they do takes a few questions. So what is kept are the names
of what was proved, the lemmas that it takes, and what no proof was found for. The next run asks the solver again
whether these lemmas hold at the start and are kept by every row. A file that was tampered with, or is of another
table, can make a run slower or leave something to the search, and cannot make anything proved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import z3

from temper.machine import (
    NotAValueError,
    Property,
    Proved,
    TransitionTable,
    canonical_json,
    property_from_json,
    property_to_json,
    table_hash,
)
from temper.verify import kept
from temper.verify.prover import Proofs

KIND = "proofs"


@dataclass(frozen=True, slots=True)
class Known:
    """The names of what was proved, with the lemmas that it takes, and of what was not."""

    proved: tuple[str, ...]
    lemmas: tuple[Property, ...]
    open: tuple[str, ...]
    thorough: bool = True
    """Whether nothing was spared to find proofs."""


def find(table: TransitionTable) -> Known | None:
    """What this very prover said of this very table; None if nobody knows."""
    body = kept.find(_key(table), KIND)
    try:
        data = None if body is None else json.loads(body)
        if data is None:
            return None
        lemmas = tuple(map(property_from_json, data["lemmas"]))
        return Known(tuple(data["proved"]), lemmas, tuple(data["open"]), data["thorough"] is True)
    except (ValueError, KeyError, TypeError, NotAValueError):
        return None


def keep(table: TransitionTable, proofs: Proofs, *, thorough: bool) -> None:
    """Keep what was found out. What took so long that the solver may have been cut short is looked for anew."""
    named = {finding.name: isinstance(finding.verdict, Proved) for finding in proofs.findings}
    data = {
        "thorough": thorough,
        "proved": [name for name, is_proved in named.items() if is_proved],
        "lemmas": list(map(property_to_json, proofs.lemmas)),
        "open": [name for name, is_proved in named.items() if not is_proved] if proofs.is_whole else [],
    }
    body = canonical_json(data).encode()
    if kept.find(_key(table), KIND) != body:
        kept.keep(_key(table), body, KIND)


def _key(table: TransitionTable) -> str:
    return kept.key_of(KIND, table_hash(table), z3.get_full_version(), _own())


@cache
def _own() -> str:
    """This prover: another one may find what this one did not."""
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
