"""Two verifiers that contradict each other: one of them is wrong, which is a mistake of ours, and stops everything."""

from __future__ import annotations

from collections.abc import Iterable

from temper.machine import Finding, TransitionTable, table_hash, word
from temper.report import Diagnostic, Help


class ContradictionError(Exception):
    """What one verifier shows to hold, another shows not to hold. Nothing is certified by either."""

    def __init__(
        self, holds: Finding, fails: Finding, table: TransitionTable, made_with: Iterable[tuple[str, str]]
    ) -> None:
        self.holds, self.fails, self.table, self.made_with = holds, fails, table, tuple(made_with)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What disagrees, in one line."""
        found = " and ".join(f"{word(each.verdict)}: {_said(each)}" for each in (self.holds, self.fails))
        return f"`{self.holds.name}` is {found}; one of the two is a mistake of Temper's own, so nothing is certified"

    def diagnostic(self) -> Diagnostic:
        """The whole of it, with what a report of the mistake needs."""
        from temper.verify.diagnose import place
        from temper.verify.text import trace_text

        trace = getattr(self.fails.verdict, "trace", None)
        versions = ", ".join(f"{name} {version}" for name, version in self.made_with)
        notes = [f"the table is {table_hash(self.table)}, looked at by {versions}"]
        if trace is not None:
            notes.insert(0, f"the run that refutes it:\n{trace_text(self.table, trace)}")
        return Diagnostic(
            "verifiers-disagree",
            self.message,
            place(self.table, self.holds.name),
            reason="it cannot be both",
            notes=tuple(notes),
            helps=(
                Help("please report it: the blueprint, its policies, and these lines are all that it takes"),
                Help("`temper verify --without proofs --out FOLDER` keeps the run, and `temper replay` repeats it"),
            ),
        )


def _said(finding: Finding) -> str:
    from temper.verify.text import verdict_text

    return verdict_text(finding.verdict)
