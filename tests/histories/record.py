"""Write the history of the release at hand: run the workload over a journal on disk, and keep how it ended."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


async def recorded(store: object) -> None:
    from support.workload import System, workload

    system = System(store, lambda _: "")  # type: ignore[arg-type]
    await workload(system)
    await system.end()


def main() -> None:
    from temper.run import SqliteStore

    folder = HERE / version("temper")
    folder.mkdir()
    store = SqliteStore(folder / "journal.sqlite", identity="history")
    asyncio.run(recorded(store))
    states = {
        f"{entity} {row.id}": [row.control, json.loads(row.data), row.seq]
        for entity in ("Parcel", "Box")
        for row in store.all_cells(entity)
    }
    table, records = store.versions()[-1].hash, store.head().record
    store.close()
    ended = {"table": table, "records": records, "states": states}
    (folder / "states.json").write_text(json.dumps(ended, indent=1) + "\n", encoding="utf-8")
    for rest in folder.glob("journal.sqlite?*"):
        rest.unlink()


if __name__ == "__main__":
    main()
