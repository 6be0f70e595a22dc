"""Where a store was cut: up to which record all of them have left it, and how its chains go on from there.

One node writes one chain, whose numbers have no gaps. Several nodes write one each, told apart by their slot in the
numbers; a cut then goes through all of them at one number, and knows the last hash of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from temper.run.journal import chained
from temper.run.position import Position
from temper.run.store.protocol import Store
from temper.run.store.rows import GENESIS, RecordRow

CUT = "cut"
"""The kind of note that says where the store was cut."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Up to `number` the records have left the store; `hash` is that of the last one that did.

    `chains` are those of several nodes by slot, each with the number and the hash of its last record that left.
    """

    number: int = 0
    hash: str = GENESIS
    stride: int = 1
    chains: tuple[tuple[int, int, str], ...] = ()

    def is_behind(self, position: Position) -> bool:
        """Whether something has left that this position was not told of."""
        if self.stride == 1:
            return max(position.numbers, default=0) < self.number
        told = position.of(self.stride)
        return any(told.get(slot, 0) < number for slot, number, _ in self.chains)


def cut_of(store: Store) -> Cut:
    """Where the store was cut; at 0 if it never was."""
    rows, stride = store.book(CUT, limit=1), store.head().stride
    if not rows:
        return Cut(stride=stride)
    told = json.loads(rows[0].body)
    return Cut(told["number"], told["hash"], stride, chains_of(told.get("chains", ())))


def cut_note(cut: Cut) -> tuple[str, str, str]:
    """The cut as a note in the store's book: kind, key and body."""
    return CUT, CUT, json.dumps({"number": cut.number, "hash": cut.hash, **chains_told(cut)})


def chains_told(cut: Cut) -> dict[str, list[tuple[int, int, str]]]:
    """The chains of several nodes as JSON; nothing where there is one."""
    return {"chains": list(cut.chains)} if cut.stride > 1 else {}


def chains_of(told: Iterable[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    """The chains as `chains_told` told them."""
    return tuple((slot, number, hash_) for slot, number, hash_ in told)


class Walk:
    """Goes along the records behind a cut, one after the other, and says whether each follows."""

    def __init__(self, cut: Cut) -> None:
        self.number, self.hash, self._stride = cut.number, cut.hash, cut.stride
        ends = cut.chains if cut.stride > 1 else ((0, cut.number, cut.hash),)
        self._ends = {slot: (number, hash_) for slot, number, hash_ in ends}

    @property
    def cut(self) -> Cut:
        """A cut behind the last record."""
        chains = tuple((slot, *self._ends[slot]) for slot in sorted(self._ends)) if self._stride > 1 else ()
        return Cut(self.number, self.hash, self._stride, chains)

    def follows(self, row: RecordRow) -> bool:
        """Whether this record is the next one; if so, it was gone past.

        The numbers of several chains have gaps, so it is the text that says which number a record has. That none is
        missing at the end of a chain, the next file or the store shows, which goes on from the hash of the last one.
        """
        slot, is_several = row.number % self._stride, self._stride > 1
        hash_ = chained(self._ends.get(slot, (0, GENESIS))[1], row.body)
        is_next = row.number > self.number if is_several else row.number == self.number + 1
        is_said = not is_several or row.body.startswith(f'{{"number":{row.number},')
        if not is_next or not is_said or row.hash != hash_:
            return False
        self.number, self.hash = row.number, row.hash
        self._ends[slot] = row.number, row.hash
        return True
