"""What a server says about itself while it works: one line per event, as text for people or as JSON for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TextIO

from temper.run import Problem, StoreError
from temper.run.observer import Tried
from temper.run.store.rows import Batch
from temper.serve.presenting import moment

LOG = logging.getLogger("temper")


class LogForm(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def is_told() -> bool:
    """Whether anybody hears what is said in the course of things."""
    return LOG.isEnabledFor(logging.INFO)


def tell(event: str, fields: Mapping[str, Any], level: int = logging.INFO) -> None:
    """Say that something happened. What is None or empty is left out."""
    if LOG.isEnabledFor(level):
        LOG.log(level, event, extra={"told": {name: each for name, each in fields.items() if each not in (None, "")}})


@contextmanager
def logging_to(stream: TextIO, form: LogForm) -> Iterator[None]:
    """Write the server's log to a stream while the body runs."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(form))
    before = LOG.level, LOG.propagate
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(before[0])
        LOG.propagate = before[1]


class LineFormatter(logging.Formatter):
    r"""One event, one line, whatever stands in it.

    >>> record = logging.LogRecord("temper.serve", logging.WARNING, "", 0, "two\nlines", (), None)
    >>> record.created = 0
    >>> print(LineFormatter(LogForm.TEXT).format(record))
    1970-01-01T00:00:00.000Z warning "two\nlines"
    >>> print(LineFormatter(LogForm.JSON).format(record))
    {"at": "1970-01-01T00:00:00.000Z", "level": "warning", "event": "two\nlines"}
    """

    def __init__(self, form: LogForm) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {"at": moment(int(record.created * 1000)), "level": record.levelname.lower()}
        told["event"] = record.getMessage()
        told |= getattr(record, "told", {})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if self._form is LogForm.JSON:
            return json.dumps(told, ensure_ascii=False, default=str)
        at, level, event = told.pop("at"), told.pop("level"), told.pop("event")
        return " ".join([at, level, _word(event), *(f"{name}={_word(value)}" for name, value in told.items())])


class LogObserver:
    """Says what the runtime does by itself: attempts, late timers, transactions that were not kept."""

    def __init__(self, tenant: str = "") -> None:
        self._tenant = tenant

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del batch, seconds, flush_seconds  # one line for each call is enough

    def commit_failed(self, error: StoreError) -> None:
        tell(
            "commit-failed",
            {"tenant": self._tenant, "error": type(error).__name__, "because": str(error)},
            logging.ERROR,
        )

    def fired(self, late: int) -> None:
        tell("timer-fired", {"tenant": self._tenant, "late_milliseconds": late})

    def tried(self, tried: Tried) -> None:
        told = {
            "tenant": self._tenant,
            "effect": tried.effect,
            "key": tried.key,
            "entity": tried.entity,
            "id": tried.id,
        }
        told |= {"attempt": str(tried.number), "end": tried.end, "because": tried.said}
        told |= {"milliseconds": str(tried.ended - tried.started)}
        tell("attempt", told, logging.INFO if tried.end == "answered" else logging.WARNING)


def _word(value: Any) -> str:
    """A value as one word of a line; a text with anything odd in it is quoted as JSON quotes it."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = text.isprintable() and text and not any(each in text for each in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)


def tell_untidied(problem: Problem) -> None:
    """Say why what is old could not be put away."""
    tell("not-tidied", {"because": problem.message}, logging.WARNING)
