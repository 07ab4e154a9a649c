"""A remote workflow made into a node that is ready to run, with what was seen of it then. Pure: no I/O."""

from __future__ import annotations

import json
import keyword
from typing import Final, Literal, get_args
from uuid import UUID

from pydantic import Field, JsonValue

from providers import Frozen, JsonObject, Preview, Timestamp, Trigger
from runner.example import example
from runner.model import Graph, NodeSpec

TYPE: Final = "RemoteWebhook"
_POLLS: Final = 900
"""Times the usual two seconds is half an hour: what is imported is followed to its end, not for one minute."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Imported(Frozen):
    """The version that a node was made of: `data.imported` of its drawing.

    `at` is when it was read from the platform; `inputs` and `outputs` are its JSON Schemas, null where the platform does not
    say; `sample` is an example of what it takes. `trigger`: what starts it; those imported before that was kept have none.
    """

    fingerprint: str = Field(min_length=1, max_length=200)
    at: Timestamp
    inputs: JsonObject | None = None
    outputs: JsonObject | None = None
    sample: JsonValue = None
    trigger: Trigger | None = None


class RemoteNodeData(Frozen):
    label: str
    config: JsonObject
    imported: Imported


class RemoteNode(Frozen):
    """A node for a drawing; the drawing gives it an id and a place."""

    type: Literal["RemoteWebhook"] = TYPE
    data: RemoteNodeData


def remote_node(provider: str, connection_id: UUID, preview: Preview) -> RemoteNode:
    """It calls by the method that the workflow's trigger takes, and sends what the workflow says it needs."""
    workflow = preview.workflow
    config: JsonObject = {
        "provider": provider,
        "connectionId": str(connection_id),
        "workflowId": workflow.id,
        "method": workflow.trigger.method if workflow.trigger.method in get_args(Method) else "POST",
        "maxPollingAttempts": _POLLS,
    }
    if (body := _body(preview.inputs)) is not None:
        config["bodyTemplate"] = body
    return RemoteNode(
        data=RemoteNodeData(label=workflow.name[:200], config=config, imported=imported(preview))
    )


def imported(preview: Preview) -> Imported:
    return Imported(
        fingerprint=preview.fingerprint,
        at=preview.fetched_at,
        inputs=preview.inputs,
        outputs=preview.outputs,
        sample=example(preview.inputs),
        trigger=preview.workflow.trigger,
    )


def imports(graph: Graph) -> tuple[tuple[NodeSpec, JsonObject], ...]:
    """The nodes that were imported, with `data.imported` as it is stored. A drawing may hold anything there."""
    found: list[tuple[NodeSpec, JsonObject]] = []
    for node in graph.nodes:
        kept: JsonValue = (node.data.model_extra or {}).get("imported")
        if node.type == TYPE and isinstance(kept, dict) and isinstance(kept.get("fingerprint"), str):
            found.append((node, kept))
    return tuple(found)


def _body(inputs: JsonObject | None) -> str | None:
    """A template with a line per input: those that are required, and those with a default of one value. None: as usual."""
    properties = inputs.get("properties") if inputs is not None else None
    if not isinstance(properties, dict):
        return None
    required = inputs.get("required") if inputs is not None else None
    needed = required if isinstance(required, list) else []
    lines: list[str] = []
    for name, schema in properties.items():
        place = f"data.{name}" if _plain(name) else f"data[{json.dumps(name)}]"
        if not _speakable(name):
            continue
        default = schema.get("default") if isinstance(schema, dict) else None
        if (spelt := _spelt(default)) is not None:
            lines.append(f"  {json.dumps(name)}: {{{{ {place} | default({spelt}) | tojson }}}}")
        elif name in needed:
            lines.append(f"  {json.dumps(name)}: {{{{ {place} | tojson }}}}")
    return "{\n" + ",\n".join(lines) + "\n}" if lines else None


def _spelt(value: JsonValue) -> str | None:
    """The value as a template writes it; None for what is better left to the platform."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, str) and _speakable(value) else None


def _plain(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


def _speakable(text: str) -> bool:
    return text.isprintable() and not set(text) & set("{}%#\\\"'")
