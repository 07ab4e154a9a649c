"""What an n8n execution says about itself: state, output, failure, and whose call started it.

Facts, observed on n8n 2.41: a time-out and a stop share the status `canceled`; `stoppedAt` is set while `waiting`; a
workflow ending with an HTTP callback has the callee's answer as its last output; a Respond node's output is its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from providers import ExecutionState, JsonObject, RemoteFailure
from providers._n8n_graph import RESPOND
from providers._shape import obj, objects, seq, text

STATES: Mapping[str, ExecutionState] = {
    "new": ExecutionState.QUEUED,
    "running": ExecutionState.RUNNING,
    "unknown": ExecutionState.RUNNING,
    "waiting": ExecutionState.WAITING,
    "success": ExecutionState.SUCCEEDED,
    "error": ExecutionState.FAILED,
    "crashed": ExecutionState.FAILED,
    "canceled": ExecutionState.CANCELLED,
}
_CALLBACK_TOKEN = re.compile(r"(/api/v1/orchestrator/callback/[^\s?\"']*\?(?:[^\s\"'#]*&)?token=)[^&\s\"'#]+")
_RESUME_SIGNATURE = re.compile(
    r"(/(?:webhook|form)-waiting/[^\s?\"']*\?(?:[^\s\"'#]*&)?signature=)[^&\s\"'#]+"
)


def clean(value: JsonValue, redact: Callable[[str], str]) -> JsonValue:
    """`value` without what only the wire needed: request headers n8n passes on, resume and callback tokens, our secrets."""
    if isinstance(value, str):
        shown = _RESUME_SIGNATURE.sub(r"\1***", _CALLBACK_TOKEN.sub(r"\1***", value))
        return redact(shown)
    if isinstance(value, list):
        return [clean(item, redact) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = {"resumeToken", "correlationToken"}
    if _is_call(value):
        dropped.add("headers")
    if isinstance(value.get("callbackUrl"), str):
        dropped.add("token")
    return {redact(name): clean(item, redact) for name, item in value.items() if name not in dropped}


def output(execution: JsonObject) -> tuple[JsonValue, bool]:
    """The result of an execution read with its data, and whether binary data was left out.

    One item is that item, several are a list. Where several branches ended with items, an object by node name.
    """
    runs = obj(obj(obj(execution.get("data")).get("resultData")).get("runData"))
    graph = obj(execution.get("workflowData"))
    nodes = {name: node for node in objects(graph.get("nodes")) if (name := text(node.get("name")))}
    leaves = [name for name in runs if not _successors(graph, name, runs)]
    if not leaves:  # a loop that leads nowhere else
        leaves = (
            [last]
            if (last := text(obj(obj(execution.get("data")).get("resultData")).get("lastNodeExecuted")))
            else []
        )
    found: dict[str, list[JsonObject]] = {}
    for leaf in leaves:
        name = _before_callback(leaf, nodes, runs)
        if items := _items(runs.get(name)):
            found[name] = items
    working = {name: items for name, items in found.items() if obj(nodes.get(name)).get("type") != RESPOND}
    found = working or found
    binary = any("binary" in item for items in found.values() for item in items)
    values: JsonObject = {name: _joined(items) for name, items in found.items()}
    if len(values) == 1:
        return next(iter(values.values())), binary
    return (values or None), binary


def failure(execution: JsonObject, redact: Callable[[str], str]) -> RemoteFailure:
    """Why it failed, in n8n's words, without the stack."""
    result = obj(obj(execution.get("data")).get("resultData"))
    last = text(result.get("lastNodeExecuted"))
    runs = objects(obj(result.get("runData")).get(last or ""))
    error = obj(result.get("error")) or (obj(runs[-1].get("error")) if runs else {})
    crashed = execution.get("status") == "crashed"
    message = text(error.get("message"))
    if message is None:
        message = (
            "n8n was ended while the workflow ran" if crashed else "the workflow failed; n8n gives no reason"
        )
    hint = text(error.get("description"))
    return RemoteFailure(
        message=redact(message),
        code="crashed" if crashed else "remote-failed",
        where=text(obj(error.get("node")).get("name")) or last,
        hint=redact(hint) if hint and hint != message else None,
    )


def calls(execution: JsonObject) -> list[JsonObject] | None:
    """The headers of the webhook calls in it, names in lower case; None: its data cannot be read (yet).

    While it runs the call is still on n8n's stack; once the trigger is through it is among the runs.
    """
    data = obj(execution.get("data"))
    runs = obj(obj(data.get("resultData")).get("runData"))
    stack = objects(obj(data.get("executionData")).get("nodeExecutionStack"))
    if not runs and not stack:
        return None
    found: list[JsonObject] = []
    for holder in (*(run for name in runs for run in objects(runs[name])[:1]), *stack):
        for item in _main_items(holder):
            call = obj(item.get("json"))
            if _is_call(call):
                found.append({name.lower(): value for name, value in obj(call.get("headers")).items()})
    return found


def _is_call(value: Mapping[str, JsonValue]) -> bool:
    """The item a Webhook node makes of a request."""
    return isinstance(value.get("headers"), dict) and {"body", "query"} <= value.keys()


def _main_items(holder: JsonObject) -> Iterator[JsonObject]:
    for outlet in seq(obj(holder.get("data")).get("main")):
        yield from objects(outlet)


def _items(runs: JsonValue) -> list[JsonObject]:
    """The items of every outlet of a node's last run."""
    all_runs = objects(runs)
    return list(_main_items(all_runs[-1])) if all_runs else []


def _joined(items: list[JsonObject]) -> JsonValue:
    values = [item.get("json") for item in items]
    return values[0] if len(values) == 1 else values


def _successors(graph: JsonObject, name: str, runs: JsonObject) -> bool:
    """Whether a node that ran comes after `name`: only such a node can have taken its items over."""
    outputs = obj(obj(graph.get("connections")).get(name))
    if "main" not in outputs:
        # Tools and models hang on an agent by other wires: their items are not results of the workflow.
        return bool(outputs)
    targets = {text(wire.get("node")) for outlet in seq(outputs["main"]) for wire in objects(outlet)}
    return any(target in runs for target in targets)


def _before_callback(name: str, nodes: Mapping[str, JsonObject], runs: JsonObject) -> str:
    """The node whose items the callback `name` posted; `name` itself when it is no callback."""
    node = obj(nodes.get(name))
    url = text(obj(node.get("parameters")).get("url")) or ""
    if node.get("type") != "n8n-nodes-base.httpRequest" or "callback" not in url.lower():
        return name
    last = objects(runs.get(name))[-1:]
    sources = objects(last[0].get("source")) if last else []
    before = text(sources[0].get("previousNode")) if sources else None
    return before if before in runs else name
