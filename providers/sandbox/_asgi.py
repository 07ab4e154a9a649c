"""Just enough ASGI for a platform in memory: routes with path parameters, JSON in and out, background work."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from pydantic import JsonValue

from providers._egress import EgressGuard
from providers._http import Http

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Ask:
    """One request. `headers` have lower-case names; `query` keeps repeats and order."""

    method: str
    path: str
    params: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    def first(self, name: str, default: str | None = None) -> str | None:
        return next((v for k, v in self.query if k == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(v for k, v in self.query if k == name)

    def json(self) -> Any:
        """The parsed body, None when empty. Raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    """`content_type` None follows from what is sent; "" sends none."""

    status: int = 200
    json: JsonValue = None
    text: str | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Ask], Awaitable[Reply]]


class Sandbox:
    """An ASGI application. Subclasses register handlers in `__init__` with `route`.

    `calls` counts requests by "METHOD /path": tests ask it what really went over the wire. `time_scale` shortens every
    simulated duration (0.05 makes a 2 s workflow take 0.1 s). `aclose()` ends the background work.
    `json_type` is the content type of JSON where a reply names none.
    """

    json_type: ClassVar[str] = "application/json"

    def __init__(self, *, time_scale: float = 1.0) -> None:
        self.time_scale = time_scale
        self.calls: list[str] = []
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def route(self, method: str, path: str, handler: Handler) -> None:
        """`{name}` matches one path segment, `{name:path}` the rest."""
        pattern = re.sub(r"\\\{(\w+):path\\\}", r"(?P<\1>.+)", re.escape(path))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        self._routes.append((method, re.compile(pattern), handler))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def nap(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.time_scale)

    async def post(self, url: str, body: JsonValue, headers: Mapping[str, str] | None = None) -> int:
        """What a workflow's last step does: call somebody back. Only loopback. Returns the status, 0 without answer."""
        http = Http(EgressGuard(["127.0.0.0/8", "::1/128"]))
        try:
            return (await http.call("POST", url, json=body, headers=headers, timeout=10)).status
        except Exception:
            return 0
        finally:
            await http.aclose()

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def not_found(self, ask: Ask) -> Reply:
        """The platform's answer to an unknown route; platforms override it."""
        return Reply(404, {"message": "not found"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await self.aclose()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        reply = await self._answer(scope, bytes(body))
        payload = (
            reply.text.encode()
            if reply.text is not None
            else b""
            if reply.status == 204
            else json.dumps(reply.json).encode()
        )
        kind = reply.content_type
        if kind is None:
            kind = self.json_type if reply.text is None else "text/plain; charset=utf-8"
        headers: list[tuple[bytes, bytes]] = []
        if reply.status != 204:
            headers += [(b"content-type", kind.encode())] if kind else []
            headers += [(b"content-length", str(len(payload)).encode())]
        headers += [(k.lower().encode(), v.encode()) for k, v in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0]
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query: tuple[tuple[str, str], ...] = tuple(
            parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )
        method = scope["method"]
        self.calls.append(f"{method} {scope['path']}")
        for wanted, pattern, handler in self._routes:
            if wanted in (method, "*") and (match := pattern.fullmatch(raw_path)):
                params = {k: unquote(v) for k, v in match.groupdict().items()}
                host = headers.get("host", "127.0.0.1")
                return await handler(
                    Ask(method, scope["path"], params, query, headers, body, f"http://{host}")
                )
        return await self.not_found(Ask(method, scope["path"], {}, query, headers, body, ""))
