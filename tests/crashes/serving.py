"""A process to be killed: makes calls as fast as it can and says on standard output what was acknowledged.

python serving.py STORE SEED
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from support.parcels import PARCELS
from support.running import EVERY_ROLE, table_of, trusted
from temper.run import Ask, Done, Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime

CALLERS = 8


async def main(path: Path, seed: str) -> None:
    asked = os.open(f"{path}.asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def receive(ask: Ask) -> object:
        os.write(asked, f"{ask.effect} {ask.key}\n".encode())
        await asyncio.sleep(0)
        return {"outcome": "shipped", "fields": {"code": ask.key}} if ask.effect == "ship" else "rung"

    store = SqliteStore(path, identity="torture")
    world = World(SystemClock(), SystemChance(), store, {"ship": receive, "ring": receive})
    runtime = await open_runtime(world, trusted(table_of(PARCELS)))
    assert isinstance(runtime, Runtime), runtime
    say("ready")

    async def call(id_: str, action: str, **args: object) -> None:
        key = f"{id_}-{action}"
        answer = await runtime.call("Parcel", id_, action, args, caller="ann", roles=EVERY_ROLE, key=key)
        assert isinstance(answer, Done), answer
        say(f"{key} {answer.record} {answer.state}")

    async def caller(number: int) -> None:
        for turn in range(1_000_000):
            id_ = f"{seed}-{number}-{turn}"
            await call(id_, "pack", label="books")
            await call(id_, "raise_level")
            await call(id_, "send" if turn % 2 else "ring")

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
