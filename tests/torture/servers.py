"""The servers and workers of a torture run, as a user starts them: killed without a word and started again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from support.postgres import reap

HERE = Path(__file__).parent
START_SECONDS = 90.0
SETTINGS = """
[http]
private = ["127.0.0.1"]
[effects.charge]
http = "http://127.0.0.1:{port}/charge"
[effects.ship]
http = "http://127.0.0.1:{port}/ship"
[effects.label]
command = [{python}, "-SE", "label.py", {labelled}]
concurrency = 2
[effects.measure]
worker = true
breaker = false
"""


class Server:
    """One `temper up`, in a folder of its own, at an address that stays the same."""

    def __init__(self, folder: Path, receiver_port: int, *words: str, bug: str = "", disk: int = 0) -> None:
        self.folder, self._words = folder, words
        self._is_frail = bool(disk)
        self._temper = ["torture.impaired", bug, str(disk)] if bug or disk else ["temper"]
        folder.mkdir()
        for name in ("torture.yaml", "label.py", "weigh.py"):
            shutil.copy(HERE / name, folder)
        given = {"python": json.dumps(sys.executable), "labelled": json.dumps(str(folder / "labelled"))}
        (folder / "temper.toml").write_text(SETTINGS.format(port=receiver_port, **given), encoding="utf-8")
        for name in ("labelled", "weighed"):
            (folder / name).touch()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """Ann's, drawn at the first start."""
        drawn = json.loads((self.folder / ".temper" / "torture" / "client.json").read_text(encoding="utf-8"))
        return str(drawn["tokens"]["ann"])

    @property
    def tokens(self) -> str:
        return str(self.folder / ".temper" / "torture" / "tokens.toml")

    def start(self) -> None:
        command = [sys.executable, "-m", *self._temper, "up", "torture.yaml", "--port", str(self._port), *self._words]
        environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(HERE.parent)}
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=said)

    def is_ready(self) -> bool:
        assert self._process is not None, "it was started"
        ended = self._process.poll()
        if ended == 2 and self._is_frail:  # its disk failed while it started, and whoever watches starts it again
            self.start()
            return False
        assert ended is None, f"it ended with {ended} by itself:\n" + self.said()
        return self._get("/readyz") is not None

    def wait_until_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert time.monotonic() < until, f"it never gets ready:\n{self.said()}"
            wait(0.02)

    def is_at_rest(self, token: str) -> bool:
        """Whether nothing is pending."""
        waiting = self._get("/v1/torture/deliveries?limit=1", token)
        assert waiting is not None, self.said()
        return waiting["deliveries"] == []

    def said(self) -> str:
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")[-4000:]

    def kill(self) -> None:
        assert self._process is not None, "it was started"
        reap(self._process)
        self.kills += 1

    def end(self) -> None:
        """As an operator ends it."""
        assert self._process is not None, "it was started"
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(START_SECONDS) == 0, self.said()

    def remove(self) -> None:
        if self._process is not None:
            reap(self._process)

    def _get(self, path: str, token: str = "") -> dict[str, object] | None:
        asked = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"})
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(asked, timeout=5) as answer:
            return dict(json.load(answer))
        return None


class Worker:
    """One `temper worker`, which takes from one server what that has no handler for."""

    def __init__(self, server: Server, token: str) -> None:
        self._server, self._token = server, token
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Unless it works already; it ends by itself where no server is there to greet it."""
        if self._process is not None and self._process.poll() is None:
            return
        command = [sys.executable, "-m", "temper", "worker", "weigh.py", "--server", self._server.url]
        environment = {**os.environ, "NO_COLOR": "1", "TEMPER_TOKEN": self._token}
        folder = self._server.folder
        with (folder / "worked").open("ab") as said:
            self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)

    def sleep(self) -> None:
        """Stand still, and know nothing of it."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            reap(self._process)

    def _signal(self, which: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(which)


def worker_token(tokens: str) -> str:
    """A token for whoever weighs and measures."""
    command = [
        sys.executable,
        "-m",
        "temper",
        "token",
        "scales",
        "--effect",
        "weigh",
        "--effect",
        "measure",
        "--tokens",
        tokens,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def free_port() -> int:
    with socket.socket() as drawn:
        drawn.bind(("127.0.0.1", 0))
        return int(drawn.getsockname()[1])


def wait(seconds: float) -> None:
    """Let time pass: the processes that are watched say nothing when something has changed."""
    time.sleep(seconds)
