"""The operations of whoever runs a server of several tenants.

A tenant's own are those of any system, under its name.
"""

from __future__ import annotations

from temper.serve.operation import (
    DATA,
    MAYBE_TEXT,
    NUMBER,
    TEXT,
    Operation,
    Parameter,
    Permission,
    Place,
    list_of,
    record_of,
)
from temper.serve.operations import operation

TENANT = Parameter("tenant", Place.PATH, "the tenant's name", TEXT, required=True)
SEEN = record_of(
    tenant=TEXT, status=TEXT, table=MAYBE_TEXT, requests=NUMBER, instances=NUMBER, refused=TEXT, because=TEXT
)
HAPPENED = record_of(at=TEXT, by=TEXT, what=TEXT, tenant=TEXT, note=TEXT)

TENANT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "tenants",
        "GET",
        "/v1/tenants",
        "The tenants of this server, how each stands, and what was last done about tenants by whom. "
        "`refused` says why one stays with the version it has, `because` why its journal cannot be served.",
        record_of(tenants=list_of(SEEN), audit=list_of(HAPPENED)),
        Permission.OPERATOR,
        problems=("store-failed",),
    ),
    Operation(
        "create_tenant",
        "POST",
        "/v1/tenants",
        "Make a tenant. The answer has its tokens, by principal; they are kept nowhere.",
        record_of(tenant=TEXT, url=TEXT, tokens=DATA),
        Permission.OPERATOR,
        body=record_of(tenant=TEXT),
        status=201,
        problems=("bad-tenant", "tenant-exists", "bad-request", "broken-json", "body-too-large", "store-failed"),
    ),
    Operation(
        "archive_tenant",
        "DELETE",
        "/v1/tenants/{tenant}",
        "Serve a tenant no more. Its requests end, and its folder is put aside as it is; nothing is deleted.",
        record_of(tenant=TEXT, archived=TEXT),
        Permission.OPERATOR,
        (TENANT,),
        problems=("unknown-tenant", "store-failed"),
    ),
    Operation(
        "apply_to_tenants",
        "POST",
        "/v1/tenants/apply",
        "Certify a new version and load it into every tenant, each from what lives there: the open ones now, the "
        "others when they are opened. One that has no place for it goes on with the version it has, and is named.",
        record_of(table=TEXT, tenants=list_of(record_of(tenant=TEXT, refused=TEXT))),
        Permission.OPERATOR,
        body=operation("apply").body,
        problems=("not-certified", "unknown-blueprint", "bad-request", "broken-json", "body-too-large", "store-failed"),
    ),
)
HOST_OPERATIONS: tuple[Operation, ...] = (
    *(operation(name) for name in ("health", "alive", "ready", "metrics", "explain")),
    *TENANT_OPERATIONS,
)
AT_A_TENANT = ("unknown-tenant", "over-limit", "tenant-full", "version-for-all")
"""What any operation may answer under a tenant's name, besides what it always may."""
