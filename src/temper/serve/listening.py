"""The client's side of a stream of events: each with its position, from which to go on when the connection is lost."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from temper.serve.client import Client, UnreachableError, read_answer, request_of
from temper.serve.operation import Operation

TIMEOUT_SECONDS = 45.0
"""Three times as long as the server is ever silent."""


def listen(client: Client, operation: Operation, given: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """The events with their positions until the server ends the stream, or `UnreachableError` if it breaks off."""
    return _events(lines(client, operation, given))


def lines(client: Client, operation: Operation, given: Mapping[str, str]) -> Iterator[str]:
    """The lines of a streamed answer. Raises `ProblemError`, or `UnreachableError` if it breaks off."""
    path, headers = request_of(operation, given)
    headers["Authorization"] = f"Bearer {client.token}"
    parts = urlsplit(client.url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(operation.method, parts.path.rstrip("/") + path, None, headers)
        response = connection.getresponse()
        if response.status != 200:
            read_answer(response.status, response.getheader("Content-Type", ""), response.read())
        for line in response:
            yield line.decode("utf-8").rstrip("\r\n")
    except (OSError, http.client.HTTPException) as wrong:
        raise UnreachableError(f"{client.url} broke off: {wrong or type(wrong).__name__}") from None
    finally:
        connection.close()


def _events(told: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Fields of one event stand in lines of their own, and an empty line ends it."""
    fields: dict[str, str] = {}
    for line in told:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields["id"], json.loads(fields["data"])
            fields = {}
        else:
            fields = {}
