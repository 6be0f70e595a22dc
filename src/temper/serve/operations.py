"""Every operation of a running system, once: HTTP routes, OpenAPI and the client's commands derive from this list.

A transport only translates. What an operation does is the method of the same name in `Service`; what it needs,
takes, answers and may complain about is here, and a test holds transports and reference to it.
"""

from __future__ import annotations

from temper.serve.effect_operations import EFFECT_OPERATIONS
from temper.serve.keeping_operations import KEEPING_OPERATIONS
from temper.serve.operating_operations import OPERATING_OPERATIONS
from temper.serve.operation import (
    ANY,
    BLUEPRINT,
    CURSOR,
    DATA,
    FLAG,
    LIMIT,
    MAYBE_TEXT,
    MOMENT,
    NUMBER,
    TEXT,
    TRACEPARENT,
    TRACESTATE,
    Operation,
    Parameter,
    Permission,
    Place,
    list_of,
    record_of,
)

INSTANCE = record_of(
    entity=TEXT,
    id=TEXT,
    state=TEXT,
    seq=NUMBER,
    data=DATA,
    timers={"type": "object", "additionalProperties": MOMENT},
    unhandled=list_of(TEXT),
)
APPLIED = record_of(
    action=TEXT, entity=TEXT, id=TEXT, state=TEXT, seq=NUMBER, data=DATA, at=MOMENT, record=NUMBER, repeated=FLAG
)
RECORD = record_of(
    number=NUMBER,
    seq={"type": ["integer", "null"]},
    at=MOMENT,
    rule=TEXT,
    action=TEXT,
    cause=TEXT,
    caller=MAYBE_TEXT,
    roles=list_of(TEXT),
    args=DATA,
    fields=DATA,
    state=MAYBE_TEXT,
    changes=DATA,
    handed_on=list_of(TEXT),
    consumed=list_of(TEXT),
    note=TEXT,
    table=TEXT,
    trace=TEXT,
)
OPTION = record_of(action=TEXT, possible=FLAG, params=DATA, because={"type": ["object", "null"]}, note=TEXT)
DELIVERY = record_of(
    key=TEXT, kind=TEXT, what=TEXT, owner=TEXT, receiver=TEXT, args=DATA, status=TEXT, attempts=NUMBER, note=TEXT
)
ARMED = record_of(entity=TEXT, id=TEXT, timer=TEXT, due=MOMENT)
VERDICT = record_of(name=TEXT, verdict=TEXT, because=TEXT, states={"type": ["integer", "null"]}, trace=ANY)

ENTITY = Parameter("entity", Place.PATH, "an entity of the blueprint", TEXT, required=True)
ID = Parameter(
    "id", Place.PATH, "the instance's id", {"type": "string", "minLength": 1, "maxLength": 200}, required=True
)
ACTION = Parameter("action", Place.PATH, "an action of the entity", TEXT, required=True)
KEY = Parameter(
    "Idempotency-Key",
    Place.HEADER,
    "makes a repeat harmless: the same key with the same call gives the first answer again",
    {"type": "string", "minLength": 1, "maxLength": 200},
)
MATCH = Parameter(
    "If-Match",
    Place.HEADER,
    "the `seq` that was read, as an entity tag: the call is refused as `stale-version` if the instance has moved on",
    TEXT,
)
AS = Parameter("Temper-As", Place.HEADER, "with the operator's token: the principal to act as", TEXT)
STATE = Parameter("state", Place.QUERY, "only instances in this control state", TEXT)
STATUSES = ("waiting", "attempting", "leased", "held", "paused", "parked", "behind")
STATUS = Parameter(
    "status",
    Place.QUERY,
    "only deliveries that stand like this; `parked` ones wait for a handler",
    {"type": "string", "enum": list(STATUSES)},
)

CALL_PROBLEMS = (
    "unknown-blueprint",
    "unknown-entity",
    "unknown-action",
    "wrong-state",
    "denied",
    "bad-args",
    "guard-false",
    "no-case",
    "out-of-range",
    "same-key-twice",
    "stale-version",
    "unknown-instance",
    "id-taken",
    "idempotency-key-reused",
    "bad-id",
    "broken-json",
    "body-too-large",
    "storage-full",
    "store-failed",
    "store-unsure",
)
NOT_THERE = ("unknown-blueprint", "unknown-entity", "unknown-instance")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "health",
        "GET",
        "/health",
        "Whether the server is up, what it serves, and whether it takes calls.",
        record_of(status=TEXT, blueprint=TEXT, table=TEXT),
        Permission.NONE,
        command=True,
    ),
    *OPERATING_OPERATIONS,
    Operation(
        "openapi",
        "GET",
        "/openapi.json",
        "This interface for the live table, as OpenAPI 3.1: every action with its parameters.",
        DATA,
        command=True,
    ),
    Operation(
        "explain",
        "GET",
        "/explain/{code}",
        "The page about a code that a message showed, as Markdown.",
        TEXT,
        Permission.NONE,
        (Parameter("code", Place.PATH, "the code", TEXT, required=True),),
        problems=("unknown-code",),
        media="text/markdown",
    ),
    Operation(
        "table",
        "GET",
        "/v1/{blueprint}/table",
        "The live table and what was proved about it.",
        record_of(blueprint=TEXT, hash=TEXT, table=DATA, verdicts=list_of(VERDICT), search=ANY, accepted=DATA),
        parameters=(BLUEPRINT,),
        problems=("unknown-blueprint",),
        command=True,
    ),
    Operation(
        "apply",
        "POST",
        "/v1/{blueprint}/apply",
        "Certify a new version apart and, if every live instance has its place in it, swap it in. "
        "Serving goes on meanwhile; if it is refused, the old version stays.",
        record_of(applied={"const": True}, table=TEXT, before=TEXT, changes=list_of(TEXT), verdicts=list_of(VERDICT)),
        Permission.OPERATOR,
        (BLUEPRINT, TRACEPARENT, TRACESTATE),
        body=record_of(
            ("blueprint",),
            blueprint=record_of(path=TEXT, text=TEXT),
            policies=list_of(record_of(path=TEXT, text=TEXT)),
            constants={"type": "object", "additionalProperties": TEXT},
        ),
        problems=("unknown-blueprint", "not-certified", "not-admitted", "broken-json", "body-too-large", "bad-request"),
    ),
    Operation(
        "deliveries",
        "GET",
        "/v1/{blueprint}/deliveries",
        "What was handed on and is not settled yet: effects, messages, spawns; parked ones wait for somebody.",
        record_of(deliveries=list_of(DELIVERY)),
        parameters=(BLUEPRINT, STATUS, LIMIT),
        problems=("unknown-blueprint", "bad-request"),
        command=True,
    ),
    *EFFECT_OPERATIONS,
    *KEEPING_OPERATIONS,
    Operation(
        "timers",
        "GET",
        "/v1/{blueprint}/timers",
        "Every armed timer, the next one first.",
        record_of(timers=list_of(ARMED)),
        parameters=(BLUEPRINT, LIMIT),
        problems=("unknown-blueprint", "bad-request"),
        command=True,
    ),
    Operation(
        "list",
        "GET",
        "/v1/{blueprint}/{entity}",
        "The instances of an entity, by id. Any other query parameter names a field and the value it must have.",
        record_of(instances=list_of(INSTANCE), next=MAYBE_TEXT),
        parameters=(BLUEPRINT, ENTITY, STATE, LIMIT, CURSOR),
        problems=("unknown-blueprint", "unknown-entity", "bad-filter", "bad-request"),
        command=True,
    ),
    Operation(
        "get",
        "GET",
        "/v1/{blueprint}/{entity}/{id}",
        "One instance: its state, its data, its armed timers. The entity tag is its `seq`.",
        INSTANCE,
        parameters=(BLUEPRINT, ENTITY, ID),
        problems=NOT_THERE,
        command=True,
    ),
    Operation(
        "history",
        "GET",
        "/v1/{blueprint}/{entity}/{id}/history",
        "Everything that happened to an instance, oldest first, each under the version it was made with. "
        "Records up to the number `archived` have left the journal; `export` has them.",
        record_of(records=list_of(RECORD), next=MAYBE_TEXT, archived=NUMBER),
        parameters=(BLUEPRINT, ENTITY, ID, LIMIT, CURSOR),
        problems=(*NOT_THERE, "bad-request"),
    ),
    Operation(
        "can",
        "GET",
        "/v1/{blueprint}/{entity}/{id}/can",
        "What you can do with an instance now, and for everything else why not. "
        "Actions with parameters are judged as far as that is possible without them.",
        record_of(entity=TEXT, id=TEXT, state=TEXT, actions=list_of(OPTION)),
        parameters=(BLUEPRINT, ENTITY, ID, AS),
        problems=("unknown-blueprint", "unknown-entity", "unknown-principal"),
        command=True,
    ),
    Operation(
        "call",
        "POST",
        "/v1/{blueprint}/{entity}/{id}/{action}",
        "Call an action of an instance; a constructor makes it. The body holds the arguments. "
        "The answer is given when what happened is durable; what it hands on comes after.",
        APPLIED,
        parameters=(BLUEPRINT, ENTITY, ID, ACTION, KEY, MATCH, AS, TRACEPARENT, TRACESTATE),
        body=DATA,
        problems=(*CALL_PROBLEMS, "unknown-principal"),
    ),
    Operation(
        "create",
        "POST",
        "/v1/{blueprint}/{entity}/{action}",
        "Call a constructor and let the server draw the id, which the `Location` names.",
        APPLIED,
        parameters=(BLUEPRINT, ENTITY, ACTION, KEY, AS, TRACEPARENT, TRACESTATE),
        body=DATA,
        status=201,
        problems=(*CALL_PROBLEMS, "unknown-principal"),
    ),
)

COMMON_PROBLEMS = ("unknown-route", "method-not-allowed", "shutting-down", "internal-error")
UNBOUNDED = frozenset({"health", "alive", "ready", "metrics", "explain"})
"""What is answered however much is under way: whoever looks after the server must see that it is busy."""
WAITING = frozenset({"events", "export", "lease"})
"""What may wait for long, and costs little meanwhile: it is bounded apart, so that it keeps no call from being made."""
TOKEN_PROBLEMS = ("no-token", "unknown-token")
OPERATOR_PROBLEMS = ("not-operator",)


def operation(name: str) -> Operation:
    """The operation of that name; KeyError if there is none.

    >>> operation("get").path
    '/v1/{blueprint}/{entity}/{id}'
    """
    for candidate in OPERATIONS:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def problems_of(asked: Operation) -> tuple[str, ...]:
    """Every code the operation may answer."""
    shown = {
        Permission.NONE: (),
        Permission.TOKEN: TOKEN_PROBLEMS,
        Permission.WORKER: (*TOKEN_PROBLEMS, "not-worker"),
        Permission.OPERATOR: TOKEN_PROBLEMS + OPERATOR_PROBLEMS,
    }
    acting = OPERATOR_PROBLEMS if AS in asked.parameters else ()
    bounded = () if asked.name in UNBOUNDED else ("too-busy",)
    return tuple(sorted({*asked.problems, *COMMON_PROBLEMS, *bounded, *shown[asked.permission], *acting}))
