"""The head of an answer as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

CHUNKED = -1
"""In the place of a length: the answer comes in pieces, each with its own."""
UNTIL_CLOSED = -2
"""In the place of a length: the answer ends where the connection does."""


def head_of(
    status: int, headers: Iterable[tuple[bytes, bytes]], length: int, *, date: bytes, is_kept_alive: bool
) -> bytes:
    """The status line and the headers of an answer that has so many bytes.

    >>> head_of(204, [(b"etag", b'"3"')], 0, date=b"now", is_kept_alive=True)
    b'HTTP/1.1 204 No Content\\r\\ndate: now\\r\\netag: "3"\\r\\ncontent-length: 0\\r\\n\\r\\n'
    """
    lines = [_status_line(status), b"date: " + date]
    lines += [name + b": " + value for name, value in headers]
    if length >= 0:
        lines.append(b"content-length: %d" % length)
    elif length == CHUNKED:
        lines.append(b"transfer-encoding: chunked")
    if not is_kept_alive:
        lines.append(b"connection: close")
    written = b"\r\n".join(lines)
    # What a header says may come from a blueprint or a request: it must not begin another line.
    assert written.count(b"\n") == written.count(b"\r") == len(lines) - 1, "a header is one line"
    return written + b"\r\n\r\n"


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
