"""The operations about what is kept: copies of the journal, what it was at a moment, what is put away."""

from __future__ import annotations

from temper.serve.operating_operations import AFTER
from temper.serve.operation import (
    BLUEPRINT,
    DATA,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    Operation,
    Parameter,
    Permission,
    Place,
    record_of,
)

PAST = record_of(
    entity=TEXT,
    id=TEXT,
    state=TEXT,
    seq=NUMBER,
    since=MOMENT,
    data=DATA,
    timers={"type": "object", "additionalProperties": MOMENT},
    record=NUMBER,
    table=TEXT,
    version=NUMBER,
    retired=FLAG,
)
WHEN = Parameter(
    "moment", Place.QUERY, "the moment, as in 2026-11-20T10:00; without a zone it is UTC", TEXT, required=True
)
ENTITY = Parameter("entity", Place.PATH, "an entity of the blueprint", TEXT, required=True)
ID = Parameter("id", Place.PATH, "the instance's id", TEXT, required=True)
UNSTORED = ("storage-full", "store-failed", "store-unsure")
BODY = ("broken-json", "body-too-large", "bad-request")

KEEPING_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "backup",
        "POST",
        "/v1/{blueprint}/backup",
        "Copy the journal while it is served, and check the copy. It holds one moment, complete: "
        "all that was acknowledged before the request.",
        record_of(path=TEXT, record=NUMBER, chain=TEXT, bytes=NUMBER, cut=NUMBER),
        Permission.OPERATOR,
        (BLUEPRINT,),
        body=DATA,
        problems=("unknown-blueprint", "not-in-a-file", *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "tidy",
        "POST",
        "/v1/{blueprint}/tidy",
        "Put away what is older than `[retention]` in temper.toml keeps: finished instances, records, answers. "
        "The server does so every hour by itself.",
        record_of(instances=NUMBER, records=NUMBER, answers=NUMBER, cut=NUMBER),
        Permission.OPERATOR,
        (BLUEPRINT,),
        body=DATA,
        problems=("unknown-blueprint", "no-retention", *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "export",
        "GET",
        "/v1/{blueprint}/export",
        "Every journal record as a line of JSON, oldest first, those in the archive included.",
        TEXT,
        parameters=(BLUEPRINT, AFTER),
        problems=("unknown-blueprint", "bad-request", "archive-broken"),
        media="application/x-ndjson",
    ),
    Operation(
        "at",
        "GET",
        "/v1/{blueprint}/{entity}/{id}/at",
        "An instance as it was at a moment, from the records alone, with its data as the version of then wrote them.",
        PAST,
        parameters=(BLUEPRINT, ENTITY, ID, WHEN),
        problems=("unknown-blueprint", "unknown-entity", "unknown-instance", "bad-request", "archive-broken"),
    ),
)
