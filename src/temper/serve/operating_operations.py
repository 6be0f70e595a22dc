"""The operations of whoever keeps a server running: is it alive, is it ready, what does it measure, what happens."""

from __future__ import annotations

from temper.serve.operation import BLUEPRINT, TEXT, Operation, Parameter, Permission, Place, record_of

POSITION = {"type": "string", "pattern": r"^[0-9]{1,18}(-[0-9]{1,18})*$"}
AFTER = Parameter(
    "after",
    Place.QUERY,
    "only what came after this position: the number of a record, or what `id` said of an event",
    POSITION,
)
LAST = Parameter(
    "Last-Event-ID",
    Place.HEADER,
    "the last position that was heard, as browsers send it; it counts before `after`",
    TEXT,
)
OF_ENTITY = Parameter("entity", Place.QUERY, "only of this entity", TEXT)
OF_ID = Parameter("id", Place.QUERY, "only of this instance", TEXT)
OF_ACTION = Parameter("action", Place.QUERY, "only of this action, or of a rule such as `fire`", TEXT)
FOLLOW = Parameter(
    "follow",
    Place.QUERY,
    "`no` ends the stream with the last record there is",
    {"type": "string", "enum": ["yes", "no"], "default": "yes"},
)

OPERATING_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "alive",
        "GET",
        "/healthz",
        "Whether the server's process goes on: if this has no answer, start it anew.",
        record_of(status=TEXT),
        Permission.NONE,
        command=True,
    ),
    Operation(
        "ready",
        "GET",
        "/readyz",
        "Whether calls should be sent here: what was pending at the start is taken up, the store takes writes, "
        "and the server is not about to end.",
        record_of(status=TEXT),
        Permission.NONE,
        problems=("not-ready",),
        command=True,
    ),
    Operation(
        "metrics",
        "GET",
        "/metrics",
        "Counts and times as Prometheus reads them.",
        TEXT,
        media="text/plain",
        command=True,
    ),
    Operation(
        "events",
        "GET",
        "/v1/{blueprint}/events",
        "Everything that happens, as server-sent events in CloudEvents envelopes. "
        "Every event is told at least once and never before one that it rests on, from any position on.",
        TEXT,
        parameters=(BLUEPRINT, AFTER, OF_ENTITY, OF_ID, OF_ACTION, FOLLOW, LAST),
        problems=("unknown-blueprint", "unknown-entity", "bad-request", "archived"),
        media="text/event-stream",
    ),
)
