"""Where the journals of tenants lie: a file in the folder of each, or a schema of each in one database.

Who is a tenant, and whose tokens count, the folders say in either case. A schema that no folder here speaks of is
somebody else's: it is never taken for the journal of a tenant that is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from temper.run.store.opening import Place
from temper.run.store.whole import is_there, put_aside
from temper.serve.home import Home
from temper.serve.premises import Premises


@dataclass(frozen=True, slots=True)
class Journals:
    """`database` is its address, if that is where they are kept."""

    database: str = ""

    def place(self, tenant: str, home: Home, blueprint: str) -> Place:
        """Where one tenant's journal is.

        >>> from pathlib import Path
        >>> Journals("postgresql://db").place("acme", Home(Path("acme")), "deploy").schema
        'temper_deploy:acme'
        >>> print(Journals().place("acme", Home(Path("acme")), "deploy"))
        acme/journal.sqlite
        """
        return Place(self.database, blueprint, tenant) if self.database else Place(str(home.store), blueprint)

    def premises(self, home: Home) -> Premises | None:
        """What lies beside a tenant's journal; nothing lies beside one in a database."""
        return None if self.database else Premises(home.store)

    def is_taken(self, tenant: str, blueprint: str) -> bool:
        """Whether a journal is there that a new tenant of this name would be given. Raises `StoreError`."""
        return bool(self.database) and is_there(Place(self.database, blueprint, tenant))

    def put_aside(self, tenant: str, blueprint: str, stamp: str) -> None:
        """Let go of a journal that did not go with the tenant's folder. Raises `StoreError`."""
        if self.database:
            put_aside(Place(self.database, blueprint, tenant), stamp)
