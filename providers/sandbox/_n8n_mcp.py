"""The n8n sandbox's MCP server: JSON-RPC in, one server-sent event out.

Kept from n8n 2.41.1 as observed: arguments are checked before anything is looked up and refused as `isError` with text
alone; a workflow that may not be started is refused with `structuredContent` of the same shape as a start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from providers import JsonObject
from providers._shape import obj
from providers.sandbox._asgi import Ask, Reply
from providers.sandbox._n8n_sample import Sample
from providers.sandbox._n8n_wire import MCP_TOKEN

Json = Any
Start = Callable[[Sample, str, dict[str, Json], str], str]
"""Starts `(sample, trigger node, call, mode)` and gives the execution's id."""

TOOL = "execute_workflow"
_TYPES = {"{": "object", "[": "array", "t": "boolean", "f": "boolean", "n": "null"}
"""What JSON beginning so is; the rest are numbers."""
_HIDDEN = (
    "Workflow is not available in MCP. "
    "Enable MCP access from the workflow card in the workflows list, or from the workflow settings."
)


def answer(ask: Ask, samples: Mapping[str, Sample], start: Start) -> Reply:
    """Answer one POST. `start` is called at most once, and only when the answer names its execution."""
    if refused := _refuse_login(ask):
        return refused
    accept = ask.headers.get("accept", "")
    if "application/json" not in accept or "text/event-stream" not in accept:
        words = "Not Acceptable: Client must accept both application/json and text/event-stream"
        return Reply(406, {"jsonrpc": "2.0", "error": {"code": -32000, "message": words}, "id": None})
    asked = ask.json()
    envelope: dict[str, Json] = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "tools/list":
        return _event({"result": {"tools": [{"name": TOOL}]}, **envelope})
    if asked["method"] != "tools/call":
        return _event({**envelope, "error": {"code": -32601, "message": "Method not found"}})
    name: str = asked["params"]["name"]
    given: dict[str, Json] = asked["params"].get("arguments") or {}
    if name != TOOL:
        return _event({**envelope, "error": {"code": -32602, "message": f"Tool {name} not found"}})
    if wrong := _wrong(given):
        words = f"Input validation error: Invalid arguments for tool {TOOL}: {', '.join(wrong)}"
        return _event({"result": {"content": [{"type": "text", "text": words}], "isError": True}, **envelope})
    said = _execute(given, samples, start)
    text = json.dumps(said, separators=(",", ":"))
    return _event(
        {"result": {"content": [{"type": "text", "text": text}], "structuredContent": said}, **envelope}
    )


def _refuse_login(ask: Ask) -> Reply | None:
    given = ask.headers.get("authorization")
    if given == f"Bearer {MCP_TOKEN}":
        return None
    words = "Unauthorized"
    if given is None:
        words += ": Authorization header not sent"
    elif not given.startswith("Bearer "):
        words += ": Invalid authorization header format - Missing Bearer prefix"
    return Reply(401, {"message": words}, headers={"WWW-Authenticate": 'Bearer realm="n8n MCP Server"'})


def _event(message: JsonObject) -> Reply:
    text = f"event: message\ndata: {json.dumps(message, separators=(',', ':'))}\n\n"
    return Reply(200, text=text, content_type="text/event-stream")


def _wrong(given: Mapping[str, Json]) -> list[str]:
    """What the tool's schema finds, in its order."""
    found: list[str] = []
    for name in ("workflowId", "executionMode", "triggerNodeName", "inputs"):
        if name not in given:
            found += [f"{name}: Required"] if name in ("workflowId", "executionMode") else []
        elif said := _unfit(name, given[name]):
            found.append(f"{name}: {said}")
    return found


def _unfit(name: str, value: Json) -> str | None:
    if name == "inputs":
        return None if isinstance(value, dict) else "Invalid input"
    if name == "executionMode":
        words = f"Invalid enum value. Expected 'manual' | 'production', received '{value}'"
        return None if value in ("manual", "production") else words
    if isinstance(value, str):
        return None
    return f"Expected string, received {_TYPES.get(json.dumps(value)[0], 'number')}"


def _execute(given: Mapping[str, Json], samples: Mapping[str, Sample], start: Start) -> JsonObject:
    sample = samples.get(given["workflowId"])
    if sample is None:
        return _refusal("Workflow not found or you don't have permission to access it.")
    if not sample.raw["settings"].get("availableInMCP"):
        return _refusal(_HIDDEN)
    triggers: dict[str, str] = {
        entry["name"]: entry["type"].rpartition(".")[2]
        for entry in sample.raw["nodes"]
        if entry["type"].endswith((".webhook", "Trigger"))
    }
    known = f"Available triggers: {', '.join(triggers)}."
    name: str | None = given.get("triggerNodeName")
    inputs: dict[str, Json] | None = given.get("inputs")
    if name is None:
        if inputs is not None:
            return _refusal(f"Provide triggerNodeName when passing inputs. {known}")
        name = next((name for name, kind in triggers.items() if kind != "webhook"), None)
        if name is None:
            return _refusal(f"Provide triggerNodeName and inputs to execute this workflow. {known}")
    if name not in triggers:
        return _refusal(f'Trigger node "{name}" was not found. {known}')
    data = inputs or {}
    is_hook = triggers[name] == "webhook"
    if is_hook and not isinstance(data.get("webhookData"), dict):
        wanted = "{ webhookData: { headers?, query?, body? } }"
        return _refusal(f'Trigger node "{name}" requires inputs matching {wanted}.')
    sent = obj(data.get("webhookData")) if is_hook else {}
    call: dict[str, Json] = {part: sent.get(part, {}) for part in ("headers", "query", "body")}
    call["params"] = {}
    ident = start(sample, name, call, "webhook" if is_hook else "trigger")
    return {"executionId": ident, "status": "started"}


def _refusal(words: str) -> JsonObject:
    return {"executionId": None, "status": "error", "error": words}
