"""Values made from a schema: its own offers first, then its shape."""

from __future__ import annotations

from typing import Any

import pytest

from runner.schema_example import example_of


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3, "default": 4}, 3),
        ({"examples": ["ann"], "default": "ben"}, "ann"),
        ({"enum": ["a", "b"], "type": "string"}, "a"),
        ({"default": None, "type": "string"}, None),
        ({"type": ["null", "integer"]}, 0),
        ({"type": "array", "items": {"type": "string"}}, [""]),
        ({"type": "array"}, []),
        ({"properties": {"a": {"type": "boolean"}, "b": True}}, {"a": True}),
        ({"type": "object"}, {}),
        ({"type": "magic"}, None),
        ({}, None),
    ],
)
def test_a_schema_offers_a_value(schema: dict[str, Any], value: Any) -> None:
    assert example_of(schema) == value


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    endless: dict[str, Any] = {"type": "object", "properties": {}}
    endless["properties"]["child"] = endless
    value: Any = example_of(endless)
    for _ in range(8):
        value = value["child"]
    assert value is None
