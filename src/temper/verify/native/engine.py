"""Native code in this process: a module of LLVM's text, compiled, and the memory that it works on.

The one place that knows of llvmlite and of addresses.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

from temper.verify import kept
from temper.verify.available import bytes_allowed
from temper.verify.native.crew import Work
from temper.verify.native.halves import Halves
from temper.verify.native.kernel import BLOCK, FIELDS, MARK_BITS, Kernel
from temper.verify.native.memory import Reserved, allocate, free, prefer_huge_pages, zeros
from temper.verify.native.staff import Staff
from temper.verify.native.unsupported import Unsupported

FIRST_SLOTS = 1 << 14
LOAD_MAX, LOAD_GROWN = 0.75, 0.4
"""How full the table may get, and how full it is after it has grown."""
LOAD_WIDE = 0.6
"""How full no part of it is after it has grown."""
RESERVES = True
"""Whether addresses are asked for as many slots as memory may hold, so that the table grows where it lies."""
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

    def __init__(self, engine: Any, kernel: Kernel, *, bytes_max: int | None = None) -> None:
        self.shared = (ctypes.c_uint64 * len(FIELDS))()
        self.bytes_max = bytes_allowed() if bytes_max is None else bytes_max
        self.capacity = 0
        self._lying: Reserved | None = None
        """Where the table lies, if it may grow there."""
        self.margin = BLOCK + kernel.sites
        """How many states one worker finds in a block, at most."""
        self.staff = Staff()
        self.halves = Halves(kernel.tree, self.margin)
        self["nodes"] = self.halves.address
        for name in ("out", "shorts", "hashes", "fresh", "goal"):
            self[name] = allocate(0, (self.margin + BLOCK) * 8 * (kernel.words if name == "out" else 1))
        if kernel.words == 1:
            free(self["shorts"])
            self["shorts"] = self["out"]
        self._bind(engine, kernel)
        self._grow_queue(QUEUE_FIRST)
        self._grow_table(-(-max(FIRST_SLOTS, int(2 * self.margin / LOAD_MAX)) // kernel.jobs))

    def __del__(self) -> None:
        if self["shorts"] == self["out"]:
            self["shorts"] = 0
        self._free_table()
        for name in ("queue", "out", "shorts", "hashes", "fresh", "goal", "marks"):
            free(self[name])
            self[name] = 0

    def _bind(self, engine: Any, kernel: Kernel) -> None:
        """Take functions from the engine, and hire whom they need."""
        self.engine, self.kernel, self.words = engine, kernel, kernel.words
        self["owns"], self["desks"] = self.staff.hire(kernel)
        self["gate"], self["pause"] = self.staff.gate, self.staff.pause
        self.halves.give_room(kernel.jobs * max(self.margin, kernel.sites))
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        shared = self.shared
        if kernel.jobs == 1:
            search = self._function("search", number, pointer)
            self._work: Work = lambda _: int(search(shared))
        else:
            work = self._function("work", number, pointer, number)
            self._work = lambda me: int(work(shared, me))
        fill = self._function("fill", number, pointer, number)
        self._fill: Work = lambda me: int(fill(shared, me))
        widen = self._function("widen", number, pointer, number)
        self._put_wider: Work = lambda me: int(widen(shared, me))
        self._add = self._function("add", number, pointer)
        self._restore_all = self._function("restore_all", None, pointer, pointer)
        self._find = self._function("find", number, pointer)
        self._follow = self._function("follow", number, pointer)
        self._restored = self._function("restored", None, pointer)
        self._regrow = {
            keys: self._function(f"regrow{keys}", None, pointer, pointer, number)
            for keys in {node.keys for node in kernel.tree.nodes}
        }

    def _function(self, name: str, result: Any, *params: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *params)(self.engine.get_function_address(name))

    def adopt(self, engine: Any, kernel: Kernel) -> None:
        """Go on with the same model, compiled otherwise or for more workers."""
        old, jobs = self.engine, self.kernel.jobs
        self._bind(engine, kernel)
        old.close()
        if kernel.jobs != jobs:
            self._grow_table(-(-self["slots"] * jobs // kernel.jobs))
            self._refill()

    def __getitem__(self, name: str) -> int:
        return int(self.shared[FIELDS.index(name)])

    def __setitem__(self, name: str, value: int) -> None:
        self.shared[FIELDS.index(name)] = value

    @property
    def gave_up(self) -> bool:
        """Whether native code met what it does not follow."""
        return bool(self.staff.total("gave_up"))

    @property
    def transitions(self) -> int:
        """How many steps were taken, until `rest`; those that lead nowhere else are among them."""
        return self.staff.total("transitions")

    @property
    def bytes_taken(self) -> int:
        """Of the queue, the table, the halves and the marks, as far as they are in use."""
        found = self["tail"] + self["slots"] * self.kernel.jobs + (self["tail"] >> MARK_BITS)
        return 8 * found + self.halves.bytes_taken

    # Searching.

    def begin(self, words: tuple[int, ...]) -> bool:
        """Begin runs in this state, too; false if it was seen before."""
        if not (self._widen(self._coming([1] * self.kernel.jobs)) and self._number_more()):
            raise MemoryError("the memory that may be used is spent")
        flat = (ctypes.c_uint64 * self.words)(*words)
        ctypes.memmove(self["out"], flat, 8 * self.words)
        if self.words > 1:  # nothing of it is known: each word differs
            others = (ctypes.c_uint64 * self.words)(*(~word & (1 << 64) - 1 for word in words))
            ctypes.memmove(self.staff.part("known"), others, 8 * self.words)
        owner = int(self._add(self.shared))
        if owner:
            self.staff.use(owner - 1, self.staff.used(owner - 1) + 1)
        return bool(owner)

    def watch(self, monitors: Iterable[int]) -> None:
        """From now on these are watched for, as long as they remember fewer than they can."""
        self.staff.watch(tuple(monitors))

    def search(self, *, head_max: int, tail_max: int) -> int:
        """Go on until all is seen (0), so many are expanded (1) or found (2), or the memory is spent (3)."""
        self["head_max"], self["tail_max"] = head_max, tail_max
        while True:
            self["load_max"] = int(self["slots"] * LOAD_MAX)
            self["room"] = self.capacity if self.kernel.jobs > 1 else min(self.capacity, self["load_max"])
            why = self._go()
            if why <= 2:
                return why
            coming = [self.staff.incoming(owner) for owner in range(self.kernel.jobs)]
            if not (self._widen(self._coming(coming)) if why == 3 else self._number_more()):
                return 3

    def _go(self) -> int:
        said = self.staff.go(self._work)
        assert len(set(said)) == 1, f"workers stop together, and for the same reason: {said}"
        return said[0]

    def _coming(self, several: list[int]) -> list[int]:
        """How many states there must be room for in each part of the table: one worker does not know beforehand."""
        return [self.margin] if self.kernel.jobs == 1 else several

    def _widen(self, coming: list[int]) -> bool:
        """Room for that many states more, if the memory allows it."""
        jobs = self.kernel.jobs
        used = [self["tail"]] if jobs == 1 else [self.staff.used(owner) for owner in range(jobs)]
        needed = self["tail"] + sum(coming)
        fullest = max(map(sum, zip(used, coming, strict=True)))
        if fullest > int(self["slots"] * LOAD_MAX):
            affordable = int((self.bytes_max - self.halves.bytes_taken) / (8 * (1 + LOAD_MAX)))
            slots = min(max(int(needed / LOAD_GROWN), int(jobs * fullest / LOAD_WIDE)), affordable) // jobs
            if int(slots * LOAD_MAX) < fullest:
                return False
            self._widen_table(slots)
        if needed > self.capacity:
            if self.bytes_taken + 8 * (needed - self["tail"]) > self.bytes_max:
                return False
            self._grow_queue(int(QUEUE_GROWTH * needed))
        return True

    def _number_more(self) -> bool:
        """More room for the halves of states, if the memory allows it."""
        if self.halves.crowded() and self.bytes_taken + self.halves.bytes_more() > self.bytes_max:
            return False
        self.halves.grow(self._regrow)
        return True

    def _refill(self) -> None:
        """Put the whole queue into an empty table."""
        for me, used in enumerate(self.staff.go(self._fill)):
            self.staff.use(me, used)

    def _grow_queue(self, capacity: int) -> None:
        self["queue"] = allocate(self["queue"], capacity * 8)
        self["marks"] = allocate(self["marks"], ((capacity >> MARK_BITS) + 2) * 8)
        self.capacity = capacity

    def _widen_table(self, slots: int) -> None:
        """So many slots for each worker, where the table lies if there is room behind each part."""
        if slots > self["stride"]:
            self._grow_table(slots)
            self._refill()
            return
        self["was_slots"], self["slots"] = self["slots"], slots
        self._ask_for_huge_pages()
        if not all(self.staff.go(self._put_wider)):
            self._grow_table(slots)
            self._refill()

    def _grow_table(self, slots: int) -> None:
        """Another table of so many slots for each worker: the old one goes first, since the queue holds every state."""
        self._free_table()
        jobs = self.kernel.jobs
        stride = max(slots, self.bytes_max // (8 * jobs)) if RESERVES else slots
        try:
            self._lying = Reserved(8 * stride * jobs)
            self["table"] = self._lying.address
        except MemoryError:
            stride = slots
            self["table"] = zeros(8 * slots * jobs)
        self["slots"], self["stride"] = slots, stride
        self._ask_for_huge_pages()

    def _ask_for_huge_pages(self) -> None:
        for me in range(self.kernel.jobs):
            prefer_huge_pages(self["table"] + 8 * me * self["stride"], 8 * self["slots"])

    def _free_table(self) -> None:
        if self._lying is None:
            free(self["table"])
        self._lying, self["table"] = None, 0

    # Looking at what was found.

    def words_of(self, number: int) -> tuple[int, ...]:
        """A state."""
        at = self["queue"] + number * 8
        if self.words > 1:
            self["find_from"] = number
            self._restored(self.shared)
            at = self.staff.part("known")
        return tuple((ctypes.c_uint64 * self.words).from_address(at))

    def parent(self, number: int) -> int:
        """The first state that leads to this one."""
        goal = (ctypes.c_uint64 * self.words)(*self.words_of(number))
        ctypes.memmove(self["goal"], goal, 8 * self.words)
        self["find_from"] = ctypes.c_uint64.from_address(self["marks"] + 8 * (number >> MARK_BITS)).value
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
        self._function("lowest", None, ctypes.c_void_p)(ctypes.addressof(state))
        return tuple(state)

    def meant(self) -> int:
        """How many states those that were found stand for, where the module has such."""
        found: int = self._function("meant", ctypes.c_int64, ctypes.c_void_p)(self.shared)
        return found

    def restored(self, address: int) -> int:
        """The words of every state, one after the other, written to the address."""
        self._restore_all(self.shared, address)
        return address

    def rest(self) -> tuple[list[list[int]], list[int]]:
        """What each monitor has met and how often each cut; until `watch`, expanding leaves no trace."""
        return self.staff.rest()
