"""The runtime: a sans-IO engine, a durable journal, and a driver that ties them to the world."""

from typing import TYPE_CHECKING

from temper.run.answer import (
    PROBLEMS,
    Armed,
    Done,
    Listed,
    Option,
    Problem,
    Response,
    Retryable,
    Seen,
    Terminal,
    Waiting,
    done_to_json,
    rejected_to_json,
)
from temper.run.codec import cell_row, pending_row, record_from_json
from temper.run.dispatcher import Answered, Failed
from temper.run.engine import Instance, absorb
from temper.run.handlers import HandlersBrokenError, load_handlers
from temper.run.invariants import entities_read
from temper.run.journal import chained
from temper.run.leases import Completed, Leased
from temper.run.limits import Fuse, Limits, Rate
from temper.run.mapping import CellMapper, map_delivery
from temper.run.obstacle import OBSTACLES, Obstacle
from temper.run.record import Pending, Record, owner_of, receiver_of
from temper.run.reload import Admitted, Image, NotAdmitted, live_images
from temper.run.runtime import Runtime, lineage_of, open_runtime
from temper.run.store.memory import MemoryStore
from temper.run.store.protocol import StorageFullError, Store, StoreError, StoreInUseError
from temper.run.store.rows import GENESIS, Batch, PendingRow, RecordRow
from temper.run.upkeep import Attempts, EffectSeen, LetterSeen
from temper.run.version import Version, stage
from temper.run.world import (
    Ask,
    AttemptFailedError,
    Handler,
    ManualClock,
    SeededChance,
    SystemChance,
    SystemClock,
    World,
)

if TYPE_CHECKING:
    from temper.run.abstraction import abstracted
    from temper.run.refinement import Departure, departure
    from temper.run.store.memory_node import SharedMemoryStore
    from temper.run.store.memory_shared import Member, SharedMemory
    from temper.run.store.postgres import PostgresStore
    from temper.run.store.sqlite import SqliteStore

__all__ = [
    "GENESIS",
    "OBSTACLES",
    "PROBLEMS",
    "Admitted",
    "Answered",
    "Armed",
    "Ask",
    "AttemptFailedError",
    "Attempts",
    "Batch",
    "CellMapper",
    "Completed",
    "Departure",
    "Done",
    "EffectSeen",
    "Failed",
    "Fuse",
    "Handler",
    "HandlersBrokenError",
    "Image",
    "Instance",
    "Leased",
    "LetterSeen",
    "Limits",
    "Listed",
    "ManualClock",
    "Member",
    "MemoryStore",
    "NotAdmitted",
    "Obstacle",
    "Option",
    "Pending",
    "PendingRow",
    "PostgresStore",
    "Problem",
    "Rate",
    "Record",
    "RecordRow",
    "Response",
    "Retryable",
    "Runtime",
    "SeededChance",
    "Seen",
    "SharedMemory",
    "SharedMemoryStore",
    "SqliteStore",
    "StorageFullError",
    "Store",
    "StoreError",
    "StoreInUseError",
    "SystemChance",
    "SystemClock",
    "Terminal",
    "Version",
    "Waiting",
    "World",
    "absorb",
    "abstracted",
    "cell_row",
    "chained",
    "departure",
    "done_to_json",
    "entities_read",
    "lineage_of",
    "live_images",
    "load_handlers",
    "map_delivery",
    "open_runtime",
    "owner_of",
    "pending_row",
    "receiver_of",
    "record_from_json",
    "rejected_to_json",
    "stage",
]


def __getattr__(name: str) -> object:
    """What brings much with it is imported when it is first asked for: a store its driver, a law what it checks."""
    if name == "SqliteStore":
        from temper.run.store.sqlite import SqliteStore

        return SqliteStore
    if name == "PostgresStore":
        from temper.run.store.postgres import PostgresStore

        return PostgresStore
    if name in {"Member", "SharedMemory", "SharedMemoryStore"}:
        from temper.run.store import memory_node, memory_shared

        return getattr(memory_node if name == "SharedMemoryStore" else memory_shared, name)
    if name in {"Departure", "abstracted", "departure"}:
        from temper.run import abstraction, refinement

        return getattr(abstraction if name == "abstracted" else refinement, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
