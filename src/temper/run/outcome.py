"""What a handler said, held against what the effect declares. Nonsense is `unknown`, and kept for whoever looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from temper.machine import UNKNOWN, Args, Effect, NotAValueError, contains, from_json

SAID_CHARACTERS_MAX = 500


class Judged(NamedTuple):
    """An outcome that the effect declares, or `unknown` with a note on why."""

    outcome: str
    fields: Args = ()
    note: str = ""


def judge(effect: Effect, said: object) -> Judged:
    """The outcome in an answer: `{"outcome": "shifted", "fields": {...}}`, or just the outcome's name.

    >>> from temper.machine import DeliveryKind, Outcome, Retry
    >>> probe = Effect("probe", (), (Outcome("healthy", ()),), DeliveryKind.KEYED, False, None, 1000, Retry())
    >>> judge(probe, {"outcome": "healthy"})
    Judged(outcome='healthy', fields=(), note='')
    >>> judge(probe, "well").note
    'the answer names the outcome `well`, and probe has healthy, unknown; it said "well"'
    """
    name, fields = (said, {}) if isinstance(said, str) else _parts(said)
    if name is None:
        return _nonsense('an answer is {"outcome": name, "fields": {...}}', said)
    known = [outcome.name for outcome in effect.outcomes]
    if name not in (*known, UNKNOWN):
        names = ", ".join((*known, UNKNOWN))
        return _nonsense(f"the answer names the outcome `{name}`, and {effect.name} has {names}", said)
    return _with_fields(effect, name, fields, said)


def _parts(said: object) -> tuple[str | None, Any]:
    if not isinstance(said, Mapping) or not isinstance(said.get("outcome"), str):
        return None, {}
    return said["outcome"], said.get("fields", {})


def _with_fields(effect: Effect, name: str, fields: Any, said: object) -> Judged:
    declared = effect.outcome(name).fields
    names = [field.name for field in declared]
    if not isinstance(fields, Mapping) or sorted(map(str, fields)) != sorted(names):
        needed = ", ".join(names) or "none"
        return _nonsense(f"the outcome `{name}` has the fields {needed}", said)
    values: list[tuple[str, Any]] = []
    for field in declared:
        try:
            value = from_json(field.type, fields[field.name])
        except (NotAValueError, ValueError, RecursionError) as error:
            return _nonsense(f"the field `{field.name}` is wrong: {error}", said)
        if not contains(field.type, value):
            return _nonsense(f"the field `{field.name}` is no {field.type}", said)
        values.append((field.name, value))
    return Judged(name, tuple(values), _shown(said) if name == UNKNOWN else "")


def _nonsense(why: str, said: object) -> Judged:
    return Judged(UNKNOWN, (), f"{why}; it said {_shown(said)}")


def _shown(said: object) -> str:
    try:
        text = json.dumps(said, default=repr)
    except (ValueError, RecursionError):
        text = repr(type(said))
    return text if len(text) <= SAID_CHARACTERS_MAX else text[:SAID_CHARACTERS_MAX] + "…"
