"""A value of the shape that a JSON Schema asks for: something to look at and to draw with, not something that is sent."""

from __future__ import annotations

from typing import Final, cast

from pydantic import JsonValue

from providers import JsonObject

_DEEP: Final = 8
"""Levels below this stay empty: a schema may contain itself."""
_EMPTY: Final[dict[str, JsonValue]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": True,
    "null": None,
    "array": [],
}


def example_of(schema: JsonObject, depth: int = 0) -> JsonValue:
    """What the schema itself offers first (const, examples, default, enum), then empty values of its types. It may break a
    bound or a pattern, and references are not followed."""
    if "const" in schema:
        return schema["const"]
    for offered in ("examples", "enum"):
        values = schema.get(offered)
        if isinstance(values, list) and values:
            return values[0]
    if "default" in schema:
        return schema["default"]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    properties, items = schema.get("properties"), schema.get("items")
    if depth >= _DEEP:
        return None
    if kind == "array" or (kind is None and isinstance(items, dict)):
        return [example_of(items, depth + 1)] if isinstance(items, dict) else []
    if kind == "object" or isinstance(properties, dict):
        parts = properties if isinstance(properties, dict) else {}
        return {
            name: example_of(cast("JsonObject", part), depth + 1)
            for name, part in parts.items()
            if isinstance(part, dict)
        }
    return _EMPTY.get(kind) if isinstance(kind, str) else None
