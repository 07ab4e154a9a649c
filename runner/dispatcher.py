"""PgQueuer at work: it claims jobs, wakes on NOTIFY, polls as the truth, and gives up gracefully.

A lost database connection ends PgQueuer's loop for good; the loop here starts over with a new pool (docs/adr/0002).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job

from runner.database import Database
from runner.errors import RunnerError
from runner.store.jobs import ENTRYPOINT, parse

log = logging.getLogger(__name__)

_BATCH = 16
_POLL = timedelta(seconds=1)
_HEARTBEAT = timedelta(seconds=15)


class Dispatcher:
    """Hands ready node runs to `work`, at most `concurrency` at once in this process."""

    def __init__(
        self, database: Database, work: Callable[[UUID, UUID], Awaitable[int]], *, concurrency: int
    ) -> None:
        self._database = database
        self._work = work
        self._concurrency = max(2, concurrency)

    async def run(self, stop: asyncio.Event, *, grace: float, stopping: Callable[[], None]) -> None:
        """Serve until `stop`. Then claim nothing more, and wait up to `grace` seconds for work in hand."""
        while not stop.is_set():
            try:
                await self._serve(stop, grace, stopping)
            except (OSError, RunnerError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if stop.is_set():
                    return
                log.warning("the dispatcher lost the database: %s; starting over", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.3)

    async def _serve(self, stop: asyncio.Event, grace: float, stopping: Callable[[], None]) -> None:
        pool = await self._database.raw_pool(4)
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))

        @manager.entrypoint(ENTRYPOINT, accepts_context=False)
        async def node(job: Job) -> None:
            if job.payload is not None:
                await self._guarded(*parse(job.payload))

        batch = max(1, min(_BATCH, self._concurrency // 2))
        serving = asyncio.create_task(
            manager.run(
                dequeue_timeout=_POLL,
                batch_size=batch,
                max_concurrent_tasks=max(self._concurrency, 2 * batch),
                heartbeat_timeout=_HEARTBEAT,
                shutdown_on_listener_failure=True,
            )
        )
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                stopping()
            manager.shutdown.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(serving), grace)
        finally:
            stopped.cancel()
            if not serving.done():
                serving.cancel()
            results = await asyncio.gather(serving, return_exceptions=True)
            pool.terminate()
        if isinstance(results[0], Exception):
            raise (
                results[0]
                if isinstance(results[0], OSError | asyncpg.PostgresError | asyncpg.InterfaceError)
                else OSError(str(results[0]))
            )

    async def _guarded(self, run_id: UUID, node_run_id: UUID) -> None:
        """A fault of the database leaves the row as it is: its lease runs out and the repair sweep offers it again."""
        try:
            await self._work(run_id, node_run_id)
        except Exception as error:
            log.warning("node run %s was left to the repair sweep: %s", node_run_id, error)
