"""Workspaces: the ones a person is in. Nothing of one is seen from another."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.problems import Invalid
from app.signed import person
from app.state import State
from providers import Frozen
from runner.errors import Conflict, NotYours
from runner.model import Role, Scope
from runner.store.workspaces import WorkspaceItem

NAME_LIMIT = 80


class WorkspaceName(Frozen):
    name: str = Field(min_length=1, max_length=NAME_LIMIT)


@operation(permission=Role.VIEWER)
async def list_workspaces(request: Request[State], scope: Scope, query: ListQuery) -> Listing[WorkspaceItem]:
    """Those one is in, by name."""
    after = after_id(query.cursor)
    found = await request.state["store"].workspaces.mine(scope)
    at = next((index for index, item in enumerate(found, 1) if item.id == after), 0)
    return listing(found[at:], query.limit, lambda item: item.id)


@operation(permission=Role.VIEWER, status=201, raises=(Conflict, NotYours))
async def create_workspace(
    request: Request[State], scope: Scope, body: WorkspaceName
) -> Reply[WorkspaceItem]:
    """Make a new, empty one, as its admin. Only owners of this installation do."""
    made = await request.state["store"].workspaces.create(person(scope), _name(body))
    return Reply(made)


@operation(permission=Role.ADMIN, status=204, raises=(Conflict,))
async def rename_workspace(request: Request[State], scope: Scope, id: UUID, body: WorkspaceName) -> None:
    """Call the workspace one is in something else."""
    await request.state["store"].workspaces.rename(scope, id, _name(body))


def _name(body: WorkspaceName) -> str:
    name = body.name.strip()
    if not name or not name.isprintable():
        raise Invalid([("/name", "must be a name on one line")])
    return name


fixed = [
    Route("/workspaces", list_workspaces, methods=["GET"]),
    Route("/workspaces", create_workspace, methods=["POST"]),
    Route("/workspaces/{id}", rename_workspace, methods=["PATCH"]),
]
