"""What the native search does not take on. It says so, and the plain search takes its place."""

from __future__ import annotations


class Unsupported(Exception):  # noqa: N818 - it is an answer, no error
    """This table is not for native code; `because` says what stands in the way."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class Disagreement(Unsupported):
    """Native code takes a state otherwise than the relation does: a mistake of ours, and always told."""
