"""What the platforms offer, for people who choose: copies served at once, renewed behind their back, honest about age."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from providers import (
    LeftOut,
    Preview,
    ProviderError,
    RateLimited,
    RemoteNotFound,
    RemoteWorkflow,
    Unavailable,
)
from runner.errors import Conflict, RunnerError
from runner.model import Failure, Scope
from runner.platforms import Platforms, failure_of
from runner.store.catalog import Catalog
from runner.store.connections import ConnectionRow, Connections

FRESH = timedelta(minutes=5)
PATIENCE = 2.0
"""Seconds a reader waits for a newer preview before the copy is shown."""
RETRY = timedelta(minutes=1)
"""Between two tries, by themselves, of a list that could not be read; longer where the platform says so."""
_LONGEST_WAIT = 86_400.0
_SYNC_SECONDS = 60.0
_LOOK_SECONDS = 30.0
_MOST = 20_000
"""Workflows kept per connection."""
_MOST_LEFT_OUT = 100
_MOST_COMPARED = 20
"""Imported workflows looked at again with each reading of their list."""
_IMPORTED = ""
"""In the place of a workflow's id: those of the connection that are imported somewhere."""

ValueT = TypeVar("ValueT")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """`stale`: older than five minutes, or the platform did not answer; `problem` says why it did not."""

    connection_id: UUID
    items: tuple[RemoteWorkflow, ...]
    synced_at: datetime
    stale: bool
    problem: Failure | None


class Library:
    """Reads through copies. Renewals of one thing are shared by all who ask, and go on when the asker has left."""

    def __init__(self, platforms: Platforms, connections: Connections, catalog: Catalog) -> None:
        self._platforms = platforms
        self._connections = connections
        self._catalog = catalog
        self._again: dict[UUID, datetime] = {}
        self._under_way: dict[tuple[UUID, str | None], asyncio.Task[Any]] = {}

    async def workflows(
        self,
        scope: Scope,
        provider: str,
        connection_id: UUID | None,
        *,
        refresh: bool = False,
        q: str = "",
        active: bool | None = None,
        limit: int = 50,
        after: tuple[str, str] | None = None,
    ) -> Listing:
        """The copy of the list. Asked for the first time, or with `refresh`, it is read from the platform first; when that
        fails, the copy is served with the problem, or, where there is none, the ProviderError is raised."""
        self._platforms.kind(provider)
        row = await self._connections.usable(scope, provider, connection_id)
        synced_at, problem = row.last_sync_at, None
        if synced_at is None:
            synced_at = await asyncio.shield(self._synced(scope, row))
        elif refresh:
            try:
                synced_at = await asyncio.shield(self._synced(scope, row))
            except (ProviderError, Conflict) as error:
                problem = failure_of(error)
        elif datetime.now(UTC) - synced_at > FRESH:
            self._synced(scope, row)
        items = await self._catalog.page(scope, row.id, q=q, active=active, limit=limit, after=after)
        stale = problem is not None or datetime.now(UTC) - synced_at > FRESH
        if stale and problem is None and row.last_error is not None:
            problem = Failure.model_validate(row.last_error)
        return Listing(row.id, items, synced_at, stale, problem)

    def renew(self, scope: Scope, rows: Iterable[ConnectionRow], *, refresh: bool = False) -> frozenset[UUID]:
        """Begin to read the lists that are old, or all of them; nobody waits. The connections whose list is being read now.

        A list that is old because its platform does not answer is tried once a minute, however many ask, and not before the
        time that a platform named which was asked too often.
        """
        now = datetime.now(UTC)
        for row in rows:
            if row.status == "INACTIVE" or not self._platforms.lists(row.provider):
                continue
            old = row.last_sync_at is None or now - row.last_sync_at > FRESH
            if refresh or (old and self._again.get(row.id, now) <= now):
                self._again[row.id] = now + RETRY
                self._synced(scope, row)
        return frozenset(connection_id for connection_id, workflow in self._under_way if not workflow)

    def again(self, connection_id: UUID) -> datetime | None:
        """From when on a list that could not be read is tried again; None: at once, or this process has not tried it."""
        at = self._again.get(connection_id)
        return at if at is not None and at > datetime.now(UTC) else None

    def looking(self, connection_id: UUID, workflow_id: str) -> bool:
        """Whether a newer preview is being read now."""
        return (connection_id, workflow_id) in self._under_way

    async def seen(
        self,
        scope: Scope,
        wanted: Iterable[tuple[UUID, str]],
        *,
        refresh: bool = False,
        patience: float = _LOOK_SECONDS,
    ) -> dict[tuple[UUID, str], Preview | Failure]:
        """What is known of these (connection, workflow): two statements for all copies, and one question to the platform for each
        that is old. Copies do not wait for the answers (`looking` says which are to come); without a copy all are waited for
        together, as long as one preview, and with `refresh` as long as `patience` (seconds)."""
        rows = {row.id: row for row in await self._connections.all(scope)}
        keys = [key for key in set(wanted) if key[0] in rows]
        copies = await self._catalog.previews(scope, keys)
        known: dict[tuple[UUID, str], Preview | Failure] = {**copies}
        old = [
            key
            for key in keys
            if refresh or key not in copies or datetime.now(UTC) - copies[key].fetched_at > FRESH
        ]
        tasks = {key: self._once(key, self._look(scope, rows[key[0]], key[1])) for key in old}
        if waited := [task for key, task in tasks.items() if refresh or key not in copies]:
            await asyncio.wait(waited, timeout=patience if refresh else PATIENCE)
        for key, task in tasks.items():
            if not task.done():
                known.setdefault(key, Failure(code="timeout", message="the platform has not answered yet"))
            elif (error := task.exception()) is None:
                known[key] = task.result()
            elif isinstance(error, RemoteNotFound) or (
                key not in known and isinstance(error, ProviderError | RunnerError)
            ):
                known[key] = failure_of(error)
            elif not isinstance(error, ProviderError | RunnerError):
                raise error
        return known

    async def preview(
        self,
        scope: Scope,
        provider: str,
        connection_id: UUID | None,
        workflow_id: str,
        *,
        refresh: bool = False,
        patience: float | None = None,
    ) -> Preview:
        """The graph as it is now if the platform says so in time, else the copy; `fetched_at` tells which. With `refresh` it is
        asked for in any case, and waited for without end unless `patience` (seconds) is given.

        Raises the ProviderError where there is no copy, and RemoteNotFound always.
        """
        self._platforms.kind(provider)
        row = await self._connections.usable(scope, provider, connection_id)
        kept = await self._catalog.preview(scope, row.id, workflow_id)
        if kept is not None and not refresh and datetime.now(UTC) - kept.fetched_at <= FRESH:
            return kept
        renewal = self._once((row.id, workflow_id), self._look(scope, row, workflow_id))
        if kept is None:
            return await asyncio.shield(renewal)
        try:
            within = patience if refresh else PATIENCE
            return await asyncio.wait_for(asyncio.shield(renewal), within)
        except TimeoutError:
            return kept
        except RemoteNotFound:
            raise
        except (ProviderError, Conflict) as error:
            log.info("a preview is a copy", {"workflow": workflow_id, "why": error})
            return kept

    async def aclose(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _synced(self, scope: Scope, row: ConnectionRow) -> asyncio.Task[datetime]:
        return self._once((row.id, None), self._sync(scope, row))

    def _once(self, key: tuple[UUID, str | None], work: Coroutine[Any, Any, ValueT]) -> asyncio.Task[ValueT]:
        """The renewal of `key` that is under way, or a new one. Its failure is told to those who wait, and logged."""
        if (task := self._under_way.get(key)) is not None:
            work.close()
            return task
        task = self._under_way[key] = asyncio.create_task(work)

        def ended(done: asyncio.Task[ValueT]) -> None:
            del self._under_way[key]
            if not done.cancelled() and (error := done.exception()) is not None:
                known = isinstance(error, ProviderError | RunnerError)
                log.log(
                    logging.INFO if known else logging.ERROR,
                    "a renewal failed",
                    {"why": error if known else type(error).__name__},
                )

        task.add_done_callback(ended)
        return task

    async def _sync(self, scope: Scope, row: ConnectionRow) -> datetime:
        provider = await self._platforms.of(scope, row)
        found: list[RemoteWorkflow] = []
        left_out: list[LeftOut] = []
        try:
            async with asyncio.timeout(_SYNC_SECONDS):
                cursor: str | None = None
                while True:
                    page = await provider.list_workflows(cursor=cursor)
                    found += page.items
                    left_out += page.left_out
                    if (cursor := page.cursor) is None or len(found) >= _MOST:
                        break
        except TimeoutError:
            slow = Unavailable(
                f"{provider.title} did not list everything in {_SYNC_SECONDS:.0f} s", code="timeout"
            )
            await self._connections.report(scope, row.id, problem=failure_of(slow))
            raise slow from None
        except ProviderError as error:
            if isinstance(error, RateLimited):
                wait = max(RETRY, timedelta(seconds=min(error.retry_after, _LONGEST_WAIT)))
                self._again[row.id] = datetime.now(UTC) + wait
            await self._connections.report(scope, row.id, problem=failure_of(error))
            raise
        finally:
            await self._connections.keep_renewed(scope, row.id, provider)
        synced = await self._catalog.replace(scope, row.id, found[:_MOST], left_out[:_MOST_LEFT_OUT])
        await self._connections.report(scope, row.id)
        self._once((row.id, _IMPORTED), self._compare(scope, row))
        return synced

    async def _compare(self, scope: Scope, row: ConnectionRow) -> None:
        """Look at those that were imported and may have changed: as many calls as there are changes, not one for each workflow."""
        old = await self._catalog.outdated(
            scope, row.id, before=datetime.now(UTC) - FRESH, limit=_MOST_COMPARED
        )
        looks = [self._once((row.id, workflow), self._look(scope, row, workflow)) for workflow in old]
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look(self, scope: Scope, row: ConnectionRow, workflow_id: str) -> Preview:
        provider = await self._platforms.of(scope, row)
        try:
            preview = await provider.preview(workflow_id)
        except RemoteNotFound:
            await self._catalog.drop_preview(scope, row.id, workflow_id)
            raise
        finally:
            await self._connections.keep_renewed(scope, row.id, provider)
        await self._catalog.keep_preview(scope, row.id, workflow_id, preview)
        return preview
