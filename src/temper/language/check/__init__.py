"""Checking: from the tree to a blueprint in which every name is resolved and every expression typed.

One file answers one question. All of them note what they find and read on, so that one run tells everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from temper.language.blueprint import Blueprint
from temper.language.check.change import read_accepted, read_grandfathered, read_migration
from temper.language.check.declared import Declared
from temper.language.check.effect import read_effect
from temper.language.check.entity import read_entity
from temper.language.check.findings import EnoughError, Findings
from temper.language.check.names import Letters, check_name, check_names
from temper.language.check.policy import check_policies
from temper.language.check.property import read_property
from temper.language.check.scope import read_scope
from temper.language.check.signature import declare_signatures
from temper.language.check.size import check_size
from temper.language.check.vocabulary import declare_words
from temper.language.syntax import Tree
from temper.report import Diagnostic

__all__ = ["check", "words_of"]

_NOTHING: Mapping[str, str] = {}


def check(tree: Tree, constants: Mapping[str, str] = _NOTHING) -> tuple[Blueprint | None, tuple[Diagnostic, ...]]:
    r"""The blueprint of a tree and everything that is wrong with it; there is no blueprint if anything is.

    `constants` gives some of the blueprint's constants other values, as texts: `{"N": "7"}`.

    >>> from temper.language.parse import parse
    >>> from temper.report import Source
    >>> text = "temper: 1\nblueprint: a\nentities: {A: {states: [on], single: true, waits: [onn]}}"
    >>> tree, _ = parse(Source("a.yaml", text))
    >>> check(tree)[1][0].message
    '`A` has no state `onn`'
    """
    findings = Findings()
    blueprint = None
    with contextlib.suppress(EnoughError):
        blueprint = _checked(tree, constants, findings)
    return (None if findings.errors else blueprint), findings.sorted()


def _checked(tree: Tree, constants: Mapping[str, str], findings: Findings) -> Blueprint | None:
    if not check_size(tree, findings):
        return None
    check_name(tree.name, "blueprints", Letters.SMALL, findings)
    words = words_of(tree, constants, findings)
    blueprint = _bodies(tree, words, findings)
    if not findings.errors and tree.policies:
        check_policies(blueprint, tree.policies, findings)
    return blueprint


def words_of(tree: Tree, constants: Mapping[str, str] = _NOTHING, findings: Findings | None = None) -> Declared:
    """Everything that the tree declares by name, on which expressions and bodies are read."""
    noted = Findings() if findings is None else findings
    words = declare_words(tree, constants, noted)
    declare_signatures(tree, words, noted)
    return words


def _bodies(tree: Tree, words: Declared, findings: Findings) -> Blueprint:
    """Everything inside; it is whole only if there are no findings."""
    check_names((item.name for item in tree.properties), "properties", Letters.SMALL, findings)
    effects = [read_effect(effect, words, findings) for effect in words.effects.values()]
    things = [read_entity(entity, words, findings) for entity in words.entities.values()]
    properties = [read_property(item, words, findings) for item in tree.properties]
    migrations = [read_migration(item, words, findings) for item in tree.migrate]
    return Blueprint(
        name=tree.name.text,
        doc=tree.doc,
        roles=tuple(words.roles),
        types=tuple(words.types.items()),
        constants=tuple((name, constant.value, constant.type) for name, constant in words.constants.items()),
        effects=tuple(effect for effect in effects if effect is not None),
        things=tuple(things),
        properties=tuple(item for item in properties if item is not None),
        policies=tuple((source.path.rsplit("/", 1)[-1], source.text) for source in tree.policies),
        scope=read_scope(tree.scope, words, findings),
        accept=read_accepted(tree, words, findings),
        grandfathered=read_grandfathered(tree, words, findings),
        migrate=tuple(item for item in migrations if item is not None),
    )
