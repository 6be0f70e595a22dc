"""What a tenant may be called: its name is a part of addresses, and of the paths of files."""

from __future__ import annotations

import re

from temper.serve.problem import ProblemError

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
"""Small letters alone, for there are file systems that do not tell capitals from them."""
RESERVED = frozenset({"tenants", "con", "prn", "aux", "nul"})
"""Where tenants themselves are looked after; and what some systems take for a device."""


def is_name(text: str) -> bool:
    """Whether a tenant may be called so.

    >>> is_name("acme-2"), is_name("Acme"), is_name("../acme"), is_name("tenants")
    (True, False, False, False)
    """
    return NAME.fullmatch(text) is not None and text not in RESERVED


def checked(text: object) -> str:
    """The name, or a `bad-tenant` that says what a name is."""
    if isinstance(text, str) and is_name(text):
        return text
    detail = "a tenant's name has 1 to 40 small letters, digits and dashes, and begins and ends with no dash"
    detail += f"; {', '.join(sorted(RESERVED))} are none"
    raise ProblemError("bad-tenant", detail, {"tenant": str(text)[:60]})
