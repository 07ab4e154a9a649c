"""Connections: look at them, change them, take them away. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.routing import Route

from app.connecting import (
    NAME_LIMIT,
    ConnectionAnswer,
    Force,
    answer_of,
    changes_refused,
    exposed_refused,
    fits,
    may_open_private,
    may_refer,
    moved_refused,
    tested,
    values_of,
)
from app.listing import Listing, ListQuery, after_id, listing
from app.operation import operation
from app.problems import Forbidden, Invalid
from app.state import State
from providers import Frozen, JsonObject
from runner.credentials import Merged
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.connections import ConnectionRow


class ConnectionQuery(ListQuery):
    provider: str | None = Field(default=None, max_length=100, description="Only those of this provider.")


class Limits(Frozen):
    """Over all workers. What is left out stays; null: as the provider's kind says."""

    in_flight: int | None = Field(default=None, ge=1, le=1000, description="Steps that call it at once.")
    per_minute: int | None = Field(default=None, ge=1, le=100_000, description="Requests a minute.")


class Use(Frozen):
    """Who may use it. What is left out stays."""

    draw: Literal[Role.EDITOR, Role.ADMIN] | None = Field(
        default=None, description="From which role on it may be put into drawings."
    )
    start: Literal[Role.OPERATOR, Role.EDITOR, Role.ADMIN] | None = Field(
        default=None, description="From which role on runs may be started that call with it."
    )


class ConnectionChange(Frozen):
    """What is left out stays. In `credentials`, a field left out or sent as `***` stays, and null takes it away."""

    name: str | None = Field(default=None, min_length=1, max_length=NAME_LIMIT)
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    base_url: str | None = Field(
        default=None, description="Another scheme, host or port clears the stored secrets."
    )
    credentials: JsonObject | None = None
    allow_private_network: bool | None = Field(default=None, description="Admins only.")
    limits: Limits | None = None
    use: Use | None = Field(default=None, description="Admins only.")


@operation(permission=Role.VIEWER)
async def list_connections(
    request: Request[State], scope: Scope, query: ConnectionQuery
) -> Listing[ConnectionAnswer]:
    """Connections, oldest first. Never a secret."""
    found = await request.state["store"].connections.page(
        scope, provider=query.provider, limit=query.limit + 1, after=after_id(query.cursor)
    )
    return listing([answer_of(row) for row in found], query.limit, lambda item: item.id)


@operation(permission=Role.VIEWER)
async def get_connection(request: Request[State], scope: Scope, id: UUID) -> ConnectionAnswer:
    """One connection; `***` stands for a secret that is set."""
    return answer_of(await request.state["store"].connections.get(scope, id))


@operation(permission=Role.EDITOR, raises=(Conflict, Invalid, Forbidden))
async def change_connection(
    request: Request[State], scope: Scope, id: UUID, query: Force, body: ConnectionChange
) -> ConnectionAnswer:
    """Rename it, switch it off or on, or give it another address or other credentials.

    New credentials are tested first. Another scheme, host or port takes the stored secrets away, unless all that are needed
    come with it.
    """
    connections = request.state["store"].connections
    row = await connections.get(scope, id)
    changes_refused(scope, row)
    may_open_private(scope, body.allow_private_network)
    if body.use is not None and scope.role is not Role.ADMIN:
        raise Forbidden("Only an admin may say who uses a connection.")
    changes: dict[str, Any] = {"name": body.name, "status": body.status}
    if body.allow_private_network is not None:
        changes["allow_private_network"] = body.allow_private_network
    if body.limits is not None:
        changes["limits"] = {f"max_{k}": v for k, v in body.limits.model_dump(exclude_unset=True).items()}
    if body.use is not None:
        roles = body.use.model_dump(exclude_none=True)
        changes["roles"] = {f"{act}_role": role for act, role in roles.items()}
    given: dict[str, JsonValue] = dict(body.credentials or {})
    if body.base_url is not None:
        given["base_url"] = body.base_url  # by its field name: Zapier calls it apiBaseUrl outside
    if given:
        private = row.allow_private_network
        if body.allow_private_network is not None:
            private = body.allow_private_network
        may_refer(scope, given, row)
        values = await values_of(request, row.credentials, given)
        with fits():
            merged = connections.merged(row, given, values)
        changes |= await _checked(request, scope, row, merged, private=private, force=query.force)
    return answer_of(await connections.update(scope, id, **changes))


@operation(permission=Role.EDITOR, status=204, raises=(Conflict, Forbidden))
async def delete_connection(request: Request[State], scope: Scope, id: UUID, query: Force) -> None:
    """Forget it and its secrets. 409 names the orchestrators that use it; `?force=true` deletes it all the same."""
    connections = request.state["store"].connections
    changes_refused(scope, await connections.get(scope, id))
    await connections.delete(scope, id, force=query.force)


@operation(permission=Role.OPERATOR, raises=(Conflict,))
async def probe_connection(request: Request[State], scope: Scope, id: UUID) -> ConnectionAnswer:
    """Make the next test of a platform that is out of order now, and not at its time. A worker makes it within a second."""
    await request.state["store"].breakers.hasten(scope, id)
    return answer_of(await request.state["store"].connections.get(scope, id))


@operation(permission=Role.OPERATOR, raises=(Conflict,))
async def close_breaker(request: Request[State], scope: Scope, id: UUID) -> ConnectionAnswer:
    """Say by hand that the platform answers again: held steps go on, at the set pace, and the incident is resolved."""
    await request.state["store"].breakers.close(scope, id)
    return answer_of(await request.state["store"].connections.get(scope, id))


async def _checked(
    request: Request[State],
    scope: Scope,
    row: ConnectionRow,
    merged: Merged,
    *,
    private: bool,
    force: bool,
) -> dict[str, Any]:
    """What to store of merged credentials, and what their test found."""
    moved_refused(scope, row, merged, private=private)
    await exposed_refused(scope, merged.shown, private=private, force=force)
    changes: dict[str, Any] = {"credentials": merged, "seen": row.updated_at}
    if merged.connection is not None:
        found = await tested(request, row.provider, merged.connection, private=private, force=force)
        changes |= {
            "account": found.account,
            "problem": found.failure,
            "credentials": Merged.of(found.connection, merged.referring),
        }
    return changes


fixed = [
    Route("/orchestrator/connections", list_connections, methods=["GET"]),
    Route("/orchestrator/connections/{id}", get_connection, methods=["GET"]),
    Route("/orchestrator/connections/{id}", change_connection, methods=["PATCH"]),
    Route("/orchestrator/connections/{id}", delete_connection, methods=["DELETE"]),
    Route("/orchestrator/connections/{id}/breaker/probe", probe_connection, methods=["POST"]),
    Route("/orchestrator/connections/{id}/breaker/close", close_breaker, methods=["POST"]),
]
"""Before the routes of orchestrators: a word in the place of an id."""
