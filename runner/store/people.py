"""Who is in a workspace, and as what. A workspace is never without an admin who can sign in, once it had one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Role, Scope
from runner.store.audit import record
from runner.store.sessions import end_sessions
from runner.tables import account, api_token, membership, session, workspace

_NOW = func.clock_timestamp()


class Member(Frozen):
    """Somebody in this workspace. `email` null: they have none here. `lastUsed`: when they were last here, signed in; null where
    that is forgotten. `disabled`: they cannot sign in."""

    id: UUID
    email: str | None
    name: str
    role: Role
    disabled: bool
    joined_date: Timestamp
    last_used: Timestamp | None


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def members(self, scope: Scope, *, limit: int, after: UUID | None = None) -> tuple[Member, ...]:
        """Of the workspace, in the order in which their accounts were made."""
        seen = (
            select(func.max(session.c.seen_at))
            .where(session.c.account_id == account.c.id, session.c.workspace_id == scope.workspace_id)
            .scalar_subquery()
        )
        query = (
            select(account, membership.c.role, membership.c.created_at.label("joined_at"), seen.label("seen"))
            .join(membership, membership.c.account_id == account.c.id)
            .where(membership.c.workspace_id == scope.workspace_id)
            .order_by(account.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(account.c.id > after)
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Member(
                id=row.id,
                email=row.email,
                name=row.name,
                role=Role(row.role),
                disabled=row.disabled_at is not None,
                joined_date=row.joined_at,
                last_used=row.seen,
            )
            for row in rows
        )

    async def set_role(self, scope: Scope, account_id: UUID, role: Role) -> None:
        """From now on they are that here; their sessions here end, so that what they have open is theirs anew. Raises NotFound;
        Conflict, code last-admin."""
        async with self._database.begin(scope) as connection:
            await give_role(connection, scope, account_id, role)

    async def remove(self, scope: Scope, account_id: UUID) -> None:
        """They are out: their sessions here end and their own tokens of this workspace are refused, at once. Raises NotFound;
        Conflict, code last-admin."""
        async with self._database.begin(scope) as connection:
            await expel(connection, scope, account_id)


async def give_role(
    connection: AsyncConnection, scope: Scope, account_id: UUID, role: Role, *, reason: str | None = None
) -> None:
    """See `People.set_role`; in the caller's transaction."""
    await _lock(connection, scope)
    before = await _role(connection, scope, account_id)
    if before == role:
        return
    await connection.execute(
        update(membership)
        .where(membership.c.workspace_id == scope.workspace_id, membership.c.account_id == account_id)
        .values(role=role)
    )
    await _keep_an_admin(connection, scope, before)
    await end_sessions(connection, account_id, workspace_id=scope.workspace_id)
    await record(
        connection, scope, "member.role_changed", "member", account_id, fields=["role"], reason=reason
    )


async def expel(
    connection: AsyncConnection, scope: Scope, account_id: UUID, *, reason: str | None = None
) -> None:
    """See `People.remove`; in the caller's transaction."""
    await _lock(connection, scope)
    before = await _role(connection, scope, account_id)
    await connection.execute(
        delete(membership).where(
            membership.c.workspace_id == scope.workspace_id, membership.c.account_id == account_id
        )
    )
    await _keep_an_admin(connection, scope, before)
    await end_sessions(connection, account_id, workspace_id=scope.workspace_id)
    await connection.execute(
        update(api_token)
        .where(
            api_token.c.account_id == account_id,
            api_token.c.workspace_id == scope.workspace_id,
            api_token.c.revoked_at.is_(None),
        )
        .values(revoked_at=_NOW)
    )
    await record(connection, scope, "member.removed", "member", account_id, reason=reason)


async def _lock(connection: AsyncConnection, scope: Scope) -> None:
    """Changes of who is in a workspace happen one after the other, so that two admins cannot remove each other."""
    await connection.execute(
        select(workspace.c.id).where(workspace.c.id == scope.workspace_id).with_for_update(key_share=True)
    )


async def _role(connection: AsyncConnection, scope: Scope, account_id: UUID) -> Role:
    found = await connection.scalar(
        select(membership.c.role).where(
            membership.c.workspace_id == scope.workspace_id, membership.c.account_id == account_id
        )
    )
    if found is None:
        raise NotFound("There is no such person in this workspace.")
    return Role(found)


async def _keep_an_admin(connection: AsyncConnection, scope: Scope, before: Role) -> None:
    if before is not Role.ADMIN:
        return
    left = (
        select(membership.c.account_id)
        .join(account, account.c.id == membership.c.account_id)
        .where(
            membership.c.workspace_id == scope.workspace_id,
            membership.c.role == Role.ADMIN,
            account.c.disabled_at.is_(None),
        )
        .limit(1)
    )
    if await connection.scalar(left) is None:
        raise Conflict(
            "This is the workspace's last admin.",
            code="last-admin",
            hint="Make somebody else an admin first.",
        )
