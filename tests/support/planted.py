"""Planted bugs: the engine with one thing wrong, run by the simulator until a law notices.

Each bug is edits of the source, by fragments that occur once, so that they keep up with it; one that fits no more is
an error, and no bug that went unnoticed. A bug lives in a process of its own, which imports the edited engine: nothing
of it is ever written to the disk. `make planted` prints the table.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from support.tree import ROOT, SOURCE

FOLDER = ROOT / "tests" / "mutants" / "engine"
SEEDS_MAX = 200
"""A bug that so many seeds do not notice is one that the simulator does not see."""
RARE_MAX = 3_000


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug: what is edited where, and the laws one of which must notice."""

    name: str
    about: str
    edits: tuple[tuple[str, str, str], ...]
    """(file below `src/temper`, old, new)."""
    noticed: tuple[str, ...]
    faults: str = "chaos"
    nodes: int = 1
    rare: bool = False
    """Whether it takes a coincidence that is not to be counted on within `SEEDS_MAX`: it is looked for in a hunt."""

    @property
    def seeds_max(self) -> int:
        """How many seeds look for it."""
        return RARE_MAX if self.rare else SEEDS_MAX

    def sources(self) -> Mapping[str, str]:
        """By module: the text with the bug in it. Raises `ValueError` if an edit does not fit in exactly one place."""
        found: dict[str, str] = {}
        for file, old, new in self.edits:
            module = ".".join(["temper", *Path(file).with_suffix("").parts])
            text = found.get(module) or (SOURCE / file).read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise ValueError(f"the bug {self.name} does not fit: {old!r} occurs {text.count(old)} times in {file}")
            found[module] = text.replace(old, new)
        return found


@dataclass(frozen=True, slots=True)
class Noticed:
    """How many seeds it took, and what was said; `law` is empty if nothing was."""

    name: str
    seeds: int
    law: str
    message: str


def bugs() -> Iterator[Planted]:
    """Every planted bug, by the part of the engine that it is in."""
    for path in sorted(FOLDER.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["bug"]:
            edits = tuple((edit.get("file", entry.get("file")), edit["old"], edit["new"]) for edit in entry["edits"])
            rest = {name: value for name, value in entry.items() if name in {"faults", "nodes", "rare"}}
            yield Planted(entry["name"], entry["about"], edits, tuple(entry["noticed"]), **rest)


def noticed(planted: Iterable[Planted]) -> dict[str, Noticed]:
    """What the simulator says of each, asked in a process that has not imported the engine yet."""
    asked = json.dumps([asdict(bug) for bug in planted])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    ran = subprocess.run(
        [sys.executable, "-m", "support.planted", "-"],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    lines = (json.loads(line) for line in ran.stdout.splitlines())
    return {line["name"]: Noticed(**line) for line in lines}


# In the process that has not imported the engine yet


class _Edited(importlib.machinery.SourceFileLoader):
    """Loads a module from a text, and leaves no compiled form of it behind."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.get_filename(fullname), "exec", dont_inherit=True)


class _Finder:
    """Finds the modules that a bug is in."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._sources:
            return None
        file = str(SOURCE.parent.joinpath(*name.split(".")).with_suffix(".py"))
        return importlib.util.spec_from_file_location(name, file, loader=_Edited(name, file, self._sources[name]))


def plant(sources: Mapping[str, str]) -> None:
    """Have these modules imported with their bug."""
    early = sorted(name for name in sources if name in sys.modules)
    assert not early, f"{early} would be without its bug, for it was imported before"
    sys.meta_path.insert(0, _Finder(sources))


def hunted(bug: Planted, table: Any) -> Noticed:
    """Seeds from 0 on, until a law notices."""
    try:
        sources = bug.sources()
    except ValueError as error:
        return Noticed(bug.name, 0, "", str(error))
    plant(sources)
    from temper.verify.simulate import MOVES_MAX, rates
    from temper.verify.simulate.ground import ground
    from temper.verify.simulate.run import run_seed

    shared = ground(table, None, bug.nodes)
    for seed in range(bug.seeds_max):
        ran = run_seed(shared, seed, rates(bug.faults, bug.nodes), moves_max=MOVES_MAX)
        if ran.failure is not None:
            return Noticed(bug.name, seed + 1, ran.failure.law, ran.failure.message)
    return Noticed(bug.name, bug.seeds_max, "", "nothing was noticed")


def _apart(bug: Planted, table: Any) -> Noticed:
    """In a process of its own, which has the bug and ends with it."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            with os.fdopen(writing, "w") as out:
                json.dump(asdict(hunted(bug, table)), out)
            os._exit(0)
        except Exception:  # noqa: BLE001 (it is told, and the process ends)
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as heard:
        said = heard.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"the bug {bug.name} ended its process")
    return Noticed(**json.loads(said))


def main(asked: Sequence[str]) -> None:
    """`-` reads bugs from the standard input and writes JSON; names, or nothing, print a table of those bugs."""
    from temper.pipeline import build

    table = build(FOLDER / "workshop.yaml").table
    assert table is not None, "the workshop is well formed"
    if list(asked) == ["-"]:
        for data in json.loads(sys.stdin.read()):
            edits = tuple(tuple(edit) for edit in data.pop("edits"))
            bug = Planted(edits=edits, noticed=tuple(data.pop("noticed")), **data)
            print(json.dumps(asdict(_apart(bug, table))), flush=True)
        return
    print("| planted bug | noticed by | seeds |\n| --- | --- | --- |")
    for bug in bugs():
        if not asked or bug.name in asked:
            found = _apart(bug, table)
            is_right = found.law in bug.noticed
            print(f"| {bug.about} | `{found.law}`{'' if is_right else ' (!)'} | {found.seeds} |", flush=True)
            if asked or not is_right:
                print(f"{bug.name}: {found.message}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
