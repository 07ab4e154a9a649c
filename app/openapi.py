"""OpenAPI 3.1, from the route table: what validates a request also documents it, so the two cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from starlette.routing import BaseRoute, Route

from app import problems
from app.operation import Operation
from runner.model import Graph, Role
from runner.store.presence import Discussed, Joined, Newest, People
from runner.wire import LogLine

REF = "#/components/schemas/{model}"
_STREAMED = (LogLine, Joined, People, Newest, Discussed)
_EXTRA = (
    ("validation", TypeAdapter[Any](Graph)),
    *(("serialization", TypeAdapter[Any](each)) for each in _STREAMED),
)
"""Models that only appear inside others: a stored definition, and what the event streams carry."""
_DETAILS = TypeAdapter[Any](problems.ProblemDetails)
_TEXT = {"schema": {"type": "string"}}


def document(routes: Sequence[BaseRoute], *, server: str) -> dict[str, Any]:
    """The whole document. Routes outside the schema (`include_in_schema=False`) are left out."""
    shown = [
        (route, route.endpoint)
        for route in routes
        if isinstance(route, Route) and route.include_in_schema and isinstance(route.endpoint, Operation)
    ]
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = []
    for _, operation in shown:
        if operation.body is not None:
            adapters.append((f"{operation.__name__}/body", "validation", operation.body))
        if operation.answer is not None:
            adapters.append((f"{operation.__name__}/answer", "serialization", operation.answer))
    adapters += [(f"extra/{at}", mode, adapter) for at, (mode, adapter) in enumerate(_EXTRA)]
    adapters.append(("problem", "serialization", _DETAILS))
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=REF, by_alias=True)
    schemas = {key: schema for (key, _), schema in found.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in shown:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            path = paths.setdefault(route.path_format, {})
            path[method.lower()] = _operation(route, operation, cast(dict[str, Any], schemas))
    return _resolved(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Baton",
                "version": "1",
                "summary": "One durable chain over n8n, Make, Zapier and Airflow.",
            },
            "servers": [{"url": server}],
            "security": [{"token": []}, {"session": []}],
            "paths": paths,
            "components": {
                "schemas": definitions.get("$defs", {}),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "baton_session"},
                },
            },
        }
    )


def _operation(route: Route, operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = operation.doc.partition("\n")
    made: dict[str, Any] = {
        "operationId": to_camel(operation.__name__),
        "summary": summary,
        "tags": [operation.handler.__module__.rpartition(".")[2]],
        "parameters": [
            *(_path_parameter(name, kind) for name, kind in operation.path.items()),
            *_parameters(operation.query, "query"),
            *_parameters(operation.headers, "header"),
        ],
        "responses": _responses(operation, schemas),
    }
    if description.strip():
        made["description"] = description.strip()
    if operation.permission is None:
        made["security"] = []
    else:
        made["x-role"] = Role(operation.permission)
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[f"{operation.__name__}/body"]}}
        made["requestBody"] = {"required": not _takes_nothing(operation.body), "content": content}
    if operation.accepts is not None:
        made["requestBody"] = {"required": False, "content": dict(operation.accepts)}
    return made


def _takes_nothing(body: TypeAdapter[Any]) -> bool:
    try:
        body.validate_json(b"{}", strict=True)
    except ValidationError:
        return False
    return True


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    schema = schemas.get(f"{operation.__name__}/answer", {"type": "string"})
    content = {media: {"schema": schema} for media in (operation.media, *operation.also_media)}
    for status in (operation.status, *operation.also):
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if status not in (204, 303):
            found[str(status)]["content"] = content
    errors = set(operation.raises)
    if operation.permission is not None:
        errors |= {problems.Unauthenticated, problems.Forbidden}
    if operation.path:
        errors.add(problems.NotFound)
    if operation.query is not None or operation.headers is not None:
        errors.add(problems.Invalid)
    if operation.body is not None:
        errors |= {problems.BadRequest, problems.TooLarge, problems.TooSlow}
        errors |= {problems.Unsupported, problems.Invalid}
    for status in sorted({problems.status_of(error) for error in errors} | {500, 503}):
        found.setdefault(
            str(status),
            {
                "description": HTTPStatus(status).phrase,
                "content": {problems.MEDIA: {"schema": schemas["problem"]}},
            },
        )
    return found


def _path_parameter(name: str, kind: Any) -> dict[str, Any]:
    schema = TypeAdapter[Any](kind).json_schema()
    if schema == {"type": "string"}:
        schema = {"type": "string", "minLength": 1}
    return {"name": to_camel(name), "in": "path", "required": True, "schema": schema}


def _parameters(model: type[BaseModel] | None, place: str) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=REF)
    required = schema.get("required", ())
    found: list[dict[str, Any]] = []
    for name, field in schema["properties"].items():
        shape = _inline(field, schema.get("$defs", {}))
        entry = {"name": name, "in": place, "required": name in required, "schema": shape}
        if text := shape.pop("description", None):
            entry["description"] = text
        found.append(entry)
    return found


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """Query models hold enums at most; a parameter's schema stands on its own."""
    if isinstance(schema, dict):
        node = cast(dict[str, Any], schema)
        if "$ref" in node:
            return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
        made = {key: _inline(value, definitions) for key, value in node.items() if key != "title"}
        options = made.get("anyOf")
        if isinstance(options, list) and {"type": "null"} in options:  # absent, in a query, is not null
            rest = [option for option in cast(list[Any], options) if option != {"type": "null"}]
            del made["anyOf"]
            made |= rest[0] if len(rest) == 1 else {"anyOf": rest}
            made.pop("default", None)
        return made
    return (
        [_inline(item, definitions) for item in cast(list[Any], schema)]
        if isinstance(schema, list)
        else schema
    )


def _resolved(value: Any) -> Any:
    """`x-ref` names a model whose schema applies although the value is held as plain JSON."""
    if isinstance(value, dict):
        node = cast(dict[str, Any], value)
        if "x-ref" in node:
            return {"$ref": REF.format(model=node["x-ref"])}
        return {key: _resolved(item) for key, item in node.items()}
    return [_resolved(item) for item in cast(list[Any], value)] if isinstance(value, list) else value
