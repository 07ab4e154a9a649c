"""The one door to the network, and the only file that imports httpx.

Every call: the egress guard at connect, one total deadline, a cap on the decoded answer, our own User-Agent, no redirect
followed, no proxy from the environment, no cookie kept. Idempotent GETs are retried here within seconds; a POST is
retried by nobody but the engine.
"""

from __future__ import annotations

import asyncio
import base64
import json as jsonlib
import re
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import quote, quote_plus

import httpcore
import httpx
from pydantic import JsonValue
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from providers._answer import Answer, Exchange, error_from, retry_after
from providers._egress import EgressGuard
from providers._errors import BadResponse, ProviderError, Rejected, Unavailable

USER_AGENT = "Baton/0.1"
MAX_BYTES = 10 * 1024 * 1024
_KEPT = 64 * 1024
# Below the 5 s after which Node and uvicorn close idle connections: a POST on a closing one may or may not arrive.
_KEEPALIVE = 4.0
_ORIGINS = 4
"""Connections that wait for the next call, each to another origin, for each call that was made at once."""
_MASKED = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-api-key",
        "x-correlation-token",
        "x-make-apikey",
        "x-n8n-api-key",
        "x-vault-token",
    }
)
_NOT_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te"})
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_ABSENT: Any = object()
"""JSON has a null of its own, so "no body" needs another mark."""

_recorder: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def recording() -> Generator[list[Exchange]]:
    """Collect every exchange made inside, by this task and the tasks it starts."""
    seen: list[Exchange] = []
    token = _recorder.set(seen)
    try:
        yield seen
    finally:
        _recorder.reset(token)


@cache
def _tls(verify: bool) -> ssl.SSLContext:
    return httpx.create_ssl_context(verify=verify, trust_env=False)


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard
        # anyio is always installed with httpcore, but its types are optional there.
        self._inner = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await asyncio.wait_for(self._guard.resolve(host, port), timeout or 5)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host}: no answer from the resolver") from None
        except PermissionError as error:
            raise _Blocked(str(error)) from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error}") from error
        last: Exception | None = None
        for address in addresses[:4]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        assert last is not None
        raise last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise _Blocked("unix sockets are not called")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Blocked(Exception):
    pass


class Http:
    """A client for one origin's worth of calls. Owned by whoever made it, who calls `aclose()`.

    `secrets` never appear in errors and exchanges; more are added with `hide()`. `in_flight` bounds concurrent requests.
    `refused` is called at each answer 401: what was sent may be out of date.
    """

    def __init__(
        self,
        guard: EgressGuard | None = None,
        *,
        in_flight: int = 16,
        secrets: Sequence[str] = (),
        verify: bool = True,
        refused: Callable[[], None] | None = None,
    ) -> None:
        self._guard = guard or EgressGuard()
        self._refused = refused
        self._verify = verify
        self._lanes: set[httpx.AsyncClient] = set()
        self._free: deque[tuple[float, httpx.AsyncClient]] = deque()  # since when, the longest first
        self._sweeping: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(in_flight)
        self._secrets: dict[str, None] = {}
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """Mask `secret` in everything this client reports, also URL-quoted, JSON-escaped, base64 and hex.

        What `recording()` around this call has collected is masked too: a fetched token stands in an answer already kept.
        Secrets under 4 characters are not masked: they would blank out ordinary text.
        """
        if len(secret) < 4:
            return
        raw = secret.encode("utf-8", "replace")
        forms = (
            secret,
            quote(secret, safe="", errors="replace"),
            quote(secret, errors="replace"),
            quote_plus(secret, errors="replace"),
            jsonlib.dumps(secret)[1:-1],
            jsonlib.dumps(secret, ensure_ascii=False)[1:-1],
            base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
            raw.hex(),
        )
        self._secrets.update(dict.fromkeys(forms))
        for exchange in _recorder.get() or ():  # a fetched token was recorded before anybody could know it
            exchange.url = self.redact(exchange.url)
            exchange.headers = {k: self.redact(v) for k, v in exchange.headers.items()}
            exchange.answer_headers = {k: self.redact(v) for k, v in exchange.answer_headers.items()}
            exchange.body = None if exchange.body is None else self.redact(exchange.body)
            exchange.answer = None if exchange.answer is None else self.redact(exchange.answer)

    def redact(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    async def aclose(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        for lane in list(self._lanes):
            await lane.aclose()

    @contextmanager
    def _lane(self) -> Generator[httpx.AsyncClient]:
        """A client for one call at a time: the one used last, whose connection is warm, or a new one.

        httpcore looks at every connection of a pool for each request, with a system call for the idle ones: in one pool,
        sixteen calls at once cost each of them twice what it costs alone."""
        lane = self._free.pop()[1] if self._free else self._new_lane()
        try:
            yield lane
        finally:
            self._free.append((time.monotonic(), lane))
            if self._sweeping is None or self._sweeping.done():
                self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close what nobody wanted for so long that the other side will have closed it; ends when nothing is left."""
        while self._free:
            left = self._free[0][0] + _KEEPALIVE - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
                continue
            _, lane = self._free.popleft()
            self._lanes.discard(lane)
            await lane.aclose()

    def _new_lane(self) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            verify=_tls(self._verify),
            trust_env=False,
            limits=httpx.Limits(
                max_connections=_ORIGINS, max_keepalive_connections=_ORIGINS, keepalive_expiry=_KEEPALIVE
            ),
        )
        # The pool's seam is private in httpx 0.28; tests/providers/test_http.py fails if it moves.
        transport._pool._network_backend = _GuardedBackend(self._guard)  # pyright: ignore[reportPrivateUsage]
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        lane = httpx.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, cookies=no_cookies
        )
        self._lanes.add(lane)
        return lane

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        timeout: float = 15.0,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """`call("GET", …)`, repeated up to twice while the fault is passing (5xx, no answer).

        `timeout` is a deadline in seconds for all tries together. The last answer is returned whatever its status.
        """
        deadline = time.monotonic() + timeout

        async def once() -> Answer:
            left = max(deadline - time.monotonic(), 0.01)
            return await self.call(
                "GET", url, headers=headers, params=params, timeout=left, max_bytes=max_bytes
            )

        retrying = AsyncRetrying(
            retry=retry_if_exception(_passing) | retry_if_result(_failing),
            stop=stop_after_attempt(3) | stop_before_delay(timeout),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            retry_error_callback=_last,
        )
        return await retrying(once)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        json: JsonValue = _ABSENT,
        content: bytes | None = None,
        timeout: float = 30.0,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Send one request and read its whole answer, whatever the status. Never repeats it.

        `content` is bytes sent as they are; `json` is encoded with its content type. `timeout` is a deadline in seconds
        for the whole call. Raises Unavailable (no answer in time; `sent` tells whether it may have arrived), BadResponse
        (too large, not decodable), Rejected (egress guard, bad URL, method or header).
        """
        sent_headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Accept": "application/json, */*;q=0.5",
        }
        for name, value in (headers or {}).items():
            same = next((k for k in sent_headers if k.lower() == name.lower()), name)
            sent_headers[same] = value
        if json is not _ABSENT:
            content = self._encoded(json)
            if not any(name.lower() == "content-type" for name in sent_headers):
                sent_headers["Content-Type"] = "application/json"
        _check(method, sent_headers)
        request = self._request(method, url, sent_headers, params, content)
        exchange = Exchange(
            method=method,
            url=self._shown(request),
            headers=self._masked(sent_headers),
            body=None if content is None else self._cut(content),
            started_at=datetime.now(UTC),
        )
        if (seen := _recorder.get()) is not None:
            seen.append(exchange)
        began = time.monotonic()
        try:
            answer = await self._send(request, timeout, max_bytes)
        except ProviderError as error:
            exchange.error, exchange.code = error.message, error.code
            raise
        finally:
            exchange.seconds = round(time.monotonic() - began, 6)
        exchange.status = answer.status
        if answer.status == 401 and self._refused is not None:
            self._refused()
        if answer.status in (429, 502, 503, 504):
            exchange.pause = retry_after(answer, default=30.0 if answer.status == 429 else 0.0)
        exchange.answer_headers = self._masked(answer.headers)
        exchange.answer = self._cut(answer.body)
        return answer

    def _encoded(self, value: JsonValue) -> bytes:
        try:
            return jsonlib.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:  # NaN, half a surrogate pair
            raise Rejected(self.redact(f"the payload cannot be sent as JSON: {error}"), sent=False) from None

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]],
        content: bytes | None,
    ) -> httpx.Request:
        try:
            target = httpx.URL(url)
            if params:
                target = target.copy_merge_params(list(params))
            request = httpx.Request(method, target, headers=dict(headers), content=content)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise Rejected(self.redact(f"not a usable URL: {error}"), sent=False) from None
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise Rejected("a URL must begin with http:// or https:// and name a host", sent=False)
        if request.url.password:
            self.hide(request.url.password)
        return request

    async def _send(self, request: httpx.Request, seconds: float, max_bytes: int) -> Answer:
        where = self.redact(f"{request.url.scheme}://{request.url.netloc.decode()}")
        stage, sent = "waiting for a free slot to", False

        async def trace(event: str, _: object) -> None:
            nonlocal stage, sent
            if event == "connection.connect_tcp.started":
                stage = "connecting to"
            elif event.endswith(".send_request_headers.started"):
                stage, sent = "waiting for the answer of", True

        # Shorter than the deadline: httpcore closes the socket of a hanging TLS handshake on its own time-out only.
        limit = min(10.0, 0.9 * seconds)
        request.extensions["timeout"] = {"connect": limit, "read": None, "write": None, "pool": None}
        request.extensions["trace"] = trace
        try:
            async with asyncio.timeout(seconds), self._slots:
                with self._lane() as lane:
                    response = await lane.send(request, stream=True)
                    stage = "reading the answer of"
                    try:
                        body = await _read(response, max_bytes)
                    finally:
                        await response.aclose()
        except TimeoutError:
            raise Unavailable(
                f"no answer from {where} within {seconds:.3g} s ({stage} it)", code="timeout", sent=sent
            ) from None
        except _Blocked as error:
            raise Rejected(
                self.redact(str(error)),
                code="blocked",
                hint="An admin can allow private networks for this connection, or the operator can add the network to BATON_EGRESS_ALLOW.",
                sent=False,
            ) from None
        except httpx.ConnectTimeout:
            raise Unavailable(
                f"no connection to {where} within {limit:.3g} s", code="timeout", sent=False
            ) from None
        except httpx.ConnectError as error:
            raise self._unconnected(where, error) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Unavailable(
                self.redact(f"the connection to {where} broke: {error or type(error).__name__}"), sent=sent
            ) from error
        headers = {k.lower(): v for k, v in response.headers.items()}
        return Answer(request.method, self._shown(request), response.status_code, headers, body)

    def _unconnected(self, where: str, error: httpx.ConnectError) -> Unavailable:
        reason = self.redact(str(error)) or "no reason given"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return Unavailable(
                    f"no secure connection to {where}: {reason}",
                    code="tls",
                    hint="Check the certificate of the platform, or use its http:// address if it has no TLS.",
                    sent=False,
                )
            cause = cause.__cause__ or cause.__context__
        return Unavailable(f"cannot reach {where}: {reason}", hint="Check host and port.", sent=False)

    def _shown(self, request: httpx.Request) -> str:
        return self.redact(str(request.url.copy_with(userinfo=b"")))

    def _masked(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {k: "***" if k.lower() in _MASKED else self.redact(v) for k, v in headers.items()}

    def _cut(self, body: bytes) -> str:
        text = self.redact(body.decode("utf-8", "replace").replace("\x00", "\ufffd"))
        return text if len(text) <= _KEPT else f"{text[:_KEPT]}… (cut, {len(body)} bytes in all)"


def _passing(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and error.code != "tls"


def _failing(answer: object) -> bool:
    return isinstance(answer, Answer) and answer.status >= 500


def _last(state: RetryCallState) -> Answer:
    assert state.outcome is not None
    return state.outcome.result()


def _check(method: str, headers: Mapping[str, str]) -> None:
    """Nothing a template put into method or headers can become another header or request (threats T29)."""
    if not _METHOD.fullmatch(method):
        raise Rejected(f"not an HTTP method: {method[:20]!r}", sent=False)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise Rejected(f"not a header name: {name[:40]!r}", sent=False)
        if not _HEADER_VALUE.fullmatch(value):
            raise Rejected(
                f"the value of header {name} holds a character that headers cannot carry", sent=False
            )
        if name.lower() in _NOT_OURS:
            raise Rejected(f"header {name} is set by the connection itself", sent=False)


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The decoded body. Decoding is ours, because a few kilobytes may unpack to gigabytes in one step (threats T15)."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        unpack = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    else:
        raise BadResponse(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
    body = bytearray()
    arrived = False
    async for piece in response.aiter_raw(65536):
        arrived = True
        if unpack is None:
            body += piece
        else:
            try:
                # One byte over the limit is enough to know; what is left packed is dropped with the connection.
                body += unpack.decompress(piece, limit + 1 - len(body))
            except zlib.error as error:
                raise BadResponse(f"the answer cannot be unpacked: {error}") from None
        if len(body) > limit:
            raise BadResponse(f"the answer is larger than {limit // 1024} KiB")
    if unpack is not None and arrived and not unpack.eof:
        raise BadResponse("the answer is cut off: its compressed body does not end")
    return bytes(body)


__all__ = [
    "MAX_BYTES",
    "USER_AGENT",
    "Answer",
    "EgressGuard",
    "Exchange",
    "Http",
    "error_from",
    "recording",
    "retry_after",
]
