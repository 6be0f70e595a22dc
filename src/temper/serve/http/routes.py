"""Which operation a request asks for: the catalogue's paths, taken apart once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from temper.serve.operation import Operation, Place

TELLING = 3
"""The place in a path where an entity stands, or a word that is none: it tells most operations apart."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation at its address, with everything about it that a request needs at once."""

    operation: Operation
    literals: tuple[tuple[int, str], ...]
    """Parts of the path that stand there as they are, by place."""
    names: tuple[tuple[int, str], ...]
    """Parts of the path that are parameters."""
    headers: Mapping[bytes, str]
    """Parameters that are headers, by how these are written on the way."""
    query: tuple[str, ...]
    length: int
    is_json: bool
    content_type: tuple[bytes, bytes]
    """The header that says what is answered."""

    def fits(self, parts: list[str]) -> bool:
        """Whether a path of as many parts is this one's."""
        for at, text in self.literals:
            if parts[at] != text:
                return False
        return "" not in parts[1:]


Found: TypeAlias = tuple[Route, list[str]]
"""A route and the parts of a path that fits it."""


class Routes:
    """The catalogue by method, length of path and what stands in the place of the entity.

    Of two that fit, the one that stands first is taken.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._routes: dict[tuple[str, int, str], list[Route]] = {}
        routes = [_route(operation) for operation in operations]
        words = {dict(route.literals).get(TELLING, "") for route in routes}
        for route, word in product(routes, words):
            if dict(route.literals).get(TELLING, word) == word:
                for method in _methods(route.operation):
                    self._routes.setdefault((method, route.length, word), []).append(route)

    def find(self, method: str, path: str) -> Found | None:
        """The operation that is asked for, and the path in its parts; None if there is none."""
        parts = path.split("/")
        length = len(parts)
        word = parts[TELLING] if length > TELLING else ""
        found = self._routes.get((method, length, word)) or self._routes.get((method, length, ""), [])
        for route in found:
            if route.fits(parts):
                return route, parts
        return None

    def methods(self, path: str) -> set[str]:
        """Every method that some operation takes at this path."""
        return {method for method, _, _ in self._routes if self.find(method, path) is not None}


def _route(operation: Operation) -> Route:
    parts = list(enumerate(operation.path.split("/")))
    return Route(
        operation,
        tuple((at, part) for at, part in parts if not part.startswith("{")),
        tuple((at, part.strip("{}")) for at, part in parts if part.startswith("{")),
        {each.name.lower().encode(): each.name for each in operation.parameters_in(Place.HEADER)},
        tuple(each.name for each in operation.parameters_in(Place.QUERY)),
        len(parts),
        operation.media == "application/json",
        (b"content-type", f"{operation.media}{'; charset=utf-8' * operation.media.startswith('text/')}".encode()),
    )


def _methods(operation: Operation) -> tuple[str, ...]:
    """What can be got can be asked for without its body, too."""
    return ("GET", "HEAD") if operation.method == "GET" else (operation.method,)
