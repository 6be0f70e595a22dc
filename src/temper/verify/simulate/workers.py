"""Workers in processes of their own: they lease attempts, may be slow or gone, and bring answers when they like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from functools import partial

from temper.machine import Address
from temper.run import Answered, Completed, Failed, Leased, Runtime, Terminal
from temper.verify.simulate.disk import Rows
from temper.verify.simulate.loop import SimulatedLoop
from temper.verify.simulate.moves import Answers
from temper.verify.simulate.outside import Attempt, Key, Outside

LEASE = "lease"
"""The kind of the notes in which a store keeps leases."""
LIMIT = 2
"""How many attempts a worker asks for at once."""


class Workers:
    """What is out there with workers, which outlive every crash of the runtime."""

    def __init__(self, outside: Outside, rows: Rows) -> None:
        self._outside, self._rows = outside, rows

    def ask(self, runtime: Runtime, loop: SimulatedLoop, who: str, effect: str) -> None:
        """A worker asks for something to do."""
        task = loop.create_task(self._asked(runtime, who, effect))
        task.add_done_callback(_heeded)

    async def _asked(self, runtime: Runtime, who: str, effect: str) -> None:
        """What is given is looked at when it is given: a moment later it may be withdrawn."""
        was_halted = effect in self._halted()
        try:
            given = await runtime.lease(who, [effect], limit=LIMIT)
        except Exception:  # noqa: BLE001 (a worker asks once more, whatever there was)
            return
        for leased in given if isinstance(given, tuple) else ():
            if was_halted:
                text = f"{leased.lease} is given to {who}, and {leased.ask.effect} is paused"
                self._outside.wrong.append(("paused", text))
            self._take(who, leased)

    def _halted(self) -> Collection[str]:
        """Effects that whoever is asked knows to be paused."""
        return self._outside.halted

    def _take(self, who: str, leased: Leased) -> None:
        ask = leased.ask
        place, round_ = (int(part) for part in ask.key.split("-")[-2:])
        lane = (Address(ask.entity, ask.id), ask.effect)
        attempt = Attempt(ask, (place, round_), lane, None, lease=leased.lease, who=who)
        if not self.holds(attempt):
            text = f"{leased.lease} is given to {who}, and the store does not say so"
            self._outside.wrong.append(("leases", text))
        self._outside.begun(attempt)

    def holds(self, attempt: Attempt) -> bool:
        """Whether the store says that this very lease is what the delivery is leased under."""
        body = self._rows.note(LEASE, _sorting(attempt.key))
        if body is None:
            return False
        note = json.loads(body)
        return f"{_shown(attempt.key)}-{note['number']}" == attempt.lease and note["who"] == attempt.who

    def prolong(self, runtime: Runtime, loop: SimulatedLoop, attempt: Attempt) -> None:
        """A worker says that it is still at it."""
        loop.create_task(runtime.heartbeat(attempt.lease, attempt.who))

    def bring(self, runtime: Runtime, loop: SimulatedLoop, move: Answers, attempt: Attempt) -> None:
        """A worker brings what came of its attempt; it brings it again until somebody has taken it."""
        said = None if move.refuses else self._outside.truth(attempt, move.said)
        if said is None and not move.refuses:
            return
        if self.holds(attempt):
            self._outside.told(attempt, said)
        end = Failed(move.refuses) if move.refuses else Answered(said)
        task = loop.create_task(runtime.complete(attempt.lease, attempt.who, end))
        task.add_done_callback(partial(self._taken, attempt))

    def _taken(self, attempt: Attempt, task: asyncio.Task[object]) -> None:
        ended = None if task.cancelled() or task.exception() is not None else task.result()
        if isinstance(ended, Completed | Terminal) and attempt in self._outside.attempts:
            self._outside.attempts.remove(attempt)


def _heeded(task: asyncio.Task[None]) -> None:
    """What goes wrong in what a worker does here is our own mistake, and must be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


def _shown(key: Key) -> str:
    return f"{key[0]}-{key[1]}"


def _sorting(key: Key) -> str:
    return f"{key[0]:015d}-{key[1]:06d}"
