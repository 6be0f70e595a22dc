"""Settings for every test: laws are the same each time, unless somebody hunts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import Server, serve

os.environ["TEMPER_CACHE"] = ""  # machine code of other runs decides nothing here, and nothing is left behind

settings.register_profile(
    "repository",
    deadline=None,
    derandomize=True,
    max_examples=100,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "hunt",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("repository")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole session; every store in it has a schema of its own."""
    server = serve()
    yield server
    server.remove()
