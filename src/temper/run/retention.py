"""How long things are kept: the operator's `[retention]` in `temper.toml`.

    [retention]
    records = "90d"        # older journal records go into the archive
    answers = "30d"        # what was answered under an idempotency key is forgotten

    [retention.finished]
    Deploy = "30d"         # an instance that has been final for so long is put away; its id stays taken

What is not said is kept for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temper.machine import TransitionTable
from temper.report import suggest
from temper.run.handlers.toml import TomlFile

DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Retention:
    """Ages in milliseconds; None keeps for ever."""

    records: int | None = None
    answers: int | None = None
    finished: Mapping[str, int] = field(default_factory=dict)

    @property
    def keeps_everything(self) -> bool:
        return self.records is None and self.answers is None and not self.finished


def load_retention(path: Path, table: TransitionTable) -> Retention:
    """What the file says about this table's entities. Raises `HandlersBrokenError`."""
    file = TomlFile(path)
    told = file.table(file.read().get("retention", {}), "[retention]")
    file.only(told, ("records", "answers", "finished"), "[retention]")
    ages = {name: file.duration(told[name], f"[retention] {name}") for name in ("records", "answers") if name in told}
    finished = file.table(told.get("finished", {}), "[retention.finished]")
    known = {entity.name: entity for entity in table.entities if not entity.world}
    for name in finished:
        if name not in known:
            near = suggest(name, tuple(known))
            raise file.broken(
                f"[retention.finished] {name}: {table.blueprint} has no such entity; {_hint(near, known)}"
            )
        if not known[name].final:
            raise file.broken(
                f"[retention.finished] {name}: no state of {name} is final, so nothing would ever be put away"
            )
    return Retention(
        ages.get("records"),
        ages.get("answers"),
        {name: file.duration(age, f"[retention.finished] {name}") for name, age in finished.items()},
    )


def _hint(near: str | None, known: Mapping[str, object]) -> str:
    return f"did you mean `{near}`?" if near else f"it has {', '.join(known)}"
