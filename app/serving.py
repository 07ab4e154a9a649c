"""Web servers inside our own loop, which keeps the signals to itself: what stops, and in which order, is decided there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from app.connection import CONNECTIONS, Connection, Door
from app.settings import StartRefused

GRACE = 5
"""Seconds an open request has to end when the server stops."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address; port 0 takes a free one. Raises StartRefused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; else each answer can wait 40 ms for an ACK.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(2048)
    except OSError as error:
        made.close()
        raise StartRefused(
            f"Cannot listen on {host}, port {port}: {error.strerror}. "
            "Stop what is there, or set BATON_PORT (0 takes a free one) and BATON_HOST."
        ) from error
    return made


def keep_what_is_loaded() -> None:
    """What this process has loaded by now stays: full garbage collections no longer walk through it. Each of them held up the event
    loop for 80 ms, after every few dozen long answers (`benchmarks.history`)."""
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def serving(
    app: Any,
    on: socket.socket,
    leave: Callable[[], None] = lambda: None,
    *,
    connections: int = CONNECTIONS,
) -> AsyncGenerator[asyncio.Task[None]]:
    """`app` on that socket, up when the block begins and gone when it ends; the task ends early only if the server does.

    At most `connections` are open at once. At the end first `leave` is called, which ends what would never end by itself, then
    open requests have `GRACE`. Raises what the app's start raised.
    """
    config = uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], partial(Connection, door=Door(connections))),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    failure: list[BaseException] = []
    config.app = _telling(app, failure)
    server = _Server(config)

    async def serve() -> None:
        try:
            await server.serve(sockets=[on])
        except SystemExit as error:  # uvicorn's answer to a failed start; here it would end the whole loop
            failure.append(error)

    task = asyncio.create_task(serve())
    try:
        started = asyncio.create_task(server.up.wait())
        await asyncio.wait((started, task), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if not server.started:
            await task
            raise failure[0]
        yield task
    finally:
        leave()
        server.should_exit = True
        await task
        on.close()


def _telling(app: Any, failure: list[BaseException]) -> Any:
    """`app`, with the reason of a failed start kept in `failure`: uvicorn only logs it, as a traceback."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        told = False

        async def quiet(message: Any) -> None:
            nonlocal told
            told = True
            failed = message["type"] == "lifespan.startup.failed"
            await send({"type": message["type"], "message": ""} if failed else message)

        try:
            await app(scope, receive, quiet)
        except Exception as error:
            failure.append(error)
            if not told:
                await send({"type": "lifespan.startup.failed", "message": ""})

    return wrapped
