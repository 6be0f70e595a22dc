"""What native code watches for: each monitor remembers the first states at which it was met, each cut is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from temper.verify.native.writer import Truth, Writer

HITS_MAX = 50
"""How many states a monitor remembers: as many runs as a question tries before it is left open."""


class Monitor(NamedTuple):
    """What is watched for: `name` is the question's, or a row; `part` tells apart what one question asks of."""

    kind: str
    name: str
    part: str = ""


class Monitors:
    """The monitors of one model, by number."""

    def __init__(self) -> None:
        self.numbers: dict[Monitor, int] = {}
        self.cuts: dict[tuple[str, str], int] = {}

    def meet(self, writer: Writer, monitor: Monitor) -> None:
        """Here the monitor is met, in state `%number`."""
        self.watch(writer, monitor, lambda: True)

    def watch(self, writer: Writer, monitor: Monitor, condition: Callable[[], Truth]) -> None:
        """The monitor is met if the condition holds, which is worked out only while it wants to know."""
        if not writer.is_open:
            return
        at = self.numbers.setdefault(monitor, len(self.numbers))
        wanted, yes, on = writer.label(), writer.label(), writer.label()
        writer.branch(self._is_open(writer, at), wanted, on)
        writer.place(wanted)
        writer.branch(condition(), yes, on)
        writer.place(yes)
        writer.line(f"call void @hit(ptr %open, ptr %hits, i64 {at}, i64 %number)")
        writer.place(on)

    def cut(self, writer: Writer, bound: str, where: str) -> None:
        """Here a step is cut."""
        if not writer.is_open:
            return
        at = self.cuts.setdefault((bound, where), len(self.cuts))
        place = writer.emit(f"getelementptr i64, ptr %cuts, i64 {at}")
        count = writer.emit(f"load i64, ptr {place}")
        writer.line(f"store i64 {writer.add(count, 1)}, ptr {place}")

    def _is_open(self, writer: Writer, at: int) -> str:
        place = writer.emit(f"getelementptr i8, ptr %open, i64 {at}")
        return writer.emit(f"icmp ne i8 {writer.emit(f'load i8, ptr {place}')}, 0")
