"""Starting a workflow through n8n's instance-level MCP server: the one official call that answers with an execution id.

Wire, observed on n8n 2.41: JSON-RPC `tools/call` without a session, both media types accepted (else 406), the answer one
server-sent event; refusals are 200 with `structuredContent.error`.
"""

from __future__ import annotations

from pydantic import JsonValue

from providers import (
    Answer,
    BadJson,
    BadResponse,
    Http,
    JsonObject,
    Rejected,
    Unauthorized,
    error_from,
    read_json,
)
from providers._n8n_api import message_of
from providers._n8n_graph import Entry
from providers._shape import obj, objects, text


async def execute_workflow(
    http: Http,
    root: str,
    token: str,
    *,
    workflow_id: str,
    entry: Entry,
    method: str,
    payload: JsonValue,
    headers: dict[str, str],
    timeout: float,
) -> str:
    """Start the published version and return its execution id. An error with `sent=False` means nothing was started."""
    arguments: JsonObject = {
        "workflowId": workflow_id,
        "executionMode": "production",
        "triggerNodeName": entry.node,
    }
    if (inputs := _inputs(entry.kind, method, payload, headers)) is not None:
        arguments["inputs"] = inputs
    result = await _call(
        http, root, token, "tools/call", {"name": "execute_workflow", "arguments": arguments}, timeout
    )
    said = obj(result.get("structuredContent"))
    if execution_id := text(said.get("executionId")):
        return execution_id
    words = text(said.get("error"))
    if result.get("isError") is True or words:
        words = words or "; ".join(t for c in objects(result.get("content")) if (t := text(c.get("text"))))
        raise Rejected(http.redact(f"n8n's MCP server: {words or 'refused without a reason'}"), sent=False)
    raise BadResponse("n8n's MCP server gave no execution id", sent=True)


async def probe(http: Http, root: str, token: str) -> None:
    """Raise a ProviderError unless the MCP server answers and takes the token. Starts nothing."""
    await _call(http, root, token, "tools/list", {}, 10.0)


def _inputs(kind: str, method: str, payload: JsonValue, headers: dict[str, str]) -> JsonObject | None:
    if kind == "webhook":
        names: JsonObject = {name.lower(): value for name, value in headers.items()}
        return {"webhookData": {"method": method, "body": payload, "headers": names, "query": {}}}
    if kind == "form":
        return {"formData": payload if isinstance(payload, dict) else {"payload": payload}}
    if kind == "chat":
        said = payload.get("chatInput", payload) if isinstance(payload, dict) else payload
        return {"chatInput": said if isinstance(said, str) else str(said)}
    return None


async def _call(
    http: Http, root: str, token: str, method: str, params: JsonObject, timeout: float
) -> JsonObject:
    answer = await http.call(
        "POST",
        f"{root}/mcp-server/http",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"},
        json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
        timeout=timeout,
    )
    if not answer.ok:
        words = http.redact(f"n8n's MCP server: {message_of(answer)}")
        if answer.status == 401:
            hint = "Make a new MCP access token in n8n (Settings → Instance-level MCP); the API key is not accepted there."
            raise Unauthorized(words, hint=hint, status=401, sent=False)
        raise error_from(answer, words, hint="Is instance-level MCP switched on in n8n's settings?")
    body = _message(answer)
    if error := obj(body.get("error")):
        raise Rejected(http.redact(f"n8n's MCP server: {text(error.get('message')) or error}"), sent=False)
    return obj(body.get("result"))


def _message(answer: Answer) -> JsonObject:
    """The JSON-RPC message, alone or as the data of the last server-sent event."""
    data = [line[5:].strip() for line in answer.text.splitlines() if line.startswith("data:")]
    try:
        return obj(read_json(data[-1].encode() if data else answer.body))
    except BadJson as error:
        raise BadResponse(f"n8n's MCP server answered what is not JSON: {error}", sent=True) from None
