"""The JSON Schema a form is drawn from: a pydantic model's own, so that a new provider or node kind needs no screen."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

from providers import JsonObject

_REF = "#/$defs/"


def form_schema(model: type[BaseModel]) -> JsonObject:
    """The schema of what a person fills in, with every reference put in place and no model names as titles or in discriminators.

    Field titles, descriptions, defaults and `x-widget` hints are the model's.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    made = cast(JsonObject, _inlined(schema, definitions, ()))
    made.pop("title", None)
    made.pop("description", None)
    return made


def _inlined(value: Any, definitions: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_inlined(item, definitions, within) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    node = cast(dict[str, Any], value)
    name = node.get("$ref")
    if isinstance(name, str) and (name := name.removeprefix(_REF)) in definitions:
        if name in within:
            return {}  # a model that holds itself is shown one level deep
        target = {k: v for k, v in definitions[name].items() if k not in ("title", "description")}
        beside = {k: v for k, v in node.items() if k != "$ref"}
        return _inlined({**target, **beside}, definitions, (*within, name))
    kept = {key: item for key, item in node.items() if key != "mapping" or "propertyName" not in node}
    return {key: _inlined(item, definitions, within) for key, item in kept.items()}
