"""Print the JSON Schema of a blueprint, which gives editors completion without a plug-in of ours."""

from __future__ import annotations

import argparse

from temper.cli.terminal import Terminal

SUMMARY = "print the JSON Schema of blueprints"


def configure(parser: argparse.ArgumentParser) -> None:
    del parser  # nothing to choose


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.language import json_schema

    del arguments
    terminal.answer(json_schema())
    return 0
