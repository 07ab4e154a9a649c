"""Sessions: they live here, so that signing out, a new password, another role or a removal ends them at once (threats T20).

A session belongs to a person and is in one workspace at a time. What that person may do there is read from the membership
at each request. The text of the cookie is new at each sign-in and each change of workspace; only its hash is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import NotFound
from runner.model import Role, Scope
from runner.store.audit import record
from runner.store.batch import Query
from runner.store.minted import SESSION, hashed, mint, well_formed
from runner.tables import account, membership, session

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
NOTE_EVERY = timedelta(minutes=1)
"""Last use is written at most this often, so that reading does not mean writing."""
_AGENT_LIMIT = 300
_NOW = func.clock_timestamp()
_BY_SESSION = Query(
    """
    SELECT s.id, s.workspace_id, s.account_id, coalesce(a.email, a.name) AS subject, m.role,
        s.seen_at < clock_timestamp() - CAST(:note_every AS interval) AS note
    FROM session s JOIN account a ON a.id = s.account_id
        JOIN membership m ON m.account_id = s.account_id AND m.workspace_id = s.workspace_id
    WHERE s.sha256 = :hashed AND a.disabled_at IS NULL
        AND s.expires_at > clock_timestamp() AND s.seen_at > clock_timestamp() - CAST(:idle AS interval)
    """
)
# In the workspace that is wanted, else where the person was last, else in the first they came to.
_OPEN = text(
    """
    INSERT INTO session (sha256, workspace_id, account_id, address, user_agent, expires_at)
    SELECT :hashed, m.workspace_id, a.id, :address, :user_agent,
        clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision))
    FROM account a JOIN membership m ON m.account_id = a.id
        LEFT JOIN LATERAL (
            SELECT max(s.seen_at) AS at FROM session s
            WHERE s.account_id = a.id AND s.workspace_id = m.workspace_id
        ) last ON true
    WHERE a.id = :account_id AND a.disabled_at IS NULL
    ORDER BY m.workspace_id IS NOT DISTINCT FROM CAST(:workspace_id AS uuid) DESC,
        last.at DESC NULLS LAST, m.created_at, m.workspace_id
    LIMIT 1
    RETURNING id, workspace_id, account_id
    """
).bindparams(
    bindparam("hashed", type_=BYTEA()),
    bindparam("account_id", type_=PgUuid()),
    bindparam("workspace_id", type_=PgUuid()),
)


@dataclass(frozen=True)
class Client:
    """Where a sign-in comes from, for the person's list of sessions and for the audit log. No decision rests on it."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


class SessionItem(Frozen):
    """One place where a person is signed in. `current`: the one that asks. `address` and `userAgent` are those of the sign-in."""

    id: UUID
    workspace_name: str
    address: str | None
    user_agent: str | None
    created_date: Timestamp
    last_used: Timestamp
    current: bool


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, account_id: UUID, client: Client, *, workspace_id: UUID | None = None) -> str | None:
        """A new session of that person, as the text of its cookie. None: the account is disabled or in no workspace. The caller
        knows who it is: this checks no credential. In `workspace_id` if they are a member there."""
        async with self._database.begin() as connection:
            return await open_session(connection, account_id, client, workspace_id=workspace_id)

    async def by_secret(self, secret: str) -> Scope | None:
        """Whose session it is, with the role they have now; None once signed out, removed, disabled, idle for 12 hours, or 7
        days old."""
        if not well_formed(secret, SESSION):
            return None
        rows = await _BY_SESSION.rows(
            self._database, hashed=hashed(secret), note_every=NOTE_EVERY, idle=IDLE_LIMIT
        )
        if not rows:
            return None
        row = rows[0]
        if row.note:
            async with self._database.begin() as connection:
                await connection.execute(update(session).where(session.c.id == row.id).values(seen_at=_NOW))
        return Scope(
            row.workspace_id, row.subject, Role(row.role), account_id=row.account_id, session_id=row.id
        )

    async def end(self, secret: str, client: Client) -> None:
        """Signed out: the cookie is worth nothing from here on. Idempotent."""
        gone = delete(session).where(session.c.sha256 == hashed(secret))
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    gone.returning(session.c.id, session.c.account_id, session.c.workspace_id)
                )
            ).first()
            if row is not None:
                scope = await scope_of(connection, row.account_id, row.workspace_id, client)
                await record(connection, scope, "session.ended", "session", row.id)

    async def mine(self, scope: Scope) -> tuple[SessionItem, ...]:
        """Where the person who asks is signed in, newest use first, in whichever workspace."""
        query = text(
            """
            SELECT s.id, w.name AS workspace_name, s.address, s.user_agent, s.created_at AS created_date,
                s.seen_at AS last_used, s.id IS NOT DISTINCT FROM CAST(:session_id AS uuid) AS current
            FROM session s JOIN workspace w ON w.id = s.workspace_id
            WHERE s.account_id = CAST(:account_id AS uuid) AND s.expires_at > clock_timestamp()
                AND s.seen_at > clock_timestamp() - CAST(:idle AS interval)
            ORDER BY current DESC, s.seen_at DESC, s.id
            """
        ).bindparams(account_id=scope.account_id, session_id=scope.session_id, idle=IDLE_LIMIT)
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            rows = (await connection.execute(query)).mappings().all()
        return tuple(SessionItem.model_validate(dict(row)) for row in rows)

    async def end_one(self, scope: Scope, session_id: UUID) -> None:
        """One of the asker's own. Raises NotFound."""
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            done = await connection.execute(
                delete(session).where(session.c.id == session_id, session.c.account_id == scope.account_id)
            )
            if not done.rowcount:
                raise NotFound("There is no such session.")
            await record(connection, scope, "session.ended", "session", session_id)

    async def end_others(self, scope: Scope) -> None:
        """All of the asker's but the one that asks."""
        assert scope.account_id is not None
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            if await end_sessions(connection, scope.account_id, keep=scope.session_id):
                await record(connection, scope, "session.ended", "account", scope.account_id, scope.subject)

    async def switch(self, scope: Scope, workspace_id: UUID) -> str:
        """The session that asks is in that workspace from now on, under a new text, which is returned. Raises NotFound where
        the person is no member."""
        secret = mint(SESSION)
        member = (
            select(membership.c.workspace_id)
            .join(account, account.c.id == membership.c.account_id)
            .where(
                membership.c.workspace_id == workspace_id,
                membership.c.account_id == scope.account_id,
                account.c.disabled_at.is_(None),
            )
        )
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            done = await connection.execute(
                update(session)
                .where(session.c.id == scope.session_id, member.exists())
                .values(workspace_id=workspace_id, sha256=hashed(secret), seen_at=_NOW)
            )
            if not done.rowcount:
                raise NotFound("There is no such workspace.")
        return secret


async def open_session(
    connection: AsyncConnection,
    account_id: UUID,
    client: Client,
    *,
    workspace_id: UUID | None = None,
    reset: bool = False,
) -> str | None:
    """See `Sessions.open`; in the caller's transaction. Sessions that are over are swept out on the way. `reset`: the password
    was reset just now, which the audit log tells too."""
    secret = mint(SESSION)
    await connection.execute(delete(session).where(_over()))
    opened = (
        await connection.execute(
            _OPEN,
            {
                "hashed": hashed(secret),
                "account_id": account_id,
                "workspace_id": workspace_id,
                "address": client.address,
                "user_agent": client.user_agent and client.user_agent[:_AGENT_LIMIT],
                "seconds": ABSOLUTE_LIMIT.total_seconds(),
            },
        )
    ).first()
    if opened is None:
        return None
    scope = await scope_of(connection, opened.account_id, opened.workspace_id, client)
    if reset:
        await record(connection, scope, "account.password_reset", "account", account_id, scope.subject)
    await record(connection, scope, "session.opened", "session", opened.id)
    return secret


async def scope_of(
    connection: AsyncConnection, account_id: UUID, workspace_id: UUID, client: Client
) -> Scope:
    """A member, as they are told of in the audit log."""
    row = (
        await connection.execute(
            select(func.coalesce(account.c.email, account.c.name).label("subject"), membership.c.role)
            .join(membership, membership.c.account_id == account.c.id)
            .where(account.c.id == account_id, membership.c.workspace_id == workspace_id)
        )
    ).one()
    return Scope(
        workspace_id,
        row.subject,
        Role(row.role),
        account_id=account_id,
        address=client.address,
        request_id=client.request_id,
    )


async def end_sessions(
    connection: AsyncConnection,
    account_id: UUID,
    *,
    keep: UUID | None = None,
    workspace_id: UUID | None = None,
) -> int:
    """End those of a person but `keep`, and only those in `workspace_id` where one is given. Returns how many."""
    conditions: list[ColumnElement[bool]] = [session.c.account_id == account_id]
    if keep is not None:
        conditions.append(session.c.id != keep)
    if workspace_id is not None:
        conditions.append(session.c.workspace_id == workspace_id)
    done: Any = await connection.execute(delete(session).where(*conditions))
    return done.rowcount


def _over() -> ColumnElement[bool]:
    return (session.c.expires_at <= _NOW) | (session.c.seen_at <= _NOW - IDLE_LIMIT)
