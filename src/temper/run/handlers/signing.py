"""Signed bodies, as Standard Webhooks has them: id, time and body under HMAC-SHA256, in three headers.

    webhook-id: the idempotency key        webhook-timestamp: seconds since the epoch
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, "id.timestamp.body")>

Libraries that verify such signatures exist for most languages; `temper.sdk.verified` does it in Python.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
SECRET_BYTES_MIN = 24


def secret_bytes(secret: str) -> bytes:
    """The key in a secret: base64 behind `whsec_`. Raises `ValueError`."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or len(key) < SECRET_BYTES_MIN:
        raise ValueError(f"a secret is `{PREFIX}` and at least {SECRET_BYTES_MIN} bytes in base64")
    return key


def signature(secret: bytes, id_: str, timestamp: int, body: bytes) -> str:
    """What stands in the signature's header.

    >>> signature(b"k" * 24, "12-0", 1_700_000_000, b"{}")
    'v1,+QWkrcepErhCLxiUY2K6mqLAP7BJF+4hNJAKrkm+JFc='
    """
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signed_headers(secret: bytes, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed body."""
    return {ID: id_, TIMESTAMP: str(timestamp), SIGNATURE: signature(secret, id_, timestamp, body)}
