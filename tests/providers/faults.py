"""A sandbox behind a line that can break in the ways real lines do."""

from __future__ import annotations

import json
import re
from typing import Literal

from providers.sandbox._asgi import Receive, Sandbox, Scope, Send

Fault = Literal["hang", "hang-after", "500", "500-after", "429", "echo"]


class Faults:
    """The sandbox behind a line that can break. `matching` is tried on "METHOD /path"; the rest passes.

    hang: swallowed, never answered; hang-after: the platform does it, the answer is lost; 500 and 500-after likewise with
    an HTML 502; 429: refused with `Retry-After: 7`; echo: a 400 whose body repeats the request, headers included.
    """

    def __init__(self, app: Sandbox) -> None:
        self.app = app
        self.fault: Fault | None = None
        self.matching: re.Pattern[str] = re.compile(".*")
        self.hits = 0

    def set(self, fault: Fault | None, matching: str = ".*") -> None:
        self.fault, self.matching, self.hits = fault, re.compile(matching), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.fault
        if (
            scope["type"] != "http"
            or fault is None
            or not self.matching.fullmatch(f"{scope['method']} {scope['path']}")
        ):
            return await self.app(scope, receive, send)
        self.hits += 1

        async def nowhere(message: object) -> None:
            pass

        if fault.endswith("-after"):
            await self.app(scope, receive, nowhere)
        if fault in ("hang", "hang-after"):
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        status, kind, extra, body = (
            502,
            b"text/html",
            list[tuple[bytes, bytes]](),
            b"<html>bad gateway</html>",
        )
        if fault == "429":
            status, kind, extra, body = (
                429,
                b"application/json",
                [(b"retry-after", b"7")],
                b'{"message":"slow down"}',
            )
        elif fault == "echo":
            status, kind = 400, b"application/json"
            message = await receive()
            said = b" ".join(k + b"=" + v for k, v in scope["headers"]) + b" " + message.get("body", b"")
            said = (scope["path"].encode() + b"?" + scope["query_string"] + b" ") + said
            body = json.dumps({"message": said.decode("latin-1"), "detail": said.decode("latin-1")}).encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
