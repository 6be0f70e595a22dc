"""Where something stands in a trace: W3C Trace Context as it comes in, as the journal keeps it, and as it is sent on.

It is kept as one text, `00-TRACE-SPAN-FLAGS`, behind it perhaps a space and the `tracestate` of whoever began. In a
record SPAN is what the record comes from (zeros: nothing), in a delivery it is what made it.
"""

from __future__ import annotations

import re

NO_SPAN = "0" * 16
"""The parent of whatever begins a trace."""
STATE_CHARACTERS_MAX = 512
STATE_MEMBERS_MAX = 32
KNOWN_FLAGS = 0b11
"""Sampled, and that the trace's id was drawn by lot."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(rf"({_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", re.ASCII)


def read_context(traceparent: str, tracestate: str = "") -> str:
    """What a caller sent, as it is kept; empty if it is malformed, for then it counts as not sent.

    >>> read_context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "congo=t61rcWkgMzE")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 congo=t61rcWkgMzE'
    >>> read_context("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
    ''
    """
    found = _PARENT.fullmatch(traceparent.strip(" \t"))
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return ""
    if not found[2].strip("0") or not found[3].strip("0"):
        return ""
    state = _state(tracestate)
    return f"00-{found[2]}-{found[3]}-{int(found[4], 16) & KNOWN_FLAGS:02x}" + (f" {state}" if state else "")


def trace_of(context: str) -> str:
    """The trace's id; empty where there is none."""
    return context[3:35]


def span_of(context: str) -> str:
    """The id of the span that the context names."""
    return context[36:52]


def is_sampled(context: str) -> bool:
    """Whether whoever began the trace wants it told."""
    return bool(int(context[53:55], 16) & 1)


def with_span(context: str, span: str) -> str:
    """The same trace, seen from another span.

    >>> with_span("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "b7ad6b7169203331")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01'
    """
    return f"{context[:36]}{span}{context[52:]}"


def traceparent_of(context: str) -> str:
    """What is sent on as `traceparent`; empty if there is nothing that can be a parent."""
    return "" if span_of(context) in {"", NO_SPAN} else context[:55]


def tracestate_of(context: str) -> str:
    """What is sent on as `tracestate`."""
    return context[56:]


def _state(text: str) -> str:
    """The members of a list that is well formed; of one that is not nothing is kept, as the specification has it."""
    members = [member.strip(" \t") for member in text.split(",")]
    members = [member for member in members if member]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {each[1] for each in found if each is not None}
    joined = ",".join(members)
    fits = len(members) <= STATE_MEMBERS_MAX and len(joined) <= STATE_CHARACTERS_MAX
    return joined if fits and len(keys) == len(members) else ""
