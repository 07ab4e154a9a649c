"""Many runs in few numbers, and the labels that people sort them by."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.run_answer import Label, run_answer
from app.run_filters import RunsFilter, filter_of
from app.state import State
from providers import Frozen
from runner.model import Role, Scope
from runner.wire import ErrorGroup, RunDetail, RunSummary


class SummaryQuery(RunsFilter):
    buckets: int = Field(default=60, ge=1, le=200, description="How many bars at most.")


class ErrorsQuery(RunsFilter):
    limit: int = Field(default=50, ge=1, le=200, description="How many groups at most.")


class ErrorGroups(Frozen):
    """Those that failed last come first; `more`: there are further groups."""

    items: tuple[ErrorGroup, ...]
    more: bool


class ChangeRun(Frozen):
    labels: Mapping[Label, Label] = Field(max_length=50, description="All of them: others are taken away.")


@operation(permission=Role.VIEWER)
async def summarise_runs(request: Request[State], scope: Scope, query: SummaryQuery) -> RunSummary:
    """How many runs of which state, over time, and how long they take. Without `since`: the last 24 hours."""
    wanted = filter_of(query, query.orchestrator_id)
    return await request.state["store"].summary.summary(scope, wanted, buckets=query.buckets)


@operation(permission=Role.VIEWER)
async def list_errors(request: Request[State], scope: Scope, query: ErrorsQuery) -> ErrorGroups:
    """What fails, each kind of failure once. Without `since`: in the last 24 hours."""
    wanted = filter_of(query, query.orchestrator_id)
    found = await request.state["store"].summary.errors(scope, wanted, limit=query.limit + 1)
    return ErrorGroups(items=found[: query.limit], more=len(found) > query.limit)


@operation(permission=Role.OPERATOR)
async def change_run(request: Request[State], scope: Scope, run_id: UUID, body: ChangeRun) -> RunDetail:
    """Give a run other labels, also when it has ended. Its history says who did so."""
    await request.state["store"].labels.replace(scope, run_id, body.labels)
    return await run_answer(request, scope, run_id)


fixed = [
    Route("/orchestrator/runs/summary", summarise_runs, methods=["GET"]),
    Route("/orchestrator/runs/errors", list_errors, methods=["GET"]),
    Route("/orchestrator/runs/{runId}", change_run, methods=["PATCH"]),
]
"""Before the routes with a run's id in the place of `summary`."""
