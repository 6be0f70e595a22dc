"""What took long to find out, kept between processes in a folder of the user's: machine code, and what proofs lean on.

What is read is taken only if it is ours, whole, and the answer to the very question: the file belongs to the user and
nobody else may write to it, and its digest covers key and code. Anything else is as good as nothing there. A
folder that cannot be written is no error.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp

VARIABLE = "TEMPER_CACHE"
"""Names the folder; set to nothing, nothing is kept."""
BYTES_MAX = 64 << 20
"""How much is kept; what was not used for longest goes first."""
MAGIC = {"code": b"temper native 1\n", "proofs": b"temper proofs 1\n"}
"""What may be kept, by the suffix of its files, and how they begin."""
OTHERS_MAY_WRITE = 0o022


def folder() -> Path | None:
    """Where things are kept; None if they are not."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if Path(caches).is_absolute():
        return Path(caches) / "temper"
    try:
        return Path.home() / ".cache" / "temper"
    except RuntimeError:
        return None


def key_of(*parts: str) -> str:
    """One name for everything that what is kept depends on.

    >>> key_of("a", "bc") == key_of("ab", "c")
    False
    """
    digest = sha256()
    for part in parts:
        text = part.encode()
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


def find(key: str, kind: str = "code") -> bytes | None:
    """What is kept under the key; None if there is nothing that can be trusted."""
    where = folder()
    if where is None:
        return None
    path = where / f"{key}.{kind}"
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())) or not _is_ours(where.stat()):
                return None
            found = file.read(BYTES_MAX)
    except OSError:
        return None
    head = len(MAGIC[kind]) + sha256().digest_size
    body = found[head:]
    if found[:head] != MAGIC[kind] + _digest(key, body):
        return None
    with suppress(OSError):
        os.utime(path)
    return body


def keep(key: str, body: bytes, kind: str = "code") -> None:
    """Keep it under the key, if there is a place for it."""
    where = folder()
    if where is None:
        return
    with suppress(OSError):
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = mkstemp(dir=where, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC[kind] + _digest(key, body) + body)
            Path(name).replace(where / f"{key}.{kind}")
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        _make_room(where)


def _digest(key: str, body: bytes) -> bytes:
    return sha256(key.encode() + b"\n" + body).digest()


def _is_ours(status: os.stat_result) -> bool:
    """Whether the user owns it and nobody else may write to it, where there are users."""
    own = getattr(os, "getuid", lambda: status.st_uid)()
    return status.st_uid == own and not (os.name == "posix" and status.st_mode & OTHERS_MAY_WRITE)


def _make_room(where: Path) -> None:
    """Forget what was not used for longest, as long as there is too much."""
    ours = [path for kind in MAGIC for path in where.glob(f"*.{kind}")]
    found = sorted(((path.stat(), path) for path in ours), key=lambda entry: -entry[0].st_mtime_ns)
    total = 0
    for status, path in found:
        total += status.st_size
        if total > BYTES_MAX:
            path.unlink(missing_ok=True)
