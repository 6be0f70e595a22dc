"""The law of deliveries: whatever workers, operators, clocks and crashes do, the guarantees hold and nothing stays for ever.

A random run of one runtime over one store: people call, handlers answer, fail or hang, workers take leases and bring
answers in time, too late or never, an operator pauses, resumes and redrives, time passes, processes die.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import event as happened
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from support.durable import all_records, assert_whole
from support.parcels import PARCELS
from support.running import Running, table_of, turn
from temper.run import Answered, Ask, AttemptFailedError, Completed, Done, Failed, Leased, LetterSeen, Limits
from temper.run import leases as leasing
from temper.run.dispatcher import Dispatcher
from temper.run.engine import Settled
from temper.run.leases import Leases
from temper.run.letters import Letters
from temper.run.limits import Fuse, Rate

TABLE = table_of(PARCELS)
STEPS = 40
SAYS = {
    "ship": [{"outcome": "shipped", "fields": {"code": "c"}}, "declined", "nonsense", None],
    "ring": ["rung", {"outcome": "rang"}],
    "light": ["lit", "declined"],
}
LIMITS = {"ship": Limits(concurrency=2, fuse=Fuse(3, 4_000)), "light": Limits(rate=Rate(1, 1_000), timeout=2_000)}


def event(text: str) -> None:
    """For Hypothesis' statistics, where it looks."""
    with contextlib.suppress(InvalidArgument):
        happened(text)


class World:
    """The outside: it checks what must never be asked, and answers as chance has it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.paused: set[str] = set()
        self.held: dict[str, tuple[str, Leased, int]] = {}
        self.running: Running
        self.wrong: list[str] = []

    async def handle(self, ask: Ask) -> object:
        try:
            self.check(ask)
        except AssertionError as error:  # To a dispatcher this would be an attempt without an answer.
            self.wrong.append(str(error))
            raise
        if self.chance.random() < 0.2:
            await asyncio.Event().wait()
        if self.chance.random() < 0.3:
            raise AttemptFailedError("no answer")
        return self.chance.choice(SAYS[ask.effect])

    def check(self, ask: Ask) -> None:
        """Asked only with a durable row (or a letter), not while paused, and `at_most_once` only once."""
        place, round_ = (int(part) for part in ask.key.split("-")[-2:])
        store = self.running.store
        pending = [row for row in store.pending() if (row.place, row.round) == (place, round_)]
        letters = [row for row in store.book("letter") if row.key == f"{place:015d}-{round_:06d}"]
        assert pending or letters, f"{ask.key} is asked, and nothing durable says so"
        assert ask.effect not in self.paused
        self.asked[ask.effect, ask.key] += 1
        if pending:
            lane = [r for r in store.pending() if r.kind == "effect" and r.owner_id == ask.id and r.place < place]
            assert not [r for r in lane if f'"effect":"{ask.effect}"' in r.body], "asked out of its turn"
        if ask.effect == "ring":
            assert self.asked[ask.effect, ask.key] == 1, "asked twice what may be asked once"

    def lease(self, who: str, leased: Leased, now: int) -> None:
        self.check(leased.ask)
        key = leased.ask.key
        if key in self.held:
            assert now >= self.held[key][2], "two workers hold one delivery"
        self.held[key] = (who, leased, now + leased.milliseconds)


class Walk:
    """One random run."""

    def __init__(self, running: Running, world: World) -> None:
        self.running, self.world, self.chance = running, world, world.chance
        self.leases: list[tuple[str, Leased]] = []
        self.at_workers = {effect for effect in SAYS if self.chance.random() < 0.5}

    async def step(self) -> None:
        name = self.chance.choice(
            ["call", "call", "call", "time", "time", "lease", "lease", "answer", "answer", "beat", "pause", "resume",
             "redrive", "dismiss", "crash", "handlers"]
        )  # fmt: skip
        event(name)
        await getattr(self, name)()
        await turn(20)

    async def call(self) -> None:
        id_ = self.chance.choice("pqr")
        action = self.chance.choice(["pack", "send", "ring", "flash", "dim"])
        args: dict[str, Any] = {"pack": {"label": "books"}, "dim": {"level": self.chance.randrange(3)}}.get(action, {})
        if isinstance(await self.running.call("Parcel", id_, action, args), Done):
            event(action)

    async def time(self) -> None:
        self.running.clock.advance(self.chance.choice([1, 500, 1_500, 5_000, 31_000]))

    async def lease(self) -> None:
        who, now = self.chance.choice(["wim", "wot"]), self.running.clock.now()
        found = await self.running.runtime.lease(who, sorted(SAYS), limit=self.chance.randrange(1, 4))
        assert isinstance(found, tuple)
        for leased in found:
            self.world.lease(who, leased, now)
            self.leases.append((who, leased))

    async def answer(self) -> None:
        if not self.leases:
            return
        who, leased = self.chance.choice(self.leases)
        effect = leased.ask.effect
        end = Failed("no") if self.chance.random() < 0.3 else Answered(self.chance.choice(SAYS[effect]))
        before = settled(self.running)
        done = await self.running.runtime.complete(leased.lease, who, end)
        if isinstance(done, Completed):
            event(f"counts: {done.counts}")
            key = leased.lease.rpartition("-")[0]
            late = not done.counts and key not in before
            assert not late or key not in settled(self.running), "a late answer settled something"
            if self.world.held.get(leased.ask.key, ("", None, 0))[1] == leased:
                self.world.held.pop(leased.ask.key)

    async def beat(self) -> None:
        if self.leases:
            who, leased = self.chance.choice(self.leases)
            left = await self.running.runtime.heartbeat(leased.lease, who)
            if isinstance(left, int):
                event("prolonged")
                self.world.held[leased.ask.key] = (who, leased, self.running.clock.now() + left)

    async def pause(self) -> None:
        effect = self.chance.choice(sorted(SAYS))
        await self.running.runtime.pause(effect, by="ann")
        self.world.paused.add(effect)

    async def resume(self) -> None:
        for effect in sorted(self.world.paused):
            self.world.paused.discard(effect)
            await self.running.runtime.resume(effect)

    def letters(self) -> tuple[LetterSeen, ...]:
        found = self.running.runtime.letters()
        assert isinstance(found, tuple)
        return found

    async def redrive(self) -> None:
        if letters := self.letters():
            answer = await self.running.runtime.redrive(self.chance.choice(letters).key, by="ann")
            event(f"redrive: {type(answer).__name__}")

    async def dismiss(self) -> None:
        if letters := self.letters():
            await self.running.runtime.dismiss(self.chance.choice(letters).key)

    async def crash(self) -> None:
        await self.running.runtime.close()
        self.running.handlers = self.handlers_now()
        await self.running.open()

    async def handlers(self) -> None:
        self.running.runtime.use(self.handlers_now())

    def handlers_now(self) -> dict[str, Any]:
        self.at_workers = {effect for effect in SAYS if self.chance.random() < 0.5}
        return {effect: self.world.handle for effect in SAYS if effect not in self.at_workers}

    async def come_to_an_end(self) -> None:
        """Faults end: everybody answers, nothing is paused. Then everything that is pending settles."""

        async def answered(ask: Ask) -> object:
            return SAYS[ask.effect][0]

        await self.resume()
        self.running.handlers = dict.fromkeys(SAYS, answered)
        self.running.runtime.use(self.running.handlers)
        for _ in range(400):
            await turn(20)
            if self.running.runtime.pending() == () and not any(each.redriven_by for each in self.letters()):
                break
            self.running.clock.set((self.running.clock.next_due() or 0) or self.running.clock.now() + 1)
        waiting = self.running.runtime.pending()
        assert waiting == (), waiting
        assert not [each for each in self.letters() if each.redriven_by], "a redrive does not come to its end"


def settled(running: Running) -> Counter[str]:
    """How often each delivery settled."""
    records = [record for record in all_records(running.store) if record["rule"] == "settle"]
    return Counter(f"{place}-{round_}" for record in records for place, round_ in record["consumed"])  # type: ignore[attr-defined]


def walked(seed: int) -> None:
    """One run, with everything that must be true of it."""

    async def whole() -> None:
        world = World(seed)
        async with Running(TABLE, limits=LIMITS) as running:
            world.running = running
            walk = Walk(running, world)
            await walk.handlers()
            for _ in range(STEPS):
                await walk.step()
                assert running.runtime.health()["faults"] == []
            await walk.come_to_an_end()
            assert max(settled(running).values(), default=1) == 1
            assert_whole(running.store)
            assert world.wrong == []
            assert list(running.store.book("lease")) == []

    asyncio.run(whole())


@given(st.integers(0, 2**32))
def test_deliveries_keep_their_promises(seed: int) -> None:
    walked(seed)


TRAPS: dict[str, tuple[Any, str, Any]] = {
    "a claim is forgotten": (Dispatcher, "_why_over", lambda *_: ""),
    "a pause is forgotten": (Dispatcher, "recall", lambda *_: None),
    "leases are forgotten": (Leases, "recall", lambda *_: None),
    "leases do not run out": (Leases, "_expired", lambda *_: False),
    "a stale answer counts": (leasing, "Settled", lambda *given, **_: Settled(*given)),
    "letters of at_most_once are redriven": (Letters, "why_not", lambda *_: ""),
    "nobody looks again": (Dispatcher, "look_again", lambda *_: None),
}


@pytest.mark.parametrize("trap", sorted(TRAPS))
def test_the_law_notices(trap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary for each promise: a runtime that breaks it is caught within some dozens of runs."""
    where, name, wrong = TRAPS[trap]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises((AssertionError, KeyError)):
        walked_often(80)


def walked_often(times: int) -> None:
    for seed in range(times):
        walked(seed)
