"""The small print of n8n's wire, for the sandbox: cursors, paths with parts, and the logins of Webhook nodes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from providers.sandbox._asgi import Ask, Reply

API_KEY = "sandbox-n8n-key"
MCP_TOKEN = "sandbox-n8n-mcp-token"
HEADER_AUTH = ("X-Sandbox-Login", "sandbox-n8n-header-value")
BASIC_AUTH = ("sandbox", "sandbox-n8n-password")
JWT = "sandbox.n8n.jwt"
_BROKEN = "<!DOCTYPE html><title>Error</title><pre>Internal Server Error</pre>"
Json = Any


def cursor_of(inside: Json) -> str:
    return base64.b64encode(json.dumps(inside, separators=(",", ":")).encode()).decode()


def page_of(ask: Ask) -> dict[str, Json] | Reply:
    """What the cursor says, else what the query says; at most 250 without complaint."""
    if cursor := ask.first("cursor"):
        with suppress(ValueError):
            inside = json.loads(base64.b64decode(cursor))
            if isinstance(inside, dict):
                return inside  # pyright: ignore[reportUnknownVariableType] -- whatever JSON the caller sent
        return Reply(400, {"message": "An invalid cursor was provided"})
    page: dict[str, Json] = {}
    for name in ("limit", "offset"):
        if (raw := ask.first(name)) is not None:
            if not raw.isdigit():
                kind = "non-negative" if raw.removeprefix("-").isdigit() else "valid"
                words = f"request/query/{name} Param `{name}` must be a {kind} integer"
                return Reply(400, {"message": words})
            page[name] = min(int(raw), 250) if name == "limit" else int(raw)
    return page


def methods_of(entry: Mapping[str, Json]) -> list[str]:
    methods: Json = entry["parameters"].get("httpMethod", "GET")
    return [methods] if isinstance(methods, str) else methods


def matched(wanted: str, path: str) -> dict[str, str] | None:
    ours, theirs = wanted.split("/"), path.split("/")
    if len(ours) != len(theirs):
        return None
    values: dict[str, str] = {}
    for name, value in zip(ours, theirs, strict=True):
        if name.startswith(":"):
            values[name[1:]] = value
        elif name != value:
            return None
    return values


def refuse_login(ask: Ask, kind: str) -> Reply | None:
    """The answer of a Webhook node's login to a call without the right credentials: text, and no content type."""
    given = ask.headers.get("authorization")
    if kind == "basicAuth":
        wanted = f"Basic {base64.b64encode(':'.join(BASIC_AUTH).encode()).decode()}"
        words = "Authorization is required!" if given is None else "Authentication data is wrong!"
        return None if given == wanted else _refusal(401, words)
    if kind == "headerAuth" and ask.headers.get(HEADER_AUTH[0].lower()) != HEADER_AUTH[1]:
        return _refusal(403, "Authorization data is wrong!")
    if kind == "jwtAuth" and given != f"Bearer {JWT}":
        return _refusal(401, "No token provided") if given is None else _refusal(403, "invalid token")
    return None


def _refusal(status: int, words: str) -> Reply:
    return Reply(status, text=words, content_type="", headers={"WWW-Authenticate": 'Basic realm="Webhook"'})


def preflight(ask: Ask, methods: Sequence[str]) -> Reply:
    """What a browser asks before it calls a webhook that takes `methods`. n8n looks for the webhook only if the
    question is complete, and breaks if there is none."""
    origin, wanted = ask.headers.get("origin"), ask.headers.get("access-control-request-method")
    if origin is None:
        return Reply(204)
    allowed = {"Access-Control-Allow-Methods": ", ".join(["OPTIONS", *methods])}
    if wanted is None:
        return Reply(204, headers=allowed)
    if wanted not in methods:
        return Reply(500, text=_BROKEN, content_type="text/html; charset=utf-8", headers=allowed)
    allowed |= {"Access-Control-Allow-Origin": origin, "Access-Control-Max-Age": "300"}
    return Reply(204, headers=allowed)
