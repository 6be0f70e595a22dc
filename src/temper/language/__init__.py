"""The language: from a blueprint's source to its tree, its meaning, and its transition table."""

from temper.language.parse import parse, read_source

__all__ = ["parse", "read_source"]
