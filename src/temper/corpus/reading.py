"""A scenario read from its file. People write these by hand, too, so what is wrong is said where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temper.corpus.scenario import Origin, Scenario, Standing
from temper.corpus.writing import VERSION
from temper.machine import Address
from temper.report import Diagnostic, Help, Source, suggest
from temper.verify import RULES, Told

KEYS = (
    "temper_scenario",
    "name",
    "from",
    "found",
    "table",
    "because",
    "constants",
    "never",
    "reaches",
    "repeats_after",
    "ends",
    "steps",
)
STEP_KEYS = ("of", "by", "roles", "from", "outcome", "then", "args", "fields", "makes", "state", "data")
STANDING_KEYS = ("state", "data")


class NoScenarioError(Exception):
    """The data is no scenario. The text says what is wrong with it."""


def scenario_from_yaml(source: Source) -> Scenario | tuple[Diagnostic, ...]:
    """The scenario in the file, or what is wrong with it."""
    from temper.language import plain_yaml

    data, findings = plain_yaml(source)
    if findings:
        return findings
    try:
        return scenario_from_data(data)
    except NoScenarioError as wrong:
        cure = "`temper verify --keep` and `temper capture` write scenarios; docs/reference/scenarios.md has the form"
        message = f"{source.path} holds no scenario: {wrong}"
        return (Diagnostic("scenario-broken", message, None, helps=(Help(cure),)),)


def scenario_from_data(data: Any) -> Scenario:
    """The scenario that the data stands for. Raises `NoScenarioError`."""
    given = _record(data, KEYS, "a scenario")
    if given.get("temper_scenario") != VERSION:
        raise NoScenarioError(f"it does not begin with `temper_scenario: {VERSION}`")
    steps = _list(given.get("steps"), "steps")
    loop = given.get("repeats_after")
    if loop is not None and not (type(loop) is int and 0 <= loop <= len(steps)):
        raise NoScenarioError("`repeats_after` is a number of steps")
    origin = _text(given.get("from"), "from")
    if origin not in set(Origin):
        raise NoScenarioError(f"`from` is one of {', '.join(Origin)}, not `{origin}`")
    ends = _mapping(given.get("ends", {}), "ends")
    return Scenario(
        name=_text(given.get("name"), "name"),
        origin=Origin(origin),
        steps=tuple(_step(step, number) for number, step in enumerate(steps, 1)),
        found=_text(given.get("found", ""), "found"),
        table=_text(given.get("table", ""), "table"),
        because=_text(given.get("because", ""), "because"),
        never=tuple(_text(name, "never") for name in _list(given.get("never", []), "never")),
        reaches=_text(given.get("reaches", ""), "reaches"),
        ends=tuple(_standing(name, standing) for name, standing in ends.items()),
        constants={
            name: _text(value, "constants") for name, value in _mapping(given.get("constants", {}), "constants").items()
        },
        loop=loop,
    )


def _standing(name: str, data: Any) -> Standing:
    given = _record(data, STANDING_KEYS, f"`ends` of {name}")
    state = given.get("state")
    return Standing(address_of(name), None if state is None else _text(state, "state"), _mapping(given.get("data", {})))


def _step(data: Any, number: int) -> Told:
    whose = f"step {number}"
    given = _record(data, (*RULES, *STEP_KEYS), whose)
    rules = [rule for rule in RULES if rule in given]
    if len(rules) != 1:
        raise NoScenarioError(f"{whose} has one of {', '.join(RULES)}, and this has {', '.join(rules) or 'none'}")
    (rule,) = rules
    what = _text(given[rule], rule)
    by_cause = rule in {"settle", "fire"}
    then, by = given.get("then"), given.get("by")
    return Told(
        rule,
        address_of(_text(given.get("of"), f"of of {whose}")),
        action=(None if then is None else _text(then, "then")) if by_cause else (then or what or None),
        args=_mapping(given.get("args", {}), "args"),
        caller=None if by is None else _text(by, "by"),
        roles=tuple(_text(role, "roles") for role in _list(given.get("roles", []), "roles")),
        cause=what if by_cause else _text(given.get("from", ""), "from"),
        outcome=_text(given.get("outcome", ""), "outcome"),
        fields=_mapping(given.get("fields", {}), "fields"),
        state=None if given.get("state") is None else _text(given["state"], "state"),
        data=_mapping(given.get("data", {}), "data"),
        made=tuple(address_of(_text(each, "makes")) for each in _list(given.get("makes", []), "makes")),
        where=whose,
    )


def address_of(text: str) -> Address:
    """`Deploy d1`, or `Router` for the one instance of a `single` entity.

    >>> address_of("Deploy d1"), address_of("Router").id
    (Address(entity='Deploy', id='d1'), 'Router')
    """
    entity, _, ident = text.partition(" ")
    return Address(entity, ident or entity)


def _record(data: Any, keys: tuple[str, ...], whose: str) -> Mapping[str, Any]:
    given = _mapping(data, whose)
    for key in given:
        if key not in keys:
            near = suggest(key, keys)
            raise NoScenarioError(f"{whose} has no `{key}`" + (f"; did you mean `{near}`?" if near else ""))
    return given


def _mapping(data: Any, whose: str = "data") -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise NoScenarioError(f"`{whose}` is a mapping")
    return data


def _list(data: Any, whose: str) -> list[Any]:
    if not isinstance(data, list):
        raise NoScenarioError(f"`{whose}` is a list")
    return data


def _text(data: Any, whose: str) -> str:
    if not isinstance(data, str):
        raise NoScenarioError(f"`{whose}` is a text")
    return data
