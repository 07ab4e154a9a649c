"""Waking whoever waits: workers for new jobs, event streams for news of a run or of an open drawing, each by its id.

NOTIFY inside a state transaction serialises commits, so nothing notifies there. After a commit the bell is rung in memory;
rings of a few milliseconds go out as one NOTIFY. It is a hint only: whoever listens also looks by itself now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from runner.database import Database
from runner.errors import Unreachable

log = logging.getLogger(__name__)

CHANNEL = "baton_run"
WORK = "baton_work"
_GATHER = 0.003  # seconds in which rings are joined
_MANY = 200  # run ids per NOTIFY: its payload is at most 8,000 bytes
_LIVE = "+"  # after an id: the run goes on


class Bell:
    """Rings across processes. `run` carries it; without `run` it rings inside this process only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[UUID, dict[asyncio.Event, bool]] = defaultdict(dict)
        self._rung: dict[UUID, bool] = {}
        self._work = False
        self._workers: set[asyncio.Event] = set()
        self._pending = asyncio.Event()

    def ring(self, *run_ids: UUID, work: bool = False, live: bool = False) -> None:
        """Something of these runs was committed; with `work`, nodes are ready too; with `live`, they surely go on. Returns at once."""
        for run_id in run_ids:
            self._rung[run_id] = live and self._rung.get(run_id, True)
            self._wake(run_id, live)
        if work:
            self._work = True
            self._wake_workers()
        self._pending.set()

    @contextmanager
    def watch_work(self) -> Generator[asyncio.Event]:
        """An event that is set whenever nodes became ready, by any process. The watcher clears it."""
        event = asyncio.Event()
        self._workers.add(event)
        try:
            yield event
        finally:
            self._workers.discard(event)

    @contextmanager
    def watch(self, run_id: UUID, *, end: bool = False) -> Generator[asyncio.Event]:
        """An event that is set whenever something of the run was committed, by any process; with `end` only if the run may have
        ended with it. The watcher clears it."""
        event = asyncio.Event()
        self._watchers[run_id][event] = end
        try:
            yield event
        finally:
            del self._watchers[run_id][event]
            if not self._watchers[run_id]:
                del self._watchers[run_id]

    async def run(self, stop: asyncio.Event) -> None:
        """Send and receive until `stop`; a lost connection is made anew."""
        while not stop.is_set():
            try:
                await self._serve(stop)
            except (OSError, Unreachable, ConnectionError) as error:
                log.warning("the bell lost the database: %s", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.5)

    async def _serve(self, stop: asyncio.Event) -> None:
        connection = await self._database.raw()
        lost = asyncio.Event()
        connection.add_termination_listener(_setter(lost))
        stopping = asyncio.create_task(stop.wait())
        losing = asyncio.create_task(lost.wait())
        try:
            await connection.add_listener(CHANNEL, self._heard)
            await connection.add_listener(WORK, self._heard_of_work)
            self._wake_workers()
            for run_id in list(self._watchers):
                self._wake(run_id)
            while not stop.is_set() and not lost.is_set():
                ringing = asyncio.create_task(self._pending.wait())
                await asyncio.wait((stopping, losing, ringing), return_when=asyncio.FIRST_COMPLETED)
                ringing.cancel()
                if self._pending.is_set() and not lost.is_set():
                    await asyncio.sleep(_GATHER)
                    await self._send(connection)
        finally:
            stopping.cancel()
            losing.cancel()
            with contextlib.suppress(Exception):
                await connection.close(timeout=2)

    async def _send(self, connection: Any) -> None:
        self._pending.clear()
        ids, self._rung = list(self._rung.items()), {}
        work, self._work = self._work, False
        try:
            if work:
                await connection.execute("SELECT pg_notify($1, $2)", WORK, "")
            for start in range(0, len(ids), _MANY):
                text = ",".join(f"{i.hex}{_LIVE if live else ''}" for i, live in ids[start : start + _MANY])
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, text)
        except Exception as error:
            # Whoever listens looks by itself within seconds; still, ring again on the next connection.
            self._rung.update(ids)
            self._work = self._work or work
            self._pending.set()
            raise ConnectionError(str(error)) from error

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for part in str(payload).split(","):
            with contextlib.suppress(ValueError):
                self._wake(UUID(hex=part.removesuffix(_LIVE)), part.endswith(_LIVE))

    def _heard_of_work(self, connection: Any, pid: int, _channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():  # our own workers were woken when it was rung
            self._wake_workers()

    def _wake_workers(self) -> None:
        for event in self._workers:
            event.set()

    def _wake(self, run_id: UUID, live: bool = False) -> None:
        for event, end in self._watchers.get(run_id, {}).items():
            if not (live and end):
                event.set()


def _setter(event: asyncio.Event) -> Callable[[object], None]:
    return lambda _connection: event.set()
