"""The folder where a server leaves what it needs and what its local clients look for: `.temper/<blueprint>`.

`tokens.toml` says who may call, in hashes; `client.json` holds the tokens that were drawn when it was made;
`server.json` is there while a server runs; `journal.sqlite` is the store. All are for their owner's eyes alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.serve.tokens import write_private

VARIABLE = "TEMPER_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """One blueprint's folder.

    >>> Home(Path(".temper/deploy")).store.name
    'journal.sqlite'
    """

    folder: Path

    @property
    def tenants(self) -> Path:
        """Where the tenants of a server that has several lie."""
        return self.folder / "tenants"

    def tenant(self, name: str) -> Home:
        """The home of one of them, whose name must be one."""
        return Home(self.tenants / name)

    @property
    def store(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.toml"

    def drawn(self) -> dict[str, str]:
        """The tokens that this machine's user may use, by principal."""
        tokens = _read(self.folder / "client.json").get("tokens", {})
        return {str(name): str(token) for name, token in tokens.items()} if isinstance(tokens, dict) else {}

    def keep_drawn(self, tokens: dict[str, str]) -> None:
        write_private(self.folder / "client.json", json.dumps({"tokens": tokens}, indent=2) + "\n")

    def url(self) -> str | None:
        """Where the server of this home serves, if one does."""
        url = _read(self.folder / "server.json").get("url")
        return url if isinstance(url, str) else None

    def announce(self, url: str) -> None:
        write_private(self.folder / "server.json", json.dumps({"url": url, "process": os.getpid()}) + "\n")

    def withdraw(self) -> None:
        """Take back what this process announced, and nothing of another's."""
        if _read(self.folder / "server.json").get("process") == os.getpid():
            (self.folder / "server.json").unlink(missing_ok=True)


def home_of(blueprint: str) -> Home:
    """The home of a blueprint's server."""
    return Home(_root() / blueprint)


def homes() -> dict[str, Home]:
    """Every home in which a server has announced itself, by blueprint."""
    return {path.parent.name: Home(path.parent) for path in sorted(_root().glob("*/server.json"))}


def known_homes(tenant: str = "") -> dict[str, Home]:
    """Every home in which a journal lies, a tenant's if one is named, by blueprint, whether a server runs or not."""
    inner = f"tenants/{tenant}/" if tenant else ""
    return {path.name: Home(path) for path in sorted(_root().glob("*")) if (path / f"{inner}journal.sqlite").is_file()}


def _root() -> Path:
    return Path(os.environ.get(VARIABLE) or ".temper")


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
