"""Signing secrets: what the senders of webhooks and this server both know. Kept sealed, given out once, never read back.

A secret has one value, or two for a while: the one before counts until its time is up, so that a sender can be changed over.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, delete, func, insert, select, text, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Graph, Problem, Scope
from runner.store.audit import record
from runner.store.secret_uses import named, names_secrets, problems_within, users_of
from runner.tables import signing_secret, signing_secret_version
from runner.vault import Vault
from runner.webhook_proof import PREFIX, standard_key

_BYTES = 32
_NOW = func.clock_timestamp()


class SigningSecret(Frozen):
    """What is known of a secret; its text was shown once. `standard`: it suits Standard Webhooks. `rotatedDate`: when its value
    was changed last; `oldUntil`: until when the value before counts as well. `usedIn`: orchestrators, by their
    newest revision."""

    id: UUID
    name: str
    standard: bool
    created_by: str
    created_date: Timestamp
    rotated_date: Timestamp | None
    old_until: Timestamp | None
    used_in: int


@dataclass(frozen=True)
class Issued:
    """`text` is given out this once."""

    secret: SigningSecret
    text: str


class SecretInUse(Conflict):
    code = "signing-secret-in-use"

    def __init__(self, name: str, users: list[str]) -> None:
        names = ", ".join(f"“{user}”" for user in users[:10])
        more = f" and {len(users) - 10} more" if len(users) > 10 else ""
        super().__init__(
            f"{name} is used by {names}{more}",
            hint="Choose another secret there; waits of runs under way keep theirs until they end.",
        )


def context_of(workspace_id: UUID, secret_id: UUID | None, version_id: UUID | str) -> str:
    """What a value is sealed to."""
    return f"signing-secret:{workspace_id}:{secret_id}:{version_id}"


def fresh() -> str:
    """256 bits, in the form that Standard Webhooks wants."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


class SigningSecrets:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def page(
        self, scope: Scope, *, limit: int, before: UUID | None = None
    ) -> tuple[SigningSecret, ...]:
        """Newest first, those older than `before`."""
        query = _known(scope).order_by(signing_secret.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(signing_secret.c.id < before)
        async with self._database.begin(scope) as connection:
            return tuple(_wire(row) for row in await connection.execute(query))

    async def create(self, scope: Scope, name: str, given: str | None = None) -> Issued:
        """With the value `given`, or one made here. Raises Conflict for a name that is taken."""
        value = given or fresh()
        values = {"workspace_id": scope.workspace_id, "name": name, "created_by": scope.subject}
        async with self._unique(scope, name) as connection:
            made = insert(signing_secret).values(**values).returning(signing_secret.c.id)
            secret_id: UUID = (await connection.execute(made)).scalar_one()
            await self._keep(connection, scope, secret_id, value)
            await record(connection, scope, "signing_secret.created", "signing_secret", secret_id, name)
            return Issued(await _get(connection, scope, secret_id), value)

    async def rotate(
        self, scope: Scope, secret_id: UUID, given: str | None = None, *, old_for: timedelta
    ) -> Issued:
        """A new value; the one before counts for `old_for` more, and any older one no longer."""
        value = given or fresh()
        version = signing_secret_version
        async with self._database.begin(scope) as connection:
            locked = select(signing_secret.c.name).where(
                signing_secret.c.id == secret_id, signing_secret.c.workspace_id == scope.workspace_id
            )
            if (name := await connection.scalar(locked.with_for_update())) is None:
                raise _missing()
            await connection.execute(
                delete(version).where(version.c.secret_id == secret_id, version.c.expires_at.is_not(None))
            )
            await connection.execute(
                update(version).where(version.c.secret_id == secret_id).values(expires_at=_NOW + old_for)
            )
            await connection.execute(
                update(signing_secret).where(signing_secret.c.id == secret_id).values(rotated_at=_NOW)
            )
            await self._keep(connection, scope, secret_id, value)
            await record(connection, scope, "signing_secret.rotated", "signing_secret", secret_id, name)
            return Issued(await _get(connection, scope, secret_id), value)

    async def delete(self, scope: Scope, secret_id: UUID) -> None:
        """Gone for good. Raises SecretInUse while an orchestrator names it, or a wait of a run under way was made with it."""
        async with self._database.begin(scope) as connection:
            found = select(signing_secret.c.name).where(
                signing_secret.c.id == secret_id, signing_secret.c.workspace_id == scope.workspace_id
            )
            if (name := await connection.scalar(found.with_for_update())) is None:
                raise _missing()
            if users := list(await connection.scalars(users_of(scope, secret_id))):
                raise SecretInUse(name, users)
            await connection.execute(delete(signing_secret).where(signing_secret.c.id == secret_id))
            await record(connection, scope, "signing_secret.deleted", "signing_secret", secret_id, name)

    async def problems(self, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
        """Of every node that names a secret: it is gone, or does not suit the mode. No statement where none does."""
        if not names_secrets(graph):
            return ()
        async with self._database.begin(scope) as connection:
            return await problems_within(connection, scope, graph)

    async def forget(self) -> None:
        """Values whose time is up."""
        async with self._database.begin() as connection:
            expired = signing_secret_version.c.expires_at < _NOW
            await connection.execute(delete(signing_secret_version).where(expired))

    async def _keep(self, connection: AsyncConnection, scope: Scope, secret_id: UUID, value: str) -> None:
        version_id: UUID = (await connection.execute(text("SELECT uuidv7()"))).scalar_one()
        box = self._vault.seal(value.encode(), context_of(scope.workspace_id, secret_id, version_id))
        row: dict[str, Any] = {
            "id": version_id,
            "workspace_id": scope.workspace_id,
            "secret_id": secret_id,
            "sealed": box.blob,
            "key_id": box.key_id,
            "standard": standard_key(value.encode()) is not None,
        }
        await connection.execute(insert(signing_secret_version).values(row))

    @asynccontextmanager
    async def _unique(self, scope: Scope, name: str) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._database.begin(scope) as connection:
                yield connection
        except IntegrityError as error:
            if "uq_signing_secret_workspace_id_name" not in str(error.orig):
                raise
            raise Conflict(
                f"there is a signing secret “{name}” already",
                code="name-taken",
                hint="Choose another name, or rotate that one.",
            ) from None


def _known(scope: Scope) -> Select[Any]:
    version = signing_secret_version
    newest = (
        select(version.c.standard)
        .where(version.c.secret_id == signing_secret.c.id)
        .order_by(version.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    old = (
        select(func.max(version.c.expires_at))
        .where(version.c.secret_id == signing_secret.c.id, version.c.expires_at > _NOW)
        .scalar_subquery()
    )
    used = named(scope).subquery()
    uses = (
        select(used.c.secret, func.count(func.distinct(used.c.id)).label("count"))
        .group_by(used.c.secret)
        .subquery("uses")
    )
    return (
        select(
            signing_secret,
            newest.c.standard,
            old.label("old_until"),
            func.coalesce(uses.c.count, 0).label("used_in"),
        )
        .select_from(
            signing_secret.join(newest, true()).outerjoin(
                uses, uses.c.secret == cast(signing_secret.c.id, Text)
            )
        )
        .where(signing_secret.c.workspace_id == scope.workspace_id)
    )


async def _get(connection: AsyncConnection, scope: Scope, secret_id: UUID) -> SigningSecret:
    row = (await connection.execute(_known(scope).where(signing_secret.c.id == secret_id))).first()
    if row is None:
        raise _missing()
    return _wire(row)


def _wire(row: Any) -> SigningSecret:
    return SigningSecret(
        id=row.id,
        name=row.name,
        standard=row.standard,
        created_by=row.created_by,
        created_date=row.created_at,
        rotated_date=row.rotated_at,
        old_until=row.old_until,
        used_in=row.used_in,
    )


def _missing() -> NotFound:
    return NotFound("There is no such signing secret.")
