"""Which operation a request asks for: the catalogue's paths, taken apart once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from temper.serve.operation import Operation, Place


@dataclass(frozen=True, slots=True)
class Route:
    """An operation at its address, with everything about it that a request needs at once."""

    operation: Operation
    literals: tuple[tuple[int, str], ...]
    """Parts of the path that stand there as they are, by place."""
    names: tuple[tuple[int, str], ...]
    """Parts of the path that are parameters."""
    headers: tuple[tuple[bytes, str], ...]
    query: tuple[str, ...]

    def fits(self, parts: list[str]) -> bool:
        """Whether a path of as many parts is this one's."""
        return all(parts[at] == text for at, text in self.literals) and all(parts[at] for at, _ in self.names)


class Routes:
    """The catalogue by method and length of path. Of two that fit, the one that stands first is taken."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for operation in operations:
            route = _route(operation)
            length = len(operation.path.split("/"))
            for method in _methods(operation):
                self._routes.setdefault((method, length), []).append(route)

    def find(self, method: str, path: str) -> Route | None:
        """The operation that is asked for; None if there is none."""
        parts = path.split("/")
        return next((each for each in self._routes.get((method, len(parts)), ()) if each.fits(parts)), None)

    def methods(self, path: str) -> set[str]:
        """Every method that some operation takes at this path."""
        return {method for method, _ in self._routes if self.find(method, path) is not None}


def path_parameters(route: Route, path: str) -> dict[str, str]:
    """The parameters that stand in a path that fits."""
    parts = path.split("/")
    return {name: parts[at] for at, name in route.names}


def _route(operation: Operation) -> Route:
    parts = list(enumerate(operation.path.split("/")))
    return Route(
        operation,
        tuple((at, part) for at, part in parts if not part.startswith("{")),
        tuple((at, part.strip("{}")) for at, part in parts if part.startswith("{")),
        tuple((each.name.lower().encode(), each.name) for each in operation.parameters_in(Place.HEADER)),
        tuple(each.name for each in operation.parameters_in(Place.QUERY)),
    )


def _methods(operation: Operation) -> tuple[str, ...]:
    """What can be got can be asked for without its body, too."""
    return ("GET", "HEAD") if operation.method == "GET" else (operation.method,)
