"""A certificate is worth what somebody finds who believes none of it: whatever is altered in one is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.examples import EXAMPLES
from support.small import gate, table_of
from temper.cli import main
from temper.machine import (
    BOOL,
    Certificate,
    Exhausted,
    Expression,
    Finding,
    Op,
    Property,
    PropertyKind,
    Proved,
    Refuted,
    Scope,
    SearchSummary,
    Trace,
    TransitionTable,
    Unknown,
)
from temper.pipeline import build, certify, family
from temper.verify import (
    Budget,
    Flaw,
    KeptCertificate,
    Rechecked,
    kept_certificate_from_json,
    kept_certificate_to_json,
    recheck,
)

TEXT = """
temper: 1
blueprint: tickets
properties:
  owned: {for: t in Ticket, whenever: t.state == open, always: t.owner != None}
  few: {always: Counter.count <= 3}
  can: {for: t in Ticket, possible: t.state == open}
  ends: {for: t in Ticket, whenever: t.state == made, eventually: t.state == open, assuming: [Ticket.start]}
  wrong: {always: Counter.count <= 2}
  loose: {always: Counter.count <= 3 or Counter.count == 9}
roles: [clerk]
entities:
  Counter:
    single: true
    data: {count: "int[0, 9]"}
    states: [running]
    waits: [running]
    actions:
      up: {by: clerk, from: running, when: count < 3, set: {count: count + 1}}
  Ticket:
    data: {owner: principal | None, other: "bool"}
    states: [made, open]
    waits: [made, open]
    actions:
      make: {by: clerk, from: new, set: {owner: caller}, to: made}
      start: {by: clerk, from: made, to: open}
"""
TABLE = table_of(TEXT)


@pytest.fixture(scope="module")
def honest() -> Certificate:
    found = certify(TABLE).certificate
    verdicts = {finding.name: finding.verdict for finding in found.findings}
    assert {name: type(verdicts[name]) for name in ("owned", "few", "can", "ends", "wrong")} == {
        "owned": Proved,
        "few": Proved,
        "can": Proved,
        "ends": Exhausted,
        "wrong": Refuted,
    }
    assert found.lemmas
    return found


def checked(certificate: Certificate, table: TransitionTable = TABLE, **asked: object) -> Rechecked:
    return recheck(KeptCertificate(certificate, TABLE), table, **asked)  # type: ignore[arg-type]


def flaws(found: Rechecked) -> set[Flaw]:
    return {each.flaw for each in found.differences}


def told(found: Rechecked) -> str:
    return "\n".join(map(str, found.differences))


def test_what_is_honest_is_confirmed(honest: Certificate) -> None:
    found = checked(honest)
    assert found.differences == ()
    how = dict(found.confirmed)
    assert set(how) == {finding.name for finding in honest.findings}
    assert how["owned"] == "proved, shown again by its lemmas"
    assert how["can"] == "proved, its run replayed"
    assert how["wrong"] == "refuted, its run replayed"
    assert how["ends"].startswith("exhausted, all ")


def finding_of(certificate: Certificate, name: str) -> Finding:
    return next(finding for finding in certificate.findings if finding.name == name)


def with_finding(certificate: Certificate, name: str, **changed: object) -> Certificate:
    findings = tuple(
        replace(each, **changed) if each.name == name else each  # type: ignore[arg-type]
        for each in certificate.findings
    )
    assert findings != certificate.findings, "what is altered is another"
    return replace(certificate, findings=findings)


def cut_short(certificate: Certificate) -> Trace:
    verdict = finding_of(certificate, "can").verdict
    assert isinstance(verdict, Proved)
    assert verdict.trace is not None
    return replace(verdict.trace, steps=verdict.trace.steps[1:])


def beginning(certificate: Certificate) -> Trace:
    verdict = finding_of(certificate, "wrong").verdict
    assert isinstance(verdict, Refuted)
    assert verdict.trace is not None
    return replace(verdict.trace, steps=(), final=(verdict.trace.final[0]._replace(data=(0,)),))


TRUE = Expression(Op.LITERAL, BOOL, value=True)
ALTERED: dict[str, tuple[Callable[[Certificate], Certificate], Flaw, str]] = {
    "a refutation is hidden": (
        lambda it: with_finding(it, "wrong", verdict=Exhausted(it.scope, 16)),
        Flaw.FALSE,
        "`wrong` is said to be exhausted, and is refuted",
    ),
    "a refutation is called proved": (
        lambda it: with_finding(it, "wrong", verdict=Proved("by induction")),
        Flaw.FALSE,
        "`wrong` is said to be proved, and is refuted",
    ),
    "a refutation is called unknown": (
        lambda it: with_finding(it, "wrong", verdict=Unknown("budget")),
        Flaw.FALSE,
        "`wrong` is said to be unknown, and is refuted",
    ),
    "what is exhausted is called proved": (
        lambda it: with_finding(it, "ends", verdict=Proved("by induction")),
        Flaw.FALSE,
        "`ends` is said to be proved, and its lemmas do not show it",
    ),
    "more states than there are": (
        lambda it: with_finding(it, "ends", verdict=Exhausted(it.scope, 1_000_000)),
        Flaw.FALSE,
        "`ends` is said to be exhausted by 1,000,000 states, and there are",
    ),
    "what is vacuous does not say so": (
        lambda it: with_finding(it, "loose", vacuous=""),
        Flaw.FALSE,
        "`loose` holds whatever `Counter.count == 9` is",
    ),
    "a run with a step cut out": (
        lambda it: with_finding(it, "can", verdict=Proved("a run of 2 steps", cut_short(it))),
        Flaw.FALSE,
        "the run by which `can` is proved is no run of this table: it parts from it at step 1",
    ),
    "a run that shows nothing": (
        lambda it: with_finding(it, "wrong", verdict=Refuted("see for yourself", beginning(it))),
        Flaw.FALSE,
        "the run by which `wrong` is refuted",
    ),
    "a refutation without a run": (
        lambda it: with_finding(it, "few", verdict=Refuted("see for yourself", None)),
        Flaw.UNCHECKED,
        "`few` is said to be refuted, without any run",
    ),
    "a finding is cut out": (
        lambda it: replace(it, findings=it.findings[1:]),
        Flaw.ALTERED,
        "it does not speak of `owned`",
    ),
    "a finding is made up": (
        lambda it: replace(it, findings=(*it.findings, Finding("fine", Proved("by induction")))),
        Flaw.ALTERED,
        "it speaks of `fine`, which is no property",
    ),
    "an obligation is called a property": (
        lambda it: with_finding(it, "few", obligation=True),
        Flaw.FALSE,
        "it does not tell whether `few` is the author's",
    ),
    "the lemmas are gone": (
        lambda it: replace(it, lemmas=()),
        Flaw.FALSE,
        "`owned` is said to be proved, and its lemmas do not show it",
    ),
    "a lemma that is none": (
        lambda it: replace(it, lemmas=(*it.lemmas, replace(it.lemmas[0], name="lemma:no", body=_false()))),
        Flaw.FALSE,
        "",
    ),
    "a lemma that is called as a property": (
        lambda it: replace(
            with_finding(it, "ends", verdict=Proved("by induction")),
            lemmas=(*it.lemmas, Property("owned", PropertyKind.ALWAYS, (), None, TRUE)),
        ),
        Flaw.UNCHECKED,
        "its lemmas are none that were found here",
    ),
    "other policies": (lambda it: replace(it, policies="00ff"), Flaw.ALTERED, "it names other policies"),
    "another scope in words": (lambda it: replace(it, scope="everything"), Flaw.ALTERED, "it says that it looked at"),
    "a smaller scope in data": (
        lambda it: replace(it, searched=Scope(instances=(("Ticket", 2),))),
        Flaw.ALTERED,
        "it says that it looked at",
    ),
    "another acceptance": (
        lambda it: replace(it, accepted=(("wrong", "we like it"),)),
        Flaw.STALE,
        "`accept:` is another by now: wrong",
    ),
    "another table": (lambda it: replace(it, table="00ff"), Flaw.ALTERED, "it names another table"),
}


def _false() -> Expression:
    return Expression(Op.LITERAL, BOOL, value=False)


@pytest.mark.parametrize("how", [name for name in ALTERED if name != "a lemma that is none"])
def test_what_is_altered_is_told(how: str, honest: Certificate) -> None:
    alter, flaw, said = ALTERED[how]
    found = checked(alter(honest))
    assert flaw in flaws(found), told(found)
    assert said in told(found)


def test_a_lemma_that_does_not_hold_proves_nothing(honest: Certificate) -> None:
    """It is ruled out like any other candidate, and takes with it what leaned on it alone."""
    alter, _, _ = ALTERED["a lemma that is none"]
    lied = with_finding(alter(honest), "ends", verdict=Proved("by induction"))
    assert told(checked(lied)) == "false: `ends` is said to be proved, and its lemmas do not show it"


def test_a_certificate_of_another_table_is_stale_and_says_what_is_different(honest: Certificate) -> None:
    found = checked(honest, table_of(TEXT.replace("count < 3", "count < 2")))
    assert flaws(found) == {Flaw.STALE}
    assert "  ~ entity Counter action up when: count < 3 -> count < 2" in told(found)
    assert found.confirmed == ()
    wider = checked(honest, table_of(TEXT + "scope: {instances: {Ticket: 2}}\n"))
    assert "stale: `scope:` is another by now" in told(wider)


def test_what_there_is_no_time_for_is_not_called_false(honest: Certificate) -> None:
    found = checked(honest, budget=Budget(states_max=3))
    assert Flaw.FALSE not in flaws(found)
    assert "unchecked: `ends` is said to be exhausted, and now is unknown: " in told(found)


def test_another_version_is_worth_a_note(honest: Certificate) -> None:
    other = tuple((name, "0.0" if name == "python" else version) for name, version in honest.made_with)
    assert checked(replace(honest, made_with=other)).notes[0].startswith("it was made with python 0.0, and checked")
    lived = checked(replace(honest, begins=2))
    assert "what it says of runs that go on from what lived then is not checked" in lived.notes


def test_a_file_is_the_same_after_a_journey_and_notices_what_became_of_it(honest: Certificate) -> None:
    kept = KeptCertificate(honest, TABLE, "here.yaml", (("N", "3"),))
    data = json.loads(json.dumps(kept_certificate_to_json(kept)))
    assert kept_certificate_from_json(data) == kept
    data["notes"] = ["nothing to see"]
    assert not kept_certificate_from_json(data).is_whole
    altered = recheck(kept_certificate_from_json(data), TABLE)
    assert told(altered).startswith("altered: the file is not as it was written")
    for broken in ({**data, "temper_certificate": 2}, {**data, "findings": 3}, {**data, "in_full": {}}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            kept_certificate_from_json(broken)


def test_what_a_certificate_names(honest: Certificate) -> None:
    assert honest.policies
    assert honest.searched == TABLE.scope
    assert [name for name, _ in honest.times] == ["explicit", "proofs"]
    assert isinstance(honest.search, SearchSummary)


# In the terminal


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_certificate_is_written_checked_and_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "gate.yaml", tmp_path / "out"
    path.write_text(gate("high: {always: Gate.count <= 3}", "can: {possible: Gate.state == broken}"))
    assert run(capsys, "verify", str(path), "--out", str(out))[0] == 0
    file = str(out / "certificate.json")
    code, said, _ = run(capsys, "verify", str(path), "--certificate", file)
    assert code == 0
    assert said.splitlines()[0].startswith("confirmed  high  proved, shown again by its lemmas")
    assert said.splitlines()[-1] == "the certificate holds: gate is certified"
    code, said, _ = run(capsys, "verify", str(path), "--certificate", file, "--json")
    assert (code, json.loads(said)["certified"]) == (0, True)
    path.write_text(path.read_text().replace("count <= 3", "count <= 2"))
    code, said, _ = run(capsys, "verify", str(path), "--certificate", file)
    assert code == 1
    assert said.splitlines()[-1] == "the certificate of gate does not hold: stale"
    assert json.loads((out / "certificate.json").read_text())["made_at"] > 0


def test_a_certificate_that_holds_and_certifies_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "gate.yaml", tmp_path / "out"
    path.write_text(gate("low: {always: Gate.count <= 1}"))
    assert run(capsys, "verify", str(path), "--out", str(out))[0] == 1
    code, said, _ = run(capsys, "verify", str(path), "--certificate", str(out / "certificate.json"))
    assert code == 1
    assert "the certificate holds, and gate is not certified by it" in said


def test_constants_that_were_overridden_are_those_of_the_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = tmp_path / "out", str(EXAMPLES / "twophase")
    assert run(capsys, "verify", path, "--set", "N=2", "--out", str(out))[0] == 0
    file = str(out / "certificate.json")
    assert run(capsys, "verify", path, "--certificate", file)[0] == 0
    assert run(capsys, "verify", path, "--certificate", file, "--set", "N=3")[0] == 1


def test_what_goes_wrong_with_the_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(EXAMPLES / "access")
    code, _, said = run(capsys, "verify", path, "--certificate", str(tmp_path / "none.json"))
    assert (code, "error[file-unreadable]" in said) == (2, True)
    for text in ("", "[]", "{}", '{"temper_certificate": 1}', "{" * 9_000):
        (tmp_path / "bad.json").write_text(text)
        code, _, said = run(capsys, "verify", path, "--certificate", str(tmp_path / "bad.json"))
        assert (code, "error[certificate-broken]" in said) == (2, True)
    code, _, said = run(capsys, "verify", path, "--certificate", "x.json", "--out", "y")
    assert (code, "--certificate goes without --out" in said) == (2, True)


def test_a_blueprint_that_does_not_check_has_no_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(capsys, "verify", str(EXAMPLES / "access"), "--out", str(out))[0] == 0
    (tmp_path / "bad.yaml").write_text("temper: 1\nblueprint: bad\n")
    code, _, said = run(capsys, "verify", str(tmp_path / "bad.yaml"), "--certificate", str(out / "certificate.json"))
    assert (code, "error[" in said) == (1, True)


@pytest.mark.parametrize("name", ["access", "queue"])
def test_examples_hold_what_they_promise(name: str) -> None:
    """Each journeys as JSON first: `access` has fields that are nothing until there is an instance."""
    built = build(EXAMPLES / name)
    assert built.table is not None
    whole = KeptCertificate(certify(built.table).certificate, built.table)
    kept = kept_certificate_from_json(json.loads(json.dumps(kept_certificate_to_json(whole))))
    assert recheck(kept, built.table).differences == ()


def test_what_holds_for_every_value_is_shown_for_every_value() -> None:
    built = build(EXAMPLES / "twophase")
    assert built.table is not None
    open_ = family(built)
    certificate = certify(built.table, family=open_).certificate
    kept = KeptCertificate(certificate, built.table)
    found = recheck(kept, built.table, family=open_)
    assert found.differences == ()
    assert dict(found.confirmed)["votes_are_real"] == "proved for every N, shown again"
    narrow = recheck(kept, built.table)
    assert flaws(narrow) == {Flaw.UNCHECKED}
    assert "`votes_are_real` is said to hold for every N, and is shown for the values that constants" in told(narrow)
