"""Who is asking: an API token, or the cookie of a session that lives on the server; and how people come to one.

Nothing here looks at the Host header, at forwarding headers or at the request's address (threats T16): a decision rests
on the credential alone, and for cookies on where the browser says the request comes from (T21). The address only counts
tries, and stands in a person's list of sessions.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.passwords import Busy, Passwords
from app.problems import Forbidden, TooMany, request_id
from app.settings import EMAIL, Settings
from runner.model import Scope
from runner.store import Store
from runner.store.sessions import ABSOLUTE_LIMIT, Client

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator:
    """Turns credentials into a Scope. `origin` is the only web origin whose pages may act with our cookie. `by_password`: somebody
    can sign in so, as far as this process has seen."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        address = urlsplit(settings.public_url)
        self.origin = f"{address.scheme}://{address.netloc}"
        self.secure = address.scheme == "https"
        self.cookie = "__Host-baton" if self.secure else "baton_session"
        self.passwords = Passwords()
        self.by_password = False

    async def authenticate(self, connection: HTTPConnection[Any]) -> Scope | None:
        """None: nobody we know. A request with an Authorization header is judged by that header alone.

        Raises Forbidden, code cross-site, for a change asked with our cookie from another site.
        """
        if (header := connection.headers.get("authorization")) is not None:
            scheme, _, token = header.partition(" ")
            return await self._store.access.by_token(token.strip()) if scheme.lower() == "bearer" else None
        if (secret := connection.cookies.get(self.cookie)) is None:
            return None
        if connection.scope["method"] not in _SAFE and not self._same_site(connection):
            raise Forbidden(
                "This change was asked from another site.",
                code="cross-site",
                hint=f"Use the pages at {self.origin}, or an API token. Is BATON_PUBLIC_URL the address you use?",
            )
        return await self._store.sessions.by_secret(secret)

    def may_sign_in(self, connection: HTTPConnection[Any]) -> bool:
        """False when a browser says that another site sends the sign-in form."""
        headers = connection.headers
        told = "sec-fetch-site" in headers or "origin" in headers
        return not told or self._same_site(connection)

    async def look(self) -> bool:
        """Whether somebody can sign in by a password; `by_password` says so from here on."""
        self.by_password = self.by_password or await self._store.accounts.any_password()
        return self.by_password

    async def sign_in(self, connection: HTTPConnection[Any], code: str, response: Response) -> bool:
        """Spend the code and set the cookie of a new session. False: wrong, used or too old."""
        secret = await self._store.access.redeem(code, client_of(connection))
        return self._signed_in(secret, response)

    async def sign_in_by_password(
        self, connection: HTTPConnection[Any], email: str, password: str, response: Response
    ) -> bool:
        """Set the cookie of a new session for who has that address and password. False: not them, or they may not sign in. Nothing,
        neither answer nor time, tells which. Raises TooMany."""
        client, accounts = client_of(connection), self._store.accounts
        wait = await accounts.admit(email, client.address)
        if wait is not None:
            raise TooMany(math.ceil(wait))
        known = await accounts.by_email(email) if EMAIL.fullmatch(email) else None
        try:
            right = await self.passwords.verify(None if known is None else known.password_hash, password)
        except Busy:
            raise TooMany(1) from None
        if known is None or not right:
            await accounts.refused(known, email, client)
            return False
        return self._signed_in(await accounts.sign_in(known, email, client), response)

    async def sign_in_as(
        self,
        connection: HTTPConnection[Any],
        account_id: UUID,
        response: Response,
        *,
        workspace_id: UUID | None = None,
    ) -> bool:
        """Set the cookie of a new session of an account that the caller knows to be the person's. False: it is disabled or in no
        workspace."""
        opened = await self._store.sessions.open(account_id, client_of(connection), workspace_id=workspace_id)
        return self._signed_in(opened, response)

    def keep(self, secret: str, response: Response) -> None:
        """Set the cookie of that session."""
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(ABSOLUTE_LIMIT.total_seconds()),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    async def sign_out(self, connection: HTTPConnection[Any], response: Response) -> None:
        if (secret := connection.cookies.get(self.cookie)) is not None:
            await self._store.sessions.end(secret, client_of(connection))
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax")

    def _signed_in(self, secret: str | None, response: Response) -> bool:
        if secret is not None:
            self.keep(secret, response)
        return secret is not None

    def _same_site(self, connection: HTTPConnection[Any]) -> bool:
        if (site := connection.headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        return connection.headers.get("origin") == self.origin


def client_of(connection: HTTPConnection[Any]) -> Client:
    """Where the request comes from, as lists and logs tell it."""
    return Client(
        address=connection.client.host if connection.client else None,
        user_agent=connection.headers.get("user-agent"),
        request_id=request_id(connection),
    )
