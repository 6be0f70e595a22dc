"""Client commands made from the catalogue alone: the parameters are the operation's, the answer is shown as it is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from temper.cli.building import pairs
from temper.cli.connection import add_connection, connect
from temper.cli.outline import outline_lines
from temper.cli.terminal import Terminal, columns
from temper.serve.operation import Operation, Parameter, Place
from temper.serve.operations import AS, OPERATIONS


@dataclass(frozen=True, slots=True)
class OperationCommand:
    """The command of one operation, with what a module of `commands` has."""

    operation: Operation

    @property
    def summary(self) -> str:
        return _summary(self.operation.doc)

    @property
    def description(self) -> str:
        return self.operation.doc

    def configure(self, parser: argparse.ArgumentParser) -> None:
        for parameter in self._asked():
            _add(parser, parameter)
        if self.operation.name == "list":
            parser.add_argument(
                "where", nargs="*", metavar="FIELD=VALUE", help="only instances with this value in this field"
            )
        add_connection(parser, acting=AS in self.operation.parameters)

    def run(self, arguments: argparse.Namespace, terminal: Terminal) -> int:
        values = vars(arguments)
        given = {each.name: str(values[each.name]) for each in self._asked() if values[each.name] is not None}
        if self.operation.name == "list":
            given |= pairs(arguments.where, "")
        answer = connect(arguments).ask(self.operation.name, given)
        if terminal.as_json:
            terminal.answer(answer)
        else:
            terminal.say("\n".join(lines_of(answer)) or "none")
        return 0

    def _asked(self) -> tuple[Parameter, ...]:
        """What the user gives: not the blueprint, which the connection knows, and not the headers."""
        return tuple(
            each for each in self.operation.parameters if each.place is not Place.HEADER and each.name != "blueprint"
        )


def derived_commands() -> dict[str, OperationCommand]:
    """By name, every operation whose command is made from its entry."""
    return {each.name: OperationCommand(each) for each in OPERATIONS if each.command}


def lines_of(answer: Any) -> list[str]:
    """An answer for people: a list of records becomes a table, anything else an outline."""
    if isinstance(answer, str):
        return answer.rstrip("\n").split("\n")
    listed = _only_list(answer) if isinstance(answer, dict) else None
    return list(outline_lines(answer)) if listed is None else _table(listed)


def _only_list(fields: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The records, where an answer is little more than a list of them."""
    lists = [value for value in fields.values() if isinstance(value, list)]
    rest = [value for value in fields.values() if isinstance(value, dict)]
    return lists[0] if len(lists) == 1 and not rest and all(isinstance(each, dict) for each in lists[0]) else None


def _table(listed: list[dict[str, Any]]) -> list[str]:
    if not listed:
        return []
    told = [{name: _cell(value) for name, value in record.items()} for record in listed]
    head = [name for name in listed[0] if any(record.get(name) for record in told)]
    return columns([head, *([record.get(name, "") for name in head] for record in told)])


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case {"message": str(message)}:
            return message
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"integer from {low} to {high}"
        case {"type": str(type_)}:
            return type_
        case dict():
            return ", ".join(f"{name}={_cell(item)}" for name, item in value.items())
        case list():
            return "{" + ", ".join(map(_cell, value)) + "}"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _add(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    if parameter.place is Place.PATH:
        parser.add_argument(parameter.name, metavar=parameter.name.upper(), help=parameter.doc)
        return
    choices = parameter.schema.get("enum")
    parser.add_argument(f"--{parameter.name}", metavar=parameter.name.upper(), choices=choices, help=parameter.doc)


def _summary(doc: str) -> str:
    first = doc.partition(". ")[0].partition(":")[0].rstrip(".")
    return first[:1].lower() + first[1:]
