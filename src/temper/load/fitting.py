"""A plan that fits a journal: how often callers came, how long they took, how long the outside took and what it said.

What a journal cannot tell is said in the file: how many requests a receiver works on at once. So many as were pending
together at most is written down, which is right while nothing waited over there, and too much where something did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.load.figures import Times
from temper.machine import NEW, Gate, TransitionTable, show_duration
from temper.run.handlers.toml import UNITS

CALLERS_MAX = 5
"""So many different callers of an action are named."""
UNKNOWN = "unknown"


@dataclass(slots=True)
class _Asked:
    """What a journal tells of one action that people call."""

    count: int = 0
    callers: Counter[str] = field(default_factory=Counter)
    after: Times = field(default_factory=Times)
    open_to: set[tuple[str, str]] = field(default_factory=set)
    """Instances that were in a state where it begins."""
    done_to: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class _Performed:
    """What a journal tells of one effect."""

    takes: Times = field(default_factory=Times)
    outcomes: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    pending_max: int = 0


def fitted(table: TransitionTable, records: Iterable[Mapping[str, Any]]) -> str:
    """The text of a `load.toml`. Raises `ValueError` if the journal tells of no call that makes an instance."""
    reading = _Reading(table)
    for record in records:
        reading.hear(record)
    return "\n".join(reading.lines()) + "\n"


class _Reading:
    def __init__(self, table: TransitionTable) -> None:
        self._table = table
        self._actions: dict[tuple[str, str], _Asked] = defaultdict(_Asked)
        self._effects: dict[str, _Performed] = defaultdict(_Performed)
        self._made: dict[tuple[int, int], tuple[str, int]] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._began: int | None = None
        self._ended = 0
        self._begin_in: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._constructors: set[tuple[str, str]] = set()
        for entity in table.entities:
            for action in entity.actions:
                if action.gate in {Gate.ROLES, Gate.POLICY}:
                    if action.is_constructor:
                        self._constructors.add((entity.name, action.name))
                    for state in action.sources:
                        self._begin_in[entity.name, state].append(action.name)

    def hear(self, record: Mapping[str, Any]) -> None:
        """One record, in the order of the journal."""
        if not record.get("entity"):
            return
        at, address = int(record["at"]), (str(record["entity"]), str(record["id"]))
        self._began = at if self._began is None else self._began
        self._ended = max(self._ended, at)
        for key in record.get("consumed", ()):
            self._consumed(tuple(key), record, at)
        for made in record.get("made", ()):
            if made["delivery"]["kind"] == "effect":
                effect = self._effects[made["delivery"]["effect"]]
                effect.pending += 1
                effect.pending_max = max(effect.pending_max, effect.pending)
                self._made[made["place"], made["round"]] = made["delivery"]["effect"], at
        if record["rule"] == "call":
            self._called(record, address, at)
        for action in self._begin_in.get((address[0], str(record.get("state"))), ()):
            self._actions[address[0], action].open_to.add(address)
        self._since[address] = at

    def _consumed(self, key: tuple[Any, ...], record: Mapping[str, Any], at: int) -> None:
        made = self._made.pop((key[0], key[1]), None)
        if made is None:
            return
        effect = self._effects[made[0]]
        effect.pending -= 1
        if record["rule"] == "settle" and record.get("outcome") is not None:
            effect.outcomes[record["outcome"]] += 1
            if record["outcome"] != UNKNOWN:
                effect.takes.add(at - made[1])

    def _called(self, record: Mapping[str, Any], address: tuple[str, str], at: int) -> None:
        asked = self._actions[address[0], str(record["action"])]
        asked.count += 1
        asked.callers[f"{record['caller']}: {', '.join(record.get('roles', ()))}"] += 1
        asked.done_to.add(address)
        if record.get("before", NEW) != NEW:
            asked.after.add(at - self._since.get(address, at))

    # Writing

    def lines(self) -> Iterator[str]:
        """The file."""
        whole = self._ended - (self._began or 0)
        arrivals = {name: self._actions[name] for name in sorted(self._constructors) if self._actions[name].count}
        if not arrivals or not whole:
            raise ValueError("the journal tells of no time in which instances were made")
        yield f"# fitted to {sum(each.count for each in arrivals.values()):,} instances in {show_duration(whole)}"
        yield 'for = "1h"'
        yield 'warm = "5m"'
        for (entity, action), asked in arrivals.items():
            yield f'\n[arrivals."{entity}.{action}"]'
            yield f'rate = "{_rate(asked.count / whole)}"'
            yield f"as = {_names(asked.callers)}"
        for (entity, action), asked in sorted(self._actions.items()):
            if asked.after.sorted:
                yield f'\n[callers."{entity}.{action}"]'
                yield f"after = {_span(asked.after)}"
                yield f"share = {min(1.0, len(asked.done_to) / max(1, len(asked.open_to))):.3g}"
                yield f"as = {_names(asked.callers)}"
        for effect in self._table.effects:
            if (performed := self._effects.get(effect.name)) is not None and performed.takes.sorted:
                yield from self._receiver(effect.name, performed)

    def _receiver(self, name: str, performed: _Performed) -> Iterator[str]:
        settled = sum(performed.outcomes.values())
        said = {outcome: count for outcome, count in sorted(performed.outcomes.items()) if outcome != UNKNOWN}
        shares = ", ".join(f"{outcome} = {count / sum(said.values()):.3g}" for outcome, count in said.items())
        yield f"\n[receivers.{name}]"
        yield f"takes = {_span(performed.takes)}"
        yield f"at_once = {max(1, performed.pending_max)}  # so many were pending together; say how many it works on"
        yield f"outcomes = {{{shares}}}"
        if unknown := settled - sum(said.values()):
            yield f"silent = {unknown / settled:.3g}  # of these nobody knows whether they happened"


def _rate(per_millisecond: float) -> str:
    """A rate as people write it, in the shortest time in which something comes."""
    unit = next((unit for unit in ("s", "m", "h") if per_millisecond * UNITS[unit] >= 1), "d")
    return f"{max(0.001, per_millisecond * UNITS[unit]):.3f}/{unit}"


def _span(times: Times) -> str:
    median, most = (max(1, times.percentile(share) or 0) for share in (0.5, 0.99))
    return f'{{median = "{median}ms", p99 = "{most}ms"}}'


def _names(callers: Counter[str]) -> str:
    named = ", ".join(f'"{_escaped(name)}"' for name, _ in callers.most_common(CALLERS_MAX))
    return f"[{named}]"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
