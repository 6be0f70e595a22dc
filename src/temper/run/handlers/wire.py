"""The request and the answer of an attempt as JSON, the same for HTTP and for commands."""

from __future__ import annotations

import json
from typing import Any

from temper.run.world import Ask

ANSWER_BYTES_MAX = 1_048_576
SHOWN_CHARACTERS_MAX = 300


def ask_to_json(ask: Ask) -> dict[str, Any]:
    """What a receiver is sent. Tenant and trace are named only where there are some, for old receivers."""
    told = {
        "blueprint": ask.blueprint,
        "effect": ask.effect,
        "args": dict(ask.args),
        "key": ask.key,
        "fence": ask.fence,
        "attempt": ask.attempt,
        "entity": ask.entity,
        "id": ask.id,
    }
    return told | ({"tenant": ask.tenant} if ask.tenant else {}) | trace_of_ask(ask)


def trace_of_ask(ask: Ask) -> dict[str, str]:
    """The trace of an attempt, by the names that W3C gave; nothing if nobody follows it."""
    told = {"traceparent": ask.traceparent, "tracestate": ask.tracestate if ask.traceparent else ""}
    return {name: text for name, text in told.items() if text}


def parsed(answer: bytes) -> object:
    """The answer as JSON data. What is no JSON is kept as text where no outcome is looked for, so it is `unknown`."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return {"not JSON": shortened(answer.decode(errors="replace"))}


def shortened(text: str) -> str:
    """Enough of a text to recognise it by."""
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…"
