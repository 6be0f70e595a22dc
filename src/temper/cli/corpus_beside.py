"""The scenarios beside a blueprint: taken again by every verification, and written by whoever finds one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import count
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import Built, Judged

if TYPE_CHECKING:
    from temper.corpus import Corpus, Rerun, Scenario
    from temper.machine import TransitionTable


class Beside:
    """What lies beside one blueprint, and what became of it."""

    def __init__(self, corpus: Corpus, reruns: tuple[Rerun, ...], skipped: tuple[Scenario, ...]) -> None:
        self.corpus, self.reruns, self.skipped = corpus, reruns, skipped

    @property
    def shows(self) -> bool:
        """Whether some scenario is a refutation of this version."""
        return any(rerun.findings for rerun in self.reruns)


def corpus_beside(built: Built, constants: dict[str, str]) -> Beside | None:
    """Every scenario, taken again on the table. None if there is no folder of them, which costs nothing.

    A scenario was found under constants of its own; where the run has others it is another table, and left out aloud.
    """
    if built.table is None or not built.sources:
        return None
    path = Path(built.sources[0].path)
    if not (path.parent / "scenarios").is_dir():
        return None
    from temper.corpus import read_corpus, rerun

    corpus = read_corpus(path, built.table.blueprint)
    tables = {_key(constants): built.table}
    reruns, skipped = [], []
    for scenario in corpus.scenarios:
        table = _table(tables, path, {**scenario.constants, **constants})
        if table is None:
            skipped.append(scenario)
        else:
            reruns.append(rerun(table, scenario))
    return Beside(corpus, tuple(reruns), tuple(skipped))


def _key(constants: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(constants.items()))


def _table(
    tables: dict[tuple[tuple[str, str], ...], TransitionTable], path: Path, constants: dict[str, str]
) -> TransitionTable | None:
    """The table with the scenario's constants, built once; None if the blueprint does not take them any more."""
    from temper.pipeline import build

    key = _key(constants)
    if key not in tables:
        table = build(path, constants).table
        if table is None:
            return None
        tables[key] = table
    return tables[key]


def with_scenarios(judged: Judged, beside: Beside) -> Judged:
    """What was decided, with what the scenarios refute refuted, too."""
    from temper.corpus import with_refutations
    from temper.verify import certified

    certificate = with_refutations(judged.certificate, beside.reruns)
    if certificate is judged.certificate:
        return judged
    outcome = certified(judged.table, certificate)
    if isinstance(outcome, tuple):
        return Judged(judged.table, certificate, None, outcome)
    return Judged(judged.table, certificate, outcome)


def beside_lines(beside: Beside, built: Built, terminal: Terminal) -> None:
    """The scenarios that do not simply pass, each with why, and how many there are of each kind."""
    from temper.corpus import Result
    from temper.report import render

    for finding in beside.corpus.findings:
        terminal.warn(render(finding, (*built.sources, *beside.corpus.sources), color=terminal.color))
    counts = {result: sum(rerun.result is result for rerun in beside.reruns) for result in Result}
    told = ", ".join(f"{number} {_many(result, number)}" for result, number in counts.items() if number)
    whole = count(len(beside.reruns) + len(beside.skipped), "scenario")
    terminal.say(f"corpus: {whole}{': ' if told else ''}{told}")
    for rerun in beside.reruns:
        if rerun.result is not Result.PASSES:
            terminal.say(f"  {rerun.scenario.name}: {rerun_text(rerun)}")
    for scenario in beside.skipped:
        terminal.say(f"  {scenario.name}: not taken again: the blueprint has no such constants any more")


def rerun_text(rerun: Rerun) -> str:
    """What became of a scenario, in one line."""
    said = {"shows": "shows it again: ", "no run": "no run any more: ", "ends otherwise": "ends otherwise: "}
    where = f" ({rerun.span.path}:{rerun.span.line})" if rerun.span is not None else ""
    return f"{said.get(rerun.result, '')}{rerun.because}{where}"


def _many(result: Any, number: int) -> str:
    verbs = {"passes": ("passes", "pass"), "shows": ("shows its fault", "show their faults")}
    verbs |= {"ends otherwise": ("ends otherwise", "end otherwise"), "no run": ("is no run any more",) * 2}
    one, many = verbs[str(result)]
    return one if number == 1 else many.replace("is no run", "are no run")


def beside_json(beside: Beside) -> list[dict[str, Any]]:
    """Every scenario and what became of it, as data."""
    return [rerun_json(rerun) for rerun in beside.reruns] + [
        {"name": scenario.name, "result": "not taken", "because": "the blueprint has no such constants any more"}
        for scenario in beside.skipped
    ]


def rerun_json(rerun: Rerun) -> dict[str, Any]:
    """One scenario and what became of it, as data."""
    scenario = rerun.scenario
    return {
        "name": scenario.name,
        "from": str(scenario.origin),
        "found": scenario.found,
        "caught": scenario.because,
        "never": list(scenario.never),
        "reaches": scenario.reaches,
        "result": str(rerun.result),
        "because": rerun.because,
        "steps": len(scenario.steps),
        "taken": rerun.steps,
        "notes": list(rerun.notes),
        "findings": [finding.name for finding in rerun.findings],
    }


def keep_scenarios(scenarios: Iterable[Scenario], folder: Path, terminal: Terminal) -> None:
    """Write scenarios into the folder; those that lie there already are not written again."""
    from temper.corpus import keep

    written: list[str] = []
    known: list[str] = []
    for scenario in scenarios:
        try:
            path = keep(folder, scenario)
        except OSError as wrong:
            message = f"{wrong.filename or folder} cannot be written: {wrong.strerror}"
            raise MistakeError("file-unwritable", message, "look at the folder's permissions") from None
        (known if path is None else written).append(scenario.name if path is None else str(path))
    if not terminal.as_json:
        _say_kept(written, known, folder, terminal)


def _say_kept(written: Sequence[str], known: Sequence[str], folder: Path, terminal: Terminal) -> None:
    for path in written:
        terminal.say(f"kept as {path}: commit it, and every later verification takes the run again")
    if known:
        terminal.say(f"already in {folder}: {', '.join(known)}")
    if not written and not known:
        terminal.say("there is no run to keep: nothing is refuted")


def to_the_second(milliseconds: int) -> str:
    """A time as scenarios write it.

    >>> to_the_second(1_767_225_600_123)
    '2026-01-01T00:00:00Z'
    """
    from temper.machine import TIME, to_json

    return str(to_json(TIME, milliseconds // 1000 * 1000)).replace(".000Z", "Z")
