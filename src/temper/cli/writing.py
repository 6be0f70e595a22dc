"""Writing a blueprint's file: whole or not at all, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

from pathlib import Path

from temper.cli.mistake import MistakeError


def write_beside(path: Path, *, before: str, after: str) -> None:
    """Put the text in the file's place: a full disk leaves the old text, not half of the new one.

    `before` is what was read. A byte order mark that it began with stays.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        now = path.read_bytes()
        mark = b"\xef\xbb\xbf" if now.startswith(b"\xef\xbb\xbf") else b""
        if now.decode("utf-8-sig") != before:
            raise MistakeError("file-unwritable", f"{path} was changed meanwhile", "look at it again first")
        beside.write_bytes(mark + after.encode("utf-8"))
        beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError as wrong:
        beside.unlink(missing_ok=True)
        raise MistakeError("file-unwritable", f"{path} cannot be written: {wrong.strerror}") from None
