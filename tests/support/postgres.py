"""A PostgreSQL server of our own for the tests: in a temporary folder, behind a socket there, gone with the session."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
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
        self._run(["initdb", "-D", data, "-U", "temper", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://temper@/postgres?host={self._folder}"

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
        options = (
            f"-k {self._folder} -c listen_addresses='' -c max_connections=200 -c fsync={'on' if self._fsync else 'off'}"
        )
        log = str(self._folder / "log")
        self._run(["pg_ctl", "-D", str(self._folder / "data"), "-w", "-l", log, "-o", options, "start"])

    def stop(self, *, mode: str = "fast") -> None:
        """`immediate` is as if the machine had lost its power."""
        self._run(["pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", mode, "stop"])

    def restart(self) -> None:
        """Die without a word, and come back."""
        self.stop(mode="immediate")
        self.start()

    def remove(self) -> None:
        self.stop(mode="immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: Sequence[str]) -> None:
        program = str(self._programs / command[0])
        environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        given: dict[str, Any] = {"cwd": self._folder, "env": environment, "stdin": subprocess.DEVNULL, **self._user}
        with (self._folder / "said").open("ab") as said:
            subprocess.run([program, *command[1:]], check=True, stdout=said, stderr=said, **given)


def serve() -> Server:
    """A server, or a word why there is none; in CI there always is."""
    if programs() is None:
        if os.environ.get("CI"):
            raise AssertionError(MISSING)
        pytest.skip(MISSING)
    return Server(Path(tempfile.mkdtemp(prefix="pg-")))


def reap(process: subprocess.Popen[Any]) -> None:
    """End a process of ours, however it stands."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
