"""Incidents: which platforms are out of order, who calls without being known, and which were."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, decode, listing
from app.operation import operation
from app.problems import Invalid
from app.state import State
from runner.model import Role, Scope
from runner.wire import Incident


class IncidentQuery(ListQuery):
    open: bool = Field(default=False, description="Only those that still go on.")


@operation(permission=Role.VIEWER, raises=(Invalid,))
async def list_incidents(request: Request[State], scope: Scope, query: IncidentQuery) -> Listing[Incident]:
    """Outages of connections and bursts of refused callbacks, those that still go on first, then newest first. Each was raised once and is resolved once."""
    found = await request.state["store"].incidents.page(
        scope, unsolved=query.open, limit=query.limit + 1, after=_after(query.cursor)
    )
    return listing(
        found, query.limit, lambda item: f"{'open' if item.resolved_date is None else 'over'} {item.id}"
    )


def _after(cursor: str | None) -> tuple[bool, UUID] | None:
    mark = decode(cursor)
    if mark is None:
        return None
    word, _, text = mark.partition(" ")
    try:
        return {"open": True, "over": False}[word], UUID(text)
    except (KeyError, ValueError):
        raise Invalid([("/cursor", "is not a cursor of this list; leave it out to begin anew")]) from None


fixed = [Route("/orchestrator/incidents", list_incidents, methods=["GET"])]
"""Before the routes of orchestrators: a word in the place of an id."""
