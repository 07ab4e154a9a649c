"""Callbacks that were refused: noted for the run they named, counted, and told as an incident where they come in bursts.

Never on the way of the answer: whoever guesses must not learn from its time or its bytes whether the run exists. So every call is
noted in memory alike, and written a moment later by statements that find the run or do not. What is written is bounded, whatever
comes: of unknown tokens the newest few of each run; of callers that did not prove who they are, so many a minute of each wait and
each address, and the newest of each wait. The counts go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import Contended, Unreachable
from runner.store.bell import Bell
from runner.webhook_proof import Refusal

log = logging.getLogger(__name__)

KEPT = 20
"""Unknown tokens of each run, the newest; older ones are forgotten, so that nobody can fill the table."""
KEPT_REFUSED = 200
"""The same of each wait, of callers that did not prove who they are."""
BURST = 20
"""Refused calls within a minute, of one wait or one address, that make an incident; more of them are only counted."""
QUIET = 300
"""Seconds without such a burst after which its incident is over."""
_MINUTE = 60.0
_NOTED = 1000  # attempts held in memory at most; more are dropped
_WATCHED = 5000  # waits and addresses that are watched at once; those that were quiet longest are forgotten
_INCIDENTS = 20  # of a workspace at once; somebody with many addresses makes no more
_GATHER = 0.2  # seconds in which attempts are joined
_LOCK = 7_204_611_355  # one process at a time forgets

# A run that is just being purged is not known any more.
_UNKNOWN = text(
    """
    WITH known AS MATERIALIZED (SELECT id FROM run WHERE id = ANY(:runs) FOR KEY SHARE)
    INSERT INTO callback_audit (run_id, verdict, sender)
    SELECT r.id, 'unknown', g.sender
    FROM unnest(CAST(:runs AS uuid[]), CAST(:senders AS text[])) WITH ORDINALITY AS g(run_id, sender, n)
    JOIN known r ON r.id = g.run_id ORDER BY g.n
    RETURNING run_id
    """
).bindparams(bindparam("runs", type_=ARRAY(PgUuid())))
_FORGET_UNKNOWN = text(
    """
    DELETE FROM callback_audit a USING (
        SELECT id, row_number() OVER (PARTITION BY run_id ORDER BY id DESC) AS place
        FROM callback_audit WHERE run_id = ANY(:runs) AND verdict = 'unknown'
    ) old WHERE a.id = old.id AND old.place > :kept
    """
).bindparams(bindparam("runs", type_=ARRAY(PgUuid())))
_REFUSED = text(
    """
    WITH known AS MATERIALIZED (SELECT node_run_id, run_id FROM wait WHERE node_run_id = ANY(:waits) FOR KEY SHARE)
    INSERT INTO callback_audit (run_id, node_run_id, verdict, sender, refusal)
    SELECT w.run_id, w.node_run_id, 'refused', g.sender, g.refusal
    FROM unnest(CAST(:waits AS uuid[]), CAST(:senders AS text[]), CAST(:reasons AS text[]))
        WITH ORDINALITY AS g(node_run_id, sender, refusal, n)
    JOIN known w USING (node_run_id) ORDER BY g.n
    """
).bindparams(bindparam("waits", type_=ARRAY(PgUuid())))
_COUNT = text(
    """
    INSERT INTO wait_refusals AS r (node_run_id, total)
    SELECT w.node_run_id, g.n FROM unnest(CAST(:waits AS uuid[]), CAST(:counts AS bigint[])) AS g(node_run_id, n)
    JOIN wait w USING (node_run_id)
    ON CONFLICT (node_run_id) DO UPDATE SET total = r.total + excluded.total
    """
).bindparams(bindparam("waits", type_=ARRAY(PgUuid())))
_FORGET_REFUSED = text(
    """
    DELETE FROM callback_audit a USING (
        SELECT id, row_number() OVER (PARTITION BY node_run_id ORDER BY id DESC) AS place
        FROM callback_audit WHERE node_run_id = ANY(:waits) AND verdict = 'refused'
    ) old WHERE a.id = old.id AND old.place > :kept
    """
).bindparams(bindparam("waits", type_=ARRAY(PgUuid())))
_RAISE = """
    INSERT INTO incident (workspace_id, kind, provider, name, cause, about, seen_at)
    SELECT found.workspace_id, 'callbacks', 'callbacks', found.name, :cause, :about, clock_timestamp() FROM ({found}) found
    WHERE (
        SELECT count(*) FROM incident i
        WHERE i.workspace_id = found.workspace_id AND i.kind = 'callbacks' AND i.resolved_at IS NULL AND i.about <> :about
    ) < :most
    ON CONFLICT (workspace_id, about) WHERE resolved_at IS NULL AND about IS NOT NULL DO UPDATE SET seen_at = excluded.seen_at
"""
_OF_WAIT = text(
    _RAISE.format(
        found="""
        SELECT r.workspace_id, o.name || ' #' || r.number || ', ' || n.label AS name
        FROM node_run n JOIN run r ON r.id = n.run_id JOIN orchestrator o ON o.id = r.orchestrator_id WHERE n.id = :wait
        """
    )
).bindparams(bindparam("wait", type_=PgUuid()))
_OF_ADDRESS = text(
    _RAISE.format(
        found="SELECT DISTINCT workspace_id, CAST(:name AS text) AS name FROM run WHERE id = ANY(:runs)"
    )
).bindparams(bindparam("runs", type_=ARRAY(PgUuid())))
_RESOLVE = text(
    """
    UPDATE incident SET resolved_at = clock_timestamp() WHERE kind = 'callbacks' AND resolved_at IS NULL
        AND seen_at < clock_timestamp() - make_interval(secs => :quiet)
    """
)


@dataclass(frozen=True)
class _Note:
    """`wait` and `reason` are of a caller that had the token and did not prove who it is."""

    run_id: UUID
    sender: str | None
    wait: UUID | None
    reason: Refusal | None


class Refusals:
    """`burst` is how many within a minute make one."""

    def __init__(self, database: Database, bell: Bell, *, burst: int = BURST) -> None:
        self.burst = burst
        self._database = database
        self._bell = bell
        self._noted: deque[_Note] = deque()
        self._counts: Counter[UUID] = Counter()
        self._bursts: dict[str, _Note] = {}
        self._spread: dict[str, set[UUID]] = defaultdict(set)
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()
        self._pending = asyncio.Event()

    def note(
        self, run_id: UUID, sender: str | None, wait: UUID | None = None, reason: Refusal | None = None
    ) -> None:
        """Somebody called for this run with a token it does not have, or for `wait` without proving who they are. Returns at
        once, whatever the run."""
        found = _Note(run_id, sender, wait, reason)
        self._pending.set()
        often = 0
        if wait is not None:
            self._counts[wait] += 1
            often = self._seen(f"wait:{wait}")
            if often == self.burst:
                self._bursts[f"wait:{wait}"] = found
                return
        # One wait makes half of an address's burst at most: what is about one wait is told once, by the wait.
        if often <= self.burst // 2 and self._seen(about := f"address:{sender}") == self.burst:
            self._bursts[about] = found
            if len(self._spread[about]) < _NOTED:
                self._spread[about].add(run_id)
            if wait is not None:
                return
        if len(self._noted) < _NOTED:
            self._noted.append(found)

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
                except (Unreachable, Contended) as error:
                    log.warning("refused callbacks were not noted: %s", error)
        finally:
            stopping.cancel()

    async def write(self) -> None:
        """Write what is noted now, forget what is too much, and raise the incidents of bursts."""
        self._pending.clear()
        noted, self._noted = self._noted, deque()
        counts, self._counts = self._counts, Counter()
        bursts, self._bursts = self._bursts, {}
        spread, self._spread = self._spread, defaultdict(set)
        told: set[UUID] = set()
        unknown = [note for note in noted if note.wait is None]
        refused = [note for note in noted if note.wait is not None]
        if unknown:
            async with self._database.begin() as connection:
                told |= await _unknown(connection, unknown)
        if refused or counts:
            async with self._database.begin() as connection:
                await _refused(connection, refused, counts)
            told |= {note.run_id for note in refused}
        if bursts:
            async with self._database.begin() as connection:
                for about, last in sorted(bursts.items()):
                    await self._raise(connection, about, last, sorted(spread[about]))
        self._bell.ring(*told)

    async def settle(self) -> None:
        """End the incidents of bursts that are over."""
        async with self._database.begin() as connection:
            await connection.execute(_RESOLVE, {"quiet": QUIET})

    def _seen(self, about: str) -> int:
        """The how manieth this is within the last minute, up to `burst`."""
        now = time.monotonic()
        seen = self._recent.pop(about, None) or deque[float](maxlen=self.burst)
        seen.append(now)
        self._recent[about] = seen
        if len(self._recent) > _WATCHED:
            self._recent.popitem(last=False)
        return sum(now - at < _MINUTE for at in seen)

    async def _raise(self, connection: AsyncConnection, about: str, last: _Note, runs: list[UUID]) -> None:
        why = "its token was unknown" if last.reason is None else f"reason: {last.reason}"
        given = {
            "about": about,
            "cause": f"{self.burst} or more calls refused within a minute; the last one, {why}",
            "most": _INCIDENTS,
        }
        if about.startswith("wait:"):
            await connection.execute(_OF_WAIT, {**given, "wait": last.wait})
        else:
            name = last.sender or "an address that is not known"
            await connection.execute(_OF_ADDRESS, {**given, "name": name, "runs": runs})


async def _unknown(connection: AsyncConnection, noted: list[_Note]) -> set[UUID]:
    newest: dict[UUID, deque[str | None]] = defaultdict(lambda: deque(maxlen=KEPT))
    for note in noted:
        newest[note.run_id].append(note.sender)
    pairs = [(run_id, sender) for run_id, senders in newest.items() for sender in senders]
    given = {"runs": [run_id for run_id, _ in pairs], "senders": [sender for _, sender in pairs]}
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    known = set((await connection.execute(_UNKNOWN, given)).scalars())
    if known:
        await connection.execute(text("SELECT set_config('baton.purge', 'on', true)"))
        await connection.execute(_FORGET_UNKNOWN, {"runs": list(known), "kept": KEPT})
    return known


async def _refused(connection: AsyncConnection, noted: list[_Note], counts: Counter[UUID]) -> None:
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if noted:
        given = {
            "waits": [note.wait for note in noted],
            "senders": [note.sender for note in noted],
            "reasons": [note.reason for note in noted],
        }
        await connection.execute(_REFUSED, given)
        await connection.execute(text("SELECT set_config('baton.purge', 'on', true)"))
        waits = list({note.wait for note in noted})
        await connection.execute(_FORGET_REFUSED, {"waits": waits, "kept": KEPT_REFUSED})
    waits = sorted(counts)
    await connection.execute(_COUNT, {"waits": waits, "counts": [counts[each] for each in waits]})
