"""API tokens: who has one, a new one, and an end to one. Admins only. The text of a token is in the answer that makes it, and
nowhere else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.state import State
from providers import Frozen, Timestamp
from runner.model import Role, Scope
from runner.wire import ApiToken

NAME_LIMIT = 200


class NewToken(Frozen):
    """`name` says later who used it: a run it starts is started by `token:NAME`."""

    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    role: Role


class TokenAnswer(Frozen):
    """A token in force or expired. `lastUsed` is exact to the minute; `expires` null: it does not."""

    id: UUID
    name: str
    role: Role
    created_date: Timestamp
    last_used: Timestamp | None
    expires: Timestamp | None


class IssuedToken(TokenAnswer):
    """`token` is shown this once: only its hash is kept."""

    token: str


@operation(permission=Role.ADMIN)
async def list_tokens(request: Request[State], scope: Scope, query: ListQuery) -> Listing[TokenAnswer]:
    """API tokens, newest first. Revoked ones are left out."""
    before = after_id(query.cursor)
    found = [
        TokenAnswer(**_shown(token))
        for token in await request.state["store"].access.tokens(scope)
        if token.revoked_date is None and (before is None or token.id < before)
    ]
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.ADMIN, status=201)
async def create_token(request: Request[State], scope: Scope, body: NewToken) -> Reply[IssuedToken]:
    """Make a token for a program. It is in this answer and never again."""
    made, text = await request.state["store"].access.issue_token(scope, body.name, body.role)
    return Reply(IssuedToken(**_shown(made), token=text), headers={"Cache-Control": "no-store"})


@operation(permission=Role.ADMIN, status=204)
async def revoke_token(request: Request[State], scope: Scope, id: UUID) -> None:
    """Refuse it from now on. There is no way back; revoking it twice is no error."""
    await request.state["store"].access.revoke_token(scope, id)


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_date": token.created_date,
        "last_used": token.last_used_date,
        "expires": token.expires_date,
    }


fixed = [
    Route("/tokens", list_tokens, methods=["GET"]),
    Route("/tokens", create_token, methods=["POST"]),
    Route("/tokens/{id}", revoke_token, methods=["DELETE"]),
]
