"""The least that acknowledges durably in Python: SQLite with FULL, one flush for whatever arrived, a hash chain.

python bare_orders.py DATABASE ORDERS PORT

No typing but of the arguments, no policy, no outbox, no timers, no answers kept under keys, no recovery: it bounds
what one process can do, and is nothing to use.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import sys
import threading
from typing import Any

from front import serve

Waiting = list[tuple[str, int, str, "asyncio.Future[dict[str, Any]]"]]


class Bare:
    """One writer thread; whatever arrived while the last flush ran goes into the next."""

    def __init__(self, path: str, orders: int) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE orders (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
            "CREATE TABLE records (number INTEGER PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL)",
        ):
            self.connection.execute(statement)
        self.state = {
            f"o{number}": {"state": "open", "amount": 0, "note": "", "changes": 0} for number in range(orders)
        }
        self.chain, self.waiting, self.arrived = "", Waiting(), threading.Event()
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True).start()

    async def amend(self, order: str, key: str, amount: int, note: str) -> dict[str, Any]:
        del key
        done: asyncio.Future[dict[str, Any]] = self.loop.create_future()
        self.waiting.append((order, amount, note, done))
        self.arrived.set()
        return await done

    def _write(self) -> None:
        while True:
            self.arrived.wait()
            self.arrived.clear()
            taken, self.waiting = self.waiting, []
            self.connection.execute("BEGIN")
            answers = [self._step(order, amount, note) for order, amount, note, _ in taken]
            self.connection.execute("COMMIT")
            self.loop.call_soon_threadsafe(self._answer, taken, answers)

    def _step(self, order: str, amount: int, note: str) -> dict[str, Any]:
        before = self.state[order]
        state = "checked" if before["state"] == "open" else "open"
        after = self.state[order] = {"state": state, "amount": amount, "note": note, "changes": before["changes"] + 1}
        body = json.dumps(after)
        self.chain = hashlib.sha256(f"{self.chain}{body}".encode()).hexdigest()
        self.connection.execute("INSERT INTO records (body, hash) VALUES (?, ?)", (body, self.chain))
        self.connection.execute("INSERT OR REPLACE INTO orders VALUES (?, ?)", (order, body))
        return after

    def _answer(self, taken: Waiting, answers: list[dict[str, Any]]) -> None:
        for (*_, done), answer in zip(taken, answers, strict=True):
            if not done.done():
                done.set_result(answer)


async def main(path: str, orders: str, port: str) -> None:
    await serve(Bare(path, int(orders)).amend, int(port))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
