"""What a receiver does with a signed body: make sure of it before reading it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


class SignatureError(Exception):
    """This was not signed with our secret, or too long ago; the text says which."""


def verified(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: float, tolerance_seconds: int = TOLERANCE_SECONDS
) -> str:
    """The idempotency key of a body that was really sent by whoever has the secret. Raises `SignatureError`.

    `now` is in seconds since the epoch, as `time.time()` has it. Deduplicate by the key that comes back.
    """
    from temper.run.handlers.signing import ID, SIGNATURE, TIMESTAMP, secret_bytes, signature

    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if name not in given]
    if missing:
        raise SignatureError(f"the header {missing[0]} is missing")
    timestamp = given[TIMESTAMP]
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 15:
        raise SignatureError(f"{TIMESTAMP} is no number of seconds")
    if abs(now - int(timestamp)) > tolerance_seconds:
        raise SignatureError(f"it was signed {abs(now - int(timestamp)):.0f} s away from now")
    expected = signature(secret_bytes(secret), given[ID], int(timestamp), body)
    if not any(hmac.compare_digest(expected, each) for each in given[SIGNATURE].split()):
        raise SignatureError("the signature is not that of this body")
    return given[ID]
