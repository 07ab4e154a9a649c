"""Callbacks whose token no wait has: noted for the run they named, so that people see that somebody tries.

Never on the way of the answer: whoever guesses must not learn from its time or its bytes whether the run exists. So every
attempt is noted in memory alike, and written a moment later by one statement that finds the run or does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from runner.database import Database
from runner.errors import Unreachable
from runner.store.bell import Bell

log = logging.getLogger(__name__)

KEPT = 20
"""The newest of each run; older ones are forgotten, so that nobody can fill the table."""
_NOTED = 1000  # attempts held in memory at most; more are dropped
_GATHER = 0.2  # seconds in which attempts are joined
_LOCK = 7_204_611_355  # one process at a time forgets

# A run that is just being purged is not known any more.
_WRITE = text(
    """
    WITH known AS MATERIALIZED (SELECT id FROM run WHERE id = ANY(:runs) FOR KEY SHARE)
    INSERT INTO callback_audit (run_id, verdict, sender)
    SELECT r.id, 'unknown', g.sender
    FROM unnest(CAST(:runs AS uuid[]), CAST(:senders AS text[])) WITH ORDINALITY AS g(run_id, sender, n)
    JOIN known r ON r.id = g.run_id ORDER BY g.n
    RETURNING run_id
    """
).bindparams(bindparam("runs", type_=ARRAY(PgUuid())))
_FORGET = text(
    """
    DELETE FROM callback_audit a USING (
        SELECT id, row_number() OVER (PARTITION BY run_id ORDER BY id DESC) AS place
        FROM callback_audit WHERE run_id = ANY(:runs) AND verdict = 'unknown'
    ) old WHERE a.id = old.id AND old.place > :kept
    """
).bindparams(bindparam("runs", type_=ARRAY(PgUuid())))


class Strangers:
    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell
        self._noted: deque[tuple[UUID, str | None]] = deque()
        self._pending = asyncio.Event()

    def note(self, run_id: UUID, sender: str | None) -> None:
        """Somebody called for this run with a token it does not have. Returns at once, whatever the run."""
        if len(self._noted) < _NOTED:
            self._noted.append((run_id, sender))
            self._pending.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Write what is noted until `stop`, then the rest."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                noting = asyncio.create_task(self._pending.wait())
                await asyncio.wait((stopping, noting), return_when=asyncio.FIRST_COMPLETED)
                noting.cancel()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _GATHER)
                try:
                    await self.write()
                except Unreachable as error:
                    log.warning("callbacks with an unknown token were not noted: %s", error)
        finally:
            stopping.cancel()

    async def write(self) -> None:
        """Write what is noted now, and forget all but the newest of each run."""
        self._pending.clear()
        noted, self._noted = self._noted, deque()
        newest: dict[UUID, deque[str | None]] = defaultdict(lambda: deque(maxlen=KEPT))
        for run_id, sender in noted:
            newest[run_id].append(sender)
        pairs = [(run_id, sender) for run_id, senders in newest.items() for sender in senders]
        if not pairs:
            return
        given = {"runs": [run_id for run_id, _ in pairs], "senders": [sender for _, sender in pairs]}
        async with self._database.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            known = set((await connection.execute(_WRITE, given)).scalars())
            if known:
                await connection.execute(text("SELECT set_config('baton.purge', 'on', true)"))
                await connection.execute(_FORGET, {"runs": list(known), "kept": KEPT})
        self._bell.ring(*known)
