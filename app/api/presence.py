"""An open drawing as it goes on elsewhere: who else has it open and what they selected, newer revisions, comments."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.operation import operation
from app.state import State
from app.watching import HEADERS, PING_SECONDS, come_back, nothing, woken
from providers import Frozen
from runner.errors import NotFound
from runner.model import Role, Scope
from runner.store.presence import Joined, People

NodeId = Annotated[str, Field(min_length=1, max_length=200)]


class Selected(Frozen):
    """Ids of nodes; more than 20 need nobody know."""

    selected: tuple[NodeId, ...] = Field(default=(), max_length=20)


@operation(permission=Role.VIEWER, media="text/event-stream")
async def stream_drawing(request: Request[State], scope: Scope, id: UUID) -> Response:
    """What concerns who has this drawing open, live: the events `joined`, `people`, `revision` and `comments`.

    Whoever streams has it open until the stream ends. A ping comes every 15 seconds; a tab that answers none for 35 is gone. A server
    that stops ends the stream with a `retry`.
    """
    presence = request.state["store"].presence
    await presence.look(scope, id)
    if request.method != "GET":
        return StreamingResponse(nothing(), media_type="text/event-stream", headers=HEADERS)
    tab = await presence.join(scope, id)
    # In the background of the answer: what is awaited in the stream itself is cancelled when the client goes.
    leave = BackgroundTask(presence.leave, scope, id, tab)
    body = _events(request, scope, id, tab)
    return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS, background=leave)


@operation(permission=Role.VIEWER, status=204)
async def stay_present(request: Request[State], scope: Scope, id: UUID, tab_id: UUID, body: Selected) -> None:
    """This tab still has the drawing open, with these nodes selected. 404 when it no longer counts: stream again."""
    await request.state["store"].presence.stay(scope, id, tab_id, body.selected)


async def _events(request: Request[State], scope: Scope, id: UUID, tab: UUID) -> AsyncGenerator[str]:
    presence, watchers = request.state["store"].presence, request.state["watchers"]
    people, newest, changes = None, None, None
    pinged = time.monotonic()
    with request.state["bell"].watch(id) as rung, watchers.woken_by(rung):
        yield _event("joined", Joined(tab_id=tab))
        while True:
            rung.clear()
            if watchers.leaving:
                yield come_back()
                return
            try:
                now = await presence.look(scope, id)
            except NotFound:
                return  # deleted meanwhile
            if now.people != people:
                people = now.people
                yield _event("people", People(people=people))
            if now.newest != newest:
                newest = now.newest
                yield _event("revision", newest)
            if now.changes != changes:
                changes = now.changes
                yield _event("comments", await presence.discussed(scope, id, changes))
            if time.monotonic() - pinged >= PING_SECONDS:
                if await request.state["authenticate"](request) != scope:
                    return  # signed out, revoked, or given another role: a stream is not a way to stay
                yield "event: ping\ndata: {}\n\n"
                pinged = time.monotonic()
            await woken(rung)


def _event(name: str, value: BaseModel) -> str:
    return f"event: {name}\ndata: {value.model_dump_json(by_alias=True)}\n\n"


routes = [
    Route("/orchestrator/{id}/events", stream_drawing, methods=["GET"]),
    Route("/orchestrator/{id}/people/{tabId}", stay_present, methods=["PUT"]),
]
