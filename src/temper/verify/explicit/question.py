"""What the search has to find out, one question for each finding, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine import Finding, Unknown, Verdict

TRIES_MAX = 50
"""How many runs that turn out not to be concrete are looked at before a question is left open."""
NAMED_MAX = 3
"""How many cuts or rows a verdict names before it only counts them."""


@dataclass(slots=True, eq=False)
class Question:
    """Something that must never be seen, or (`once`) has to be seen at least once.

    Open until a concrete run answers it. A run that is not concrete answers nothing but is counted: what the model
    violates, if only by a step that cannot be repeated, must not be called exhausted.
    """

    name: str
    once: bool
    obligation: bool = True
    verdict: Verdict | None = None
    spurious: int = 0
    vacuous: str = ""

    @property
    def is_open(self) -> bool:
        return self.verdict is None and self.spurious < TRIES_MAX

    def answer(self, verdict: Verdict | None) -> None:
        """Take the verdict of a run; None if the run was not concrete."""
        self.verdict = verdict
        self.spurious += verdict is None

    def finding(self, otherwise: Verdict) -> Finding:
        """The finding; `otherwise` is the verdict of a question that no run answered."""
        verdict = self.verdict or (self._spurious() if self.spurious else otherwise)
        return Finding(self.name, verdict, obligation=self.obligation, vacuous=self.vacuous)

    def _spurious(self) -> Unknown:
        what = "gets there" if self.once else "violates it"
        runs = "one run" if self.spurious == 1 else f"{self.spurious} runs"
        return Unknown(f"spurious step: {runs} of the model {what}, but the clocks of its cells do not fit together")


def listed(named: list[str]) -> str:
    """The first few, and how many more there are."""
    more = len(named) - NAMED_MAX
    return "; ".join(named[:NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")
