"""A journal that somebody names: a store of ours, what `temper log --json` prints, or calls of another system."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.mistake import MistakeError

if TYPE_CHECKING:
    from temper.machine import Address, TransitionTable
    from temper.run import Store
    from temper.verify import Told

MAGIC = b"SQLite format 3\x00"
CURE = "a store, what `temper log --json` prints, or JSON Lines of calls; docs/reference/journals.md has the form"


@contextmanager
def opened(where: str, blueprint: str) -> Iterator[Store]:
    """A store for reading; a mistake of the user if there is none."""
    from temper.run import StoreError
    from temper.run.store.opening import Place, open_store

    try:
        store = open_store(Place(where, blueprint), read_only=True)
    except (StoreError, OSError) as wrong:
        raise MistakeError("journal-broken", f"{where} is no journal that can be read: {wrong}", CURE) from None
    try:
        yield store
    finally:
        store.close()


def is_store(where: str) -> bool:
    """Whether it is one of our own stores."""
    if where.startswith(("postgresql://", "postgres://")):
        return True
    try:
        with Path(where).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as wrong:
        raise MistakeError("file-unreadable", f"{where} cannot be read: {wrong.strerror}", CURE) from None


def add_archive(parser: argparse.ArgumentParser) -> None:
    """The option that says where a database's archive lies."""
    said = "where records lie that have left a journal in a database; beside a file they are found"
    parser.add_argument("--archive", type=Path, metavar="FOLDER", help=said)


def records_in(
    store: Store, where: str, address: Address | None = None, archive: Path | None = None
) -> Iterator[Mapping[str, Any]]:
    """The records of a store, of one instance if one is named; those that have left it are read from its archive."""
    from temper.run.archive import ArchiveBrokenError, archived
    from temper.run.cut import cut_of
    from temper.serve.premises import Premises

    cut, folder = cut_of(store), archive if store.shared else Premises(Path(where)).archive
    if folder is None and cut.number:
        message = f"the records up to {cut.number:,} have left the database for an archive"
        raise MistakeError("archive-unnamed", message, "say where it lies, as in --archive FOLDER")
    try:
        for row in archived(folder, cut) if folder is not None and cut.number else ():
            if address is None or (row.entity, row.id) == tuple(address):
                yield json.loads(row.body)
    except ArchiveBrokenError as broken:
        cure = "keep the archive beside the journal, as `temper up` left it"
        raise MistakeError("journal-broken", str(broken), cure) from None
    number = cut.number
    while rows := store.records(address, number):
        yield from (json.loads(row.body) for row in rows)
        number = rows[-1].number


def journal_told(where: str, table: TransitionTable, archive: Path | None = None) -> Iterator[Told]:
    """The steps that the journal tells of."""
    from temper.verify import told_of_calls, told_of_records

    if is_store(where):
        with opened(where, table.blueprint) as store:
            yield from told_of_records(records_in(store, where, None, archive))
        return
    lines = list(_objects(where))
    records = [record for _, line in lines for record in _records(line)]
    if records:
        yield from told_of_records(sorted(records, key=lambda record: int(record["number"])))
    else:
        yield from told_of_calls(table, lines)


def _objects(where: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The JSON objects in the file with the line each begins on: one a line, or printed over several."""
    text = Path(where).read_text(encoding="utf-8", errors="replace")
    decoder, at = json.JSONDecoder(), 0
    while (at := _past_space(text, at)) < len(text):
        number = text.count("\n", 0, at) + 1
        try:
            data, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise MistakeError("journal-broken", f"line {number} of {where} is no JSON object", CURE)
        yield number, data


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _records(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records of an answer of `temper log --json`, or the line itself if it is one of a store."""
    if isinstance(line.get("records"), list):
        return [{"entity": line.get("entity"), "id": line.get("id"), **record} for record in line["records"]]
    return [line] if "rule" in line and "number" in line else []
