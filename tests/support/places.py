"""A place in which expressions are read: the entity of `expressions.py`, as a blueprint declares it."""

from __future__ import annotations

from support.expressions import ARGS, FIELDS, HEALTH
from temper.language.check import check, words_of
from temper.language.check.place import Place
from temper.language.parse import parse
from temper.report import Source

BLUEPRINT = f"""
temper: 1
blueprint: example
types: {{{HEALTH.name}: [{", ".join(HEALTH.members)}]}}
entities:
  Node:
    data:
{"".join(f"      {name}: {type_}{' = 0s' if str(type_) == 'duration' else ''}" + chr(10) for name, type_ in FIELDS.items())}
    states: [idle, busy]
    actions:
      make: {{from: new, to: idle}}
      go:
        params:
{"".join(f"          {name}: {type_}" + chr(10) for name, type_ in ARGS.items())}
        from: idle
        to: busy
"""


def place() -> Place:
    tree, found = parse(Source("example.yaml", BLUEPRINT))
    assert tree is not None, found
    assert not check(tree)[1]
    words = words_of(tree)
    entity = words.entities["Node"]
    return Place(words, "the guard", entity, entity.actions["go"].params, calls=True, clock=True)


PLACE = place()
