"""An example value that fits a JSON Schema: what a workflow would be sent, before anything was ever sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from providers import JsonObject

_DEEP: Final = 8
_MOST: Final = 500
"""Values in one example; a larger one says nothing more to a reader."""
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "duration": "PT15M",
    "email": "ada@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "url": "https://example.org/",
    "uuid": "01890000-0000-7000-8000-000000000000",
}


def example(schema: JsonObject | None) -> JsonValue:
    """What the schema itself gives (default, examples, const, enum), else the plainest value of its type. None for no schema.

    Always ends: depth and number of values are limited, and a reference that leads back to itself gives null.
    """
    return None if schema is None else _Example(schema).of(schema, 0)


class _Example:
    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MOST

    def of(self, schema: JsonValue, depth: int) -> JsonValue:
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEP or self._left < 0:
            return None
        if isinstance(reference := schema.get("$ref"), str):
            return self.of(self._referred(reference), depth + 1)
        given = _given(schema)
        if given is not _NOTHING:
            return given
        for word in ("oneOf", "anyOf"):
            if isinstance(choices := schema.get(word), list) and choices:
                return self.of(next((c for c in choices if not _is_null(c)), choices[0]), depth + 1)
        if isinstance(parts := schema.get("allOf"), list) and parts:
            return self._merged(parts, schema, depth)
        return self._typed(_kind(schema), schema, depth)

    def _typed(self, kind: str | None, schema: JsonObject, depth: int) -> JsonValue:
        match kind:
            case "object":
                properties = schema.get("properties")
                found = properties if isinstance(properties, dict) else {}
                return {name: self.of(each, depth + 1) for name, each in found.items() if self._left > 0}
            case "array":
                items = schema.get("items", True)
                return [self.of(items, depth + 1)] if isinstance(items, dict) else []
            case "string":
                named = schema.get("format")
                return _FORMATS.get(named, "text") if isinstance(named, str) else _long_enough(schema)
            case "integer" | "number":
                return _within(schema)
            case "boolean":
                return True
            case _:
                return None

    def _merged(self, parts: list[JsonValue], schema: JsonObject, depth: int) -> JsonValue:
        rest: JsonObject = {name: value for name, value in schema.items() if name != "allOf"}
        values = [self.of(part, depth + 1) for part in [*parts, rest]]
        objects = [value for value in values if isinstance(value, dict)]
        if objects:
            return {name: value for each in objects for name, value in each.items()}
        return next((value for value in values if value is not None), None)

    def _referred(self, reference: str) -> JsonValue:
        """Within the schema only; None for anything else."""
        found: JsonValue = self._root
        if not reference.startswith("#"):
            return None
        for part in filter(None, reference[1:].split("/")):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found


_NOTHING: Any = object()


def _given(schema: JsonObject) -> JsonValue:
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    if isinstance(examples := schema.get("examples"), list) and examples:
        return examples[0]
    for word in ("example", "const"):
        if word in schema:
            return schema[word]
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    return None if "default" in schema else _NOTHING


def _kind(schema: JsonObject) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else None


def _is_null(schema: JsonValue) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _long_enough(schema: JsonObject) -> str:
    least = schema.get("minLength")
    return "text".ljust(min(least, 100), "x") if isinstance(least, int) else "text"


def _within(schema: JsonObject) -> int | float:
    """1, or the bound it must not pass."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(low, int | float) and low > 1:
        return low
    if isinstance(high, int | float) and high < 1:
        return high
    return 1
