"""Runs: start, look, cancel, retry."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.admission import started
from app.listing import Listing, ListQuery, after_id, after_number, listing
from app.masked import refuse_masked
from app.operation import Reply, operation
from app.revisions import StartRevision, by_hand, usual
from app.run_answer import Label, run_answer
from app.run_filters import RunsFilter, RunsOfFilter, filter_of
from app.state import State
from app.watching import woken
from providers import Frozen, JsonObject
from runner.errors import Conflict, GraphError
from runner.model import Role, Scope, TriggerInfo
from runner.wire import LogLine, RunDetail, RunItem

MAX_WAIT = 60


class StartRun(Frozen):
    inputs: JsonObject = Field(default={})
    labels: Mapping[Label, Label] = Field(default={}, max_length=50)
    revision: StartRevision = None


class StartHeaders(Frozen):
    idempotency_key: str | None = Field(
        default=None,
        alias="idempotency-key",
        min_length=1,
        max_length=255,
        description="The same key within 24 hours answers with the first run.",
    )
    prefer: str | None = Field(
        default=None,
        alias="prefer",
        max_length=200,
        description="wait=N: answer once the run has ended, within N seconds (at most 60).",
    )


class RetryHeaders(Frozen):
    idempotency_key: str | None = Field(default=None, alias="idempotency-key", min_length=1, max_length=255)


class Retry(Frozen):
    """`from`: start, failed, or the id of a node. Nodes before it keep their outcome. `recorded`: call nobody; what reaches outside
    takes what that run recorded."""

    start: str = Field(default="start", alias="from", min_length=1, max_length=200)
    revision: Literal["same", "latest"] = "same"
    inputs: JsonObject | None = None
    recorded: bool = False


class RunsOfQuery(RunsOfFilter, ListQuery):
    pass


class RunsQuery(RunsFilter, RunsOfQuery):
    pass


class LogQuery(ListQuery):
    node_id: str | None = Field(default=None, max_length=200)
    level: tuple[Literal["debug", "info", "warning", "error"], ...] = Field(
        default=(), description="Repeat it for several."
    )


@operation(permission=Role.OPERATOR, status=202, also=(200,), raises=(GraphError, Conflict), admitted=True)
async def start_run(
    request: Request[State], scope: Scope, id: UUID, headers: StartHeaders, body: StartRun
) -> Reply[RunDetail]:
    """Start a run of the published revision, of the newest where none is published, or of the one that the body names.

    With `Prefer: wait=N` the answer is 200 if the run ends within N seconds, else 202 as without it.
    """
    await refuse_masked(request, scope, "inputs", body.inputs)
    run_id = await request.state["store"].runs.create(
        scope,
        id,
        body.inputs,
        labels=body.labels,
        trigger=TriggerInfo(kind="manual" if by_hand(request) else "api", by=scope.subject),
        key=headers.idempotency_key,
        revision=body.revision or usual(request),
    )
    started(request)
    wait = preferred_wait(headers.prefer)
    applied = {} if wait is None else {"Preference-Applied": f"wait={wait}"}
    found = await run_answer(request, scope, run_id)  # what is pure is over by now, and needs no wait
    if wait is not None and not found.status.final:
        await _until_ended(request, scope, run_id, wait)
        found = await run_answer(request, scope, run_id)
    ended = wait is not None and found.status.final
    return Reply(found, 200 if ended else 202, {**_location(run_id), **applied})


@operation(permission=Role.VIEWER)
async def list_runs(request: Request[State], scope: Scope, query: RunsQuery) -> Listing[RunItem]:
    """Runs of all orchestrators, newest first."""
    return await _page(request, scope, query, query.orchestrator_id)


@operation(permission=Role.VIEWER)
async def list_runs_of(
    request: Request[State], scope: Scope, id: UUID, query: RunsOfQuery
) -> Listing[RunItem]:
    """Runs of one orchestrator, newest first; of a deleted one, too."""
    await request.state["store"].orchestrators.known(scope, id)
    return await _page(request, scope, query, id)


@operation(permission=Role.VIEWER)
async def get_run(request: Request[State], scope: Scope, run_id: UUID) -> RunDetail:
    """A run with its nodes and every attempt: what was sent, what came back."""
    return await run_answer(request, scope, run_id)


@operation(permission=Role.VIEWER)
async def list_logs(request: Request[State], scope: Scope, run_id: UUID, query: LogQuery) -> Listing[LogLine]:
    """The run's lines in order. They are never changed, and their numbers have no gap."""
    history = request.state["store"].history
    await history.state(scope, run_id)
    found = await history.lines(
        scope,
        run_id,
        after=after_number(query.cursor) or 0,
        limit=query.limit + 1,
        node_id=query.node_id,
        levels=query.level,
    )
    return listing(found, query.limit, lambda line: line.seq)


@operation(permission=Role.OPERATOR)
async def cancel_run(request: Request[State], scope: Scope, run_id: UUID) -> RunDetail:
    """End a run now. One that has ended keeps its end."""
    await request.state["store"].runs.cancel(scope, run_id)
    return await run_answer(request, scope, run_id)


@operation(permission=Role.OPERATOR, status=202, raises=(GraphError, Conflict), admitted=True)
async def retry_run(
    request: Request[State], scope: Scope, run_id: UUID, headers: RetryHeaders, body: Retry
) -> Reply[RunDetail]:
    """Repeat an ended run, whole or from a node, as a new run."""
    await refuse_masked(request, scope, "inputs", body.inputs)
    new_id = await request.state["store"].runs.retry(
        scope,
        run_id,
        start=body.start,
        latest=body.revision == "latest",
        inputs=body.inputs,
        trigger=TriggerInfo(kind="recorded" if body.recorded else "retry", by=scope.subject),
        key=headers.idempotency_key,
        recorded=body.recorded,
    )
    return Reply(await run_answer(request, scope, new_id), headers=_location(new_id))


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds of RFC 7240's `wait`, at most 60; None where it is not asked for. What cannot be read is ignored."""
    for part in (prefer or "").split(","):
        if found := re.fullmatch(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', part, re.IGNORECASE | re.ASCII):
            return min(int(found[1]), MAX_WAIT)
    return None


async def _page(
    request: Request[State], scope: Scope, query: RunsOfQuery, orchestrator_id: UUID | None
) -> Listing[RunItem]:
    found = await request.state["store"].history.page(
        scope, filter_of(query, orchestrator_id), limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.id)


async def _until_ended(request: Request[State], scope: Scope, run_id: UUID, seconds: float) -> None:
    """Returns when it has ended, `seconds` from now at the latest, and at once when the server stops."""
    history, watchers = request.state["store"].history, request.state["watchers"]
    deadline = time.monotonic() + seconds
    with request.state["bell"].watch(run_id, end=True) as rung, watchers.woken_by(rung):
        while True:
            rung.clear()
            state, _ = await history.state(scope, run_id)
            left = deadline - time.monotonic()
            if state.final or left <= 0 or watchers.leaving:
                return
            await woken(rung, left)


def _location(run_id: UUID) -> dict[str, str]:
    return {"Location": f"/api/v1/orchestrator/runs/{run_id}"}


fixed = [
    Route("/orchestrator/runs", list_runs, methods=["GET"]),
    Route("/orchestrator/runs/{runId}", get_run, methods=["GET"]),
    Route("/orchestrator/runs/{runId}/logs", list_logs, methods=["GET"]),
    Route("/orchestrator/runs/{runId}/cancel", cancel_run, methods=["POST"]),
    Route("/orchestrator/runs/{runId}/retry", retry_run, methods=["POST"]),
]
"""Before any route with an orchestrator's id in the place of `runs`."""

routes = [
    Route("/orchestrator/{id}/run", start_run, methods=["POST"]),
    Route("/orchestrator/{id}/runs", list_runs_of, methods=["GET"]),
]
