"""How fast a journal is replayed: every record read, its hash checked, and folded into the instances.

python benchmarks/runtime/replay.py [--records 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from restart import call, opened

from temper.run.journal import first_broken, replay
from temper.run.replaying import fold_journal
from temper.run.runtime import load_versions

ORDERS = 1_000


async def make(path: Path, records: int) -> None:
    runtime, _ = await opened(path)
    await asyncio.gather(
        *(call(runtime, f"o{n}", "place", {"customer": "ann", "level": "low", "amount": n}) for n in range(ORDERS))
    )
    for turn in range(records // ORDERS):
        await asyncio.gather(
            *(call(runtime, f"o{n}", "amend", {"amount": turn, "note": f"change {turn}"}) for n in range(ORDERS))
        )
    await runtime.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "journal.sqlite"
        asyncio.run(make(path, given.records))
        from temper.run import SqliteStore

        store = SqliteStore(path, identity="bench", read_only=True)
        versions = load_versions(store)
        rows = list(store.records(None, 0, given.records * 2))
        began = time.process_time()
        assert first_broken(rows) is None
        checked = time.process_time() - began
        began = time.process_time()
        quickly = fold_journal(versions, rows)
        quick = time.process_time() - began
        began = time.process_time()
        replayed = replay(versions, rows)
        slow = time.process_time() - began
        assert quickly == replayed
        count = len(rows)
        print(
            f"{count:,} records of {sum(len(row.body) for row in rows) // count} bytes; each second of processor time:"
        )
        print(f"{count / checked:,.0f} hashes checked, {count / quick:,.0f} folded, {count / slow:,.0f} one by one")
        store.close()


if __name__ == "__main__":
    main()
