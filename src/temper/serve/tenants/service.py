"""The operations of one tenant: those of any system, within its limits; its version is everybody's."""

from __future__ import annotations

from typing import Any

from temper.run import Runtime
from temper.serve.asking import Answer, Asked
from temper.serve.calling import Calling
from temper.serve.instruments import Instruments
from temper.serve.problem import ProblemError
from temper.serve.reload import Reloader
from temper.serve.service import Service
from temper.serve.tenants.counting import InstanceCount
from temper.serve.tenants.limits import full
from temper.serve.tokens import TokenFile


class TenantService(Service):
    """One tenant's."""

    def __init__(
        self,
        runtime: Runtime,
        tokens: TokenFile,
        reloader: Reloader,
        instruments: Instruments,
        tenant: str,
        count: InstanceCount,
        instances_max: int,
    ) -> None:
        super().__init__(runtime, tokens, reloader, instruments)
        self._tenant, self._count, self._instances_max = tenant, count, instances_max

    async def openapi(self, asked: Asked) -> Answer:
        """The interface, at this tenant's address."""
        answer = await super().openapi(asked)
        return Answer({**answer.data, "servers": [{"url": f"/v1/{self._tenant}"}]})

    async def apply(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        detail = "the version is the same for all tenants, and is loaded for all of them: `temper tenants apply`"
        raise ProblemError("version-for-all", detail, {"tenant": self._tenant})

    async def create(self, asked: Asked) -> Answer:
        answer = await super().create(asked)
        where = answer.headers["Location"].replace("/v1/", f"/v1/{self._tenant}/", 1)
        return Answer(answer.data, {**answer.headers, "Location": where})

    def _calling(self, asked: Asked, id_: str | None) -> Calling:
        if self._count.number >= self._instances_max and self._begins(asked, asked.given.get("Idempotency-Key")):
            raise full(self._count.number, self._instances_max)
        return super()._calling(asked, id_)

    def _begins(self, asked: Asked, key: str | None) -> bool:
        """Whether it would make an instance, and is no repeat of what has made one."""
        entity = next((each for each in self.runtime.table.entities if each.name == asked.given["entity"]), None)
        actions: tuple[Any, ...] = () if entity is None else entity.actions
        makes = any(action.name == asked.given["action"] and action.is_constructor for action in actions)
        return makes and (key is None or self.runtime.store.answer(key) is None)
