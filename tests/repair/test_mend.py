"""A repair is offered only if it verifies, and keeps what was good and what was possible."""

from __future__ import annotations

import pytest

from support.examples import EXAMPLES, Mutant, mutants
from support.exams import DOOR, exam_of
from temper.exam import edited, faults
from temper.machine import Certificate, Exhausted, Proved, Refuted
from temper.pipeline import Read, build_read, certify, read
from temper.repair import Mending, Offer, Patient, examine_patient, mend, refuted
from temper.repair.atoms import atoms
from temper.repair.evidence import evidence, wanted
from temper.report import Source

QUICK = {
    "approves-ones-own": "`Grant.approve` only when holder != caller",
    "hears-what-nobody-said": "`Transaction.hear` only when args.node in voted",
}
"""Mutants that are mended soon, and what was there before something was wrong, as it is offered."""


def patient_of(files: Read) -> Patient:
    table = build_read(files).table
    assert table is not None
    return examine_patient(files, table, seconds_max=20.0, constants={})


def files_of(mutant: Mutant) -> Read:
    found = read(EXAMPLES / mutant.example)
    assert isinstance(found, Read)
    return Read(Source(found.source.path, mutant.text(found.source.text)), found.policies)


def mended(files: Read, name: str = "") -> tuple[Patient, Mending]:
    patient = patient_of(files)
    wrong = refuted(patient.certificate)
    finding = next((each for each in wrong if each.name == name), wrong[0])
    return patient, mend(patient, finding, seconds_max=60.0)


def certificate_with(patient: Patient, offer: Offer) -> Certificate:
    table = build_read(edited(patient.read, offer.repair.edits)).table
    assert table is not None, offer.repair.message
    return certify(table, prove=False).certificate


def is_good(certificate: Certificate, name: str) -> bool:
    found = {each.name: each for each in certificate.findings}
    return isinstance(found[name].verdict, Proved | Exhausted) and not found[name].vacuous


def assert_nothing_is_lost(patient: Patient, mending: Mending) -> None:
    for offer in mending.offers:
        after = certificate_with(patient, offer)
        names = {each.name for each in after.findings}
        assert is_good(after, mending.finding.name), offer.repair.message
        for each in patient.certificate.findings:
            if is_good(patient.certificate, each.name):
                owed_once = each.name.startswith(("happens:", "fires:", "reachable:")) or ":" not in each.name
                assert is_good(after, each.name) if each.name in names else not owed_once, offer.repair.message


@pytest.mark.parametrize("mutant", [each for each in mutants() if each.name in QUICK], ids=lambda each: each.name)
def test_a_wrong_example_is_mended_as_it_was(mutant: Mutant) -> None:
    patient, mending = mended(files_of(mutant), mutant.caught)
    assert QUICK[mutant.name] in [offer.repair.message for offer in mending.offers]
    assert len(mending.offers) <= 3
    assert_nothing_is_lost(patient, mending)


def test_no_offer_loses_anything_whatever_is_wrong() -> None:
    """Every fault of a small blueprint that some run refutes."""
    tried = offered = 0
    for fault in faults(exam_of().read)[::2]:
        files = edited(exam_of().read, fault.edits)
        if build_read(files).table is None:
            continue
        patient = patient_of(files)
        for finding in refuted(patient.certificate)[:1]:
            mending = mend(patient, finding, seconds_max=30.0)
            tried, offered = tried + 1, offered + bool(mending.offers)
            assert_nothing_is_lost(patient, mending)
    assert tried >= 3
    assert offered >= tried - 1


def test_a_condition_that_would_close_the_door_for_good_is_not_offered() -> None:
    """`opened < 0` would keep `not_too_often` as well; but then no door opens."""
    patient, mending = mended(Read(Source("door.yaml", DOOR.replace("opened < 2 and ", ""))))
    assert mending.offers
    assert all("opened" in offer.repair.message for offer in mending.offers[:1])
    for offer in mending.offers:
        assert is_good(certificate_with(patient, offer), "can_open")


def test_what_no_small_edit_mends_is_said_to_be_so() -> None:
    text = DOOR.replace("always: d.opened <= 2", "always: d.opened <= 2 and d.state != shut")
    _, mending = mended(Read(Source("door.yaml", text)), "not_too_often")
    assert mending.offers == ()
    assert not mending.stopped


def test_a_budget_that_is_over_is_said_to_be_so() -> None:
    patient = patient_of(Read(Source("door.yaml", DOOR.replace("opened < 2 and ", ""))))
    mending = mend(patient, refuted(patient.certificate)[0], seconds_max=0.0)
    assert (mending.offers, mending.stopped) == ((), True)


def test_runs_rule_out_most_of_what_does_not_help() -> None:
    text = DOOR.replace("always: d.opened <= 2", "always: d.opened <= 2 and d.state != shut")
    _, mending = mended(Read(Source("door.yaml", text)))
    assert mending.ruled_out + mending.verified <= mending.proposed
    assert mending.ruled_out >= 5


def test_evidence_is_what_the_run_says() -> None:
    text = DOOR.replace("opened < 2 and ", "")
    patient = patient_of(Read(Source("door.yaml", text)))
    finding = refuted(patient.certificate)[0]
    shown = evidence(patient.table, finding)
    assert shown is not None
    last = shown.occasions[0]
    assert (last.name, last.control, last.before["opened"], last.after["opened"]) == ("Door.open", "shut", 2, 3)
    assert (last.caller, shown.touched) == ("ann", ("Door.open", "Door.shut", "Door.build"))
    found = {atom.text: atom.held for atom in atoms(patient.table, last, caller=True)}
    assert (found["opened < 2"], found["opened <= 2"], found["last == caller"]) == (False, True, True)
    assert [each.name for each in wanted(patient.table, patient.certificate)] == ["Door.build", "Door.open"]


def test_what_was_never_refuted_has_no_evidence() -> None:
    patient = patient_of(exam_of().read)
    assert refuted(patient.certificate) == ()
    assert all(evidence(patient.table, each) is None for each in patient.certificate.findings)
    assert not any(isinstance(each.verdict, Refuted) for each in patient.certificate.findings)
