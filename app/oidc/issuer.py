"""One issuer over the network: its discovery document, its keys, and its token endpoint.

Every call passes the egress guard, follows no redirect, and has a deadline and a size limit. Nobody outside can make us call
the issuer often: documents are kept, and what failed or was not found is not asked for again within a floor of time.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from app.oidc.configuration import IssuerSettings, web_address
from app.oidc.token import Key, Refused, UnknownKey, read_keys, verify
from providers import BadJson, EgressGuard, Http, JsonObject, ProviderError, read_json
from runner.identity import Claims

DOCUMENT_LIMIT = 256 * 1024
SECONDS = 10.0
"""One answer of the issuer has this long to arrive, whole."""
KEPT = 3600.0
"""Seconds for which the discovery document and the keys are kept."""
AGAIN = 10.0
"""Seconds before a document that could not be had is asked for again."""
KEYS_AGAIN = 60.0
"""Seconds between two looks for a key that the set did not hold."""
_WELL_KNOWN = "/.well-known/openid-configuration"


class NoAnswer(Exception):
    """The issuer cannot be asked now. The text is for the server's log, and for an admin's test."""


@dataclass(frozen=True)
class Discovery:
    """What of the issuer's document is used. `names_itself`: its answers carry `iss` (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    names_itself: bool
    secret_by_post: bool


class Issuer:
    """Owned by whoever made it, who calls `aclose()`. `clock` counts seconds, for what is kept and for how long."""

    def __init__(
        self,
        settings: IssuerSettings,
        guard: EgressGuard,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._clock = clock
        secret = settings.client_secret
        self._secret = None if secret is None else secret.get_secret_value()
        self._http = Http(guard, in_flight=8, secrets=() if self._secret is None else (self._secret,))
        self._lock = asyncio.Lock()
        self._discovery: tuple[float, Discovery] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None
        self._looked: float | None = None
        self._failed: tuple[float, type[Exception], str] | None = None

    async def aclose(self) -> None:
        await self._http.aclose()

    @property
    def ends_sessions(self) -> bool:
        """Whether it offers to sign people out there, as far as is known without asking."""
        return self._discovery is not None and self._discovery[1].end_session_endpoint is not None

    async def discovery(self) -> Discovery:
        """Raises NoAnswer; Refused for a document that is not this issuer's."""
        async with self._lock:
            return await self._known()

    async def test(self) -> tuple[Discovery, Sequence[Key]]:
        """Both documents asked for anew, for an admin. What it finds is kept. Raises NoAnswer and Refused."""
        async with self._lock:
            self._failed = None
            found = await self._known(anew=True)
            return found, await self._published(found, anew=True)

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code, which works once. Never repeated. Raises NoAnswer and Refused."""
        found = await self.discovery()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        name = self.settings.client_id
        if self._secret is None:
            fields["client_id"] = name
        elif found.secret_by_post:
            fields |= {"client_id": name, "client_secret": self._secret}
        else:
            pair = f"{quote_plus(name)}:{quote_plus(self._secret)}"  # encoded first: RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, answer = await self._ask(
            "POST", found.token_endpoint, headers=headers, content=urlencode(fields).encode()
        )
        if status != 200:
            raise Refused(f"the token endpoint answered {status}, error {answer.get('error')!r:.100}")
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Refused("the token endpoint's answer holds no ID token")
        return token

    async def claims(self, token: str, nonce: str) -> Claims:
        """Who the token says it is. Keys are looked for once more if the token's is not known, at most every KEYS_AGAIN
        seconds. Raises NoAnswer and Refused."""
        async with self._lock:
            found = await self._known()
            keys = await self._published(found)
            try:
                return self._verified(token, nonce, keys)
            except UnknownKey:
                if self._looked is not None and self._clock() - self._looked < KEYS_AGAIN:
                    raise
                self._looked = self._clock()
                return self._verified(token, nonce, await self._published(found, anew=True))

    def _verified(self, token: str, nonce: str, keys: Sequence[Key]) -> Claims:
        own = self.settings
        return verify(
            token,
            keys,
            issuer=own.issuer,
            client_id=own.client_id,
            nonce=nonce,
            now=time.time(),
            groups_claim=own.groups_claim if own.groups else None,
        )

    async def _known(self, *, anew: bool = False) -> Discovery:
        if not anew and self._discovery is not None and self._clock() - self._discovery[0] < KEPT:
            return self._discovery[1]
        url = self.settings.issuer.rstrip("/") + _WELL_KNOWN
        found = self._checked(await self._document(url))
        self._discovery = (self._clock(), found)
        return found

    async def _published(self, discovery: Discovery, *, anew: bool = False) -> tuple[Key, ...]:
        if not anew and self._keys is not None and self._clock() - self._keys[0] < KEPT:
            return self._keys[1]
        found = read_keys(await self._document(discovery.jwks_uri))
        self._keys = (self._clock(), found)
        return found

    async def _document(self, url: str) -> JsonObject:
        if self._failed is not None and self._clock() - self._failed[0] < AGAIN:
            raise self._failed[1](self._failed[2])
        try:
            status, found = await self._ask("GET", url)
            if status != 200:
                raise NoAnswer(f"{url} answered {status}")
        except (NoAnswer, Refused) as error:
            self._failed = (self._clock(), type(error), str(error))
            raise
        self._failed = None
        return found

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, JsonObject]:
        try:
            answer = await self._http.call(method, url, timeout=SECONDS, max_bytes=DOCUMENT_LIMIT, **more)
        except ProviderError as error:
            raise NoAnswer(error.message) from None
        if 300 <= answer.status < 400:
            raise Refused(f"{url} leads elsewhere ({answer.status}), which is not followed")
        if answer.status >= 500:
            raise NoAnswer(f"{url} answered {answer.status}")
        try:
            found = read_json(answer.body)
        except BadJson as error:
            raise Refused(f"{url}: {error}") from None
        if not isinstance(found, dict):
            raise Refused(f"{url} is no JSON object")
        return answer.status, found

    def _checked(self, document: JsonObject) -> Discovery:
        if document.get("issuer") != self.settings.issuer:
            raise Refused(
                f"the discovery document is that of {document.get('issuer')!r:.200}, not of {self.settings.issuer!r}"
            )
        listed = document.get("token_endpoint_auth_methods_supported")
        methods: list[Any] = listed if isinstance(listed, list) else ["client_secret_basic"]
        challenges = document.get("code_challenge_methods_supported")
        if isinstance(challenges, list) and "S256" not in challenges:
            raise Refused("the issuer takes no PKCE with S256")
        ends = document.get("end_session_endpoint")
        return Discovery(
            authorization_endpoint=self._address(document, "authorization_endpoint"),
            token_endpoint=self._address(document, "token_endpoint"),
            jwks_uri=self._address(document, "jwks_uri"),
            end_session_endpoint=None if ends is None else self._address(document, "end_session_endpoint"),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            secret_by_post="client_secret_basic" not in methods and "client_secret_post" in methods,
        )

    def _address(self, document: JsonObject, name: str) -> str:
        """One of the document's addresses: https, unless the issuer itself is on this machine without it."""
        value = document.get(name)
        if not isinstance(value, str):
            raise Refused(f"the discovery document has no {name}")
        try:
            address = web_address(value.partition("?")[0])
        except ValueError as error:
            raise Refused(f"the discovery document's {name}: {error}") from None
        if address.startswith("http:") and not self.settings.issuer.startswith("http:"):
            raise Refused(f"the discovery document's {name} is without TLS")
        return value
