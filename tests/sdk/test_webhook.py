"""What a receiver of signed bodies does: the page of the handlers says the same."""

from __future__ import annotations

import base64

import pytest

from temper.run.handlers.signing import secret_bytes, signed_headers
from temper.sdk import SignatureError, verified

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
NOW = 1_700_000_000
BODY = b'{"effect": "ship"}'
HEADERS = signed_headers(secret_bytes(SECRET), "12-0", NOW, BODY)


def test_a_body_that_was_signed_gives_its_key() -> None:
    assert verified(SECRET, HEADERS, BODY, now=NOW + 299) == "12-0"
    upper = {name.title(): value for name, value in HEADERS.items()}
    assert verified(SECRET, upper, BODY, now=NOW - 299) == "12-0"
    several = {**HEADERS, "webhook-signature": "v1,other " + HEADERS["webhook-signature"]}
    assert verified(SECRET, several, BODY, now=NOW) == "12-0"


@pytest.mark.parametrize(
    ("headers", "body", "now", "message"),
    [
        ({}, BODY, NOW, "webhook-id is missing"),
        (HEADERS, BODY + b" ", NOW, "not that of this body"),
        ({**HEADERS, "webhook-id": "13-0"}, BODY, NOW, "not that of this body"),
        ({**HEADERS, "webhook-timestamp": str(NOW + 1)}, BODY, NOW, "not that of this body"),
        (HEADERS, BODY, NOW + 301, "301 s away"),
        (HEADERS, BODY, NOW - 301, "301 s away"),
        ({**HEADERS, "webhook-timestamp": "soon"}, BODY, NOW, "no number of seconds"),
        ({**HEADERS, "webhook-signature": "v2,x"}, BODY, NOW, "not that of this body"),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], body: bytes, now: float, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        verified(SECRET, headers, body, now=now)


def test_another_secret_does_not_fit() -> None:
    other = "whsec_" + base64.b64encode(b"j" * 24).decode()
    with pytest.raises(SignatureError):
        verified(other, HEADERS, BODY, now=NOW)
