"""Is it alive, may it get traffic, how is it doing. And the document that describes the API."""

from __future__ import annotations

import asyncio
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.metrics import MEDIA
from app.operation import Reply, operation
from app.state import State
from providers import Frozen, JsonObject
from runner.errors import RunnerError
from runner.model import Role, Scope

LIMIT_SECONDS = 3.0


class Live(Frozen):
    status: Literal["ok"] = "ok"


class Ready(Frozen):
    """`engine` elsewhere: this process serves the web only."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable"]
    migrations: Literal["ok", "pending", "unknown"]
    engine: Literal["running", "stopped", "elsewhere"]


@operation(permission=None)
async def healthz(request: Request[State]) -> Live:
    """The process answers. Says nothing about the database."""
    return Live()


@operation(permission=None, also=(503,))
async def readyz(request: Request[State]) -> Reply[Ready]:
    """200 while the database answers, its schema is current, and the engine runs (or is meant to run elsewhere)."""
    database: Literal["ok", "unreachable"] = "unreachable"
    migrations: Literal["ok", "pending", "unknown"] = "unknown"
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await request.state["store"].access.ping()
            database = "ok"
            migrations = "ok" if await request.state["migrated"]() else "pending"
    except (RunnerError, OSError, TimeoutError):
        pass
    engine = request.state["engine_state"]()
    ok = (database, migrations) == ("ok", "ok") and engine != "stopped"
    ready = Ready(
        status="ok" if ok else "unavailable", database=database, migrations=migrations, engine=engine
    )
    return Reply(ready, 200 if ok else 503)


@operation(permission=Role.VIEWER, media="text/plain")
async def metrics(request: Request[State], scope: Scope) -> Response:
    """Counts for Prometheus: of this process, and of the stored runs."""
    store = request.state["store"]
    totals = await store.history.totals(scope)
    letters, purged = await store.letters.counts(scope), await store.retention.purged(scope)
    outages = await store.incidents.page(scope, unsolved=True, limit=200)
    return Response(request.state["metrics"].render(totals, letters, purged, outages), media_type=MEDIA)


@operation(permission=Role.VIEWER)
async def openapi(request: Request[State]) -> JsonObject:
    """This document."""
    return request.state["openapi"]


fixed = [Route("/openapi.json", openapi, methods=["GET"])]
plain = [
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]
"""Not under /api/v1: these addresses are what probes and Prometheus look for."""
