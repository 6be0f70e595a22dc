"""Old journal records in files beside the store: one JSON line each, compressed, with the hash chain going through.

A file holds the records from one number to another, and the hash before the first. The store notes where it was cut;
the chain is whole if each file goes on where the one before ended, and the store where the last did. A file is complete
on the disk and read again before the first of its records leaves the store: whatever is killed when, each record is in
the store, in a file, or in both.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.run.cut import Cut, Walk, chains_of, chains_told, cut_of
from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import RecordRow

FORM = 1
NAME = re.compile(r"records-(\d{15})-(\d{15})\.jsonl\.gz")
PAGE = 500


class ArchiveBrokenError(StoreError):
    """A file of the archive is missing, cut short or altered; the text says which and where."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an archive, as its name and its first line say."""

    path: Path
    first: int
    last: int


def parts(folder: Path) -> tuple[Part, ...]:
    """The files of the archive in order. What was left half written by a crash has another name."""
    found = ((path, NAME.fullmatch(path.name)) for path in folder.glob("records-*.jsonl.gz"))
    return tuple(sorted((Part(p, int(m[1]), int(m[2])) for p, m in found if m), key=lambda part: part.first))


def write_part(folder: Path, rows: Iterable[RecordRow], before: Cut, identity: str, slot: int = 0) -> Part:
    """Write the records behind `before` to a file of their own, and read it again. Raises `StoreError`.

    Whoever comes after a crash looks first for what is `standing`. Several nodes may write to one folder, each a file
    of its own until it is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".records-{before.number + 1:015d}{f'-{slot}' if slot else ''}.half"
    try:
        last = _write(half, rows, before, identity)
        part = Part(
            folder / f"records-{before.number + 1:015d}-{last.number:015d}.jsonl.gz", before.number + 1, last.number
        )
        if (end := _checked(half, before)) != last:
            raise ArchiveBrokenError(f"{half} was read back as ending at {end.number}, and not at {last.number}")
        half.replace(part.path)
        _flush_folder(folder)
    except OSError as error:
        raise StoreError(f"the archive in {folder} cannot be written: {error.strerror}") from error
    return part


def standing(folder: Path, cut: Cut, store: Store) -> Iterator[Cut]:
    """The records that a file holds already though they have not left the store: a crash came in between.

    Each is compared with the store's. Raises `ArchiveBrokenError` if the file tells another history than the store.
    """
    part = next((part for part in parts(folder) if part.first <= cut.number + 1 <= part.last), None)
    if part is None:
        return
    rows = (row for row in read_part(part.path) if row.number > cut.number)
    walk = Walk(cut)
    for row, there in zip(rows, _records(store, cut.number), strict=False):
        if not walk.follows(row) or (row.number, row.hash) != (there.number, there.hash):
            cure = "it is of another history, perhaps from before a backup was put back: move it away"
            raise ArchiveBrokenError(f"{part.path} holds another record {there.number} than the journal; {cure}")
        yield walk.cut


def standing_end(folder: Path, cut: Cut) -> int:
    """The last number of a file that goes on where the store was cut; 0 if there is none."""
    return next((part.last for part in parts(folder) if part.first <= cut.number + 1 <= part.last), 0)


def is_all_here(folder: Path, cut: Cut) -> bool:
    """Whether the folder has every file up to the cut, by their names."""
    try:
        return not cut.number or max((part.last for part in _leading_to(folder, cut)), default=0) >= cut.number
    except ArchiveBrokenError:
        return False


def _write(path: Path, rows: Iterable[RecordRow], before: Cut, identity: str) -> Cut:
    walk = Walk(before)
    begins = {"form": FORM, "identity": identity, "first": before.number + 1, "before": before.hash}
    with path.open("wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            packed.write(_line({**begins, **chains_told(before)}))
            for row in rows:
                if not walk.follows(row):
                    raise ArchiveBrokenError(f"record {row.number} does not follow record {walk.number}")
                packed.write(_line(row._asdict()))
        file.flush()
        os.fsync(file.fileno())
    return walk.cut


def read_part(path: Path) -> Iterator[RecordRow]:
    """The records of a file. Raises `ArchiveBrokenError`."""
    lines = _lines(path)
    next(lines, None)
    yield from (RecordRow(**line) for line in lines)


def archived(folder: Path, cut: Cut, after: int = 0) -> Iterator[RecordRow]:
    """Every record that has left the store, behind a number. Raises `ArchiveBrokenError` if a file is missing."""
    number = 0
    for part in _leading_to(folder, cut):
        if part.last > after:
            yield from (row for row in read_part(part.path) if row.number > after and row.number <= cut.number)
        number = part.last
    if number < cut.number:
        raise ArchiveBrokenError(f"{folder} ends with record {number}, and the store was cut behind {cut.number}")


def broken_archive(folder: Path, cut: Cut) -> str:
    """What is wrong with the archive of a store that was cut there; nothing if the chain is whole."""
    end = Cut(stride=cut.stride)
    try:
        for part in _leading_to(folder, cut):
            end = _checked(part.path, end)
            if end.number >= cut.number:
                break
    except ArchiveBrokenError as broken:
        return str(broken)
    if end.number < cut.number:
        return f"{folder} ends with record {end.number}, and the store was cut behind {cut.number}"
    if end != cut and cut.number == end.number:
        return f"{folder} ends with another hash than the one the store goes on from"
    return ""


def broken_record(store: Store) -> int | None:
    """The first record in the store that is missing or altered, as the chain goes on from where it was cut."""
    cut = cut_of(store)
    walk = Walk(cut)
    for row in _records(store, cut.number):
        if not walk.follows(row):
            return row.number if cut.stride > 1 else walk.number + 1
    return None


def _records(store: Store, number: int) -> Iterator[RecordRow]:
    while rows := store.records(None, number, PAGE):
        yield from rows
        number = rows[-1].number


def _leading_to(folder: Path, cut: Cut) -> Iterator[Part]:
    """The files up to the cut, each going on where the one before ended.

    Of several that begin alike the longest counts: a shorter one was written before a crash, and written again later.
    """
    number, every = 0, parts(folder)
    while number < cut.number:
        going_on = [part for part in every if part.first == number + 1]
        if not going_on:
            raise ArchiveBrokenError(f"{folder} has no file that begins with record {number + 1}")
        longest = max(going_on, key=lambda part: part.last)
        yield longest
        number = longest.last


def _checked(path: Path, before: Cut) -> Cut:
    """Where the file ends, if its records follow one another from `before` on. Raises `ArchiveBrokenError`."""
    lines = _lines(path)
    head: Any = next(lines, {})
    begins = head.get("form"), head.get("first"), head.get("before"), chains_of(head.get("chains", ()))
    if begins != (FORM, before.number + 1, before.hash, before.chains):
        raise ArchiveBrokenError(f"{path} does not go on behind record {before.number}")
    walk = Walk(before)
    for row in (RecordRow(**line) for line in lines):
        if not walk.follows(row):
            missing = row.number if before.stride > 1 else walk.number + 1
            raise ArchiveBrokenError(f"{path}: record {missing} is missing or altered")
    return walk.cut


def _lines(path: Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rb") as packed:
            for line in packed:
                yield json.loads(line)
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise ArchiveBrokenError(f"{path} cannot be read: {error}") from None


def _line(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _flush_folder(folder: Path) -> None:
    """A new name is durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
