"""Zapier's Workflow API as it travels: tokens and their renewal, envelopes, errors.

Facts: docs.zapier.com, Powered by Zapier (authentication, rate limiting, errors); OpenAPI "Partner API" 2024.11.0.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from pydantic import JsonValue

from providers import (
    Answer,
    BadResponse,
    Http,
    JsonObject,
    ProviderError,
    RateLimited,
    Unauthorized,
    error_from,
)
from providers._http import retry_after
from providers._shape import obj, objects, short, text

_COOL_DOWN = 60.0
"""Seconds Zapier asks for after its limit of 60 requests a minute and address."""
_RECONNECT = "Connect Zapier again: authorize anew and enter the new tokens."


class ZapierApi:
    """Reads below one base address. A refused token is renewed once, by one task while the others wait for it.

    The renewed tokens live in this object; `renewed` tells them to whoever keeps the credentials.
    """

    def __init__(
        self,
        base_url: str,
        token_url: str,
        http: Http,
        *,
        access: str | None,
        refresh: str | None,
        client: tuple[str, str] | None,
    ) -> None:
        self._base = base_url.strip().rstrip("/")
        self._token_url = token_url
        self._http = http
        self._access = access
        self._refresh = refresh
        self._client = client
        self._lock = asyncio.Lock()
        self._changed: dict[str, str] | None = None

    @property
    def usable(self) -> bool:
        return bool(self._access) or self._renewable

    @property
    def _renewable(self) -> bool:
        return self._refresh is not None and self._client is not None

    def renewed(self) -> dict[str, str] | None:
        return dict(self._changed) if self._changed else None

    async def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> JsonObject:
        """The answer's object, out of the one-element array that some editions wrap it in."""
        used = self._access or await self._renew(None)
        answer = await self._ask(path, params, used)
        if answer.status == 401 and self._renewable:
            answer = await self._ask(path, params, await self._renew(used))
        if not answer.ok:
            raise failure(answer, self._http)
        body = answer.json()
        return obj(body[0] if isinstance(body, list) and body else body)

    async def _ask(self, path: str, params: Sequence[tuple[str, str]], token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._http.get(self._base + path, params=params, headers=headers)

    async def _renew(self, refused: str | None) -> str:
        """A token other than `refused`. A refresh token may be good for one use: only one task spends it."""
        async with self._lock:
            if self._access and self._access != refused:
                return self._access
            if self._refresh is None or self._client is None:
                raise Unauthorized("there is no usable Zapier token", hint=_RECONNECT, sent=False)
            basic = base64.b64encode(":".join(self._client).encode()).decode()
            form = urlencode({"grant_type": "refresh_token", "refresh_token": self._refresh})
            answer = await self._http.call(
                "POST",
                self._token_url,
                content=form.encode(),
                headers={
                    "Authorization": f"Basic {basic}",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
            )
            if not answer.ok:
                error = failure(answer, self._http)
                if answer.status in (400, 401, 403):
                    words = f"Zapier refused to renew the token: {error.message}"
                    raise Unauthorized(words, hint=_RECONNECT, status=answer.status, sent=False)
                raise error
            body = obj(answer.json())
            access = text(body.get("access_token"))
            if access is None:
                raise BadResponse(
                    "Zapier's answer to the renewal holds no access token", status=answer.status
                )
            refresh = text(body.get("refresh_token")) or self._refresh
            self._http.hide(access)
            self._http.hide(refresh)
            self._access, self._refresh = access, refresh
            self._changed = {"accessToken": access, "refreshToken": refresh}
            return access


def failure(answer: Answer, http: Http) -> ProviderError:
    """What an unsuccessful answer means, in the words of `errors[].detail`, else of the older forms."""
    body: JsonValue = None
    with suppress(BadResponse):
        body = answer.json()
    if isinstance(body, list):
        body = body[0] if body else None
    found = obj(body)
    words = [w for e in objects(found.get("errors")) if (w := text(e.get("detail")) or text(e.get("title")))]
    single = ("detail", "error_description", "message", "error")
    words = words or [w for name in single if (w := text(found.get(name)))][:1]
    plain = short(answer.text, 200) if not found and "<" not in answer.text[:200] else ""
    said = http.redact(short("; ".join(words) or plain or f"Zapier answered {answer.status}"))
    if answer.status == 429:
        return RateLimited(said, retry_after=_wait(answer))
    hint: str | None = None
    if answer.status == 401:
        hint = _RECONNECT
    elif answer.status == 403:
        hint = "The token lacks a scope: profile, zap, zap:all and zap:runs are used here."
    return error_from(answer, said, hint=hint)


def _wait(answer: Answer) -> float:
    """Seconds, from Retry-After, else from X-RateLimit-Reset (UTC epoch seconds), else the documented cool-down."""
    reset = answer.headers.get("x-ratelimit-reset", "")
    default = _COOL_DOWN
    if reset.isascii() and reset.isdigit() and len(reset) < 12:
        default = min(max(int(reset) - time.time(), 1.0), 600.0)
    return retry_after(answer, default=default)
