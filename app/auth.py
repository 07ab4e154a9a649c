"""Who is asking: an API token, or the cookie of a session that lives on the server.

Nothing here looks at the Host header, at forwarding headers or at the request's address (threats T16): a decision rests
on the credential alone, and for cookies on where the browser says the request comes from (T21).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.problems import Forbidden
from app.settings import Settings
from runner.model import Scope
from runner.store.access import ABSOLUTE_LIMIT, Access

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator:
    """Turns credentials into a Scope. `origin` is the only web origin whose pages may act with our cookie."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        address = urlsplit(settings.public_url)
        self.origin = f"{address.scheme}://{address.netloc}"
        self.secure = address.scheme == "https"
        self.cookie = "__Host-baton" if self.secure else "baton_session"

    async def authenticate(self, connection: HTTPConnection[Any]) -> Scope | None:
        """None: nobody we know. A request with an Authorization header is judged by that header alone.

        Raises Forbidden, code cross-site, for a change asked with our cookie from another site.
        """
        if (header := connection.headers.get("authorization")) is not None:
            scheme, _, token = header.partition(" ")
            return await self._access.by_token(token.strip()) if scheme.lower() == "bearer" else None
        if (secret := connection.cookies.get(self.cookie)) is None:
            return None
        if connection.scope["method"] not in _SAFE and not self._same_site(connection):
            raise Forbidden(
                "This change was asked from another site.",
                code="cross-site",
                hint=f"Use the pages at {self.origin}, or an API token. Is BATON_PUBLIC_URL the address you use?",
            )
        return await self._access.by_session(secret)

    def may_sign_in(self, connection: HTTPConnection[Any]) -> bool:
        """False when a browser says that another site sends the sign-in form."""
        headers = connection.headers
        told = "sec-fetch-site" in headers or "origin" in headers
        return not told or self._same_site(connection)

    async def sign_in(self, code: str, response: Response) -> bool:
        """Spend the code and set the cookie of a new session. False: wrong, used or too old."""
        secret = await self._access.redeem(code)
        if secret is None:
            return False
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(ABSOLUTE_LIMIT.total_seconds()),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )
        return True

    async def sign_out(self, connection: HTTPConnection[Any], response: Response) -> None:
        if (secret := connection.cookies.get(self.cookie)) is not None:
            await self._access.end_session(secret)
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax")

    def _same_site(self, connection: HTTPConnection[Any]) -> bool:
        if (site := connection.headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        return connection.headers.get("origin") == self.origin
