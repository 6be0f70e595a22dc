"""Seeds on a Dask cluster: run by whichever workers are there, heard in their order."""

from __future__ import annotations

import pickle
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from importlib.metadata import version

from distributed import Client, KilledWorker

from temper.verify.simulate.run import Ran
from temper.verify.simulate.seeds import Asked, in_order, run_seeds

ADDRESS = re.compile(r"((tcp|tls)://)?[^\s/:]+:\d{1,5}")
SCHEDULER_SECONDS = 10
"""So long a scheduler has to answer."""
WORKERS_SECONDS = 10
"""So long it may take until a worker is there."""
RETRIES = 2
"""So often a chunk is run again when its worker goes away."""
AHEAD = 3
"""So many chunks wait for each thread of a worker."""
_ONE_AT_A_TIME = threading.Lock()
"""A worker may have many threads; runs compute and never wait, so that two at once only get in each other's way."""


class ClusterError(Exception):
    """The cluster cannot be used. `cure` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message, cure)  # both, since it comes from a worker as its arguments
        self.cure = cure

    def __str__(self) -> str:
        return str(self.args[0])


def spread(asked: Asked, chunks: Iterable[tuple[int, ...]], address: str) -> Iterator[Ran]:
    """Have the cluster at this address run every chunk. Raises `ClusterError`."""
    client = _connected(address)
    ours, packed = version("temper"), pickle.dumps(asked)
    try:
        _workers(client, address)
        yield from in_order(
            chunks,
            lambda chunk: client.submit(run_there, ours, packed, chunk, pure=False, retries=RETRIES),
            lambda: AHEAD * max(1, sum(client.ncores().values())),  # type: ignore[no-untyped-call]
        )
    except KilledWorker as killed:
        message = f"workers of {address} die of these seeds: {killed}"
        raise ClusterError(message, "look at their logs: memory, most likely") from None
    except (CancelledError, OSError) as lost:
        message = f"the cluster at {address} has gone away: {lost}"
        raise ClusterError(message, "start it again, and go on with --from") from None
    except ImportError as missing:
        message = f"a worker of {address} cannot run temper: {missing}"
        raise ClusterError(message, f"pip install temper=={ours} there, too") from None
    finally:
        client.close(timeout=SCHEDULER_SECONDS)  # type: ignore[no-untyped-call]


def run_there(wanted: str, packed: bytes, seeds: tuple[int, ...]) -> list[Ran]:
    """On a worker: run them. Another version would make other runs of the same seeds."""
    if wanted != (found := version("temper")):
        message = f"a worker has temper {found}, and here it is {wanted}"
        raise ClusterError(message, f"pip install temper=={wanted} there: a seed is a run of one version")
    with _ONE_AT_A_TIME:
        return list(run_seeds(pickle.loads(packed), seeds))  # noqa: S301 (Dask's own messages are pickles as well)


def _connected(address: str) -> Client:
    if not ADDRESS.fullmatch(address):
        raise ClusterError(f"`{address}` is no address of a cluster", "as in tcp://127.0.0.1:8786")
    try:
        return Client(address, timeout=SCHEDULER_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as wrong:
        message = f"no Dask scheduler answers at {address}: {wrong}"
        raise ClusterError(message, "start one with `dask scheduler`, and workers with `dask worker ADDRESS`") from None


def _workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError:
        message = f"the scheduler at {address} has no workers"
        raise ClusterError(message, f"start some with `dask worker {address}`") from None
