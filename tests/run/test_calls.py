"""What a caller hears, and that a key, a version and a rejection mean what they say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.parcels import PARCELS
from support.running import EVERY_ROLE, Receiver, Running, table_of
from temper.machine import Rejected
from temper.run import Batch, Done, Listed, Retryable, SqliteStore, Terminal
from temper.run.committer import PART

TABLE = table_of(PARCELS)


def code(answer: Any) -> str:
    assert isinstance(answer, Rejected | Terminal | Retryable), answer
    return answer.code


def run(test: Any) -> None:
    async def whole() -> None:
        async with Running(TABLE) as running:
            await test(running)

    asyncio.run(whole())


def test_a_call_is_applied() -> None:
    async def test(running: Running) -> None:
        done = await running.done("Parcel", "p", "pack", {"label": "books"})
        assert (done.state, done.seq, done.data["label"], done.data["watchers"]) == ("packed", 1, "books", ["ann"])
        seen = running.seen("Parcel", "p")
        assert (seen.state, seen.seq, seen.data) == (done.state, done.seq, done.data)

    run(test)


def test_an_id_is_drawn() -> None:
    async def test(running: Running) -> None:
        first = await running.done("Parcel", None, "pack", {"label": "a"})
        second = await running.done("Parcel", None, "pack", {"label": "b"})
        assert first.id != second.id

    run(test)


@pytest.mark.parametrize(
    ("entity", "id_", "action", "args", "more", "expected"),
    [
        ("Parcle", "p", "pack", {"label": "a"}, {}, "unknown-entity"),
        ("Parcel", "p", "pakc", {}, {}, "unknown-action"),
        ("Parcel", "nobody", "send", {}, {}, "unknown-instance"),
        ("Office", "second", "open", {}, {}, "unknown-instance"),
        ("Office", "Office", "open", {}, {}, "denied"),
        ("Parcel", "", "pack", {"label": "a"}, {}, "bad-id"),
        ("Parcel", "x" * 201, "pack", {"label": "a"}, {}, "bad-id"),
        ("Parcel", "a\nb", "pack", {"label": "a"}, {}, "bad-id"),
        ("Parcel", "\ud800", "pack", {"label": "a"}, {}, "bad-id"),
        ("Parcel", "q", "pack", {"label": "a"}, {"caller": ""}, "bad-id"),
        ("Parcel", "q", "pack", {}, {}, "bad-args"),
        ("Parcel", "q", "pack", {"label": 7}, {}, "bad-args"),
        ("Parcel", "q", "pack", {"label": "\ud800"}, {}, "bad-args"),
        ("Parcel", "q", "pack", {"label": "a", "lable": "b"}, {}, "bad-args"),
        ("Parcel", "p", "pack", {"label": "a"}, {}, "wrong-state"),
        ("Parcel", "p", "send", {}, {"roles": frozenset()}, "denied"),
        ("Parcel", "p", "arrive", {"code": "c"}, {}, "wrong-state"),
        ("Parcel", "p", "dim", {"level": 6}, {}, "bad-args"),
        ("Parcel", "p", "annotate", {"note": float("nan")}, {}, "bad-args"),
        ("Parcel", "full", "raise_level", {}, {}, "out-of-range"),
        ("Parcel", "p", "send", {}, {"expected": 7}, "stale-version"),
    ],
)
def test_a_rejection_says_why_and_changes_nothing(
    entity: str, id_: str, action: str, args: dict[str, Any], more: dict[str, Any], expected: str
) -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        await running.done("Parcel", "full", "pack", {"label": "books"})
        for _ in range(5):
            await running.done("Parcel", "full", "raise_level")
        before = running.store.head()
        answer = await running.call(entity, id_, action, args, **more)
        assert code(answer) == expected
        assert answer.message  # type: ignore[union-attr]
        assert running.store.head() == before

    run(test)


def test_json_is_kept_as_it_is() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "☃ \x00 ' \" \\"})
        done = await running.done("Parcel", "p", "annotate", {"note": {"b": [1, None, "é"], "a": {}}})
        assert done.data["note"] == {"b": [1, None, "é"], "a": {}}
        assert running.seen("Parcel", "p").data["label"] == "☃ \x00 ' \" \\"

    run(test)


def test_a_key_brings_the_same_answer() -> None:
    async def test(running: Running) -> None:
        first = await running.done("Parcel", None, "pack", {"label": "a"}, key="k1")
        again = await running.done("Parcel", None, "pack", {"label": "a"}, key="k1")
        assert (again.id, again.record, again.repeated, first.repeated) == (first.id, first.record, True, False)
        assert code(await running.call("Parcel", first.id, "raise_level", {}, expected=9, key="k2")) == "stale-version"
        await running.done("Parcel", first.id, "raise_level")
        assert code(await running.call("Parcel", first.id, "raise_level", {}, expected=2, key="k2")) == "stale-version"

    run(test)


def test_a_key_stands_for_one_request() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "a"}, key="k")
        before = running.store.head()
        assert code(await running.call("Parcel", "p", "pack", {"label": "b"}, key="k")) == "idempotency-key-reused"
        assert code(await running.call("Parcel", "q", "pack", {"label": "a"}, key="k")) == "idempotency-key-reused"
        assert code(await running.call("Parcel", "p", "send", {}, key="k")) == "idempotency-key-reused"
        other = await running.call("Parcel", "p", "pack", {"label": "a"}, key="k", caller="bob")
        assert code(other) == "idempotency-key-reused"
        assert running.store.head() == before

    run(test)


def test_a_key_outlives_the_process() -> None:
    async def test(running: Running) -> None:
        first = await running.done("Parcel", None, "pack", {"label": "a"}, key="k")
        assert code(await running.call("Parcel", "nobody", "send", {}, key="n")) == "unknown-instance"
        await running.runtime.close()
        await running.open()
        assert (await running.done("Parcel", None, "pack", {"label": "a"}, key="k")).id == first.id
        assert code(await running.call("Parcel", "nobody", "send", {}, key="n")) == "unknown-instance"

    run(test)


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_the_same_request_at_the_same_time_is_one_call(where: str, tmp_path: Path) -> None:
    async def whole() -> None:
        store = SqliteStore(tmp_path / "j.db", identity="x") if where == "sqlite" else None
        async with Running(TABLE, store) as running:
            calls = [running.call("Parcel", None, "pack", {"label": "a"}, key="k") for _ in range(5)]
            answers = await asyncio.gather(*calls)
            assert all(isinstance(answer, Done) for answer in answers)
            assert len({answer.id for answer in answers if isinstance(answer, Done)}) == 1
            assert sorted(answer.repeated for answer in answers if isinstance(answer, Done)) == [False] + [True] * 4

    asyncio.run(whole())


def test_whoever_goes_away_does_not_take_the_answer_along(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Running(TABLE, SqliteStore(tmp_path / "j.db", identity="x")) as running:
            first = asyncio.create_task(running.call("Parcel", None, "pack", {"label": "a"}, key="k"))
            await asyncio.sleep(0)
            second = asyncio.create_task(running.call("Parcel", None, "pack", {"label": "a"}, key="k"))
            await asyncio.sleep(0)
            first.cancel()
            answer = await second
            assert isinstance(answer, Done)
            page = await running.runtime.list("Parcel")
            assert isinstance(page, Listed)
            assert [seen.id for seen in page.seen] == [answer.id]

    asyncio.run(whole())


def test_calls_on_one_instance_share_a_commit_and_keep_their_order(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Running(TABLE, SqliteStore(tmp_path / "j.db", identity="x")) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            before = running.store.head().commit
            answers = await asyncio.gather(*(running.call("Parcel", "p", "raise_level") for _ in range(8)))
            assert [type(answer) for answer in answers] == [Done] * 5 + [Rejected] * 3
            assert [answer.data["level"] for answer in answers if isinstance(answer, Done)] == [1, 2, 3, 4, 5]
            assert running.store.head().commit <= before + 2

    asyncio.run(whole())


def test_what_can_be_done_now() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "a"})
        options = running.runtime.available("Parcel", "p", caller="ann", roles=EVERY_ROLE)
        assert isinstance(options, tuple)
        why = {option.action: option.because and option.because.code for option in options}
        assert why["send"] is None
        assert why["pack"] == "wrong-state"
        assert why["arrive"] == "wrong-state"
        assert why["lit"] == "denied"
        assert why["dim"] is None
        none = running.runtime.available("Parcel", "p", caller="eve", roles=frozenset())
        assert isinstance(none, tuple)
        assert {option.because.code for option in none if option.because} <= {"denied", "wrong-state"}
        assert all(option.because for option in none)
        fresh = running.runtime.available("Parcel", None, caller="ann", roles=EVERY_ROLE)
        assert isinstance(fresh, tuple)
        assert [option.action for option in fresh] == ["pack"]

    run(test)


def test_lists_filter_and_page() -> None:
    async def test(running: Running) -> None:
        for number in range(5):
            await running.done("Parcel", f"p{number}", "pack", {"label": f"l{number % 2}"})
        await running.done("Parcel", "p0", "annotate", {"note": 1})
        first = await running.runtime.list("Parcel", limit=2)
        assert isinstance(first, Listed)
        assert ([seen.id for seen in first.seen], first.after) == (["p0", "p1"], "p1")
        rest = await running.runtime.list("Parcel", after=first.after, limit=3)
        assert isinstance(rest, Listed)
        assert ([seen.id for seen in rest.seen], rest.after) == (["p2", "p3", "p4"], None)
        found = await running.runtime.list("Parcel", state="packed", where={"label": "l1", "watchers": ["ann"]})
        assert isinstance(found, Listed)
        assert [seen.id for seen in found.seen] == ["p1", "p3"]
        assert code(await running.runtime.list("Parcel", state="gone")) == "bad-filter"
        assert code(await running.runtime.list("Parcel", where={"labl": "x"})) == "bad-filter"
        assert code(await running.runtime.list("Parcel", where={"level": "x"})) == "bad-filter"
        assert code(await running.runtime.list("Parcle")) == "unknown-entity"

    run(test)


def test_history_and_reads_of_nobody() -> None:
    async def test(running: Running) -> None:
        assert code(running.runtime.read("Parcel", "p")) == "unknown-instance"
        assert code(running.runtime.history("Parcel", "p")) == "unknown-instance"
        await running.done("Parcel", "p", "pack", {"label": "a"})
        await running.done("Parcel", "p", "raise_level")
        history = running.runtime.history("Parcel", "p")
        assert isinstance(history, tuple)
        assert [row.number for row in history] == [3, 4]

    run(test)


def test_after_closing_nothing_is_taken() -> None:
    async def test(running: Running) -> None:
        await running.runtime.close()
        assert code(await running.call("Parcel", "p", "pack", {"label": "a"})) == "shutting-down"

    run(test)


def test_the_receiver_is_not_asked_before_the_record_is_durable(tmp_path: Path) -> None:
    """G5: an attempt needs a durable row."""

    async def whole() -> None:
        store = SqliteStore(tmp_path / "j.db", identity="x")
        places: list[int] = []

        async def ship(_: object) -> object:
            places.append(len(list(store.pending())))
            return {"outcome": "shipped", "fields": {"code": "c"}}

        async with Running(TABLE, store, {"ship": ship, "ring": Receiver()}) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            await running.done("Parcel", "p", "send")
            await running.runtime.quiet()
            assert places == [1]
            assert running.state("Parcel", "p") == "sent"

    asyncio.run(whole())


def test_a_part_of_a_turn_is_written_while_the_rest_is_computed(tmp_path, monkeypatch) -> None:
    """One transaction for all of them would let the processor wait for the disk, and the disk for the processor."""
    sizes: list[int] = []
    write = SqliteStore.commit

    def weighed(self: SqliteStore, batch: Batch) -> None:
        sizes.append(len(batch.records))
        write(self, batch)

    async def test() -> None:
        async with Running(TABLE, SqliteStore(tmp_path / "j.db", identity="x")) as running:
            for number in range(2 * PART):
                await running.done("Parcel", f"p{number}", "pack", {"label": "a"})
            monkeypatch.setattr(SqliteStore, "commit", weighed)
            calls = [running.call("Parcel", f"p{number}", "raise_level") for number in range(2 * PART)]
            await asyncio.gather(*calls)

    asyncio.run(test())
    assert sizes[0] == PART, sizes
