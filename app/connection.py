"""Connections of slow or hostile clients are bounded in number, time and memory (threats T14): whoever sends or reads a byte at a
time loses their own place and nobody else's.

uvicorn has no time limit for a request's head, none for a body that nobody reads, and none for an answer that is not taken; nor
does its parser limit a head's size. This is its protocol with these limits.
"""

from __future__ import annotations

import asyncio
import json
import resource
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""A request's head has this long to arrive, counted from the connect or from its first byte."""
REST_SECONDS = 30.0
"""And its body, read or not; whoever reads one has a shorter limit (`app.body`)."""
TAKING_SECONDS = 60.0
"""A client that takes nothing of its answer for so long is gone."""
IDLE_SECONDS = 5.0
"""Between two requests."""
HEAD_BYTES = 64 * 1024
REFUSED_SECONDS = 1.0
CONNECTIONS = 2000
_REFUSED_AT_ONCE = 256
_FILES = 512
"""Besides connections of clients: the database, platforms, files."""

Phase = Literal["idle", "head", "rest", "answer"]


class Door:
    """At most `most` connections at once. One more takes the place of the one that has been idle, or has sent half a request, for
    longest: of such a request nothing was stored. Who never sent a whole one goes before who did. Where all wait for their answers
    it is refused."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside: set[Connection] = set()
        self.strangers: dict[Connection, None] = {}
        """Those that have sent no whole request yet, longest first."""
        self.idle: dict[Connection, None] = {}
        """Those that have sent no whole request since their last answer, longest first."""
        self.refused: set[Connection] = set()

    def enters(self, connection: Connection) -> bool:
        if len(self.inside) >= self.most:
            oldest = next(iter(self.strangers or self.idle), None)
            if oldest is None:
                return False
            self.leaves(oldest)
            oldest.close()
        self.inside.add(connection)
        return True

    def leaves(self, connection: Connection) -> None:
        self.inside.discard(connection)
        self.refused.discard(connection)
        self.asks(connection)

    def asks(self, connection: Connection) -> None:
        """It has sent a whole request: its place is its own until the answer."""
        self.strangers.pop(connection, None)
        self.idle.pop(connection, None)


class Connection(HttpToolsProtocol):
    """One connection; `door` is its server's."""

    def __init__(self, *given: Any, door: Door, **more: Any) -> None:
        super().__init__(*given, **more)
        self._door = door
        self._phase: Phase = "idle"
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head = 0
        self._known = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if self._door.enters(self):
            self._begin("head")
        elif len(self._door.refused) < _REFUSED_AT_ONCE:
            self._door.refused.add(self)  # it is told when it has asked: an answer before that is often lost
            self._after(REFUSED_SECONDS, self.close)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leaves(self)
        self._after(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self in self._door.refused:
            hint = "Send it again after the seconds in Retry-After."
            self._refuse(
                503,
                f"{self._door.most} connections are open here, and no more at once.",
                code="overloaded",
                hint=hint,
            )
            return
        if self.transport.is_closing():
            return
        if self._phase == "idle":
            self._begin("head")
        super().data_received(data)
        if self._phase == "head":
            self._grown(len(data))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if self._phase != "head":  # a trailer; the head's own bytes are counted as they come
            self._grown(len(name) + len(value))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin("head")

    def on_headers_complete(self) -> None:
        self._begin("rest")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._begin("answer")
        self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg, code="bad-request")

    def close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _begin(self, phase: Phase) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if phase == "head":
            self._head = 0
            self._asks_nothing()
            self._after(HEAD_SECONDS, self._late)
        elif phase == "rest":
            self._after(REST_SECONDS, self.close)
        elif phase == "answer":
            self._door.asks(self)
            self._known = True
            self._after(None)
        else:
            self._asks_nothing()
            self._after(IDLE_SECONDS, self.close)

    def _asks_nothing(self) -> None:
        """From here on it is the first to make room again only after all others that ask nothing now."""
        if self in self._door.inside:
            self._door.asks(self)
            (self._door.idle if self._known else self._door.strangers)[self] = None

    def _rest(self) -> None:
        if self._phase == "answer" and self.cycle.response_complete:
            self._begin("idle")

    def _late(self) -> None:
        if self._head:
            self._refuse(
                408,
                f"The head of the request did not arrive within {HEAD_SECONDS:g} seconds.",
                code="too-slow",
            )
        else:
            self.close()

    def _grown(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            self._refuse(
                431, f"The head of a request has at most {HEAD_BYTES} bytes here.", code="headers-too-large"
            )

    def _after(self, seconds: float | None, act: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, act)

    def _refuse(self, status: int, detail: str, *, code: str, hint: str | None = None) -> None:
        """An answer that no route gave, and the end of the connection; only the end, where an answer is under way."""
        if self.transport.is_closing():
            return
        if not self.cycle or self.cycle.response_complete:
            title = code.replace("-", " ").capitalize()
            told = {
                "type": f"urn:baton:problem:{code}",
                "title": title,
                "status": status,
                "detail": detail,
                "code": code,
            }
            body = json.dumps(told | ({"hint": hint} if hint else {})).encode()
            lines = [f"HTTP/1.1 {status} {title}", "content-type: application/problem+json", f"content-length: {len(body)}",
                     *(["retry-after: 1"] if status == 503 else ()), "connection: close", "", ""]  # fmt: skip
            self.transport.write("\r\n".join(lines).encode() + body)
        self.close()


def make_room(connections: int) -> None:
    """Let this process open as many files as so many connections need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
