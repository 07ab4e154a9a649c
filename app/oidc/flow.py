"""The way to an issuer and back: begun by a browser, finished by the same one, once.

`state` finds the way again and works once. A cookie with a secret of 256 bits binds it to the browser, and nonce and PKCE
verifier are derived from both: an answer that somebody else began, or that belongs to another issuer, leads nowhere (T22).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn
from urllib.parse import urlencode
from uuid import UUID

from app.oidc.configuration import IssuerSettings, read_issuers
from app.oidc.issuer import Issuer, NoAnswer
from app.oidc.token import Refused
from app.settings import Settings
from providers import EgressGuard
from runner.errors import NotFound
from runner.identity import Claims
from runner.model import Scope
from runner.store.identities import Flow, Identities, NotAdmitted
from runner.store.sessions import Client

_SECRET_LENGTH = 43

log = logging.getLogger(__name__)


class NotIn(Exception):
    """Nobody was signed in. What it says is for the person; why stands in the log under the request's id."""

    def __init__(
        self, message: str, *, code: str, hint: str, kind: Literal["over", "refused", "silent"]
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.hint, self.kind = message, code, hint, kind


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and the cookie that it must bring back."""

    url: str
    cookie: str
    secret: str


@dataclass(frozen=True)
class Back:
    """What a browser brings back from an issuer: the answer's parameters, and its cookies."""

    state: str
    code: str
    error: str
    issuer: str
    cookies: Mapping[str, str]


@dataclass(frozen=True)
class Arrived:
    """A way that ended well. `session` is the text of a new session's cookie; None: somebody who is signed in has linked."""

    place: str
    session: str | None
    cookie: str


class SignOn:
    """Every issuer of the operator's file. Who cannot come in is told in one sentence; why stands in the log."""

    def __init__(self, issuers: Mapping[str, Issuer], identities: Identities, settings: Settings) -> None:
        self._issuers = issuers
        self._identities = identities
        self._public_url = settings.public_url
        self._prefix = "__Host-baton_way_" if settings.public_url.startswith("https:") else "baton_way_"

    @property
    def issuers(self) -> Mapping[str, IssuerSettings]:
        """By short name, in the order of the file."""
        return {name: issuer.settings for name, issuer in self._issuers.items()}

    def named(self, name: str) -> Issuer:
        """Raises NotFound."""
        if (found := self._issuers.get(name)) is None:
            raise NotFound("There is no such sign-in.")
        return found

    def redirect_uri(self, name: str) -> str:
        """Where the issuer sends browsers back to: each issuer has an address of its own, so that answers cannot be mixed up."""
        return f"{self._public_url}/sign-in/back/{name}"

    @property
    def signed_out_uri(self) -> str:
        """Where the issuer sends browsers after signing out there."""
        return f"{self._public_url}/sign-in"

    async def begin(self, name: str, place: str, account_id: UUID | None, request_id: str) -> Begun:
        """A way to that issuer, which leads to `place` in the end; for somebody signed in, to link. Raises NotFound and
        NotIn."""
        issuer = self.named(name)
        try:
            discovery = await issuer.discovery()
        except (NoAnswer, Refused) as error:
            _refuse(issuer, error, request_id)
        state, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        await self._identities.begin(issuer.settings.issuer, state, secret, place, account_id)
        asked = {
            "response_type": "code",
            "client_id": issuer.settings.client_id,
            "redirect_uri": self.redirect_uri(name),
            "scope": " ".join(issuer.settings.scopes),
            "state": state,
            "nonce": _derived(secret, "nonce", state),
            "code_challenge": _challenge(_derived(secret, "verifier", state)),
            "code_challenge_method": "S256",
        }
        mark = "&" if "?" in discovery.authorization_endpoint else "?"
        return Begun(
            f"{discovery.authorization_endpoint}{mark}{urlencode(asked)}", self._cookie(state), secret
        )

    async def finish(self, name: str, back: Back, client: Client, scope: Scope | None) -> Arrived:
        """The end of a way. `scope`: who is signed in now, for a link. Raises NotFound, NotIn; Conflict for
        what somebody else signs in with."""
        issuer, request_id = self.named(name), client.request_id or ""
        cookie = self._cookie(back.state)
        secret = back.cookies.get(cookie, "")
        flow: Flow | None = None
        if back.state and len(secret) == _SECRET_LENGTH:
            flow = await self._identities.take(issuer.settings.issuer, back.state, secret)
        if flow is None:
            told = {"issuer": name, "why": "a state that nobody is waiting for", "request": request_id}
            log.warning("sign-in refused", told)
            raise NotIn(
                "This sign-in is over, or it was begun in another browser.",
                code="sign-in-over",
                hint="Sign in again. A sign-in has to end within 10 minutes, and only once.",
                kind="over",
            )
        try:
            claims = await self._claims(issuer, name, back, secret)
        except (NoAnswer, Refused) as error:
            _refuse(issuer, error, request_id)
        if flow.account_id is not None:
            if scope is None or scope.account_id != flow.account_id:
                _refuse(issuer, Refused("somebody else is signed in than began to link"), request_id)
            await self._identities.link(scope, claims)
            return Arrived(flow.place, None, cookie)
        opened = await self._identities.sign_in(claims, issuer.settings.admittance, client)
        if isinstance(opened, NotAdmitted):
            log.warning(
                "sign-in not admitted",
                {"issuer": name, "subject": claims.subject, "why": opened.why, "request": request_id},
            )
            raise NotIn(
                f"{issuer.settings.title} knows you, but you may not come in here.",
                code="not-admitted",
                hint="If you have a password here, sign in with it and link this sign-in in your profile. Else ask an admin for "
                "an invitation, and tell them the request id.",
                kind="refused",
            )
        return Arrived(flow.place, opened, cookie)

    def ends(self, name: str) -> bool:
        """Whether to offer somebody who signed out here to sign out at that issuer, too."""
        issuer = self._issuers.get(name)
        return issuer is not None and issuer.settings.sign_out and issuer.ends_sessions

    async def left(self, name: str) -> str | None:
        """Where the issuer ends its own session (RP-initiated logout); None: it does not offer that, or does not answer."""
        issuer = self._issuers.get(name)
        if issuer is None:
            return None
        try:
            end = (await issuer.discovery()).end_session_endpoint
        except (NoAnswer, Refused):
            return None
        if end is None:
            return None
        told = {
            "client_id": issuer.settings.client_id,
            "post_logout_redirect_uri": self.signed_out_uri,
        }
        return f"{end}{'&' if '?' in end else '?'}{urlencode(told)}"

    async def _claims(self, issuer: Issuer, name: str, back: Back, secret: str) -> Claims:
        names_itself = (await issuer.discovery()).names_itself
        if back.issuer != issuer.settings.issuer and (names_itself or back.issuer):
            raise Refused(f"the answer is one of {back.issuer!r:.200}")  # RFC 9207
        if back.error:
            raise Refused(f"the issuer says {back.error!r:.100}")
        if not back.code:
            raise Refused("the answer holds no code")
        verifier = _derived(secret, "verifier", back.state)
        token = await issuer.exchange(back.code, verifier, self.redirect_uri(name))
        return await issuer.claims(token, _derived(secret, "nonce", back.state))

    def _cookie(self, state: str) -> str:
        """Each way has a cookie of its own: two tabs do not disturb each other."""
        return self._prefix + hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:16]


@asynccontextmanager
async def open_sign_on(settings: Settings, identities: Identities) -> AsyncGenerator[SignOn]:
    """The issuers of `settings.oidc_file`; none are asked anything yet. Raises StartRefused."""
    async with AsyncExitStack() as stack:
        issuers: dict[str, Issuer] = {}
        for name, each in read_issuers(settings.oidc_file).items():
            issuers[name] = Issuer(each, EgressGuard(settings.egress_allow))
            stack.push_async_callback(issuers[name].aclose)
        yield SignOn(issuers, identities, settings)


def _refuse(issuer: Issuer, error: NoAnswer | Refused, request_id: str) -> NoReturn:
    title = issuer.settings.title
    log.warning("sign-in refused", {"issuer": issuer.settings.issuer, "why": error, "request": request_id})
    if isinstance(error, NoAnswer):
        raise NotIn(
            f"{title} does not answer.",
            code="issuer-unavailable",
            hint="Try again in a moment, or sign in another way. The server's log has the details under the request id.",
            kind="silent",
        ) from None
    raise NotIn(
        f"Signing in with {title} did not work.",
        code="sign-in-refused",
        hint="Try again. If it stays so, tell an admin the request id: the server's log has the details.",
        kind="refused",
    ) from None


def _derived(secret: str, what: str, state: str) -> str:
    """43 characters that only who holds the secret can know."""
    raw = hmac.digest(secret.encode(), f"{what}:{state}".encode(), "sha256")
    return _text(raw)


def _challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
