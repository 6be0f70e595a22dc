"""Trying a blueprint out: the real runtime in memory, whose callers, outside and time are one person's."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.trial.screen import TrialScreen
    from temper.trial.trial import Attempt, Principal, Said, Trial, read_principal

__all__ = ["Attempt", "Principal", "Said", "Trial", "TrialScreen", "read_principal"]

__getattr__ = opened(__name__, __file__)
