"""A remote workflow made into a node: it can run as it stands, and keeps what was seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from providers import JsonObject, Preview, RemoteWorkflow, Trigger
from runner.check import check
from runner.importing import imported, imports, remote_node
from runner.model import Graph
from runner.template import Templates
from tests.factories import make_graph

CONNECTION = UUID("01890000-0000-7000-8000-000000000001")
AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def preview(*, method: str | None = "POST", inputs: JsonObject | None = None) -> Preview:
    trigger = Trigger(kind="webhook", method=method)
    workflow = RemoteWorkflow(id="wf", name="Nightly leads", active=True, executable=True, trigger=trigger)
    return Preview(workflow=workflow, nodes=(), edges=(), inputs=inputs, fingerprint="f1", fetched_at=AT)


def drawn(made: Any) -> Graph:
    node = {"id": "n", "position": {"x": 0, "y": 0}, **made.model_dump(mode="json", by_alias=True)}
    return Graph.model_validate({"version": 1, "nodes": [node], "edges": []})


def test_it_is_ready_and_survives_the_drawing() -> None:
    made = remote_node("n8n", CONNECTION, preview(method="GET"))
    assert made.data.label == "Nightly leads"
    assert made.data.config == {
        "provider": "n8n",
        "connectionId": str(CONNECTION),
        "workflowId": "wf",
        "method": "GET",
        "maxPollingAttempts": 900,
    }
    graph = drawn(made)
    assert check(graph) == ()
    again = Graph.model_validate(graph.to_json())
    ((node, kept),) = imports(again)
    assert node.id == "n"
    assert kept == {
        "fingerprint": "f1", "at": "2026-01-31T09:30:00.000Z", "inputs": None, "outputs": None, "sample": None,
        "trigger": {"kind": "webhook", "method": "GET", "path": None},
    }  # fmt: skip


@pytest.mark.parametrize("method", [None, "HEAD", "post"])
def test_a_method_that_a_node_cannot_send_becomes_post(method: str | None) -> None:
    assert remote_node("n8n", CONNECTION, preview(method=method)).data.config["method"] == "POST"


async def test_the_body_asks_for_what_the_workflow_needs() -> None:
    inputs: JsonObject = {
        "type": "object",
        "required": ["order", "ship to"],
        "properties": {
            "order": {"type": "string"},
            "ship to": {"type": "string"},
            "rush": {"type": "boolean", "default": False},
            "note": {"type": "string", "default": "as usual"},
            "optional": {"type": "string"},
            "rows": {"type": "array", "default": [1, 2]},
            'strange"{{': {"type": "string", "default": "x"},
        },
    }
    made = remote_node("make", CONNECTION, preview(inputs=inputs))
    assert made.data.imported == imported(preview(inputs=inputs))
    assert isinstance(made.data.imported.sample, dict)
    assert made.data.imported.sample["note"] == "as usual"
    assert check(drawn(made)) == ()
    body = made.data.config["bodyTemplate"]
    assert isinstance(body, str)
    async with Templates() as templates:
        sent = await templates.render(body, {"data": {"order": "A-1", "ship to": "Rome", "rush": True}})
    assert isinstance(sent, str)
    assert json.loads(sent) == {"order": "A-1", "ship to": "Rome", "rush": True, "note": "as usual"}


def test_a_drawing_may_hold_anything_there() -> None:
    graph = make_graph("a, b, c", type="RemoteWebhook").to_json()
    nodes: Any = graph["nodes"]
    for node, kept in zip(nodes, (7, {"at": "x"}, {"fingerprint": ["no"]}), strict=True):
        node["data"]["imported"] = kept
    assert imports(Graph.model_validate(graph)) == ()
