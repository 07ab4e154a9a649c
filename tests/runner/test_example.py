"""Examples of JSON Schemas: valid where the schema is plain, and always there, small and finite."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.example import example
from runner.schema import compile, validate

_WORDS = (
    "type",
    "properties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "default",
    "enum",
    "required",
    "minimum",
)


_CASES: list[Any] = [
        (None, None),
        ({}, None),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": ["null", "integer"], "minimum": 5}, 5),
        ({"type": "number", "maximum": 0}, 0),
        ({"type": "boolean"}, True),
        ({"type": "integer", "default": 7}, 7),
        ({"type": ["string", "null"], "default": None}, None),
        ({"enum": ["small", "large"]}, "small"),
        ({"const": 3}, 3),
        ({"type": "string", "examples": ["A-1"]}, "A-1"),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array"}, []),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "text"),
        (
            {"properties": {"order": {"type": "string"}, "lines": {"type": "array", "items": {"type": "object"}}}},
            {"order": "text", "lines": [{}]},
        ),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}], "properties": {"b": {"const": 2}}},
            {"a": 1, "b": 2},
        ),
        ({"$ref": "#/$defs/id", "$defs": {"id": {"type": "string", "format": "uuid"}}}, "01890000-0000-7000-8000-000000000000"),
        ({"$ref": "#/$defs/missing"}, None),
        ({"$ref": "https://example.org/schema"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value"), _CASES)
def test_an_example_is_what_the_schema_says(schema: Any, value: Any) -> None:
    assert example(schema) == value
    if schema and "$ref" not in schema and value is not None:
        assert validate(compile(schema), value) == ()


def test_a_schema_that_holds_itself_ends() -> None:
    tree: Any = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
    found = example(tree)
    assert isinstance(found, dict) and set(found) == {"left", "right"}
    wide: Any = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(5000)}}
    found = example(wide)
    assert isinstance(found, dict) and 100 < len(found) <= 500


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(_WORDS), _json, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
def test_no_schema_is_too_strange(schema: Any) -> None:
    example(schema)
