"""The proofs that lie beside a blueprint: taken up by every verification, and written by `temper verify --prove`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.terminal import Terminal
from temper.pipeline import Built, Judged

if TYPE_CHECKING:
    from temper.verify import KeptProofs

ANEW = "`temper verify --prove` writes it anew"


def proofs_beside(built: Built, terminal: Terminal, *, overridden: bool = False) -> KeptProofs | None:
    """Proofs of this very table, if there are any. Says so if there is a file that is of no use.

    With constants `overridden` the table is another one than the file is about, which is nobody's mistake.
    """
    from temper.machine import table_hash
    from temper.verify import proofs_path, read_proofs

    if built.table is None or not built.sources:
        return None
    path = proofs_path(Path(built.sources[0].path))
    try:
        found = read_proofs(path)
    except (OSError, ValueError) as wrong:
        terminal.warn(f"note: {path} is not used: {_words(wrong)}; {ANEW}")
        return None
    if found is not None and found.table != table_hash(built.table):
        if not overridden:
            terminal.warn(f"note: {path} is about another version of the blueprint and not used; {ANEW}")
        return None
    return found


def keep_proofs_beside(judged: Judged, built: Built, known: KeptProofs | None, terminal: Terminal) -> None:
    """Write what was proved beside the blueprint, if that is more than what is known.

    That it cannot be written is a pity and no error: the verdicts are what was asked for.
    """
    from temper.verify import kept_proofs, proofs_path, write_proofs

    proofs, path = kept_proofs(judged.table, judged.certificate), proofs_path(Path(built.sources[0].path))
    if set(proofs.proved) <= set(known.proved if known else ()):
        return
    try:
        write_proofs(path, proofs)
    except OSError as wrong:
        terminal.warn(f"note: the proofs are not kept: {path} cannot be written: {_words(wrong)}")
        return
    if not terminal.as_json:
        terminal.say(f"proofs kept in {path}: commit it with the blueprint, and every later run shows them at once")


def _words(wrong: Exception) -> str:
    return (wrong.strerror or str(wrong)) if isinstance(wrong, OSError) else str(wrong)
