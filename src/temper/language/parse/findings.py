"""What parsing has found so far, and whether the tree can still be trusted to be whole."""

from __future__ import annotations

from temper.report import Diagnostic, Edit, Help, Label, Source, Span

FINDINGS_MAX = 100


class Findings:
    """Collects diagnostics up to a bound, so that a hostile file cannot make us write without end.

    A finding is *mended* when the parser could read on as the author surely meant it. One that is not
    leaves a hole, and a tree with a hole is not handed on: its checks would blame the wrong place.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.whole = True
        self._found: list[Diagnostic] = []
        self._overflow = False

    def add(
        self,
        code: str,
        message: str,
        span: Span | None,
        *,
        reason: str = "",
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[Help, ...] = (),
        mended: bool = False,
    ) -> None:
        """Note one finding."""
        self.whole = self.whole and mended
        if len(self._found) >= FINDINGS_MAX:
            self._overflow = True
            return
        self._found.append(Diagnostic(code, message, span, reason=reason, labels=labels, notes=notes, helps=helps))

    def retract(self, code: str, span: Span) -> None:
        """Take back a finding of that code at that place, because a better one takes its place."""
        self._found = [one for one in self._found if one.code != code or one.span != span]

    def replace(self, text: str, span: Span, replacement: str) -> tuple[Help, ...]:
        """A single help that replaces one stretch."""
        return (Help(text, (Edit(span, replacement),)),)

    @property
    def full(self) -> bool:
        """No further finding would be shown, so looking for more is a waste."""
        return self._overflow

    def sorted(self) -> tuple[Diagnostic, ...]:
        """Everything found, in the order of the file."""
        found = sorted(self._found, key=lambda one: one.span.start if one.span else -1)
        if self._overflow:
            last = found[-1]
            note = f"there are more findings; the first {FINDINGS_MAX} are shown"
            found[-1] = Diagnostic(
                last.code,
                last.message,
                last.span,
                last.severity,
                last.reason,
                last.labels,
                (*last.notes, note),
                last.helps,
            )
        return tuple(found)
