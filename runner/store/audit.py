"""The audit log: who changed what, when and from where. Append-only; a line is written in the transaction of the change it tells
of, so a change that fails leaves none, and one that is made always leaves one.

A line holds names, never values: of what was changed, and of the fields that changed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, JsonObject, Timestamp
from runner.database import Database
from runner.model import Scope
from runner.tables import audit

COMMAND = "cli"
"""The address of commands on the server's machine."""
NAME_LIMIT = 200
REASON_LIMIT = 500
FIELDS_LIMIT = 50
PIECE = 1000
"""Lines deleted in one transaction, at most, of each workspace."""
_EXPORT = 500
_EVERY = 3600.0
"""Seconds between two looks for lines that are too old."""
REFUSALS = 20
"""Refused sign-ins that are written down in one minute, at most: whoever knocks does not fill the log."""

_RECORD = text(
    """
    INSERT INTO audit (workspace_id, by, action, object_kind, object_id, object_name, fields, reason, address, request_id)
    VALUES (:workspace_id, :by, :action, :object_kind, :object_id, :object_name, :fields, :reason, :address, :request_id)
    """
).bindparams(bindparam("workspace_id", type_=PgUuid()), bindparam("fields", type_=JSONB()))
# An id begins with its time in milliseconds, so those older than a moment are one end of the index.
_ID_BEFORE = """
    CAST(lpad(to_hex(CAST(extract(epoch FROM clock_timestamp() - {span}) * 1000 AS bigint)), 12, '0') || repeat('0', 20) AS uuid)
"""
_REFUSED = text(
    f"""
    INSERT INTO audit (workspace_id, by, action, object_kind, object_name, reason, address, request_id)
    SELECT w.id, 'nobody', 'sign_in.refused', 'sign_in', :name, :reason, :address, :request_id
    FROM (SELECT id FROM workspace ORDER BY id LIMIT 1) w
    WHERE (
        SELECT count(*) FROM (
            SELECT FROM audit a WHERE a.workspace_id = w.id AND a.object_id IS NULL AND a.action = 'sign_in.refused'
                AND a.id > {_ID_BEFORE.format(span="interval '1 minute'")} LIMIT :most
        ) recent
    ) < :most
    """
)
_PURGE = text(
    f"""
    WITH cut AS (SELECT {_ID_BEFORE.format(span="make_interval(days => :days)")} AS id), gone AS (
        SELECT w.workspace_id, old.id FROM cut, (SELECT id AS workspace_id FROM workspace) w CROSS JOIN LATERAL (
            SELECT a.id FROM audit a WHERE a.workspace_id = w.workspace_id AND a.id < cut.id ORDER BY a.id LIMIT :limit
        ) old
    )
    DELETE FROM audit a USING gone WHERE a.workspace_id = gone.workspace_id AND a.id = gone.id
    """
)
_DUE = text(
    "SELECT true FROM duty WHERE name = 'audit' AND due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED"
)
_DONE = text(
    """
    UPDATE duty SET due_at = clock_timestamp() + make_interval(secs => CAST(:pause AS double precision)) WHERE name = 'audit'
    """
)
ObjectKind = Literal[
    "account",
    "callback",
    "connection",
    "dead_letter",
    "invitation",
    "key",
    "member",
    "orchestrator",
    "redaction",
    "retention",
    "run",
    "session",
    "sign_in",
    "signing_secret",
    "token",
    "workspace",
]


class AuditLine(Frozen):
    """One change. `fields` are the names of what it set, never values. `address`: "cli" for a command on the server's machine;
    null where Baton did it later, on behalf of `by`. `requestId` finds the request in the server's log."""

    id: UUID
    at: Timestamp
    by: str
    action: str
    object_kind: str
    object_id: str | None
    object_name: str | None
    fields: tuple[str, ...]
    reason: str | None
    address: str | None
    request_id: str | None


class AuditFilter(Frozen):
    """Which lines; every condition given must hold. `action`: as it stands, or its first word, as "run"."""

    by: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def record(
    connection: AsyncConnection,
    scope: Scope,
    action: str,
    object_kind: ObjectKind,
    object_id: object = None,
    object_name: str | None = None,
    *,
    fields: Iterable[str] = (),
    reason: str | None = None,
) -> None:
    """One line, in the caller's transaction. `action` is "noun.done"; `fields` are names, never values."""
    await connection.execute(
        _RECORD,
        audited(scope, action, object_kind, object_id, object_name, fields=fields, reason=reason)
        | {"workspace_id": scope.workspace_id},
    )


def audited(
    scope: Scope,
    action: str,
    object_kind: ObjectKind,
    object_id: object = None,
    object_name: str | None = None,
    *,
    fields: Iterable[str] = (),
    reason: str | None = None,
) -> JsonObject:
    """What a line holds, for a statement that writes it itself."""
    return {
        "by": scope.subject,
        "action": action,
        "object_kind": object_kind,
        "object_id": None if object_id is None else str(object_id),
        "object_name": object_name and object_name[:NAME_LIMIT],
        "fields": [*sorted(fields)[:FIELDS_LIMIT]],
        "reason": reason[:REASON_LIMIT] if reason else None,
        "address": scope.address,
        "request_id": scope.request_id,
    }


async def record_refusal(
    connection: AsyncConnection, name: str | None, why: str, address: str | None, request_id: str | None
) -> None:
    """A sign-in that was refused, in the log of the server's first workspace, for it came to none. No more than REFUSALS in a
    minute. `name` is what somebody called themselves, if that is an account's; never what they typed as a secret."""
    given = {"name": name and name[:NAME_LIMIT], "reason": why, "address": address, "request_id": request_id}
    await connection.execute(_REFUSED, given | {"most": REFUSALS})


class Audit:
    """Reading the log, and letting go what is too old. Every method but `purge` is of the asker's workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, scope: Scope, wanted: AuditFilter, *, limit: int, before: UUID | None = None
    ) -> tuple[AuditLine, ...]:
        """Newest first, those older than `before`."""
        table = audit.c
        query = select(audit).where(table.workspace_id == scope.workspace_id)
        for name in ("by", "object_kind", "object_id"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(table[name] == value)
        if wanted.action is not None:
            exact = table.action == wanted.action
            query = query.where(
                exact
                if "." in wanted.action
                else table.action.startswith(f"{wanted.action}.", autoescape=True)
            )
        if wanted.since is not None:
            query = query.where(table.id >= _id_of(wanted.since))
        bounds = [b for b in (before, wanted.until and _id_of(wanted.until)) if b is not None]
        if bounds:
            query = query.where(table.id < min(bounds))
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query.order_by(table.id.desc()).limit(limit))).mappings().all()
        return tuple(AuditLine.model_validate(_fields(row)) for row in rows)

    async def export(self, scope: Scope, wanted: AuditFilter) -> AsyncGenerator[AuditLine]:
        """All of them, newest first, read in pieces: no transaction is held open by a slow reader."""
        before: UUID | None = None
        while found := await self.page(scope, wanted, limit=_EXPORT, before=before):
            for line in found:
                yield line
            before = found[-1].id

    async def rotated(self, scope: Scope, key_id: str) -> None:
        """Everything is sealed with this key now."""
        async with self._database.begin(scope) as connection:
            await record(connection, scope, "key.rotated", "key", key_id)

    async def refused(self, name: str | None, why: str, address: str | None, request_id: str | None) -> None:
        """See `record_refusal`."""
        async with self._database.begin() as connection:
            await record_refusal(connection, name, why, address, request_id)

    async def purge(self, days: int | None, *, every: float = _EVERY) -> int | None:
        """Delete a piece of the lines older than `days`; how many. None: it is not due, or another process is at it."""
        async with self._database.begin() as connection:
            if await connection.scalar(_DUE) is None:
                return None
            gone = 0
            if days is not None:
                await connection.execute(text("SELECT set_config('baton.purge', 'on', true)"))
                gone = (await connection.execute(_PURGE, {"days": days, "limit": PIECE})).rowcount
            await connection.execute(_DONE, {"pause": 0.0 if gone else every})
        return gone


def _id_of(moment: datetime) -> UUID:
    """The smallest id of that millisecond."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _fields(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in AuditLine.model_fields}
