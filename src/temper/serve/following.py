"""Where a request stands in a trace: what its caller sent, what is answered, and a span for what left no record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from temper.run import Done, Response
from temper.run.trace_context import (
    is_sampled,
    read_context,
    span_of,
    trace_of,
    traceparent_of,
    tracestate_of,
    with_span,
)
from temper.run.tracing import SpanEvent, SpanKind, TracedSpan, Tracer
from temper.serve.tokens import Principal

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"


def sent_context(given: Mapping[str, str]) -> str:
    """What the caller sent, as it is kept; empty if there was nothing, or nothing that can be read."""
    traceparent = given.get(TRACEPARENT)
    return "" if traceparent is None else read_context(traceparent, given.get(TRACESTATE, ""))


def answered(
    tracer: Tracer, sent: str, entity: str, action: str, principal: Principal, answer: Response, began: int
) -> str:
    """The context that an answer names; what left no record is told here, all else when it is durable."""
    if isinstance(answer, Done) and not answer.repeated:
        return tracer.record(sent or tracer.root(f"record {answer.record}"), answer.record)
    context = sent or tracer.root(
        f"record {answer.record}" if isinstance(answer, Done) else f"answer {secrets.token_hex(8)}"
    )
    parent = span_of(tracer.record(context, answer.record) if isinstance(answer, Done) and not sent else context)
    here = with_span(context, secrets.token_hex(8))
    if is_sampled(here):
        outcome = "repeated" if isinstance(answer, Done) else answer.code
        told: tuple[tuple[str, Any], ...] = (
            ("temper.entity", entity),
            ("temper.action", action),
            ("temper.roles", tuple(sorted(principal.roles))),
            ("temper.answer", outcome),
            *((("temper.record", answer.record),) if isinstance(answer, Done) else ()),
        )
        now = tracer.now()
        events = (SpanEvent("gate", now, (("temper.because", outcome),)),) if outcome == "denied" else ()
        name = f"{entity}.{action}"
        tracer.told(
            TracedSpan(
                *(trace_of(here), span_of(here), parent, name, SpanKind.SERVER, began, now, told),
                events=events,
                state=tracestate_of(here),
            )
        )
    return here


def context_headers(context: str) -> dict[str, str]:
    """The headers that name a context."""
    told = {TRACEPARENT: traceparent_of(context), TRACESTATE: tracestate_of(context)}
    return {name: text for name, text in told.items() if text}


def loaded(tracer: Tracer, sent: str, before: str, after: str, outcome: str, began: int) -> None:
    """Tell of a version that was loaded, or refused."""
    context = sent or tracer.root(f"load {after or secrets.token_hex(8)} {began}")
    if is_sampled(context):
        told = (("temper.table.before", before), ("temper.table", after), ("temper.answer", outcome))
        tracer.told(
            TracedSpan(
                *(trace_of(context), secrets.token_hex(8), span_of(context), "load version", SpanKind.SERVER),
                *(began, tracer.now(), told, not after),
                state=tracestate_of(context),
            )
        )
