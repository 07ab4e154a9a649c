"""API tokens as the API takes and shows them: those of a workspace and those of a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request

from app.listing import Listing, listing
from app.operation import Reply
from app.problems import Forbidden
from app.state import State
from providers import Frozen, Timestamp
from runner.model import Role, Scope
from runner.wire import ApiToken

NAME_LIMIT = 200


class NewToken(Frozen):
    """`name` says later who used it: a run that a workspace's token starts is started by `token:NAME`. `days`: it ends after so
    many; null: it does not."""

    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    role: Role
    days: int | None = Field(default=None, ge=1, le=3650)


class TokenAnswer(Frozen):
    """A token in force or expired. `person`: whom it acts as, with no more than they may; null: it is the workspace's. `lastUsed`
    is exact to the minute; `expires` null: it does not."""

    id: UUID
    name: str
    role: Role
    person: str | None
    created_by: str | None
    created_date: Timestamp
    last_used: Timestamp | None
    expires: Timestamp | None


class IssuedToken(TokenAnswer):
    """`token` is shown this once: only its hash is kept."""

    token: str


async def issued(
    request: Request[State], scope: Scope, body: NewToken, *, personal: bool
) -> Reply[IssuedToken]:
    """A new one. Raises Forbidden for a role above the asker's."""
    if not scope.role.includes(body.role):
        raise Forbidden(f"You may make tokens up to your own role, {scope.role}.")
    lifetime = None if body.days is None else timedelta(days=body.days)
    access = request.state["store"].access
    made, text = await access.issue_token(scope, body.name, body.role, lifetime=lifetime, personal=personal)
    return Reply(IssuedToken(**_fields(made), token=text), headers={"Cache-Control": "no-store"})


def shown(tokens: Iterable[ApiToken], limit: int, before: UUID | None) -> Listing[TokenAnswer]:
    """A page of those that are not revoked."""
    found = [
        TokenAnswer(**_fields(token))
        for token in tokens
        if token.revoked_date is None and (before is None or token.id < before)
    ]
    return listing(found, limit, lambda item: item.id)


def _fields(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "person": token.person,
        "created_by": token.created_by,
        "created_date": token.created_date,
        "last_used": token.last_used_date,
        "expires": token.expires_date,
    }
