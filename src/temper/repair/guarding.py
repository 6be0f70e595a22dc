"""Repairs that keep a row from being taken: another condition in its guard, or in a policy that permits the call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from temper.language import Sheet
from temper.machine import EnumType, Gate, OptionType, PrincipalType, TransitionTable, property_parts
from temper.pipeline import Read
from temper.repair.atoms import Atom, atoms
from temper.repair.evidence import Evidence, Occasion
from temper.repair.repair import AS_IT_IS, OTHER_RULES, WORLD, Repair
from temper.report import Edit

BEHIND = ("doc", "by", "params", "from")
"""A guard stands behind these."""


def guarding(
    read: Read, sheet: Sheet, table: TransitionTable, shown: Evidence, wanted: tuple[Occasion, ...]
) -> Iterator[Repair]:
    """Conjuncts that would have kept each row of the run from being taken, the last row first.

    Those come later that would also have kept one of the `wanted` from happening.
    """
    sought = spoken_of(table, shown)
    for occasion in shown.occasions:
        cost = WORLD if table.entity(occasion.entity).world else AS_IT_IS
        spared = _spared(table, occasion, wanted)
        for atom in _blocking(table, occasion):
            relevance = (0 if atom.names & sought else 1) + (0 if atom.text in spared else 2)
            for repair in (_in_action(sheet, occasion, atom), _in_case(sheet, occasion, atom)):
                if repair is not None:
                    yield replace(repair, cost=cost, relevance=relevance)
        yield from _fewer_roles(sheet, occasion)
        yield from _in_policies(read, table, occasion)


def spoken_of(table: TransitionTable, shown: Evidence) -> frozenset[str]:
    """The names that the refuted property reads."""
    property_ = next((each for each in table.properties if each.name == shown.finding.name), None)
    if property_ is None:
        return frozenset({shown.finding.name.rpartition(".")[2]})
    return frozenset({*(part.name for part in property_parts(property_)), "caller"})


def _spared(table: TransitionTable, occasion: Occasion, wanted: tuple[Occasion, ...]) -> frozenset[str]:
    """The conditions that held each time the row was taken in a run that is wanted."""
    held = {atom.text for atom in atoms(table, occasion, caller=True)}
    for other in wanted:
        if (other.name, other.case) == (occasion.name, occasion.case):
            held &= {atom.text for atom in atoms(table, other, caller=True) if atom.held}
    return frozenset(held)


def _blocking(table: TransitionTable, occasion: Occasion) -> tuple[Atom, ...]:
    """Conditions that did not hold when the row was taken."""
    action = table.entity(occasion.entity).action(occasion.action)
    by_people = action.gate in {Gate.ROLES, Gate.POLICY}
    return tuple(atom for atom in atoms(table, occasion, caller=by_people) if not atom.held)


def _in_action(sheet: Sheet, occasion: Occasion, atom: Atom) -> Repair | None:
    path = ("entities", occasion.entity, "actions", occasion.action)
    if not sheet.has(*path):
        return None
    return _with(sheet, (*path,), f"`{occasion.name}`", atom, BEHIND)


def _in_case(sheet: Sheet, occasion: Occasion, atom: Atom) -> Repair | None:
    """In the guard of the case alone, where it has one. It reads what the common updates left."""
    path = ("entities", occasion.entity, "actions", occasion.action, "cases", occasion.case or 0)
    if occasion.case is None or not sheet.has(*path, "when") or "caller" in atom.names:
        return None
    return _with(sheet, path, f"case {occasion.case} of `{occasion.name}`", atom, ())


def _with(sheet: Sheet, path: tuple[str | int, ...], said: str, atom: Atom, after: tuple[str, ...]) -> Repair | None:
    parsed = sheet.expression(*path, "when")
    if not sheet.has(*path, "when"):
        message = f"{said} only when {atom.text}"
        edit = sheet.entry(path, "when", sheet.scalar(atom.text), after=after)
        return Repair("guard-added", message, (edit,))
    if parsed is None:
        return None
    old = parsed.text.text.strip()
    old = f"({old})" if isinstance(parsed.body, ast.IfExp) or _is_or(parsed.body) else old
    message = f"{said} only when {atom.text}, too"
    return Repair("conjunct-added", message, (sheet.replaced((*path, "when"), f"{old} and {atom.text}"),))


def _is_or(node: ast.expr) -> bool:
    return isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)


def _fewer_roles(sheet: Sheet, occasion: Occasion) -> Iterator[Repair]:
    path = ("entities", occasion.entity, "actions", occasion.action, "by")
    roles = sheet.words(*path)
    if occasion.caller is not None and len(roles) > 1:
        for number, role in enumerate(roles):
            message = f"`{occasion.name}` is no longer for `{role}`"
            yield Repair("role-dropped", message, (sheet.without((*path, number)),), OTHER_RULES)


def _in_policies(read: Read, table: TransitionTable, occasion: Occasion) -> Iterator[Repair]:
    """A condition more in each permit of the action: that who calls is not somebody whom the instance names."""
    entity = table.entity(occasion.entity)
    if occasion.caller is None or entity.action(occasion.action).gate is not Gate.POLICY:
        return
    conditions = []
    for field in entity.fields:
        value = occasion.before.get(field.name)
        if isinstance(field.type, PrincipalType) and value == occasion.caller:
            conditions.append(f"resource.{field.name} != principal")
        elif isinstance(field.type, OptionType) and field.type.of == PrincipalType() and value == occasion.caller:
            conditions.append(f"!(resource has {field.name} && resource.{field.name} == principal)")
        elif isinstance(field.type, EnumType):
            conditions.append(f'resource.{field.name} != "{value}"')
    for policy in read.policies:
        named = re.escape(f'Action::"{occasion.name}"')
        for found in re.finditer(rf"permit\s*\([^)]*{named}[^)]*\)", policy.text):
            for condition in conditions:
                message = f"the policy of `{occasion.name}` permits only when {condition}"
                edit = Edit(policy.span(found.end(), found.end()), f" when {{ {condition} }}")
                yield Repair("policy-tightened", message, (edit,), OTHER_RULES)
