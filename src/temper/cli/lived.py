"""What a journal left behind, for a version that is to go on from it."""

from __future__ import annotations

from pathlib import Path

from temper.pipeline import Live


def what_lives(store: Path, table_hash: str) -> Live | None:
    """The versions and instances in a journal that was last served under another version; None if there is none.

    What cannot be read here is said by whoever opens the journal to serve from it.
    """
    if not store.is_file():
        return None
    from temper.run import lineage_of, live_images, stage
    from temper.run.store.protocol import StoreError
    from temper.run.store.sqlite import SqliteStore

    try:
        opened = SqliteStore(store, identity="", read_only=True)
    except StoreError:
        return None
    try:
        lineage = lineage_of(opened)
        if not lineage or stage(lineage[-1]).hash == table_hash:
            return None
        return Live(lineage, live_images(stage(lineage[-1]), opened))
    except StoreError:
        return None
    finally:
        opened.close()
