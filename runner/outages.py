"""A platform that is out of order, as the workers live with it: who may call now, what calls tell, probes, and the way back.

The truth is in Postgres (`Breakers`, `Slots`), for all workers; nothing is kept here but requests still to be counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from providers import Exchange, ProviderError, recording
from runner.breaker import Breaker, Policy, Word, heard
from runner.errors import Held, NotFound, RunnerError
from runner.model import Role, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.store.breakers import Look
from runner.store.claims import Claim
from runner.store.connections import ConnectionRow
from runner.store.slots import Limits

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds for which a worker waits for a place before the step is parked: parking costs two commits."""
_IN_FLIGHT = 16


class Outages:
    """For one worker. `admit` before a step calls its connection, `tell` after it; `tend` again and again."""

    def __init__(self, store: Store, platforms: Platforms, policy: Policy) -> None:
        self._store = store
        self._platforms = platforms
        self._policy = policy
        self._uncounted: defaultdict[UUID, int] = defaultdict(int)
        self._probes: dict[UUID, asyncio.Task[None]] = {}

    async def admit(self, row: ConnectionRow, claim: Claim) -> None:
        """Returns when the step may call, and then has a place until its outcome is recorded. Raises Held. Costs no query for
        the breaker: `row` brought it along."""
        if row.breaker.state != "closed":
            why = f": {row.cause}" if row.cause else ""
            raise Held(
                f"is held: {row.name} is out of order{why}",
                why="outage",
                connection_id=row.id,
                until=row.breaker.probe_at,
            )
        if row.breaker.pause_until is not None:
            left = await self._store.breakers.pause(row.id)
            if left is not None:
                message = f"waits {left[0]:.0f} s: {row.name} asked to be left alone"
                raise Held(message, why="pause", connection_id=row.id, until=left[1])
        limits = self._limits(row.provider, row.max_in_flight, row.max_per_minute)
        patience = time.monotonic() + PATIENCE
        slots, wait, placed = self._store.slots, 0.01, False
        while True:
            placed = placed or await slots.take(
                row.id, limits, node_run_id=claim.node_run_id, epoch=claim.epoch
            )
            if placed and await self._counted(row.id, limits):
                return
            if time.monotonic() > patience:
                break
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(2 * wait, 0.2)
        reached = f"{limits.in_flight} steps at once" if not placed else f"{limits.per_minute} calls a minute"
        message = f"waits for its turn: {row.name} takes {reached}"
        raise Held(message, why="limit", connection_id=row.id)

    async def tell(self, row: ConnectionRow, exchanges: Sequence[Exchange], began: float) -> Breaker:
        """What the step's calls say of the platform; `began`: `time.monotonic()` before them. Gives the breaker as it is now."""
        self._uncounted[row.id] += max(0, len(exchanges) - 1)
        word = heard(exchanges)
        if word is None or (word.kind == "answers" and not row.breaker.troubled):
            return row.breaker
        ago = time.monotonic() - began
        return await self._store.breakers.report(row.id, self._policy, word, ago=ago)

    async def tend(self) -> float:
        """Probe what is due to be probed, let go on what may. Returns after how many seconds it is worth while to look again."""
        wait = 1.0
        for look in await self._store.breakers.look():
            if look.probe and look.id not in self._probes:
                task = self._probes[look.id] = asyncio.create_task(self._probe(look))
                task.add_done_callback(lambda _, known=look.id: self._probes.pop(known, None))
            if look.state != "closed":
                continue
            limits = self._limits(look.provider, look.max_in_flight, look.max_per_minute)
            if look.held:
                await self._store.breakers.drain(look.id, limits, self._policy, held=True)
                wait = min(wait, max(0.05, 0.5 / self._policy.pace))
            if look.queued:
                await self._store.breakers.drain(look.id, limits, self._policy, held=False)
                wait = min(wait, 0.1)
        return wait

    async def aclose(self) -> None:
        """Stop probing. Whoever looks next takes the probe over when its time is up."""
        tasks = list(self._probes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _probe(self, look: Look) -> None:
        """The one harmless call that tells whether the platform is back."""
        try:
            prober = await self._store.breakers.begin_probe(look.id, self._policy)
            if prober is None:
                return
            word = await self._asked(look)
            await self._store.breakers.probed(look.id, self._policy, prober, word)
        except (RunnerError, SQLAlchemyError, OSError) as error:
            log.warning("a probe was put off", {"connection": look.id, "why": error})

    async def _asked(self, look: Look) -> Word:
        scope = Scope(look.workspace_id, "baton", Role.OPERATOR)
        try:
            provider, _ = await self._platforms.open(scope, look.provider, look.id)
        except RunnerError:  # switched off, or without credentials: whoever calls it is told so
            return Word("answers")
        with recording() as exchanges:
            try:
                async with asyncio.timeout(0.7 * self._policy.patience.total_seconds()):
                    await provider.check()
            except TimeoutError:
                return Word("silent", cause="it did not answer a test in time")
            except ProviderError as error:
                log.info("a probe failed", {"connection": look.id, "why": error})
        with contextlib.suppress(RunnerError):
            await self._store.connections.keep_renewed(scope, look.id, provider)
        word = heard(exchanges)
        # Busy is not back: whoever was told to wait is asked again when that time is over.
        return word or Word("answers")

    async def _counted(self, connection_id: UUID, limits: Limits) -> bool:
        if limits.per_minute is None:
            self._uncounted.pop(connection_id, None)
            return True
        requests = 1 + self._uncounted[connection_id]
        if not await self._store.slots.spend(connection_id, limits, requests):
            return False
        self._uncounted[connection_id] -= requests - 1
        return True

    def _limits(self, provider: str, in_flight: int | None, per_minute: int | None) -> Limits:
        try:
            kind = self._platforms.kind(provider)
        except NotFound:
            return Limits(in_flight or _IN_FLIGHT, per_minute)
        return Limits(in_flight or kind.in_flight, per_minute or kind.per_minute)


__all__ = ["Outages"]
