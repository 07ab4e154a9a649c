"""A run as it happens: server-sent events, numbered as the run's lines are, so that a cut connection resumes without a gap.

Nothing is queued per client: each reads the stored lines at its own pace, woken by the bell and by a look every 2 seconds.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.operation import operation
from app.state import State
from app.watching import HEADERS, PING_SECONDS, come_back, nothing, woken
from providers import Frozen
from runner.model import Role, Scope
from runner.wire import LogLine

BATCH = 200
Number = Field(default=0, ge=0, lt=2**63, description="Go on after the event with this number.")


class EventQuery(Frozen):
    last_event_id: int = Number


class EventHeaders(Frozen):
    last_event_id: int = Field(default=0, alias="last-event-id", ge=0, lt=2**63)


@operation(permission=Role.VIEWER, media="text/event-stream")
async def stream_events(
    request: Request[State], scope: Scope, run_id: UUID, query: EventQuery, headers: EventHeaders
) -> Response:
    """The run's lines from the first, or after `Last-Event-ID`, then live; ends with the event `end` once the run has ended.

    `id` is the line's number, `event` its kind, `data` a LogLine. A comment comes every 15 seconds of silence. A server that stops
    ends the stream with a `retry`: come back after the last line.
    """
    after = headers.last_event_id or query.last_event_id
    await request.state["store"].history.state(scope, run_id)
    body = _events(request, scope, run_id, after) if request.method == "GET" else nothing()
    return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS)


async def _events(request: Request[State], scope: Scope, run_id: UUID, after: int) -> AsyncGenerator[str]:
    history, watchers = request.state["store"].history, request.state["watchers"]
    quiet = time.monotonic()
    with request.state["bell"].watch(run_id) as rung, watchers.woken_by(rung):
        while True:
            rung.clear()
            if watchers.leaving:
                yield come_back()
                return
            # The state first: lines committed with or before an end are then surely among those read after it.
            state, last = await history.state(scope, run_id)
            while lines := await history.lines(scope, run_id, after=after, limit=BATCH):
                yield "".join(_event(line) for line in lines)
                after, quiet = lines[-1].seq, time.monotonic()
            if state.final and after >= last:
                yield f'event: end\ndata: {{"status":"{state}"}}\n\n'
                return
            if time.monotonic() - quiet >= PING_SECONDS:
                if await request.state["authenticate"](request) != scope:
                    return  # signed out, revoked, or given another role: a stream is not a way to stay
                yield ": ping\n\n"
                quiet = time.monotonic()
            await woken(rung)


def _event(line: LogLine) -> str:
    return f"id: {line.seq}\nevent: {line.kind}\ndata: {line.model_dump_json(by_alias=True)}\n\n"


fixed = [Route("/orchestrator/runs/{runId}/events", stream_events, methods=["GET"])]
