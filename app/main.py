"""The application: which routes there are, and what a request passes on its way to one.

`baton serve` runs web and engine in this one process and loop; with `engine=False` the web alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from app import doors, pages, problems, screens, sign_on
from app.admission import Admission
from app.api import (
    account,
    archived,
    audit,
    callbacks,
    comments,
    connections,
    dead_letters,
    events,
    health,
    identities,
    inbound,
    incidents,
    kinds,
    orchestrators,
    people,
    presence,
    providers,
    publications,
    redaction,
    retention,
    runs,
    samples,
    sandbox,
    session,
    signing_secrets,
    summary,
    tasks,
    tokens,
    trials,
    workflows,
    workspaces,
)
from app.auth import Authenticator
from app.edge import Edge
from app.forwarded import Forwarded
from app.mail import Post
from app.metrics import Metrics
from app.oidc.flow import open_sign_on
from app.openapi import document
from app.operation import Operation
from app.parts import open_parts
from app.problems import AppError
from app.sandbox import Tour
from app.settings import Settings
from app.state import State
from app.watching import Watchers
from providers import ProviderError
from runner.errors import RunnerError
from runner.model import Role

API = "/api/v1"


def api_routes() -> list[Route]:
    """Every route of the API. Those with a word in the place of an id come first."""
    found = [
        *health.fixed,
        *session.fixed,
        *tokens.fixed,
        *account.fixed,
        *identities.fixed,
        *people.fixed,
        *workspaces.fixed,
        *audit.fixed,
        *redaction.fixed,
        *kinds.fixed,
        *samples.fixed,
        *callbacks.fixed,
        *signing_secrets.fixed,
        *inbound.fixed,
        *dead_letters.fixed,
        *retention.fixed,
        *events.fixed,
        *summary.fixed,
        *archived.fixed,
        *tasks.fixed,
        *runs.fixed,
        *trials.fixed,
        *orchestrators.fixed,
        *workflows.fixed,
        *sandbox.fixed,
        *providers.fixed,
        *connections.fixed,
        *incidents.fixed,
        *orchestrators.routes,
        *publications.routes,
        *comments.routes,
        *presence.routes,
        *samples.routes,
        *trials.routes,
        *workflows.routes,
        *retention.routes,
        *runs.routes,
    ]
    return [Route(API + route.path, route.endpoint, methods=sorted(route.methods or ())) for route in found]


def create_app(
    settings: Settings, *, engine: bool = True, tour: Tour | None = None, watchers: Watchers | None = None
) -> Starlette:
    """The app on `settings.database_url`, whose schema must be current. Everything opens with the lifespan and closes with
    it, except a `tour` that is given, which its giver closes; the giver of `watchers` lets them go when the server stops. Raises
    StartRefused from the lifespan for a wrong or missing key; TypeError for a route without a permission."""
    routes = [*api_routes(), *health.plain, *pages.routes, *doors.routes, *sign_on.routes, *screens.routes]
    permissions(routes)
    metrics = Metrics()
    openapi = document(routes, server=settings.public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[State]:
        async with (
            Tour() as own,
            open_parts(settings, engine=engine) as parts,
            open_sign_on(settings, parts.store.identities) as ways,
        ):
            authenticator = Authenticator(parts.store, settings)
            await authenticator.look()
            yield State(
                settings=settings,
                store=parts.store,
                registry=parts.registry,
                platforms=parts.platforms,
                library=parts.library,
                remote_tasks=parts.remote_tasks,
                previews=parts.previews,
                tour=tour or own,
                bell=parts.store.bell,
                watchers=watchers or Watchers(),
                metrics=metrics,
                admission=Admission(settings.starts_at_once),
                authenticate=authenticator.authenticate,
                sessions=authenticator,
                sign_on=ways,
                post=Post(settings),
                engine_state=parts.engine_state,
                migrated=parts.migrated,
                openapi=openapi,
            )

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Forwarded, trusted=settings.trusted_proxies),
            Middleware(Edge, metrics=metrics, respond=_respond),
        ],
        exception_handlers=dict.fromkeys((HTTPException, AppError, RunnerError, ProviderError), _handle),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # its redirect would repeat the client's Host header
    return app


def permissions(routes: Sequence[BaseRoute]) -> dict[tuple[str, str], Role | None]:
    """The one table: (method, path) to the least role, None for public. Raises TypeError for a route that says nothing."""
    found: dict[tuple[str, str], Role | None] = {}
    for route in routes:
        if not isinstance(route, Route) or not isinstance(route.endpoint, Operation):
            raise TypeError(f"{route!r} does not say who may call it: make its handler an @operation")
        for method in sorted((route.methods or set()) - {"HEAD"}):
            found[method, route.path] = route.endpoint.permission
    return found


async def _handle(request: Request[Any], error: Exception) -> Response:
    return _respond(request, error)


def _respond(request: Request[Any], error: Exception) -> Response:
    problem, headers = problems.details(request, error), problems.headers_of(error)
    if problem.status == 405:
        headers["Allow"] = ", ".join(_allowed(request.app.routes, request))
    if pages.wants_page(request):
        return pages.error_page(request, problem, headers)
    return problems.answer(problem, headers)


def _allowed(routes: Sequence[Any], request: Request[Any]) -> list[str]:
    """Over all routes of the path: the router itself names those of the first only."""
    methods: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods)
