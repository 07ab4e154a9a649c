"""From a request's text to values: path ids, query and header fields, JSON bodies. What does not fit is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request

from app.body import is_json, media_type, parse_json, read_body
from app.problems import Invalid, Unsupported
from runner.errors import NotFound


def path_value(text: str, kind: Any) -> Any:
    """Raises NotFound: an id in any but its canonical spelling names nothing."""
    try:
        value = UUID(text) if kind is UUID else TypeAdapter[Any](kind).validate_python(text)
    except ValueError:
        raise NotFound("There is no such thing.") from None
    if "\x00" in text or str(value) != text:
        raise NotFound("There is no such thing.")
    return value


def query_fields(model: type[BaseModel], request: Request[Any]) -> BaseModel:
    """Raises Invalid: an unknown name, a name given twice that takes one value, a value that does not fit."""
    return _fields(model, request.query_params.multi_items())


def header_fields(model: type[BaseModel], request: Request[Any]) -> BaseModel:
    """Only the headers the model names are looked at. Raises Invalid."""
    known = {f.alias for f in model.model_fields.values()}
    return _fields(model, [(name, value) for name, value in request.headers.items() if name in known])


async def json_body(body: TypeAdapter[Any], request: Request[Any], limit: int) -> Any:
    """The body, strictly: a number is not a string. No body at all counts as `{}`.

    Raises TooLarge, TooSlow, BadRequest, Unsupported, Invalid.
    """
    raw = await read_body(request, limit)
    media = media_type(request)
    if not raw and not media:
        raw = b"{}"
    elif not is_json(media):
        raise Unsupported(f"Send application/json, not {media or 'a body without a type'}.")
    parse_json(raw)
    try:
        return body.validate_json(raw, strict=True)
    except ValidationError as error:
        raise Invalid.of(error) from None


def _fields(model: type[BaseModel], items: Iterable[tuple[str, str]]) -> BaseModel:
    many = {f.alias or name for name, f in model.model_fields.items() if get_origin(f.annotation) is tuple}
    found: dict[str, Any] = {}
    for name, value in items:
        if "\x00" in value:
            raise Invalid([("/" + name, "holds a NUL character")])
        if name in many:
            found[name] = (*found.get(name, ()), value)
        elif name in found:
            raise Invalid([("/" + name, "is given twice")])
        else:
            found[name] = value
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise Invalid.of(error) from None
