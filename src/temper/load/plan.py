"""How much work there is and how fast the outside is: the operator's `load.toml`.

    for = "1h"                          # of virtual time
    warm = "5m"                         # left out of the figures
    commit = "2ms"                      # how long the disk takes for a transaction

    [arrivals."Order.place"]            # new instances
    rate = "5/s"
    as = "ann: customer"

    [callers."Order.cancel"]            # what callers do with an instance once it can be done
    after = {median = "10m", p99 = "1h"}
    share = 0.05
    as = "ann: customer"

    [receivers.charge]                  # whoever performs an effect
    takes = {median = "200ms", p99 = "2s"}
    at_once = 4                         # it works on so many; the others wait there
    outcomes = {charged = 0.97, declined = 0.03}
    silent = 0.001                      # so many never get an answer

    [[outages]]
    receiver = "charge"
    from = "20m"
    for = "5m"
    how = "refuses"                     # or "hangs": it takes requests and answers none

Times are drawn from a lognormal distribution with that median and 99th percentile; `takes = "200ms"` is always that.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temper.machine import Effect, Entity, Gate, TransitionTable
from temper.report import suggest
from temper.run import HandlersBrokenError
from temper.run.handlers.toml import UNITS, TomlFile

RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(ms|s|m|h|d)", re.ASCII)
Z99 = 2.3263478740408408
"""The standard normal's 99th percentile."""


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time that varies: lognormal, by its median and 99th percentile in milliseconds."""

    median: float
    p99: float

    def draw(self, chance: random.Random) -> float:
        """Milliseconds."""
        if self.p99 <= self.median or not self.median:
            return self.median
        return self.median * math.exp(chance.gauss(0, 1) * math.log(self.p99 / self.median) / Z99)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which roles."""

    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Arrival:
    """New instances by a constructor, at a rate, as a Poisson process."""

    entity: str
    action: str
    per_millisecond: float
    callers: tuple[Caller, ...]
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Habit:
    """What callers do with an instance some time after it came into a state where the action begins."""

    entity: str
    action: str
    after: Span
    share: float
    callers: tuple[Caller, ...]
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch of time in which a receiver refuses everything, or takes everything and answers nothing."""

    begin: int
    end: int
    hangs: bool


@dataclass(frozen=True, slots=True)
class Receiving:
    """How a receiver behaves."""

    takes: Span = Span(100, 1_000)
    at_once: int = 16
    outcomes: tuple[tuple[str, float], ...] = ()
    silent: float = 0
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is asked and how the outside answers. Times are milliseconds from the beginning."""

    milliseconds: int
    warm: int
    commit: float
    arrivals: tuple[Arrival, ...]
    habits: tuple[Habit, ...]
    receivers: Mapping[str, Receiving] = field(default_factory=dict)


def read_plan(path: Path, table: TransitionTable) -> LoadPlan:
    """What the file says about this table. Raises `HandlersBrokenError`, which names the place and the cure."""
    return _Reading(TomlFile(path), table).plan()


class _Reading:
    def __init__(self, file: TomlFile, table: TransitionTable) -> None:
        self._file = file
        self._roles = frozenset(table.roles)
        self._entities = {entity.name: entity for entity in table.entities if not entity.world}
        self._effects = {effect.name: effect for effect in table.effects}

    def plan(self) -> LoadPlan:
        file, told = self._file, self._file.read()
        file.only(told, ("for", "warm", "commit", "arrivals", "callers", "receivers", "outages"), "the file")
        whole = file.duration(told.get("for", "10m"), "for")
        warm = file.duration(told["warm"], "warm") if "warm" in told else 0
        if warm >= whole:
            raise file.broken(f'warm = "{told["warm"]}" leaves nothing of `for` to be measured')
        arrivals = tuple(self._arrival(*each) for each in self._tables(told, "arrivals"))
        if not arrivals:
            raise file.broken('nothing arrives: say how often, as in [arrivals."Order.place"] rate = "5/s"')
        habits = tuple(self._habit(*each) for each in self._tables(told, "callers"))
        outages = self._outages(told.get("outages", []))
        receivers = {name: self._receiver(name, given, outages) for name, given in self._tables(told, "receivers")}
        for name in self._effects.keys() - receivers.keys():
            receivers[name] = self._receiver(name, {}, outages)
        commit = self._span(told.get("commit", "2ms"), "commit").median
        return LoadPlan(whole, warm, commit, arrivals, habits, receivers)

    def _tables(self, told: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
        tables = self._file.table(told.get(name, {}), f"[{name}]")
        return [(each, self._file.table(given, f"[{name}.{each}]")) for each, given in tables.items()]

    def _arrival(self, name: str, given: Mapping[str, Any]) -> Arrival:
        place = f'[arrivals."{name}"]'
        self._file.only(given, ("rate", "as", "args"), place)
        entity, action = self._action(name, place)
        if not entity.action(action).is_constructor and not entity.single:
            raise self._file.broken(
                f"{place}: `{action}` makes no {entity.name}; what it does to one belongs to [callers]"
            )
        found = RATE.fullmatch(str(given.get("rate", "")))
        if found is None or not float(found[1]):
            raise self._file.broken(f'{place} rate is so many in a time, as in "5/s" or "0.5/m"')
        return Arrival(
            entity.name, action, float(found[1]) / UNITS[found[2]], *self._rest(given, place, entity, action)
        )

    def _habit(self, name: str, given: Mapping[str, Any]) -> Habit:
        place = f'[callers."{name}"]'
        self._file.only(given, ("after", "share", "as", "args"), place)
        entity, action = self._action(name, place)
        if entity.action(action).is_constructor:
            raise self._file.broken(f"{place}: `{action}` makes a {entity.name}; how often belongs to [arrivals]")
        after = self._span(given.get("after", "1m"), f"{place} after")
        share = self._fraction(given.get("share", 1), f"{place} share")
        return Habit(entity.name, action, after, share, *self._rest(given, place, entity, action))

    def _rest(
        self, given: Mapping[str, Any], place: str, entity: Entity, action: str
    ) -> tuple[tuple[Caller, ...], Mapping[str, Any]]:
        """Who calls and with what."""
        args = self._file.table(given.get("args", {}), f"{place} args")
        self._file.only(args, tuple(each.name for each in entity.action(action).params), f"{place} args")
        said = given.get("as", [])
        texts = [said] if isinstance(said, str) else self._file.texts(said, f"{place} as", "callers")
        return tuple(self._caller(text, place) for text in texts) or (Caller("somebody", self._roles),), args

    def _caller(self, text: str, place: str) -> Caller:
        name, _, roles = text.partition(":")
        found = frozenset(role.strip() for role in roles.split(",") if role.strip())
        for role in sorted(found - self._roles):
            raise self._file.broken(f"{place} as: the blueprint has no role {role}{_hint(role, tuple(self._roles))}")
        return Caller(name.strip(), found)

    def _action(self, name: str, place: str) -> tuple[Entity, str]:
        entity_name, _, action = name.partition(".")
        entity = self._entities.get(entity_name)
        if entity is None:
            raise self._file.broken(f"{place}: no entity {entity_name}{_hint(entity_name, tuple(self._entities))}")
        called = [each.name for each in entity.actions if each.gate in {Gate.ROLES, Gate.POLICY}]
        if action not in called:
            raise self._file.broken(f"{place}: callers have no {entity_name}.{action}{_hint(action, tuple(called))}")
        return entity, action

    def _receiver(self, name: str, given: Mapping[str, Any], outages: Mapping[str, tuple[Outage, ...]]) -> Receiving:
        place, effect = f"[receivers.{name}]", self._effects.get(name)
        if effect is None:
            raise self._file.broken(f"{place}: no effect {name}{_hint(name, tuple(self._effects))}")
        self._file.only(given, ("takes", "at_once", "outcomes", "silent"), place)
        default = Receiving()
        return Receiving(
            self._span(given["takes"], f"{place} takes") if "takes" in given else default.takes,
            self._file.number(given.get("at_once", default.at_once), f"{place} at_once", 1, 1_000_000),
            self._outcomes(effect, given, place),
            self._fraction(given.get("silent", 0), f"{place} silent"),
            outages.get(name, ()),
        )

    def _outcomes(self, effect: Effect, given: Mapping[str, Any], place: str) -> tuple[tuple[str, float], ...]:
        names = tuple(outcome.name for outcome in effect.outcomes)
        if "outcomes" not in given:
            return ((names[0], 1.0),)
        told = self._file.table(given["outcomes"], f"{place} outcomes")
        self._file.only(told, names, f"{place} outcomes")
        found = tuple((name, self._fraction(share, f"{place} outcomes {name}")) for name, share in told.items())
        if not sum(share for _, share in found):
            raise self._file.broken(f"{place} outcomes: none of them ever comes")
        return found

    def _outages(self, told: Any) -> dict[str, tuple[Outage, ...]]:
        if not isinstance(told, list):
            raise self._file.broken("outages are a list: begin each with [[outages]]")
        found: dict[str, tuple[Outage, ...]] = {}
        for number, each in enumerate(told, 1):
            place = f"[[outages]] {number}"
            given = self._file.table(each, place)
            self._file.only(given, ("receiver", "from", "for", "how"), place)
            name, how = str(given.get("receiver")), given.get("how", "refuses")
            if name not in self._effects:
                raise self._file.broken(f"{place}: no effect {name}{_hint(name, tuple(self._effects))}")
            if how not in {"refuses", "hangs"}:
                raise self._file.broken(f'{place} how is "refuses" or "hangs"')
            begin = self._file.duration(given.get("from"), f"{place} from")
            end = begin + self._file.duration(given.get("for"), f"{place} for")
            found[name] = (*found.get(name, ()), Outage(begin, end, how == "hangs"))
        return found

    def _span(self, told: Any, place: str) -> Span:
        if isinstance(told, dict):
            self._file.only(told, ("median", "p99"), place)
            median = self._file.duration(told.get("median"), f"{place} median")
            return Span(median, max(median, self._file.duration(told.get("p99"), f"{place} p99")))
        always = self._file.duration(told, place)
        return Span(always, always)

    def _fraction(self, told: Any, place: str) -> float:
        if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= 1:
            raise self._file.broken(f"{place} is a share from 0 to 1")
        return float(told)


def _hint(name: str, known: tuple[str, ...]) -> str:
    near = suggest(name, known)
    return f"; did you mean `{near}`?" if near else f"; there are {', '.join(sorted(known))}" if known else ""


__all__ = ["Arrival", "Caller", "Habit", "HandlersBrokenError", "LoadPlan", "Outage", "Receiving", "Span", "read_plan"]
