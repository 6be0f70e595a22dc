"""How much one tenant may have and ask, so that its flood is its own: `[tenants]` in `temper.toml`.

[tenants]
instances = 100000        # that live at once
calls_per_second = 500    # requests, of whatever kind; after a pause as many at once
requests = 64             # under way at once
open = 200                # tenants whose journals are open at once

[tenants.of.acme]         # what is different for one of them
calls_per_second = 2000
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from temper.run.handlers.toml import TomlFile
from temper.serve.problem import ProblemError
from temper.serve.tenants.naming import is_name

NUMBER_MAX = 1_000_000_000
KEYS = ("instances", "calls_per_second", "requests")


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """One tenant's."""

    instances: int = 100_000
    calls_per_second: int = 500
    requests: int = 64


@dataclass(frozen=True, slots=True)
class AllLimits:
    """Everybody's, and what is different for some."""

    each: TenantLimits = field(default_factory=TenantLimits)
    of: Mapping[str, TenantLimits] = field(default_factory=dict)
    open: int = 200

    def limits_of(self, name: str) -> TenantLimits:
        return self.of.get(name, self.each)


def load_limits(path: Path | None) -> AllLimits:
    """What the file says. Raises `HandlersBrokenError`."""
    if path is None:
        return AllLimits()
    file = TomlFile(path)
    told = file.table(file.read().get("tenants", {}), "[tenants]")
    file.only(told, (*KEYS, "open", "of"), "[tenants]")
    each = _limits(file, {name: told[name] for name in KEYS if name in told}, "[tenants]", TenantLimits())
    of = file.table(told.get("of", {}), "[tenants.of]")
    found: dict[str, TenantLimits] = {}
    for name, given in of.items():
        if not is_name(name):
            raise file.broken(f"[tenants.of] {name}: no tenant may be called so")
        place = f"[tenants.of.{name}]"
        found[name] = _limits(file, file.table(given, place), place, each)
    return AllLimits(each, found, file.number(told.get("open", 200), "[tenants] open", 1, NUMBER_MAX))


def _limits(file: TomlFile, told: Mapping[str, Any], place: str, before: TenantLimits) -> TenantLimits:
    file.only(told, KEYS, place)
    return replace(before, **{name: file.number(told[name], f"{place} {name}", 1, NUMBER_MAX) for name in told})


class Rate:
    """So many a second, and after a pause as many at once as come in one.

    >>> now = [0.0]
    >>> rate = Rate(2, lambda: now[0])
    >>> [rate.take() for _ in range(3)]
    [0.0, 0.0, 0.5]
    >>> now[0] = 0.5
    >>> rate.take(), rate.take()
    (0.0, 0.5)
    """

    def __init__(self, a_second: int, now: Callable[[], float] = monotonic) -> None:
        self._a_second, self._now = a_second, now
        self._left, self._seen = float(a_second), now()

    def take(self) -> float:
        """0 if one may be begun, which is counted; else in how many seconds."""
        now = self._now()
        self._left = min(float(self._a_second), self._left + (now - self._seen) * self._a_second)
        self._seen = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._a_second


def over_limit(what: str, most: int, seconds: float) -> ProblemError:
    """That a tenant asks too much just now."""
    detail = f"{what}, and this tenant may have {most:,}; nothing of this was done"
    return ProblemError("over-limit", detail, {"limit": most}, {"Retry-After": str(max(1, round(seconds)))})


def full(number: int, most: int) -> ProblemError:
    """That a tenant has as many instances as it may; to ask again does not help."""
    detail = f"{number:,} instances live here, and this tenant may have {most:,}; nothing of this was done"
    return ProblemError("tenant-full", detail, {"limit": most})
