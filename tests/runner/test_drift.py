"""What of a changed workflow keeps a step from doing its work, and what only a person can judge."""

from __future__ import annotations

from typing import Any

import pytest

from providers import JsonObject, Preview, RemoteWorkflow, Trigger, now
from runner.drift import NO_CONNECTION, drift_problem
from runner.importing import imported
from runner.model import Failure, NodeSpec

NODE = NodeSpec(id="n", type="RemoteWebhook")
INPUTS: JsonObject = {
    "properties": {"name": {"type": "string"}, "size": {"type": "integer", "default": 1}},
    "required": ["name"],
}


def preview(
    fingerprint: str = "1",
    *,
    executable: bool = True,
    path: str = "orders",
    kind: str = "webhook",
    method: str = "POST",
    inputs: JsonObject | None = INPUTS,
) -> Preview:
    return Preview(
        workflow=RemoteWorkflow(
            id="w", name="W", active=True, executable=executable, trigger=Trigger(kind=kind, method=method, path=path)
        ),
        nodes=(),
        edges=(),
        inputs=inputs,
        fingerprint=fingerprint,
        fetched_at=now(),
    )  # fmt: skip


def taking(**properties: Any) -> JsonObject:
    return {"properties": properties, "required": ["name"]}


KEPT = imported(preview()).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({}, "remote-changed", "has changed since it was imported"),
        ({"method": "GET"}, "remote-changed", "has changed"),
        ({"path": "renamed"}, "remote-broken", "the trigger path orders is gone, it is renamed now"),
        ({"kind": "schedule"}, "remote-broken", "not started by webhook any more but by schedule"),
        ({"executable": False}, "remote-broken", "cannot be started any more"),
        ({"inputs": taking(name={"type": "string"})}, "remote-broken", "takes no size any more"),
        ({"inputs": taking(name={"type": "array"}, size={"type": "integer"})}, "remote-broken", "name of another type"),
        ({"inputs": INPUTS | {"required": ["name", "size"]}}, "remote-changed", "has changed"),
        ({"inputs": taking(**{"size": {"type": "integer"}, "name": {"type": "string"}, "more": {}}) | {"required": ["name", "more"]}},
         "remote-broken", "needs more now"),
        ({"inputs": taking(name={"type": "string"}, size={"type": "integer"}, more={})}, "remote-changed", "has changed"),
        ({"inputs": None}, "remote-changed", "has changed"),
    ],
)  # fmt: skip
def test_what_breaks_is_an_error_and_the_rest_a_warning(
    change: dict[str, Any], code: str, words: str
) -> None:
    found = drift_problem(NODE, KEPT, preview("2", **change))
    assert found is not None and (found.code, found.node_id) == (code, "n") and words in found.detail
    assert found.severity == ("error" if code == "remote-broken" else "warning")


def test_the_same_fingerprint_is_no_problem() -> None:
    assert drift_problem(NODE, KEPT, preview(path="renamed")) is None


def test_an_import_of_before_knows_no_trigger() -> None:
    old = {name: value for name, value in KEPT.items() if name != "trigger"}
    found = drift_problem(NODE, old, preview("2", path="renamed"))
    assert found is not None and found.code == "remote-changed"


@pytest.mark.parametrize(
    ("failure", "code", "severity"),
    [
        (NO_CONNECTION, "connection-missing", "error"),
        (Failure(code="not-found", message="n8n knows no workflow with this id"), "remote-gone", "error"),
        (Failure(code="timeout", message="the platform has not answered yet"), "remote-unknown", "warning"),
    ],
)
def test_a_platform_that_is_away_keeps_nobody_from_publishing(
    failure: Failure, code: str, severity: str
) -> None:
    found = drift_problem(NODE, KEPT, failure)
    assert found is not None and (found.code, found.severity) == (code, severity)
