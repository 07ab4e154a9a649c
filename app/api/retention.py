"""How long ended runs are kept, which are kept for ever, and what was purged."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import operation
from app.run_answer import run_answer
from app.state import State
from providers import Frozen
from runner.model import Policy, Role, Scope
from runner.store.retention import Purged, Retained, RetentionPreview
from runner.wire import RunDetail


class Keep(Frozen):
    keep: bool


@operation(permission=Role.VIEWER)
async def list_retention(request: Request[State], scope: Scope, query: ListQuery) -> Listing[Retained]:
    """How long the runs of each orchestrator are kept, its own policy or the server's; newest orchestrator first."""
    default = request.state["settings"].retention
    found = await request.state["store"].retention.page(
        scope, default, limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.orchestrator_id)


@operation(permission=Role.VIEWER)
async def preview_retention(
    request: Request[State], scope: Scope, query: ListQuery
) -> Listing[RetentionPreview]:
    """What a purge would do now, by orchestrator. Purges nothing."""
    default = request.state["settings"].retention
    found = await request.state["store"].retention.preview(
        scope, default, limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.orchestrator_id)


@operation(permission=Role.ADMIN, status=204)
async def apply_retention(request: Request[State], scope: Scope) -> None:
    """Let the next purge begin now. It goes on in the background, in small pieces."""
    await request.state["store"].retention.hurry(scope)


@operation(permission=Role.VIEWER)
async def list_purges(request: Request[State], scope: Scope, query: ListQuery) -> Listing[Purged]:
    """What was purged, newest first."""
    found = await request.state["store"].retention.purges(
        scope, limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.VIEWER)
async def get_retention(request: Request[State], scope: Scope, id: UUID) -> Retained:
    """How long the runs of this orchestrator are kept."""
    return await request.state["store"].retention.of(scope, request.state["settings"].retention, id)


@operation(permission=Role.ADMIN)
async def set_retention(request: Request[State], scope: Scope, id: UUID, body: Policy) -> Retained:
    """Give the orchestrator a policy of its own; with neither limit, its runs are kept for ever."""
    retention = request.state["store"].retention
    await retention.set(scope, id, body)
    return await retention.of(scope, request.state["settings"].retention, id)


@operation(permission=Role.ADMIN)
async def reset_retention(request: Request[State], scope: Scope, id: UUID) -> Retained:
    """The server's default holds again."""
    retention = request.state["store"].retention
    await retention.set(scope, id, None)
    return await retention.of(scope, request.state["settings"].retention, id)


@operation(permission=Role.OPERATOR)
async def keep_run(request: Request[State], scope: Scope, run_id: UUID, body: Keep) -> RunDetail:
    """Keep a run for ever, whatever the policy says, or let it go again."""
    await request.state["store"].retention.keep(scope, run_id, body.keep)
    return await run_answer(request, scope, run_id)


fixed = [
    Route("/orchestrator/retention", list_retention, methods=["GET"]),
    Route("/orchestrator/retention/preview", preview_retention, methods=["GET"]),
    Route("/orchestrator/retention/apply", apply_retention, methods=["POST"]),
    Route("/orchestrator/retention/purges", list_purges, methods=["GET"]),
    Route("/orchestrator/runs/{runId}/keep", keep_run, methods=["PUT"]),
]
"""Before the routes of orchestrators: a word in the place of an id."""

routes = [
    Route("/orchestrator/{id}/retention", get_retention, methods=["GET"]),
    Route("/orchestrator/{id}/retention", set_retention, methods=["PUT"]),
    Route("/orchestrator/{id}/retention", reset_retention, methods=["DELETE"]),
]
