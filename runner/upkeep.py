"""What goes on in the background besides the runs: acts on many dead letters, and retention. Any number of processes may do it:
each piece is one process's, and one that is cut off leaves its piece to the next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from runner.errors import RunnerError
from runner.model import Policy
from runner.store import Store
from runner.store.messages import PIECE
from runner.store.purge import PAUSE

log = logging.getLogger(__name__)

ASKED = 2.0
"""Seconds after which it looks again for what people have asked for. It can wait so long, so no bell wakes it."""
AGED = 15.0
"""Seconds after which it looks again for what only time has made due."""


@dataclass(frozen=True)
class Upkeep:
    """`default` is the retention of orchestrators that have none of their own; `archive` the folder for what is purged;
    `audit_days` how long the audit log is kept, None for ever."""

    store: Store
    default: Policy
    archive: Path | None
    audit_days: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; whatever goes wrong only delays it."""
        await asyncio.gather(self._forever(self.asked_for, ASKED, stop), self._forever(self.aged, AGED, stop))

    async def _forever(
        self, step: Callable[[], Awaitable[float]], otherwise: float, stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            wait = otherwise
            try:
                wait = await step()
            except (RunnerError, SQLAlchemyError, OSError) as error:
                log.warning("upkeep was put off", {"why": error})
            except Exception:  # an upkeep that ends keeps everything for ever
                log.exception("upkeep failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)

    async def asked_for(self) -> float:
        """One piece. Seconds until it is worth while to ask again."""
        return 0.0 if await self.store.bulks.step() else ASKED

    async def aged(self) -> float:
        """One piece of each. Seconds until it is worth while to ask again."""
        purged = await self.store.purge.step(self.default, archive=self.archive)
        await self.store.refusals.settle()
        await self.store.signing_secrets.forget()
        more = await self.store.messages.forget() >= PIECE
        await self.store.access.forget()
        too_old = await self.store.audit.purge(self.audit_days)
        return AGED if not more and not too_old and (purged is None or purged.over) else PAUSE
