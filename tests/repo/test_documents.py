"""Documents that cannot drift: codes and pages, links, decisions, fragments, examples."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from support.tree import ROOT, modules, parsed, shown

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
PAGES = ROOT / "docs" / "diagnostics"


@cache
def codes() -> dict[str, str]:
    """Every code that the program can give, with a file that gives it: first arguments of what takes a `code` first."""
    takers = {name for path in modules().values() for name in _takers(parsed(path))}
    found: dict[str, str] = {}
    for path in modules().values():
        for code in _given(parsed(path), takers):
            found.setdefault(code, shown(path))
    return found


def _takers(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, args=ast.arguments(posonlyargs=first, args=rest)):
                taken = [argument.arg for argument in (*first, *rest) if argument.arg not in {"self", "cls"}]
                if taken[:1] == ["code"]:
                    names.add(name)
            case ast.ClassDef(name=name, body=body):
                fields = [
                    item.target.id
                    for item in body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                ]
                constructors = [item for item in body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
                if fields[:1] == ["code"] or any([a.arg for a in c.args.args][1:2] == ["code"] for c in constructors):
                    names.add(name)
    return names


def _given(tree: ast.Module, takers: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in takers:
                found |= {code for code in _texts(first) if SLUG.fullmatch(code)}
            case ast.keyword(arg="code", value=value):
                found |= {code for code in _texts(value) if SLUG.fullmatch(code)}
            case ast.Assign(targets=[ast.Name(id="REJECTIONS")], value=ast.Dict(keys=keys)):
                found |= {text for key in keys if key is not None for text in _texts(key)}
    return found


def _texts(expression: ast.expr) -> set[str]:
    """The texts an expression can be: a literal, or either side of a conditional one."""
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return _texts(body) | _texts(orelse)
    return set()


def test_every_code_has_a_page() -> None:
    pages = {page.stem for page in PAGES.glob("*.md")}
    missing = {code: where for code, where in sorted(codes().items()) if code not in pages}
    assert not missing, f"write docs/diagnostics/<code>.md for each of {missing}"


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_every_page_has_a_code(page: Path) -> None:
    literals = {
        node.value
        for path in modules().values()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert page.stem in literals, f"nothing in src/ gives `{page.stem}`: delete {shown(page)}, or rename it"
    first = page.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# {page.stem}", f"begin {shown(page)} with `# {page.stem}`"


def documents() -> list[Path]:
    folders = [ROOT / "docs", ROOT / "examples", ROOT / "changelog.d"]
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    local = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    broken = [link for link in local if not (document.parent / link).exists()]
    assert not broken, f"{shown(document)} links to {broken}, which do not exist"


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_says_why(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert not record.stem[0].isdigit(), f"{shown(record)}: decisions are named, not numbered"
    assert "\nIn the context of " in text, (
        f"{shown(record)}: begin with one sentence, `In the context of …, facing …, we chose …`"
    )
    for heading in ("Context", "Options", "Decision", "Cost"):
        assert f"\n## {heading}\n" in text, f"{shown(record)}: the section `{heading}` is missing"
    assert text.count("\n") <= 80, f"{shown(record)}: a decision is one page"


@pytest.mark.parametrize("fragment", sorted((ROOT / "changelog.d").iterdir()), ids=lambda path: path.name)
def test_a_fragment_says_what_kind_it_is(fragment: Path) -> None:
    assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", fragment.name), (
        f"name {shown(fragment)} <slug>.<added|changed|fixed|removed>.md"
    )
    assert len(fragment.read_text(encoding="utf-8").split(". ")) <= 4, (
        f"{shown(fragment)}: one or two sentences for a user"
    )


@pytest.mark.parametrize(
    "folder", sorted(p for p in (ROOT / "examples").iterdir() if p.is_dir()), ids=lambda path: path.name
)
def test_an_example_is_complete(folder: Path) -> None:
    for name in (f"{folder.name}.yaml", "README.md", "expected.toml"):
        assert (folder / name).is_file(), f"examples/{folder.name} needs a {name}; `make bless` writes expected.toml"
    mutants = ROOT / "tests" / "mutants" / f"{folder.name}.toml"
    assert mutants.is_file(), f"write {folder.name} wrong at least once, in {shown(mutants)}"


@pytest.mark.parametrize("path", [ROOT / "pyproject.toml"], ids=shown)
def test_every_ignored_rule_has_its_reason(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^ignore = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE):
        bare = [line for line in block.splitlines() if line.strip() and "#" not in line]
        assert not bare, f"say why these rules are ignored: {bare}"


def test_constraints_travel() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    odd = [line for line in lines if line and not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", line)]
    assert not odd, f"constraints.txt holds bare name==version lines; these are something else: {odd}"
