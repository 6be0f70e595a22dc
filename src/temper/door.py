"""Lazy doors: a room whose names are all there, and whose files are read when a name is first asked for.

`temper check` must answer at once, and most of a room is for others. A door lists its names as ordinary imports
under `if TYPE_CHECKING:`, so that editors and the type checker see them, and takes its `__getattr__` from `opened`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType


def opened(package: str, file: str) -> Callable[[str], object]:
    """The `__getattr__` of a package (PEP 562) that imports each name from where its own source says it is.

    Raises `AttributeError` for a name that the door does not have, as any module does.

    >>> import temper.machine
    >>> temper.machine.AGAIN
    'again'
    """
    sys.modules[package].__class__ = _Door

    def get(name: str) -> object:
        home = _homes(file).get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


class _Door(ModuleType):
    """A package in which a name of the door wins over a file of the same name: `machine.step` is the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _homes(str(self.__file__))):
            super().__setattr__(name, value)


@cache
def _homes(file: str) -> dict[str, str]:
    """Name to module, as the `if TYPE_CHECKING:` block of the file imports them."""
    blocks = [node for node in ast.parse(Path(file).read_text("utf-8")).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names if node.module is not None}
