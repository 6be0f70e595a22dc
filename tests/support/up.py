"""`temper up` as a process, and the commands that ask it, as a user has them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


class Up:
    """A `temper up` in a folder, its output followed line by line."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "temper", "up", *words],
            cwd=folder,
            env=ENVIRONMENT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.watchdog = threading.Timer(90, self.process.kill)  # what never comes fails the test, and does not hang it
        self.watchdog.daemon = True
        self.watchdog.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from here on that holds the pattern."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line with {pattern!r} in\n" + "\n".join(self.lines))

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().split("\n")
        self.process.stdout.close()
        self.watchdog.cancel()
        return self.process.wait(30)


def temper(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "temper", *words],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        text=True,
        capture_output=True,
        timeout=120,
    )
