"""Make's API as it travels: the header, the pages, and what its errors mean.

Facts: developers.make.com, API structure, pagination, HTTP status codes, rate limiting (copies of 2026-04); the reading
of error bodies is the rule of Make's own TypeScript SDK (integromat/make-typescript-sdk, src/utils.ts).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from pydantic import JsonValue

from providers import (
    Answer,
    BadResponse,
    Http,
    JsonObject,
    ProviderError,
    RateLimited,
    Rejected,
    RemoteNotFound,
    Unauthorized,
    Unavailable,
    error_from,
)
from providers._http import retry_after
from providers._shape import headers, obj, objects, short, text, whole

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_PAGES = 200


class MakeApi:
    """Calls below one base address with one key. Owns neither; raises ProviderErrors without secrets."""

    def __init__(self, base_url: str, api_key: str, http: Http) -> None:
        base = base_url.strip().rstrip("/")
        parts = urlsplit(base)
        if not parts.path and (parts.hostname or "").endswith((".make.com", ".make.celonis.com")):
            base += "/api/v2"  # the zone alone, as people copy it from the browser
        self.base = base
        self.site = f"{parts.scheme}://{parts.netloc}"
        # A token from the profile is a UUIDv4; everything else is an OAuth access token (rule of Make's SDK).
        self._authorization = f"{'Token' if _UUID4.fullmatch(api_key) else 'Bearer'} {api_key}"
        self._http = http

    async def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> JsonObject:
        answer = await self._http.get(
            self.base + path, params=params, headers={"Authorization": self._authorization}
        )
        if not answer.ok:
            raise failure(answer, self._http)
        return obj(answer.json())

    async def start(
        self, path: str, body: JsonValue, extra: Mapping[str, str], seconds: float
    ) -> JsonObject | None:
        """POST once, never again. None: accepted, but the answer cannot be read."""
        sent = headers(extra, {"Authorization": self._authorization, "Content-Type": "application/json"})
        answer = await self._http.call("POST", self.base + path, json=body, headers=sent, timeout=seconds)
        if not answer.ok:
            raise failure(answer, self._http)
        try:
            return obj(answer.json())
        except BadResponse:
            return None

    async def page(
        self, path: str, key: str, params: Sequence[tuple[str, str]], offset: int, limit: int = 100
    ) -> tuple[list[JsonObject], int | None]:
        """One page and the offset of the next; None after a page shorter than the limit the server applied."""
        asked = (*params, ("pg[limit]", str(limit)), ("pg[offset]", str(offset)))
        body = await self.get(path, asked)
        items = objects(body.get(key))
        applied = min(limit, whole(obj(body.get("pg")).get("limit")) or limit)
        return items, offset + len(items) if items and len(items) >= applied else None

    async def pages(self, path: str, key: str, params: Sequence[tuple[str, str]] = ()) -> list[JsonObject]:
        found: list[JsonObject] = []
        offset: int | None = 0
        for _ in range(_MAX_PAGES):
            items, offset = await self.page(path, key, params, offset, 1000)
            found += items
            if offset is None:
                break
        return found


def failure(answer: Answer, http: Http) -> ProviderError:
    """What an unsuccessful answer means. `sent` is False only where Make says that it did nothing."""
    body: JsonObject = {}
    # 429 is measured as plain text, and what stands before Make answers in HTML or text.
    with suppress(BadResponse):
        body = obj(answer.json())
    message = _message(answer, body)
    code = text(body.get("code"))
    said = http.redact(f"{short(message)} ({code})" if code else short(message))
    status = answer.status
    if status == 403 and not body and "error code:" in answer.text[:200].lower():
        # Cloudflare in front of Make, which judges the client and not the credentials.
        return Unavailable(
            f"the network in front of Make refused this client: {said}",
            hint="This is not about permissions. Try again later, or from another network.",
            status=status,
            sent=False,
        )
    if code == "IM310":
        return Rejected(
            f"Make has paused this organization or team: {said}",
            hint="Look at the organization's usage and billing in Make.",
            status=status,
            sent=False,
        )
    if code == "IM325":
        return Rejected(
            f"the scenario is switched off in Make: {said}",
            hint="Switch the scenario on in Make.",
            status=status,
            sent=False,
        )
    if status < 500 and "already being executed" in message.lower():
        return RateLimited(f"Make runs this scenario one at a time: {said}", retry_after=30.0, status=status)
    if status == 429:
        # The window is a minute and nobody says where it began, so that waiting callers spread over it.
        seconds = retry_after(answer, default=random.uniform(20, 60))
        return RateLimited(said, retry_after=seconds, status=status)
    if status in (401, 403):
        return _refused(status, message, code, said)
    return error_from(answer, said)


def _refused(status: int, message: str, code: str | None, said: str) -> Unauthorized:
    hint: str | None = None
    scope = re.search(r"required scope:?\s*([\w:-]+)", message, re.IGNORECASE)
    if scope:
        hint = f"Create a token with the scope {scope[1]} in your Make profile."
    elif code == "SC403":
        hint = "The plan or the settings of this organization may not let API tokens in."
    elif code == "IM002":
        hint = "Check the team id and the role of the token's owner in that team."
    elif status == 401:
        hint = "Check the token, and that the address names its zone: a token belongs to one zone."
    word = "unauthorized" if status == 401 and not scope else "forbidden"
    return Unauthorized(said, code=word, hint=hint, status=status, sent=False)


def _message(answer: Answer, body: JsonObject) -> str:
    message = text(body.get("detail")) or text(body.get("message"))
    if message is None and not body:
        message = short(answer.text, 200) if "<" not in answer.text[:200] else None
    if not message:
        known = answer.status in HTTPStatus.__members__.values()
        message = f"Make answered {answer.status}" + (f" {HTTPStatus(answer.status).phrase}" if known else "")
    more = [m for item in objects(body.get("suberrors")) if (m := text(item.get("message")))]
    return "; ".join([message, *more])


def hook_failure(answer: Answer, http: Http) -> ProviderError:
    """A hook's refusal. Its own refusals have known texts (help.make.com, webhooks); anything else may be the answer of the
    scenario's Webhook response module, and then it has run."""
    words = short(http.redact(answer.text)) or f"status {answer.status}"
    lower = words.lower()
    if answer.status == 429:
        return RateLimited(f"Make's hook: {words}", retry_after=retry_after(answer, default=10.0))
    if answer.status == 400 and "queue is full" in lower:
        return RateLimited(f"Make's hook: {words}", retry_after=retry_after(answer, default=60.0), status=400)
    if answer.status == 410 and ("webhook" in lower or not lower):
        return RemoteNotFound(
            f"Make's hook: {words}", hint="Attach the webhook to a scenario in Make.", status=410, sent=False
        )
    error = error_from(answer, f"Make's hook answered {answer.status}: {words}")
    error.sent = True
    return error
