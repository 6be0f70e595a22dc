"""Native code in this process: a module of LLVM's text, compiled, and the memory that it works on.

The one place that knows of llvmlite and of addresses.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

from temper.verify.native import kept
from temper.verify.native.kernel import FIELDS, MARK_BITS
from temper.verify.native.monitors import HITS_MAX
from temper.verify.native.unsupported import Unsupported

FIRST_SLOTS = 1 << 14
LOAD_MAX, LOAD_GROWN = 0.75, 0.4
"""How full the table may get, and how full it is after it has grown."""
QUEUE_FIRST, QUEUE_GROWTH = 1 << 14, 1.5


@cache
def _llvm() -> Any:
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        raise Unsupported(f"this platform: {error}") from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def compiled(text: str, level: int) -> Any:
    """The module as machine code, kept from another time or new; `level` is how hard LLVM tries, from 0 to 3."""
    llvm, machine, key = _llvm(), _machine(level), _key(text, level)
    code = kept.find(key)
    if code is not None:
        return _engine(llvm.parse_assembly(""), machine, getbuffer_func=lambda _: code)
    module = llvm.parse_assembly(text)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    return _engine(module, machine, notify_func=lambda _, made: kept.keep(key, made))


def is_kept(text: str, level: int) -> bool:
    """Whether the module need not be compiled."""
    return kept.find(_key(text, level)) is not None


def _key(text: str, level: int) -> str:
    llvm = _llvm()
    versions = f"{version('llvmlite')} {llvm.llvm_version_info}"
    return kept.key_of(versions, *_host(), str(level), text)


def _host() -> tuple[str, str, str]:
    llvm = _llvm()
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _machine(level: int) -> Any:
    triple, cpu, features = _host()
    return _llvm().Target.from_triple(triple).create_target_machine(opt=level, cpu=cpu, features=features)


def _engine(module: Any, machine: Any, **cache: Any) -> Any:
    engine = _llvm().create_mcjit_compiler(module, machine)
    engine.set_object_cache(**cache)
    engine.finalize_object()
    return engine


class Memory:
    """What the loop and its caller share: the queue, the table, and the numbers that say how far it has got."""

    def __init__(self, engine: Any, *, words: int, monitors: int, cuts: int, sites: int, block: int) -> None:
        self.words, self.monitors, self.cuts = words, max(1, monitors), max(1, cuts)
        self.shared = (ctypes.c_uint64 * len(FIELDS))()
        self.capacity = 0
        self._noted: tuple[bytes, ...] = ()
        self._bind(engine)
        self.margin = block + sites
        self["out"] = allocate(0, (self.margin + block) * 8 * words)
        self["hashes"] = allocate(0, (self.margin + block) * 8)
        self._grow_queue(QUEUE_FIRST)
        self._grow_table(max(FIRST_SLOTS, int(2 * self.margin / LOAD_MAX)))

    def _bind(self, engine: Any) -> None:
        """Take functions and counters from the engine."""
        self.engine = engine
        self._search = self._function("search", ctypes.c_int64)
        self._fill = self._function("fill", None)
        self._add = self._function("add", ctypes.c_int64)
        self._find = self._function("find", ctypes.c_int64)
        self._follow = self._function("follow", ctypes.c_int64)
        self._open = self._global("open", ctypes.c_uint8 * self.monitors)
        self._hits = self._global("hits", ctypes.c_uint64 * (self.monitors * (HITS_MAX + 1)))
        self._cuts = self._global("cuts", ctypes.c_uint64 * self.cuts)
        self._transitions = self._global("transitions", ctypes.c_uint64)
        self._gave_up = self._global("gave_up", ctypes.c_uint64)

    def adopt(self, engine: Any) -> None:
        """Go on with the same module, compiled otherwise: what was counted so far goes along."""
        before, old = self._counters(), self.engine
        self._bind(engine)
        for mine, theirs in zip(self._counters(), before, strict=True):
            ctypes.memmove(ctypes.addressof(mine), ctypes.addressof(theirs), ctypes.sizeof(mine))
        old.close()

    def _counters(self) -> tuple[Any, ...]:
        return self._open, self._hits, self._cuts, self._transitions, self._gave_up

    def _global(self, name: str, type_: Any) -> Any:
        return type_.from_address(self.engine.get_global_value_address(name))

    def __getitem__(self, name: str) -> int:
        return int(self.shared[FIELDS.index(name)])

    def __setitem__(self, name: str, value: int) -> None:
        self.shared[FIELDS.index(name)] = value

    def __del__(self) -> None:
        for name in ("queue", "table", "out", "hashes", "marks"):
            if self[name]:
                free(self[name])
                self[name] = 0

    @property
    def gave_up(self) -> bool:
        """Whether native code met what it does not follow."""
        return bool(self._gave_up.value)

    @property
    def transitions(self) -> int:
        """How many steps were taken, until `rest`; those that lead nowhere else are among them."""
        return int(self._transitions.value)

    @property
    def bytes_taken(self) -> int:
        """Of the queue, the table and the marks, as far as they are in use."""
        return 8 * (self.words * (self["tail"] + self["slots"]) + (self["tail"] >> MARK_BITS))

    @property
    def bytes_each(self) -> int:
        """What a state takes, at most."""
        return int(8 * self.words * (1 + 1 / LOAD_GROWN)) + 1

    def begin(self, words: tuple[int, ...]) -> bool:
        """Begin runs in this state, too; false if it was seen before."""
        self._make_room()
        goal = (ctypes.c_uint64 * self.words)(*words)
        self["goal"] = ctypes.addressof(goal)
        return bool(self._add(self.shared))

    def watch(self, monitors: Iterable[int]) -> None:
        """From now on these are watched for, as long as they remember fewer than they can."""
        ctypes.memset(self._open, 0, ctypes.sizeof(self._open))
        for at in monitors:
            self._open[at] = self._hits[at * (HITS_MAX + 1)] < HITS_MAX
        for mine, noted in zip((self._cuts, self._transitions), self._noted, strict=False):
            ctypes.memmove(ctypes.addressof(mine), noted, len(noted))

    def search(self, *, head_max: int, tail_max: int) -> int:
        """Go on until all is seen (0), so many are expanded (1), or so many are found (2)."""
        while True:
            room = min(self.capacity, int(self["slots"] * LOAD_MAX))
            self["head_max"], self["tail_max"] = head_max, min(room, tail_max + self.margin)
            why: int = self._search(self.shared)
            if why != 2 or self["tail"] > tail_max:
                return why
            self._make_room()

    def _make_room(self) -> None:
        """Room for what the next states to be expanded may lead to."""
        if self["tail"] + self.margin > self.capacity:
            self._grow_queue(int(QUEUE_GROWTH * (self["tail"] + self.margin)))
        if self["tail"] + self.margin > int(self["slots"] * LOAD_MAX):
            self._grow_table(int((self["tail"] + self.margin) / LOAD_GROWN))
            if self["tail"]:
                self._fill(self.shared)

    def words_of(self, number: int) -> tuple[int, ...]:
        """A state."""
        size = 8 * self.words
        found = (ctypes.c_uint64 * self.words).from_address(self["queue"] + number * size)
        return tuple(found)

    def parent(self, number: int) -> int:
        """The first state that leads to this one."""
        mark = ctypes.c_uint64.from_address(self["marks"] + 8 * (number >> MARK_BITS))
        self["find_from"] = mark.value
        self["goal"] = self["queue"] + number * 8 * self.words
        found: int = self._find(self.shared)
        assert found >= 0, "every state but the first has a parent"
        return found

    def follow(self, number: int) -> tuple[int, set[tuple[int, ...]]]:
        """How many steps the state has, and which other states they lead to."""
        self["find_from"] = number
        before = self.transitions
        count: int = self._follow(self.shared)
        flat = (ctypes.c_uint64 * (count * self.words)).from_address(self["out"])
        found = {tuple(flat[at : at + self.words]) for at in range(0, count * self.words, self.words)}
        return self.transitions - before, found

    def least(self, words: tuple[int, ...]) -> tuple[int, ...]:
        """The state that stands for this one, where the module has such."""
        state = (ctypes.c_uint64 * self.words)(*words)
        self._function("lowest", None)(ctypes.addressof(state))
        return tuple(state)

    def meant(self) -> int:
        """How many states those that were found stand for, where the module has such."""
        found: int = self._function("meant", ctypes.c_int64)(self.shared)
        return found

    def rest(self) -> tuple[list[list[int]], list[int]]:
        """What each monitor has met and how often each cut; until `watch`, expanding leaves no trace."""
        self._noted = (bytes(self._cuts), bytes(self._transitions))
        stride = HITS_MAX + 1
        ctypes.memset(self._open, 0, ctypes.sizeof(self._open))
        met = [
            [int(number) for number in self._hits[at + 1 : at + 1 + self._hits[at]]]
            for at in range(0, len(self._hits), stride)
        ]
        return met, [int(count) for count in self._cuts]

    def _function(self, name: str, result: Any) -> Any:
        return ctypes.CFUNCTYPE(result, ctypes.c_void_p)(self.engine.get_function_address(name))

    def _grow_queue(self, capacity: int) -> None:
        self["queue"] = allocate(self["queue"], capacity * 8 * self.words)
        self["marks"] = allocate(self["marks"], ((capacity >> MARK_BITS) + 2) * 8)
        self.capacity = capacity

    def _grow_table(self, slots: int) -> None:
        """Another table, empty: the old one is given back first, since the queue holds every state."""
        free(self["table"])
        self["table"] = 0
        self["table"], self["slots"] = zeros(slots * 8 * self.words), slots


def allocate(address: int, size: int) -> int:
    """Memory of another size with the same beginning; at address 0, other memory."""
    ctypes.pythonapi.PyMem_RawRealloc.restype = ctypes.c_void_p
    found = ctypes.pythonapi.PyMem_RawRealloc(ctypes.c_void_p(address), ctypes.c_size_t(size))
    if not found:
        raise MemoryError(f"{size:,} bytes for the states of a search")
    return int(found)


def zeros(size: int) -> int:
    """New memory, all zeros."""
    ctypes.pythonapi.PyMem_RawCalloc.restype = ctypes.c_void_p
    found = ctypes.pythonapi.PyMem_RawCalloc(ctypes.c_size_t(1), ctypes.c_size_t(size))
    if not found:
        raise MemoryError(f"{size:,} bytes for the table of a search")
    return int(found)


def free(address: int) -> None:
    """Give memory back; 0 is none."""
    ctypes.pythonapi.PyMem_RawFree(ctypes.c_void_p(address))
