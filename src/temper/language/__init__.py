"""The language: from a blueprint's source to its tree, its meaning, and its transition table."""

from temper.language.format import format_source
from temper.language.parse import parse
from temper.language.schema import json_schema

__all__ = ["format_source", "json_schema", "parse"]
