"""The tables in which the halves of states are numbered: their memory, and how it grows."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from temper.verify.native.memory import allocate, free, zeros
from temper.verify.native.shortening import NODE_FIELDS, NODE_WORDS, Node, Tree

LOAD_MAX = 0.75
SLOTS_FIRST = 1 << 12
NUMBERS_MAX = (1 << 32) - (1 << 24)
"""A number has 32 bits."""

Regrow = Callable[[int, int, int], None]
"""Native code that moves what old slots hold into a node's new ones, for keys of one word or two."""


class Halves:
    """The memory of a tree's nodes. `margin` is how many numbers may be given before anybody looks for room."""

    def __init__(self, tree: Tree, margin: int) -> None:
        self.nodes, self.margin = tree.nodes, margin
        self.address = zeros(max(1, len(self.nodes)) * NODE_WORDS * 8)
        self._of = (ctypes.c_uint64 * (max(1, len(self.nodes)) * NODE_WORDS)).from_address(self.address)
        for node in self.nodes:
            self._make(node, 1 << max(SLOTS_FIRST, int(2 * margin / LOAD_MAX)).bit_length())

    def __del__(self) -> None:
        for node in self.nodes:
            free(self.get(node, "slots"))
            free(self.get(node, "entries"))
        self.nodes = []
        free(self.address)
        self.address = 0

    def get(self, node: Node, name: str) -> int:
        return int(self._of[node.at * NODE_WORDS + NODE_FIELDS.index(name)])

    def set(self, node: Node, name: str, value: int) -> None:
        self._of[node.at * NODE_WORDS + NODE_FIELDS.index(name)] = value

    @property
    def bytes_taken(self) -> int:
        """Slots, and entries as far as they are in use."""
        return sum(
            8 * (self.get(node, "mask") + 1) + 8 * node.keys * self.get(node, "count") if self.get(node, "slots") else 0
            for node in self.nodes
        )

    def give_room(self, margin: int) -> None:
        """From now on there are more numbers that may be given before anybody looks."""
        self.margin = max(self.margin, margin)
        for node in self.nodes:
            self._limit(node)

    def crowded(self) -> list[Node]:
        """The nodes that have to grow."""
        return [node for node in self.nodes if self.get(node, "count") > self.get(node, "most")]

    def bytes_more(self) -> int:
        """What growing takes at its worst: until a node has moved, both its tables are there."""
        return sum(24 * (self.get(node, "mask") + 1) for node in self.crowded())

    def grow(self, regrow: dict[int, Regrow]) -> None:
        """Twice the slots where it is crowded, or more if that is not enough."""
        for node in self.crowded():
            if self.get(node, "count") + self.margin > NUMBERS_MAX:
                raise MemoryError("more different halves of states than 32 bits can number")
            old, count = self.get(node, "slots"), self.get(node, "mask") + 1
            slots = 2 * count
            while int(slots * LOAD_MAX) <= self.get(node, "count") + self.margin:
                slots *= 2
            self._make(node, slots)
            regrow[node.keys](self.address + node.at * NODE_WORDS * 8, old, count)
            free(old)

    def _make(self, node: Node, slots: int) -> None:
        """Other slots, and room for as many entries."""
        entries = allocate(self.get(node, "entries"), (int(slots * LOAD_MAX) + 2) * 8 * node.keys)
        self.set(node, "entries", entries)
        self.set(node, "slots", zeros(8 * slots))
        self.set(node, "mask", slots - 1)
        self._limit(node)

    def _limit(self, node: Node) -> None:
        self.set(node, "most", max(0, int((self.get(node, "mask") + 1) * LOAD_MAX) - self.margin))
