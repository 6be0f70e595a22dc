"""Faults are planted one at a time, as edits of what the author wrote and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.examples import EXAMPLES, names
from temper.exam import KINDS, change_lines, edited, faults
from temper.language import Sheet
from temper.pipeline import Read, build_read, read
from temper.report import Source, apply_edits


def of(name: str) -> Read:
    found = read(EXAMPLES / name)
    assert isinstance(found, Read)
    return found


def of_text(text: str) -> Read:
    return Read(Source("a.yaml", text))


def test_every_kind_of_fault_is_planted_in_some_example() -> None:
    planted = {fault.kind for name in names() for fault in faults(of(name))}
    assert planted == set(KINDS)


@pytest.mark.parametrize("name", names())
def test_a_fault_is_one_change_that_can_be_shown(name: str) -> None:
    before = of(name)
    texts = [source.text for source in before.sources]
    seen = set()
    for fault in faults(before):
        after = tuple(source.text for source in edited(before, fault.edits).sources)
        assert sum(one != other for one, other in zip(texts, after, strict=True)) == 1, fault.message
        assert after not in seen, f"planted twice: {fault.message}"
        seen.add(after)
        assert change_lines(before, fault.edits)[0].startswith(f"{fault.path}:"), fault.message


@pytest.mark.parametrize("name", names())
def test_most_faults_leave_a_blueprint(name: str) -> None:
    before = of(name)
    built = [build_read(edited(before, fault.edits)).table is not None for fault in faults(before)]
    assert sum(built) >= 0.85 * len(built), f"{len(built) - sum(built)} of {len(built)} are none"


def test_comments_of_other_lines_stay() -> None:
    text = Path(EXAMPLES / "deploy" / "deploy.yaml").read_text("utf-8")
    comments = {line.partition("#")[2] for line in text.splitlines() if "#" in line}
    for fault in faults(of("deploy")):
        after = edited(of("deploy"), fault.edits).source.text
        lost = {comment for comment in comments if comment and comment not in after}
        assert len(lost) <= 1, f"{fault.message} took {lost} away"


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: {b: 1, c: 2, d: 3}\n", ("a", "c"), "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("a: {b: 1}\nc: 2\n", ("a", "b"), "c: 2\n"),
        ("a:\n  b: 1   # why\n  c: 2\n", ("a", "b"), "a:\n  c: 2\n"),
        ("a:\n  - b: 1\n    c: 2\n  - d: 3\n", ("a", 0, "b"), "a:\n  - c: 2\n  - d: 3\n"),
        ("a:\n  - b: 1\n    c: 2\n  - d: 3\n", ("a", 1), "a:\n  - b: 1\n    c: 2\n"),
        ("a:\n  - {b: 1, c: [x, y]}\n", ("a", 0, "c", 0), "a:\n  - {b: 1, c: [y]}\n"),
        ("a:\n  b: >\n    x\n    y\n  c: 2\n", ("a", "b"), "a:\n  c: 2\n"),
    ],
)
def test_what_is_taken_away_goes_with_its_comma_or_its_line(text, path, after) -> None:
    sheet = Sheet(Source("a.yaml", text))
    assert apply_edits(text, [sheet.without(path)]) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: {b: 1}\n", ("a",), "a: {b: 1, z: 9}\n"),
        ("a: {}\n", ("a",), "a: {z: 9}\n"),
        ("a:\n  b: 1  # why\n", ("a",), "a:\n  b: 1  # why\n  z: 9\n"),
        ("a:\n  b: 1", ("a",), "a:\n  b: 1\n  z: 9\n"),
    ],
)
def test_what_is_added_stands_like_its_neighbours(text, path, after) -> None:
    sheet = Sheet(Source("a.yaml", text))
    assert apply_edits(text, [sheet.entry(path, "z", "9")]) == after


def test_policies_are_widened_whatever_their_comments_and_texts_hold() -> None:
    policy = Source(
        "p.cedar",
        '// permit (principal, action, resource);\n@id("a;b")\npermit (principal in Role::"x;", action, resource)\n'
        'when { resource.a == "}" } unless { context.b };\nforbid (principal, action, resource);\n',
    )
    found = faults(Read(Source("a.yaml", "blueprint: a\n"), (policy,)))
    after = [
        edited(Read(Source("a.yaml", "blueprint: a\n"), (policy,)), fault.edits).policies[0].text for fault in found
    ]
    assert [fault.kind for fault in found] == [
        "permit-widened",
        "condition-dropped",
        "condition-dropped",
        "forbid-dropped",
    ]
    assert 'permit (principal, action, resource)\nwhen { resource.a == "}" } unless' in after[0]
    assert "resource) unless { context.b };\nforbid" in after[1]
    assert 'when { resource.a == "}" };\nforbid' in after[2]
    assert after[3].rstrip().endswith("unless { context.b };")
