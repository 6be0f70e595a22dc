"""What is noted beside the run: attempts, leases, dead letters, paused effects. No step reads it, so it is no state.

A note is written in the transaction of what it is about: a dead letter with the record that settled its delivery, a
failed attempt with the wait until the next one. What was lost with a note could be asked of the journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from temper.run.store.protocol import Store
from temper.run.store.shared import SharedStore
from temper.run.wording import text

ATTEMPT, LEASE, LETTER, PAUSED = "attempt", "lease", "letter", "paused"

Key: TypeAlias = tuple[int, int]
"""A delivery: its place, and how often it was asked again."""


@dataclass(frozen=True, slots=True)
class AttemptNote:
    """One attempt: by whom (nobody for this server itself), when, until when it is leased, and how it ended."""

    effect: str
    entity: str
    id: str
    number: int
    started: int
    who: str = ""
    expires: int | None = None
    ended: int | None = None
    end: str = ""
    """`answered`, `unknown`, `failed`, `lost` (its lease ran out), `withdrawn`, or `late`: it no longer counted."""
    said: str = ""


@dataclass(frozen=True, slots=True)
class LetterNote:
    """A dead letter: a delivery that settled `unknown`, with everything that is needed to perform it once more."""

    effect: str
    entity: str
    id: str
    at: int
    attempts: int
    because: str
    kind: str
    delivery: Any
    redriven_by: str = ""
    """Who has it performed once more; nobody while it only lies there."""
    attempts_max: int = 0
    not_before: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class PausedNote:
    """An effect that is not attempted until somebody resumes it."""

    by: str
    at: int
    because: str


def shown_key(key: Key) -> str:
    """A delivery's key as people see it.

    >>> shown_key((12, 0)), read_key("12-0"), read_key("12")
    ('12-0', (12, 0), None)
    """
    return f"{key[0]}-{key[1]}"


def read_key(text: str) -> Key | None:
    """The key that is shown like this, if it is one."""
    found = re.fullmatch(r"(\d{1,15})-(\d{1,6})", text, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def shown_lease(key: Key, number: int) -> str:
    """The name of a lease: of one attempt of one delivery, so it is never given out twice.

    >>> read_lease(shown_lease((12, 0), 3))
    ((12, 0), 3)
    """
    return f"{shown_key(key)}-{number}"


def read_lease(text: str) -> tuple[Key, int] | None:
    """The delivery and the attempt that a lease stands for, if it is one."""
    head, _, number = text.rpartition("-")
    key = read_key(head)
    return (key, int(number)) if key is not None and re.fullmatch(r"\d{1,6}", number, re.ASCII) else None


def sorting(key: Key, number: int | None = None) -> str:
    """The key as the store has it, where texts sort as the numbers do."""
    place = f"{key[0]:015d}-{key[1]:06d}"
    return place if number is None else f"{place}-{number:06d}"


def written(note: AttemptNote | LetterNote | PausedNote) -> str:
    """The note's text in the store."""
    return text({name: getattr(note, name) for name in note.__slots__})


def attempts_of(store: Store, key: Key) -> tuple[AttemptNote, ...]:
    """The attempts of a delivery that are noted, oldest first; one that is under way with a worker comes last."""
    rows = (*store.book(ATTEMPT, sorting(key) + "-"), *store.book(LEASE, sorting(key)))
    return tuple(AttemptNote(**json.loads(row.body)) for row in rows)


def attempt_of(store: Store, key: Key, number: int) -> AttemptNote | None:
    """One attempt that has ended."""
    rows = store.book(ATTEMPT, sorting(key, number), limit=1)
    return AttemptNote(**json.loads(rows[0].body)) if rows else None


def leases(store: Store) -> Iterator[tuple[Key, AttemptNote]]:
    """Every attempt that is with a worker, by this node's leave."""
    for key, body in _ours(store, LEASE):
        yield _key(key), AttemptNote(**body)


def letters(store: Store, after: Key | None = None) -> Iterator[tuple[Key, LetterNote]]:
    """Every dead letter, by place."""
    for key, body in _all(store, LETTER, "" if after is None else sorting(after)):
        yield _key(key), LetterNote(**body)


def our_letters(store: Store) -> Iterator[tuple[Key, LetterNote]]:
    """Every dead letter that is for this node to redrive, where somebody asked for that."""
    for key, body in _ours(store, LETTER):
        yield _key(key), LetterNote(**body)


def letter(store: Store, key: Key) -> LetterNote | None:
    """One dead letter."""
    rows = store.book(LETTER, sorting(key), limit=1)
    return LetterNote(**json.loads(rows[0].body)) if rows else None


def paused(store: Store) -> dict[str, PausedNote]:
    """The effects that are paused."""
    return {effect: PausedNote(**body) for effect, body in _all(store, PAUSED)}


def _all(store: Store, kind: str, after: str = "") -> Iterator[tuple[str, Any]]:
    while rows := store.book(kind, after=after):
        yield from ((row.key, json.loads(row.body)) for row in rows)
        after = rows[-1].key


def _ours(store: Store, kind: str) -> Iterator[tuple[str, Any]]:
    if not store.shared:
        yield from _all(store, kind)
        return
    shared, after = cast("SharedStore", store), ""
    while rows := shared.our_notes(kind, after):
        yield from ((row.key, json.loads(row.body)) for row in rows)
        after = rows[-1].key


def _key(sorted_: str) -> Key:
    place, round_ = sorted_.split("-")
    return int(place), int(round_)
