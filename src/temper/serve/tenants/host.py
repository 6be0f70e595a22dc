"""What whoever runs a server of several tenants may ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from temper.machine import table_hash
from temper.pipeline import explain
from temper.serve.apart import ChildFailedError, Request, certify_apart
from temper.serve.asking import Answer, Asked
from temper.serve.incoming import read_version
from temper.serve.instruments import Instruments
from temper.serve.meters import Counts, gauge
from temper.serve.operating import resident_bytes
from temper.serve.presenting import moment
from temper.serve.problem import ProblemError
from temper.serve.reload import not_certified
from temper.serve.tenants.audit import AuditBrokenError
from temper.serve.tenants.opening import Making, Offer
from temper.serve.tenants.tenant import Tenant
from temper.serve.tenants.tenants import Tenants
from temper.serve.tokens import TokenFile

AUDIT_MAX = 100


class HostService:
    """The operations of `HOST_OPERATIONS`."""

    def __init__(self, tenants: Tenants, making: Making, tokens: TokenFile, instruments: Instruments) -> None:
        self._tenants, self._making = tenants, making
        self.tokens, self.instruments = tokens, instruments
        self.refused = Counts("temper_tenant_refused_total", "requests of tenants that were refused, by why")

    async def health(self, asked: Asked) -> Answer:
        del asked
        offer = self._tenants.offer
        return Answer({"status": "good", "blueprint": offer.blueprint, "table": table_hash(offer.certified.table)})

    async def alive(self, asked: Asked) -> Answer:
        del asked
        return Answer({"status": "alive"})

    async def ready(self, asked: Asked) -> Answer:
        """A tenant whose journal is damaged keeps the others' server no less ready."""
        del asked
        if self.instruments.draining.is_begun:
            raise ProblemError("not-ready", "the server is about to end", {"status": "draining"})
        if not self._tenants.is_looked_over:
            raise ProblemError("not-ready", "the server does not take calls yet: not every tenant was looked at")
        return Answer({"status": "ready"})

    async def explain(self, asked: Asked) -> Answer:
        code = asked.given["code"]
        page = explain(code)
        if page is None:
            raise ProblemError("unknown-code", f"there is no code `{code}`", {"code": code})
        return Answer(page)

    async def metrics(self, asked: Asked) -> Answer:
        del asked
        exporter = self.instruments.exporter
        spans = () if exporter is None else exporter.lines()
        return Answer("\n".join([*self.refused.lines(), *spans, *self._gauges()]) + "\n")

    async def tenants(self, asked: Asked) -> Answer:
        del asked
        try:
            done = list(self._tenants.audit.read())[-AUDIT_MAX:]
        except AuditBrokenError as wrong:
            raise ProblemError("store-failed", f"the audit of tenants is broken: {wrong}") from None
        happened = [{**each, "at": moment(each["at"])} for each in done]
        return Answer({"tenants": [_seen(tenant) for tenant in self._tenants], "audit": happened})

    async def create_tenant(self, asked: Asked) -> Answer:
        match asked.body:
            case {"tenant": name, **rest} if not rest:
                drawn = await self._tenants.create(name, _who(asked))
                return Answer({"tenant": name, "url": f"/v1/{name}", "tokens": drawn})
        raise ProblemError("bad-request", 'the body is {"tenant": NAME}')

    async def archive_tenant(self, asked: Asked) -> Answer:
        name = asked.given["tenant"]
        archived = await self._tenants.archive(name, _who(asked))
        return Answer({"tenant": name, "archived": archived.name})

    async def apply_to_tenants(self, asked: Asked) -> Answer:
        found, constants = read_version(asked.body)
        try:
            judgement = await certify_apart(Request(found, constants, None, self._making.seconds_max))
        except ChildFailedError as wrong:
            raise ProblemError("internal-error", f"certification broke down: {wrong}") from None
        if judgement.certified is None:
            raise not_certified(judgement)
        offer, served = Offer(judgement.certified, found, constants), self._tenants.offer.blueprint
        if offer.blueprint != served:
            detail = f"this server serves {served} to its tenants, and the version is one of `{offer.blueprint}`"
            raise ProblemError("unknown-blueprint", detail, {"blueprint": offer.blueprint, "served": served})
        loaded = await self._tenants.load(offer, _who(asked))
        listed = [{"tenant": each.tenant, "refused": each.refused} for each in loaded]
        return Answer({"table": table_hash(offer.certified.table), "tenants": listed})

    def _gauges(self) -> Iterator[str]:
        tenants = list(self._tenants)
        states = [tenant.status for tenant in tenants]
        found = [({"status": status}, states.count(status)) for status in ("open", "closed", "failed")]
        yield from gauge("temper_tenants", "tenants, by how they stand", found)
        requests = [({"tenant": each.name}, each.users) for each in tenants]
        yield from gauge("temper_tenant_requests", "requests under way", requests)
        living = [({"tenant": each.name}, each.opened.count.number) for each in tenants if each.opened is not None]
        yield from gauge("temper_tenant_instances", "instances of tenants that are open", living)
        behind = [({"tenant": each.name}, int(bool(each.refused))) for each in tenants]
        yield from gauge("temper_tenant_behind", "whether it had no place for the version of all", behind)
        if (size := resident_bytes()) is not None:
            yield from gauge("temper_resident_bytes", "memory of the process", [({}, size)])


def _seen(tenant: Tenant) -> dict[str, Any]:
    opened = tenant.opened
    return {
        "tenant": tenant.name,
        "status": tenant.status,
        "table": None if opened is None else opened.runtime.table_hash,
        "requests": tenant.users,
        "instances": -1 if opened is None else opened.count.number,
        "refused": tenant.refused,
        "because": tenant.failed,
    }


def _who(asked: Asked) -> str:
    assert asked.principal is not None, "every one of these operations asks for the operator's token"
    return asked.principal.name
