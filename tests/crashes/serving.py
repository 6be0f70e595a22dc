"""A node on a database that others use as well: makes calls as fast as it can and says what was acknowledged.

python serving.py DATABASE SEED SCHEMA FOLDER
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from support.parcels import PARCELS
from support.running import EVERY_ROLE, table_of, trusted
from temper.run import (
    Ask,
    Done,
    PostgresStore,
    Retryable,
    Runtime,
    SystemChance,
    SystemClock,
    World,
    open_runtime,
)

CALLERS = 8
LEASE_MILLISECONDS = 1_000
AGAIN_SECONDS = 0.1
COMMON = "common"
"""An instance that every process calls."""


async def main(where: str, seed: str, schema: str, folder: str) -> None:
    asked = os.open(Path(folder) / "asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = PostgresStore(where, schema_name=schema, identity="torture", lease_milliseconds=LEASE_MILLISECONDS)

    async def receive(ask: Ask) -> object:
        os.write(asked, f"{ask.effect} {ask.key}\n".encode())
        await asyncio.sleep(0)
        return {"outcome": "shipped", "fields": {"code": ask.key}} if ask.effect == "ship" else "rung"

    world = World(SystemClock(), SystemChance(), store, {"ship": receive, "ring": receive})
    runtime = await open_runtime(world, trusted(table_of(PARCELS)))
    assert isinstance(runtime, Runtime), runtime
    say("ready")

    async def call(id_: str, action: str, **args: object) -> None:
        key = str(args.pop("key", f"{id_}-{action}"))
        while True:
            answer = await runtime.call("Parcel", id_, action, args, caller="ann", roles=EVERY_ROLE, key=key)
            if not isinstance(answer, Retryable):
                break
            await asyncio.sleep(AGAIN_SECONDS)
        assert isinstance(answer, Done), answer
        say(f"{key} {answer.record} {answer.state}")

    async def caller(number: int) -> None:
        for turn in range(1_000_000):
            id_ = f"{seed}-{number}-{turn}"
            await call(id_, "pack", label="books")
            await call(id_, "raise_level")
            await call(id_, "send" if turn % 2 else "ring")
            await call(COMMON, "annotate", note=id_, key=f"{id_}-common")

    await call(COMMON, "pack", label="everybody's")
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
