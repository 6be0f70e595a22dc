"""The language: from a blueprint's source to its tree, its meaning, and its transition table."""

from temper.language.blueprint import Blueprint
from temper.language.check import check
from temper.language.format import format_source
from temper.language.lower import lower
from temper.language.parse import parse
from temper.language.schema import json_schema

__all__ = ["Blueprint", "check", "format_source", "json_schema", "lower", "parse"]
