"""Who serves this store: a slot for each node, an epoch that fences it, a lease that it renews.

A node holds an advisory lock named after its slot and epoch for as long as its connection lives. Another may take it
for dead when that lock is free or when its lease has run out, and says so by raising the epoch; from then on no
commit of the old epoch is kept. Whether the lease was long enough is a question of comfort, never of truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from temper.run.store.postgres.connecting import Connection, exchanged
from temper.run.store.postgres.schema import SLOTS
from temper.run.store.protocol import FencedError, StoreInUseError
from temper.run.store.rows import Head, PendingRow
from temper.run.store.shared import Beat

EPOCHS = 1 << 22
"""Lock names hold so many epochs of a slot before they begin anew."""
ADOPTED_MAX = 200
"""How many rows a node adopts at once, so that the others get their share."""

NAME = f"((slot::bigint << 22) | mod(epoch, {EPOCHS}))"
"""The low half of the name of a node's lock; the high half is the schema."""
LOCK = f"""SELECT pg_advisory_lock((current_schema()::regnamespace::oid::bigint << 32) | {NAME})
  FROM nodes WHERE slot = %s"""
UNLOCK = "SELECT pg_advisory_unlock_all()"
IS_SILENT = f"""(until < clock_timestamp() OR NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory'
  AND granted AND objsubid = 1 AND classid = current_schema()::regnamespace::oid AND objid::bigint = {NAME}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))"""
RENEWED = "clock_timestamp() + make_interval(secs => %s::float / 1000)"

FREE = f"""SELECT slot FROM nodes WHERE until IS NULL OR {IS_SILENT} ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED"""
JOIN = f"UPDATE nodes SET epoch = epoch + 1, until = {RENEWED} WHERE slot = %s RETURNING epoch"
TOLD = "SELECT pg_notify(current_schema(), 'left')"
LEAVE = "UPDATE nodes SET until = NULL, epoch = epoch + 1 WHERE slot = %s AND epoch = %s"
WAKE = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE application_name = current_setting('application_name') AND datname = current_database()
  AND xact_start IS NOT NULL AND wait_event_type = 'Client'
  AND greatest(xact_start, state_change) < clock_timestamp() - make_interval(secs => %s::float / 1000)"""
RENEW = f"UPDATE nodes SET until = {RENEWED} WHERE slot = %s AND epoch = %s RETURNING slot"
FENCE = f"""UPDATE nodes SET until = NULL, epoch = epoch + 1 WHERE slot IN (SELECT slot FROM nodes
  WHERE until IS NOT NULL AND slot <> %s AND {IS_SILENT} FOR UPDATE SKIP LOCKED)"""
DESERTED = "SELECT slot FROM nodes WHERE until IS NULL AND epoch > 0 FOR SHARE SKIP LOCKED"
COLUMNS = ", ".join(f"pending.{name}" for name in PendingRow._fields)
ADOPT_PENDING = f"""UPDATE pending SET node = %s WHERE place IN (SELECT place FROM pending WHERE node = ANY (%s)
  ORDER BY place LIMIT {ADOPTED_MAX} FOR UPDATE SKIP LOCKED) RETURNING {COLUMNS}"""
ADOPT_TIMERS = f"""UPDATE cells SET node = %s WHERE (entity, id) IN (SELECT entity, id FROM cells WHERE node = ANY (%s)
  AND due IS NOT NULL ORDER BY due LIMIT {ADOPTED_MAX} FOR UPDATE SKIP LOCKED) RETURNING due"""
ADOPT_NOTES = f"""UPDATE book SET node = %s WHERE (kind, key) IN (SELECT kind, key FROM book WHERE node = ANY (%s)
  AND kind IN ('lease', 'letter') LIMIT {ADOPTED_MAX} FOR UPDATE SKIP LOCKED) RETURNING kind"""
HEAD = "SELECT identity, commits, record, place, chain FROM nodes, store WHERE slot = %s AND epoch = %s"
SEEN = "SELECT in_force, max(record), max(place) FROM store, nodes GROUP BY in_force"


@dataclass(frozen=True, slots=True)
class Membership:
    """A node's slot, and the epoch in which it holds it."""

    slot: int
    epoch: int


def join(connection: Connection, lease_milliseconds: int) -> Membership:
    """Take the first slot that nobody holds, with all that its last holder left to do."""
    with connection.transaction():
        free = exchanged(connection, FREE)
        if not free:
            raise StoreInUseError(f"{SLOTS} nodes serve this store already, and there is room for no more")
        slot: int = free[0][0]
        epoch: int = exchanged(connection, JOIN, (lease_milliseconds, slot))[0][0]
        # Before anybody can see the new epoch, lest they find its lock free and take us for dead.
        exchanged(connection, LOCK, (slot,))
    return Membership(slot, epoch)


def leave(connection: Connection, membership: Membership) -> None:
    """Give the slot back; what it was to do is adopted at once."""
    connection.execute(LEAVE.encode(), (membership.slot, membership.epoch))
    exchanged(connection, UNLOCK)
    exchanged(connection, TOLD)


def lock(connection: Connection, membership: Membership) -> None:
    """Hold the node's lock in a new connection."""
    exchanged(connection, LOCK, (membership.slot,))


def head_of(connection: Connection, membership: Membership) -> Head:
    """Where this node's chain stands. Raises `FencedError` if it is not this node's any more."""
    rows = exchanged(connection, HEAD, (membership.slot, membership.epoch))
    if not rows:
        raise FencedError("the other nodes took this one for dead, and go on without it")
    identity, commits, record, place, chain = rows[0]
    return Head(identity, commits, record, place, chain, SLOTS, membership.slot)


def beat(connection: Connection, membership: Membership, lease_milliseconds: int) -> Beat:
    """Renew the lease, fence whoever is silent, and adopt a portion of what they left: one transaction.

    Whoever fell asleep in the middle of a commit loses its connection, and with it its locks.
    """
    slot = membership.slot
    # First, and in no transaction: a sleeper's locks may be what our own commit waits for, and with it the renewal.
    exchanged(connection, WAKE, (lease_milliseconds,))
    with connection.transaction():
        if not exchanged(connection, RENEW, (lease_milliseconds, slot, membership.epoch)):
            raise FencedError("the other nodes took this one for dead, and go on without it")
        connection.execute(FENCE.encode(), (slot,))
        deserted = [row[0] for row in exchanged(connection, DESERTED)]
        pending: list[PendingRow] = []
        timers = notes = 0
        if deserted:
            pending = [PendingRow(*row) for row in exchanged(connection, ADOPT_PENDING, (slot, deserted))]
            timers = len(exchanged(connection, ADOPT_TIMERS, (slot, deserted)))
            notes = len(exchanged(connection, ADOPT_NOTES, (slot, deserted)))
        in_force, record, place = exchanged(connection, SEEN)[0]
    return Beat(in_force, sorted(pending), timers, notes, record, place)
