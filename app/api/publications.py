"""Publishing: which revision triggers run. Saving is always possible; publishing needs a revision without errors."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.routing import Route

from app import publishing
from app.listing import Listing, ListQuery, after_number, listing
from app.operation import Reply, operation
from app.revisions import MAX_NUMBER, Number, tagged
from app.state import State
from providers import Frozen
from runner.errors import GraphError
from runner.model import Graph, Problem, Role, Scope
from runner.wire import OrchestratorDetail, Publication

MESSAGE_LIMIT = 1000


class Publish(Frozen):
    """Without `revision`, the newest of now."""

    revision: Number | None = None
    message: str = Field(default="", max_length=MESSAGE_LIMIT, description="What has changed, for others.")


class PublishCheck(Frozen):
    """Of a saved revision, or of a `definition` that is not saved yet; without either, of the newest revision."""

    revision: Number | None = None
    definition: Graph | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.revision is not None and self.definition is not None:
            raise ValueError("name a revision or give a definition, not both")
        return self


class PublishAnswer(Frozen):
    """`publishable`: there is no error among the problems. `revision` null: it was of a definition that is not saved."""

    revision: int | None
    publishable: bool
    problems: tuple[Problem, ...]


@operation(permission=Role.EDITOR, raises=(GraphError,))
async def publish(
    request: Request[State], scope: Scope, id: UUID, body: Publish
) -> Reply[OrchestratorDetail]:
    """From now on starts by tokens, by other orchestrators and by triggers run this revision.

    What is saved afterwards is a draft until it is published. Refused with every problem while there is an error.
    """
    state = request.state
    done = await publishing.publish(state["store"], state["library"], scope, id, body.revision, body.message)
    return await tagged(request, scope, done)


@operation(permission=Role.EDITOR)
async def unpublish(request: Request[State], scope: Scope, id: UUID) -> Reply[OrchestratorDetail]:
    """From now on every start runs the newest revision again. One that is not published stays as it is."""
    return await tagged(request, scope, await request.state["store"].publications.unpublish(scope, id))


@operation(permission=Role.VIEWER)
async def check_publish(request: Request[State], scope: Scope, id: UUID, body: PublishCheck) -> PublishAnswer:
    """What would keep it from being published. The platforms of imported steps are asked; nothing is stored."""
    store = request.state["store"]
    found = await store.orchestrators.get(scope, id)
    revision, graph = body.revision or found.revision, body.definition
    if graph is None:
        _, definition = await store.orchestrators.revision(scope, id, revision)
        graph = Graph.model_validate(definition)
    problems = await publishing.problems(store, request.state["library"], scope, graph)
    return PublishAnswer(
        revision=None if body.definition is not None else revision,
        publishable=all(each.severity != "error" for each in problems),
        problems=problems,
    )


@operation(permission=Role.VIEWER)
async def list_publications(
    request: Request[State], scope: Scope, id: UUID, query: ListQuery
) -> Listing[Publication]:
    """Who published which revision when, newest first. One without a revision took back what was published."""
    before = min(after_number(query.cursor) or MAX_NUMBER, MAX_NUMBER)
    found = await request.state["store"].publications.page(scope, id, limit=query.limit + 1, before=before)
    return listing(found, query.limit, lambda item: item.id)


routes = [
    Route("/orchestrator/{id}/publish", publish, methods=["POST"]),
    Route("/orchestrator/{id}/publish/check", check_publish, methods=["POST"]),
    Route("/orchestrator/{id}/unpublish", unpublish, methods=["POST"]),
    Route("/orchestrator/{id}/publications", list_publications, methods=["GET"]),
]
