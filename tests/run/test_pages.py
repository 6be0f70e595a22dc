"""The pages on what the runtime answers show what it really says. `make bless` writes it, and the diff is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.examples import BLESS
from support.faulty import FaultyStore
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, trusted, turn
from support.tree import ROOT
from temper.machine import Rejected
from temper.run import (
    OBSTACLES,
    PROBLEMS,
    AttemptFailedError,
    MemoryStore,
    NotAdmitted,
    Retryable,
    Terminal,
    invariants,
)

PAGES = ROOT / "docs" / "diagnostics"
HEAVY = "roles: [person]\nproperties:\n  heavy: {for: p in Parcel, always: p.level >= 1}"
APART = "roles: [person]\nproperties:\n  apart: {for: 'p in Parcel, q in Parcel', always: p.label == q.label or p != q}"

Show = Callable[[Running], Awaitable[object]]


def calls(entity: str, id_: str | None, action: str, **more: Any) -> Show:
    return lambda running: running.call(entity, id_, action, more.pop("args", {}), **more)


def loads(*edits: tuple[str, str]) -> Show:
    text = PARCELS
    for before, after in edits:
        assert before in text, before
        text = text.replace(before, after)
    return lambda running: running.runtime.apply(trusted(table_of(text)))


async def reused(running: Running) -> object:
    await running.done("Parcel", "q", "pack", {"label": "books"}, key="k1")
    return await running.call("Parcel", "q", "pack", {"label": "bricks"}, key="k1")


async def taken(running: Running) -> object:
    done = await running.done("Parcel", "p", "box_up", {"size": 0})
    await running.runtime.quiet()
    return await running.call("Box", done.data["box"], "build", {"size": 1})


async def closed(running: Running) -> object:
    await running.runtime.close()
    return await running.call("Parcel", "p", "raise_level")


async def full(running: Running) -> object:
    running.store.is_full = True  # type: ignore[attr-defined]
    return await running.call("Parcel", "p", "raise_level")


async def broken(running: Running) -> object:
    running.store._fault = lambda _: "before"  # type: ignore[attr-defined]
    answer = await running.call("Parcel", "p", "raise_level")
    running.store._fault = lambda _: ""  # type: ignore[attr-defined]
    return answer


async def dying(running: Running) -> object:
    running.store.is_dead = True  # type: ignore[attr-defined]
    answer = await running.call("Parcel", "p", "raise_level")
    running.store.is_dead = False  # type: ignore[attr-defined]
    return answer


async def unplaced(running: Running) -> object:
    await running.done("Parcel", "p", "send")
    await turn()
    return await loads(("delivery: keyed", "delivery: idempotent"))(running)


async def too_many(running: Running) -> object:
    for number in range(9):
        await running.done("Parcel", f"p{number}", "pack", {"label": "books"})
    return await loads(("roles: [person]", APART))(running)


async def elsewhere_leased(running: Running) -> object:
    await running.done("Parcel", "p", "ring")
    (leased,) = await running.runtime.lease("wim", ["ring"])  # type: ignore[misc]
    running.runtime._work.dispatcher.leased.clear()  # As if another node had given it.
    return await running.runtime.heartbeat(leased.lease, "wim")


async def rung(running: Running) -> object:
    await running.runtime.close()
    running.handlers = {"ring": Receiver(AttemptFailedError("no answer"))}
    await running.open()
    await running.done("Parcel", "p", "ring")
    await running.runtime.quiet()
    return await running.runtime.redrive("1-0", by="ann")


SHOWN: dict[str, Show] = {
    "bad-filter": lambda running: running.runtime.list("Parcel", where={"lable": "books"}),
    "bad-id": calls("Parcel", "a\nb", "raise_level"),
    "delivery-unplaced": unplaced,
    "does-not-move": loads(("waits: [packed, sent, rung]", "waits: [sent, rung]")),
    "entity-gone": lambda running: running.runtime.apply(
        trusted(table_of("temper: 1\nblueprint: parcels\nentities:\n  Box:\n    states: [on]\n    waits: [on]\n    actions: {make: {from: new, to: on}}\n"))
    ),
    "field-unfilled": loads(
        ("note: json | None", "note: json | None\n      sender: principal"),
        ('watchers: "{caller}"}', 'watchers: "{caller}", sender: caller}'),
    ),
    "id-taken": taken,
    "idempotency-key-reused": reused,
    "lease-elsewhere": elsewhere_leased,
    "lease-lost": lambda running: running.runtime.heartbeat("12-0-1", "wim"),
    "no-such-delivery": lambda running: running.runtime.dismiss("12-0"),
    "not-redrivable": rung,
    "instances-moved": lambda running: running.runtime.apply(trusted(table_of(PARCELS.replace("level + 1", "level + 2"))), covers=lambda _: False),
    "invariant-violated": loads(("roles: [person]", HEAVY)),
    "shutting-down": closed,
    "stale-version": calls("Parcel", "p", "raise_level", expected=7),
    "state-gone": loads(("states: [packed,", "states: [wrapped,"), ("waits: [packed,", "waits: [wrapped,"), ("from: packed", "from: wrapped"), ("to: packed", "to: wrapped")),
    "storage-full": full,
    "store-failed": broken,
    "store-unsure": dying,
    "timer-gone": loads(("      morning:", "      dawn:")),
    "too-many-to-check": too_many,
    "unknown-instance": calls("Parcel", "nobody", "raise_level"),
    "value-out-of-type": loads(("level: Level\n      box", "level: int[1, 5]\n      box")),
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(SHOWN))
def test_a_page_shows_what_is_really_said(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if code == "too-many-to-check":
        monkeypatch.setattr(invariants, "BINDINGS_MAX", 50)
    path = PAGES / f"{code}.md"
    page = path.read_text(encoding="utf-8")
    after = re.sub(r"```text\n.*?```", lambda _: f"```text\n{said(code)}```", page, count=1, flags=re.DOTALL)
    if BLESS and after != page:
        path.write_text(after, encoding="utf-8")
    assert after == page or BLESS


def said(code: str) -> str:
    """What comes of the situation, one line for each reason; the code among them is the page's."""

    async def whole() -> object:
        async with Running(table_of(PARCELS), FaultyStore(MemoryStore(), lambda _: "")) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            return await SHOWN[code](running)

    answer = asyncio.run(whole())
    if isinstance(answer, NotAdmitted):
        assert code in {obstacle.code for obstacle in answer.obstacles}
        return "".join(f"{each.code}: {each}\n" for each in answer.obstacles)
    assert isinstance(answer, Rejected | Retryable | Terminal), answer
    assert answer.code == code
    return f"{answer.code}: {answer.message}\n"


def test_every_problem_and_obstacle_is_shown() -> None:
    elsewhere = {"unknown-entity", "unknown-effect"}  # The language says it of blueprints, too, and its page is there.
    assert {*PROBLEMS, *OBSTACLES} - elsewhere == set(SHOWN)
