"""The runtime: a sans-IO engine, a durable journal, and a driver that ties them to the world."""

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
from temper.run.obstacle import OBSTACLES, Obstacle
from temper.run.reload import Admitted, Image, NotAdmitted
from temper.run.runtime import Runtime, open_runtime
from temper.run.store.memory import MemoryStore
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

__all__ = [
    "OBSTACLES",
    "PROBLEMS",
    "Admitted",
    "Armed",
    "Ask",
    "AttemptFailedError",
    "Done",
    "Handler",
    "Image",
    "Listed",
    "ManualClock",
    "MemoryStore",
    "NotAdmitted",
    "Obstacle",
    "Option",
    "Problem",
    "Response",
    "Retryable",
    "Runtime",
    "SeededChance",
    "Seen",
    "SystemChance",
    "SystemClock",
    "Terminal",
    "Waiting",
    "World",
    "done_to_json",
    "open_runtime",
    "rejected_to_json",
]
