"""`with:` what a delivery carries, in full or in its short form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from temper.language.check.findings import Findings, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_stored
from temper.language.syntax import Pairs, Text
from temper.machine import Expression, Type
from temper.report import Help, Span

With = Pairs | tuple[Text, ...]


def read_arguments(
    with_: With, params: Mapping[str, Type | None], place: Place, findings: Findings, *, to: str, at: Span
) -> tuple[tuple[str, Expression], ...]:
    """The arguments in the order of the parameters; whatever is missing, unknown or twice is a finding."""
    given: dict[str, Expression | None] = {}
    for name, text in _pairs(with_):
        if name.text not in params:
            findings.add(
                "unknown-parameter",
                f"{to} takes no `{name.text}`",
                name.span,
                reason="not a parameter",
                notes=(f"it takes {listed(params)}",),
                helps=did_you_mean(name.span, name.text, [p for p in params if p not in given]),
            )
            continue
        if name.text in given:
            findings.add(
                "duplicate-name", f"`{name.text}` is passed twice to {to}", name.span, reason="the second time"
            )
            continue
        given[name.text] = _argument(name, text, params[name.text], place, findings, to=to)
    missing = [name for name in params if name not in given]
    if missing and not any(name.text not in params for name, _ in _pairs(with_)):
        findings.add("missing-argument", f"{to} needs {listed(missing)}", at, reason="not passed", helps=_help(missing))
    return tuple((name, found) for name in params if (found := given.get(name)) is not None)


def _pairs(with_: With) -> tuple[tuple[Text, Text], ...]:
    """`[a, b]` is short for `{a: a, b: b}`."""
    return with_.items if isinstance(with_, Pairs) else tuple((name, name) for name in with_)


def _help(missing: list[str]) -> tuple[Help, ...]:
    return (Help(f"add {listed(missing)} to `with:`"),)


def _argument(
    name: Text, text: Text, type_: Type | None, place: Place, findings: Findings, *, to: str
) -> Expression | None:
    if type_ is None:
        return None
    return read_stored(text, type_, replace(place, what=f"the argument `{name.text}` of {to}"), findings)
