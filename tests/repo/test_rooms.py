"""The shape of the repository: rooms, doors, and nothing lying about."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

from support.tree import ROOT, SOURCE, modules, parsed, rooms, shown, written_files

LINES_MAX = 70
"""A function that is longer wants a second noun. Nothing grows past this; `LONG` names what was here before."""
LONG: dict[str, int] = {}
STARTED = {"temper.__main__", "temper.cli.main"}
"""Modules that the outside starts, so that nobody imports them."""


@pytest.mark.parametrize("room", rooms())
def test_every_room_is_on_the_map(room: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"`temper.{room}`" in text, f"add a line for `temper.{room}` to the table of rooms in ARCHITECTURE.md"


def test_the_map_names_no_room_that_is_gone() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    gone = set(re.findall(r"^\| `temper\.(\w+)`", text, re.MULTILINE)) - set(rooms())
    assert not gone, f"ARCHITECTURE.md has lines for {sorted(gone)}, which are no rooms: delete the lines"


def doors() -> list[str]:
    return [name for name, path in modules().items() if _exported(parsed(path)) is not None]


def _exported(tree: ast.Module) -> list[str] | None:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                names: list[str] = ast.literal_eval(value)
                return names
    return None


@pytest.mark.parametrize("door", doors())
def test_a_door_is_true(door: str) -> None:
    names = _exported(parsed(modules()[door]))
    assert names is not None
    assert len(names) == len(set(names)), f"`__all__` of {door} names something twice"
    missing = [name for name in names if not hasattr(importlib.import_module(door), name)]
    assert not missing, f"`__all__` of {door} promises {missing}, which it does not have"


@pytest.mark.parametrize("room", [room for room in rooms() if (SOURCE / room).is_dir()])
def test_every_room_has_a_door(room: str) -> None:
    assert f"temper.{room}" in doors(), f"give src/temper/{room}/__init__.py an `__all__`: it is the room's one door"


def test_nothing_is_imported_by_nobody() -> None:
    known = set(modules())
    wanted = {name for path in modules().values() for name in _imports(parsed(path))}
    discovered = {name for name in known if name.startswith("temper.cli.commands.")}
    parents = {name.rpartition(".")[0] for name in known}
    idle = known - wanted - parents - STARTED - discovered - {"temper"}
    assert not idle, f"nobody imports {sorted(idle)}: use them, or delete them"


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module} | {f"{module}.{name.name}" for name in names}
            case ast.Constant(value=str(text)) if text.startswith("temper."):
                found.add(text.partition(":")[0])  # a lazy door names its modules in text
    return found


def test_rooms_use_each_others_doors() -> None:
    forbidden = {"utils", "helpers", "common", "core", "types", "misc"}
    homeless = [shown(path) for path in modules().values() if path.stem in forbidden or path.parent.name in forbidden]
    assert not homeless, f"{homeless}: a function without a home is a concept without a name; name it"


def test_functions_do_not_grow() -> None:
    long = {}
    for name, path in modules().items():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONG.get(f"{name}.{node.name}", LINES_MAX):
                    long[f"{name}.{node.name}"] = lines
    assert not long, f"{long} are longer than {LINES_MAX} lines: look for the second noun"


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
    left = [
        f"{shown(path)}:{number}"
        for path in written_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if later.search(line)
    ]
    assert not left, f"do it, or write down elsewhere that it is to be done: {left}"


def test_nobodys_machine_is_in_the_text() -> None:
    somewhere = re.compile(r"(?<![\w./$~-])/(?:home|Users|root|work)/\w")
    found = [
        f"{shown(path)}:{number}"
        for path in written_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if somewhere.search(line)
    ]
    assert not found, f"these lines name a path of one machine: {found}"


@pytest.mark.parametrize("where", sorted(path.name for path in SOURCE.iterdir() if path.is_dir()))
def test_source_files_hold_one_noun(where: str) -> None:
    long = {
        shown(path): lines
        for path in (SOURCE / where).rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert not long, f"{long} lines: a file past some 400 lines is usually two nouns"
