"""Finds proofs of the examples and keeps them, with their lemmas, for tests to show again.

Run it as `python tests/verify/find_proofs.py [EXAMPLE …]` after the prover or an example has changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from temper.machine import Proved, property_to_json, universe
from temper.pipeline import build
from temper.verify.prover import Proofs
from temper.verify.symbolic.proofs import proofs

REPOSITORY = Path(__file__).parents[2]
SECONDS = 900.0


def find(example: str) -> None:
    """Keeps what is proved of one example."""
    table = build(REPOSITORY / "examples" / example).table
    assert table is not None, f"{example} is no blueprint"
    found = proofs(table, universe=universe(table), seconds_max=SECONDS)
    assert isinstance(found, Proofs), found
    kept = {
        "proved": [finding.name for finding in found.findings if isinstance(finding.verdict, Proved)],
        "lemmas": [property_to_json(lemma) for lemma in found.lemmas],
    }
    path = Path(__file__).with_name("proofs") / f"{example}.json"
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    left = [finding.name for finding in found.findings if not isinstance(finding.verdict, Proved)]
    print(f"{example}: {len(kept['proved'])} proved with {len(kept['lemmas'])} lemmas; open: {', '.join(left) or '-'}")


if __name__ == "__main__":
    named = sys.argv[1:] or sorted(path.name for path in (REPOSITORY / "examples").iterdir() if path.is_dir())
    for name in named:
        find(name)
