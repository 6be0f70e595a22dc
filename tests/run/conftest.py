"""What several test files of the runtime are run over."""

from __future__ import annotations

import pytest

from support.nodes import Database
from temper.run import SharedMemory


@pytest.fixture(params=["postgres", "shared memory"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database for several nodes: what holds over PostgreSQL holds over the rows in memory that simulations use."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")  # type: ignore[no-any-return]
    return SharedMemory("shared")
