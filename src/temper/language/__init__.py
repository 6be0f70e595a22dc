"""The language: from a blueprint's source to its tree, its meaning, and its transition table."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.language.blueprint import Blueprint
    from temper.language.check import check
    from temper.language.families import family
    from temper.language.format import format_source
    from temper.language.lower import lower
    from temper.language.parse import parse
    from temper.language.parse.plain import plain_yaml
    from temper.language.python import Parsed
    from temper.language.schema import json_schema
    from temper.language.sheet import Sheet, conjuncts, literals, substituted

__all__ = [
    "Blueprint",
    "Parsed",
    "Sheet",
    "check",
    "conjuncts",
    "family",
    "format_source",
    "json_schema",
    "literals",
    "lower",
    "parse",
    "plain_yaml",
    "substituted",
]

__getattr__ = opened(__name__, __file__)
