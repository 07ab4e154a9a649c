"""Running one node: a run of it alone (or of a small drawing), driven to its end, and what its history says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from providers import discover
from runner.engine import Engine
from runner.model import Graph, Scope
from runner.store import Store
from runner.tables import node_attempt, node_run
from tests.faults.bench import begin, drawing, events, node_rows, run_row, until


@dataclass
class Ran:
    """An ended run. `node` is the row of the node called `t`."""

    row: Any
    node: Any
    events: list[Any]
    attempts: list[Any]

    @property
    def lines(self) -> list[str]:
        return [e.message for e in self.events]

    def of(self, kind: str) -> list[Any]:
        return [e for e in self.events if e.kind == kind]


class Drive:
    def __init__(self, store: Store, scope: Scope, engine: Engine) -> None:
        self.store = store
        self.scope = scope
        self.engine = engine

    async def one(self, kind: str, config: dict[str, Any], inputs: dict[str, Any] | None = None) -> Ran:
        """A run of this node alone, to its end."""
        return await self.graph(drawing({"t": (kind, config)}), inputs)

    async def graph(self, graph: Graph, inputs: dict[str, Any] | None = None) -> Ran:
        return await self.end(await self.start(graph, inputs))

    async def start(self, graph: Graph, inputs: dict[str, Any] | None = None) -> UUID:
        return await begin(self.store, self.scope, graph, inputs)

    async def end(self, run_id: UUID, seconds: float = 20.0) -> Ran:
        async def over() -> bool:
            await self.engine.run_until_idle()
            return (await run_row(self.store, run_id)).finished_at is not None

        await until(over, seconds)
        async with self.store.database.begin() as connection:
            asked = (
                select(node_attempt)
                .join(node_run)
                .where(node_run.c.run_id == run_id, node_run.c.node_id == "t")
                .order_by(node_attempt.c.attempt)
            )
            attempts = list((await connection.execute(asked)).all())
        rows = await node_rows(self.store, run_id)
        return Ran(
            await run_row(self.store, run_id), rows.get("t"), await events(self.store, run_id), attempts
        )

    async def connect(self, provider: str, credentials: dict[str, Any]) -> UUID:
        connection = discover()[provider].connection_model.model_validate(credentials)
        row = await self.store.connections.create(
            self.scope, provider, "sandbox", connection, allow_private_network=True
        )
        return row.id


@dataclass
class Deaf:
    """Reads a request and closes the connection without a word: taken, perhaps."""

    url: str = ""
    requests: int = 0


@asynccontextmanager
async def deaf() -> AsyncGenerator[Deaf]:
    found = Deaf()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        found.requests += 1
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield found
