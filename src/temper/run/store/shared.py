"""What the driver asks besides of a store that several nodes share: membership, freshness, and whose work is whose.

Every row that asks for something to be done (a delivery, an armed timer) names the node that is to do it: whoever
wrote it last. The rows of a node that died are adopted by those that live, a portion at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from temper.machine import Address
from temper.run.position import Position
from temper.run.store.protocol import Store
from temper.run.store.rows import BookRow, CellRow, PendingRow, RecordRow


class Loaded(NamedTuple):
    """An instance as it lies there, with what its next step rests on.

    `record` and `place` are the highest that were given to it, by any node, 0 if there is nothing.
    `in_force` is the hash of the version that both were read under; empty if one was put in force between the two.
    """

    row: CellRow | None
    effects: Sequence[PendingRow]
    record: int
    place: int
    in_force: str


class Beat(NamedTuple):
    """What a node learns when it says that it lives: the version in force, what it adopted, how far others are."""

    in_force: str
    adopted: Sequence[PendingRow]
    timers: int
    """How many instances with armed timers were adopted."""
    notes: int
    """How many notes about leases and letters were adopted."""
    record: int
    place: int
    """The highest numbers that any node has given."""


class Listener(Protocol):
    """Becomes readable when another node has something to say: it left, or put a version in force."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class SharedStore(Store, Protocol):
    """A store with several writers. A commit that rests on what is not there any more raises `ConflictError`."""

    @property
    def lease_milliseconds(self) -> int:
        """How long a node may be silent before the others may take it for dead."""
        ...

    def load(self, address: Address) -> Loaded:
        """One instance, fresh."""
        ...

    def load_all(self, addresses: Sequence[Address]) -> Mapping[Address, Loaded]:
        """These instances, fresh, and every one of them."""
        ...

    def stands(self, address: Address, record: int) -> bool:
        """Whether this is still the last record of the instance; 0 if nothing is there."""
        ...

    def is_ours(self, key: tuple[int, int]) -> bool:
        """Whether the delivery is still pending, and for this node to carry out."""
        ...

    def ours(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        """Pending deliveries that are for this node to carry out, by place, after the place `after`."""
        ...

    def our_notes(self, kind: str, after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        """Notes of a kind that are for this node to act on, by key."""
        ...

    def news(self, after: Position, limit: int) -> Sequence[RecordRow]:
        """Records behind the position, by number; none comes before one that it rests on."""
        ...

    def close_off(self, number: int) -> None:
        """From now on no record is kept whose number is not above this: those that are there are all there will be.

        A step that was given such a number is computed again, under a higher one.
        """
        ...

    def beat(self) -> Beat:
        """Say that this node lives, and adopt a portion of what the dead left. Raises `FencedError`."""
        ...

    def furthest(self) -> tuple[int, int]:
        """The highest record number and place that any node has given."""
        ...

    def listener(self) -> Listener:
        """Hear of what other nodes do, besides looking now and then."""
        ...

    def bar(self) -> AbstractContextManager[str]:
        """Keep every other node from committing until the end; gives the hash of the version in force."""
        ...
