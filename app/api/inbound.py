"""What came in: every callback that named a real wait, and what it was told. Bodies and tokens stay inside."""

from __future__ import annotations

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_number, listing
from app.operation import operation
from app.state import State
from runner.model import Role, Scope
from runner.store.inbound import Received, Told


class CallbackQuery(ListQuery):
    verdict: Told | None = Field(default=None, description="Only those that were told this.")


@operation(permission=Role.OPERATOR)
async def list_callbacks(request: Request[State], scope: Scope, query: CallbackQuery) -> Listing[Received]:
    """Callbacks as they were received, newest first. One whose run or token is unknown belongs to nobody and is not here."""
    found = await request.state["store"].inbound.page(
        scope, verdict=query.verdict, limit=query.limit + 1, before=after_number(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.id)


fixed = [Route("/orchestrator/callbacks", list_callbacks, methods=["GET"])]
"""Before the routes of orchestrators: a word in the place of an id."""
