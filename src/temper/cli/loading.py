"""What `temper simulate --load` says: the figures of a run as tables, and what piled up as a picture."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal, columns
from temper.machine import show_duration

if TYPE_CHECKING:
    from temper.load.figures import Figures, Times
    from temper.machine import TransitionTable

PLAN = "load.toml"
CURE = "docs/how-to/foresee-a-load.md shows what may stand there; `--fit JOURNAL` writes one from what happened"


def forecast_asked(arguments: argparse.Namespace, table: TransitionTable, terminal: Terminal) -> int:
    """Run the plan, and say how it went."""
    from temper.load import backlog_lines, backlog_svg, figures_json, forecast, read_plan
    from temper.run import HandlersBrokenError
    from temper.run.handlers import load_limits

    path = _plan_path(arguments)
    try:
        plan = read_plan(path, table)
        operator = path.with_name("temper.toml")
        limits = load_limits(operator, table.effects) if operator.exists() else {}
    except HandlersBrokenError as broken:
        raise MistakeError("load-broken", str(broken), CURE) from None

    def hear(done: float) -> None:
        terminal.progress(f"simulating: {done:.0%} of {show_duration(plan.milliseconds)}")

    figures = forecast(table, plan, seed=arguments.seed or 0, limits=limits, hear=hear)
    if arguments.plot is not None:
        _write(arguments.plot, backlog_svg(figures))
    if terminal.as_json:
        terminal.answer(figures_json(figures))
        return 0
    whole, seed = show_duration(plan.milliseconds), arguments.seed or 0
    terminal.say(f"{whole} of virtual time under {path}, seed {seed}; times are p50 / p90 / p99")
    for line in (*figures_lines(figures), "", *backlog_lines(figures)):
        terminal.say(line)
    return 0


def fit_asked(arguments: argparse.Namespace, table: TransitionTable, terminal: Terminal) -> int:
    """Print the plan that fits a journal."""
    from temper.cli.journals import opened, records_in
    from temper.load import fitted

    with opened(arguments.fit, table.blueprint) as store:
        try:
            text = fitted(table, records_in(store, arguments.fit, None, arguments.archive))
        except ValueError as wrong:
            cure = "take a journal of a server that people have used for a while"
            raise MistakeError("wrong-usage", f"{arguments.fit}: {wrong}", cure) from None
    if terminal.as_json:
        terminal.answer({"load": text})
    else:
        terminal.say(text.rstrip())
    return 0


def _plan_path(arguments: argparse.Namespace) -> Path:
    if arguments.load is not None and arguments.load != "":
        return Path(arguments.load)
    folder = arguments.path if arguments.path.is_dir() else arguments.path.parent
    return Path(folder / PLAN)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise MistakeError(
            "file-unwritable", f"{path} cannot be written: {wrong.strerror}", "choose another file"
        ) from None


def figures_lines(figures: Figures) -> Iterator[str]:
    """The figures for people."""
    seconds = figures.milliseconds / 1000
    rows: list[tuple[str, ...]] = [
        ("effect", "asked/s", "settled/s", "attempts", "failed", "waits", "takes", "pending", "receiver")
    ]
    for effect in figures.effects.values():
        if effect.asked or effect.attempts:
            rows.append(
                (
                    effect.name,
                    f"{effect.asked / seconds:.2f}",
                    f"{effect.settled / seconds:.2f}",
                    f"{effect.attempts:,}",
                    f"{effect.failed:,}",
                    _times(effect.waits),
                    _times(effect.takes),
                    f"{effect.pending_max:,} at most, {effect.pending:,} at the end",
                    f"{effect.busy:.0%} busy",
                )
            )
    yield from columns(rows)
    for effect in figures.effects.values():
        for end, left in effect.drained:
            said = "did not come back to what it was" if left is None else f"was as before {show_duration(left)} later"
            yield f"{effect.name}: the outage ended at {show_duration(end)}, and what was pending {said}"
    yield ""
    rows = [("entity", "began/s", "ended/s", "from beginning to end")]
    for entity in figures.entities.values():
        if entity.began or entity.ended:
            lives = _times(entity.lives)
            rows.append((entity.name, f"{entity.began / seconds:.2f}", f"{entity.ended / seconds:.2f}", lives))
    yield from columns(rows)
    yield ""
    rows = [("call", "applied/s", "rejected")]
    actions = sorted({*figures.applied, *(action for action, _ in figures.rejected)})
    for action in actions:
        why = (f"{count:,} {code}" for (name, code), count in sorted(figures.rejected.items()) if name == action)
        rows.append((action, f"{figures.applied[action] / seconds:.2f}", ", ".join(why)))
    yield from columns(rows)


def _times(times: Times) -> str:
    return " / ".join("-" if each is None else short(each) for each in times.percentiles.values())


def short(milliseconds: int) -> str:
    """A length of time with two digits or so that matter.

    >>> short(7), short(1_540), short(95_000), short(5_400_000)
    ('7ms', '1.5s', '95s', '90m')
    """
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f}s"
    if milliseconds < 600_000:
        return f"{milliseconds / 1000:.0f}s"
    return f"{milliseconds / 60_000:.0f}m"
