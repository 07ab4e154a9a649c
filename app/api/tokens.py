"""API tokens of a workspace: who has one, a new one, and an end to one. Admins only. The text of a token is in the answer that
makes it, and nowhere else."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id
from app.operation import Reply, operation
from app.state import State
from app.token_answer import IssuedToken, NewToken, TokenAnswer, issued, shown
from runner.model import Role, Scope


@operation(permission=Role.ADMIN)
async def list_tokens(request: Request[State], scope: Scope, query: ListQuery) -> Listing[TokenAnswer]:
    """API tokens, of people too, newest first. Revoked ones are left out."""
    tokens = await request.state["store"].access.tokens(scope)
    return shown(tokens, query.limit, after_id(query.cursor))


@operation(permission=Role.ADMIN, status=201)
async def create_token(request: Request[State], scope: Scope, body: NewToken) -> Reply[IssuedToken]:
    """Make a token for a program. It is in this answer and never again. It does not outlive the token that asks, if one does."""
    return await issued(request, scope, body, personal=False)


@operation(permission=Role.ADMIN, status=204)
async def revoke_token(request: Request[State], scope: Scope, id: UUID) -> None:
    """Refuse it from now on. There is no way back; revoking it twice is no error."""
    await request.state["store"].access.revoke_token(scope, id)


fixed = [
    Route("/tokens", list_tokens, methods=["GET"]),
    Route("/tokens", create_token, methods=["POST"]),
    Route("/tokens/{id}", revoke_token, methods=["DELETE"]),
]
