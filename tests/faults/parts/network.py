"""Slow, cut and hung networks (G15): between us and a platform, and between us and Postgres."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import make_url, select

from providers import discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import node_run, run
from runner.template import Templates
from runner.vault import Vault
from tests.faults.bench import BY, drawing, mapper, until
from tests.faults.field import Field, Red, hold
from tests.faults.proxy import Proxy, Toxic, proxied

DEADLINE = 2.0
"""Seconds a node may take, over all its attempts."""
WAYS = ((True, 800), (False, 800), (True, 60_000))
"""Whether a call may be repeated, and the limit of each call in milliseconds; one longer than the node's."""
LOOPBACK = ("127.0.0.0/8",)
TOXICS = (
    Toxic("latency", "down", seconds=0.2, jitter=0.1),
    Toxic("latency", "up", seconds=3.0),
    Toxic("bandwidth", "up", size=4000),
    Toxic("bandwidth", "down", size=20),
    Toxic("slow_close", "up", seconds=3.0),
    Toxic("hang", "up"),
    Toxic("hang", "down"),
    Toxic("reset_peer", "up"),
    Toxic("reset_peer", "down"),
    Toxic("slicer", "up", size=200, seconds=0.01),
    Toxic("slicer", "down", size=50, seconds=0.02),
    Toxic("limit_data", "up", size=60),
    Toxic("limit_data", "down", size=60),
    Toxic("drop_request"),
    Toxic("swallow_ack"),
    Toxic("half_open", "up"),
    Toxic("half_open", "down"),
    Toxic("refuse"),
)
PASSING = (Toxic("drop_request", times=1), Toxic("swallow_ack", times=1), Toxic("reset_peer", times=1))
"""Gone before the first retry."""


@asynccontextmanager
async def engine_on(field: Field, url: str) -> AsyncGenerator[Engine]:
    """An engine in this process, at work until the block ends; so that its slots can be counted."""
    async with AsyncExitStack() as stack:
        database = Database(url, size=6, reserve=2, answer=2.0)
        stack.push_async_callback(database.aclose)
        store = Store(database, Vault([("test", field.key)]), discover())
        templates = await stack.enter_async_context(Templates())
        platforms = Platforms(store.connections, discover(), egress_allow=LOOPBACK)
        stack.push_async_callback(platforms.aclose)
        options = EngineOptions(field.base, lease=2.0, grace=2.0, allow=LOOPBACK)
        engine = Engine(store, platforms, templates, options)
        stack.push_async_callback(engine.aclose)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(engine.run(stop)), asyncio.create_task(store.bell.run(stop))]
        try:
            yield engine
            hold(not any(task.done() for task in tasks), "the engine ended")
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def remote(field: Field, *, rounds: int) -> str:
    """G15: every fault of the network to a platform ends in a result, a retry or a clear error within the node's limit and a
    second; no slot stays taken. A round has every fault at once, for every way to call."""
    target = urlsplit(field.site.url)
    codes: Counter[str] = Counter()
    proxies: list[Proxy] = []
    flows: list[UUID] = []
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engine_on(field, field.url))
        for toxic in (*TOXICS, *PASSING):
            proxy = await stack.enter_async_context(
                proxied((target.hostname or "", target.port or 0), field.chance)
            )
            proxies.append(proxy)
            for repeatable, timeout in WAYS:
                called = {
                    "url": f"{proxy.url}/ok",
                    "bodyTemplate": "{{ input }}",
                    "timeout": timeout,
                    "deadline": int(DEADLINE * 1000),
                    "idempotent": repeatable,
                    "retryDelay": 100,
                }
                graph = drawing({"t": ("RemoteWebhook", called), "z": mapper("data", "end")}, "t>z")
                name = f"{toxic.kind} {toxic.way} {repeatable} {timeout} {toxic.times}"
                flows.append((await field.store.orchestrators.create(field.scope, name, "", graph)).id)
            proxy.toxics = [toxic]
        for _ in range(rounds):
            for proxy in proxies:
                proxy.hits.clear()
            for flow in flows:
                await field.store.runs.create(field.scope, flow, {"n": 1}, trigger=BY)
            await field.settled(70)

        async def free() -> bool:
            return engine.busy == 0

        await until(free)
    took = node_run.c.finished_at - node_run.c.started_at
    asked = select(node_run.c.label, node_run.c.error, took.label("took"), run.c.state).join(run)
    slowest = 0.0
    for row in await field.rows(asked.where(node_run.c.node_id == "t")):
        slowest = max(slowest, row.took.total_seconds())
        codes["completed" if row.error is None else row.error["code"]] += 1
    hold(slowest <= DEADLINE + 1, "past its limit", slowest)
    hold(codes["completed"] >= rounds * 8, "hardly anything got through", codes)
    hold("internal" not in codes, codes)
    ends = ", ".join(f"{count} {code}" for code, count in sorted(codes.items()))
    return f"{codes.total()} calls over {len(TOXICS) + len(PASSING)} faults ended within {slowest:.1f} s of {DEADLINE + 1:.0f} s: {ends}"


async def database(field: Field, *, runs: int) -> str:
    """G15: whatever happens to the connections to Postgres, runs go on by themselves once it is over, and no slot stays
    taken; connections that nobody closed are given up."""
    socket = field.cluster.socket
    async with proxied(socket, field.chance) as proxy:
        where = make_url(field.url)
        url = where.set(host="127.0.0.1", port=proxy.port, query={}).render_as_string(hide_password=False)
        async with engine_on(field, url) as engine:
            hook = {"url": field.site.url + "/ok", "bodyTemplate": "{{ input }}", "idempotent": True}
            graph = drawing(
                {"a": mapper("input.n", "n"), "t": ("RemoteWebhook", hook), "d": ("Delay", {"duration": 50}),
                 "z": mapper("data", "end")},
                "a>t", "t>d", "d>z",
            )  # fmt: skip
            made = await field.store.orchestrators.create(field.scope, "all", "", graph)
            for toxic in TOXICS:
                if toxic.kind == "slow_close":
                    continue

                async def start() -> None:
                    for number in range(runs):
                        await field.store.runs.create(field.scope, made.id, {"n": number}, trigger=BY)

                await start()
                proxy.toxics = [toxic]
                await start()
                await asyncio.sleep(1)
                proxy.heal()
                try:
                    await field.settled(60)
                except Red as red:
                    raise Red(toxic, *red.args) from None

            async def free() -> bool:
                return engine.busy == 0

            await until(free)
    states = await field.states()
    hold(set(states) == {"COMPLETED"}, states)
    return f"{states['COMPLETED']} runs right over {len(TOXICS) - 1} faults"
