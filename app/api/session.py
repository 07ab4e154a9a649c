"""Who is signed in, and in which workspace: what the screens show at the top, and what they may offer."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.operation import operation
from app.signed import person
from app.state import State
from providers import Frozen
from runner.model import Role, Scope
from runner.store.accounts import Profile


class SessionAnswer(Frozen):
    """`account`: the person, null for a program's token. `publicUrl` is where callback addresses begin; `version` is the release
    that answers."""

    subject: str
    role: Role
    workspace_id: UUID
    workspace_name: str
    account: Profile | None
    public_url: str
    version: str


class Place(Frozen):
    workspace_id: UUID


@operation(permission=Role.VIEWER)
async def get_session(request: Request[State], scope: Scope) -> SessionAnswer:
    """The person or token that asks, and the workspace."""
    store = request.state["store"]
    return SessionAnswer(
        subject=scope.subject,
        role=scope.role,
        workspace_id=scope.workspace_id,
        workspace_name=await store.access.workspace_name(scope),
        account=await store.accounts.profile(scope) if scope.account_id else None,
        public_url=request.state["settings"].public_url,
        version=_release(),
    )


@operation(permission=Role.VIEWER, status=204)
async def switch_workspace(request: Request[State], scope: Scope, body: Place) -> Response:
    """Go on in another workspace that the person is in. The session has a new cookie afterwards."""
    secret = await request.state["store"].sessions.switch(person(scope), body.workspace_id)
    response = Response(status_code=204)
    request.state["sessions"].keep(secret, response)
    return response


@cache
def _release() -> str:
    try:
        return version("baton")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unreleased"


fixed = [
    Route("/session", get_session, methods=["GET"]),
    Route("/session/workspace", switch_workspace, methods=["PUT"]),
]
