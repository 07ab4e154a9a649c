"""The one place where request bodies are read: bounded in size and time, and parsed by their declared type only."""

from __future__ import annotations

import asyncio
import json
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from pydantic import JsonValue
from starlette.requests import ClientDisconnect, Request

from app.problems import BadRequest, TooLarge, TooSlow
from providers import BadJson, JsonObject, read_json

MAX_BODY = 1024 * 1024
MAX_CALLBACK = 256 * 1024
DRAIN = 16 * 1024 * 1024
"""Of a body that is too large this much is read and dropped: closing on a client that still sends would lose our answer."""
SECONDS = 10.0
"""A body has this long to arrive; a slow sender does not hold a connection for ever."""


async def read_body(request: Request[Any], limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises TooLarge, with or without a Content-Length, TooSlow and BadRequest."""
    declared = request.headers.get("content-length", "")
    too_large = declared.isdecimal() and int(declared) > limit
    if too_large and "expect" in request.headers:
        raise TooLarge(limit)  # the client waits for our word before it sends anything
    found, size = bytearray(), 0
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                too_large = too_large or size > limit
                if size > limit + DRAIN:
                    raise TooLarge(limit, cut=True)
                if not too_large:
                    found += chunk
    except TimeoutError:
        if too_large:
            raise TooLarge(limit, cut=True) from None
        raise TooSlow(f"The body did not arrive within {SECONDS:g} seconds.") from None
    except ClientDisconnect:
        raise BadRequest("The connection ended before the body did.") from None
    if too_large:
        raise TooLarge(limit)
    return bytes(found)


def media_type(request: Request[Any]) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def parse_json(raw: bytes) -> JsonValue:
    """Raises BadRequest, code malformed-json."""
    try:
        return read_json(raw)
    except BadJson as error:
        raise BadRequest(f"The body is refused: {error}.", code="malformed-json") from None


def parse_form(raw: bytes, content_type: str) -> JsonObject:
    """The fields of a form as strings; a name given several times becomes a list. Files are refused.

    Raises BadRequest. What comes out passed the strict JSON reader, so it can be stored.
    """
    try:
        if content_type.lower().startswith("multipart/"):
            pairs = _multipart(raw, content_type)
        else:
            pairs = parse_qsl(
                raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=10_000, separator="&"
            )
    except (ValueError, LookupError) as error:
        raise BadRequest("The body is not a form.", code="malformed-form") from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    flat = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    checked = parse_json(json.dumps(flat).encode())
    assert isinstance(checked, dict)
    return checked


def _multipart(raw: bytes, content_type: str) -> list[tuple[str, str]]:
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + raw)
    if not message.is_multipart() or message.defects:
        raise ValueError("not multipart")
    pairs: list[tuple[str, str]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or part.is_multipart():
            raise ValueError("a part without a name")
        if part.get_filename() is not None:
            raise BadRequest("Files are not taken here.", code="malformed-form")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        pairs.append((name, payload.decode()))
    return pairs
