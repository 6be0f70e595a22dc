"""The other searchers: SPIN, compiled for each model, and TLC, where its jar is given."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import tla

SPIN_OPTIONS = ("-O2", "-DSAFETY", "-DMEMLIM=16000")


@dataclass(frozen=True)
class Measured:
    """What one search of one model took. `bytes_each` is 0 where the searcher does not say."""

    states: int
    seconds: float
    bytes_each: float = 0

    @property
    def rate(self) -> float:
        """Millions of distinct states a second."""
        return self.states / self.seconds / 1e6


def has_spin() -> bool:
    return shutil.which("spin") is not None and shutil.which("gcc") is not None


def compiled(text: str, folder: Path, slots: int, *, reduced: bool) -> list[str]:
    """The command that runs SPIN's verifier of a model; its table has 2 ** `slots` slots."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pml").write_text(text)
    subprocess.run(["spin", "-a", "model.pml"], cwd=folder, check=True, capture_output=True)
    options = [*SPIN_OPTIONS, *(() if reduced else ("-DNOREDUCE",)), "-o", "pan", "pan.c"]
    subprocess.run(["gcc", *options], cwd=folder, check=True, capture_output=True)
    return [str(folder / "pan"), "-m10000000", "-E", f"-w{slots}"]


def spin(command: list[str]) -> Measured:
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "errors: 0" in told, told
    states = int(float(_found(r"([\d.e+]+) states, stored", told)))
    seconds = max(0.01, float(_found(r"elapsed time ([\d.]+) seconds", told)))
    stored = float(_found(r"([\d.]+)\s+equivalent memory usage", told)) * 2**20
    return Measured(states, seconds, stored / states)


def tlc(jar: Path, module: str, size: int, folder: Path) -> Measured:
    """TLC with one worker; the time is that of the whole process, Java's start included."""
    folder.mkdir(parents=True, exist_ok=True)
    name = _found(r"MODULE (\w+)", module)
    (folder / f"{name}.tla").write_text(module)
    (folder / f"{name}.cfg").write_text(tla.CONFIGURATION.format(size=size))
    command = ["java", "-XX:+UseParallelGC", "-cp", str(jar), "tlc2.TLC", "-workers", "1", f"{name}.tla"]
    began = perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = perf_counter() - began
    assert "No error has been found" in done.stdout, done.stdout + done.stderr
    states = _found(r"([\d,]+) distinct states found, 0 states left", done.stdout)
    return Measured(int(states.replace(",", "")), seconds)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"nothing said {pattern}: {text}"
    return found[1]
