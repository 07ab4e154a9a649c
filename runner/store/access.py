"""Who may come in: API tokens, one-time sign-in codes, sessions. Only SHA-256 of each is kept (threats T19, T20, T30).

A credential is a prefix, 256 random bits, and a checksum that tells a typing error from a wrong credential without asking
the database. All lookups are by hash.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import NotFound
from runner.model import Role, Scope
from runner.store.batch import Query
from runner.tables import api_token, session, sign_in_code, workspace
from runner.wire import ApiToken

TOKEN, CODE, SESSION = "baton_", "code_", "session_"
CODE_LIFE = timedelta(minutes=30)
IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
_NOTE_EVERY = timedelta(minutes=1)
"""Last use is written at most this often, so that reading does not mean writing."""
_NOW = func.clock_timestamp()
_BY_TOKEN = Query(
    """
    SELECT id, workspace_id, name, role,
        last_used_at IS NULL OR last_used_at < clock_timestamp() - CAST(:note_every AS interval) AS note
    FROM api_token
    WHERE sha256 = :hashed AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
    """
)


def mint(prefix: str) -> str:
    """A new credential of 256 random bits."""
    text = secrets.token_urlsafe(32)
    return f"{prefix}{text}{_checksum(text)}"


def well_formed(credential: str, prefix: str) -> bool:
    """Whether `mint(prefix)` can have made it."""
    text = credential.removeprefix(prefix)
    return len(text) == 51 and text != credential and text.isascii() and _checksum(text[:43]) == text[43:]


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _hash(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()


class Access:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> None:
        """Raises Unreachable when the database does not answer."""
        async with self._database.begin() as connection:
            await connection.execute(select(literal(1)))

    async def scope(self, subject: str, role: Role = Role.ADMIN, *, workspace_name: str = "default") -> Scope:
        """The scope of a command on this machine, which needs no credential. Raises NotFound."""
        async with self._database.begin() as connection:
            return Scope(await _workspace(connection, workspace_name), subject, role)

    async def workspace_name(self, scope: Scope) -> str:
        """Of the workspace that `scope` is in."""
        async with self._database.begin() as connection:
            return (
                await connection.scalar(select(workspace.c.name).where(workspace.c.id == scope.workspace_id))
                or ""
            )

    async def create_token(
        self,
        name: str,
        role: Role,
        *,
        workspace_name: str = "default",
        lifetime: timedelta | None = None,
    ) -> str:
        """A new API token, shown this once."""
        token = mint(TOKEN)
        async with self._database.begin() as connection:
            await connection.execute(
                insert(api_token).values(
                    workspace_id=await _workspace(connection, workspace_name),
                    name=name,
                    role=role,
                    sha256=_hash(token),
                    expires_at=None if lifetime is None else _NOW + lifetime,
                )
            )
        return token

    async def issue_token(self, scope: Scope, name: str, role: Role) -> tuple[ApiToken, str]:
        """A new API token of the asker's workspace, and its text, shown this once."""
        token = mint(TOKEN)
        made = (
            insert(api_token)
            .values(workspace_id=scope.workspace_id, name=name, role=role, sha256=_hash(token))
            .returning(api_token)
        )
        async with self._database.begin() as connection:
            return _token((await connection.execute(made)).one()), token

    async def tokens(self, scope: Scope) -> tuple[ApiToken, ...]:
        """The tokens of the workspace, newest first, revoked ones too; never their text."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(api_token)
                .where(api_token.c.workspace_id == scope.workspace_id)
                .order_by(api_token.c.id.desc())
            )
            return tuple(_token(row) for row in rows)

    async def revoke_token(self, scope: Scope, token_id: UUID) -> None:
        """From now on it is refused. Idempotent. Raises NotFound."""
        async with self._database.begin() as connection:
            done = await connection.execute(
                update(api_token)
                .where(api_token.c.id == token_id, api_token.c.workspace_id == scope.workspace_id)
                .values(revoked_at=func.coalesce(api_token.c.revoked_at, _NOW))
            )
            if not done.rowcount:
                raise NotFound("There is no such token.")

    async def by_token(self, token: str) -> Scope | None:
        """Whose token it is; None for a wrong, expired or revoked one."""
        if not well_formed(token, TOKEN):
            return None
        found = await _BY_TOKEN.rows(self._database, hashed=_hash(token), note_every=_NOTE_EVERY)
        if not found:
            return None
        row = found[0]
        if row.note:
            async with self._database.begin() as connection:
                await connection.execute(
                    update(api_token).where(api_token.c.id == row.id).values(last_used_at=_NOW)
                )
        return Scope(row.workspace_id, f"token:{row.name}", Role(row.role))

    async def create_code(
        self, *, role: Role = Role.ADMIN, subject: str = "owner", workspace_name: str = "default"
    ) -> str:
        """A sign-in code: works once, for 30 minutes. Old codes are swept out on the way."""
        code = mint(CODE)
        async with self._database.begin() as connection:
            await connection.execute(delete(sign_in_code).where(sign_in_code.c.expires_at < _NOW))
            await connection.execute(
                insert(sign_in_code).values(
                    sha256=_hash(code),
                    workspace_id=await _workspace(connection, workspace_name),
                    role=role,
                    subject=subject,
                    expires_at=_NOW + CODE_LIFE,
                )
            )
        return code

    async def redeem(self, code: str) -> str | None:
        """A new session for an unused code, else None. Of several at once, one gets it."""
        if not well_formed(code, CODE):
            return None
        secret = mint(SESSION)
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    update(sign_in_code)
                    .where(
                        sign_in_code.c.sha256 == _hash(code),
                        sign_in_code.c.used_at.is_(None),
                        sign_in_code.c.expires_at > _NOW,
                    )
                    .values(used_at=_NOW)
                    .returning(sign_in_code.c.workspace_id, sign_in_code.c.role, sign_in_code.c.subject)
                )
            ).first()
            if row is None:
                return None
            await connection.execute(delete(session).where(_over()))
            await connection.execute(
                insert(session).values(
                    sha256=_hash(secret),
                    workspace_id=row.workspace_id,
                    role=row.role,
                    subject=row.subject,
                    expires_at=_NOW + ABSOLUTE_LIMIT,
                )
            )
        return secret

    async def by_session(self, secret: str) -> Scope | None:
        """Whose session it is; None once signed out, idle for 12 hours, or 7 days old."""
        if not well_formed(secret, SESSION):
            return None
        async with self._database.begin() as connection:
            row = await _session(connection, secret)
            if row is None:
                return None
            if row.note:
                await connection.execute(
                    update(session).where(session.c.sha256 == _hash(secret)).values(seen_at=_NOW)
                )
        return Scope(row.workspace_id, row.subject, Role(row.role))

    async def end_session(self, secret: str) -> None:
        """Signed out: the cookie is worth nothing from here on. Idempotent."""
        async with self._database.begin() as connection:
            await connection.execute(delete(session).where(session.c.sha256 == _hash(secret)))


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_date=row.created_at,
        last_used_date=row.last_used_at,
        expires_date=row.expires_at,
        revoked_date=row.revoked_at,
    )


async def _session(connection: AsyncConnection, secret: str) -> Row[Any, Any, Any, bool] | None:
    found = await connection.execute(
        select(
            session.c.workspace_id,
            session.c.role,
            session.c.subject,
            _longer_ago(session.c.seen_at).label("note"),
        ).where(session.c.sha256 == _hash(secret), ~_over())
    )
    return found.first()


def _longer_ago(at: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(at.is_(None), at < _NOW - _NOTE_EVERY)


def _over() -> ColumnElement[bool]:
    return (session.c.expires_at <= _NOW) | (session.c.seen_at <= _NOW - IDLE_LIMIT)


async def _workspace(connection: AsyncConnection, name: str) -> UUID:
    found = await connection.scalar(select(workspace.c.id).where(workspace.c.name == name))
    if found is None:
        raise NotFound(f"There is no workspace {name!r}.")
    return found
