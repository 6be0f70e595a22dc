"""The part of the catalogue about effects: how they stand, pausing them, dead letters, and work for other processes."""

from __future__ import annotations

from temper.serve.operation import (
    BLUEPRINT,
    CURSOR,
    DATA,
    FLAG,
    LIMIT,
    MAYBE_TEXT,
    MOMENT,
    NUMBER,
    TEXT,
    Operation,
    Parameter,
    Permission,
    Place,
    list_of,
    record_of,
)

EFFECT = record_of(
    effect=TEXT,
    handler=TEXT,
    workers=list_of(TEXT),
    paused={"type": ["string", "null"]},
    breaker=TEXT,
    said=TEXT,
    limits=list_of(TEXT),
    attempting=NUMBER,
    waiting=NUMBER,
    letters=NUMBER,
)
LETTER = record_of(
    key=TEXT,
    effect=TEXT,
    owner=TEXT,
    args=DATA,
    at=MOMENT,
    attempts=NUMBER,
    because=TEXT,
    redriven_by=TEXT,
    said=TEXT,
)
ATTEMPT = record_of(
    number=NUMBER,
    effect=TEXT,
    owner=TEXT,
    started=MOMENT,
    ended={"type": ["string", "null"], "format": "date-time"},
    worker=TEXT,
    end=TEXT,
    said=TEXT,
)
ASK = record_of(
    blueprint=TEXT,
    effect=TEXT,
    args=DATA,
    key=TEXT,
    fence={"type": ["integer", "null"]},
    attempt=NUMBER,
    entity=TEXT,
    id=TEXT,
)
LEASED = record_of(lease=TEXT, milliseconds=NUMBER, timeout_seconds={"type": "number"}, ask=ASK)

NAME = Parameter("effect", Place.PATH, "an effect of the blueprint", TEXT, required=True)
KEY = Parameter("key", Place.PATH, "a delivery's key, such as 12-0", TEXT, required=True)
LEASE = Parameter("lease", Place.PATH, "the lease, as it was given", TEXT, required=True)
BECAUSE = Parameter("because", Place.QUERY, "why, for whoever looks", {"type": "string", "maxLength": 500})
OF_EFFECT = Parameter("effect", Place.QUERY, "only letters of this effect", TEXT)
UNSTORED = ("storage-full", "store-failed", "store-unsure")
NO_EFFECT = ("unknown-blueprint", "unknown-effect")
NO_LETTER = ("unknown-blueprint", "no-such-delivery", "not-redrivable")
BODY = ("broken-json", "body-too-large", "bad-request")

EFFECT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "attempts",
        "GET",
        "/v1/{blueprint}/deliveries/{key}",
        "The attempts of one delivery: those that failed or were a worker's, also when it is settled. "
        "What settled it stands in the instance's history.",
        record_of(key=TEXT, attempts=list_of(ATTEMPT)),
        parameters=(BLUEPRINT, KEY),
        problems=("unknown-blueprint", "no-such-delivery"),
        command=True,
    ),
    Operation(
        "effects",
        "GET",
        "/v1/{blueprint}/effects",
        "How every effect stands: who handles it, its breaker and what opened it, its limits, what waits.",
        record_of(effects=list_of(EFFECT)),
        parameters=(BLUEPRINT,),
        problems=("unknown-blueprint",),
        command=True,
    ),
    Operation(
        "pause",
        "POST",
        "/v1/{blueprint}/effects/{effect}/pause",
        "Attempt an effect no more until it is resumed, also after a restart. What is under way goes on.",
        EFFECT,
        Permission.OPERATOR,
        (BLUEPRINT, NAME, BECAUSE),
        body=DATA,
        problems=(*NO_EFFECT, *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "resume",
        "POST",
        "/v1/{blueprint}/effects/{effect}/resume",
        "Attempt a paused effect again.",
        EFFECT,
        Permission.OPERATOR,
        (BLUEPRINT, NAME),
        body=DATA,
        problems=(*NO_EFFECT, *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "letters",
        "GET",
        "/v1/{blueprint}/letters",
        "Dead letters: deliveries that settled `unknown`, oldest first, until somebody redrives or dismisses them.",
        record_of(letters=list_of(LETTER), next=MAYBE_TEXT),
        parameters=(BLUEPRINT, OF_EFFECT, LIMIT, CURSOR),
        problems=(*NO_EFFECT, "bad-filter", "bad-request"),
        command=True,
    ),
    Operation(
        "redrive",
        "POST",
        "/v1/{blueprint}/letters/{key}/redrive",
        "Perform a dead letter once more: with the same key and as many attempts as the first time. "
        "It has no outcome: what is answered is written down, and changes no instance.",
        LETTER,
        Permission.OPERATOR,
        (BLUEPRINT, KEY),
        body=DATA,
        problems=(*NO_LETTER, *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "dismiss",
        "POST",
        "/v1/{blueprint}/letters/{key}/dismiss",
        "Put a dead letter away: somebody has looked after it.",
        LETTER,
        Permission.OPERATOR,
        (BLUEPRINT, KEY),
        body=DATA,
        problems=(*NO_LETTER, *UNSTORED, *BODY),
        command=True,
    ),
    Operation(
        "lease",
        "POST",
        "/v1/{blueprint}/leases",
        "Take attempts of effects that have no handler on the server, for a while; waits if there is nothing to do. "
        "An attempt is the worker's until its lease runs out.",
        record_of(leases=list_of(LEASED)),
        Permission.WORKER,
        (BLUEPRINT,),
        body=record_of(
            ("effects",),
            effects=list_of(TEXT),
            limit={"type": "integer", "minimum": 1, "maximum": 100},
            wait_seconds={"type": "number", "minimum": 0, "maximum": 30},
        ),
        problems=("unknown-blueprint", "unknown-effect", "not-ready", *UNSTORED, *BODY),
    ),
    Operation(
        "heartbeat",
        "POST",
        "/v1/{blueprint}/leases/{lease}/heartbeat",
        "Prolong a lease. The effect's timeout is the end of it in any case.",
        record_of(milliseconds=NUMBER),
        Permission.WORKER,
        (BLUEPRINT, LEASE),
        body=DATA,
        problems=("unknown-blueprint", "lease-lost", "lease-elsewhere", *UNSTORED, *BODY),
    ),
    Operation(
        "complete",
        "POST",
        "/v1/{blueprint}/leases/{lease}/complete",
        "Say what came of an attempt: the `answer`, or why it `failed`. The same again is harmless. "
        "What comes after the lease is written down and changes nothing.",
        record_of(counts=FLAG, outcome=TEXT, note=TEXT),
        Permission.WORKER,
        (BLUEPRINT, LEASE),
        body={"type": "object", "properties": {"answer": {}, "failed": TEXT}},
        problems=("unknown-blueprint", "lease-lost", "lease-elsewhere", *UNSTORED, *BODY),
    ),
)
