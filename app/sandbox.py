"""The platforms of the first tour: small servers in this process that speak n8n's, Make's, Zapier's and Airflow's wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from app.sample import NAME, sample
from app.serving import listen, serving
from providers import Account, JsonObject, Registry
from providers.sandbox._asgi import Sandbox
from providers.sandbox.airflow import AirflowSandbox
from providers.sandbox.flowise import FlowiseSandbox
from providers.sandbox.make import MakeSandbox
from providers.sandbox.n8n import N8nSandbox
from providers.sandbox.zapier import ZapierSandbox
from runner.credentials import parse
from runner.model import Graph, Scope
from runner.store import Store
from runner.store.connections import ConnectionRow

PLATFORMS: Mapping[str, Any] = {
    "n8n": N8nSandbox,
    "make": MakeSandbox,
    "zapier": ZapierSandbox,
    "airflow": AirflowSandbox,
}


@asynccontextmanager
async def sandbox_platforms(*, time_scale: float = 1.0) -> AsyncGenerator[dict[str, JsonObject]]:
    """Every sandbox platform, and a Flowise, on a free loopback port: credentials for the connect call by provider name. They
    forget everything when the block ends."""
    async with AsyncExitStack() as stack:

        async def start(kind: Any) -> JsonObject:
            sandbox: Sandbox = kind(time_scale=time_scale)
            on = listen("127.0.0.1", 0)
            await stack.enter_async_context(serving(sandbox, on))
            return kind.connection(f"http://127.0.0.1:{on.getsockname()[1]}")

        found = {name: await start(kind) for name, kind in PLATFORMS.items()}
        flow = await start(FlowiseSandbox)
        yield {**found, "flowise": {"baseUrl": flow["baseURL"], "apiKey": flow["apiKey"]}}


async def connect_sandbox(
    store: Store, registry: Registry, scope: Scope, credentials: Mapping[str, JsonObject]
) -> dict[str, ConnectionRow]:
    """A connection named “Sandbox …” per platform, made or pointed at where the platform listens this time."""
    found = {(row.provider, row.name): row for row in await store.connections.all(scope)}
    made: dict[str, ConnectionRow] = {}
    for provider in credentials:
        kind = registry[provider]
        name, account = f"Sandbox {kind.title}", Account(label="sandbox")
        if (row := found.get((provider, name))) is None:
            connection = parse(kind.connection_model, credentials[provider])
            made[provider] = await store.connections.create(
                scope, provider, name, connection, allow_private_network=True, account=account
            )
        else:
            merged = store.connections.merged(row, credentials[provider])
            made[provider] = await store.connections.update(
                scope, row.id, credentials=merged, allow_private_network=True, account=account
            )
    return made


async def import_sample(store: Store, scope: Scope, connections: Mapping[str, ConnectionRow]) -> str:
    """The id of the sample chain. Made once; saved anew only when connections it names are gone, so edits stay."""
    ids = {provider: str(connections[provider].id) for provider in PLATFORMS}
    for known in await store.orchestrators.page(scope, limit=200, q=NAME):
        if known.name == NAME:
            if not all(connection_id in str(known.definition) for connection_id in ids.values()):
                await store.orchestrators.save(scope, known.id, graph=Graph.model_validate(sample(ids)))
            return str(known.id)
    description = "A tour over all four platforms: price, ship, report, ask for approval by a callback."
    made = await store.orchestrators.create(scope, NAME, description, Graph.model_validate(sample(ids)))
    return str(made.id)


class Tour:
    """The sandbox platforms of one server: started at most once, at its start or when somebody asks, and gone with the block
    that opened this."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._credentials: dict[str, JsonObject] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def begin(
        self, store: Store, registry: Registry, scope: Scope
    ) -> tuple[str, dict[str, ConnectionRow]]:
        """The id of the sample chain, and a connection per platform; what is there is kept as it is."""
        async with self._lock:
            if self._credentials is None:
                self._credentials = await self._stack.enter_async_context(sandbox_platforms())
            made = await connect_sandbox(store, registry, scope, self._credentials)
            return await import_sample(store, scope, made), made
