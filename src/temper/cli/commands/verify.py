"""Verify a blueprint: every property, and what is checked without being asked, gets the strongest honest verdict.

Exit code 0 if it may be loaded, 1 if not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import (
    add_budget,
    add_path,
    add_room,
    budget_seconds,
    build_asked,
    bytes_asked,
    findings_json,
    pairs,
    report_findings,
    scope_with,
)
from temper.cli.corpus_beside import (
    Beside,
    beside_json,
    beside_lines,
    corpus_beside,
    keep_scenarios,
    to_the_second,
    with_scenarios,
)
from temper.cli.forecast import progress_line
from temper.cli.mistake import MistakeError
from temper.cli.proofs_beside import keep_proofs_beside, proofs_beside
from temper.cli.terminal import Terminal
from temper.pipeline import PROOFS, Built, Judged, certify, family

if TYPE_CHECKING:
    from temper.machine import Scope
    from temper.verify import Progress, Prover, Survey

SURVEYED_MAX = 1_000
"""Up to so many states a survey takes no time worth mentioning, and is done unasked."""
SURVEY_STATES_MAX = 500_000
"""A survey keeps its states as Python values; further than this it does not go, and says so."""
REASONS_MAX = 8
"""So many reasons why a table is not certified are listed at its end."""
SUMMARY = "verify a blueprint, and say how each verdict is known"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_budget(parser)
    add_room(parser)
    parser.add_argument("--only", choices=["explicit"], help="use one verifier alone")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ENTITY=N",
        help="look at N instances of an entity, as in --scope Deploy=3; may be repeated",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=["slicing", "symmetry", "partial-order", "proofs"],
        help="do without this reduction of the search, which changes counts and no verdict; or without proofs, which "
        "leaves what would be proved to the search; may be repeated",
    )
    parser.add_argument(
        "--stop-at-first", action="store_true", help="stop at the first refutation; what is open then stays unknown"
    )
    parser.add_argument(
        "--prove",
        action="store_true",
        help="look for proofs as long as --budget lasts, of what is owed too, and keep them in BLUEPRINT.proofs, where "
        "every later run finds them",
    )
    cure = "list what was never used: rows, states, guards, outcomes; walks the whole scope once more, within --budget"
    parser.add_argument("--coverage", action="store_true", help=cure)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write certificate.json, a trace-*.json for `temper replay` of each run found, and statistics.json",
    )
    kept = "keep the run of each refutation as a scenario beside the blueprint, which every later run takes again"
    parser.add_argument("--keep", action="store_true", help=kept)
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="check a certificate.json instead: is it about this blueprint, and is everything that it says so?",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if arguments.certificate is not None:
        from temper.cli.rechecking import run_recheck

        return run_recheck(arguments, terminal)
    seconds, bytes_max = budget_seconds(arguments), bytes_asked(arguments)
    with _prover(arguments) as prover:
        return _verified(arguments, seconds, bytes_max, prover, terminal)


@contextmanager
def _prover(arguments: argparse.Namespace) -> Iterator[Prover | None]:
    """Started before the blueprint is read, so that the solver is there by the time it is."""
    if arguments.only or PROOFS in arguments.without:
        yield None
        return
    from temper.verify import Prover

    with Prover() as prover:
        yield prover


def _verified(
    arguments: argparse.Namespace, seconds: float, bytes_max: int | None, prover: Prover | None, terminal: Terminal
) -> int:
    built = build_asked(arguments)
    if built.table is None:
        return _not_built(built, terminal)
    scope = scope_with(built.table, arguments.scope)
    beside = corpus_beside(built, pairs(arguments.constants, "--set"))
    hints = None if prover is None else proofs_beside(built, terminal, overridden=bool(arguments.constants))
    judged = certify(
        built.table,
        scope=scope,
        seconds_max=seconds,
        only=(arguments.only,) if arguments.only else (),
        prover=prover,
        waiting=lambda seconds: terminal.progress(f"proving: the search is done, {seconds:.0f} s"),
        stop_at_first=arguments.stop_at_first,
        thorough=arguments.prove,
        family=None if prover is None else family(built, pairs(arguments.constants, "--set")),
        hints=hints,
        progress=progress_of(terminal),
        without=arguments.without,
        bytes_max=bytes_max,
        jobs=arguments.jobs,
    )
    judged = judged if beside is None else with_scenarios(judged, beside)
    asked = arguments.coverage or arguments.out is not None
    surveyed = _survey(judged, scope, seconds, terminal) if asked or _is_small(judged) else None
    if terminal.as_json:
        corpus = {} if beside is None else {"scenarios": beside_json(beside)}
        terminal.answer({**judged_json(judged), "coverage": _coverage_json(judged, surveyed), **corpus})
    else:
        report_findings(built, terminal)
        if beside is not None:
            beside_lines(beside, built, terminal)
        show_judged(judged, built, terminal, _coverage_lines(judged, surveyed, in_full=arguments.coverage))
    if arguments.prove and prover is not None and not arguments.constants:
        keep_proofs_beside(judged, built, hints, terminal)
    if arguments.keep or (_has_runs(judged) and not terminal.as_json):
        _keep(arguments, judged, beside, terminal)
    if arguments.out is not None:
        _write(arguments, judged, scope, surveyed, terminal)
    return 0 if judged.certified is not None else 1


def _has_runs(judged: Judged) -> bool:
    """Whether something is refuted by a run that could be kept."""
    from temper.machine import Refuted

    verdicts = [finding.verdict for finding in judged.certificate.findings]
    return any(isinstance(verdict, Refuted) and verdict.trace is not None for verdict in verdicts)


def _keep(arguments: argparse.Namespace, judged: Judged, beside: Beside | None, terminal: Terminal) -> None:
    """Keep the runs that were found, or say how; what a scenario shows already is kept."""
    from temper.corpus import scenarios_folder, scenarios_found
    from temper.run import SystemClock

    shown = {finding.name for each in beside.reruns for finding in each.findings} if beside is not None else set()
    constants = tuple(pairs(arguments.constants, "--set").items())
    found = to_the_second(SystemClock().now()) if arguments.keep else ""
    runs = list(scenarios_found(judged.table, judged.certificate.findings, found=found, constants=constants))
    fresh = [each for each in runs if not shown.intersection(each.never)]
    if arguments.keep:
        folder = scenarios_folder(arguments.path) if beside is None else beside.corpus.folder
        keep_scenarios(fresh, folder, terminal)
    elif fresh:
        them = "this run" if len(fresh) == 1 else "these runs"
        terminal.say(f"`temper verify {arguments.path} --keep` keeps {them} for every later version to take again")


def _is_small(judged: Judged) -> bool:
    search = judged.certificate.search
    if search is None or "partial-order" in dict(search.reduced):  # how many states there are is not known then
        return False
    return search.complete and search.states_meant <= SURVEYED_MAX


def _survey(judged: Judged, scope: Scope, seconds: float, terminal: Terminal) -> Survey:
    from temper.machine import universe
    from temper.verify import Budget, survey

    looked_at = universe(judged.table, scope)
    return survey(
        judged.table,
        universe=looked_at,
        budget=Budget(seconds_max=seconds),
        progress=progress_of(terminal, "surveying"),
    )


def _coverage_json(judged: Judged, surveyed: Survey | None) -> dict[str, Any]:
    from temper.verify import coverage_json

    return coverage_json(judged.table, judged.certificate, surveyed.coverage if surveyed else None)


def _coverage_lines(judged: Judged, surveyed: Survey | None, *, in_full: bool) -> list[str]:
    from temper.verify import brief_coverage, coverage_lines

    coverage = surveyed.coverage if surveyed else None
    lines = [brief_coverage(judged.table, judged.certificate, coverage)]
    return [*lines, *(f"  {line}" for line in coverage_lines(coverage))] if in_full and coverage else lines


def _write(
    arguments: argparse.Namespace, judged: Judged, scope: Scope, surveyed: Survey | None, terminal: Terminal
) -> None:
    """The folder that `--out` names. Traces of an earlier run go, so that none is taken for one of this run."""
    from temper.run import SystemClock
    from temper.verify import (
        KeptCertificate,
        kept_certificate_to_json,
        kept_trace_to_json,
        kept_traces,
        statistics_json,
    )

    assert surveyed is not None, "what is written was surveyed"
    constants = tuple(pairs(arguments.constants, "--set").items())
    kept = kept_traces(
        judged.table, judged.certificate, scope=scope, blueprint=str(arguments.path), constants=constants
    )
    statistics = {**statistics_json(surveyed.statistics), "coverage": _coverage_json(judged, surveyed)}
    files = {each.file_name: kept_trace_to_json(each) for each in kept}
    certificate = replace(judged.certificate, made_at=SystemClock().now())
    whole = KeptCertificate(certificate, judged.table, str(arguments.path), constants)
    files |= {"certificate.json": kept_certificate_to_json(whole), "statistics.json": statistics}
    folder: Path = arguments.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in filter(_is_ours, folder.glob("trace-*.json")):
            old.unlink()
        for name, data in files.items():
            (folder / name).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as wrong:
        where = wrong.filename or folder
        raise MistakeError(
            "file-unwritable", f"{where} cannot be written: {wrong.strerror}", "name another folder with --out"
        ) from None
    if not terminal.as_json:
        terminal.say(f"written to {folder}: {', '.join(sorted(files))}")


def _is_ours(path: Path) -> bool:
    """Whether the file is a trace that was written here: such a name may be anybody's."""
    with path.open("rb") as file:
        return b'"temper_trace"' in file.read(100)


def show_judged(judged: Judged, built: Built, terminal: Terminal, coverage: Sequence[str] = ()) -> None:
    """Verdicts, then what was covered, then whether the table may be loaded and why not."""
    from temper.verify import certificate_text

    terminal.say(certificate_text(judged.table, judged.certificate, built.sources, color=terminal.color))
    for line in coverage:
        terminal.say(line)
    if judged.certified is not None:
        terminal.say(terminal.style(f"{judged.table.blueprint} is certified", "green"))
        return
    terminal.say(terminal.style(f"{judged.table.blueprint} is not certified", "red"))
    for line in _reasons(judged.reasons):
        terminal.say(f"  {line}")


def _reasons(reasons: Sequence[str]) -> list[str]:
    """Why a table is not certified, in few words each, since the lines above say why; of many reasons the first."""
    brief = [reason.partition(": ")[0] for reason in reasons]
    more = len(brief) - REASONS_MAX
    return [*brief[:REASONS_MAX], f"and {more} more"] if more > 0 else brief


def _not_built(built: Built, terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer(
            {"certified": False, "table": None, "properties": [], "search": None, "findings": findings_json(built)}
        )
    else:
        report_findings(built, terminal)
    return 1


def progress_of(terminal: Terminal, doing: str = "verifying") -> Progress:
    """How far a search is, where somebody looks on."""
    from temper.verify import bytes_used

    def tell(states: int, transitions: int, seconds: float, /, queued: int = 0, layers: Sequence[int] = ()) -> None:
        terminal.progress(progress_line(states, transitions, seconds, queued, layers, bytes_used(), doing=doing))

    return tell


def judged_json(judged: Judged) -> dict[str, Any]:
    """The answer of `verify --json`."""
    from temper.verify import report_json

    return {**report_json(judged.certificate, judged.table), "reasons": list(judged.reasons)}
