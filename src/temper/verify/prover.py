"""The solver in a process of its own, on another core: what it does there can neither stop nor spoil a verification.

A solver may take for ever, take all memory, or end the process that it runs in. So it runs in a child that is asked
one question, is waited for as long as somebody wants to wait, and is then killed. The child ends with us: its input
closes when this process ends, however that happens. It is a fresh process and no fork, since a process with
threads (and there are some once machine code searches) cannot be forked safely.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from time import monotonic
from typing import Self, TypeAlias

from temper.machine import Family, Finding, Property, TransitionTable, Universe
from temper.verify.kept_proofs import KeptProofs

COMMAND = (sys.executable or "python3", "-P", "-m", "temper.verify.symbolic.apart")
LOOK_EVERY_SECONDS = 0.1
END_SECONDS = 2.0
"""How long a child that was killed, or that has answered, may take to be gone."""
COMPLAINT_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be proved: all that a table says, in this time and this much memory, of its family if it can be."""

    table: TransitionTable
    universe: Universe
    seconds_max: float
    bytes_max: int
    claims: tuple[str, ...] | None = None
    """What somebody says is proved; then nothing else is looked for, and no other lemmas than these are used."""
    lemmas: tuple[Property, ...] = ()
    family: Family | None = None
    hints: KeptProofs | None = None
    """What was proved of this table by whoever wrote it down: tried first, and not believed."""
    thorough: bool = False
    """Whether to look for lemmas as long as it takes, and to prove what is owed, too."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was found out. The `lemmas` and what is proved by induction are an invariant together."""

    findings: tuple[Finding, ...]
    lemmas: tuple[Property, ...] = ()
    is_whole: bool = True
    """Whether every question was thought through to its end, so that asking again would find nothing more."""
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class NoProofs:
    """There is no answer, and here is why. Nothing is known by it."""

    because: str


Answer: TypeAlias = Proofs | NoProofs


class Prover:
    """A child that proves. It starts at once, so that it is ready by the time there is something to ask.

    >>> with Prover((sys.executable, "-c", "raise SystemExit(3)")) as prover:
    ...     prover.take(10)
    NoProofs(because='the solver was asked nothing')
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 - closed with the child
        self._asked: Thread | None = None
        self._said = b""
        self._child: subprocess.Popen[bytes] | None = None
        self._failed = ""
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own program, with nothing of the blueprint in it
                command or COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us; we say when the child ends
            )
        except OSError as wrong:
            self._failed = f"the solver could not be started: {wrong.strerror}"

    @property
    def process(self) -> int | None:
        """The child's number; None if there is no child."""
        return self._child.pid if self._child else None

    def ask(self, question: Question) -> None:
        """Hand the question over. It is asked once; this returns at once, whatever the child does."""
        assert self._asked is None, "one prover is asked one question"
        if self._child is not None:
            self._asked = Thread(target=self._converse, args=(self._child, pickle.dumps(question)), daemon=True)
            self._asked.start()

    def take(
        self, seconds_max: float, waiting: Callable[[float], None] | None = None, *, starving_max: float = 0.0
    ) -> Answer:
        """The answer, waited for so long at most. Then the child is gone, whether it has answered or not.

        Time in which the child waits for a processor that others have is no time in which it thinks: so long at most
        it is waited for besides. A child that waits for nothing and does nothing gets none of it.
        """
        began, starved = monotonic(), self._starved()
        try:
            if self._asked is None or self._child is None:
                return NoProofs(self._failed or "the solver was asked nothing")
            while self._asked.is_alive():
                left = seconds_max - (monotonic() - began) + min(starving_max, self._starved() - starved)
                if left <= 0:
                    return NoProofs("the solver was not done in time and was stopped; a larger --budget gives it more")
                self._asked.join(min(left, LOOK_EVERY_SECONDS))
                if waiting is not None:
                    waiting(monotonic() - began)
            return self._understood(self._child)
        except KeyboardInterrupt:
            return NoProofs("the solver was interrupted")
        finally:
            self.close()

    def close(self) -> None:
        """End the child. It may be called at any time, and again."""
        child, self._child = self._child, None
        if child is None:
            self._errors.close()
            return
        with suppress(OSError):
            child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
        if self._asked is not None:
            self._asked.join(END_SECONDS)
        for stream in (child.stdin, child.stdout, self._errors):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _converse(self, child: subprocess.Popen[bytes], request: bytes) -> None:
        """Write and read in a thread: a child that hangs does neither. Its input stays open while we live."""
        assert child.stdin is not None, "the child was started with an input"
        assert child.stdout is not None, "the child was started with an output"
        with suppress(OSError, ValueError):  # it is gone; how it ended says more
            child.stdin.write(request)
            child.stdin.flush()
            self._said = child.stdout.read()

    def _starved(self) -> float:
        """For how many seconds the child had to wait for a processor, as far as the system tells."""
        if self._child is None:
            return 0.0
        try:
            nanoseconds = Path(f"/proc/{self._child.pid}/schedstat").read_text(encoding="ascii").split()[1]
            return int(nanoseconds) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def _understood(self, child: subprocess.Popen[bytes]) -> Answer:
        """What the child said, or how it ended."""
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
        if child.returncode == 0 and self._said:
            with suppress(Exception):
                answer = pickle.loads(self._said)  # noqa: S301 - our own child, on a pipe that nobody else can write to
                if isinstance(answer, Proofs | NoProofs):
                    return answer
        return NoProofs(f"the solver gave up: {self._complaint() or _ended(child.returncode)}")

    def _complaint(self) -> str:
        """The last line that the child wrote on its error stream."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - COMPLAINT_BYTES))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "it does not end"
    if code < 0:
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with {code}"


def _environment() -> Mapping[str, str]:
    """Ours, such that the child finds this very package and nothing of the folder in which we happen to be."""
    found = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{found}{os.pathsep}{before}" if before else found}
