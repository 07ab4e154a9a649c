"""Callbacks: the first accepted body of a wait resumes its run; nothing that was answered 2xx is ever lost.

Waits are armed in the transaction that creates the run, so a callback can come before the node is reached, before the
request that causes it was answered, even before it left. Lock order: run, wait, node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import schema, tokens
from runner.database import Database
from runner.model import NodeState, RunState
from runner.store.bell import Bell
from runner.store.events import Entry, RunChange, append
from runner.store.jobs import enqueue
from runner.tables import callback_audit, run
from runner.vault import Vault


@dataclass(frozen=True)
class Verdict:
    """What became of a callback. Only "accepted" changed the run; "duplicate" was kept for audit."""

    kind: Literal["accepted", "duplicate", "gone", "unknown", "invalid"]
    problems: tuple[schema.Problem, ...] = ()


_FIND = text(
    """
    SELECT w.node_run_id, r.state FROM wait w JOIN run r ON r.id = w.run_id
    WHERE w.token_sha256 = :sha256 AND w.run_id = :run_id FOR NO KEY UPDATE OF r
    """
).bindparams(bindparam("run_id", type_=PgUuid()))

_WAIT = text(
    """
    SELECT w.state, w.schema, coalesce(w.deadline_at <= clock_timestamp(), false) AS late, n.node_id, n.label
    FROM wait w JOIN node_run n ON n.id = w.node_run_id WHERE w.node_run_id = :id FOR UPDATE OF w
    """
).columns(schema=JSONB)

# Leave the signal on the node; a parked one becomes ready. Gives its epoch when it was parked, else null.
_WAKE = """
    woken AS (
        UPDATE node_run SET signal = :signal,
            work = CASE WHEN work = 'parked' THEN 'ready' ELSE work END,
            state = CASE WHEN work = 'parked' THEN :queued ELSE state END,
            due_at = CASE WHEN work = 'parked' THEN NULL ELSE due_at END,
            lease_until = CASE WHEN work = 'parked' THEN clock_timestamp() + interval '10 seconds' ELSE lease_until END
        WHERE id = :id AND work <> 'ended' AND signal IS NULL
        RETURNING work, epoch
    ) SELECT (SELECT epoch FROM woken WHERE work = 'ready')
"""
_ACCEPT = text(
    f"""
    WITH audited AS (INSERT INTO callback_audit (node_run_id, verdict) VALUES (:id, 'accepted')),
    kept AS (INSERT INTO callback (node_run_id, body) VALUES (:id, :body)),
    resumed AS (UPDATE wait SET state = 'resumed' WHERE node_run_id = :id),
    {_WAKE}
    """
).bindparams(
    bindparam("id", type_=PgUuid()), bindparam("signal", type_=JSONB()), bindparam("body", type_=JSONB())
)
_EXPIRE = text(
    f"WITH expired AS (UPDATE wait SET state = 'expired' WHERE node_run_id = :id), {_WAKE}"
).bindparams(bindparam("id", type_=PgUuid()), bindparam("signal", type_=JSONB()))


class Waits:
    def __init__(self, database: Database, vault: Vault, bell: Bell) -> None:
        self._database = database
        self._vault = vault
        self._bell = bell

    async def signal(self, run_id: UUID, token: str, body: JsonValue) -> Verdict:
        """Take one callback. When this returns, what the verdict says is committed."""
        async with self._database.begin(reserved=True) as connection:
            known = (
                await connection.execute(_FIND, {"sha256": tokens.digest(token), "run_id": run_id})
            ).first()
            if known is None:
                return Verdict("unknown")
            node_run_id: UUID = known.node_run_id
            state: str = known.state
            row = (await connection.execute(_WAIT, {"id": node_run_id})).one()
            if row.state == "resumed":
                await _audit(connection, node_run_id, "duplicate", body)
                return Verdict("duplicate")
            if RunState(state).final or row.state in ("expired", "cancelled") or row.late:
                await _audit(connection, node_run_id, "gone", body)
                return Verdict("gone")
            if row.schema is not None and (problems := schema.validate(schema.compile(row.schema), body)):
                await _audit(connection, node_run_id, "invalid", body)
                return Verdict("invalid", problems)
            epoch: int | None = (
                await connection.execute(_ACCEPT, _signal(node_run_id, "callback", body))
            ).scalar_one()
            woken = epoch is not None
            early = "" if woken else ", before the run has come to wait for it"
            change = RunChange(RunState.RUNNING) if woken else RunChange()
            line = Entry("callback.accepted", f"{row.label}: callback received{early}", row.node_id)
            await append(connection, run_id, [line], change)
            if epoch is not None:
                await enqueue(connection, [(run_id, node_run_id, str(epoch))])
        self._bell.ring(run_id, work=woken)
        return Verdict("accepted")

    async def expire(self, run_id: UUID, node_run_id: UUID) -> None:
        """The wait's deadline has passed: exactly one of this and a callback wins. Harmless when the callback did."""
        async with self._database.begin() as connection:
            state = await connection.scalar(
                select(run.c.state).where(run.c.id == run_id).with_for_update(key_share=True)
            )
            if state is None or RunState(state).final:
                return
            row = (await connection.execute(_WAIT, {"id": node_run_id})).one()
            if row.state != "parked" or not row.late:
                return
            epoch = (await connection.execute(_EXPIRE, _signal(node_run_id, "timeout", None))).scalar_one()
            line = Entry("callback.expired", f"{row.label}: no callback came in time", row.node_id, "warning")
            await append(connection, run_id, [line], RunChange(RunState.RUNNING))
            if epoch is not None:
                await enqueue(connection, [(run_id, node_run_id, str(epoch))])
        self._bell.ring(run_id, work=True)

    def seed(self, workspace_id: UUID, run_id: UUID, sealed: bytes) -> bytes:
        """What the run's callback tokens derive from. Raises VaultError."""
        return self._vault.open(sealed, f"run:{workspace_id}:{run_id}")


def _signal(node_run_id: UUID, kind: Literal["callback", "timeout"], body: JsonValue) -> dict[str, object]:
    return {
        "id": node_run_id,
        "signal": {"kind": kind, "body": body},
        "body": body,
        "queued": NodeState.QUEUED,
    }


async def _audit(connection: AsyncConnection, node_run_id: UUID, verdict: str, body: JsonValue) -> None:
    await connection.execute(
        insert(callback_audit).values(node_run_id=node_run_id, verdict=verdict, body=body)
    )
