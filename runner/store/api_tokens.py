"""API tokens: of a workspace, for a program, or of a person. A personal one never may more than its person may now, and ends
with their membership (threats T17, T20)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import NotFound
from runner.model import Role, Scope
from runner.store.audit import COMMAND, record
from runner.store.batch import Query
from runner.store.minted import TOKEN, hashed, mint, well_formed
from runner.store.sessions import NOTE_EVERY
from runner.tables import account, api_token, workspace
from runner.wire import ApiToken

_NOW = func.clock_timestamp()
_BY_TOKEN = Query(
    """
    SELECT t.id, t.workspace_id, t.account_id, t.role, m.role AS held,
        CASE WHEN t.account_id IS NULL THEN 'token:' || t.name ELSE coalesce(a.email, a.name) END AS subject,
        t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - CAST(:note_every AS interval) AS note
    FROM api_token t LEFT JOIN account a ON a.id = t.account_id
        LEFT JOIN membership m ON m.account_id = t.account_id AND m.workspace_id = t.workspace_id
    WHERE t.sha256 = :hashed AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
        AND (t.account_id IS NULL OR (m.role IS NOT NULL AND a.disabled_at IS NULL))
    """
)


class ApiTokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_token(
        self,
        name: str,
        role: Role,
        *,
        workspace_name: str | None = None,
        lifetime: timedelta | None = None,
    ) -> str:
        """A new API token of a workspace, for a command on this machine. Shown this once. Raises NotFound."""
        token = mint(TOKEN)
        async with self._database.begin() as connection:
            workspace_id = await workspace_called(connection, workspace_name)
            made = await connection.scalar(
                insert(api_token)
                .values(
                    workspace_id=workspace_id,
                    name=name,
                    role=role,
                    sha256=hashed(token),
                    expires_at=None if lifetime is None else _NOW + lifetime,
                )
                .returning(api_token.c.id)
            )
            scope = Scope(workspace_id, COMMAND, Role.ADMIN, address=COMMAND)
            await record(connection, scope, "token.created", "token", made, name)
        return token

    async def issue_token(
        self,
        scope: Scope,
        name: str,
        role: Role,
        *,
        lifetime: timedelta | None = None,
        personal: bool = False,
    ) -> tuple[ApiToken, str]:
        """A new API token of the asker's workspace, and its text, shown this once. The caller has checked that `role` is not
        above the asker's. It does not outlive the token that asks, if one does."""
        token = mint(TOKEN)
        asking = select(api_token.c.expires_at).where(api_token.c.id == scope.token_id).scalar_subquery()
        made = (
            insert(api_token)
            .values(
                workspace_id=scope.workspace_id,
                account_id=scope.account_id if personal else None,
                name=name,
                role=role,
                sha256=hashed(token),
                created_by=scope.subject,
                expires_at=func.least(None if lifetime is None else _NOW + lifetime, asking),
            )
            .returning(api_token)
        )
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(made)).one()
            await record(connection, scope, "token.created", "token", row.id, name)
            return _token(row, scope.subject if personal else None), token

    async def tokens(self, scope: Scope, *, personal: bool = False) -> tuple[ApiToken, ...]:
        """The tokens of the workspace, newest first, revoked ones too; never their text. `personal`: the asker's own only."""
        query = (
            select(api_token, func.coalesce(account.c.email, account.c.name).label("person"))
            .join(account, account.c.id == api_token.c.account_id, isouter=True)
            .where(api_token.c.workspace_id == scope.workspace_id)
            .order_by(api_token.c.id.desc())
        )
        if personal:
            query = query.where(api_token.c.account_id == scope.account_id)
        async with self._database.begin(scope) as connection:
            return tuple(_token(row, row.person) for row in await connection.execute(query))

    async def revoke_token(self, scope: Scope, token_id: UUID, *, personal: bool = False) -> None:
        """From now on it is refused. Idempotent. `personal`: the asker's own only. Raises NotFound."""
        mine = [api_token.c.id == token_id, api_token.c.workspace_id == scope.workspace_id]
        if personal:
            mine.append(api_token.c.account_id == scope.account_id)
        query = select(api_token.c.name, api_token.c.revoked_at).where(*mine).with_for_update()
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(query)).first()
            if row is None:
                raise NotFound("There is no such token.")
            if row.revoked_at is None:
                await connection.execute(update(api_token).where(*mine).values(revoked_at=_NOW, sha256=None))
                await record(connection, scope, "token.revoked", "token", token_id, row.name)

    async def forget(self) -> None:
        """The hashes of tokens that are over: one that is looked up takes longer to refuse than one that never was (T30)."""
        over = or_(api_token.c.revoked_at.is_not(None), api_token.c.expires_at < _NOW)
        async with self._database.begin() as connection:
            await connection.execute(
                update(api_token).where(over, api_token.c.sha256.is_not(None)).values(sha256=None)
            )

    async def by_token(self, token: str) -> Scope | None:
        """Whose token it is; None for a wrong, expired or revoked one, and for one whose person is gone."""
        if not well_formed(token, TOKEN):
            return None
        found = await _BY_TOKEN.rows(self._database, hashed=hashed(token), note_every=NOTE_EVERY)
        if not found:
            return None
        row = found[0]
        if row.note:
            async with self._database.begin() as connection:
                await connection.execute(
                    update(api_token).where(api_token.c.id == row.id).values(last_used_at=_NOW)
                )
        role = Role(row.role)
        if row.account_id is not None:
            role = min(role, Role(row.held), key=lambda role: role.rank)
        return Scope(row.workspace_id, row.subject, role, account_id=row.account_id, token_id=row.id)


async def workspace_called(connection: AsyncConnection, name: str | None) -> UUID:
    """None: the first there was, whatever it is called by now. Raises NotFound."""
    query = select(workspace.c.id).order_by(workspace.c.id).limit(1)
    found = await connection.scalar(query if name is None else query.where(workspace.c.name == name))
    if found is None:
        raise NotFound(f"There is no workspace {name!r}.")
    return found


def _token(row: Row[Any], person: str | None) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        person=person,
        created_by=row.created_by,
        created_date=row.created_at,
        last_used_date=row.last_used_at,
        expires_date=row.expires_at,
        revoked_date=row.revoked_at,
    )
