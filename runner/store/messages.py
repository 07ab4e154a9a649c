"""Signed messages that were taken: each is taken once, whichever wait it is sent to, for as long as it is remembered.

The same message to the same wait is no replay: a sender that missed our answer sends again, and is told that it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import Text, bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import VaultError
from runner.model import Scope
from runner.store.signing_secrets import context_of
from runner.tables import signing_secret_version
from runner.vault import Vault
from runner.webhook_auth import WebhookAuth, read_auth, secret_of
from runner.webhook_proof import Call, Refused, prove, sign

PIECE = 1000
_REMEMBERED = "interval '24 hours'"
_IDS = (bindparam("secret_id", type_=PgUuid()), bindparam("node_run_id", type_=PgUuid()))

# One insert decides: of two that come at once the second waits for the first to be committed, and finds it. One that is older
# than it is remembered, and not yet forgotten, is made anew.
_CLAIM = text(
    f"""
    INSERT INTO signed_message AS m (secret_id, sha256, node_run_id) VALUES (:secret_id, :sha256, :node_run_id)
    ON CONFLICT (secret_id, sha256) DO UPDATE SET
        node_run_id = CASE WHEN m.seen_at < clock_timestamp() - {_REMEMBERED} THEN excluded.node_run_id ELSE m.node_run_id END,
        seen_at = CASE WHEN m.seen_at < clock_timestamp() - {_REMEMBERED} THEN excluded.seen_at ELSE m.seen_at END
    RETURNING m.node_run_id
    """
).bindparams(*_IDS)
_RELEASE = text(
    "DELETE FROM signed_message WHERE secret_id = :secret_id AND sha256 = :sha256 AND node_run_id = :node_run_id"
).bindparams(*_IDS)
_FORGET = text(
    f"""
    DELETE FROM signed_message WHERE (secret_id, sha256) IN (
        SELECT secret_id, sha256 FROM signed_message WHERE seen_at < clock_timestamp() - {_REMEMBERED}
        ORDER BY seen_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """
)


@dataclass(frozen=True)
class Proven:
    """A message whose sender holds the secret."""

    secret_id: UUID
    message: bytes


def proof_of(vault: Vault, demanded: Any, call: Call) -> Proven | None:
    """`demanded` is a row of `accepting.DEMANDED`. None: genuine, but nothing tells one message from another. Raises Refused."""
    auth = _mode(demanded["auth"])
    secret_id = secret_of(auth)
    secrets = [
        _opened(vault, demanded["workspace_id"], secret_id, version, bytes.fromhex(sealed))
        for version, sealed in demanded["secrets"] or ()
    ]
    proof = prove(auth, secrets, call, demanded["now"])
    return None if secret_id is None or proof.message is None else Proven(secret_id, proof.message)


async def newest_sealed(connection: AsyncConnection, scope: Scope, stored: Any) -> tuple[UUID, bytes] | None:
    """The newest value of the secret that a stored mode names, with its version's id; None where there is none."""
    version = signing_secret_version
    wanted: Any = stored and stored.get("secretId")
    query = (
        select(version.c.id, version.c.sealed)
        .where(
            cast(version.c.secret_id, Text) == wanted,
            version.c.workspace_id == scope.workspace_id,
        )
        .order_by(version.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else (row.id, row.sealed)


def as_sender(
    vault: Vault, scope: Scope, stored: Any, sealed: tuple[UUID, bytes] | None, raw: bytes, now: float
) -> Call:
    """The call that a sender would make, from the first network it may come from. Raises Refused."""
    if stored is None:
        return Call(raw)
    auth = _mode(stored)
    sender = str(auth.networks[0].network_address) if auth.networks else None
    if (secret_id := secret_of(auth)) is None:
        return Call(raw, (), sender)
    if sealed is None:
        raise Refused("no-secret")
    secret = _opened(vault, scope.workspace_id, secret_id, *sealed)
    return Call(raw, sign(auth, secret, raw, now, f"test_{uuid4()}"), sender)


async def claim(connection: AsyncConnection, proven: Proven, node_run_id: UUID) -> bool:
    """In the transaction that takes the body: whether the message is this wait's now. False: another wait has taken it."""
    given = {"secret_id": proven.secret_id, "sha256": proven.message, "node_run_id": node_run_id}
    return await connection.scalar(_CLAIM, given) == node_run_id


async def release(connection: AsyncConnection, proven: Proven, node_run_id: UUID) -> None:
    """In the same transaction: the wait did not take it after all, so another may."""
    given = {"secret_id": proven.secret_id, "sha256": proven.message, "node_run_id": node_run_id}
    await connection.execute(_RELEASE, given)


def _mode(stored: Any) -> WebhookAuth:
    try:
        return read_auth(stored)
    except ValidationError:
        raise Refused("unread") from None


def _opened(
    vault: Vault, workspace_id: UUID, secret_id: UUID | None, version: UUID | str, sealed: bytes
) -> bytes:
    try:
        return vault.open(sealed, context_of(workspace_id, secret_id, version))
    except VaultError:
        raise Refused("no-secret") from None


class Messages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self) -> int:
        """Those that are remembered no longer, up to a thousand; how many."""
        async with self._database.begin() as connection:
            return (await connection.execute(_FORGET, {"most": PIECE})).rowcount
