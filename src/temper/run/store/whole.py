"""A journal as a whole, wherever it is kept: whether it is there, how many live in it, and putting it aside."""

from __future__ import annotations

from pathlib import Path

from temper.run.store.opening import Place, with_driver

SCHEMA_MAX = 40
"""So much of a schema's name is kept when a time is added: PostgreSQL cuts names off at 63 bytes."""


def is_there(place: Place) -> bool:
    """Whether a journal was made there. Raises `StoreError` if nobody can tell."""
    if not place.is_database:
        return Path(place.text).is_file()
    with with_driver():
        from temper.run.store.postgres import schema
    return schema.exists(place.text, place.schema)


def count_instances(place: Place) -> int:
    """Without those whose id alone is still taken. Raises `StoreError`."""
    if not place.is_database:
        from temper.run.store import sqlite_count

        return sqlite_count.count_instances(Path(place.text))
    with with_driver():
        from temper.run.store.postgres import schema
    return schema.count_instances(place.text, place.schema)


def put_aside(place: Place, stamp: str) -> str:
    """Rename the schema of a journal that nobody serves, and say how it is called now. Raises `StoreError`."""
    with with_driver():
        from temper.run.store.postgres import schema
    name = f"{place.schema[:SCHEMA_MAX]}:{stamp}"
    schema.rename(place.text, place.schema, name)
    return name
