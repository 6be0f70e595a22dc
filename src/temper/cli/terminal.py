"""Where a command speaks: text for people, JSON for programs, colour and progress only on a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from temper.report import Diagnostic, Help, render
from temper.serve.problem import ProblemError, problem_to_json

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}


class Terminal:
    """The two streams of a command. `as_json` says that the answer is to be JSON.

    >>> import io
    >>> out = io.StringIO()
    >>> Terminal(as_json=False, out=out).say("ready")
    >>> out.getvalue()
    'ready\\n'
    """

    def __init__(self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.color = _is_colourful(self.out)
        self._progress = 0

    def say(self, text: str = "") -> None:
        """A line for people."""
        self.clear()
        print(text, file=self.out, flush=True)

    def answer(self, data: Any) -> None:
        """The whole answer as JSON."""
        self.clear()
        print(json.dumps(data, indent=2, ensure_ascii=False), file=self.out, flush=True)

    def event(self, data: Any) -> None:
        """One of several answers, as JSON on a line of its own."""
        self.clear()
        print(json.dumps(data, ensure_ascii=False), file=self.out, flush=True)

    def complain(self, code: str, message: str, cure: str = "") -> None:
        """A mistake or a problem, in the form of a diagnostic, or as JSON where JSON was asked for."""
        self.clear()
        if self.as_json:
            self.answer({"code": code, "message": message, "help": cure})
            return
        helps = (Help(cure),) if cure else ()
        print(
            render(Diagnostic(code, message, None, helps=helps), color=_is_colourful(self.err)),
            file=self.err,
            flush=True,
        )

    def complain_diagnostic(self, diagnostic: Diagnostic) -> None:
        """A finding in full, on the error stream."""
        self.clear()
        if self.as_json:
            from temper.report import diagnostic_to_json

            self.answer(diagnostic_to_json(diagnostic))
        else:
            print(render(diagnostic, color=_is_colourful(self.err)), file=self.err, flush=True)

    def complain_problem(self, problem: ProblemError) -> None:
        """A problem as a server told it: the same code and message here as there."""
        if self.as_json:
            self.answer(problem_to_json(problem))
        else:
            self.complain(problem.code, problem.detail)

    def warn(self, text: str) -> None:
        """A line beside the answer, so that a program that reads the answer is not disturbed."""
        self.clear()
        print(text, file=self.err, flush=True)

    def progress(self, text: str) -> None:
        """Where a long work stands: one line that is overwritten, on a terminal only."""
        if self.as_json or not self.err.isatty():
            return
        told = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps could not be overwritten
        self.err.write("\r" + told.ljust(self._progress))
        self.err.flush()
        self._progress = len(told)

    def clear(self) -> None:
        """Take the progress line away."""
        if self._progress:
            self.err.write("\r" + " " * self._progress + "\r")
            self.err.flush()
            self._progress = 0

    def style(self, text: str, name: str) -> str:
        """The text in a style, if there is somebody to see it."""
        return style(text, name, self.out)


def style(text: str, name: str, stream: TextIO) -> str:
    """The text in a style, if the stream is a terminal and `NO_COLOR` is not set."""
    return f"\x1b[{STYLES[name]}m{text}\x1b[0m" if _is_colourful(stream) else text


def columns(rows: Iterable[Sequence[str]], *, gap: int = 2) -> list[str]:
    """Rows as lines with their columns aligned, the last one free.

    >>> columns([("a", "bb", "c"), ("ddd", "e", "f")])
    ['a    bb  c', 'ddd  e   f']
    """
    listed = [tuple(row) for row in rows]
    if not listed:
        return []
    widths = [max(len(row[i]) for row in listed if i < len(row)) for i in range(max(map(len, listed)))]
    return [
        "".join(cell if i == len(row) - 1 else cell.ljust(widths[i] + gap) for i, cell in enumerate(row)).rstrip()
        for row in listed
    ]


def _is_colourful(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
