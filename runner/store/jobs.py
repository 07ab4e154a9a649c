"""Handing work to the dispatcher: a job is only a hint that a node run is ready. The row is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import driver

ENTRYPOINT = "node"


def payload(run_id: UUID, node_run_id: UUID) -> bytes:
    return run_id.bytes + node_run_id.bytes


def parse(raw: bytes) -> tuple[UUID, UUID]:
    """(run id, node run id) of a job."""
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])


async def enqueue(connection: AsyncConnection, jobs: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Put (run id, node run id, dedupe mark) into the queue, in the caller's transaction. Repeats are dropped."""
    if not jobs:
        return
    queries = Queries(AsyncpgDriver(await driver(connection)))
    await queries.enqueue(
        [ENTRYPOINT] * len(jobs),
        [payload(run_id, node_run_id) for run_id, node_run_id, _ in jobs],
        [0] * len(jobs),
        dedupe_key=[f"{node_run_id}:{mark}" for _, node_run_id, mark in jobs],
        on_conflict="skip",
    )
