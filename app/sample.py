"""The sample chain “Order to report”: every platform once, a choice, and a callback that the run waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers import JsonObject

NAME = "Order to report"
INPUTS: JsonObject = {"order": "A-1001", "lines": [{"price": 120, "quantity": 2}]}
_ORDER = (
    '{"order": {{ input.order | default("A-1001") | tojson }}, '
    '"lines": {{ input.lines | default([{"price": 120, "quantity": 2}]) | tojson }}}'
)


def sample(connections: Mapping[str, str]) -> dict[str, Any]:
    """The definition, over connection ids by provider name. It runs without inputs; with them, `order` and `lines`."""

    def remote(provider: str, workflow: str, **more: Any) -> dict[str, Any]:
        chosen = {"provider": provider, "connectionId": connections[provider], "workflowId": workflow}
        return {**chosen, "pollingInterval": 500, "maxPollingAttempts": 120, **more}

    nodes = [
        _node(
            "price", "RemoteWebhook", "Price the order", 0, remote("n8n", "wfPriceOrder", bodyTemplate=_ORDER)
        ),
        _node(
            "map",
            "DataMapper",
            "Order and amount",
            1,
            {
                "mappings": [
                    {"from": "data.order", "to": "order"},
                    {"from": "data.total", "to": "amount", "type": "number"},
                ]
            },
        ),
        _node("ship", "RemoteWebhook", "Ship it", 2, remote("airflow", "order_branching")),
        _node(
            "large",
            "Condition",
            "Worth a report?",
            3,
            {"rules": [{"left": "nodes.map.output.amount", "operator": "greaterOrEqual", "right": 100}]},
        ),
        _node(
            "report",
            "RemoteWebhook",
            "Build the report",
            4,
            remote("make", "102", bodyTemplate='{"order": {{ nodes.map.output.order | tojson }}}'),
        ),
        _node(
            "skip",
            "DataMapper",
            "No report",
            4,
            {"mappings": [{"from": "nodes.map.output.order", "to": "order"}]},
            y=160,
        ),
        _node(
            "ask",
            "RemoteWebhook",
            "Ask for approval",
            5,
            remote(
                "zapier",
                "hook:ask-then-call-back",
                bodyTemplate='{"order": {{ nodes.map.output.order | tojson }}, "callbackUrl": {{ callback.url | tojson }}}',
                enablePolling=False,
            ),
        ),
        _node("approved", "WaitForCallback", "Approved?", 6, {"timeout": 600_000}),
        _node(
            "done",
            "DataMapper",
            "Summary",
            7,
            {
                "mappings": [
                    {"from": "nodes.map.output.order", "to": "order"},
                    {"from": "nodes.map.output.amount", "to": "amount"},
                    {"from": "nodes.report.output.rows", "to": "reportRows", "default": 0},
                    {"from": "data.approved", "to": "approved"},
                ]
            },
        ),
    ]
    wires = [
        ("price", "map", "out"),
        ("map", "ship", "out"),
        ("ship", "large", "out"),
        ("large", "report", "true"),
        ("large", "skip", "false"),
        ("report", "ask", "out"),
        ("skip", "ask", "out"),
        ("ask", "approved", "out"),
        ("approved", "done", "out"),
    ]
    edges = [
        {"id": f"{source}-{target}", "source": source, "target": target, "sourceHandle": port}
        for source, target, port in wires
    ]
    return {"version": 1, "nodes": nodes, "edges": edges}


def _node(
    node_id: str, kind: str, label: str, column: int, config: dict[str, Any], *, y: int = 0
) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": kind,
        "position": {"x": 312 * column, "y": y},
        "data": {"label": label, "config": config},
    }
