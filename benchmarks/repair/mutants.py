"""How many of the wrong examples in tests/mutants `temper fix` mends, and how often as it was; examples may be named.

.venv/bin/python benchmarks/repair/mutants.py deploy queue
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.examples import EXAMPLES, Mutant, mutants  # noqa: E402
from temper.exam import edited  # noqa: E402
from temper.exam.behaviour import Same, compare  # noqa: E402
from temper.pipeline import Read, build_read, read  # noqa: E402
from temper.repair import examine_patient, mend, refuted  # noqa: E402
from temper.report import Source  # noqa: E402

SECONDS = 180.0


def mended(mutant: Mutant) -> tuple[int, int]:
    """How many offers there are, and which of them (from 1) behaves as the example does; 0 if none."""
    files = read(EXAMPLES / mutant.example)
    assert isinstance(files, Read)
    right = build_read(files).table
    wrong = Read(Source(files.source.path, mutant.text(files.source.text)), files.policies)
    table = build_read(wrong).table
    assert table is not None
    assert right is not None
    patient = examine_patient(wrong, table, seconds_max=SECONDS, constants={})
    finding = next(each for each in refuted(patient.certificate) if each.name == mutant.caught)
    mending = mend(patient, finding, seconds_max=SECONDS)
    as_it_was = 0
    for number, offer in enumerate(mending.offers, 1):
        print(f"    {number}. {offer.repair.message}" + (f" (leaves {', '.join(offer.left)})" if offer.left else ""))
        again = build_read(edited(wrong, offer.repair.edits)).table
        assert again is not None
        same = compare(right, again, scope=right.scope, states_max=20_000, seconds_max=SECONDS)
        as_it_was = as_it_was or number * isinstance(same, Same)
    said = f"{mending.proposed} proposed, {mending.ruled_out} ruled out, {mending.verified} verified"
    print(f"    {said}, {mending.seconds:.1f} s" + (", stopped" if mending.stopped else ""), flush=True)
    return len(mending.offers), as_it_was


def main() -> None:
    named = set(sys.argv[1:])
    wrong = [each for each in mutants() if each.steps is not None]
    asked = [each for each in wrong if not named or named & {each.example, f"{each.example}/{each.name}"}]
    began, found, back, first = monotonic(), 0, 0, 0
    for mutant in asked:
        print(f"{mutant.example}/{mutant.name}: {mutant.caught}", flush=True)
        offers, as_it_was = mended(mutant)
        found, back, first = found + bool(offers), back + bool(as_it_was), first + (as_it_was == 1)
    print(
        f"{found} of {len(asked)} mended, {back} as it was ({first} by the first offer), {monotonic() - began:.0f} s",
        flush=True,
    )


main()
