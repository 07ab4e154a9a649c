"""`baton serve`, `worker` and `migrate`: the long-running commands, and what they need first."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

from app.cli.opening import Commands, opened
from app.connection import make_room
from app.main import create_app
from app.parts import open_parts
from app.row_security import missing
from app.sandbox import Tour
from app.serving import keep_what_is_loaded, listen, serving
from app.settings import Settings, StartRefused
from app.watching import Watchers
from runner.store import Store


def add(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve", help="web and engine, with an embedded Postgres unless told otherwise"
    )
    serve.add_argument(
        "--sandbox", action="store_true", help="start four small platforms and a sample chain too"
    )
    serve.add_argument(
        "--no-engine", action="store_true", help="web only; `baton worker` does the work elsewhere"
    )
    serve.set_defaults(run=run_server)
    worker = commands.add_parser("worker", help="engine only, on the same database as a server")
    worker.set_defaults(run=run_worker)
    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(run=run_migrations)


async def run_server(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until a signal; then the web ends first, the engine next, the embedded Postgres last."""
    on = listen(settings.host, settings.port)
    with _stopped() as stop, contextlib.closing(on):
        if settings.port == 0 and settings.public_url.endswith(":0"):
            port = on.getsockname()[1]
            address = f"{settings.public_url.removesuffix(':0')}:{port}"
            settings = settings.model_copy(update={"port": port, "public_url": address})
        async with AsyncExitStack() as stack:
            settings = (await stack.enter_async_context(opened(settings, attach=False))).settings
            tour = await stack.enter_async_context(Tour())
            sample: str | None = None
            async with open_parts(settings, engine=False) as parts:
                if arguments.sandbox:
                    scope = await parts.store.access.scope("sandbox")
                    sample, _ = await tour.begin(parts.store, parts.registry, scope)
                sign_in = await how_to_sign_in(settings, parts.store)
                lack = await missing(parts.store.database)
            watchers = Watchers()
            app = create_app(settings, engine=not arguments.no_engine, tour=tour, watchers=watchers)
            make_room(settings.connections_at_once)
            server = await stack.enter_async_context(
                serving(app, on, watchers.leave, connections=settings.connections_at_once)
            )
            _say(f"Baton runs at {settings.public_url}. Ctrl-C stops it.")
            _say(sign_in)
            if lack is not None:
                _say(f"Warning: {lack}.")
            if sample is not None:
                _say(f"Run the sample chain in another terminal: {_program()} run {sample} --follow")
            keep_what_is_loaded()
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((stopping, server), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if server.done() and not stop.is_set():
                raise StartRefused("The web server ended by itself; see the log above.")
            _say("Stopping.")
    return 0


async def run_worker(settings: Settings, arguments: argparse.Namespace) -> int:
    with _stopped() as stop:
        async with opened(settings) as database, open_parts(database.settings, engine=True) as parts:
            if database.alone:
                _say("No server runs on this data folder: working off what is there.")
            _say("The engine works. Ctrl-C stops it.")
            if (lack := await missing(parts.store.database)) is not None:
                _say(f"Warning: {lack}.")
            assert parts.work is not None
            keep_what_is_loaded()
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((stopping, parts.work), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            _say("Stopping.")
    return 0


async def run_migrations(settings: Settings, arguments: argparse.Namespace) -> int:
    async with opened(settings):
        _say("The database has the newest schema.")
    return 0


async def how_to_sign_in(settings: Settings, store: Store) -> str:
    """How people come in. A code only until an owner has a password: from then on it would be one more way in, in every log."""
    if not await store.accounts.to_be_set_up():
        return f"Sign in: {settings.public_url}/sign-in"
    code = await store.access.create_code()
    if _is_here(settings.host):
        return f"Sign in (once, within 30 minutes): {settings.public_url}/sign-in?code={code}"
    return f"Sign in and set up (once, within 30 minutes): {settings.public_url}/setup?code={code}"


def _is_here(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _stopped() -> Generator[asyncio.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)

    def told() -> None:
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, told)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _program() -> str:
    """How this program was called, as short as it can be typed."""
    path = Path(sys.argv[0]).absolute()
    near = os.path.relpath(path)
    return near if len(near) < len(str(path)) else str(path)


def _say(line: str) -> None:
    print(line, flush=True)
