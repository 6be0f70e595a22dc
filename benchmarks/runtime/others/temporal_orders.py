"""Orders on Temporal: a workflow for each order that lives on, and an update of it for each amendment.

python temporal_orders.py ADDRESS ORDERS PORT

The update's id is the idempotency key. A workflow goes on as new before its history grows long.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any

from front import serve
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "orders"
UPDATES_MAX = 500
STARTS_AT_ONCE = 50


@workflow.defn
class Order:
    """One order."""

    @workflow.init
    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.updates = order, 0

    @workflow.run
    async def run(self, order: dict[str, Any]) -> None:
        del order
        await workflow.wait_condition(lambda: self.updates >= UPDATES_MAX and workflow.all_handlers_finished())
        workflow.continue_as_new(self.order)

    @workflow.update
    def amend(self, amount: int, note: str) -> dict[str, Any]:
        self.updates += 1
        state = "checked" if self.order["state"] == "open" else "open"
        changed = {"state": state, "amount": amount, "note": note, "changes": self.order["changes"] + 1}
        self.order = {**self.order, **changed}
        return self.order

    @amend.validator
    def fits(self, amount: int, note: str) -> None:
        del amount, note
        if self.order["state"] not in {"open", "checked"} or self.order["changes"] >= 1_000_000_000:
            raise ValueError("the order is closed")


async def main(address: str, orders: str, port: str) -> None:
    client = await Client.connect(address)
    room = asyncio.Semaphore(STARTS_AT_ONCE)
    run = uuid.uuid4().hex[:8]

    async def start(number: int) -> None:
        order = {"id": f"o{number}", "state": "open", "amount": 0, "note": "", "changes": 0}
        async with room:
            await client.start_workflow(Order.run, order, id=f"{run}-o{number}", task_queue=QUEUE)

    async def amend(order: str, key: str, amount: int, note: str) -> dict[str, Any]:
        handle = client.get_workflow_handle_for(Order.run, f"{run}-{order}")
        return await handle.execute_update(Order.amend, args=[amount, note], id=key)

    runner = UnsandboxedWorkflowRunner()
    worker = Worker(client, task_queue=QUEUE, workflows=[Order], workflow_runner=runner, max_cached_workflows=100_000)
    async with worker:
        await asyncio.gather(*(start(number) for number in range(int(orders))))
        await serve(amend, int(port))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
