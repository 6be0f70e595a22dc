"""What must be true of any store, whatever happened to whoever wrote it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from temper.machine import NEW, Address, table_from_json
from temper.run import Store, abstracted, departure, stage
from temper.run.abstraction import Abstracted
from temper.run.archive import archived
from temper.run.book import letters
from temper.run.codec import instance_from_rows, pending_from_row
from temper.run.cut import cut_of
from temper.run.engine import Instance
from temper.run.journal import first_broken, replay
from temper.run.record import Pending
from temper.run.replaying import fold_journal
from temper.run.store.rows import RecordRow


def all_rows(store: Store, archive: Path | None = None) -> list[RecordRow]:
    """Every record: those that were put into the archive, and those in the store."""
    old = [] if archive is None else list(archived(archive, cut_of(store)))
    return [*old, *store.records(None, 0, 1_000_000)]


def all_records(store: Store, archive: Path | None = None) -> list[dict[str, object]]:
    return [json.loads(row.body) for row in all_rows(store, archive)]


def assert_whole(store: Store, archive: Path | None = None) -> None:
    """The chain is intact, replaying it gives the rows, and no delivery was consumed twice."""
    rows = all_rows(store, archive)
    heads = store.heads() if store.shared else [store.head()]  # type: ignore[attr-defined]
    assert first_broken(rows, stride=heads[0].stride) is None
    ends = {row.number % heads[0].stride: (row.number, row.hash) for row in rows}
    assert [ends.get(head.slot, (0, head.chain)) for head in heads] == [(head.record, head.chain) for head in heads]
    assert_replay_equals_rows(store, archive)
    consumed = Counter(
        (*key,) for record in all_records(store, archive) if record["rule"] != "reload"
        for key in (*record.get("consumed", ()), *record.get("withdrawn", ()))  # type: ignore[misc]
    )  # fmt: skip
    assert not [key for key, times in consumed.items() if times > 1]
    assert {key for key, _ in letters(store)} <= died(store), "a letter of what did not settle `unknown`"


def assert_one_run(store: Store) -> None:
    """The law of refinement over the whole journal: a run of the relation, in the order of the numbers."""
    versions = {row.hash: stage(table_from_json(json.loads(row.body))) for row in store.versions()}
    rows = store.records(None, 0, 1_000_000)
    assert departure(Abstracted(), rows, abstracted(store, versions), versions) is None


def died(store: Store) -> set[tuple[int, int]]:
    """The deliveries that settled `unknown` and are not asked again, as the journal has them."""
    return {
        (place, round_)
        for record in all_records(store)
        if record["rule"] == "settle" and record["outcome"] == "unknown" and record.get("action") != "again"
        for place, round_ in record["consumed"]  # type: ignore[attr-defined]
    }


def assert_replay_equals_rows(store: Store, archive: Path | None = None) -> None:
    """The law: replay equals live."""
    versions = {row.hash: stage(table_from_json(json.loads(row.body))) for row in store.versions()}
    if not versions:
        return
    current = versions[store.versions()[-1].hash]
    rows = all_rows(store, archive)
    replayed = replay(versions, rows)
    quickly = fold_journal(versions, rows)
    assert (quickly.instances, quickly.pending) == (replayed.instances, replayed.pending)
    lives: dict[Address, Instance] = {}
    for entity in current.entities:
        for row in store.all_cells(entity):
            instance = instance_from_rows(current, row, store.effects_of(row.address))
            if kept(instance):  # several nodes keep a row of whatever a step was computed from, `new` as it may be
                lives[row.address] = instance
    expected = {address: bare(instance) for address, instance in replayed.instances.items() if kept(instance)}
    assert {address: bare(instance) for address, instance in lives.items()} == expected
    waiting = {row.place: plain(pending_from_row(current, row)) for row in store.pending(0, 1_000_000)}
    assert waiting == {place: plain(pending) for place, pending in replayed.pending.items()}


def kept(instance: Instance) -> bool:
    return instance.cell.control != NEW or instance.burnt


def bare(instance: Instance) -> Instance:
    """Without book-keeping, which is no step and in no record; of an id that is merely taken nothing is left but that."""
    if instance.cell.control == NEW:
        instance = instance._replace(cell=instance.cell._replace(data=()))
    return instance._replace(effects=tuple(plain(pending) for pending in instance.effects))


def plain(pending: Pending) -> Pending:
    return Pending(pending.place, pending.round, pending.delivery)
