"""The JSON Schema and the parser say the same.

What the schema cannot tell, the parser alone finds: YAML's own features (tags, anchors, quotes, duplicate keys, plain nulls
as keys), characters that deceive, size and depth. What only the schema allows: `1.0` where the parser wants the integer 1.
"""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.blueprints import EXAMPLES
from support.shapes import Data, documents, mutated
from temper.language import json_schema, parse
from temper.report import Source

VALIDATOR = Draft202012Validator(json_schema())


class CoreLoader(yaml.SafeLoader):
    """Scalars as the core schema of YAML 1.2 reads them, as far as the examples go: `on` is a string, `30s` too."""


CoreLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in found
        if tag.endswith(("int", "null")) or (tag.endswith("bool") and first in "tTfF")
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_valid(name: str) -> None:
    data = yaml.load(EXAMPLES[name], Loader=CoreLoader)
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@given(documents())
def test_what_the_grammar_makes_is_valid_for_both(data: Data) -> None:
    assert agreed(data)


@given(st.data())
def test_both_refuse_the_same(data: st.DataObject) -> None:
    document = data.draw(documents())
    for _ in range(data.draw(st.integers(1, 2))):
        document = data.draw(mutated(document))
    agreed(document)


def agreed(data: Data) -> bool:
    """Whether both find the document well-shaped; they must not differ."""
    _, found = parse(Source("a.json", json.dumps(data, ensure_ascii=False)))
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(data)]
    if isinstance(data, dict) and data.get("temper") == 1 and data["temper"] is True:
        return not found
    assert bool(found) == bool(errors), (data, [one.message for one in found], errors)
    return not found


def test_every_key_has_a_description() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    keys = [key for record in (schema, *definitions.values()) for key in record["properties"].values()]
    assert len(keys) > 80
    assert all(key["description"].endswith(".") for key in keys)
