"""`accept`, `grandfathered` and `migrate`: how a version comes into force."""

from __future__ import annotations

import re

from temper.language.check.declared import Declared
from temper.language.check.delivery import find_entity
from temper.language.check.findings import Findings, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_stored
from temper.language.check.signature import is_state
from temper.language.syntax import MigrateSyntax, Pairs, Tree
from temper.machine import Expression, Migration

_OBLIGATION = re.compile(r"[a-z][a-z_-]*:([A-Za-z_]\w*)(?:\.\S+)?")
"""What is checked without being asked, by what it is about: `reachable:Deploy.live`."""


def read_accepted(tree: Tree, words: Declared, findings: Findings) -> tuple[tuple[str, str], ...]:
    """`accept:` each property or obligation, with the reason."""
    return _reasons(tree.accept, tree, words, findings, obligations=True)


def read_grandfathered(tree: Tree, words: Declared, findings: Findings) -> tuple[tuple[str, str], ...]:
    """`grandfathered:` each property, with the reason."""
    return _reasons(tree.grandfathered, tree, words, findings, obligations=False)


def _reasons(
    pairs: Pairs | None, tree: Tree, words: Declared, findings: Findings, *, obligations: bool
) -> tuple[tuple[str, str], ...]:
    known = [item.name.text for item in tree.properties]
    for name, _ in pairs.items if pairs else ():
        obligation = _OBLIGATION.fullmatch(name.text) if obligations else None
        about = obligation[1] if obligation else ""
        if name.text not in known and about not in words.entities and about not in words.effects:
            findings.add(
                "unknown-property",
                f"there is no property `{name.text}`",
                name.span,
                reason="not declared",
                notes=(f"the properties are {listed(known)}",),
                helps=did_you_mean(name.span, name.text, known),
            )
    return tuple((name.text, reason.text) for name, reason in (pairs.items if pairs else ()))


def read_migration(syntax: MigrateSyntax, words: Declared, findings: Findings) -> Migration | None:
    """`migrate:` for one entity: old names are free, new ones must be there."""
    entity = find_entity(syntax.entity, Place(words, "`migrate`"), findings)
    if entity is None:
        return None
    states = [
        (old.text, new.text)
        for old, new in (syntax.states.items if syntax.states else ())
        if is_state(new, entity.syntax, findings)
    ]
    data: list[tuple[str, Expression]] = []
    for name, text in syntax.data.items if syntax.data else ():
        if name.text not in entity.fields:
            findings.add(
                "unknown-field",
                f"`{entity.name}` has no field `{name.text}`",
                name.span,
                reason="not a field of this version",
                helps=did_you_mean(name.span, name.text, list(entity.fields)),
            )
            continue
        field = entity.fields[name.text]
        if field is None:
            continue
        place = Place(words, f"the migrated `{name.text}`", entity, old=True)
        found = read_stored(text, field.type, place, findings)
        if found is not None:
            data.append((name.text, found))
    return Migration(entity.name, tuple(states), tuple(data))
