"""What a server is watched and steered with: meters, the feed of events, pressure, and its orderly end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from temper.run.observer import Observer, Observers
from temper.run.tracing import Tracer
from temper.serve.draining import Draining
from temper.serve.events import Feed
from temper.serve.logs import LogObserver
from temper.serve.meters import Meters
from temper.serve.otlp import Exporter
from temper.serve.premises import Premises
from temper.serve.pressure import Pressure


@dataclass(slots=True)
class Instruments:
    """Made before the runtime, which is watched through `observer`."""

    meters: Meters = field(default_factory=Meters)
    draining: Draining = field(default_factory=Draining)
    feed: Feed = field(default_factory=Feed)
    premises: Premises | None = None
    archive: Path | None = None
    """Where records lie that have left the journal."""
    exporter: Exporter | None = None
    tracer: Tracer | None = None
    """Made when the store is open, before the runtime."""
    tenant: str = ""
    """Whose they are, where one server has several tenants."""
    others: tuple[Observer, ...] = ()
    """Whoever else watches the runtime."""
    pressure: Pressure = field(init=False)

    def __post_init__(self) -> None:
        self.pressure = Pressure(self.meters)
        if self.archive is None and self.premises is not None:
            self.archive = self.premises.archive

    @property
    def observer(self) -> Observer:
        """All of them as one."""
        followers = () if self.tracer is None else (self.tracer,)
        return Observers((self.meters, self.feed, LogObserver(self.tenant), *followers, *self.others))
