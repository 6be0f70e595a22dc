"""A scenario as the YAML that people read: a line for each step, who before what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from temper.corpus.scenario import Scenario, Standing
from temper.machine import Address
from temper.verify import Told

VERSION = 1
BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?: [A-Za-z_][A-Za-z0-9_.-]*)?\Z")
WORDS = {"null", "true", "false", "~"}
"""What YAML does not take for a text."""


def scenario_to_yaml(scenario: Scenario) -> str:
    """The text of its file, from which `scenario_from_yaml` makes an equal one."""
    steps = ["steps:", *(f"- {_step(told)}" for told in scenario.steps)] if scenario.steps else ["steps: []"]
    return "\n".join([*_head(scenario), *steps, ""])


def _head(scenario: Scenario) -> Iterator[str]:
    yield f"temper_scenario: {VERSION}"
    yield f"name: {_text(scenario.name)}"
    yield f"from: {scenario.origin}"
    for key, text in (("found", scenario.found), ("table", scenario.table), ("because", scenario.because)):
        if text:
            yield f"{key}: {_text(text)}"
    if scenario.constants:
        yield f"constants: {_flow(scenario.constants)}"
    if scenario.never:
        yield f"never: {_flow(scenario.never)}"
    if scenario.reaches:
        yield f"reaches: {_text(scenario.reaches)}"
    if scenario.loop is not None:
        yield f"repeats_after: {scenario.loop}"
    if scenario.ends:
        yield "ends:"
        yield from (f"  {place_text(standing.address)}: {_flow(_standing(standing))}" for standing in scenario.ends)


def _standing(standing: Standing) -> dict[str, Any]:
    return ({} if standing.state is None else {"state": standing.state}) | (
        {"data": standing.data} if standing.data else {}
    )


def _step(told: Told) -> str:
    data: dict[str, Any] = {told.rule: _what(told), "of": place_text(told.address, quoted=False)}
    if told.rule == "call":
        data["by"] = told.caller
        data["roles"] = list(told.roles or ())
    if told.rule in {"deliver", "perform"}:
        data["from"] = told.cause
    if told.rule == "settle":
        data["outcome"] = told.outcome
    if told.rule in {"settle", "fire"} and told.action:
        data["then"] = told.action
    data |= {name: dict(of) for name, of in (("args", told.args), ("fields", told.fields)) if of}
    if told.made:
        data["makes"] = [" ".join(address) for address in told.made]
    if told.state is not None:
        data["state"] = told.state
    if told.data:
        data["data"] = dict(told.data)
    return _flow(data)


def _what(told: Told) -> str:
    """What stands behind the rule: an action, an effect, a timer."""
    if told.rule in {"settle", "fire"}:
        return told.cause
    return told.action or ""


def place_text(address: Address, *, quoted: bool = True) -> str:
    """`Deploy d1`; of the one instance of a `single` entity the entity alone."""
    text = address.entity if address.entity == address.id else f"{address.entity} {address.id}"
    return _text(text) if quoted else text


def _flow(value: Any) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_text(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str():
            return _text(value)
        case _:
            return json.dumps(value)


def _text(text: str) -> str:
    """A text as a scalar that reads as this very text: bare where nobody could take it for anything else."""
    if BARE.match(text) and text.lower() not in WORDS:
        return text
    return json.dumps(text, ensure_ascii=any(not character.isprintable() for character in text))
