"""Invitations to a workspace: each works once, for 7 days, and only its hash is kept (threats T19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Role, Scope
from runner.store.accounts import create_account
from runner.store.api_tokens import workspace_called
from runner.store.audit import record
from runner.store.minted import INVITATION, hashed, mint, unspent, well_formed
from runner.store.sessions import Client, open_session, scope_of
from runner.tables import account, invitation, membership, workspace

INVITATION_LIFE = timedelta(days=7)
_NOW = func.clock_timestamp()


class Invitation(Frozen):
    """One that nobody has accepted yet. `expires` may have passed."""

    id: UUID
    email: str
    role: Role
    created_by: str
    created_date: Timestamp
    expires: Timestamp


class Invited(NamedTuple):
    """What an invitation says to who has its link. `known`: somebody has the address; they sign in as always."""

    email: str
    workspace_name: str
    role: Role
    known: bool


class Invitations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, email: str, role: Role) -> tuple[Invitation, str]:
        """An invitation for 7 days, and its text, shown this once; earlier ones to that address are void. The caller has checked
        that `role` is not above the asker's. Raises Conflict where they are a member."""
        token = mint(INVITATION)
        member = (
            select(membership.c.role)
            .join(account, account.c.id == membership.c.account_id)
            .where(account.c.email == email, membership.c.workspace_id == scope.workspace_id)
        )
        async with self._database.begin(scope) as connection:
            if await connection.scalar(member) is not None:
                raise Conflict(
                    f"{email} is in this workspace already.", hint="Change their role in the list."
                )
            await connection.execute(
                delete(invitation).where(
                    invitation.c.workspace_id == scope.workspace_id,
                    invitation.c.email == email,
                    invitation.c.used_at.is_(None),
                )
            )
            row = (
                await connection.execute(
                    insert(invitation)
                    .values(
                        sha256=hashed(token),
                        workspace_id=scope.workspace_id,
                        email=email,
                        role=role,
                        created_by=scope.subject,
                        expires_at=_NOW + INVITATION_LIFE,
                    )
                    .returning(invitation)
                )
            ).one()
            await record(connection, scope, "member.invited", "invitation", row.id, email, fields=["role"])
        return _invitation(row), token

    async def create_from_here(self, scope: Scope, email: str, role: Role, workspace_name: str | None) -> str:
        """The same for a command on this machine. Raises NotFound for the workspace; Conflict."""
        async with self._database.begin() as connection:  # which one, is only being looked up
            workspace_id = await workspace_called(connection, workspace_name)
        there = Scope(workspace_id, scope.subject, scope.role, address=scope.address)
        return (await self.create(there, email, role))[1]

    async def page(self, scope: Scope, *, limit: int, before: UUID | None = None) -> tuple[Invitation, ...]:
        """Those nobody has accepted, newest first."""
        query = (
            select(invitation)
            .where(invitation.c.workspace_id == scope.workspace_id, invitation.c.used_at.is_(None))
            .order_by(invitation.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(invitation.c.id < before)
        async with self._database.begin(scope) as connection:
            return tuple(_invitation(row) for row in await connection.execute(query))

    async def withdraw(self, scope: Scope, invitation_id: UUID) -> None:
        """Its link leads nowhere from now on. Raises NotFound; also once it was accepted."""
        gone = (
            delete(invitation)
            .where(
                invitation.c.id == invitation_id,
                invitation.c.workspace_id == scope.workspace_id,
                invitation.c.used_at.is_(None),
            )
            .returning(invitation.c.email)
        )
        async with self._database.begin(scope) as connection:
            email = await connection.scalar(gone)
            if email is None:
                raise NotFound("There is no such invitation.")
            await record(connection, scope, "member.uninvited", "invitation", invitation_id, email)

    async def read(self, token: str) -> Invited | None:
        """What an invitation says; None for one that is wrong, used, withdrawn or too old. Spends nothing."""
        if not well_formed(token, INVITATION):
            return None
        query = (
            select(
                invitation.c.email,
                invitation.c.role,
                workspace.c.name,
                select(account.c.id).where(account.c.email == invitation.c.email).exists().label("known"),
            )
            .join(workspace, workspace.c.id == invitation.c.workspace_id)
            .where(unspent(invitation, token))
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Invited(row.email, row.name, Role(row.role), row.known)

    async def accept(
        self, token: str, client: Client, *, name: str = "", password_hash: str | None = None
    ) -> str | None:
        """Spend an invitation: its address is a member from now on. Who is new gets an account with `name` and `password_hash`, and
        a session, which is returned. Who has an account gets neither, for the link does not prove that it is theirs. Raises
        NotFound for an invitation that is wrong, used, withdrawn or too old, and for a new person without a password. Of several
        at once, one succeeds."""
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    update(invitation)
                    .where(unspent(invitation, token))
                    .values(used_at=_NOW)
                    .returning(invitation)
                )
            ).first()
            if row is None:
                raise NotFound("This invitation is over.")
            known = await connection.scalar(select(account.c.id).where(account.c.email == row.email))
            if known is not None:
                await connection.execute(
                    upsert(membership)
                    .values(workspace_id=row.workspace_id, account_id=known, role=row.role)
                    .on_conflict_do_nothing()
                )
                scope = await scope_of(connection, known, row.workspace_id, client)
                await record(connection, scope, "member.added", "member", known, row.email, fields=["role"])
                return None
            if password_hash is None:
                raise NotFound("This invitation is over.")
            made = await create_account(
                connection,
                email=row.email,
                name=name,
                workspace_id=row.workspace_id,
                role=Role(row.role),
                client=client,
                password_hash=password_hash,
            )
            return await open_session(connection, made, client, workspace_id=row.workspace_id)


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        email=row.email,
        role=Role(row.role),
        created_by=row.created_by,
        created_date=row.created_at,
        expires=row.expires_at,
    )
