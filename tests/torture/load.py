"""The load of a torture run, in a process of its own: callers who never give up, and the receivers of effects.

python load.py FOLDER SECONDS CALLERS SEED CALLS_MIN

Says where its receiver listens, reads the token and the servers' addresses from its standard input, and writes what it saw to
`FOLDER/history`. After SECONDS, and CALLS_MIN acknowledged calls, nobody begins anything new; what has a key is asked until it is
answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from torture.history import APPLIED, NO_ANSWER, Asked, Called, Event, Saw, line_of

ACCOUNTS = 6
"""So few that callers meet at them all the time."""
FURTHER = {"placed": "pay", "paid": "send", "shipped": "stick", "labelled": "weigh"}
"""What is to be done with an order in a state."""
AGAIN = {429, 502, 503, 504}
PAUSE_SECONDS = 0.03
TIMEOUT_SECONDS = 15.0
"""Longer than any answer takes; a request that is not answered by then is asked again."""
STUBBORN_SECONDS = 120.0
"""A call under a key that is not answered so long after the end is a failure of the run."""


class BrokenError(Exception):
    """The connection ended before the answer did."""


class Wire:
    """One connection at a time, to whichever server answers."""

    def __init__(self, urls: list[str], token: str, chance: random.Random) -> None:
        self._places = [(str(parts.hostname), int(parts.port or 0)) for parts in map(urlsplit, urls)]
        self._token, self._chance = token, chance
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """The status and what was said. Raises `BrokenError` or `OSError`."""
        if self._open is None or self._chance.random() < 0.02:  # Now and then to another node.
            self.drop()
            self._open = await asyncio.open_connection(*self._chance.choice(self._places))
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {self._token}\r\n"
        head += f"Idempotency-Key: {key}\r\n" if key else ""
        try:
            self._open[1].write(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, _, said = await read_message(self._open[0])
        except BaseException:
            self.drop()
            raise
        return int(status.split()[1]), json.loads(said)

    def drop(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None


async def read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """First line, headers and body. Raises `BrokenError`."""
    try:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return first, headers, await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError as error:
        raise BrokenError("it ended early") from error


@dataclass(slots=True)
class Tally:
    """How long to go on: for some time, and until so many calls were acknowledged."""

    until: float
    calls_min: int

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until or self.calls_min > 0


class Caller:
    """One who calls, reads and calls again, one request at a time."""

    def __init__(self, number: int, seed: int, wire: Wire, tally: Tally, write: Callable[[Event], None]) -> None:
        self._chance = random.Random(f"{seed} {number}")
        self._wire, self._tally = wire, tally
        self._name, self._write, self._turn = f"{seed}-{number}", write, 0
        self._orders: list[str] = []
        self._answered: list[tuple[Called, dict[str, str]]] = []

    async def work(self) -> None:
        await self.call("Account", self._account(), "start")
        while self._tally.goes_on:
            further = [self.further] * 3
            turn = self._chance.choice(
                [self.order, self.add, self.add, self.bring, *further, self.look_around, self.again]
            )
            await turn()
        self._wire.drop()

    async def order(self) -> None:
        """Place an order; most are paid, the others run into their timer."""
        id_ = f"o-{self._name}-{self._turn}"
        await self.call("Order", id_, "place", account=self._account())
        if self._chance.random() < 0.8:
            await self.call("Order", id_, "pay")
        self._orders = [*self._orders[-8:], id_]

    async def further(self) -> None:
        """Take an order one step further, where it can go; what cannot be done any more, or yet, is rejected."""
        if self._orders:
            id_ = self._chance.choice(self._orders)
            action = FURTHER.get(await self.look("Order", id_))
            await self.call("Order", id_, action or self._chance.choice(list(FURTHER.values())))

    async def bring(self) -> None:
        """Have something measured, which takes its time."""
        await self.call("Thing", f"t-{self._name}-{self._turn}", "bring")

    async def add(self) -> None:
        """Call what everybody calls, sometimes without a key: then nobody asks again."""
        await self.call("Account", self._account(), "add", keyed=self._chance.random() < 0.8)

    async def again(self) -> None:
        """Ask what was answered once more, under its key."""
        if self._answered:
            await self._until_answered(*self._chance.choice(self._answered))

    async def look_around(self) -> None:
        if self._orders and self._chance.random() < 0.5:
            await self.look("Order", self._chance.choice(self._orders))
        else:
            await self.look("Account", self._account())

    async def look(self, entity: str, id_: str) -> str:
        """Its state, if it could be seen."""
        begin = time.monotonic_ns()
        try:
            status, said = await self._wire.ask("GET", f"/v1/torture/{entity}/{id_}")
        except (BrokenError, OSError, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)
            return ""
        end = time.monotonic_ns()
        if status == 404:
            self._write(Saw(begin, end, entity, id_, 0, "", {}))
        if status != 200:
            return ""
        self._write(Saw(begin, end, entity, id_, said["seq"], said["state"], said["data"]))
        return str(said["state"])

    async def call(self, entity: str, id_: str, action: str, *, keyed: bool = True, **args: str) -> None:
        self._turn += 1
        token = f"t-{self._name}-{self._turn}"
        call = Called(0, 0, f"k-{token}" if keyed else "", entity, id_, action, token, NO_ANSWER)
        await self._until_answered(call, body := {"token": token, **args})
        if keyed:
            self._answered = [*self._answered[-200:], (call, body)]

    async def _until_answered(self, call: Called, body: dict[str, str]) -> None:
        given_up = time.monotonic() + STUBBORN_SECONDS
        while time.monotonic() < given_up:
            seen = await self._exchange(call, body)
            self._write(seen)
            if seen.code != NO_ANSWER or not call.key:
                return
            await asyncio.sleep(PAUSE_SECONDS * (0.5 + self._chance.random()))
        raise AssertionError(f"{call} is never answered")

    async def _exchange(self, call: Called, body: dict[str, str]) -> Called:
        begin = time.monotonic_ns()
        try:
            path = f"/v1/torture/{call.entity}/{call.id}/{call.action}"
            status, said = await self._wire.ask("POST", path, body, call.key)
        except (BrokenError, OSError, TimeoutError):
            return call._replace(begin=begin, end=time.monotonic_ns(), code=NO_ANSWER)
        seen = call._replace(begin=begin, end=time.monotonic_ns())
        if status in AGAIN:
            return seen._replace(code=NO_ANSWER)
        if status == 200:
            self._tally.calls_min -= 1
            return seen._replace(code=APPLIED, record=said["record"], seq=said["seq"], state=said["state"])
        assert said["code"] != "internal-error", said
        return seen._replace(code=said["code"], record=0, seq=0, state=said.get("facts", {}).get("state", ""))

    def _account(self) -> str:
        return f"a{self._chance.randrange(ACCOUNTS)}"


class Receivers:
    """Who is asked by effects over HTTP. They answer well mostly; else late, with a failure, with nonsense or not at all."""

    def __init__(self, seed: int, write: Callable[[Event], None]) -> None:
        self._chance, self._write = random.Random(f"{seed} receivers"), write

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _, _, said = await read_message(reader)
                status, answer = await self._answer(json.loads(said))
                text = json.dumps(answer).encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
        except (BrokenError, OSError):
            return
        finally:
            writer.close()

    async def _answer(self, ask: dict[str, Any]) -> tuple[int, Any]:
        token, effect, mood = ask["args"]["token"], ask["effect"], self._chance.random()
        field, outcome = ("receipt", "charged") if effect == "charge" else ("code", "shipped")
        status, answer = 200, {"outcome": outcome, "fields": {field: f"{effect} of {token}"}}
        if mood < 0.03:
            status, answer = 503, {}
        elif mood < 0.05:
            answer = {"outcome": "nonsense"}
        elif mood < 0.08 and effect == "charge":
            answer = {"outcome": "declined"}
        self._write(Asked(time.time_ns() // 1_000_000, effect, ask["key"], answer if status == 200 else None))
        if mood > 0.97:
            raise BrokenError("nobody says anything")
        if mood > 0.8:
            await asyncio.sleep(self._chance.random() * 0.2)
        return status, answer


async def main(folder: Path, seconds: float, callers: int, seed: int, calls_min: int) -> None:
    with (folder / "history").open("w", encoding="utf-8") as history:
        server = await asyncio.start_server(Receivers(seed, writer_to(history)).receive, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        token, *urls = (await asyncio.to_thread(sys.stdin.readline)).split()
        tally, write = Tally(time.monotonic() + seconds, calls_min), writer_to(history)
        wires = [Wire(urls, token, random.Random(f"{seed} wire {number}")) for number in range(callers)]
        made = [Caller(number, seed, wire, tally, write) for number, wire in enumerate(wires)]
        await asyncio.gather(*(caller.work() for caller in made))
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # Receivers stay until the last effect is settled.


def writer_to(history: TextIO) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        history.write(line_of(event))

    return write


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:])))
