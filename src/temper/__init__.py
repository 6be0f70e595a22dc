"""Temper: blueprints, proved before they run.

>>> import temper
>>> from pathlib import Path
>>> built = temper.build(Path("examples/twophase"))
>>> judged = temper.certify(built.table)
>>> judged.certificate.search.states, judged.reasons
(288, ())

What is certified runs: `open_runtime` takes a `Certified` and a `World`, and `temper up` does it for you.
"""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.machine import (
        Applied,
        Call,
        Cell,
        Certificate,
        Certified,
        Rejected,
        TransitionTable,
        Verdict,
        next_steps,
        step,
        universe,
    )
    from temper.pipeline import Built, Judged, build, certify
    from temper.run import Runtime, World, open_runtime
    from temper.sdk import effect, outcome

__all__ = [
    "Applied",
    "Built",
    "Call",
    "Cell",
    "Certificate",
    "Certified",
    "Judged",
    "Rejected",
    "Runtime",
    "TransitionTable",
    "Verdict",
    "World",
    "build",
    "certify",
    "effect",
    "next_steps",
    "open_runtime",
    "outcome",
    "step",
    "universe",
]

__getattr__ = opened(__name__, __file__)
