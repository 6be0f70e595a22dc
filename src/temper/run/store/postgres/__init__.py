"""A store that several nodes share, on PostgreSQL. One commit is one transaction, and checks all that it rests on.

Needs the driver of the extra `temper[postgres]`, so it is imported when a store on PostgreSQL is asked for.
"""

from temper.run.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
