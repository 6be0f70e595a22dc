"""Reading a request's body as JSON, strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from temper.serve.problem import ProblemError


def parse_body(data: bytes) -> Any:
    """The JSON value of a body; an empty body is an empty object. Raises a `broken-json` problem.

    >>> parse_body(b''), parse_body(b'{"percent": 5}')
    ({}, {'percent': 5})
    """
    if not data.strip():
        return {}
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
        if "\\u" in text:  # only an escape can stand for half of a surrogate pair: UTF-8 itself has none
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as wrong:
        raise _broken(f"it is not UTF-8: {wrong.reason} at byte {wrong.start}") from None
    except UnicodeEncodeError:
        raise _broken("it holds half of a surrogate pair") from None
    except RecursionError:
        raise _broken("it is nested too deeply") from None
    except json.JSONDecodeError as wrong:
        raise _broken(f"{wrong.msg} at line {wrong.lineno}, column {wrong.colno}") from None
    except ValueError as wrong:
        raise _broken(str(wrong)) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {json.dumps(twice)} stands in one object twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
"""Made once: `json.loads` makes one for each call."""


def _broken(why: str) -> ProblemError:
    return ProblemError("broken-json", f"the body is not JSON: {why}", {"why": why})
