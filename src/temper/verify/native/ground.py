"""The graph of a search in native memory: numbers of states, steps between them, and where runs can stay for ever."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

from temper.verify.explicit.terrain import ASKED
from temper.verify.native.engine import Memory
from temper.verify.native.ground_text import FIELDS, HEADER, NUMBERS
from temper.verify.native.memory import allocate, free, zeros
from temper.verify.native.unsupported import Disagreement, Unsupported

STATES_MAX = (1 << 32) - 2
"""Numbers of states have 32 bits here."""
INDEX_LOAD = 0.5
"""How full the table of numbers is."""
STEP_BYTES, STATE_BYTES = 8, 64
"""What a step takes, and a state besides its words, with everything that is noted of it."""
OPEN = 4
"""The flag of a state in which the promise is open."""
LINK_STATES = 50_000
"""How many states are linked before somebody may look at the clock."""

_SIZES = {
    "offsets": 8,
    "cut": 1,
    "flags": 1,
    "group": 4,
    "roots": 4,
    "path": 4,
    "order": 4,
    "low": 4,
    "calls": 4,
    "places": 8,
}
"""Bytes for each state."""


class Found(NamedTuple):
    """A component: whether it is fair or only may be one without some steps, its group, what is left out of it."""

    is_fair: bool
    group: int
    without: int
    states: tuple[int, ...]


class Ground:
    """The states of a search that has ended, and the steps between them."""

    def __init__(self, engine: Any, memory: Memory, *, masks: int, sites: int, cuts: int) -> None:
        self.engine, self.memory, self.masks, self.sites = engine, memory, masks, sites
        self.shared = (ctypes.c_uint64 * len(FIELDS))()
        self.states, self.expanded = memory["tail"], memory["head"]
        self._borrowed = frozenset({"goal", "queue"})
        """What others give back."""
        if self.states > STATES_MAX:
            raise MemoryError("too many states to number")
        self._link = self._function("link", ctypes.c_int64)
        self._number = self._function("number", ctypes.c_int64)
        self._region = self._function("region", ctypes.c_int64)
        self._are_apart = self._function("are_apart", ctypes.c_int64)
        self._owes = self._function("owes", None)
        self._cuts = (ctypes.c_uint64 * max(1, cuts)).from_address(engine.get_global_value_address("cuts"))
        self.bytes_max = memory.bytes_max - memory.bytes_taken
        self._check_room(0)
        self["queue"] = (
            memory["queue"] if memory.words == 1 else memory.restored(allocate(0, 8 * memory.words * self.states))
        )
        self["tail"], self["head"] = self.states, self.expanded
        self["slots"] = int(self.states / INDEX_LOAD) + 1
        self["index"] = zeros(4 * self["slots"])
        self["out"] = allocate(0, 8 * (memory.words + 1) * (sites + 1))
        for name, size in _SIZES.items():
            self[name] = zeros(size * (self.states + 1))
        self._run("number_all")

    def __getitem__(self, name: str) -> int:
        return int(self.shared[FIELDS.index(name)])

    def __setitem__(self, name: str, value: int) -> None:
        self.shared[FIELDS.index(name)] = value

    def __del__(self) -> None:
        for name in FIELDS:
            if name not in NUMBERS and name not in self._borrowed:
                free(self[name])
                self[name] = 0

    def _function(self, name: str, result: Any) -> Any:
        return ctypes.CFUNCTYPE(result, ctypes.c_void_p)(self.engine.get_function_address(name))

    def _run(self, name: str) -> None:
        self._function(name, None)(self.shared)

    # The graph.

    def number(self, words: tuple[int, ...]) -> int:
        """The number of a state; -1 if it was not seen."""
        goal = (ctypes.c_uint64 * self.memory.words)(*words)
        self["goal"] = ctypes.addressof(goal)
        return int(self._number(self.shared))

    def link(self) -> Iterator[None]:
        """Note the steps between states, pausing now and then. Raises `MemoryError` if they are too many."""
        while self["at"] < self.expanded:
            if self["steps"] + self.sites > self["steps_max"]:
                self._make_room()
            self["until"] = min(self.expanded, self["at"] + LINK_STATES)
            if self._link(self.shared) < 0:
                raise Disagreement("what leads to a state that it has not seen, which is a mistake of ours")
            yield
        if ctypes.c_uint64.from_address(self.engine.get_global_value_address("gave_up")).value:
            raise Unsupported("late requests of a fenced effect that merge more than once")

    def _make_room(self) -> None:
        most = max(self.memory.transitions, self["steps"]) + 2 * self.sites if not self["steps"] else 2 * self["steps"]
        room = max(most, self["steps"] + 2 * self.sites)
        self._check_room(room)
        self["targets"] = allocate(self["targets"], 4 * room)
        self["sorts"] = allocate(self["sorts"], 4 * room)
        self["steps_max"] = room

    def _check_room(self, steps: int) -> None:
        words = self.memory.words if self.memory.words > 1 else 0
        if steps * STEP_BYTES + self.states * (STATE_BYTES + 8 * words) > self.bytes_max:
            raise MemoryError("too many steps to keep")

    def steps_of(self, number: int) -> tuple[tuple[int, int], ...]:
        """Target and kind of each step out of a state."""
        begin, end = (ctypes.c_uint64 * 2).from_address(self["offsets"] + 8 * number)
        targets = (ctypes.c_uint32 * (end - begin)).from_address(self["targets"] + 4 * begin)
        kinds = (ctypes.c_uint32 * (end - begin)).from_address(self["sorts"] + 4 * begin)
        return tuple(zip(targets, kinds, strict=True))

    def owed(self, number: int) -> int:
        """What is pending or armed in a state."""
        self._owes(self["queue"] + 8 * self.memory.words * number)
        return self._mask("owed_now")

    def is_cut(self, number: int) -> bool:
        """Whether a step out of the state was cut."""
        return bool(ctypes.c_uint8.from_address(self["cut"] + number).value)

    # One promise to one binding.

    def marked(self, binding: int) -> bytearray:
        """What holds in every state: 1 for asked, 2 for met."""
        self["binding"] = binding
        self._run("mark_all")
        return self._flags()

    def _flags(self) -> bytearray:
        return bytearray((ctypes.c_uint8 * self.states).from_address(self["flags"]))

    def region(self, flags: bytearray) -> tuple[bytearray, list[int]]:
        """The flags with `OPEN` wherever the promise is open, and how often each cut was met there."""
        ctypes.memmove(self["flags"], (ctypes.c_uint8 * self.states).from_buffer(flags), self.states)
        crowded = self._region(self.shared)
        ctypes.memset(self._cuts, 0, ctypes.sizeof(self._cuts))
        if crowded:
            self._run("cut_again")
        found = self._flags()
        inside = found[: self.expanded].count(OPEN) + found[: self.expanded].count(OPEN | ASKED)
        if inside != crowded + self["count"]:
            raise Disagreement("other states than those in which a promise is open, which is a mistake of ours")
        return found, [int(count) for count in self._cuts]

    def components(self, *, weak: int, strong: int) -> Iterator[Found]:
        """The fair components of the region that was taken last."""
        self._set("weak", weak)
        self._set("strong", strong)
        if not self["found"]:
            self["found"] = allocate(0, 8 * (HEADER + self.masks + 1) * (self.states + 1))
        self["next"] = 2
        waiting = [Found(False, 1, 0, ())]
        while waiting:
            whole = waiting.pop()
            self._set("without", whole.without)
            self["me"], self["written"] = whole.group, 0
            if whole.states:
                self["count"] = len(whole.states)
                listed = (ctypes.c_uint32 * len(whole.states))(*whole.states)
                ctypes.memmove(self["roots"], listed, ctypes.sizeof(listed))
            self["at"] = self["next"]
            self._run("components")
            if not self._are_apart(self.shared):
                raise Disagreement("components that hang together, which is a mistake of ours")
            for found in tuple(self._told()):
                if found.is_fair:
                    yield found
                else:
                    waiting.append(found)

    def _told(self) -> Iterator[Found]:
        told = (ctypes.c_uint64 * self["written"]).from_address(self["found"])
        at = 0
        while at < len(told):
            what, many, group, *rest = told[at : at + HEADER + self.masks]
            at += HEADER + self.masks + many
            without = sum(word << 64 * place for place, word in enumerate(rest))
            yield Found(not what, group, without, tuple(told[at - many : at]))

    def _mask(self, name: str) -> int:
        words = (ctypes.c_uint64 * self.masks).from_address(self.engine.get_global_value_address(name))
        return sum(word << 64 * at for at, word in enumerate(words))

    def _set(self, name: str, mask: int) -> None:
        words = (ctypes.c_uint64 * self.masks).from_address(self.engine.get_global_value_address(name))
        for at in range(self.masks):
            words[at] = mask >> 64 * at & ((1 << 64) - 1)
