"""The client's side of the catalogue: an operation with its inputs becomes a request, its answer data or a problem."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from temper.serve.operation import Operation, Permission, Place
from temper.serve.problem import PROBLEMS, ProblemError

TIMEOUT_SECONDS = 30.0
APPLY_TIMEOUT_SECONDS = 3600.0
"""A new version is certified before the answer comes."""


class UnreachableError(Exception):
    """Nobody answered at the address, or not in the way this server would."""


@dataclass(frozen=True, slots=True)
class Client:
    """A server's address and the token to show it; `acting_as` names another principal, for the operator's token."""

    url: str
    token: str = ""
    acting_as: str = ""

    def ask(self, operation: Operation, given: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """What the operation answers. Raises `ProblemError` as the server told it, or `UnreachableError`.

        `given` holds path, query and header parameters by name; what the operation does not name goes into the query.
        """
        path, headers = request_of(operation, given or {})
        if self.token and operation.permission is not Permission.NONE:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.acting_as and any(each.name == "Temper-As" for each in operation.parameters):
            headers["Temper-As"] = self.acting_as
        data = None
        if operation.body is not None:
            data = json.dumps(body if body is not None else {}, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        status, kind, answer = self._send(operation, path, headers, data)
        return read_answer(status, kind, answer)

    def _send(
        self, operation: Operation, path: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, str, bytes]:
        parts = urlsplit(self.url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        seconds = APPLY_TIMEOUT_SECONDS if operation.name in {"apply", "apply_to_tenants"} else TIMEOUT_SECONDS
        try:
            connection = make(parts.hostname or "", parts.port, timeout=seconds)
            try:
                connection.request(operation.method, parts.path.rstrip("/") + path, data, headers)
                response = connection.getresponse()
                return response.status, response.getheader("Content-Type", ""), response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            why = getattr(wrong, "strerror", None) or str(wrong) or type(wrong).__name__
            raise UnreachableError(f"{self.url} does not answer: {why}") from None


def request_of(operation: Operation, given: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The path with its query, and the headers."""
    path = operation.path
    for parameter in operation.parameters_in(Place.PATH):
        path = path.replace(f"{{{parameter.name}}}", quote(given[parameter.name], safe=""))
    headers = {each.name: given[each.name] for each in operation.parameters_in(Place.HEADER) if each.name in given}
    placed = {each.name for each in operation.parameters if each.place is not Place.QUERY}
    query = urlencode({name: value for name, value in given.items() if name not in placed})
    return f"{path}?{query}" if query else path, headers


def read_answer(status: int, kind: str, answer: bytes) -> Any:
    """What an answer says. Raises `ProblemError`, or `UnreachableError` if it is none of this server's."""
    media = kind.partition(";")[0].strip()
    if media in {"text/markdown", "text/plain"} and status < 400:
        return answer.decode("utf-8")
    try:
        data = json.loads(answer)
    except ValueError:
        raise UnreachableError(f"the server answered {status} with something that is no JSON") from None
    if status < 400:
        return data
    if isinstance(data, dict) and data.get("code") in PROBLEMS:
        raise ProblemError(data["code"], data.get("detail", ""), data.get("facts"))
    raise UnreachableError(f"the server answered {status}, and no problem that is known here")
