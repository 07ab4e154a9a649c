"""Callbacks: the first accepted body of a wait resumes its run; nothing that was answered 2xx is ever lost.

Waits are armed in the transaction that creates the run, so a callback can come before the node is reached, before the
request that causes it was answered, even before it left. Lock order: run, wait, node.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import schema, tokens
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import RunState, Scope
from runner.store.accepting import ACCEPT, ACCEPT_KNOWN, DEMANDED, EXPIRE, Source, acceptance
from runner.store.audit import record
from runner.store.batch import Batch
from runner.store.bell import Bell
from runner.store.burying import bury_callback, close_callback
from runner.store.events import Entry, RunChange, append
from runner.store.messages import Proven, as_sender, claim, newest_sealed, proof_of, release
from runner.tables import callback_audit, run
from runner.vault import Vault
from runner.webhook_proof import Call, Refusal, Refused


@dataclass(frozen=True)
class Verdict:
    """What became of a callback. Only "accepted" changed the run; "duplicate" was kept for audit. `wait` and `refusal` go with
    "refused": nothing was changed, and nothing was written."""

    kind: Literal["accepted", "duplicate", "gone", "unknown", "invalid", "refused"]
    problems: tuple[schema.Problem, ...] = ()
    wait: UUID | None = None
    refusal: Refusal | None = None


_FIND = text(
    """
    SELECT w.node_run_id, r.state FROM wait w JOIN run r ON r.id = w.run_id
    WHERE w.token_sha256 = :sha256 AND w.run_id = :run_id FOR NO KEY UPDATE OF r
    """
).bindparams(bindparam("run_id", type_=PgUuid()))

_FIND_NODE = text(
    """
    SELECT w.node_run_id, r.state FROM wait w JOIN run r ON r.id = w.run_id JOIN node_run n ON n.id = w.node_run_id
    WHERE r.id = :run_id AND r.workspace_id = :workspace_id AND n.node_id = :node_id FOR NO KEY UPDATE OF r
    """
).bindparams(bindparam("run_id", type_=PgUuid()), bindparam("workspace_id", type_=PgUuid()))

_ASKED = (
    text(
        """
    SELECT w.node_run_id, w.auth, r.sealed_seed, extract(epoch FROM clock_timestamp())::float8 AS now
    FROM wait w JOIN run r ON r.id = w.run_id JOIN node_run n ON n.id = w.node_run_id
    WHERE r.id = :run_id AND r.workspace_id = :workspace_id AND n.node_id = :node_id
    """
    )
    .bindparams(bindparam("run_id", type_=PgUuid()), bindparam("workspace_id", type_=PgUuid()))
    .columns(auth=JSONB)
)

# What was received, and where it may go: the wait of the same node, in its own run or in another of the same orchestrator.
_KEPT = (
    text(
        """
    SELECT a.verdict, coalesce(a.body, c.body) AS body, n.node_id, r.number, coalesce(t.id, r.id) AS run_id
    FROM callback_audit a JOIN run r ON r.id = a.run_id
    LEFT JOIN node_run n ON n.id = a.node_run_id
    LEFT JOIN callback c ON c.node_run_id = a.node_run_id AND a.verdict = 'accepted'
    LEFT JOIN run t ON t.id = :target AND t.workspace_id = r.workspace_id AND t.orchestrator_id = r.orchestrator_id
    WHERE a.id = :id AND r.workspace_id = :workspace_id AND (CAST(:target AS uuid) IS NULL OR t.id IS NOT NULL)
    """
    )
    .bindparams(bindparam("target", type_=PgUuid()), bindparam("workspace_id", type_=PgUuid()))
    .columns(body=JSONB)
)

# One statement decides between this and the deadline: a wait whose time has passed is not moved.
_EXTEND = text(
    """
    WITH moved AS (
        UPDATE wait SET deadline_at = deadline_at + make_interval(secs => :seconds)
        WHERE node_run_id = :id AND state = 'parked' AND deadline_at > clock_timestamp()
        RETURNING node_run_id, deadline_at
    ), timed AS (
        UPDATE node_run n SET due_at = moved.deadline_at, waiting = n.waiting || jsonb_build_object('until', moved.deadline_at),
            deadline_at = CASE WHEN n.deadline_at IS NOT NULL THEN greatest(n.deadline_at, moved.deadline_at) END
        FROM moved WHERE n.id = moved.node_run_id AND n.work = 'parked'
    ) SELECT deadline_at FROM moved
    """
).bindparams(bindparam("id", type_=PgUuid()))

_WAIT = text(
    """
    SELECT w.state, w.schema, coalesce(w.deadline_at <= clock_timestamp(), false) AS late, n.node_id, n.label
    FROM wait w JOIN node_run n ON n.id = w.node_run_id WHERE w.node_run_id = :id FOR NO KEY UPDATE OF w
    """
).columns(schema=JSONB)


class Waits:
    def __init__(self, database: Database, vault: Vault, bell: Bell) -> None:
        self._database = database
        self._vault = vault
        self._bell = bell
        self._accepts = Batch(database, ACCEPT, reserved=True)

    async def signal(
        self,
        run_id: UUID,
        token: str,
        body: JsonValue,
        sender: str | None = None,
        *,
        call: Call | None = None,
    ) -> Verdict:
        """Take one callback. When this returns, what the verdict says is committed. `call` is what proves the sender, where the
        wait asks for that."""
        source = Source(sender)
        given = acceptance(run_id, body, source) | {"hashed": tokens.digest(token)}
        taken = await self._accepts(str(run_id), given)
        if taken["accepted"]:
            self._bell.ring(run_id, work=taken["woken"], live=True)
            return Verdict("accepted")
        proven: Proven | None = None
        if taken["auth"] is not None:
            try:
                proven = proof_of(self._vault, taken, call or Call(b"", sender=sender))
            except Refused as refused:
                return Verdict("refused", wait=taken["node_run_id"], refusal=refused.reason)
        async with self._database.begin(reserved=True) as connection:
            verdict, woken = await _delivered(connection, run_id, token, body, source, proven)
        if verdict.kind == "accepted":
            self._bell.ring(run_id, work=woken)
        return verdict

    async def refuses(self, run_id: UUID, token: str, call: Call) -> Verdict | None:
        """What a call is told whose body cannot be read, if its sender cannot prove who it is; nothing is taken."""
        rows = await DEMANDED.rows(self._database, run_id=run_id, hashed=tokens.digest(token))
        try:
            for row in rows:
                proof_of(self._vault, row, call)
        except Refused as refused:
            return Verdict("refused", wait=rows[0]["node_run_id"], refusal=refused.reason)
        return None

    async def test(
        self, scope: Scope, run_id: UUID, node_id: str, body: JsonValue, *, reason: str
    ) -> Verdict:
        """Take `body` as its sender would send it: with the token, and signed with the newest secret. Raises NotFound."""
        raw = json.dumps(body).encode()
        asked = {"run_id": run_id, "workspace_id": scope.workspace_id, "node_id": node_id}
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(_ASKED, asked)).first()
            if row is None or row.sealed_seed is None:
                raise NotFound("There is no such wait in this run.")
            sealed = await newest_sealed(connection, scope, row.auth)
        seed = self.seed(scope.workspace_id, run_id, row.sealed_seed)
        try:
            call = as_sender(self._vault, scope, row.auth, sealed, raw, row.now)
        except Refused as refused:
            return Verdict("refused", wait=row.node_run_id, refusal=refused.reason)
        words = f"test sent by {scope.subject} ({reason})"
        source = Source(None, scope.subject, reason, words, {"by": scope.subject, "reason": reason})
        token = tokens.callback_token(seed, node_id)
        demanded = await DEMANDED.rows(self._database, scope, run_id=run_id, hashed=tokens.digest(token))
        try:
            proven = proof_of(self._vault, demanded[0], call) if demanded else None
        except Refused as refused:
            return Verdict("refused", wait=row.node_run_id, refusal=refused.reason)
        async with self._database.begin(scope) as connection:
            verdict, woken = await _delivered(connection, run_id, token, body, source, proven)
            if verdict.kind == "accepted":
                await record(connection, scope, "run.resumed", "run", run_id, node_id, reason=reason)
        if verdict.kind == "accepted":
            self._bell.ring(run_id, work=woken)
        return verdict

    async def resume(
        self, scope: Scope, run_id: UUID, node_id: str, body: JsonValue, *, reason: str
    ) -> Verdict:
        """Take `body` as the callback of that wait, by a person's hand. Only what is accepted is written down."""
        words = f"resumed by hand by {scope.subject} ({reason})"
        source = Source(None, scope.subject, reason, words, {"by": scope.subject, "reason": reason})
        async with self._database.begin(scope) as connection:
            known = await _known(connection, scope, run_id, node_id)
            verdict, woken = await _take(connection, run_id, known, body, source, told=False)
            if verdict.kind == "accepted":
                await record(connection, scope, "run.resumed", "run", run_id, node_id, reason=reason)
        if verdict.kind == "accepted":
            self._bell.ring(run_id, work=woken)
        return verdict

    async def replay(
        self, scope: Scope, callback_id: int, *, target: UUID | None = None, reason: str = ""
    ) -> tuple[UUID, Verdict]:
        """Take a received body once more, for the same node of its run or of `target`, a run of the same orchestrator.
        Also the run it went to."""
        async with self._database.begin(scope) as connection:
            run_id, verdict, woken = await send_again(connection, scope, callback_id, target, reason)
        if verdict.kind == "accepted":
            self._bell.ring(run_id, work=woken)
        return run_id, verdict

    async def extend(self, scope: Scope, run_id: UUID, node_id: str, seconds: int) -> datetime:
        """Move the deadline of a wait that is going on. Returns the new one. Raises Conflict when it is over or not begun."""
        async with self._database.begin(scope) as connection:
            known = await _known(connection, scope, run_id, node_id)
            given = {"id": known.node_run_id, "seconds": seconds}
            until: datetime | None = await connection.scalar(_EXTEND, given)
            if until is None:
                raise Conflict(
                    "Nothing waits there now, so there is no deadline to move.",
                    code="wait-over",
                    hint="The wait has not begun, was resumed, or has expired.",
                )
            row = (await connection.execute(_WAIT, {"id": known.node_run_id})).one()
            line = Entry(
                "callback.extended",
                f"{row.label}: {scope.subject} extended the wait by {_span(seconds)}",
                node_id,
                data={"by": scope.subject, "seconds": seconds, "until": until.isoformat()},
            )
            await append(connection, run_id, [line])
            await record(connection, scope, "run.wait_extended", "run", run_id, node_id)
        self._bell.ring(run_id)
        return until

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
            given = {"id": node_run_id, "signal": {"kind": "timeout", "body": None}}
            await connection.execute(EXPIRE, given)
            line = Entry("callback.expired", f"{row.label}: no callback came in time", row.node_id, "warning")
            await append(connection, run_id, [line], RunChange(RunState.RUNNING))
        self._bell.ring(run_id, work=True)

    def seed(self, workspace_id: UUID, run_id: UUID, sealed: bytes) -> bytes:
        """What the run's callback tokens derive from. Raises VaultError."""
        return self._vault.open(sealed, f"run:{workspace_id}:{run_id}")


async def send_again(
    connection: AsyncConnection, scope: Scope, callback_id: int, target: UUID | None, reason: str
) -> tuple[UUID, Verdict, bool]:
    """`Waits.replay` within a transaction; also whether it made a node ready."""
    asked = {"id": callback_id, "target": target, "workspace_id": scope.workspace_id}
    kept = (await connection.execute(_KEPT, asked)).first()
    if kept is None:
        raise NotFound("There is no such callback, or no such run of the same orchestrator.")
    if kept.node_id is None or kept.verdict == "refused":
        raise Conflict(
            "Its sender was not known, so its body was not kept.",
            code="no-body",
            hint="Ask the sender to use the address exactly as the run shows it.",
        )
    why = f" ({reason})" if reason else ""
    words = f"callback {callback_id} of run {kept.number} sent again by {scope.subject}{why}"
    data: JsonValue = {"by": scope.subject, "reason": reason, "callback": callback_id}
    source = Source(None, scope.subject, reason or f"callback {callback_id} sent again", words, data)
    run_id: UUID = kept.run_id
    known = await _known(connection, scope, run_id, kept.node_id)
    verdict, woken = await _take(connection, run_id, known, kept.body, source, told=False)
    if verdict.kind == "accepted":
        await close_callback(connection, callback_id, run_id, scope.subject, reason)
        await record(
            connection, scope, "callback.replayed", "callback", callback_id, kept.node_id, reason=reason
        )
    return run_id, verdict, woken


def _span(seconds: int) -> str:
    """In words: "1 d 12 h"."""
    parts: list[str] = []
    for size, word in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {word}"] if count else []
    return " ".join(parts)


async def _known(connection: AsyncConnection, scope: Scope, run_id: UUID, node_id: str) -> Any:
    """Lock the run; its state and the wait's id. Raises NotFound."""
    asked = {"run_id": run_id, "workspace_id": scope.workspace_id, "node_id": node_id}
    known = (await connection.execute(_FIND_NODE, asked)).first()
    if known is None:
        raise NotFound("There is no such wait in this run.")
    return known


async def _delivered(
    connection: AsyncConnection,
    run_id: UUID,
    token: str,
    body: JsonValue,
    source: Source,
    proven: Proven | None,
) -> tuple[Verdict, bool]:
    """What becomes of a body that came with this token, and whether it woke the node."""
    known = (await connection.execute(_FIND, {"sha256": tokens.digest(token), "run_id": run_id})).first()
    if known is None:
        return Verdict("unknown"), False
    if proven and not await claim(connection, proven, known.node_run_id):
        return Verdict("refused", wait=known.node_run_id, refusal="replayed"), False
    verdict, woken = await _take(connection, run_id, known, body, source, told=source.by is None)
    if proven and verdict.kind in ("gone", "invalid"):
        await release(connection, proven, known.node_run_id)
    return verdict, woken


async def _take(
    connection: AsyncConnection,
    run_id: UUID,
    known: Any,
    body: JsonValue,
    source: Source,
    *,
    told: bool = True,
) -> tuple[Verdict, bool]:
    """Under the run's lock: what becomes of `body`, and whether it woke the node. `told`: refusals are kept for audit."""
    node_run_id: UUID = known.node_run_id
    row = (await connection.execute(_WAIT, {"id": node_run_id})).one()
    verdict = Verdict("accepted")
    if row.state == "resumed":
        verdict = Verdict("duplicate")
    elif RunState(known.state).final or row.state in ("expired", "cancelled") or row.late:
        verdict = Verdict("gone")
    elif row.schema is not None and (problems := schema.validate(schema.compile(row.schema), body)):
        verdict = Verdict("invalid", problems)
    if verdict.kind != "accepted":
        if told:
            refused = {"run_id": run_id, "node_run_id": node_run_id, "verdict": verdict.kind, "body": body}
            kept = (
                insert(callback_audit).values(**refused, sender=source.sender).returning(callback_audit.c.id)
            )
            callback_id = (await connection.execute(kept)).scalar_one()
            if verdict.kind == "gone" and known.state != RunState.CANCELLED:
                await bury_callback(connection, run_id, node_run_id, callback_id)
        return verdict, False
    given = acceptance(run_id, body, source) | {"id": node_run_id}
    taken = (await connection.execute(ACCEPT_KNOWN.clause, given)).one()
    return verdict, bool(taken.woken)
