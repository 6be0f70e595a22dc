"""Who may call: principals, their roles and the hashes of their bearer tokens, in a local file that a person can edit.

A token is 32 random bytes, so one round of SHA-256 is enough to keep a stolen file from being a stolen key. The file is
read again when it changes, so that a token can be withdrawn from a server that runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOG = logging.getLogger("temper.serve")
OPERATOR = "operator"
"""The principal that `temper up` makes for whoever started it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may call. `operator` tells who may change the running system and act as others.

    `works_on_effects` names the effects that a worker with this token may perform; None is all of them.
    """

    name: str
    roles: frozenset[str]
    operator: bool = False
    works_on_effects: frozenset[str] | None = frozenset()

    def works_on(self, effect: str) -> bool:
        return self.works_on_effects is None or effect in self.works_on_effects


class BadTokensError(Exception):
    """The tokens file is not what it should be; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The content of a tokens file."""

    principals: Mapping[str, Principal]
    names: Mapping[str, str]
    """By the hash of a token: the name of the principal whose it is."""
    _met: dict[str, Principal] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Tokens that were shown and are known, so that their hash need not be computed each time."""

    def holder(self, token: str) -> Principal | None:
        """Whose token it is. Looked up by its hash: how long that takes may tell of a hash, and of no token."""
        found = self._met.get(token)
        if found is None and (name := self.names.get(hash_of(token))) is not None:
            found = self._met[token] = self.principals[name]
        return found


def nobodys(path: Path, token: str) -> None:
    """Take as long as a tokens file takes that does not know the token."""
    _stamp(path)
    hash_of(token)


class TokenFile:
    """A tokens file that is followed while it changes. A broken change keeps what was known before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = _stamp(path)
        self._tokens = read_tokens(path)

    @property
    def tokens(self) -> Tokens:
        stamp = _stamp(self.path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._tokens = read_tokens(self.path)
            except BadTokensError as wrong:
                LOG.warning("%s; the tokens so far stay in force", wrong)
        return self._tokens


def read_tokens(path: Path) -> Tokens:
    """The tokens in a TOML or JSON file. Raises `BadTokensError`."""
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as wrong:
        raise BadTokensError(f"{path} cannot be read: {wrong.strerror}") from None
    except ValueError as wrong:
        raise BadTokensError(f"{path} is broken: {wrong}") from None
    listed = data.get("principals") if isinstance(data, dict) else None
    if not isinstance(listed, dict):
        raise BadTokensError(f"{path} has no table `principals`")
    principals: dict[str, Principal] = {}
    names: dict[str, str] = {}
    for name, entry in listed.items():
        principals[name], known = _principal(path, name, entry)
        names.update((known_hash, name) for known_hash in known)
    return Tokens(principals, names)


def create_tokens(path: Path, principals: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Write a new file with a token for each principal and the operator; what it gives is kept nowhere else."""
    listed = {name: sorted(roles) for name, roles in principals if name != OPERATOR}
    drawn = {name: draw() for name in (OPERATOR, *listed)}
    lines = [
        "# Who may call. A hash is the SHA-256 of a token; the tokens themselves are not here.",
        "# The file is read again when it changes: to withdraw a token, delete its line.",
        "",
        *_entry(OPERATOR, (), drawn[OPERATOR], operator=True),
    ]
    for name, roles in listed.items():
        lines += _entry(name, roles, drawn[name])
    write_private(path, "\n".join(lines))
    return drawn


def add_token(path: Path, name: str, roles: Iterable[str], works_on: Iterable[str] | None = ()) -> str:
    """Add a new principal to the file and give its token. Raises `BadTokensError` if it is there already."""
    known = read_tokens(path)
    if path.suffix == ".json":
        raise BadTokensError(f"{path} is JSON: add the principal by hand, or keep a TOML file")
    if name in known.principals:
        raise BadTokensError(f"{path} knows `{name}` already")
    token = draw()
    write_private(
        path,
        path.read_text(encoding="utf-8").rstrip("\n")
        + "\n\n"
        + "\n".join(_entry(name, roles, token, works_on=works_on)),
    )
    return token


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def draw() -> str:
    """A new token."""
    return f"temper_{secrets.token_urlsafe(32)}"


def hash_of(token: str) -> str:
    """A token's hash as the file holds it.

    >>> hash_of("a")[:14]
    'sha256:ca97811'
    """
    return "sha256:" + hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _principal(path: Path, name: str, entry: object) -> tuple[Principal, list[str]]:
    match entry:
        case {"roles": [*roles], "tokens": [*known], **rest} if _all_text(roles) and _all_text(known):
            operator, worker = rest.pop("operator", False), _works_on(path, name, rest.pop("worker", False))
            if rest or not isinstance(operator, bool):
                raise BadTokensError(
                    f"{path}: principal `{name}` has only roles, tokens, worker and operator = true or false"
                )
            worker = None if operator else worker  # Who may act as everybody may act as a worker.
            return Principal(name, frozenset(map(str, roles)), operator, worker), [str(each).lower() for each in known]
        case _:
            raise BadTokensError(f"{path}: principal `{name}` needs the lists `roles` and `tokens`")


def _works_on(path: Path, name: str, given: object) -> frozenset[str] | None:
    match given:
        case True:
            return None
        case False:
            return frozenset()
        case [*effects] if _all_text(effects):
            return frozenset(map(str, effects))
    raise BadTokensError(f"{path}: `worker` of principal `{name}` is true, or a list of effects")


def _all_text(listed: list[object]) -> bool:
    return all(isinstance(each, str) for each in listed)


def _entry(
    name: str, roles: Iterable[str], token: str, *, operator: bool = False, works_on: Iterable[str] | None = ()
) -> list[str]:
    head = [f"[principals.{json.dumps(name)}]", f"roles = {json.dumps(list(roles))}"]
    if works_on is None:
        head.append("worker = true")
    elif effects := list(works_on):
        head.append(f"worker = {json.dumps(effects)}")
    return [*head, *(["operator = true"] if operator else []), f'tokens = ["{hash_of(token)}"]', ""]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
