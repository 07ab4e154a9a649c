"""Who is signed in: what the screens show at the top, and what they may offer."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.state import State
from providers import Frozen
from runner.model import Role, Scope


class SessionAnswer(Frozen):
    """`publicUrl` is where callback addresses begin; `version` is the release that answers."""

    subject: str
    role: Role
    workspace_id: UUID
    workspace_name: str
    public_url: str
    version: str


@operation(permission=Role.VIEWER)
async def get_session(request: Request[State], scope: Scope) -> SessionAnswer:
    """The person or token that asks, and the workspace."""
    return SessionAnswer(
        subject=scope.subject,
        role=scope.role,
        workspace_id=scope.workspace_id,
        workspace_name=await request.state["store"].access.workspace_name(scope),
        public_url=request.state["settings"].public_url,
        version=_release(),
    )


@cache
def _release() -> str:
    try:
        return version("baton")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unreleased"


fixed = [Route("/session", get_session, methods=["GET"])]
