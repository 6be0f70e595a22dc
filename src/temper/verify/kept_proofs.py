"""Proofs beside a blueprint: `deploy.proofs` holds what was proved of `deploy.yaml`, and the lemmas that it takes.

To find a lemma takes long, and to show that it does takes a moment. So what `temper verify --prove` found is written
beside the blueprint, to be committed with it: then everybody's next run has it, on any machine. Nothing in the file is
believed. Its lemmas are shown again, every time; one that was tampered with proves nothing, and costs a little time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.machine import (
    NotAValueError,
    Property,
    PropertyKind,
    TransitionTable,
    property_from_json,
    property_to_json,
    table_hash,
)
from temper.machine.certificate import Certificate
from temper.verify.obligations import is_for_all_runs

VERSION = 1
SUFFIX = ".proofs"
BYTES_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class KeptProofs:
    """The names of what was proved of a table, and lemmas with which it can be shown."""

    table: str
    """Its hash."""
    proved: tuple[str, ...]
    lemmas: tuple[Property, ...]


def proofs_path(blueprint: Path) -> Path:
    """Where the proofs of a blueprint are.

    >>> proofs_path(Path("examples/deploy/deploy.yaml")).as_posix()
    'examples/deploy/deploy.proofs'
    """
    return blueprint.with_suffix(SUFFIX)


def kept_proofs(table: TransitionTable, certificate: Certificate) -> KeptProofs:
    """What a certificate proves with the solver's help. Promises are left out: they need no lemmas."""
    promises = {each.name for each in table.properties if each.kind is PropertyKind.EVENTUALLY}
    proved = [each.name for each in certificate.findings if is_for_all_runs(each) and each.name not in promises]
    return KeptProofs(table_hash(table), tuple(proved), certificate.lemmas)


def read_proofs(path: Path) -> KeptProofs | None:
    """What the file holds; None if there is no such file. Raises OSError, or ValueError if it is something else."""
    try:
        with path.open("rb") as file:
            body = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    if len(body) > BYTES_MAX:
        raise ValueError(f"it has more than {BYTES_MAX:,} bytes")
    try:
        return _from_json(json.loads(body))
    except (KeyError, TypeError, AttributeError, RecursionError, NotAValueError) as wrong:
        raise ValueError("it was not written by `temper verify --prove`") from wrong


def write_proofs(path: Path, proofs: KeptProofs) -> None:
    """Write the file, a line for each lemma, so that a comparison of two shows what changed. Raises OSError."""
    path.write_text(_text(proofs), encoding="utf-8")


def _text(proofs: KeptProofs) -> str:
    head = {"temper_proofs": VERSION, "table": proofs.table, "proved": list(proofs.proved)}
    begun = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{begun},\n "lemmas": [{",".join(_lines(map(property_to_json, proofs.lemmas)))}\n ]\n}}\n'


def _lines(lemmas: Iterable[Any]) -> Iterable[str]:
    return (f"\n  {json.dumps(lemma, ensure_ascii=False, separators=(',', ':'))}" for lemma in lemmas)


def _from_json(data: Any) -> KeptProofs:
    if data["temper_proofs"] != VERSION:
        raise ValueError(f"proofs of version {data['temper_proofs']} are not read here")
    names = [data["table"], *data["proved"]]
    if not all(isinstance(name, str) for name in names):
        raise TypeError("names are texts")
    return KeptProofs(data["table"], tuple(data["proved"]), tuple(map(property_from_json, data["lemmas"])))
