"""A nursery of workers that die on cue: `python -m tests.faults.worker` forks one for each line of JSON it reads.

Forking from a warm interpreter makes a fresh worker in milliseconds. A worker wraps the store's own methods, inside its own
process, and ends itself by SIGKILL at the point it was told; the product has no hook for any of this. An order with `web`
makes a web server on that port instead; one with `rotate` moves every sealed record to the first of its `keys`, that many at
a time, and ends; one with `migrate` brings the database to the newest schema, and dies before it sends so many statements;
one with `defect` plants a mistake first.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn, cast
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.engine import Engine as Sql

from app.main import create_app
from app.migrate import upgrade
from app.serving import listen, serving
from app.settings import SecretKey, Settings
from providers import Http, _http, discover
from runner.breaker import Policy
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.platforms import Platforms
from runner.store import Store
from runner.store.runs import Runs
from runner.template import Templates
from runner.vault import Vault
from tests.faults.defects import DEFECTS

LOOPBACK = ("127.0.0.0/8",)
STDIN = 0
WROTE = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"
"""Whether the transaction that asks has written anything: only those that did change what a death leaves behind."""
DRY, WET, AFTER = "before", "inside", "after"
"""Where a method is cut: before it begins; at the end of its transaction, just before the commit; after it returned."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Doom:
    """Cuts one method of the store or of the HTTP client. `node` limits it to claims of that node."""

    def __init__(self, store: Store, node: str | None) -> None:
        self._store = store
        self._node = node
        self._inside = False

    def cut(self, owner: Any, name: str, where: str, when: Callable[..., bool] | None = None) -> None:
        original = getattr(owner, name)

        async def cut(*args: Any, **kwargs: Any) -> Any:
            if when is None or when(*args, **kwargs):
                if where == DRY:
                    die()
                self._inside = where == WET
                result = await original(*args, **kwargs)
                self._inside = False
                if where == AFTER and self._concerns(name, result):
                    die()
                return result
            return await original(*args, **kwargs)

        setattr(owner, name, cut)

    def before_commits(self) -> None:
        """Die at the end of a transaction of a method that was cut "inside", with everything written and nothing committed."""
        begin = self._store.database.begin

        @asynccontextmanager
        async def doomed(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
            async with begin(*scope, **options) as connection:
                yield connection
                if self._inside:
                    die()

        self._store.database.begin = doomed
        fast = self._store.database.fast

        @asynccontextmanager
        async def doomed_fast(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
            """A statement of its own dies within its transaction too."""
            async with fast(*scope, **options) as connection, connection.transaction():
                yield connection
                if self._inside:
                    die()

        self._store.database.fast = doomed_fast

    def after_commits(self, count: int) -> None:
        """Die when that many transactions of this process that wrote anything have been committed, whatever they were."""
        done = 0

        def counted(wrote: bool) -> None:
            nonlocal done
            done += wrote
            if wrote and done == count:
                die()

        begin = self._store.database.begin

        @asynccontextmanager
        async def doomed(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
            async with begin(*scope, **options) as connection:
                yield connection
                wrote = await connection.scalar(text(WROTE))
            counted(wrote)

        self._store.database.begin = doomed
        fast = self._store.database.fast

        @asynccontextmanager
        async def doomed_fast(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
            async with fast(*scope, **options) as connection:
                async with connection.transaction():
                    yield connection
                    wrote = await connection.fetchval(WROTE)
                counted(wrote)

        self._store.database.fast = doomed_fast

    def _concerns(self, name: str, result: Any) -> bool:
        """Whether what a method returned is of the node that is to die."""
        match name:
            case "take":
                return any(self._is_mine(claim) for claim in result.claims)
            case "rows":
                return any(row["id"] is not None and self._node in (None, row["node_id"]) for row in result)
            case "take_due":
                return bool(result[1])
            case _:
                return True

    def _is_mine(self, claim: Any) -> bool:
        return claim is not None and (self._node is None or claim.spec.id == self._node)

    def mine(self, given: Any, *_: Any, **__: Any) -> bool:
        """Of a claim, or of one of the steps that are recorded together."""
        steps = cast("list[Any]", given) if isinstance(given, list) else [given]
        return any(self._is_mine(getattr(step, "claim", step)) for step in steps)

    def held(self, claims: Any, **_: Any) -> bool:
        return any(self._is_mine(claim) for claim in claims)


def arm(point: str, node: str | None, store: Store) -> None:
    """Make this process die at `point`."""
    doom = Doom(store, node)
    if point.startswith("commit:"):
        doom.after_commits(int(point.removeprefix("commit:")))
        return
    if point == "never":
        return
    doom.before_commits()
    match point:
        case "claim:inside":
            doom.cut(store.claims, "rows", AFTER)
        case "claim:after":
            doom.cut(store.claims, "take", AFTER)
        case "send:before":
            doom.cut(Http, "call", DRY, _starting)
        case "send:poison":
            doom.cut(Http, "call", DRY, _poisoned)
        case "child:after":
            doom.cut(store.runs, "create_child", AFTER)
        case "settle:before" | "settle:inside" | "settle:after":
            for name in ("end", "park", "again"):
                doom.cut(store.settling, name, point.partition(":")[2], doom.mine)
        case "renew:before" | "renew:inside":
            doom.cut(store.claims, "extend", point.partition(":")[2], doom.held)
        case "fire:inside":
            doom.cut(store.due, "take_due", AFTER)
        case "rotate:inside":
            doom.cut(store.keys, "rewrap_some", WET)
        case "signal:inside" | "signal:after":
            doom.cut(store.waits, "signal", point.partition(":")[2])
        case "cancel:inside" | "cancel:after":
            doom.cut(store.runs, "_cancel", point.partition(":")[2])
        case "hold:before" | "hold:inside" | "hold:after":
            doom.cut(store.settling, "hold", point.partition(":")[2], doom.mine)
        case _:
            raise ValueError(point)


def _starting(_http: Http, method: str, url: str, **_: Any) -> bool:
    return method == "POST" and "/auth/" not in url  # a platform's login starts nothing


def _poisoned(_http: Http, _method: str, url: str, **_: Any) -> bool:
    return "/poison" in url


def die_before_answers(count: int) -> None:
    """Make this web process die when it has committed that many runs, before it tells anybody of the last."""
    create, done = Runs.create, 0

    async def doomed(self: Any, *given: Any, **more: Any) -> Any:
        nonlocal done
        made = await create(self, *given, **more)
        done += 1
        if done == count:
            die()
        return made

    Runs.create = doomed


async def serve_web(order: dict[str, Any], stop: asyncio.Event) -> None:
    key = base64.b64encode(bytes.fromhex(order["key"])).decode()
    settings = Settings(
        database_url=SecretStr(order["url"]),
        data_dir=Path(order["folder"]),
        public_url=f"http://127.0.0.1:{order['web']}",
        secret_keys=(SecretKey("test", SecretStr(key)),),
        egress_allow=tuple(ip_network(n) for n in LOOPBACK),
    ).model_copy(update=order.get("settings", {}))
    if "answers" in order:
        die_before_answers(order["answers"])
    app = create_app(settings, engine=order.get("engine", False))
    async with serving(app, listen("127.0.0.1", order["web"])):
        await stop.wait()


async def migrate(order: dict[str, Any]) -> None:
    """Statements and commits count alike."""
    sent = 0

    def counted(*_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == order["migrate"]:
            die()

    event.listen(Sql, "before_cursor_execute", counted)
    event.listen(Sql, "commit", counted)
    await upgrade(order["url"])


def policy(told: dict[str, float]) -> Policy:
    """Times in seconds."""
    times = {"window", "first", "longest", "patience"}
    return Policy(**{k: timedelta(seconds=v) if k in times else v for k, v in told.items()})  # pyright: ignore[reportArgumentType]


async def serve(order: dict[str, Any]) -> None:
    if (defect := order.get("defect")) is not None:
        DEFECTS[defect](order)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if "migrate" in order:
        await migrate(order)
        return
    if "web" in order:
        await serve_web(order, stop)
        return
    setattr(_http, "USER_AGENT", f"{_http.USER_AGENT} ({os.getpid()})")  # noqa: B010  (so that receivers know who calls)
    database = Database(order["url"], size=6)
    registry = discover()
    keys = order.get("keys") or [("test", order["key"])]
    store = Store(database, Vault([(name, bytes.fromhex(raw)) for name, raw in keys]), registry)
    arm(order["point"], order.get("node"), store)
    if "rotate" in order:
        await store.keys.rewrap_all(order["rotate"])
        return
    if "signal" in order:
        told = order["signal"]
        await store.waits.signal(UUID(told["run"]), told["token"], told["body"])
        return
    if "cancel" in order:
        await store.runs.cancel(await store.access.scope("bench"), UUID(order["cancel"]))
        return
    async with Templates() as templates:
        platforms = Platforms(store.connections, registry, egress_allow=LOOPBACK)
        options = EngineOptions(
            order.get("public_url", "http://127.0.0.1:8000"),
            lease=order["lease"],
            grace=order.get("grace", 5.0),
            concurrency=order.get("concurrency", 16),
            allow=LOOPBACK,
            breaker=policy(order.get("breaker", {})),
            tidy=2.0,
        )
        engine = Engine(store, platforms, templates, options)
        await asyncio.gather(engine.run(stop), store.bell.run(stop))
        await engine.aclose()
        await platforms.aclose()
    await database.aclose()


def main() -> None:
    """Read orders, fork, and tell each child's pid at once and its end when it comes: `{"pid", "code"}`."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _noted)
    pending = b""
    while True:
        ready, _, _ = select.select([STDIN, reading], [], [])
        if reading in ready:
            os.read(reading, 512)
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    _tell({"pid": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})
        if STDIN in ready:
            if not (piece := os.read(STDIN, 65536)):
                return
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _be(json.loads(line))
                _tell({"pid": pid})


def _noted(*_: object) -> None:
    """The wake-up descriptor carries the news; a handler must be there for it to be written to."""


def _tell(news: dict[str, int]) -> None:
    print(json.dumps(news), flush=True)


def _be(order: dict[str, Any]) -> NoReturn:
    """The child's whole life."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    code = 1
    try:
        asyncio.run(serve(order))
        code = 0
    except BaseException:
        logging.exception("a worker failed")
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
