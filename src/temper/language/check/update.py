"""`set:` the new values of fields, all read from before the change."""

from __future__ import annotations

import ast
from dataclasses import replace

from temper.language.check.declared import EntityName
from temper.language.check.findings import Findings, article, declared, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_node, read_stored
from temper.language.python import Parsed, parse_python
from temper.language.syntax import Pairs, SpawnSyntax, Text
from temper.machine import Expression, Field, MapType, Type, Update
from temper.report import Diagnostic, Span


def read_updates(
    set_: Pairs | None, spawns: tuple[SpawnSyntax, ...], place: Place, findings: Findings
) -> tuple[Update, ...]:
    """The updates of one `set`. A field that a spawn's `as` fills is set as well."""
    assert place.entity is not None, "updates belong to an entity"
    seen: dict[str, tuple[Span, bool]] = {}
    updates: list[Update] = []
    for target, value in set_.items if set_ else ():
        update = _update(target, value, place, place.entity, seen, findings)
        if update is not None:
            updates.append(update)
    for spawn in spawns:
        if spawn.into is not None:
            _once(spawn.into.text, spawn.into.span, seen, findings, whole=True)
    return tuple(updates)


def _update(
    target: Text,
    value: Text,
    place: Place,
    entity: EntityName,
    seen: dict[str, tuple[Span, bool]],
    findings: Findings,
) -> Update | None:
    parsed = parse_python(target)
    if isinstance(parsed, Diagnostic):
        findings.put(parsed)
        return None
    key_node: ast.expr | None = None
    match parsed.body:
        case ast.Name(id=name) as node:
            pass
        case ast.Subscript(value=ast.Name(id=name) as node, slice=key_node):
            pass
        case _:
            findings.add(
                "unknown-field",
                f"`{target.text}` is no field; a `set` names a field, or a map's key as `m[k]`",
                target.span,
                reason="neither `field` nor `map[key]`",
            )
            return None
    field = _field(parsed, node, name, entity, findings)
    if field is None or not _once(name, target.span, seen, findings, whole=key_node is None):
        return None
    because = declared(field.span, f"`{name}` is declared {article(field.type)} here")
    place = replace(place, what=f"the new value of `{target.text}` in {place.what}", because=because)
    if key_node is None:
        found = read_stored(value, field.type, place, findings)
        return None if found is None else Update(name, None, found, target.span)
    return _by_key(parsed, key_node, field, value, place, findings)


def _field(parsed: Parsed, node: ast.expr, name: str, entity: EntityName, findings: Findings) -> Field | None:
    if name in entity.fields:
        return entity.fields[name]
    span = parsed.span(node)
    if name == "state":
        findings.add("unknown-field", "the state is changed by `to:`, not by `set:`", span, reason="not a field")
        return None
    known = list(entity.fields)
    findings.add(
        "unknown-field",
        f"`{entity.name}` has no field `{name}`",
        span,
        reason="not one of its fields",
        labels=declared(entity.span, f"`{entity.name}` is declared here"),
        notes=(f"its fields are {listed(known)}",),
        helps=did_you_mean(span, name, known),
    )
    return None


def _once(name: str, span: Span, seen: dict[str, tuple[Span, bool]], findings: Findings, *, whole: bool) -> bool:
    """Whether a field is set once: as a whole, or by keys."""
    before = seen.setdefault(name, (span, whole))
    if before[0] == span or (not whole and not before[1]):
        return True
    findings.add(
        "set-twice",
        f"`{name}` is set twice in one step",
        span,
        reason="the second time",
        labels=declared(before[0], "the first time"),
        notes=("the updates of one `set` happen at once, so none of them could be the last",),
    )
    return False


def _by_key(
    parsed: Parsed, key_node: ast.expr, field: Field, value: Text, place: Place, findings: Findings
) -> Update | None:
    if not isinstance(field.type, MapType):
        findings.add(
            "not-a-map",
            f"only a map is changed by key, but `{field.name}` is {article(field.type)}",
            parsed.text.span,
            reason=f"this is {article(field.type)}",
            labels=declared(field.span, f"`{field.name}` is declared here"),
        )
        return None
    key = _key(parsed, key_node, field.type.key, place, findings)
    found = read_stored(value, field.type.value, place, findings)
    return None if key is None or found is None else Update(field.name, key, found, parsed.text.span)


def _key(parsed: Parsed, node: ast.expr, type_: Type, place: Place, findings: Findings) -> Expression | None:
    return read_node(parsed, node, place, findings, type_)
