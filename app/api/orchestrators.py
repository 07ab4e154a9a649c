"""Orchestrators: draw, save, look back. Saving is always possible for a drawing that parses; `problems` come back with it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, after_number, listing
from app.masked import held_values, refuse_masked
from app.operation import Reply, operation
from app.revisions import MAX_NUMBER, Number, etag, problems_of, tagged
from app.state import State
from providers import Frozen
from runner.errors import Stale
from runner.model import Graph, Problem, Role, Scope
from runner.wire import Orchestrator, OrchestratorDetail, RevisionDetail, RevisionItem

NAME_LIMIT, TEXT_LIMIT = 200, 10_000


class OrchestratorQuery(ListQuery):
    q: str = Field(default="", max_length=200, description="Part of the name, in any case.")
    deleted: bool = Field(default=False, description="Those in the bin: deleted within the last 30 days.")


class NewOrchestrator(Frozen):
    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    description: str = Field(default="", max_length=TEXT_LIMIT)
    definition: Graph


class OrchestratorChange(Frozen):
    """What is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=NAME_LIMIT)
    description: str | None = Field(default=None, max_length=TEXT_LIMIT)
    definition: Graph | None = None


class SaveHeaders(Frozen):
    if_match: str | None = Field(
        default=None,
        alias="if-match",
        max_length=1000,
        description="The ETag of the revision that was edited; a newer one answers 412.",
    )


class Draft(Frozen):
    definition: Graph


class CheckResult(Frozen):
    """`runnable`: there is no error among the problems."""

    runnable: bool
    problems: tuple[Problem, ...]


@operation(permission=Role.VIEWER)
async def list_orchestrators(
    request: Request[State], scope: Scope, query: OrchestratorQuery
) -> Listing[Orchestrator]:
    """Orchestrators, newest first."""
    store = request.state["store"]
    found = await store.orchestrators.page(
        scope, limit=query.limit + 1, q=query.q, before=after_id(query.cursor), deleted=query.deleted
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.EDITOR, status=201)
async def create_orchestrator(
    request: Request[State], scope: Scope, body: NewOrchestrator
) -> Reply[OrchestratorDetail]:
    """Save a new orchestrator as revision 1."""
    store = request.state["store"]
    await refuse_masked(request, scope, "definition", held_values(body.definition))
    made = await store.orchestrators.create(scope, body.name, body.description, body.definition)
    return await tagged(request, scope, made, {"Location": f"/api/v1/orchestrator/{made.id}"})


@operation(permission=Role.VIEWER)
async def get_orchestrator(request: Request[State], scope: Scope, id: UUID) -> Reply[OrchestratorDetail]:
    """An orchestrator at its newest revision, with the ETag to save it by."""
    return await tagged(request, scope, await request.state["store"].orchestrators.get(scope, id))


@operation(permission=Role.EDITOR, raises=(Stale,))
async def save_orchestrator(
    request: Request[State], scope: Scope, id: UUID, headers: SaveHeaders, body: OrchestratorChange
) -> Reply[OrchestratorDetail]:
    """Save a new revision. What the body leaves out stays as it is."""
    orchestrators = request.state["store"].orchestrators
    expected = None
    if headers.if_match is not None and headers.if_match.strip() != "*":
        tags = {tag.strip() for tag in headers.if_match.split(",")}
        current = (await orchestrators.get(scope, id)).revision
        if etag(current) not in tags:
            raise Stale(f"The newest revision is {current}.", revision=current)
        expected = current
    await refuse_masked(request, scope, "definition", held_values(body.definition))
    saved = await orchestrators.save(
        scope,
        id,
        name=body.name,
        description=body.description,
        graph=body.definition,
        expected=expected,
    )
    return await tagged(request, scope, saved)


@operation(permission=Role.EDITOR, status=204)
async def delete_orchestrator(request: Request[State], scope: Scope, id: UUID) -> None:
    """Move it to the bin, for 30 days. Its past runs stay readable, runs under way go on."""
    await request.state["store"].orchestrators.delete(scope, id)


@operation(permission=Role.EDITOR)
async def restore_orchestrator(request: Request[State], scope: Scope, id: UUID) -> Reply[OrchestratorDetail]:
    """Take it out of the bin, as it was. One that is not in it stays as it is."""
    return await tagged(request, scope, await request.state["store"].orchestrators.restore(scope, id))


@operation(permission=Role.VIEWER)
async def list_revisions(
    request: Request[State], scope: Scope, id: UUID, query: ListQuery
) -> Listing[RevisionItem]:
    """Every save of an orchestrator, newest first, with how many runs used it."""
    before = min(after_number(query.cursor) or MAX_NUMBER, MAX_NUMBER)
    found = await request.state["store"].orchestrators.revisions(
        scope, id, limit=query.limit + 1, before=before
    )
    return listing(found, query.limit, lambda item: item.revision)


@operation(permission=Role.VIEWER)
async def get_revision(request: Request[State], scope: Scope, id: UUID, revision: Number) -> RevisionDetail:
    """One save, whole."""
    found, definition = await request.state["store"].orchestrators.revision(scope, id, revision)
    return RevisionDetail(
        **dict(found),
        definition=definition,
        problems=await problems_of(request.state["store"], scope, Graph.model_validate(definition)),
    )


@operation(permission=Role.VIEWER)
async def check_definition(request: Request[State], scope: Scope, body: Draft) -> CheckResult:
    """What would keep an unsaved definition from running. Stores nothing, starts nothing."""
    problems = await problems_of(request.state["store"], scope, body.definition)
    return CheckResult(runnable=all(p.severity != "error" for p in problems), problems=problems)


fixed = [Route("/orchestrator/check", check_definition, methods=["POST"])]
"""Before `routes` of every resource: a word in the place of an id."""

routes = [
    Route("/orchestrator", list_orchestrators, methods=["GET"]),
    Route("/orchestrator", create_orchestrator, methods=["POST"]),
    Route("/orchestrator/{id}", get_orchestrator, methods=["GET"]),
    Route("/orchestrator/{id}", save_orchestrator, methods=["PUT"]),
    Route("/orchestrator/{id}", delete_orchestrator, methods=["DELETE"]),
    Route("/orchestrator/{id}/restore", restore_orchestrator, methods=["POST"]),
    Route("/orchestrator/{id}/revisions", list_revisions, methods=["GET"]),
    Route("/orchestrator/{id}/revisions/{revision}", get_revision, methods=["GET"]),
]
