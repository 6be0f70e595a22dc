"""A certificate as a file: what was decided about a table, with the table, so that anybody can check it again later."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from temper.machine import (
    Certificate,
    Proved,
    Refuted,
    TransitionTable,
    canonical_json,
    table_from_json,
    table_to_json,
)
from temper.verify.certificate_json import certificate_from_json, certificate_to_json
from temper.verify.kept_trace import must_fit

VERSION = 1
DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """What a certificate file holds. `is_whole` says whether it is as it was written."""

    certificate: Certificate
    table: TransitionTable
    blueprint: str = ""
    """Where the blueprint lay, as the user named it."""
    constants: tuple[tuple[str, str], ...] = ()
    """(name, value) of each constant that was overridden for the run."""
    is_whole: bool = True


def kept_certificate_to_json(kept: KeptCertificate) -> dict[str, Any]:
    """The file's content, with a digest of it. The digest finds accidents: who alters the file can alter it, too."""
    data = {
        "temper_certificate": VERSION,
        "blueprint": kept.blueprint,
        "constants": dict(kept.constants),
        **certificate_to_json(kept.certificate),
        "in_full": table_to_json(kept.table),
    }
    return {**data, DIGEST: _digest(data)}


def kept_certificate_from_json(data: Any) -> KeptCertificate:
    """What was written. Anything else raises `KeyError`, `TypeError` or `ValueError`."""
    if data["temper_certificate"] != VERSION:
        raise ValueError(f"certificates of version {data['temper_certificate']} are not read here")
    rest = {name: value for name, value in data.items() if name != DIGEST}
    constants = tuple((str(name), str(value)) for name, value in data["constants"].items())
    table, certificate = table_from_json(data["in_full"]), certificate_from_json(data)
    for finding in certificate.findings:
        if isinstance(finding.verdict, Proved | Refuted) and finding.verdict.trace is not None:
            must_fit(table, finding.verdict.trace)
    is_whole = data[DIGEST] == _digest(rest)
    return KeptCertificate(certificate, table, str(data["blueprint"]), constants, is_whole)


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()
