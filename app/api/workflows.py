"""Every remote workflow of every connection in one list, who uses it, and what has changed since it was imported."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app import publishing
from app.listing import ListQuery, decode, encode
from app.operation import operation
from app.problems import Invalid
from app.state import State
from providers import Frozen, LeftOut, ProviderError, now
from runner.drift import NO_CONNECTION
from runner.errors import Conflict, NotFound
from runner.importing import RemoteNode, imports, remote_node
from runner.library import FRESH, PATIENCE
from runner.model import Failure, Graph, NodeState, Role, Scope
from runner.store.connections import ConnectionRow, Status
from runner.store.offers import Facets, Offer, OfferFilter
from runner.store.usages import Usage
from runner.wire import Timestamp

_WORD = Field(default=None, max_length=500)


class OfferQuery(ListQuery):
    q: str = Field(
        default="", max_length=200, description="Part of the name, the folder or a tag; or the id."
    )
    provider: str | None = _WORD
    connection_id: UUID | None = None
    active: bool | None = None
    tag: str | None = _WORD
    folder: str | None = _WORD
    trigger: str | None = Field(default=None, max_length=500, description="Its kind: webhook, schedule, …")
    used: bool | None = Field(default=None, description="Used, or not, by an orchestrator as it is now.")
    changed: bool | None = Field(default=None, description="Changed, or not, since a step imported it.")
    result: NodeState | None = Field(default=None, description="What became of it when it was called last.")
    refresh: bool = Field(
        default=False, description="Begin to read every list anew; the answer does not wait."
    )


class OfferConnection(Frozen):
    """`count`: workflows in the copy; `matching`: those of them that the filters leave, other than the provider and connection.
    `renewing`: the list is being read now. `problem`: why it could not be read the last time; `retryAt`: when it is asked again,
    where that is not at once. `leftOut`: what the copy does not hold, and why."""

    connection_id: UUID
    provider: str
    name: str
    status: Status
    count: int
    matching: int
    synced_at: Timestamp | None
    stale: bool
    renewing: bool
    problem: Failure | None
    retry_at: Timestamp | None
    left_out: tuple[LeftOut, ...]


class OfferPage(Frozen):
    """`total`, `facets` and `matching` count over all pages."""

    items: tuple[Offer, ...]
    next_cursor: str | None
    total: int
    connections: tuple[OfferConnection, ...]
    facets: Facets


class UsageQuery(Frozen):
    connection_id: UUID | None = None
    provider: str | None = _WORD
    workflow_id: str | None = _WORD
    changed: bool | None = Field(default=None, description="Changed, or not, since the step imported it.")


class UsageList(Frozen):
    items: tuple[Usage, ...]


class NodeQuery(Frozen):
    connection_id: UUID | None = Field(
        default=None, description="May be left out where the provider has exactly one connection."
    )


class DriftQuery(Frozen):
    refresh: bool = Field(default=False, description="Ask the platforms now.")


class Drift(Frozen):
    """`changed` null: it cannot be told; `problem` says why. `fetchedAt`: when what it is compared with was read; `renewing`:
    that is being read anew now."""

    node_id: str
    changed: bool | None
    imported_at: str | None
    fetched_at: Timestamp | None
    renewing: bool
    problem: Failure | None


class DriftList(Frozen):
    items: tuple[Drift, ...]


@operation(permission=Role.VIEWER, raises=(Invalid,))
async def list_all_workflows(request: Request[State], scope: Scope, query: OfferQuery) -> OfferPage:
    """The workflows of all connections by name, from the copies. Lists older than five minutes are renewed behind the answer,
    which never waits for a platform; `connections` says of each how old its part is."""
    store = request.state["store"]
    rows = await store.connections.all(scope)
    library = request.state["library"]
    renewing = library.renew(scope, rows, refresh=query.refresh)
    names = OfferFilter.__dataclass_fields__
    wanted = OfferFilter(**{name: getattr(query, name) for name in names})
    found = await store.offers.search(scope, wanted, limit=query.limit + 1, after=_after(query.cursor))
    items = found.items[: query.limit]
    more = len(found.items) > query.limit
    return OfferPage(
        items=items,
        next_cursor=encode(json.dumps([items[-1].name, str(items[-1].connection_id), items[-1].id]))
        if more
        else None,
        total=found.total,
        connections=tuple(
            _connection(
                row, found.matching.get(row.id, 0), renewing=row.id in renewing, again=library.again(row.id)
            )
            for row in rows
            if request.state["platforms"].lists(row.provider)
        ),
        facets=found.facets,
    )


@operation(permission=Role.VIEWER)
async def list_usages(request: Request[State], scope: Scope, query: UsageQuery) -> UsageList:
    """The steps of current definitions that use a connection, or a remote workflow; at most 1000. With `changed` the lists that
    are old are renewed behind the answer, so that what has changed is known the next time."""
    if query.changed is not None:
        rows = await request.state["store"].connections.all(scope)
        request.state["library"].renew(scope, rows)
    found = await request.state["store"].usages.find(
        scope,
        connection_id=query.connection_id,
        provider=query.provider,
        workflow_id=query.workflow_id,
        changed=query.changed,
    )
    return UsageList(items=found)


@operation(permission=Role.VIEWER, raises=(NotFound, Conflict, ProviderError))
async def make_node(
    request: Request[State], scope: Scope, provider: str, workflow_id: str, query: NodeQuery
) -> RemoteNode:
    """A node that calls this workflow, ready for a drawing, with what the platform says of it now. Nothing is stored."""
    row = await request.state["store"].connections.usable(scope, provider, query.connection_id)
    preview = await request.state["library"].preview(
        scope, provider, row.id, workflow_id, refresh=True, patience=PATIENCE
    )
    return remote_node(provider, row.id, preview)


@operation(permission=Role.VIEWER, raises=(NotFound,))
async def check_drift(request: Request[State], scope: Scope, id: UUID, query: DriftQuery) -> DriftList:
    """Whether the remote workflows of this orchestrator are still what they were when they were imported, by the copies: nobody
    waits for a platform whose copy there is. With `?refresh=true` the platforms are asked first."""
    store = request.state["store"]
    stored = await store.orchestrators.get(scope, id)
    graph = Graph.model_validate(stored.definition)
    places = await publishing.places(store, scope, graph)
    wanted = {place for place in places.values() if place is not None}
    library = request.state["library"]
    known = await library.seen(scope, wanted, refresh=query.refresh)
    found: list[Drift] = []
    for node, kept in imports(graph):
        place = places[node.id]
        now_is = NO_CONNECTION if place is None else known.get(place, NO_CONNECTION)
        away = isinstance(now_is, Failure)
        found.append(
            Drift(
                node_id=node.id,
                changed=None if away else now_is.fingerprint != kept["fingerprint"],
                imported_at=at if isinstance(at := kept.get("at"), str) else None,
                fetched_at=None if away else now_is.fetched_at,
                renewing=place is not None and library.looking(*place),
                problem=now_is if away else None,
            )
        )
    return DriftList(items=tuple(found))


def _connection(
    row: ConnectionRow, matching: int, *, renewing: bool, again: datetime | None
) -> OfferConnection:
    return OfferConnection(
        connection_id=row.id,
        provider=row.provider,
        name=row.name,
        status=row.status,
        count=(row.workflow_count or 0) if row.last_sync_at is not None else 0,
        matching=matching,
        synced_at=row.last_sync_at,
        stale=row.last_sync_at is None or row.last_error is not None or now() - row.last_sync_at > FRESH,
        renewing=renewing,
        problem=None if row.last_error is None else Failure.model_validate(row.last_error),
        retry_at=None if row.last_error is None else again,
        left_out=row.left_out,
    )


def _after(cursor: str | None) -> tuple[str, UUID, str] | None:
    if (mark := decode(cursor)) is None:
        return None
    try:
        parts: Any = json.loads(mark)
        name, connection_id, workflow_id = parts
        if "\x00" not in name + workflow_id:
            return str(name), UUID(connection_id), str(workflow_id)
    except (ValueError, TypeError, AttributeError):
        pass
    raise Invalid([("/cursor", "is not a cursor of this list; leave it out to begin anew")])


fixed = [
    Route("/orchestrator/workflows", list_all_workflows, methods=["GET"]),
    Route("/orchestrator/usages", list_usages, methods=["GET"]),
    Route("/orchestrator/providers/{provider}/workflows/{workflowId:path}/node", make_node, methods=["GET"]),
]
"""Before the routes of orchestrators: a word in the place of an id."""

routes = [Route("/orchestrator/{id}/drift", check_drift, methods=["GET"])]
