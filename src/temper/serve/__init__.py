"""Serving a running system: the catalogue of operations, who may ask for them, and the transports that translate.

The doors of `serve.http` and of the service are separate, so that a client command imports no web framework.
"""

from temper.serve.client import Client, UnreachableError
from temper.serve.home import Home, home_of, homes
from temper.serve.operations import OPERATIONS, Operation, operation, problems_of
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
