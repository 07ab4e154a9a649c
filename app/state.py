"""What the lifespan shares with every request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypedDict
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.admission import Admission
from app.mail import Post
from app.metrics import Metrics
from app.oidc.flow import SignOn
from app.passwords import Passwords
from app.sandbox import Tour
from app.settings import Settings
from app.watching import Watchers
from providers import Registry
from runner.library import Library
from runner.model import Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.store.bell import Bell
from runner.tasks import RemoteTasks
from runner.template import Templates

EngineState = Literal["running", "stopped", "elsewhere"]
"""`elsewhere`: this process serves the web only (`--no-engine`)."""


class Sessions(Protocol):
    """Signing in and out, as the pages need it; `app.auth` says what each does."""

    by_password: bool
    passwords: Passwords

    def may_sign_in(self, connection: HTTPConnection[Any]) -> bool: ...
    async def look(self) -> bool: ...
    async def sign_in(self, connection: HTTPConnection[Any], code: str, response: Response) -> bool: ...
    async def sign_in_by_password(
        self, connection: HTTPConnection[Any], email: str, password: str, response: Response
    ) -> bool: ...
    async def sign_in_as(
        self,
        connection: HTTPConnection[Any],
        account_id: UUID,
        response: Response,
        *,
        workspace_id: UUID | None = None,
    ) -> bool: ...
    def keep(self, secret: str, response: Response) -> None: ...
    async def sign_out(self, connection: HTTPConnection[Any], response: Response) -> None: ...


class State(TypedDict):
    settings: Settings
    store: Store
    registry: Registry
    platforms: Platforms
    library: Library
    remote_tasks: RemoteTasks
    previews: Templates
    """Renderers for people who draw: no preview ever keeps the engine's own busy."""
    tour: Tour
    bell: Bell
    watchers: Watchers
    metrics: Metrics
    admission: Admission
    authenticate: Callable[[HTTPConnection[Any]], Awaitable[Scope | None]]
    """Who asks. None: nobody we know. Raises Forbidden for what looks like a forged cross-site request."""
    sessions: Sessions
    sign_on: SignOn
    """The issuers at which people can sign in."""
    post: Post
    """Sends mail to people, where a server for it is set."""
    engine_state: Callable[[], EngineState]
    migrated: Callable[[], Awaitable[bool]]
    """Whether the database has every migration of this release."""
    openapi: dict[str, Any]
