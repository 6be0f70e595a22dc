"""A PostgreSQL server of our own for the tests: in a temporary folder, behind a socket there, gone with the session."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

FOLDERS = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")
MISSING = "no PostgreSQL server is installed here (Debian: apt-get install postgresql); CI runs these tests"
NOBODY = "postgres"
"""The server refuses to run as root; then it runs as this user, whom Debian's package makes."""


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, wherever the system keeps it."""
    named = (shutil.which("initdb"), shutil.which("postgres"))
    found = [Path(name).resolve().parent for name in named if name]
    found += [path for folder in FOLDERS for path in sorted(Path(folder).glob("**/bin"), reverse=True)]
    return next((path for path in found if (path / "initdb").exists() and (path / "postgres").exists()), None)


class Server:
    """A database cluster. `fsync` is on only where a test is about what a disk keeps."""

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        found = programs()
        assert found is not None, MISSING
        self._programs, self._folder, self._fsync = found, folder, fsync
        self._schemas = itertools.count(1)
        self._user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(folder, NOBODY, NOBODY)
        data = str(folder / "data")
        made = ["-U", "temper", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        with (folder / "said").open("ab") as said:
            command = [str(found / "initdb"), "-D", data, *made]
            subprocess.run(command, check=True, stdout=said, stderr=said, **self._given)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://temper@/postgres?host={self._folder}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was started"
        return self._process.pid

    def schema(self) -> str:
        """The name of a schema that no test has used."""
        return f"temper_{next(self._schemas)}"

    def database(self) -> str:
        """The address of a new database, for what names its schema itself."""
        name = f"database_{next(self._schemas)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        for setting in ("listen_addresses=", "max_connections=200", f"fsync={'on' if self._fsync else 'off'}"):
            command += ["-c", setting]
        with (self._folder / "log").open("ab") as log:
            given = {"stdout": log, "stderr": log, "preexec_fn": _die_together, **self._given}
            self._process = subprocess.Popen(command, **given)
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")
                threading.Event().wait(0.01)
            else:
                return

    def restart(self) -> None:
        """Die without a word, as if the machine had lost its power, and come back."""
        self._end()
        self.start()

    def remove(self) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        assert self._process is not None, "it was started"
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    @property
    def _given(self) -> dict[str, Any]:
        environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return {"cwd": self._folder, "env": environment, "stdin": subprocess.DEVNULL, **self._user}


def _die_together() -> None:
    """A test run that is killed leaves no server behind: the kernel ends it with us."""
    if sys.platform == "linux":
        PROCESS.prctl(DEATH_SIGNAL, signal.SIGQUIT)


PROCESS, DEATH_SIGNAL = ctypes.CDLL(None), 1


def serve(*, fsync: bool = False) -> Server:
    """A server, or a word why there is none; in CI there always is."""
    if programs() is None:
        if os.environ.get("CI"):
            raise AssertionError(MISSING)
        pytest.skip(MISSING)
    return Server(Path(tempfile.mkdtemp(prefix="pg-")), fsync=fsync)


def reap(process: subprocess.Popen[Any]) -> None:
    """End a process of ours, however it stands."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
