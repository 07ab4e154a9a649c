"""The outermost layer of every request: its id, its time, its headers, and the last catch."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problems
from app.metrics import Metrics
from app.operation import Operation

log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""An answer's own value stands; these are for those that say nothing."""


class Edge:
    """Gives every request an id of our own making, whatever the client sends, and lets no error out unanswered.

    The log line names the path without its query, which may hold a callback's token; what looks like one in a path is masked.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, respond: Callable[[Request, Exception], Response]
    ) -> None:
        self._app, self._metrics, self._respond = app, metrics, respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope[problems.REQUEST_ID] = str(uuid.uuid4())
        began, status = time.monotonic(), 0

        async def sender(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                self._metrics.seconds.labels(_route(scope)).observe(time.monotonic() - began)
            await send(message)

        try:
            await self._app(scope, receive, sender)
        except Exception as error:
            if status:
                raise  # half an answer is out: the server cuts the connection, which the client notices
            await self._respond(Request(scope), error)(scope, receive, sender)
        finally:
            self._metrics.requests.labels(_method(scope), _route(scope), str(status or "none")).inc()
            log.info(
                "request answered",
                {
                    "method": _method(scope),
                    "path": scope["path"],
                    "status": status,
                    "ms": round(1000 * (time.monotonic() - began), 1),
                    "address": scope["client"][0] if scope.get("client") else None,
                    "request": request_id,
                },
            )


def _route(scope: Scope) -> str:
    """The operation's name, never the path: labels are few."""
    endpoint = scope.get("endpoint")
    return endpoint.__name__ if isinstance(endpoint, Operation) else "none"


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "other"
