"""Values that came masked and are sent back: refused, for a run would compute with the mask."""

from __future__ import annotations

from pydantic import JsonValue
from starlette.requests import Request

from app.problems import Invalid
from app.state import State
from runner.model import Graph, Scope
from runner.redaction import holds_mask
from runner.store.redaction import NONE


async def refuse_masked(request: Request[State], scope: Scope, field: str, value: object) -> None:
    """Raises Invalid. Costs nothing where the workspace has no rules."""
    if value is None or await request.state["store"].redactions.rules(scope.workspace_id) is NONE:
        return
    if holds_mask(value):
        raise Invalid(
            [(f"/{field}", "holds a masked value; have it revealed first, or leave it out")],
            "A masked value cannot be used.",
        )


def held_values(graph: Graph | None) -> list[JsonValue]:
    """The payloads that a drawing holds: what is pinned, and its examples."""
    if graph is None:
        return []
    return [node.data.pinned for node in graph.nodes] + [each.inputs for each in graph.examples]
