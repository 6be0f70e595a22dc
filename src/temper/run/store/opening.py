"""Where a journal is kept, as an operator names it: a file of SQLite, or a database of PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from temper.run.store.protocol import Store, StoreError

DATABASE = re.compile(r"postgres(ql)?://")
PASSWORD = re.compile(r"(?<=:)[^:@/]*(?=@)|(?<=password=)[^&]*")
NAME_MAX = 50
"""PostgreSQL cuts names off at 63 bytes; a schema's name is to stay one blueprint's."""


TENANT_MAX = 40
"""A tenant's schema has its blueprint's name, too; and a longer name yet when it is put aside."""


class DriverMissingError(StoreError):
    """The database's driver is not installed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, or the address of a database, in which each blueprint has a schema of its own, and each of its tenants.

    >>> print(Place("postgresql://ann:secret@db/main", "deploy"), Place("postgresql://db", "deploy").schema)
    postgresql://ann:…@db/main temper_deploy
    >>> print(Place("postgresql://db", "deploy", "acme").schema)
    temper_deploy:acme
    """

    text: str
    blueprint: str
    tenant: str = ""

    @property
    def is_database(self) -> bool:
        return DATABASE.match(self.text) is not None

    @property
    def schema(self) -> str:
        name = self.blueprint
        if self.tenant:
            # No name of a blueprint or a tenant has a colon, so nobody else's schema is called like that.
            name = f"{name}:{self.tenant}"
            if len(name.encode()) > TENANT_MAX:
                name = f"{name.encode()[:14].decode(errors='ignore')}:{hashlib.sha256(name.encode()).hexdigest()[:25]}"
        elif len(name) > NAME_MAX:
            name = f"{name[:NAME_MAX]}_{hashlib.sha256(name.encode()).hexdigest()[:5]}"
        return f"temper_{name}"

    def __str__(self) -> str:
        """As it may be shown: a password is nobody's business."""
        return PASSWORD.sub("…", self.text) if self.is_database else self.text


def open_store(place: Place, *, identity: str = "", read_only: bool = False) -> Store:
    """Open a journal, made if it is missing and not only read. Raises `StoreError`, or `OSError` for a folder."""
    if not place.is_database:
        from temper.run.store.sqlite import SqliteStore

        if not read_only:
            Path(place.text).parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(place.text, identity=identity, read_only=read_only)
    with with_driver():
        from temper.run.store.postgres import PostgresStore
    return PostgresStore(place.text, schema_name=place.schema, identity=identity, read_only=read_only)


@contextlib.contextmanager
def with_driver() -> Iterator[None]:
    """Import what needs the driver of PostgreSQL. Raises `DriverMissingError`."""
    try:
        yield
    except ImportError:
        raise DriverMissingError("a store on PostgreSQL needs the driver psycopg, which is not installed") from None
