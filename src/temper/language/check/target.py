"""Targets: what the machine calls, and whether it can."""

from __future__ import annotations

from collections.abc import Mapping

from temper.language.check.declared import ActionName, EntityName
from temper.language.check.findings import Findings, article, declared, did_you_mean, listed
from temper.language.check.reading import fits
from temper.language.syntax import TargetSyntax, Text
from temper.machine import AGAIN, IGNORE, OptionType, Target, Type
from temper.report import Help, Label

Pool = Mapping[str, Type | None]
"""What parameters are filled from, by name; None where a type could not be read."""


def read_target(
    syntax: TargetSyntax, entity: EntityName, pool: Pool, findings: Findings, *, after: str, again: str
) -> Target:
    """The target's names, each of them checked. `after` names what it follows.

    `again` says why it cannot be asked again, and is "" where it can.
    """
    for position, text in enumerate(syntax.names):
        before = [earlier.text for earlier in syntax.names[:position]]
        _check_reached(text, before, findings)
        if text.text == AGAIN and again:
            findings.add(
                "again-not-here", f"`again` cannot follow {after}: {again}", text.span, reason="nothing to ask again"
            )
        if text.text not in {AGAIN, IGNORE}:
            _check_action(text, entity, pool, findings, after=after)
    return tuple(text.text for text in syntax.names)


def _check_reached(text: Text, before: list[str], findings: Findings) -> None:
    for name in (AGAIN, IGNORE, text.text):
        if name in before:
            why = "always fits" if name in {AGAIN, IGNORE} else "has been tried already"
            findings.add(
                "unreachable-target",
                f"`{text.text}` is never tried: `{name}` stands before it and {why}",
                text.span,
                reason="never tried",
            )
            return


def _check_action(text: Text, entity: EntityName, pool: Pool, findings: Findings, *, after: str) -> None:
    action = find_action(text, entity, findings)
    if action is None or not machine_may_call(text, entity, action, findings):
        return
    for name, type_ in action.params.items():
        if name not in pool:
            _unfilled(text, action, name, pool, findings, after=after)
        elif not _fills(pool[name], type_):
            findings.add(
                "type-mismatch",
                f"{after} fills `{name}` with {article(pool[name])}, but `{text.text}` takes {article(type_)}",
                text.span,
                reason=f"its `{name}` is {article(type_)}",
                labels=declared(action.span, f"`{text.text}` is declared here"),
            )


def _fills(given: Type | None, wanted: Type | None) -> bool:
    if given is None or wanted is None:
        return True
    return fits(given, wanted) or (isinstance(wanted, OptionType) and fits(given, wanted.of))


def _unfilled(text: Text, action: ActionName, name: str, pool: Pool, findings: Findings, *, after: str) -> None:
    findings.add(
        "unfilled-parameter",
        f"{after} cannot call `{text.text}`: nothing fills its parameter `{name}`",
        text.span,
        reason=f"needs `{name}`",
        labels=declared(action.span, f"`{text.text}` has the parameter `{name}`"),
        notes=(f"it could be filled from {listed(pool)}" if pool else "there is nothing to fill it from",),
    )


def find_action(text: Text, entity: EntityName, findings: Findings) -> ActionName | None:
    """The action of that name, or a finding."""
    action = entity.actions.get(text.text)
    if action is not None:
        return action
    labels: tuple[Label, ...] = declared(entity.span, f"`{entity.name}` is declared here")
    helps: tuple[Help, ...] = did_you_mean(text.span, text.text, [*entity.actions, AGAIN, IGNORE])
    findings.add(
        "unknown-action",
        f"`{entity.name}` has no action `{text.text}`",
        text.span,
        reason="not one of its actions",
        labels=labels,
        notes=(f"its actions are {listed(entity.actions)}",),
        helps=helps,
    )
    return None


def machine_may_call(
    text: Text, entity: EntityName, action: ActionName, findings: Findings, *, constructor: bool = False
) -> bool:
    """Whether the machine can call an action here, or a finding. `constructor`: whether one is wanted."""
    labels = declared(action.span, f"`{action.name}` is declared here")
    if action.constructor != constructor:
        what = (
            "is no constructor: it does not start `from: new`"
            if constructor
            else "is a constructor, but the instance exists already"
        )
        findings.add(
            "wrong-constructor",
            f"`{entity.name}.{action.name}` {what}",
            text.span,
            reason="no constructor" if constructor else "a constructor",
            labels=labels,
        )
        return False
    if action.caller is not None:
        findings.add(
            "no-caller",
            f"the machine cannot call `{action.name}`, which reads `caller`",
            text.span,
            reason="called by the machine, so there is no caller",
            labels=declared(action.caller, "`caller` is read here"),
        )
        return False
    return True
