"""The `temper` command: one file per command in `commands`, found by looking, imported when asked for."""

from temper.cli.main import main

__all__ = ["main"]
