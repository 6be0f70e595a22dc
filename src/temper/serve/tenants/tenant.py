"""One tenant as the server knows it, whether its journal is open or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from temper.serve.draining import Draining
from temper.serve.home import Home
from temper.serve.tenants.limits import Rate, TenantLimits
from temper.serve.tenants.opening import Opened
from temper.serve.tokens import BadTokensError, Principal, TokenFile


@dataclass(slots=True, eq=False)
class Tenant:
    """Its name, where it lies, and how it stands."""

    name: str
    home: Home
    limits: TenantLimits
    opened: Opened | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    draining: Draining = field(default_factory=Draining)
    users: int = 0
    """Requests that are under way, streams included."""
    used_at: float = field(default_factory=monotonic)
    is_leaving: bool = False
    failed: str = ""
    """Why its journal cannot be served; for whoever runs the server."""
    failed_at: float = 0.0
    refused: str = ""
    """Why it stays with the version it has."""
    rate: Rate = field(init=False)
    _tokens: TokenFile | None = None

    def __post_init__(self) -> None:
        self.rate = Rate(self.limits.calls_per_second)

    @property
    def tokens(self) -> TokenFile:
        """Its principals. Raises `BadTokensError`."""
        if self._tokens is None:
            self._tokens = TokenFile(self.home.tokens)
        return self._tokens

    def holder(self, token: str) -> Principal | None:
        """Whose token it is; nobody's, if its file cannot be read."""
        try:
            return self.tokens.tokens.holder(token)
        except BadTokensError as wrong:
            self.failed = str(wrong)
            return None

    @property
    def status(self) -> str:
        """`open`, `closed`, or `failed`."""
        if self.opened is not None:
            return "open"
        return "failed" if self.failed else "closed"
