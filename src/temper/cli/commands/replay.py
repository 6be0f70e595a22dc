"""Step through a trace that `temper verify --out` wrote, on the real step function, and see what its end shows.

Every instance is shown after each step. If the blueprint has changed since, the answer names the step at which the
trace is no run any more, and why. Exit code 0 if the trace replays to what it showed, 1 if not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import findings_json, pairs, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import Built, build

if TYPE_CHECKING:
    from temper.machine import TransitionTable, Universe
    from temper.verify import KeptTrace, Replayed, Walk

GOAL = "reach"
"""What the question of `temper who can reach` is called."""
SUMMARY = "step through a trace that verify wrote"
BYTES_MAX = 50_000_000
"""A trace carries its table; a longer file is none of ours."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", type=Path, metavar="TRACE", help="a trace-*.json that `temper verify --out` wrote")
    parser.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="the blueprint to replay it on; the one it names if not said"
    )
    parser.add_argument(
        "--set",
        dest="constants",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a constant; those that the trace was found with if not said; may be repeated",
    )
    parser.add_argument("--step", type=int, default=0, metavar="N", help="show step N alone")
    parser.add_argument(
        "--as", dest="form", choices=["text", "mermaid"], default="text", help="mermaid draws a sequence diagram"
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.verify import replay, sequence_diagram, walk

    kept = _read(arguments.trace)
    if not 0 <= arguments.step <= len(kept.trace.steps):
        raise MistakeError("wrong-usage", f"--step {arguments.step}: the trace has {len(kept.trace.steps)} steps")
    if arguments.form == "mermaid" and not terminal.as_json:
        terminal.say(sequence_diagram(kept.table, kept.trace))
        return 0
    built = _built(arguments, kept)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"confirmed": False, "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    built, within = _asked(built, kept)
    assert built.table is not None, "it still is one"
    taken = walk(built.table, kept.trace, universe=within)
    ended = None if taken.parted is not None else replay(built.table, kept.trace, universe=within)
    outcome = _Outcome(arguments, kept, built, taken, ended)
    return outcome.answer(terminal) if terminal.as_json else outcome.say(terminal)


class _Outcome:
    """What became of a replay."""

    def __init__(self, arguments: argparse.Namespace, kept: KeptTrace, built: Built, taken: Walk, ended: Any) -> None:
        self.arguments, self.kept, self.built, self.taken = arguments, kept, built, taken
        self.ended: Replayed | Any = ended

    @property
    def shows(self) -> list[str]:
        from temper.verify import Replayed

        return sorted(self.ended.shows) if isinstance(self.ended, Replayed) else []

    @property
    def is_confirmed(self) -> bool:
        return self.kept.finding in self.shows

    def say(self, terminal: Terminal) -> int:
        from temper.verify import walk_lines

        table = self._table()
        lines = walk_lines(table, self.kept.table, self.kept.trace, self.taken, self.arguments.step)
        if lines:
            terminal.say("\n".join([*lines, ""]))
        self._conclude(terminal)
        return 0 if self.is_confirmed else 1

    def _conclude(self, terminal: Terminal) -> None:
        from temper.report import render

        name, parted = self.kept.finding, self.taken.parted
        if self.is_confirmed:
            said = "is reached" if self.kept.verdict == "proved" else f"does not hold: {self.kept.because}"
            terminal.say(terminal.style(f"confirmed: `{name}` {said}", "green"))
        elif parted is not None:
            terminal.say(render(self._diverged(), self.built.sources, terminal.color))
        else:
            shown = ", ".join(self.shows) or "nothing"
            terminal.say(terminal.style(f"every step is taken, and the end does not show `{name}` but {shown}", "red"))

    def _diverged(self) -> Any:
        from temper.report import Diagnostic, Help

        parted = self.taken.parted
        assert parted is not None, "only what diverged is told so"
        notes = [f"what changed there since the trace was written:\n{line}" for line in self._changed()]
        return Diagnostic(
            "trace-diverged",
            f"step {parted.at} of the trace is no step of `{self._table().blueprint}`: {parted.because}",
            parted.span,
            reason="here the two part" if parted.span else "",
            notes=tuple(notes),
            helps=(Help("verify again: the trace is about another version"),),
        )

    def _changed(self) -> list[str]:
        """What the tables say differently about the entity whose step it is, as one text."""
        from temper.machine import diff

        parted = self.taken.parted
        assert parted is not None, "only what diverged is told so"
        steps = self.kept.trace.steps
        label = steps[parted.at - 1].label if steps else None
        whose = {label.address.entity, label.cause.partition(".")[0]} if label else set()
        found = [str(each) for each in diff(self.kept.table, self._table()) if whose & set(_words(each.what))]
        return ["\n".join(f"  {line}" for line in found)] if found else []

    def answer(self, terminal: Terminal) -> int:
        from temper.verify import sequence_diagram, trace_to_json, walk_json

        parted = self.taken.parted
        terminal.answer(
            {
                "finding": self.kept.finding,
                "confirmed": self.is_confirmed,
                "because": self.kept.because,
                "shows": self.shows,
                "diverged": None if parted is None else {"step": parted.at, "because": parted.because, **self._at()},
                "steps": trace_to_json(self.kept.trace)["steps"],
                "states": walk_json(self._table(), self.taken),
                "diagram": sequence_diagram(self.kept.table, self.kept.trace),
            }
        )
        return 0 if self.is_confirmed else 1

    def _at(self) -> dict[str, Any]:
        parted = self.taken.parted
        span = None if parted is None else parted.span
        place = {"file": None, "line": None} if span is None else {"file": span.path, "line": span.line}
        return {**place, "changed": [line.strip() for text in self._changed() for line in text.splitlines()]}

    def _table(self) -> TransitionTable:
        assert self.built.table is not None, "a blueprint that is wrong is told before"
        return self.built.table


def _words(what: str) -> list[str]:
    return what.replace(".", " ").replace(":", " ").split()


def _read(path: Path) -> KeptTrace:
    from temper.verify import kept_trace_from_json

    try:
        if path.stat().st_size > BYTES_MAX:
            raise _broken(path, f"it has more than {BYTES_MAX:,} bytes")
        return kept_trace_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as wrong:
        raise MistakeError(
            "file-unreadable", f"{path} cannot be read: {wrong.strerror}", "name a trace-*.json"
        ) from None
    except KeyError as wrong:
        raise _broken(path, f"{wrong} is missing") from None
    except ValueError as wrong:
        raise _broken(path, str(wrong)) from None
    except (TypeError, AttributeError, RecursionError):
        raise _broken(path, "it has another shape") from None


def _broken(path: Path, because: str) -> MistakeError:
    cure = "`temper verify PATH --out FOLDER` writes traces"
    return MistakeError("trace-broken", f"{path} holds no trace: {because}", cure)


def _asked(built: Built, kept: KeptTrace) -> tuple[Built, Universe]:
    """The blueprint with the question that the run answers, and what is looked at.

    What `temper who can reach` asks is no property of the blueprint, so its trace brings it along.
    """
    from dataclasses import replace

    from temper.machine import universe
    from temper.verify import reach_universe

    assert built.table is not None, "a blueprint that is wrong is told before"
    scope = _scope(kept, built.table)
    question = next((each for each in kept.table.properties if each.name == kept.finding), None)
    if question is None or kept.finding != GOAL or any(each.name == GOAL for each in built.table.properties):
        return built, universe(built.table, scope)
    table = replace(built.table, properties=(question,), scope=scope)
    return replace(built, table=table), reach_universe(table)


def _built(arguments: argparse.Namespace, kept: KeptTrace) -> Built:
    constants = {**dict(kept.constants), **pairs(arguments.constants, "--set")}
    path = arguments.path or Path(kept.blueprint)
    if arguments.path is None and not (kept.blueprint and path.exists()):
        cure = f"name it: temper replay {arguments.trace} PATH"
        raise MistakeError("path-missing", f"the trace is about {path}, which is not there", cure)
    return build(path, constants)


def _scope(kept: KeptTrace, table: TransitionTable) -> Any:
    """What was searched, without the parts that the blueprint does not know any more."""
    from dataclasses import replace

    scope, entities = kept.table.scope, {entity.name for entity in table.entities}
    types = {"str", *(name for name, _ in table.types)}
    people = tuple((name, tuple(role for role in has if role in table.roles)) for name, has in scope.principals)
    return replace(
        scope,
        instances=tuple(entry for entry in scope.instances if entry[0] in entities),
        principals=people,
        values=tuple(entry for entry in scope.values if entry[0] in types),
    )
