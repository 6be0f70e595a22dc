"""Serving a running system: the catalogue of operations, who may ask for them, and the transports that translate.

The names are loaded when they are asked for, so that a command that serves nothing pays for nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temper.serve.client import Client, UnreachableError
    from temper.serve.home import Home, home_of, homes
    from temper.serve.operation import Operation
    from temper.serve.operations import OPERATIONS, operation, problems_of
    from temper.serve.problem import PROBLEMS, ProblemError, problem_to_json

__all__ = [
    "OPERATIONS",
    "PROBLEMS",
    "Client",
    "Home",
    "Operation",
    "ProblemError",
    "UnreachableError",
    "home_of",
    "homes",
    "operation",
    "problem_to_json",
    "problems_of",
]

_HOMES = {
    "Client": "temper.serve.client",
    "UnreachableError": "temper.serve.client",
    "Home": "temper.serve.home",
    "home_of": "temper.serve.home",
    "homes": "temper.serve.home",
    "OPERATIONS": "temper.serve.operations",
    "Operation": "temper.serve.operation",
    "operation": "temper.serve.operations",
    "problems_of": "temper.serve.operations",
    "PROBLEMS": "temper.serve.problem",
    "ProblemError": "temper.serve.problem",
    "problem_to_json": "temper.serve.problem",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"temper.serve has no {name!r}")
