"""Make a folder with a small blueprint that certifies, its README and a handler: a place to start from."""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path
from string import Template

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

SUMMARY = "make a folder with a small blueprint to start from"
SCAFFOLD = Path(__file__).parents[1] / "scaffold"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the blueprint's name, which is also the folder's")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    name = arguments.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise MistakeError(
            "usage", f"{name!r} cannot name a blueprint", "a small letter first, then letters, digits and _"
        )
    folder = Path(name)
    try:
        folder.mkdir()
    except FileExistsError:
        raise MistakeError(
            "folder-exists", f"{folder} exists already", "choose another name, or delete it first"
        ) from None
    except OSError as wrong:
        raise MistakeError("file-unwritable", f"{folder} cannot be made: {wrong.strerror}") from None
    made = [_write(folder, template, name) for template in sorted(SCAFFOLD.glob("*.txt"))]
    if terminal.as_json:
        terminal.answer({"files": [str(path) for path in made]})
    else:
        terminal.say("\n".join(f"made {path}" for path in made))
        terminal.say(f"\nnext: temper verify {name}, then temper up {name}")
    return 0


def _write(folder: Path, template: Path, name: str) -> Path:
    """`blueprint.yaml.txt` takes the blueprint's name; in every file `$name` does."""
    path = folder / template.name.removesuffix(".txt").replace("blueprint", name)
    path.write_text(Template(template.read_text(encoding="utf-8")).safe_substitute(name=name), encoding="utf-8")
    return path
