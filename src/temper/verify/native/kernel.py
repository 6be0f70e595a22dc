"""The loop of the search, written in LLVM for as many words as a state has and as many workers as there are.

The visited set is exact: an open-addressing table of the states themselves, each in one word (`shortening`), in which
all zeros is an empty slot. The queue keeps every state in the order of discovery, so it is the list of states, too.
Nothing else is kept but a mark now and then, from which a parent is found by expanding again.

A block of states is expanded at a time, so that the table's memory can be asked for before it is needed.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from string import Template

from temper.verify.native.loop import ADD, FILL, FIND, FOLLOW, RESTORED, SEARCH
from temper.verify.native.monitors import HITS_MAX
from temper.verify.native.own import Own
from temper.verify.native.reduced import LOWEST, MEANT, REDUCED
from temper.verify.native.shortening import Tree
from temper.verify.native.slices import SHORTEN_SLICE
from temper.verify.native.together import DESK_FIELDS, DESK_NUMBERS, TOGETHER
from temper.verify.native.widening import PAGE, STRETCH, WIDENING

BLOCK = 256
"""How many successors are gathered before they are looked up."""
BATCH = 128
"""How many slots a worker asks for before it looks at the first."""
MARK_BITS = 10
"""Every so many states (as a power of two) the queue is marked."""
SLICE_MAX = 4096
"""How many states a worker expands before its successors are handed out, at most."""
ENTRIES_MAX = 1 << 18
"""For how many successors a worker has room at least."""

FIELDS = (
    "queue",
    "table",
    "slots",
    "head",
    "tail",
    "room",
    "head_max",
    "tail_max",
    "out",
    "shorts",
    "hashes",
    "fresh",
    "marks",
    "nodes",
    "find_from",
    "goal",
    "owns",
    "desks",
    "gate",
    "pause",
    "load_max",
    "stage",
    "stride",
    "was_slots",
)
"""The numbers that the loop and its caller share, in order."""
NUMBERS = frozenset(
    {"slots", "head", "tail", "room", "head_max", "tail_max", "find_from", "load_max", "stage", "stride", "was_slots"}
)
"""Those of them that are no addresses."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the text of a module depends on, besides the two functions of its model."""

    words: int
    monitors: int
    cuts: int
    sites: int
    """How many successors a state has, at most."""
    scratch: int
    jobs: int = 1
    slice_max: int = SLICE_MAX
    """Lowered where workers are to get into each other's way."""

    @property
    def tree(self) -> Tree:
        return Tree(self.words)

    @property
    def own(self) -> Own:
        return Own(self.monitors, self.cuts, self.scratch, self.tree.known)

    @property
    def slice(self) -> int:
        """How many states a worker expands at a time."""
        return max(1, min(self.slice_max, ENTRIES_MAX // max(1, self.sites)))

    @property
    def entries(self) -> int:
        """How many successors of a slice there are at most, and one more."""
        return self.slice * max(1, self.sites) + 1

    def module(self, expand: list[str], look: list[str], least: list[str] | None = None) -> str:
        """The model's two functions and the loop; where states stand for others, the least of each, too."""
        return "\n".join(
            [
                "declare i64 @llvm.ctpop.i64(i64)",
                "declare i64 @llvm.cttz.i64(i64, i1)",
                "declare i64 @llvm.umin.i64(i64, i64)",
                "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
                "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
                "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
                HIT.format(stride=HITS_MAX + 1, most=HITS_MAX),
                self._model("steps" if least else "expand", expand, "i64 %number, ptr noalias %out", "ptr"),
                *(least or ()),
                self._model("look", look, "i64 %number", "void"),
                *self.tree.functions(),
                _successors(self.tree),
                HASH,
                PROBE,
                self._loop(reduced=least is not None),
            ]
        )

    def _model(self, name: str, body: list[str], params: str, result: str) -> str:
        params += ", ptr noalias %own"
        return model(name, self.words, body, params, result, pointers=self.own.pointers())

    def _loop(self, *, reduced: bool) -> str:
        """The functions of `loop` or `together`, and those of `reduced` where states stand for others."""
        shortened = self.words > 1
        numbers: dict[str, int | str] = {
            "jobs": self.jobs,
            "size": 8 * self.words,
            "words": self.words,
            "block": BLOCK + self.sites,
            "enough": BLOCK * 8 * self.words,
            "mark_mask": (1 << MARK_BITS) - 1,
            "mark_bits": MARK_BITS,
            "last": self.words - 1,
            "slice": self.slice,
            "known": self.own.at("known"),
            "compare": "\n".join(map(compared, range(self.words))),
            "crowded": "call i1 @crowded(ptr %nodes)" if shortened else "icmp ne ptr %nodes, %nodes",
        }
        numbers |= self._shared_out(shortened=shortened)
        loads = {f"load_{name}": load(name, FIELDS, NUMBERS) for name in FIELDS}
        loads |= {f"desk_{name}": load(name, DESK_FIELDS, DESK_NUMBERS, "desk") for name in DESK_FIELDS}
        looping = [SEARCH] if self.jobs == 1 else [*TOGETHER, *([SHORTEN_SLICE] if shortened else [])]
        texts = [*looping, ADD, FIND, FOLLOW, RESTORED, FILL, *WIDENING, *([REDUCED, LOWEST, MEANT] if reduced else [])]
        return "".join(Template(text).substitute(numbers, **loads) for text in texts)

    def _shared_out(self, *, shortened: bool) -> dict[str, int | str]:
        """What the loop of several workers depends on."""
        slicing = "call void @shorten_slice(ptr %shared, ptr %desk, ptr %own, i64 %from, i64 %to)"
        return {
            "batch": BATCH,
            "stretch": STRETCH,
            "page": PAGE,
            "entries": self.entries,
            "twice_entries": 2 * self.entries,
            "counts_size": 8 * self.jobs,
            "less": self.jobs - 1,
            "reach": self.jobs * self.slice,
            "restore": "call void @restore(i64 %short, ptr %known, ptr %nodes)" if shortened else "",
            "shorten_slice": slicing if shortened else "",
            **{f"at_{name}": at for at, name in enumerate(DESK_FIELDS)},
        }


def model(name: str, words: int, body: list[str], params: str, result: str, *, pointers: list[str]) -> str:
    """One of the model's functions: its words are loaded, and where it gives an end, successors may be written.

    `pointers` are lines that say where it counts.
    """
    begin = [f"define internal {result} @{name}(ptr noalias readonly %state, {params}) {{", "entry:", *pointers]
    if result == "ptr":
        begin += [
            "  %next = alloca ptr",
            "  store ptr %out, ptr %next",
            "  %taken = alloca i64",
            "  store i64 0, ptr %taken",
        ]
    for at in range(words):
        begin += [f"  %p{at} = getelementptr i64, ptr %state, i64 {at}", f"  %w{at} = load i64, ptr %p{at}"]
    return "\n".join([*begin, *body, EXPANDED if result == "ptr" else "  ret void", "}"])


EXPANDED = """  %steps = load i64, ptr %taken
  %before = load i64, ptr %transitions
  %sum = add i64 %before, %steps
  store i64 %sum, ptr %transitions
  %end = load ptr, ptr %next
  ret ptr %end"""

HIT = """
define internal void @hit(ptr %open, ptr %hits, i64 %monitor, i64 %number) noinline {{
  %at = mul i64 %monitor, {stride}
  %counter = getelementptr i64, ptr %hits, i64 %at
  %count = load i64, ptr %counter
  %last = getelementptr i64, ptr %counter, i64 %count
  %before = load i64, ptr %last
  %known = icmp eq i64 %before, %number
  %some = icmp ne i64 %count, 0
  %repeated = and i1 %known, %some
  br i1 %repeated, label %done, label %new
new:
  %more = add i64 %count, 1
  store i64 %more, ptr %counter
  %slot = getelementptr i64, ptr %counter, i64 %more
  store i64 %number, ptr %slot
  %full = icmp eq i64 %more, {most}
  br i1 %full, label %close, label %done
close:
  %gate = getelementptr i8, ptr %open, i64 %monitor
  store i8 0, ptr %gate
  br label %done
done:
  ret void
}}
"""
"""Remembers a state for a monitor, once, and closes the monitor when it has enough."""

HASH = """
define internal i64 @hash(i64 %short) alwaysinline {
  %m = mul i64 %short, -7046029254386353131
  %s = lshr i64 %m, 32
  %x = xor i64 %m, %s
  %h = mul i64 %x, -4417276706812531889
  ret i64 %h
}

define internal i64 @spread(i64 %hash, i64 %over) alwaysinline {
  %wide = zext i64 %hash to i128
  %many = zext i64 %over to i128
  %product = mul i128 %wide, %many
  %high = lshr i128 %product, 64
  %slot = trunc i128 %high to i64
  ret i64 %slot
}
"""
"""A multiplicative mix of a state, and a number below `over` from its high bits."""

PROBE = """
define internal i1 @probe(i64 %short, ptr %table, i64 %slots, i64 %from) alwaysinline {
entry:
  br label %look
look:
  %at = phi i64 [%from, %entry], [%wrapped, %other]
  %slot = getelementptr i64, ptr %table, i64 %at
  %held = load i64, ptr %slot
  %same = icmp eq i64 %held, %short
  br i1 %same, label %known, label %differs
differs:
  %empty = icmp eq i64 %held, 0
  br i1 %empty, label %free, label %other
other:
  %following = add i64 %at, 1
  %over = icmp eq i64 %following, %slots
  %wrapped = select i1 %over, i64 0, i64 %following
  br label %look
free:
  store i64 %short, ptr %slot
  ret i1 true
known:
  ret i1 false
}
"""
"""Puts a state into a table, from the slot on; true if it was not there."""


def _successors(tree: Tree) -> str:
    """`state_at` is a state of the queue, `successors` expands it, `shortened` puts successors in one word each."""
    at = "  %at = getelementptr i64, ptr %queue, i64 %number"
    known = "  %known = getelementptr i64, ptr %own, i64 2"
    assert Own(0, 0, 0, 0).at("known") == 2, "what is known of a state lies where native code looks for it"
    if tree.root is None:
        taking, shortening = f"{at}\n  ret ptr %at", ""
    else:
        restoring = "  %short = load i64, ptr %at\n  call void @restore(i64 %short, ptr %known, ptr %nodes)"
        taking = f"{at}\n{known}\n{restoring}\n  ret ptr %known"
        shortening = f"{known}\n  call void @shorten(ptr %from, ptr %to, ptr %shorts, ptr %known, ptr %nodes)"
    return f"""
define internal ptr @state_at(ptr %queue, i64 %number, ptr %own, ptr %nodes) alwaysinline {{
{taking}
}}

define internal ptr @successors(ptr %queue, i64 %number, ptr %out, ptr %own, ptr %nodes) alwaysinline {{
  %state = call ptr @state_at(ptr %queue, i64 %number, ptr %own, ptr %nodes)
  %end = call ptr @expand(ptr %state, i64 %number, ptr %out, ptr %own)
  ret ptr %end
}}

define internal void @shortened(ptr %from, ptr %to, ptr %shorts, ptr %own, ptr %nodes) alwaysinline {{
{shortening}
  ret void
}}
"""


def load(name: str, fields: tuple[str, ...], numbers: Container[str], base: str = "shared") -> str:
    """Lines that load one of the numbers, or addresses, that native code and its caller share."""
    at = fields.index(name)
    kind = "i64" if name in numbers else "ptr"
    return f"  %{name}.p = getelementptr i64, ptr %{base}, i64 {at}\n  %{name} = load {kind}, ptr %{name}.p"


def compared(at: int) -> str:
    """Whether all words up to this one are those of the goal."""
    before = f"%all{at - 1}" if at else "true"
    return (
        f"  %a{at} = getelementptr i64, ptr %each, i64 {at}\n  %x{at} = load i64, ptr %a{at}\n"
        f"  %b{at} = getelementptr i64, ptr %goal, i64 {at}\n  %y{at} = load i64, ptr %b{at}\n"
        f"  %e{at} = icmp eq i64 %x{at}, %y{at}\n  %all{at} = and i1 {before}, %e{at}"
    )
