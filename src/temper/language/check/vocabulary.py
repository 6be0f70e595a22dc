"""Roles, constants and types: the words that everything else is written in."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from temper.language.check.annotation import PLAIN, read_type
from temper.language.check.constant import value_of
from temper.language.check.declared import Constant, Declared
from temper.language.check.findings import Findings, article, declared, did_you_mean, listed
from temper.language.check.names import Letters, check_name, check_names
from temper.language.check.place import Place
from temper.language.check.read import read_any
from temper.language.python import parse_python
from temper.language.syntax import EnumSyntax, Text, Tree, TypeSyntax
from temper.machine import DURATION, INT, INT_MAX, INT_MIN, EnumType, IntType
from temper.report import Diagnostic, Source, Span

CALLERS = ("policy", "environment")
"""Words that stand beside roles under `by:` and mean something else."""


def declare_words(tree: Tree, overrides: Mapping[str, str], findings: Findings) -> Declared:
    """Everything that a blueprint names before its effects and entities, entities' own names included."""
    words = Declared(folder_has_policies=bool(tree.policies))
    words.roles = _roles(tree, findings)
    _capitals(tree, words, findings)
    _constants(tree, overrides, words, findings)
    _types(tree, words, findings)
    _states(tree, words)
    return words


def _roles(tree: Tree, findings: Findings) -> Mapping[str, Span]:
    roles = check_names(tree.roles, "roles", Letters.SMALL, findings)
    for name in CALLERS:
        if name in roles:
            findings.add(
                "reserved-name",
                f"`{name}` means something else under `by:`, so it cannot be a role",
                roles[name],
                reason="has a meaning of its own",
            )
    return roles


def _capitals(tree: Tree, words: Declared, findings: Findings) -> None:
    """Entities, types and constants share one space of names."""
    taken: dict[str, Span] = {}
    named = [
        *((text, "constants", Letters.CAPITALS) for text, _ in (tree.constants.items if tree.constants else ())),
        *((type_.name, "types", Letters.CAPITAL) for type_ in tree.types),
        *((entity.name, "entities", Letters.CAPITAL) for entity in tree.entities),
    ]
    for text, what, letters in named:
        if text.text in taken:
            findings.add(
                "duplicate-name",
                f"there are two things called `{text.text}`",
                text.span,
                reason="the second",
                labels=declared(taken[text.text], "the first"),
            )
        elif text.text in PLAIN:
            findings.add("duplicate-name", f"`{text.text}` is a type of the language", text.span, reason="taken")
        else:
            check_name(text, what, letters, findings)
        taken.setdefault(text.text, text.span)
    words.entity_names = {entity.name.text: entity for entity in reversed(tree.entities)}


def _constants(tree: Tree, overrides: Mapping[str, str], words: Declared, findings: Findings) -> None:
    written = tree.constants.items if tree.constants else ()
    names = [name.text for name, _ in written]
    for name in overrides:
        if name not in names:
            near = did_you_mean(_outside(name, overrides[name]).span, name, names)
            notes = (near[0].text,) if near else ()
            findings.add(
                "unknown-constant",
                f"there is no constant `{name}` to set; the constants are {listed(names)}",
                None,
                notes=notes,
            )
    for constant, text in written:
        _constant(constant, text, overrides.get(constant.text), words, findings)


def _outside(name: str, value: str) -> Text:
    """A value that was given on the command line, as a text with a place."""
    source = Source(f"--set {name}", value)
    return Text(value, source.span(0, len(value)), source)


def _constant(name: Text, text: Text, override: str | None, words: Declared, findings: Findings) -> None:
    found = _closed(name.text, text, words, findings)
    given = None if override is None else _closed(name.text, _outside(name.text, override), words, findings)
    if found is None or (given is None and override is not None):
        words.broken.add(name.text)
        return
    if given is not None and given.type != found.type:
        findings.add(
            "bad-constant",
            f"`{name.text}` is {article(found.type)}, so it cannot be set to `{override}`",
            given.span,
            reason=f"this is {article(given.type)}",
            labels=declared(text.span, "declared here"),
        )
        words.broken.add(name.text)
        return
    constant = given or found
    words.constants[name.text] = Constant(constant.value, constant.type, name.span)


def _closed(name: str, text: Text, words: Declared, findings: Findings) -> Constant | None:
    place = Place(words, f"the constant `{name}`")
    found = read_any(text, place, findings)
    if found is None:
        return None
    if not isinstance(found.type, IntType) and found.type != DURATION:
        findings.add(
            "bad-constant",
            f"a constant is a number or a duration, but `{name}` is {article(found.type)}",
            text.span,
            reason=f"this is {article(found.type)}",
        )
        return None
    value = value_of(found)
    assert isinstance(value, int)
    if not INT_MIN <= value <= INT_MAX:
        findings.add("number-too-large", f"`{name}` does not fit in 64 bits", text.span, reason="too large")
        return None
    return Constant(value, INT if isinstance(found.type, IntType) else DURATION, text.span)


def _types(tree: Tree, words: Declared, findings: Findings) -> None:
    pending = {type_.name.text: type_ for type_ in tree.types}
    for type_ in tree.types:
        if isinstance(type_.value, EnumSyntax):
            _enum(type_.name, type_.value, words, findings)
    for name in pending:
        _resolve(name, pending, (), words, findings)
    order = [name for name in pending if name in words.types]
    words.types = {name: words.types[name] for name in order}


def _enum(name: Text, syntax: EnumSyntax, words: Declared, findings: Findings) -> None:
    members = check_names(syntax.members, f"members of `{name.text}`", Letters.SMALL, findings)
    for member, span in members.items():
        words.members.setdefault(member, span)
    if members:
        words.types[name.text] = EnumType(name.text, tuple(members))
    else:
        words.broken.add(name.text)


def _resolve(
    name: str, pending: Mapping[str, TypeSyntax], trail: tuple[str, ...], words: Declared, findings: Findings
) -> None:
    """Read a type after those that it is made of."""
    if name in words.types or name in words.broken:
        return
    syntax = pending[name]
    assert isinstance(syntax.value, Text), "an enum is made of nothing else"
    if name in trail:
        findings.add(
            "type-cycle",
            f"`{name}` is made of itself",
            pending[name].name.span,
            reason=" → ".join([*trail[trail.index(name) :], name]),
        )
        words.broken.update(trail)
        return
    for needed in _needs(syntax.value, pending):
        _resolve(needed, pending, (*trail, name), words, findings)
    if name in words.broken:
        return
    found = read_type(syntax.value, words, findings)
    if found is None:
        words.broken.add(name)
    else:
        words.types[name] = found


def _needs(text: Text, pending: Mapping[str, TypeSyntax]) -> list[str]:
    parsed = parse_python(text)
    if isinstance(parsed, Diagnostic):
        return []
    return [node.id for node in ast.walk(parsed.body) if isinstance(node, ast.Name) and node.id in pending]


def _states(tree: Tree, words: Declared) -> None:
    for entity in tree.entities:
        for state in entity.states:
            words.members.setdefault(state.text, state.span)
