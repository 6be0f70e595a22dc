"""What a store keeps, as it lies there: texts and numbers, no types of a blueprint.

A store knows nothing about blueprints. It keeps these rows, all or nothing per `Batch`, and hands them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from temper.machine import Address

GENESIS = "0" * 64
"""The hash before the first record."""


class CellRow(NamedTuple):
    """One instance. `due` is when the first of its timers is due; the texts are JSON."""

    entity: str
    id: str
    control: str
    seq: int
    clock: int
    due: int | None
    timers: str
    data: str
    marks: str
    burnt: int
    """1 if the id was given to a spawn whose constructor rejected, so that it stays `new` for ever."""

    @property
    def address(self) -> Address:
        return Address(self.entity, self.id)


class PendingRow(NamedTuple):
    """One pending delivery. `place` orders lanes and fences; `round` counts how often it was asked again."""

    place: int
    round: int
    kind: str
    owner_entity: str
    owner_id: str
    receiver_entity: str
    receiver_id: str
    claimed: int
    attempts: int
    not_before: int
    note: str
    body: str


class Found(NamedTuple):
    """An instance as it lies in a store: its row, and its own pending effects by place."""

    row: CellRow
    effects: Sequence[PendingRow]


class RecordRow(NamedTuple):
    """One journal record: its JSON text, and the hash of that text chained to the record before."""

    number: int
    entity: str
    id: str
    at: int
    body: str
    hash: str


class AnswerRow(NamedTuple):
    """What was answered under an idempotency key, and the digest of the request that it is bound to."""

    key: str
    digest: str
    at: int
    body: str


class VersionRow(NamedTuple):
    """A table that was loaded: its hash, its JSON, and when."""

    number: int
    hash: str
    at: int
    body: str


class CertificateRow(NamedTuple):
    """What was decided about a version, as the text that whoever loaded it gave: the last one for its hash."""

    hash: str
    at: int
    body: str


class BookRow(NamedTuple):
    """A note beside the run: attempts, leases, dead letters, paused effects. No step reads it, so it is no state.

    `kind` says what it is about, `key` orders the notes of a kind, and the body is JSON.
    """

    kind: str
    key: str
    body: str


class Head(NamedTuple):
    """Where the journal stands. `commit` counts transactions; `place` is the last one given to a delivery.

    Several nodes on one database each have a head and a chain of their own: every number that a node gives is its
    `slot` more than a multiple of `stride`, so no two nodes give the same.
    """

    identity: str = ""
    commit: int = 0
    record: int = 0
    place: int = 0
    chain: str = GENESIS
    stride: int = 1
    slot: int = 0

    def number_after(self, last: int) -> int:
        """The next number of this node after a number of any node.

        >>> Head().number_after(7), Head(stride=256, slot=3).number_after(256)
        (8, 515)
        """
        return (last // self.stride + 1) * self.stride + self.slot


class Noted(NamedTuple):
    """Book-keeping about a pending delivery that is no step: it was claimed, or an attempt failed."""

    place: int
    round: int
    claimed: int
    attempts: int
    not_before: int
    note: str


@dataclass(slots=True)
class Batch:
    """One transaction. Consumed deliveries are deleted before made ones are written; each must have been there."""

    head: Head
    records: list[RecordRow] = field(default_factory=list)
    cells: dict[Address, CellRow] = field(default_factory=dict)
    consumed: set[tuple[int, int]] = field(default_factory=set)
    made: dict[int, PendingRow] = field(default_factory=dict)
    noted: dict[int, Noted] = field(default_factory=dict)
    answers: dict[str, AnswerRow] = field(default_factory=dict)
    book: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """By kind and key: the note's new body, or None where it is struck out."""
    cut: int = 0
    """Records up to this number leave the store; 0 leaves them all."""
    cut_behind: int = 0
    """Up to which number they had left it before, as whoever cuts it knows."""
    forgotten: set[str] = field(default_factory=set)
    """Idempotency keys whose answers are let go of. They must not be among `answers`."""
    version: VersionRow | None = None
    certificate: CertificateRow | None = None
    under: str | None = None
    """The hash of the version that all of it was computed under; None if there was none yet."""
    rests: dict[Address, int] = field(default_factory=dict)
    """The last record of each instance that the batch was computed from; 0 where nothing was there."""
    taken: set[tuple[int, int]] = field(default_factory=set)
    """Deliveries that lay there before and that it is from now on for this node to carry out."""
