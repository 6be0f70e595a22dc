"""Spans on their way to whoever collects them: OTLP over HTTP, as JSON, from a thread of its own.

Nobody waits for it: what finds the queue full is dropped, and counted. What a collector refuses is counted, too, and
said once. A batch that was sent and not answered is sent again, which is harmless: a span's id follows from what
happened, so the same span comes twice and not another one.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from temper.run.trace_context import NO_SPAN
from temper.run.tracing import Attributes, SpanEvent, TracedSpan
from temper.run.wording import quoted
from temper.serve.logs import tell
from temper.serve.meters import Labels, counted

QUEUE_MAX = 16_384
"""Spans that wait to be sent: some seconds of a busy server, or minutes of a quiet one whose collector is away."""
BATCH_MAX = 512
LINGER_SECONDS = 1.0
"""How long a span may wait for others, and so how much a crash keeps from leaving at once."""
ANSWER_SECONDS = 10.0
CLOSING_SECONDS = 5.0
"""How long the end of a server waits for what is still in the queue."""
RETRIES_MAX = 5
RETRY_SECONDS = 1.0
AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which the same batch may be sent again; OTLP names these and no others."""
STATE_ERROR = 2


class BadEndpointError(Exception):
    """Spans cannot be sent there; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where spans go, with what headers, and as whose."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Attributes = ()


Post = Callable[[bytes], tuple[int, bytes]]
"""Sends a body; the answer's status and text. Raises OSError if there is no answer."""


class Exporter:
    """Takes spans from any thread and sends them in batches."""

    def __init__(self, endpoint: Endpoint, post: Post | None = None, *, queue_max: int = QUEUE_MAX) -> None:
        self._endpoint, self._post, self._queue_max = endpoint, post, queue_max
        self._queue: deque[TracedSpan] = deque()
        self._woken, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self.exported = self.dropped = self.refused = 0

    def tell(self, span: TracedSpan) -> None:
        """Have it sent soon; if too many wait already, it is not sent at all."""
        queue = self._queue
        if len(queue) >= self._queue_max:
            self.dropped += 1
            return
        queue.append(span)
        if len(queue) == BATCH_MAX:
            self._woken.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="temper-traces", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what there is, and end; what a collector does not take in time is dropped."""
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)
        self.dropped += len(self._queue)
        self._queue.clear()

    def lines(self) -> Iterator[str]:
        """What became of spans, for the metrics."""
        ends = {"exported": self.exported, "dropped": self.dropped, "refused": self.refused}
        found: list[tuple[Labels, int]] = [((("end", end),), number) for end, number in ends.items()]
        doc = "spans, by whether they were exported, refused by the collector, or dropped because too many waited"
        yield from counted("temper_spans_total", doc, found)

    def _run(self) -> None:
        post = self._post or _poster(self._endpoint)
        while not (self._closing.is_set() and not self._queue):
            if len(self._queue) < BATCH_MAX and not self._closing.is_set():
                self._woken.wait(LINGER_SECONDS)
                self._woken.clear()
            if batch := [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]:
                self._send(post, batch)

    def _send(self, post: Post, batch: list[TracedSpan]) -> None:
        body = written(self._endpoint.resource, batch)
        for number in range(RETRIES_MAX):
            try:
                status, answer = post(body)
            except OSError as error:
                why = str(error)
            else:
                if 200 <= status < 300:
                    self._taken(batch, answer)
                    return
                why = f"it answered {status}"
                if status not in AGAIN:
                    break
            if self._closing.wait(RETRY_SECONDS * 2**number):
                break
        self.refused += len(batch)
        self._complain(why)

    def _taken(self, batch: list[TracedSpan], answer: bytes) -> None:
        refused, why = _refused(answer)
        self.exported += len(batch) - refused
        self.refused += refused
        if refused:
            self._complain(f"it took all but {refused} of {len(batch)}: {why}")
        elif self._trouble:
            self._trouble = ""
            tell("traces-go-on", {"to": shown(self._endpoint.url)})

    def _complain(self, why: str) -> None:
        """Aloud, but not for every batch."""
        if why != self._trouble:
            self._trouble = why
            told = {"to": shown(self._endpoint.url), "because": why, "refused": self.refused, "dropped": self.dropped}
            tell("traces-refused", told, logging.WARNING)


def endpoint_of(url: str, environment: Mapping[str, str], resource: Attributes) -> Endpoint:
    """The collector at a base address, with the headers that the environment names. Raises `BadEndpointError`.

    >>> endpoint_of("http://localhost:4318", {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b"}, ()).headers
    {'api-key': 'a b'}
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadEndpointError(f"{url} is no address of a collector: it begins with http:// or https://")
    path = parts.path.rstrip("/")
    path = path if path.endswith("/v1/traces") else f"{path}/v1/traces"
    given = environment.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environment.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    pairs = [pair.partition("=") for pair in given.split(",") if pair.strip()]
    headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    if not all(name and name.isascii() and name.isprintable() for name in headers):
        raise BadEndpointError("OTEL_EXPORTER_OTLP_HEADERS holds pairs such as api-key=SECRET, with commas in between")
    return Endpoint(parts._replace(path=path).geturl(), headers, resource)


def shown(url: str) -> str:
    """An address without what may be a secret in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def written(resource: Attributes, spans: Sequence[TracedSpan]) -> bytes:
    """The body of one export: OTLP in its JSON form, spelled out, for that is four times as quick as to encode it."""
    told = f'"scope":{{"name":"temper"}},"spans":[{",".join(map(_span, spans))}]'
    about = f'"resource":{{"attributes":{_attributes(resource)}}}'
    return f'{{"resourceSpans":[{{{about},"scopeSpans":[{{{told}}}]}}]}}'.encode("utf-8", "replace")


def _span(span: TracedSpan) -> str:
    written_ = f'{{"traceId":"{span.trace}","spanId":"{span.span}","name":{quoted(span.name)},"kind":{int(span.kind)}'
    written_ += f',"startTimeUnixNano":"{span.began}","endTimeUnixNano":"{span.ended}"'
    if span.parent != NO_SPAN:
        written_ += f',"parentSpanId":"{span.parent}"'
    written_ += f',"attributes":{_attributes(span.attributes)}'
    if span.state:
        written_ += f',"traceState":{quoted(span.state)}'
    if span.events:
        written_ += f',"events":[{",".join(map(_event, span.events))}]'
    return written_ + (f',"status":{{"code":{STATE_ERROR}}}}}' if span.is_error else "}")


def _event(event: SpanEvent) -> str:
    about = _attributes(event.attributes)
    return f'{{"timeUnixNano":"{event.at}","name":{quoted(event.name)},"attributes":{about}}}'


def _attributes(attributes: Attributes) -> str:
    return f"[{','.join([_attribute(name, value) for name, value in attributes])}]"


def _attribute(name: str, value: str | int | tuple[str, ...]) -> str:
    match value:
        case str():
            told = f'"stringValue":{quoted(value)}'
        case int():
            told = f'"intValue":"{value}"'
        case _:
            each = ",".join([f'{{"stringValue":{quoted(text)}}}' for text in value])
            told = f'"arrayValue":{{"values":[{each}]}}'
    return f'{{"key":"{name}","value":{{{told}}}}}'


def _refused(answer: bytes) -> tuple[int, str]:
    """How many spans the collector did not take although it took the batch, and why."""
    try:
        partly = json.loads(answer or b"{}").get("partialSuccess") or {}
        return int(partly.get("rejectedSpans") or 0), str(partly.get("errorMessage", ""))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return 0, ""


def _poster(endpoint: Endpoint) -> Post:
    """Over one connection, without proxies from the environment: what happens here goes where it was told to go."""
    import httpx

    client = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS)
    headers = {**endpoint.headers, "Content-Type": "application/json"}

    def post(body: bytes) -> tuple[int, bytes]:
        try:
            answer = client.post(endpoint.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise OSError(f"{type(error).__name__}: {error}") from None
        return answer.status_code, answer.content

    return post
