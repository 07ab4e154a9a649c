"""Accepting a callback: one statement decides, keeps the body, leaves the signal, and tells the history."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from runner.store.batch import Query


@dataclass(frozen=True)
class Source:
    """Whom a body comes from: an address, or a person, who says why. `words` is what they did, for the history."""

    sender: str | None = None
    by: str | None = None
    reason: str | None = None
    words: str = "callback received"
    data: JsonValue = None


_WOKEN = """
    woken AS (
        UPDATE node_run n SET signal = CAST(:signal AS jsonb),
            work = CASE WHEN n.work = 'parked' THEN 'ready' ELSE n.work END,
            state = CASE WHEN n.work = 'parked' THEN 'QUEUED' ELSE n.state END,
            due_at = CASE WHEN n.work = 'parked' THEN NULL ELSE n.due_at END,
            lease_until = CASE WHEN n.work = 'parked' THEN clock_timestamp() ELSE n.lease_until END
        FROM w WHERE n.id = w.node_run_id AND n.work <> 'ended' AND n.signal IS NULL
        RETURNING n.work
    )
"""
"""Leave the signal on the node; a parked one becomes ready."""


_DEMANDED = """
    SELECT w.auth, w.node_run_id, w.workspace_id, extract(epoch FROM clock_timestamp())::float8 AS now, (
        SELECT jsonb_agg(jsonb_build_array(v.id, encode(v.sealed, 'hex')) ORDER BY v.id DESC) FROM signing_secret_version v
        WHERE v.secret_id = CAST(w.auth->>'secretId' AS uuid) AND v.workspace_id = w.workspace_id
            AND coalesce(v.expires_at > clock_timestamp(), true)
    ) AS secrets
    FROM wait w WHERE w.token_sha256 = :hashed AND w.run_id = :run_id AND w.auth IS NOT NULL
"""
"""How the sender has to prove who it is, and the secrets that count now."""
DEMANDED = Query(_DEMANDED, bindparam("run_id", type_=PgUuid()))


def _accepting(which: str, demanded: str = "") -> Query:
    """Accept a body for the one open wait that `which` tells, if it is still open and in time. What is `demanded` is read only
    where nothing was accepted. A run without such a wait is not locked: a lock is a write, whose commit takes long enough to tell
    whoever guesses that the run exists."""
    told = "accepted.accepted, EXISTS (SELECT FROM woken WHERE work = 'ready') AS woken"
    more = f"LEFT JOIN LATERAL ({demanded} AND NOT accepted.accepted) d ON true" if demanded else ""
    return Query(
        f"""
        WITH r AS MATERIALIZED (
            SELECT id FROM run WHERE id = :run_id AND state IN ('PENDING', 'RUNNING', 'WAITING')
                AND EXISTS (SELECT FROM wait w WHERE w.run_id = run.id AND {which}) FOR NO KEY UPDATE
        ), w AS MATERIALIZED (
            SELECT w.node_run_id, w.state, n.node_id, n.label
            FROM r JOIN wait w ON w.run_id = r.id JOIN node_run n ON n.id = w.node_run_id
            WHERE {which} AND w.state IN ('armed', 'parked') AND coalesce(w.deadline_at > clock_timestamp(), true)
            FOR NO KEY UPDATE OF w
        ), audited AS (
            INSERT INTO callback_audit (run_id, node_run_id, verdict, sender, by, reason, early)
            SELECT :run_id, node_run_id, 'accepted', :sender, :by, :reason, state = 'armed' FROM w
        ), kept AS (
            INSERT INTO callback (node_run_id, body) SELECT node_run_id, CAST(:signal AS jsonb)->'body' FROM w
        ), resumed AS (
            UPDATE wait SET state = 'resumed' FROM w WHERE wait.node_run_id = w.node_run_id
        ), {_WOKEN}, told AS (
            UPDATE run SET event_seq = event_seq + 1, updated_at = clock_timestamp(),
                state = CASE WHEN EXISTS (SELECT FROM woken WHERE work = 'ready') THEN 'RUNNING' ELSE run.state END
            FROM r, w WHERE run.id = r.id RETURNING run.id, run.event_seq
        ), line AS (
            INSERT INTO run_event (run_id, seq, kind, level, node_id, message, data)
            SELECT told.id, told.event_seq, 'callback.accepted', 'info', w.node_id, w.label || ': ' || CAST(:words AS text)
                || CASE WHEN EXISTS (SELECT FROM woken WHERE work = 'ready') THEN ''
                    ELSE ', before the run has come to wait for it' END, CAST(:data AS jsonb)
            FROM told, w
        )
        SELECT {told}{", d.*" if demanded else ""} FROM (SELECT EXISTS (SELECT FROM w) AS accepted) accepted {more}
        """,
        bindparam("run_id", type_=PgUuid()),
        *((bindparam("id", type_=PgUuid()),) if ":id" in which else ()),
        bindparam("signal", type_=JSONB()),
        bindparam("data", type_=JSONB(none_as_null=True)),
    )


ACCEPT_KNOWN = _accepting("w.node_run_id = :id")
ACCEPT = _accepting("w.token_sha256 = :hashed AND w.schema IS NULL AND w.auth IS NULL", _DEMANDED)
"""For the usual callback; what it does not accept is looked at under the run's lock, and told why. Where the sender has to prove
who it is, nothing is accepted, and the answer says what it has to prove."""
EXPIRE = text(
    f"""
    WITH w AS (UPDATE wait SET state = 'expired' WHERE node_run_id = :id RETURNING node_run_id), {_WOKEN}
    SELECT count(*) FROM woken
    """
).bindparams(bindparam("id", type_=PgUuid()), bindparam("signal", type_=JSONB()))


def acceptance(run_id: UUID, body: JsonValue, source: Source) -> dict[str, object]:
    """What a statement of `_accepting` takes, besides the wait."""
    return {
        "run_id": run_id,
        "signal": {"kind": "callback", "body": body},
        "sender": source.sender,
        "by": source.by,
        "reason": source.reason,
        "words": source.words,
        "data": source.data,
    }
