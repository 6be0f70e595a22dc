"""The folder of scenarios beside a blueprint: `scenarios/*.yaml`, committed with it, read by every verification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from temper.corpus.reading import scenario_from_yaml
from temper.corpus.scenario import Scenario
from temper.corpus.writing import scenario_to_yaml
from temper.report import Diagnostic, Help, Source

FOLDER = "scenarios"
BYTES_MAX = 1_000_000
SCENARIOS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """Every scenario of a blueprint by file name, and what is wrong with files that hold none."""

    folder: Path
    scenarios: tuple[Scenario, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    sources: tuple[Source, ...] = ()


def scenarios_folder(blueprint: Path) -> Path:
    """Where the scenarios of a blueprint are: of its file, or of the folder that holds it.

    >>> scenarios_folder(Path("examples/deploy/deploy.yaml")).as_posix()
    'examples/deploy/scenarios'
    """
    return (blueprint if blueprint.is_dir() else blueprint.parent) / FOLDER


def read_corpus(blueprint: Path, name: str) -> Corpus:
    """Every scenario beside the blueprint of that name. What cannot be read is a finding and stops no other.

    Where several blueprints share a folder, each has its scenarios in a folder of its own name inside.
    """
    folder = scenarios_folder(blueprint) / name
    if not folder.is_dir():
        folder = scenarios_folder(blueprint)
    scenarios: list[Scenario] = []
    findings: list[Diagnostic] = []
    sources: list[Source] = []
    for path in sorted(folder.glob("*.yaml"))[:SCENARIOS_MAX]:
        read = _read(path)
        if isinstance(read, Source):
            sources.append(read)
            found = scenario_from_yaml(read)
            if isinstance(found, Scenario):
                scenarios.append(found)
            else:
                findings += found
        else:
            findings.append(read)
    return Corpus(folder, tuple(scenarios), tuple(findings), tuple(sources))


def keep(folder: Path, scenario: Scenario) -> Path | None:
    """Write a scenario into the folder; None if the very same run is there already. Raises OSError.

    Another run of the same name gets a number: nothing that was found once is overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, number = scenario.name, 1
    while (path := folder / scenario.file_name).exists():
        if _is_same(path, scenario):
            return None
        number += 1
        scenario = replace(scenario, name=f"{name}-{number}")
    path.write_text(scenario_to_yaml(scenario), encoding="utf-8")
    return path


def _is_same(path: Path, scenario: Scenario) -> bool:
    """Whether the file holds the same steps with the same expectations, whenever it was found."""
    read = _read(path)
    kept = scenario_from_yaml(read) if isinstance(read, Source) else None
    if not isinstance(kept, Scenario):
        return False
    ours = scenario_from_yaml(Source(str(path), scenario_to_yaml(scenario)))
    assert isinstance(ours, Scenario), "what is written is read"
    return _essence(kept) == _essence(ours)


def _essence(scenario: Scenario) -> Scenario:
    return replace(scenario, found="", table="", because="")


def _read(path: Path) -> Source | Diagnostic:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        if len(data) > BYTES_MAX:
            return _finding(
                "file-too-large", f"{path} has more than {BYTES_MAX:,} bytes", "a scenario is one short run"
            )
        return Source(str(path), data.decode("utf-8-sig"))
    except OSError as wrong:
        return _finding("file-unreadable", f"{path} cannot be read: {wrong.strerror}", "look at its permissions")
    except UnicodeDecodeError as wrong:
        return _finding("not-utf-8", f"{path} is not UTF-8 text: {wrong.reason}", "save it as UTF-8")


def _finding(code: str, message: str, cure: str) -> Diagnostic:
    return Diagnostic(code, message, None, helps=(Help(cure),))
