"""Repairs: small edits that mend what a counterexample shows, each verified before it is offered."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.repair.mend import Mending, Offer, Patient, Told, examine_patient, mend, refuted
    from temper.repair.repair import Repair
    from temper.repair.text import mending_json, mending_lines

__all__ = [
    "Mending",
    "Offer",
    "Patient",
    "Repair",
    "Told",
    "examine_patient",
    "mend",
    "mending_json",
    "mending_lines",
    "refuted",
]
__getattr__ = opened(__name__, __file__)
