"""What a user got wrong on the command line, or around it: said in one line with its cure, never as a traceback."""

from __future__ import annotations


class MistakeError(Exception):
    """Ends the command with exit code 2. `code` is a slug, `cure` says what to do."""

    def __init__(self, code: str, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure
