"""What `temper up --traces` asks for: a tracer for the store, and an exporter that sends its spans."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from temper.cli.mistake import MistakeError
from temper.run import Store
from temper.run.runtime import load_versions
from temper.run.tracing import Tracer, retold
from temper.serve.instruments import Instruments
from temper.serve.otlp import BadEndpointError, Exporter, endpoint_of

SERVICE = "OTEL_SERVICE_NAME"


@dataclass(frozen=True, slots=True)
class Collected:
    """Who collects traces, and which part of those that begin here."""

    url: str
    ratio: float = 1.0


@contextlib.contextmanager
def collecting(asked: Collected | None, blueprint: str, instruments: Instruments) -> Iterator[None]:
    """Send spans while the body runs, if somebody collects them."""
    if asked is None:
        yield
        return
    if not 0.0 <= asked.ratio <= 1.0:
        cure = "as in --traces-ratio 0.1"
        raise MistakeError("wrong-usage", f"--traces-ratio {asked.ratio:g}: a part is from 0 to 1", cure)
    resource = (("service.name", os.environ.get(SERVICE) or "temper"), ("temper.blueprint", blueprint))
    try:
        endpoint = endpoint_of(asked.url, os.environ, resource)
    except BadEndpointError as wrong:
        raise MistakeError("wrong-usage", str(wrong), "as in --traces http://localhost:4318") from None
    exporter = instruments.exporter = Exporter(endpoint)
    exporter.start()
    try:
        yield
    finally:
        exporter.close()


def followed(asked: Collected | None, store: Store, instruments: Instruments) -> Tracer | None:
    """Whoever follows what this store's runtime does; what a crash may have kept from leaving is told first."""
    if asked is None or instruments.exporter is None:
        return None
    tracer = Tracer(store.head().identity, instruments.exporter.tell, ratio=asked.ratio)
    retold(tracer, store, load_versions(store))
    return tracer
