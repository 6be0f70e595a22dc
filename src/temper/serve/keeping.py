"""What the operations of `keeping_operations` do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from temper.machine import Address
from temper.run.archive import ArchiveBrokenError, archived
from temper.run.cut import cut_of
from temper.run.past import Past
from temper.run.store.protocol import StoreError
from temper.run.store.rows import RecordRow
from temper.serve.asking import Answer, Asked, told
from temper.serve.operating import OperatingService
from temper.serve.presenting import moment, record_to_json
from temper.serve.problem import ProblemError

PAGE = 500
NUMBER_MAX = 2**62
"""Higher than the number of any record."""


class KeepingService(OperatingService):
    """The operations about what is kept."""

    async def backup(self, asked: Asked) -> Answer:
        """Copy what is durable, in a thread: whatever was acknowledged before is in it."""
        self._check_blueprint(asked)
        premises = self.instruments.premises
        if premises is None:
            raise ProblemError("not-in-a-file", "the journal is in no file here: back up the database itself")
        from temper.run.store.sqlite_backup import back_up

        stamp = moment(self.runtime.now()).replace(":", "").replace("-", "").replace(".", "-")
        target = premises.backups / f"{self.name}-{stamp}.sqlite"
        try:
            done = await asyncio.to_thread(back_up, premises.store, target)
        except StoreError as error:
            raise ProblemError("store-failed", f"there is no backup: {error}") from None
        told_ = {"path": str(done.path), "record": done.record, "chain": done.chain, "bytes": done.bytes}
        return Answer(told_ | {"cut": done.cut.number})

    async def tidy(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        keeping = self.runtime.keeping
        if keeping is None:
            raise ProblemError("no-retention", "nothing is put away here: temper.toml has no [retention]")
        done = told(await keeping.tidy())
        counts = {"instances": done.instances, "records": done.records, "answers": done.answers}
        return Answer({**counts, "cut": done.cut})

    async def export(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        rows = self._every_record(asked.number("after", 0, 0, NUMBER_MAX))
        first = await asyncio.to_thread(_some, rows)
        return Answer(_lines(first, rows))

    async def at(self, asked: Asked) -> Answer:
        entity = self._entity(asked)
        when, folder = read_moment(asked.given.get("moment", "")), self.instruments.archive
        address = Address(entity, asked.given["id"])
        try:
            past = await asyncio.to_thread(self.runtime.past, address, when, folder)
        except ArchiveBrokenError as broken:
            raise ProblemError("archive-broken", str(broken)) from None
        except StoreError as error:
            raise ProblemError("store-failed", str(error)) from None
        if past is None:
            detail = f"there was no {entity} `{address.id}` at {moment(when)}"
            raise ProblemError("unknown-instance", detail, {"id": address.id, "moment": moment(when)})
        return Answer(past_to_json(past))

    def _every_record(self, after: int) -> Iterator[RecordRow]:
        """From the archive and from the store; what is written meanwhile comes at the end."""
        store, folder = self.runtime.store, self.instruments.archive
        cut = cut_of(store)
        if folder is None and cut.number > after:
            detail = f"records up to {cut.number:,} have left the database; `temper up --archive` says where they lie"
            raise ProblemError("archive-broken", detail)
        old = archived(folder, cut, after) if folder is not None and cut.number > after else ()
        return chain(old, _live(store, max(after, cut.number)))

    def _entity(self, asked: Asked) -> str:
        raise NotImplementedError


def past_to_json(past: Past) -> dict[str, Any]:
    """An instance as it was."""
    return {
        "entity": past.entity,
        "id": past.id,
        "state": past.state,
        "seq": past.seq,
        "since": moment(past.at),
        "data": past.data,
        "timers": {name: moment(due) for name, due in past.timers},
        "record": past.record,
        "table": past.table,
        "version": past.version,
        "retired": past.retired,
    }


def read_moment(text: str) -> int:
    """Milliseconds since 1970 of a moment in ISO 8601.

    >>> read_moment("2026-11-20T10:00") == read_moment("2026-11-20T11:00:00+01:00")
    True
    """
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ProblemError("bad-request", f"`moment` is a time such as 2026-11-20T10:00, not {text[:40]!r}") from None


def _live(store: Any, number: int) -> Iterator[RecordRow]:
    while rows := store.records(None, number, PAGE):
        yield from rows
        number = rows[-1].number


def _some(rows: Iterator[RecordRow]) -> Sequence[RecordRow]:
    try:
        return list(islice(rows, PAGE))
    except ArchiveBrokenError as broken:
        raise ProblemError("archive-broken", str(broken)) from None


async def _lines(first: Sequence[RecordRow], rows: Iterator[RecordRow]) -> AsyncGenerator[str, None]:
    """Page by page, each read in a thread when the one before has left."""
    page = first
    while page:
        yield "".join(_line(row) for row in page)
        page = await asyncio.to_thread(_some, rows)


def _line(row: RecordRow) -> str:
    told_ = {"entity": row.entity, "id": row.id, **record_to_json(json.loads(row.body)), "hash": row.hash}
    return json.dumps(told_, ensure_ascii=False) + "\n"
