"""The repository as data, for the tests that look at the repository itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "temper"
WRITTEN = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cedar", ".json"}
SKIPPED = {
    ".venv",
    ".git",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    "build",
}


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def rooms() -> list[str]:
    """The rooms: what lies directly in the package."""
    return sorted(
        path.stem
        for path in SOURCE.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    )


def written_files() -> Iterator[Path]:
    """Every text that somebody wrote: code, documents, examples, configuration."""
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        hidden = any(part in SKIPPED or part.endswith(".egg-info") or part == "__pycache__" for part in relative.parts)
        if not hidden and path.is_file() and (path.suffix in WRITTEN or path.name in {"Makefile", "run"}):
            yield path


def shown(path: Path) -> str:
    """A path as messages name it."""
    return str(path.relative_to(ROOT))
