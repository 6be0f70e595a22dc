"""The verifier's exam: faults are planted in a blueprint, and what nobody notices is a property that nobody wrote."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.exam.fault import Fault, change_lines, edited
    from temper.exam.faults import KINDS, faults
    from temper.exam.guards import tweaks
    from temper.exam.judge import (
        Equivalent,
        Exam,
        Invalid,
        Killed,
        Killer,
        Outcome,
        Survived,
        Undecided,
        judge,
    )
    from temper.exam.score import Judgement, Score, Told, examine
    from temper.exam.text import score_json, score_lines

__all__ = [
    "KINDS",
    "Equivalent",
    "Exam",
    "Fault",
    "Invalid",
    "Judgement",
    "Killed",
    "Killer",
    "Outcome",
    "Score",
    "Survived",
    "Told",
    "Undecided",
    "change_lines",
    "edited",
    "examine",
    "faults",
    "judge",
    "score_json",
    "score_lines",
    "tweaks",
]
__getattr__ = opened(__name__, __file__)
