"""Orders on DBOS: a workflow of one transaction, its id the idempotency key, on SQLite or PostgreSQL.

python dbos_orders.py URL ORDERS PORT

The step's checkpoint is committed in the transaction of the order itself, as DBOS advises. Workflows run in threads:
the asynchronous API was slower.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID, SQLAlchemyDatasource
from front import serve

THREADS = 64
THREADS_SQLITE = 8
"""With more it stands still: they wait for the one lock that SQLite has."""
AMENDED = sa.text(
    """UPDATE orders SET amount = :amount, note = :note, changes = changes + 1,
    state = CASE state WHEN 'open' THEN 'checked' ELSE 'open' END
    WHERE id = :id AND state IN ('open', 'checked') AND changes < 1000000000 RETURNING state, changes"""
)


async def main(url: str, orders: str, port: str) -> None:
    config: DBOSConfig = {"name": "orders", "system_database_url": url, "sys_db_pool_size": 20, "log_level": "ERROR"}
    DBOS(config=config)
    source = SQLAlchemyDatasource.create(url, engine_kwargs={"pool_size": 20})

    @source.transaction(isolation_level="READ COMMITTED" if url.startswith("postgresql") else "SERIALIZABLE")
    def change(order: str, amount: int, note: str) -> dict[str, Any]:
        given = {"id": order, "amount": amount, "note": note}
        state, changes = source.sql_session().execute(AMENDED, given).one()
        return {"id": order, "state": state, "amount": amount, "note": note, "changes": changes}

    @DBOS.workflow()
    def amend(order: str, amount: int, note: str) -> dict[str, Any]:
        return change(order, amount, note)

    DBOS.launch()
    with source.engine.begin() as connection:
        table = "CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT, amount INTEGER, note TEXT, changes INTEGER)"
        connection.execute(sa.text(table))
        row = sa.text("INSERT INTO orders VALUES (:id, 'open', 0, '', 0)")
        connection.execute(row, [{"id": f"o{number}"} for number in range(int(orders))])
    threads, loop = (
        ThreadPoolExecutor(THREADS if url.startswith("postgresql") else THREADS_SQLITE),
        asyncio.get_running_loop(),
    )

    def run(order: str, key: str, amount: int, note: str) -> dict[str, Any]:
        with SetWorkflowID(key):
            return amend(order, amount, note)

    async def amended(order: str, key: str, amount: int, note: str) -> dict[str, Any]:
        return await loop.run_in_executor(threads, run, order, key, amount, note)

    await serve(amended, int(port))
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
