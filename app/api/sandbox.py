"""A first tour without an account anywhere: the sandbox platforms, started inside the running server."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.state import State
from providers import Frozen
from runner.model import Role, Scope


class TourConnection(Frozen):
    id: UUID
    provider: str
    name: str


class TourAnswer(Frozen):
    """`orchestratorId` is the sample chain."""

    orchestrator_id: UUID
    connections: tuple[TourConnection, ...]


@operation(permission=Role.ADMIN)
async def start_sandbox(request: Request[State], scope: Scope) -> TourAnswer:
    """Start the sandbox platforms, which end with the server, connect them and import the sample chain.

    Where they run already, what is missing of connections and sample is made again.
    """
    store, registry = request.state["store"], request.state["registry"]
    chain, made = await request.state["tour"].begin(store, registry, scope)
    return TourAnswer(
        orchestrator_id=UUID(chain),
        connections=tuple(
            TourConnection(id=row.id, provider=row.provider, name=row.name) for row in made.values()
        ),
    )


fixed = [Route("/orchestrator/sandbox", start_sandbox, methods=["POST"])]
"""Before the routes of orchestrators: a word in the place of an id."""
