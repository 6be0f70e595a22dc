"""The reference pages of the program and of its HTTP interface, written from what they describe."""

from __future__ import annotations

from collections.abc import Iterator

from temper.cli.main import commands, overview, parser_of
from temper.serve.operation import Operation, Parameter, Permission, Place
from temper.serve.operations import OPERATIONS, problems_of
from temper.serve.problem import PROBLEMS
from temper.serve.tenants.operations import AT_A_TENANT, TENANT_OPERATIONS

SHOWN = {
    Permission.NONE: "No token is needed.",
    Permission.TOKEN: "Any token will do.",
    Permission.WORKER: "A worker's token is needed.",
    Permission.OPERATOR: "The operator's token is needed.",
}


def cli_reference() -> str:
    """`docs/reference/cli.md`: the help of every command, word for word."""
    parts = ["# The `temper` command", "", "Written by `make bless` from the program itself.", "", *_block(overview())]
    for name, each in commands().items():
        parts += ["", f"## `temper {name}`", "", *_block(parser_of(name, each).format_help())]
    return "\n".join(parts) + "\n"


def http_reference() -> str:
    """`docs/reference/http.md`: every operation, and every problem with its status."""
    parts = [
        "# HTTP",
        "",
        "Written by `make bless` from the catalogue of operations. `GET /openapi.json` gives the same for the live",
        "table, with every action and its parameters.",
        "",
        "A request shows its token as `Authorization: Bearer TOKEN`. Bodies and answers are JSON. What was not done is",
        "answered as `application/problem+json` (RFC 9457) with `code`, `detail` and `facts`; code and message are",
        "those of the terminal, and `type` leads to the page about the code.",
    ]
    for each in OPERATIONS:
        parts += ["", *_operation(each)]
    parts += [
        "",
        "## Several tenants",
        "",
        "Under `temper up --tenants` all of this is found under `/v1/{tenant}`, as in `/v1/acme/deploy/Deploy/d1`, with a token",
        "of that tenant. Any operation may then answer one of",
        f"{', '.join(f'`{code}`' for code in sorted(AT_A_TENANT))} as well. What is about tenants themselves is asked with the",
        "token of whoever runs the server:",
    ]
    for each in TENANT_OPERATIONS:
        parts += ["", *_operation(each)]
    parts += ["", "## Problems", "", "| status | code | title |", "| --- | --- | --- |"]
    parts += [
        f"| {status} | [`{code}`](../diagnostics/{code}.md) | {title} |"
        for code, (status, title) in sorted(PROBLEMS.items(), key=lambda item: (item[1][0], item[0]))
    ]
    return "\n".join(parts) + "\n"


def _block(text: str) -> list[str]:
    return ["```text", *text.rstrip().split("\n"), "```"]


def _operation(each: Operation) -> Iterator[str]:
    yield f"## {each.name}"
    yield ""
    yield f"`{each.method} {each.path}`"
    yield ""
    yield f"{each.doc} {SHOWN[each.permission]}"
    if each.parameters:
        yield ""
        yield "| parameter | in | what it is |"
        yield "| --- | --- | --- |"
        yield from (f"| `{one.name}` | {one.place} | {one.doc} |" for one in sorted(each.parameters, key=_order))
    yield ""
    yield f"Answers {each.status}, or one of {', '.join(f'`{code}`' for code in problems_of(each))}."


def _order(parameter: Parameter) -> int:
    return list(Place).index(parameter.place)
