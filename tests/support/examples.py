"""Examples and their wrong versions: where they lie, what they are expected to give, how they are verified."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.tree import ROOT
from temper.machine import Certificate, Refuted, Unknown
from temper.pipeline import Read, build_read, certify, read
from temper.report import Diagnostic, Source

EXAMPLES = ROOT / "examples"
MUTANTS = ROOT / "tests" / "mutants"
SECONDS_MAX = 60.0
BLESS = os.environ.get("TEMPER_BLESS") == "1"
"""Whether expectations are to be written instead of compared: `make bless`."""


def names() -> list[str]:
    """The examples, by name."""
    return sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@dataclass(frozen=True, slots=True)
class Expected:
    """What `expected.toml` pins: how many states were found, how many obligations hold, the verdict of each property."""

    states: int
    obligations: int
    verdicts: Mapping[str, str]

    def to_toml(self) -> str:
        lines = [
            "# Written by `make bless`; read the difference like code.",
            f"states = {self.states}",
            f"obligations = {self.obligations}",
            "",
            "[verdicts]",
        ]
        return "\n".join([*lines, *(f'{name} = "{verdict}"' for name, verdict in self.verdicts.items()), ""])


def expected(name: str) -> Expected | None:
    """What is pinned for an example; None if nothing is yet."""
    path = EXAMPLES / name / "expected.toml"
    if not path.is_file():
        return None
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Expected(data["states"], data["obligations"], data["verdicts"])


@dataclass(frozen=True, slots=True)
class Mutant:
    """An example with one thing wrong: edits of its text, what must catch it, and how."""

    example: str
    name: str
    edits: tuple[tuple[str, str], ...]
    caught: str
    steps: int | None
    """The length of the shortest trace; None where the verdict is `unknown`, because something no longer happens at all."""

    def text(self, original: str) -> str:
        """The wrong blueprint. Every edit must fit in exactly one place, so that mutants keep up with their example."""
        for old, new in self.edits:
            assert original.count(old) == 1, (
                f"mutant {self.example}/{self.name}: {old!r} occurs {original.count(old)} times"
            )
            original = original.replace(old, new)
        return original


def mutants() -> Iterator[Mutant]:
    """Every mutant of every example, as `tests/mutants/<example>.toml` lists them."""
    for path in sorted(MUTANTS.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]:
            edits = tuple((edit["old"], edit["new"]) for edit in entry["edits"])
            yield Mutant(path.stem, entry["name"], edits, entry["caught"], entry.get("steps"))


def certificate_of(mutant: Mutant) -> Certificate:
    """What the verifiers say about the wrong blueprint, policies and all."""
    found = read(EXAMPLES / mutant.example)
    assert not isinstance(found, Diagnostic), found
    wrong = Source(found.source.path, mutant.text(found.source.text))
    built = build_read(Read(wrong, found.policies))
    assert built.table is not None, f"{mutant.name} does not check: {[str(each.message) for each in built.diagnostics]}"
    return certify(built.table, seconds_max=SECONDS_MAX, prove=False).certificate


def caught(certificate: Certificate) -> dict[str, int | None]:
    """What keeps the table from being loaded: findings that are refuted, with the length of the trace, or unknown."""
    accepted = {name for name, _ in certificate.accepted}
    found: dict[str, int | None] = {}
    for finding in certificate.findings:
        match finding.verdict:
            case Refuted(_, trace):
                found[finding.name] = None if trace is None else len(trace.steps)
            case Unknown() if finding.name not in accepted:
                found[finding.name] = None
    return found


def written(path: Path, text: str) -> None:
    """Write a golden file."""
    path.write_text(text, encoding="utf-8")
