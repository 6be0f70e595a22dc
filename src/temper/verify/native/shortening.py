"""A state of several words shortened to one, and back: pairs of words are numbered, then pairs of their numbers.

The words are the leaves of a tree. Each node but the root numbers what its two branches hold, from 1, in a table of its
own; the root's two numbers, side by side, are the state. What is equal gets equal numbers, so that this is exact. Since
instances change one at a time, there are few different halves where there are many wholes.

Most successors differ from the state they come from in one word or two, so its numbers are taken over where nothing
under a node has changed. Tables may be used by several workers at once: a number is put into its slot by `cmpxchg`,
and who comes second takes the number that is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template

NODE_FIELDS = ("slots", "mask", "entries", "count", "most")
"""A node's slots, their number less one, what it has numbered, how many that is, and how many it may be for now."""
NODE_WORDS = 8
"""A cache line for each node."""


@dataclass(frozen=True, slots=True)
class Node:
    """Words (one or two of them) or two nodes, numbered; `at` is the node's place among all."""

    at: int
    words: tuple[int, ...] = ()
    branches: tuple[Node, ...] = ()

    @property
    def keys(self) -> int:
        """How many words of 64 bits an entry has."""
        return len(self.words) or 1


class Tree:
    """The nodes for states of so many words; those of one word need none."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.nodes: list[Node] = []
        self.root = (self._node(0, words // 2), self._node(words // 2, words)) if words > 1 else None

    def _node(self, begin: int, end: int) -> Node:
        middle = (begin + end) // 2
        if end - begin > 2:
            node = Node(-1, branches=(self._node(begin, middle), self._node(middle, end)))
        else:
            node = Node(-1, words=tuple(range(begin, end)))
        node = Node(len(self.nodes), node.words, node.branches)
        self.nodes.append(node)
        return node

    @property
    def known(self) -> int:
        """How many words a state takes together with its numbers."""
        return self.words + len(self.nodes)

    # Native code.

    def functions(self) -> list[str]:
        """`restore`, `shorten` and `crowded`."""
        if self.root is None:
            return []
        kinds = sorted({node.keys for node in self.nodes})
        found = [text for keys in kinds for text in (_mixed(keys), _numbered(keys), _regrown(keys))]
        return [*found, self._restore(self.root), self._shorten(self.root), self._crowded()]

    def _restore(self, root: tuple[Node, Node]) -> str:
        lines = [
            "define internal void @restore(i64 %short, ptr noalias %known, ptr %nodes) {",
            f"  %n{root[0].at} = and i64 %short, 4294967295",
            f"  %n{root[1].at} = lshr i64 %short, 32",
        ]
        for node in reversed(self.nodes):
            lines += self._restored(node)
        return "\n".join([*lines, "  ret void", "}"])

    def _restored(self, node: Node) -> Iterator[str]:
        at = node.at
        yield f"  %k{at} = getelementptr i64, ptr %known, i64 {self.words + at}"
        yield f"  store i64 %n{at}, ptr %k{at}"
        yield f"  %e{at}.p = getelementptr i64, ptr %nodes, i64 {at * NODE_WORDS + NODE_FIELDS.index('entries')}"
        yield f"  %e{at} = load ptr, ptr %e{at}.p"
        yield f"  %o{at} = mul i64 %n{at}, {node.keys}"
        yield f"  %a{at} = getelementptr i64, ptr %e{at}, i64 %o{at}"
        for place, word in enumerate(node.words):
            yield f"  %p{word} = getelementptr i64, ptr %a{at}, i64 {place}"
            yield f"  %w{word} = load i64, ptr %p{word}"
            yield f"  %q{word} = getelementptr i64, ptr %known, i64 {word}"
            yield f"  store i64 %w{word}, ptr %q{word}"
        if node.branches:
            left, right = node.branches
            yield f"  %b{at} = load i64, ptr %a{at}"
            yield f"  %n{left.at} = and i64 %b{at}, 4294967295"
            yield f"  %n{right.at} = lshr i64 %b{at}, 32"

    def _shorten(self, root: tuple[Node, Node]) -> str:
        """Shortens the states from `%from` to `%to` into `%shorts`; `%known` is one that most of them resemble."""
        lines = [
            "define internal void @shorten(ptr %from, ptr %to, ptr %shorts, ptr %known, ptr %nodes) {",
            "entry:",
            "  %none = icmp uge ptr %from, %to",
            "  br i1 %none, label %end, label %each",
            "each:",
            "  %state = phi ptr [%from, %entry], [%state.n, %last]",
            "  %short.p = phi ptr [%shorts, %entry], [%short.n, %last]",
        ]
        for word in range(self.words):
            lines += [
                f"  %p{word} = getelementptr i64, ptr %state, i64 {word}",
                f"  %w{word} = load i64, ptr %p{word}",
                f"  %q{word} = getelementptr i64, ptr %known, i64 {word}",
                f"  %k{word} = load i64, ptr %q{word}",
                f"  %s{word} = icmp eq i64 %w{word}, %k{word}",
            ]
        for node in self.nodes:
            lines += self._shortened(node)
        return "\n".join(
            [
                *lines,
                *_paired("short", root),
                "  br label %last",
                "last:",
                "  store i64 %short, ptr %short.p",
                "  %short.n = getelementptr i64, ptr %short.p, i64 1",
                f"  %state.n = getelementptr i64, ptr %state, i64 {self.words}",
                "  %over = icmp uge ptr %state.n, %to",
                "  br i1 %over, label %end, label %each",
                "end:",
                "  ret void",
                "}",
            ]
        )

    def _shortened(self, node: Node) -> Iterator[str]:
        """The node's number: the known one if nothing under it differs, else the one that its table gives."""
        at = node.at
        parts = [f"%s{word}" for word in node.words] or [f"%t{branch.at}" for branch in node.branches]
        yield f"  %t{at} = and i1 {parts[0]}, {parts[-1]}"
        yield f"  %q.n{at} = getelementptr i64, ptr %known, i64 {self.words + at}"
        yield f"  br i1 %t{at}, label %same{at}, label %differs{at}"
        yield f"same{at}:"
        yield f"  %old{at} = load i64, ptr %q.n{at}"
        yield f"  br label %joined{at}"
        yield f"differs{at}:"
        yield f"  %node{at} = getelementptr i64, ptr %nodes, i64 {at * NODE_WORDS}"
        if node.branches:
            yield from _paired(f"pair{at}", node.branches)
        words = ", ".join(f"i64 %w{word}" for word in node.words) or f"i64 %pair{at}"
        yield f"  %new{at} = call i64 @number{node.keys}(ptr %node{at}, {words})"
        yield f"  br label %joined{at}"
        yield f"joined{at}:"
        yield f"  %n{at} = phi i64 [%old{at}, %same{at}], [%new{at}, %differs{at}]"

    def _crowded(self) -> str:
        """Whether some table may not have room for much more."""
        lines = ["define internal i1 @crowded(ptr %nodes) {"]
        full = "false"
        for node in self.nodes:
            at, begin = node.at, node.at * NODE_WORDS
            lines += [
                f"  %c{at}.p = getelementptr i64, ptr %nodes, i64 {begin + NODE_FIELDS.index('count')}",
                f"  %c{at} = load atomic i64, ptr %c{at}.p monotonic, align 8",
                f"  %m{at}.p = getelementptr i64, ptr %nodes, i64 {begin + NODE_FIELDS.index('most')}",
                f"  %m{at} = load i64, ptr %m{at}.p",
                f"  %f{at} = icmp ugt i64 %c{at}, %m{at}",
                f"  %g{at} = or i1 {full}, %f{at}",
            ]
            full = f"%g{at}"
        return "\n".join([*lines, f"  ret i1 {full}", "}"])


def _paired(name: str, branches: tuple[Node, ...]) -> Iterator[str]:
    """Two numbers side by side."""
    left, right = branches
    yield f"  %{name}.h = shl i64 %n{right.at}, 32"
    yield f"  %{name} = or i64 %{name}.h, %n{left.at}"


def _mixed(keys: int) -> str:
    """`mix1` and `mix2`: a key's hash, good in all its bits."""
    lines = [f"define internal i64 @mix{keys}({', '.join(f'i64 %a{at}' for at in range(keys))}) alwaysinline {{"]
    for at in range(keys):
        lines += [
            f"  %x{at} = xor i64 {f'%h{at - 1}' if at else 0}, %a{at}",
            f"  %m{at} = mul i64 %x{at}, -7046029254386353131",
            f"  %r{at} = lshr i64 %m{at}, 32",
            f"  %h{at} = xor i64 %m{at}, %r{at}",
        ]
    return "\n".join(
        [
            *lines,
            f"  %z = mul i64 %h{keys - 1}, -4417276706812531889",
            "  %z.r = lshr i64 %z, 32",
            "  %hash = xor i64 %z, %z.r",
            "  ret i64 %hash",
            "}",
        ]
    )


def _regrown(keys: int) -> str:
    """`regrow1` and `regrow2`: what the old slots hold, put into a node's new ones. Numbers stay what they are."""
    loads = []
    for at in range(keys):
        loads += [f"  %q{at} = getelementptr i64, ptr %entry.k, i64 {at}", f"  %a{at} = load i64, ptr %q{at}"]
    return Template(REGROW).substitute(
        keys=keys, loads="\n".join(loads), params=", ".join(f"i64 %a{at}" for at in range(keys))
    )


REGROW = """
define void @regrow$keys(ptr %node, ptr %old, i64 %count) {
entry:
  %slots = load ptr, ptr %node
  %mask.p = getelementptr i64, ptr %node, i64 1
  %mask = load i64, ptr %mask.p
  %entries.p = getelementptr i64, ptr %node, i64 2
  %entries = load ptr, ptr %entries.p
  br label %each
each:
  %i = phi i64 [0, %entry], [%i.n, %next]
  %over = icmp uge i64 %i, %count
  br i1 %over, label %end, label %take
take:
  %from = getelementptr i64, ptr %old, i64 %i
  %held = load i64, ptr %from
  %empty = icmp eq i64 %held, 0
  br i1 %empty, label %next, label %find
find:
  %number = and i64 %held, 4294967295
  %entry.o = mul i64 %number, $keys
  %entry.k = getelementptr i64, ptr %entries, i64 %entry.o
$loads
  %hash = call i64 @mix$keys($params)
  %begin = and i64 %hash, %mask
  br label %look
look:
  %at = phi i64 [%begin, %find], [%wrapped, %other]
  %slot = getelementptr i64, ptr %slots, i64 %at
  %there = load i64, ptr %slot
  %free = icmp eq i64 %there, 0
  br i1 %free, label %put, label %other
other:
  %following = add i64 %at, 1
  %wrapped = and i64 %following, %mask
  br label %look
put:
  store i64 %held, ptr %slot
  br label %next
next:
  %i.n = add i64 %i, 1
  br label %each
end:
  ret void
}
"""


NUMBER = """
define internal i64 @number$keys(ptr %node, $params) {
entry:
  %slots = load ptr, ptr %node
  %mask.p = getelementptr i64, ptr %node, i64 1
  %mask = load i64, ptr %mask.p
  %entries.p = getelementptr i64, ptr %node, i64 2
  %entries = load ptr, ptr %entries.p
  %count.p = getelementptr i64, ptr %node, i64 3
  %hash = call i64 @mix$keys($params)
  %tag = and i64 %hash, -4294967296
  %begin = and i64 %hash, %mask
  br label %look
look:
  %at = phi i64 [%begin, %entry], [%next, %other], [%at, %taken]
  %mine = phi i64 [0, %entry], [%mine, %other], [%own, %taken]
  %slot = getelementptr i64, ptr %slots, i64 %at
  %held = load atomic i64, ptr %slot acquire, align 8
  %empty = icmp eq i64 %held, 0
  br i1 %empty, label %free, label %full
full:
  %parts = xor i64 %held, %tag
  %alike = icmp ult i64 %parts, 4294967296
  br i1 %alike, label %compare, label %other
compare:
  %found = and i64 %held, 4294967295
  %entry.o = mul i64 %found, $keys
  %entry.k = getelementptr i64, ptr %entries, i64 %entry.o
$same
  %equal = and i1 %e0, %e$last
  br i1 %equal, label %known, label %other
known:
  ret i64 %found
other:
  %following = add i64 %at, 1
  %next = and i64 %following, %mask
  br label %look
free:
  %has = icmp ne i64 %mine, 0
  br i1 %has, label %write, label %take
take:
  %before = atomicrmw add ptr %count.p, i64 1 monotonic, align 8
  %taking = add i64 %before, 1
  br label %write
write:
  %own = phi i64 [%mine, %free], [%taking, %take]
  %mine.o = mul i64 %own, $keys
  %mine.p = getelementptr i64, ptr %entries, i64 %mine.o
$stores
  %filled = or i64 %tag, %own
  %claim = cmpxchg ptr %slot, i64 0, i64 %filled release acquire, align 8
  %claimed = extractvalue { i64, i1 } %claim, 1
  br i1 %claimed, label %put, label %taken
put:
  ret i64 %own
taken:
  br label %look
}
"""


def _numbered(keys: int) -> str:
    """`number1` and `number2`: the number of a key in the table of a node, a new one if there is none.

    A slot holds a number below and a part of the key's hash above. A number that was taken in vain, because another
    worker was faster with the same key, is left unused.
    """
    same, stores = [], []
    for at in range(keys):
        same += [
            f"  %q{at} = getelementptr i64, ptr %entry.k, i64 {at}",
            f"  %v{at} = load i64, ptr %q{at}",
            f"  %e{at} = icmp eq i64 %v{at}, %a{at}",
        ]
        stores += [f"  %d{at} = getelementptr i64, ptr %mine.p, i64 {at}", f"  store i64 %a{at}, ptr %d{at}"]
    return Template(NUMBER).substitute(
        keys=keys,
        last=keys - 1,
        same="\n".join(same),
        stores="\n".join(stores),
        params=", ".join(f"i64 %a{at}" for at in range(keys)),
    )
