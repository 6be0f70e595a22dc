"""Which keys are known to be new: never one that the store has, however it got there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from temper.run import lookups
from temper.run.lookups import Lookups
from temper.run.store.protocol import StoreError
from temper.run.store.rows import AnswerRow


class Kept:
    """A store that has answers, and counts how often it is asked."""

    def __init__(self, keys: Sequence[str], *, shared: bool = False) -> None:
        self.shared = shared
        self.rows = {key: AnswerRow(key, "digest", 0, "{}") for key in sorted(keys)}
        self.fails = False
        self.asked: list[tuple[str, ...]] = []

    def answers(self, keys: Sequence[str]) -> Mapping[str, AnswerRow]:
        self.asked.append(tuple(keys))
        return {key: self.rows[key] for key in keys if key in self.rows}

    def answered(self, after: str, limit: int) -> Sequence[tuple[str, int]]:
        if self.fails:
            raise StoreError("it fails")
        return [(key, row.at) for key, row in self.rows.items() if key > after][:limit]


OLD = [f"old {number}" for number in range(25)]


async def read_all(looked: Lookups) -> None:
    while looked._read_up_to is not None:
        assert not looked.is_new("anything"), "nothing is known to be new before all is known"
        await asyncio.sleep(0)


def test_no_key_of_the_store_is_taken_for_new(monkeypatch) -> None:
    monkeypatch.setattr(lookups, "READ_AT_ONCE", 10)

    async def run() -> None:
        kept = Kept(OLD)
        looked = Lookups(kept)  # type: ignore[arg-type]
        await read_all(looked)
        assert not any(looked.is_new(key) for key in OLD)
        assert sum(looked.is_new(f"new {number}") for number in range(100)) > 90
        looked.remember("new 7")
        assert not looked.is_new("new 7")

    asyncio.run(run())


def test_full_marks_doubt_every_key_and_lose_none(monkeypatch) -> None:
    monkeypatch.setattr(lookups, "SLOTS", 4)

    async def run() -> None:
        kept = Kept(OLD)
        looked = Lookups(kept)  # type: ignore[arg-type]
        await read_all(looked)
        assert not any(looked.is_new(f"new {number}") for number in range(100))
        found = await asyncio.gather(*(looked.answer(key) for key in (*OLD[:3], "new")))
        assert [row and row.key for row in found] == [*OLD[:3], None]
        assert kept.asked == [(*OLD[:3], "new")]

    asyncio.run(run())


def test_what_cannot_be_read_is_read_later() -> None:
    async def run() -> None:
        kept = Kept(OLD)
        kept.fails = True
        looked = Lookups(kept)  # type: ignore[arg-type]
        assert not looked.is_new("new")
        kept.fails = False
        await read_all(looked)
        assert looked.is_new("new")
        assert not looked.is_new(OLD[0])

    asyncio.run(run())


def test_where_others_write_nothing_is_known_to_be_new() -> None:
    async def run() -> None:
        looked = Lookups(Kept((), shared=True))  # type: ignore[arg-type]
        looked.remember("a")
        for _ in range(3):
            assert not looked.is_new("b")
            await asyncio.sleep(0)

    asyncio.run(run())


@pytest.mark.parametrize("key", ["", "a", "\u00e9", "\ud800", "x" * 1000])
def test_any_text_is_a_key(key) -> None:
    one, other = lookups._slots(key)
    assert 0 <= one < lookups.SLOTS
    assert 0 <= other < lookups.SLOTS
