"""What each operation of the catalogue does, on a running system. Transports translate; here it happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from temper.machine import table_to_json
from temper.pipeline import explain
from temper.run import Runtime, Seen
from temper.run.cut import cut_of
from temper.run.requests import Request
from temper.serve.asking import Answer, Asked, told
from temper.serve.calling import Calling
from temper.serve.following import sent_context
from temper.serve.incoming import read_filter, read_tag, read_version
from temper.serve.instruments import Instruments
from temper.serve.keeping import KeepingService
from temper.serve.openapi import args_schema, openapi
from temper.serve.operations import STATUSES
from temper.serve.presenting import (
    moment,
    option_to_json,
    record_to_json,
    seen_to_json,
    waiting_to_json,
)
from temper.serve.problem import ProblemError
from temper.serve.reload import Reloader
from temper.serve.tokens import Principal, TokenFile
from temper.verify import report_json

LIMIT_MAX = 1_000
PAGE = 100
NUMBER_MAX = 2**62


class Service(KeepingService):
    """The operations on one runtime. Each method has the name of its operation."""

    def __init__(
        self, runtime: Runtime, tokens: TokenFile, reloader: Reloader, instruments: Instruments | None = None
    ) -> None:
        super().__init__(runtime, instruments or Instruments())
        self.tokens = tokens
        self.reloader = reloader

    async def health(self, asked: Asked) -> Answer:
        """Without a token only what anybody may know: that it serves, and what."""
        del asked
        return Answer({"status": self.runtime.status, "blueprint": self.name, "table": self.runtime.table_hash})

    async def openapi(self, asked: Asked) -> Answer:
        del asked
        return Answer(openapi(self.runtime.table, self.runtime.table_hash))

    async def explain(self, asked: Asked) -> Answer:
        code = asked.given["code"]
        page = explain(code)
        if page is None:
            raise ProblemError("unknown-code", f"there is no code `{code}`", {"code": code})
        return Answer(page)

    async def table(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        report = report_json(self.runtime.verdicts)
        return Answer(
            {
                "blueprint": self.name,
                "hash": self.runtime.table_hash,
                "table": table_to_json(self.runtime.table),
                "verdicts": report["properties"],
                "search": report["search"],
                "accepted": dict(self.runtime.verdicts.accepted),
            }
        )

    async def apply(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        reloaded = await self.reloader.reload(*read_version(asked.body), trace=sent_context(asked.given))
        return Answer(
            {
                "applied": True,
                "table": reloaded.after,
                "before": reloaded.before,
                "changes": list(reloaded.changes),
                "verdicts": report_json(self.runtime.verdicts)["properties"],
            }
        )

    async def deliveries(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        status = asked.choice("status", STATUSES)
        waiting = told(self.runtime.pending(limit=asked.number("limit", PAGE, 1, LIMIT_MAX)))
        return Answer({"deliveries": [waiting_to_json(each) for each in waiting if status in {None, each.status}]})

    async def timers(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        armed = told(self.runtime.timers(limit=asked.number("limit", PAGE, 1, LIMIT_MAX)))
        return Answer(
            {
                "timers": [
                    {"entity": address.entity, "id": address.id, "timer": name, "due": moment(due)}
                    for address, name, due in armed
                ]
            }
        )

    async def list(self, asked: Asked) -> Answer:
        entity = self._entity(asked)
        types = {field.name: field.type for field in self.runtime.table.entity(entity).fields}
        page = told(
            await self.runtime.list(
                entity,
                state=asked.given.get("state"),
                where={name: read_filter(types.get(name), text) for name, text in asked.where.items()},
                after=asked.given.get("cursor"),
                limit=asked.number("limit", PAGE, 1, LIMIT_MAX),
            )
        )
        return Answer({"instances": [seen_to_json(seen) for seen in page.seen], "next": page.after})

    async def get(self, asked: Asked) -> Answer:
        seen = told(self.runtime.read(self._entity(asked), asked.given["id"]))
        return Answer(seen_to_json(seen), _tag(seen))

    async def history(self, asked: Asked) -> Answer:
        limit = asked.number("limit", PAGE, 1, LIMIT_MAX)
        after = asked.number("cursor", 0, 0, NUMBER_MAX)
        rows = told(self.runtime.history(self._entity(asked), asked.given["id"], after=after, limit=limit))
        records = [record_to_json(json.loads(row.body)) for row in rows]
        following = str(rows[-1].number) if len(rows) == limit else None
        return Answer({"records": records, "next": following, "archived": cut_of(self.runtime.store).number})

    async def can(self, asked: Asked) -> Answer:
        entity, id_, principal = self._entity(asked), asked.given["id"], self._acting(asked)
        options = told(self.runtime.available(entity, id_, caller=principal.name, roles=principal.roles))
        seen = self.runtime.read(entity, id_)
        declared = self.runtime.table.entity(entity)
        return Answer(
            {
                "entity": entity,
                "id": id_,
                "state": seen.state if isinstance(seen, Seen) else "new",
                "actions": [
                    option_to_json(option, args_schema(declared.action(option.action))["properties"])
                    for option in options
                ],
            }
        )

    def begin_call(self, asked: Asked, tell: Callable[[Callable[[], Answer]], None]) -> bool:
        """As `call`, without a task: `tell` hears what gives the answer, or raises. False if `call` has to do it."""
        calling = self._calling(asked, asked.given["id"])
        return self.runtime.begin_call(calling.request, lambda response: tell(lambda: calling.answer(response)[0]))

    async def call(self, asked: Asked) -> Answer:
        calling = self._calling(asked, asked.given["id"])
        return calling.answer(await self.runtime.ask(calling.request))[0]

    async def create(self, asked: Asked) -> Answer:
        calling = self._calling(asked, None)
        answer, done = calling.answer(await self.runtime.ask(calling.request))
        where = f"/v1/{self.name}/{done.entity}/{quote(done.id, safe='')}"
        return Answer(answer.data, {**answer.headers, "Location": where})

    def _calling(self, asked: Asked, id_: str | None) -> Calling:
        entity, principal, given = self._entity(asked), self._acting(asked), asked.given
        if not isinstance(asked.body, dict):
            raise ProblemError("bad-args", "the body is one JSON object with the arguments by name")
        key, expected = given.get("Idempotency-Key"), read_tag(given.get("If-Match"))
        who = (principal.name, principal.roles, key, expected, sent_context(given))
        request = Request(entity, id_, given["action"], asked.body, *who)
        return Calling(self.runtime, self.instruments, request, principal)

    def _entity(self, asked: Asked) -> str:
        self._check_blueprint(asked)
        name = asked.given["entity"]
        if not self.runtime.is_live(name):
            live = [entity.name for entity in self.runtime.table.entities if not entity.world]
            detail = f"`{name}` is no entity of {self.name}; it has {', '.join(live)}"
            raise ProblemError("unknown-entity", detail, {"entity": name, "entities": live})
        return name

    def _acting(self, asked: Asked) -> Principal:
        """Who is to act: the token's holder, or whom the operator names."""
        principal = asked.principal
        assert principal is not None, "every operation that acts asks for a token"
        name = asked.given.get("Temper-As")
        if name is None or name == principal.name:
            return principal
        if not principal.operator:
            detail = f"{principal.name} is not the operator of this server and cannot act as {name}"
            raise ProblemError("not-operator", detail, {"caller": principal.name})
        known = self.tokens.tokens.principals
        if name not in known:
            raise ProblemError("unknown-principal", f"the tokens file knows no `{name}`", {"known": sorted(known)})
        return known[name]


def _tag(shown: Seen) -> dict[str, Any]:
    return {"ETag": f'"{shown.seq}"'}
