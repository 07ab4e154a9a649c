"""How a workflow can be started from outside, why it cannot, and the webhook request that does it.

n8n has no public run call (its page, part 5): a Webhook node's production URL, or the server's own MCP tool.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import JsonValue

from providers import JsonObject, Rejected, StartOptions, Trigger, Unauthorized
from providers._n8n_api import CALL_HEADER, KEY_HEADER
from providers._n8n_connection import N8nConnection
from providers._n8n_graph import Definition, Entry, Hook

MCP_KINDS = frozenset({"webhook", "form", "chat", "schedule"})
_AUTH = {"basicAuth": "basic", "headerAuth": "header", "jwtAuth": "jwt"}
_BODILESS = frozenset({"GET", "HEAD"})
_STARTS = {
    "form": "somebody fills in its form",
    "chat": "somebody writes in its chat",
    "schedule": "n8n's own clock starts it",
    "event": "an event in another app starts it",
    "workflow": "other n8n workflows call it",
    "error": "n8n starts it when another workflow fails",
    "manual": "it runs only by hand in the editor",
}


def trigger_of(definition: Definition) -> Trigger:
    if definition.hooks:
        hook = definition.hooks[0]
        return Trigger(kind="webhook", method=hook.methods[0], path=hook.path)
    return Trigger(kind=definition.entries[0].kind if definition.entries else "none")


def mcp_entry(definition: Definition, connection: N8nConnection) -> Entry | None:
    """The trigger that n8n's MCP tool would start, when this connection may use it."""
    if connection.mcp_token is None or not definition.in_mcp:
        return None
    return next((entry for entry in definition.entries if entry.kind in MCP_KINDS), None)


def why_not(definition: Definition, connection: N8nConnection) -> str | None:
    """Why this connection cannot start the workflow, and what would help; None: it can."""
    if definition.archived:
        return "It is archived in n8n. Unarchive and publish it there first."
    kind = definition.entries[0].kind if definition.entries else None
    if not definition.active:
        if definition.hooks or kind in MCP_KINDS:
            return "It is not published in n8n: it starts only once it is active."
        return f"It is not published in n8n, and {_STARTS.get(kind or '', 'it has no trigger')}. Add a Webhook trigger."
    if mcp_entry(definition, connection):
        return None
    if not definition.hooks:
        started = _STARTS.get(kind or "", "it has no trigger that can be started from outside")
        also = ", or make it available in MCP and enter an MCP access token" if kind in MCP_KINDS else ""
        return f"Nothing outside n8n can start it: {started}. Add a Webhook trigger{also}."
    reasons = [_locked(hook, definition.id, connection) for hook in definition.hooks]
    return None if None in reasons else reasons[0]


def _locked(hook: Hook, workflow_id: str, connection: N8nConnection) -> str | None:
    if hook.auth == "none":
        return None
    kind = _AUTH.get(hook.auth)
    if kind is None:
        return f"Its webhook asks for {hook.auth}, which cannot be given from here. Use basic, header or JWT authentication."
    if connection.auth_for(kind, workflow_id, (hook.path, hook.raw_path)):
        return None
    named = f" (credential “{hook.credential}”)" if hook.credential else ""
    return f"Its webhook asks for {kind} authentication{named}: enter the value under Webhook credentials of this connection."


@dataclass(frozen=True)
class Start:
    """One webhook request, ready to send. `call` marks this very request, `note` tells what was changed on the way."""

    hook: Hook
    method: str
    url: str
    headers: dict[str, str]
    params: tuple[tuple[str, str], ...]
    body: JsonValue | None
    call: str
    note: str | None

    @property
    def has_body(self) -> bool:
        return self.method not in _BODILESS


def webhook_start(
    definition: Definition, connection: N8nConnection, payload: JsonValue, key: str, options: StartOptions
) -> Start:
    """The request that starts the workflow. Raises Rejected and Unauthorized with `sent=False`."""
    wanted = (options.method or "").upper()
    usable = [hook for hook in definition.hooks if _locked(hook, definition.id, connection) is None]
    hooks = usable or list(definition.hooks)
    hook = next((hook for hook in hooks if wanted in hook.methods), hooks[0])
    method = wanted if wanted in hook.methods else hook.methods[0]
    note = f"sent as {method}: the webhook does not take {wanted}" if wanted and wanted != method else None
    headers = {_canonical(name): value for name, value in options.headers.items()}
    headers.update(_credential(hook, definition.id, connection, headers))
    call = uuid.uuid4().hex
    headers |= {KEY_HEADER: key, "Idempotency-Key": key, CALL_HEADER: call}
    url = f"{connection.webhooks}/{_filled(hook.path, payload)}"
    params = _query(payload) if method in _BODILESS else ()
    return Start(hook, method, url, headers, params, payload, call, note)


def _canonical(name: str) -> str:
    """One spelling per header, so that a user's own never stands beside ours."""
    return "-".join(part.capitalize() for part in name.strip().split("-"))


def _credential(
    hook: Hook, workflow_id: str, connection: N8nConnection, given: dict[str, str]
) -> dict[str, str]:
    if hook.auth == "none":
        return {}
    kind = _AUTH.get(hook.auth)
    found = connection.auth_for(kind, workflow_id, (hook.path, hook.raw_path)) if kind else None
    if found:
        name, value = found.header()
        return {_canonical(name): value}
    if "Authorization" in given or (kind == "header" and given):
        return {}  # the user put it among the node's own headers
    raise Unauthorized(_locked(hook, workflow_id, connection) or "", sent=False)


def _filled(path: str, payload: JsonValue) -> str:
    """The path with `:name` parts replaced from the payload's fields of that name."""
    parts: list[str] = []
    for part in path.split("/"):
        if not part.startswith(":"):
            parts.append(quote(part, safe="-._~!$&'()*+,;=:@"))
            continue
        value = payload.get(part[1:]) if isinstance(payload, dict) else None
        if value in (None, "") or isinstance(value, dict | list):
            raise Rejected(
                f"the webhook's path has the part {part}: the payload needs a text or number {part[1:]!r}",
                sent=False,
            )
        if "/" in _plain(value):
            # n8n 2.41 takes an escaped slash for a separator, and then no webhook matches.
            raise Rejected(
                f"the value of {part} in the webhook's path holds a slash, which n8n cannot take", sent=False
            )
        parts.append(quote(_plain(value), safe=""))
    return "/".join(parts)


def _query(payload: JsonValue) -> tuple[tuple[str, str], ...]:
    """A payload for requests without a body: each field a query parameter, what is nested as JSON."""
    if payload is None:
        return ()
    fields: JsonObject = payload if isinstance(payload, dict) else {"payload": payload}
    return tuple((name, _plain(value)) for name, value in fields.items())


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
