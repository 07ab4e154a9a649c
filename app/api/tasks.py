"""The steps inside the execution that a node of a run stands for."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.state import State
from providers import Frozen, RemoteTask, Timestamp
from runner.errors import NotFound
from runner.model import Failure, Role, Scope


class TasksAnswer(Frozen):
    """`items` are tries in the order they began; tries of one step share its `id`. `reason`: why there are none, or not all.
    `problem`: the platform did not answer."""

    items: tuple[RemoteTask, ...]
    fetched_at: Timestamp
    reason: str | None
    problem: Failure | None


@operation(permission=Role.VIEWER, raises=(NotFound,))
async def list_tasks(request: Request[State], scope: Scope, run_id: UUID, node_id: str) -> TasksAnswer:
    """The steps of the execution this node stands for, asked of the platform now. Starts nothing there."""
    node = await request.state["store"].links.of(scope, run_id, node_id)
    found = await request.state["remote_tasks"].of(scope, node)
    return TasksAnswer(
        items=found.items, fetched_at=found.fetched_at, reason=found.reason, problem=found.problem
    )


fixed = [Route("/orchestrator/runs/{runId}/nodes/{nodeId:path}/tasks", list_tasks, methods=["GET"])]
"""A node's id may hold any character."""
