"""Testing a part of a drawing, what would happen before it does, and how the nodes of a drawing depend on each other."""

from __future__ import annotations

from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.routing import Route

from app.masked import refuse_masked
from app.operation import Reply, operation
from app.revisions import StartRevision, usual
from app.run_answer import run_answer
from app.state import State
from providers import Frozen, JsonObject
from runner.decision import Mode
from runner.errors import Conflict, GraphError, InputsInvalid, NotFound
from runner.graph import Wiring, analyse, levels
from runner.model import Graph, Role, Scope
from runner.plan import Plan
from runner.store.trials import Origin
from runner.wire import RunDetail


class TestRequest(Frozen):
    """`source`: reuse outputs of your own runs, or of anybody's. Without `inputs`, those of the newest such run."""

    node_id: str = Field(min_length=1, max_length=200)
    mode: Literal["node", "upTo"]
    source: Origin = "mine"
    inputs: JsonObject | None = None


class TestHeaders(Frozen):
    idempotency_key: str | None = Field(
        default=None,
        alias="idempotency-key",
        min_length=1,
        max_length=255,
        description="The same key within 24 hours answers with the first run.",
    )


class PlanRequest(Frozen):
    """Mode `all` is a run of the whole and needs no node: without `definition`, of the `revision` that a start with the same
    words would run. A test is of the newest revision."""

    node_id: str | None = Field(default=None, min_length=1, max_length=200)
    mode: Mode = "all"
    source: Origin = "mine"
    inputs: JsonObject | None = None
    revision: StartRevision = None
    definition: Graph | None = None

    @model_validator(mode="after")
    def _has_node(self) -> Self:
        if self.mode != "all" and self.node_id is None:
            raise ValueError("a test needs its nodeId")
        return self


class RetryPlanRequest(Frozen):
    """As the body of a retry."""

    start: str = Field(default="start", alias="from", min_length=1, max_length=200)
    revision: Literal["same", "latest"] = "same"
    recorded: bool = False


class GraphRequest(Frozen):
    definition: Graph
    node_id: str | None = Field(default=None, min_length=1, max_length=200)


class GraphQuery(Frozen):
    node_id: str | None = Field(default=None, min_length=1, max_length=200)


class GraphShape(Frozen):
    """How nodes depend on each other. `upstream` and `downstream` are of the node asked for, near and far; nodes of one level may
    run at once. `levels` and `criticalPath` are empty while the drawing has a cycle."""

    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    roots: tuple[str, ...]
    leaves: tuple[str, ...]
    branches: tuple[str, ...]
    unreachable: tuple[str, ...]
    critical_path: tuple[str, ...]


@operation(permission=Role.VIEWER)
async def plan_run(request: Request[State], scope: Scope, id: UUID, body: PlanRequest) -> Plan:
    """What a run or a test would do, node by node: reuse, run, call, and what a call does. Stores and starts nothing."""
    return await request.state["store"].trials.plan(
        scope,
        id,
        node_id=body.node_id,
        mode=body.mode,
        source=body.source,
        inputs=body.inputs,
        graph=body.definition,
        revision=(body.revision or usual(request)) if body.mode == "all" else "latest",
    )


@operation(permission=Role.OPERATOR, status=202, raises=(GraphError, Conflict, InputsInvalid), admitted=True)
async def test_part(
    request: Request[State], scope: Scope, id: UUID, headers: TestHeaders, body: TestRequest
) -> Reply[RunDetail]:
    """Run one node, or all up to it, as a run with trigger `test`.

    Nodes before it are given their pinned output, or that of an earlier run. What calls outside, calls.
    """
    await refuse_masked(request, scope, "inputs", body.inputs)
    run_id = await request.state["store"].trials.test(
        scope,
        id,
        node_id=body.node_id,
        mode=body.mode,
        source=body.source,
        inputs=body.inputs,
        key=headers.idempotency_key,
    )
    return Reply(
        await run_answer(request, scope, run_id), headers={"Location": f"/api/v1/orchestrator/runs/{run_id}"}
    )


@operation(permission=Role.VIEWER, raises=(Conflict,))
async def plan_retry(request: Request[State], scope: Scope, run_id: UUID, body: RetryPlanRequest) -> Plan:
    """What a retry would do, node by node. Stores and starts nothing."""
    return await request.state["store"].trials.retry_plan(
        scope,
        run_id,
        start=body.start,
        latest=body.revision == "latest",
        recorded=body.recorded,
    )


@operation(permission=Role.VIEWER, raises=(NotFound,))
async def analyse_definition(request: Request[State], body: GraphRequest) -> GraphShape:
    """How the nodes of an unsaved definition depend on each other. Stores nothing."""
    return _shape(body.definition, body.node_id)


@operation(permission=Role.VIEWER)
async def analyse_orchestrator(
    request: Request[State], scope: Scope, id: UUID, query: GraphQuery
) -> GraphShape:
    """How the nodes of the newest revision depend on each other."""
    found = await request.state["store"].orchestrators.get(scope, id)
    return _shape(Graph.model_validate(found.definition), query.node_id)


def _shape(graph: Graph, node: str | None) -> GraphShape:
    wiring = Wiring(graph)
    if node is not None and node not in wiring.nodes:
        raise NotFound(f"there is no node {node!r} in this drawing")
    upstream = wiring.upstream(node) if node else frozenset[str]()
    downstream = wiring.downstream(node) if node else frozenset[str]()
    found = analyse(graph)
    return GraphShape(
        upstream=tuple(n for n in wiring.nodes if n in upstream),
        downstream=tuple(n for n in wiring.nodes if n in downstream),
        levels=levels(wiring) if wiring.is_orderly else (),
        roots=found.roots,
        leaves=found.leaves,
        branches=found.branches,
        unreachable=found.unreachable,
        critical_path=found.critical_path,
    )


fixed = [
    Route("/orchestrator/runs/{runId}/retry/plan", plan_retry, methods=["POST"]),
    Route("/orchestrator/graph", analyse_definition, methods=["POST"]),
]
"""Before any route with an orchestrator's id in the place of the word."""

routes = [
    Route("/orchestrator/{id}/plan", plan_run, methods=["POST"]),
    Route("/orchestrator/{id}/test", test_part, methods=["POST"]),
    Route("/orchestrator/{id}/graph", analyse_orchestrator, methods=["GET"]),
]
