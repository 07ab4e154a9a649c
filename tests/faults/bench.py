"""A crash test's tools: a store, a receiver, workers that die where they are told, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from runner.model import Graph, Scope, TriggerInfo
from runner.store import Store
from runner.tables import node_run, run, run_event
from runner.tokens import callback_token
from tests.faults.invariants import violations
from tests.faults.nursery import Nursery, Worker
from tests.faults.site import Site

BY = TriggerInfo(kind="api", by="tester")
LEASE = 0.8
"""Seconds: short, so that a takeover is soon."""


def drawing(nodes: dict[str, tuple[str, dict[str, Any]]], *wires: str) -> Graph:
    """`wires` are "a>b" or "a:port>b"."""
    edges: list[dict[str, str]] = []
    for number, wire in enumerate(wires):
        source, _, target = wire.partition(">")
        source, _, port = source.partition(":")
        edges.append({"id": f"e{number}", "source": source, "target": target, "sourceHandle": port or "out"})
    return Graph.model_validate(
        {
            "nodes": [
                {"id": n, "type": kind, "data": {"label": n, "config": config}}
                for n, (kind, config) in nodes.items()
            ],
            "edges": edges,
        }
    )


def mapper(source: str = "data", target: str = "end") -> tuple[str, dict[str, Any]]:
    return "DataMapper", {"mappings": [{"from": source, "to": target}]}


async def begin(store: Store, scope: Scope, graph: Graph, inputs: dict[str, Any] | None = None) -> UUID:
    made = await store.orchestrators.create(scope, "test", "", graph)
    return await store.runs.create(scope, made.id, inputs or {}, trigger=BY)


async def run_row(store: Store, run_id: UUID) -> Any:
    async with store.database.begin() as connection:
        return (await connection.execute(select(run).where(run.c.id == run_id))).one()


async def node_rows(store: Store, run_id: UUID) -> dict[str, Any]:
    async with store.database.begin() as connection:
        rows = (await connection.execute(select(node_run).where(node_run.c.run_id == run_id))).all()
    return {r.node_id: r for r in rows}


async def events(store: Store, run_id: UUID) -> list[Any]:
    async with store.database.begin() as connection:
        asked = select(run_event).where(run_event.c.run_id == run_id).order_by(run_event.c.seq)
        return list((await connection.execute(asked)).all())


async def token_of(store: Store, scope: Scope, run_id: UUID, node: str) -> str:
    row = await run_row(store, run_id)
    return callback_token(store.waits.seed(scope.workspace_id, run_id, row.sealed_seed), node)


async def until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for an async condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


@dataclass
class Bench:
    """`key` opens the store's vault in the workers too."""

    nursery: Nursery
    url: str
    key: bytes
    store: Store
    scope: Scope
    site: Site

    def worker(self, point: str = "never", node: str | None = None, **more: Any) -> Worker:
        """A worker process that will SIGKILL itself at `point`; "never" makes a healthy one."""
        order = {"url": self.url, "key": self.key.hex(), "lease": LEASE, "point": point, "node": node}
        return self.nursery.start(order | more)

    async def start(self, graph: Graph, inputs: dict[str, Any] | None = None) -> UUID:
        return await begin(self.store, self.scope, graph, inputs)

    async def killed(self, point: str, node: str | None = "t", **more: Any) -> None:
        """A worker has lived and died at `point`."""
        assert await self.worker(point, node, **more).end() == -signal.SIGKILL

    async def ended(self, run_id: UUID, seconds: float = 20.0) -> Any:
        """The run's row once it has ended, every invariant checked."""

        async def over() -> bool:
            return (await run_row(self.store, run_id)).finished_at is not None

        await until(over, seconds)
        found = await violations(self.store.database)
        assert found == {}, found
        return await run_row(self.store, run_id)

    async def reaches(self, run_id: UUID, node: str, work: str) -> None:
        """Wait until the node run's `work` is that."""

        async def there() -> bool:
            return (await node_rows(self.store, run_id))[node].work == work

        await until(there)
