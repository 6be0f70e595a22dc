"""The loop of the search, written in LLVM for as many words as a state has.

The visited set is exact: an open-addressing table of the states themselves, in which all zeros is an empty slot (the
lowest bit of a state is always 1). The queue keeps every state in the order of discovery, so it is the list of
states, too. Nothing else is kept but a mark now and then, from which a parent is found by expanding again.

A block of states is expanded at a time, so that the table's memory can be asked for before it is needed.
"""

from __future__ import annotations

from collections.abc import Container
from string import Template

from temper.verify.native.loop import ADD, FILL, FIND, FOLLOW, SEARCH
from temper.verify.native.monitors import HITS_MAX
from temper.verify.native.reduced import LOWEST, MEANT, REDUCED

BLOCK = 256
"""How many successors are gathered before they are looked up."""
MARK_BITS = 10
"""Every so many states (as a power of two) the queue is marked."""

FIELDS = (
    "queue",
    "table",
    "slots",
    "head",
    "tail",
    "tail_max",
    "head_max",
    "out",
    "marks",
    "find_from",
    "goal",
    "hashes",
)
"""The numbers that the loop and its caller share, in order."""
NUMBERS = frozenset({"slots", "head", "tail", "tail_max", "head_max", "find_from"})
"""Those of them that are no addresses."""


def module(
    words: int, monitors: int, cuts: int, sites: int, expand: list[str], look: list[str], least: list[str] | None = None
) -> str:
    """The whole module: the model's two functions and the loop; where states stand for others, the least of each."""
    return "\n".join(
        [
            "declare i64 @llvm.ctpop.i64(i64)",
            "declare i64 @llvm.umin.i64(i64, i64)",
            "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
            f"@open = global [{max(1, monitors)} x i8] zeroinitializer",
            f"@hits = global [{max(1, monitors) * (HITS_MAX + 1)} x i64] zeroinitializer",
            "@transitions = global i64 0",
            "@gave_up = global i64 0",
            f"@cuts = global [{max(1, cuts)} x i64] zeroinitializer",
            HIT.format(stride=HITS_MAX + 1, most=HITS_MAX),
            model("steps" if least else "expand", words, expand, "i64 %number, ptr %out", "ptr"),
            *([*least, *_reduced(words)] if least else []),
            model("look", words, look, "i64 %number", "void"),
            hashing(words),
            _probe(words),
            _loop(words, sites),
        ]
    )


def model(name: str, words: int, body: list[str], params: str, result: str) -> str:
    """One of the model's functions: its words are loaded, and where it gives an end, successors may be written."""
    begin = [f"define internal {result} @{name}(ptr noalias readonly %state, {params}) {{", "entry:"]
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
  %before = load i64, ptr @transitions
  %sum = add i64 %before, %steps
  store i64 %sum, ptr @transitions
  %end = load ptr, ptr %next
  ret ptr %end"""

HIT = """
define internal void @hit(i64 %monitor, i64 %number) noinline {{
  %at = mul i64 %monitor, {stride}
  %counter = getelementptr i64, ptr @hits, i64 %at
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
  %gate = getelementptr i8, ptr @open, i64 %monitor
  store i8 0, ptr %gate
  br label %done
done:
  ret void
}}
"""
"""Remembers a state for a monitor, once, and closes the monitor when it has enough."""


def _reduced(words: int) -> list[str]:
    """Expanding to the states that stand for those that follow, and what else is asked about them."""
    numbers = {"size": 8 * words}
    loads = {f"load_{name}": load(name, FIELDS, NUMBERS) for name in FIELDS}
    return [Template(text).substitute(numbers, **loads) for text in (REDUCED, LOWEST, MEANT)]


def hashing(words: int) -> str:
    """Where a state is looked for first: a multiplicative mix of its words, spread over the slots."""
    lines = ["define internal i64 @hash(ptr %state, i64 %slots) alwaysinline {"]
    mixed = "0"
    for at in range(words):
        lines += [
            f"  %p{at} = getelementptr i64, ptr %state, i64 {at}",
            f"  %w{at} = load i64, ptr %p{at}",
            f"  %x{at} = xor i64 {mixed}, %w{at}",
            f"  %m{at} = mul i64 %x{at}, -7046029254386353131",
            f"  %s{at} = lshr i64 %m{at}, 32",
            f"  %h{at} = xor i64 %m{at}, %s{at}",
        ]
        mixed = f"%h{at}"
    lines += [
        f"  %again = mul i64 {mixed}, -4417276706812531889",
        "  %wide = zext i64 %again to i128",
        "  %many = zext i64 %slots to i128",
        "  %product = mul i128 %wide, %many",
        "  %high = lshr i128 %product, 64",
        "  %slot = trunc i128 %high to i64",
        "  ret i64 %slot",
        "}",
    ]
    return "\n".join(lines)


def _probe(words: int) -> str:
    """Puts a state into the table, from the slot on; true if it was not there."""
    size = 8 * words
    lines = [
        "define internal i1 @probe(ptr %state, ptr %table, i64 %slots, i64 %from) alwaysinline {",
        "entry:",
        *(
            f"  %p{at} = getelementptr i64, ptr %state, i64 {at}\n  %w{at} = load i64, ptr %p{at}"
            for at in range(words)
        ),
        "  br label %look",
        "look:",
        "  %at = phi i64 [%from, %entry], [%wrapped, %other]",
        f"  %offset = mul i64 %at, {size}",
        "  %slot = getelementptr i8, ptr %table, i64 %offset",
        "  %t0 = load i64, ptr %slot",
        "  %e0 = icmp eq i64 %t0, %w0",
        f"  br i1 %e0, label %{'same1' if words > 1 else 'known'}, label %differs",
    ]
    for at in range(1, words):
        lines += [
            f"same{at}:",
            f"  %q{at} = getelementptr i64, ptr %slot, i64 {at}",
            f"  %t{at} = load i64, ptr %q{at}",
            f"  %e{at} = icmp eq i64 %t{at}, %w{at}",
            f"  br i1 %e{at}, label %{f'same{at + 1}' if at + 1 < words else 'known'}, label %other",
        ]
    lines += [
        "differs:",
        "  %empty = icmp eq i64 %t0, 0",
        "  br i1 %empty, label %free, label %other",
        "other:",
        "  %following = add i64 %at, 1",
        "  %over = icmp eq i64 %following, %slots",
        "  %wrapped = select i1 %over, i64 0, i64 %following",
        "  br label %look",
        "free:",
        "  store i64 %w0, ptr %slot",
        *(
            f"  %n{at} = getelementptr i64, ptr %slot, i64 {at}\n  store i64 %w{at}, ptr %n{at}"
            for at in range(1, words)
        ),
        "  ret i1 true",
        "known:",
        "  ret i1 false",
        "}",
    ]
    return "\n".join(lines)


def load(name: str, fields: tuple[str, ...], numbers: Container[str]) -> str:
    """Lines that load one of the numbers, or addresses, that native code and its caller share."""
    at = fields.index(name)
    kind = "i64" if name in numbers else "ptr"
    return f"  %{name}.p = getelementptr i64, ptr %shared, i64 {at}\n  %{name} = load {kind}, ptr %{name}.p"


def _loop(words: int, sites: int) -> str:
    """The functions of `loop`, for states of so many words of which each has at most so many successors."""
    size = 8 * words
    numbers = {
        "size": size,
        "room": BLOCK + sites,
        "enough": BLOCK * size,
        "mark_mask": (1 << MARK_BITS) - 1,
        "mark_bits": MARK_BITS,
        "last": words - 1,
        "copy": "\n".join(map(copied, range(words))),
        "compare": "\n".join(map(compared, range(words))),
    }
    loads = {f"load_{name}": load(name, FIELDS, NUMBERS) for name in FIELDS}
    return "".join(Template(text).substitute(numbers, **loads) for text in (SEARCH, ADD, FILL, FIND, FOLLOW))


def copied(at: int) -> str:
    """One word from a successor to the end of the queue."""
    return (
        f"  %c{at} = getelementptr i64, ptr %from, i64 {at}\n  %v{at} = load i64, ptr %c{at}\n"
        f"  %d{at} = getelementptr i64, ptr %to, i64 {at}\n  store i64 %v{at}, ptr %d{at}"
    )


def compared(at: int) -> str:
    """Whether all words up to this one are those of the goal."""
    before = f"%all{at - 1}" if at else "true"
    return (
        f"  %a{at} = getelementptr i64, ptr %each, i64 {at}\n  %x{at} = load i64, ptr %a{at}\n"
        f"  %b{at} = getelementptr i64, ptr %goal, i64 {at}\n  %y{at} = load i64, ptr %b{at}\n"
        f"  %e{at} = icmp eq i64 %x{at}, %y{at}\n  %all{at} = and i1 {before}, %e{at}"
    )
