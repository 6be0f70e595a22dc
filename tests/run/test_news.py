"""What happens is told to whoever asks: all of it, from any position on, and nothing before what it rests on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest

from support.nodes import Node, Nodes
from support.parcels import PARCELS
from support.postgres import Server
from support.running import table_of
from temper.run import RecordRow
from temper.run.position import Position
from temper.run.store.postgres.schema import SLOTS

WIDE = table_of(PARCELS.replace("Level: int[0, 5]", "Level: int[0, 1000]"))


async def news(node: Node, after: Position, limit: int = 100) -> Sequence[RecordRow]:
    found = await node.runtime.news(after=after, limit=limit)
    assert isinstance(found, tuple), found
    return found


def behind(position: Position, rows: Sequence[RecordRow]) -> Position:
    for row in rows:
        position = Position.read(str(position.behind(row.number, SLOTS)))
    return position


@pytest.mark.parametrize("text", ["0", "7", "1200-1795", "-".join(str(256 * 5 + slot) for slot in range(256))])
def test_a_position_is_read_as_it_is_written(text: str) -> None:
    assert str(Position.read(text)) == text


@pytest.mark.parametrize("text", ["", "-1", "1-", "1--2", "a", "1,2", "٣", "1\n", "9" * 19, "-".join(["1"] * 257)])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a position is"):
        Position.read(text)


def test_what_is_committed_late_with_a_lower_number_is_told(postgres: Server) -> None:
    async def test() -> None:
        async with Nodes(WIDE, postgres) as nodes:
            one, two = await nodes.begin(), await nodes.begin()
            for number in range(20):
                await one.done("Parcel", f"p{number}", "pack", {"label": "a"})
            seen = await news(two, Position())
            position = behind(Position(), seen)
            late = (await two.done("Parcel", "q", "pack", {"label": "a"})).record
            assert late < seen[-1].number, "it rests on nothing of the other node"
            assert [row.number for row in await news(one, position)] == [late]
            assert await news(one, behind(position, await news(one, position))) == ()

    asyncio.run(test())


def test_whoever_follows_many_nodes_is_told_everything_once_and_in_order(postgres: Server) -> None:
    async def test() -> None:
        async with Nodes(WIDE, postgres) as nodes:
            living = [await nodes.begin() for _ in range(3)]
            told: list[RecordRow] = []
            done = asyncio.Event()

            async def follow() -> None:
                position, ends = Position(), False
                while not ends:
                    ends = done.is_set()
                    while rows := await news(living[0], position, limit=7):
                        told.extend(rows)
                        position = behind(position, rows)
                    await asyncio.sleep(0)

            async def call(number: int) -> None:
                id_ = f"p{number % 4}"
                for turn in range(15):
                    await living[(number + turn) % 3].done("Parcel", id_, "raise_level")

            await asyncio.gather(*(living[i % 3].done("Parcel", f"p{i}", "pack", {"label": "a"}) for i in range(4)))
            following = asyncio.create_task(follow())
            await asyncio.gather(*map(call, range(8)))
            done.set()
            await following
            store = living[0].store
            assert sorted(row.number for row in told) == [row.number for row in store.records(None, 0, 1000)]
            lines: dict[tuple[str, str], list[int]] = defaultdict(list)
            for row in told:
                lines[row.entity, row.id].append(row.number)
            for (entity, id_), line in lines.items():
                if entity:
                    history = living[1].runtime.history(entity, id_, limit=1000)
                    assert isinstance(history, tuple)
                    assert line == [row.number for row in history]

    asyncio.run(test())
