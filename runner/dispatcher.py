"""Taking what is ready and handing it to the workers of this process. The rows are the queue: a bell only says when to look."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from runner.errors import RunnerError
from runner.store import Store
from runner.store.claims import Claim

log = logging.getLogger(__name__)

MOST = 32
"""Nodes taken in one statement."""
POLL = 1.0
"""Seconds after which it looks by itself: a bell may be lost, and a silent worker's lease ends without one."""
AGAIN = 0.005
"""Seconds until it looks again at what somebody was just writing; twice as long each time that it still is."""


class Dispatcher:
    """Hands ready node runs to `work`, at most `concurrency` at once in this process. `held` are those in its hands now."""

    def __init__(
        self,
        store: Store,
        work: Callable[[Claim], Awaitable[int]],
        held: Collection[UUID],
        *,
        concurrency: int,
        lease: float,
    ) -> None:
        self._store = store
        self._work = work
        self._held = held
        self._concurrency = max(2, concurrency)
        self._lease = lease
        self._tasks: set[asyncio.Future[None]] = set()
        self._open, self._over = True, False
        self._missed = 0

    @contextmanager
    def place(self) -> Generator[Callable[[Claim], None] | None]:
        """What takes a claim that was got elsewhere, and room for it while the block lasts. None where there is no room, or the
        dispatcher has stopped."""
        if not self._open or len(self._tasks) >= self._concurrency:
            yield None
            return
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keep(room)
        try:
            yield self._hand
        finally:
            self._tasks.discard(room)
            room.cancel()  # who waits for room hears it

    async def run(self, stop: asyncio.Event, *, grace: float, stopping: Callable[[], None]) -> None:
        """Serve until `stop`. Then take nothing more, and wait up to `grace` seconds for work in hand."""
        stopped = asyncio.create_task(stop.wait())
        try:
            with self._store.bell.watch_work() as rung:
                while not stop.is_set():
                    await self._look(stopped, rung)
            stopping()
            self._open = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    while self._tasks:
                        await asyncio.wait(self._tasks)
        finally:
            self._open, self._over = False, True
            stopped.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, stopped: asyncio.Task[bool], rung: asyncio.Event) -> None:
        """Take once, and wait until it is worth while to take again."""
        free = self._concurrency - len(self._tasks)
        wait = POLL
        rung.clear()
        if free > 0:
            try:
                taken = await self._store.claims.take(min(free, MOST), lease=self._lease, held=self._held)
            except (OSError, RunnerError, SQLAlchemyError) as error:
                log.warning("the dispatcher lost the database; looking again", {"why": error})
                wait = 0.3
            except Exception:  # a dispatcher that ends strands every run
                log.exception("the dispatcher could not take what is ready; looking again")
            else:
                for claim in taken.claims:
                    self._hand(claim)
                self._missed = 0 if taken.claims or not taken.more else min(10, self._missed + 1)
                if taken.more:
                    wait = min(POLL, AGAIN * 2**self._missed) if self._missed else 0.0
        ringing = asyncio.create_task(rung.wait())
        watched: set[asyncio.Future[Any]] = {stopped, ringing}
        if len(self._tasks) >= self._concurrency:
            watched = {stopped, *self._tasks}
        with contextlib.suppress(TimeoutError):
            await asyncio.wait(watched, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        ringing.cancel()

    def _hand(self, claim: Claim) -> None:
        if self._over:
            log.warning("a step was left until its lease ends", {"nodeRun": claim.node_run_id})
        else:
            self._keep(asyncio.create_task(self._guarded(claim)))

    def _keep(self, task: asyncio.Future[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, claim: Claim) -> None:
        """A fault of the database leaves the row as it is: its lease runs out, and whoever comes then takes it over."""
        try:
            await self._work(claim)
        except Exception as error:
            log.warning("a step was left until its lease ends", {"nodeRun": claim.node_run_id, "why": error})
