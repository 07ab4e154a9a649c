"""How often somebody may try to sign in, counted in Postgres for all processes (threats T31). Kept are hashes: nothing that was
typed."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

BURST, STEP = 5, timedelta(seconds=12)
"""Tries to sign in as one person: five at once, then one in twelve seconds, so at most ten within any minute."""
ADDRESS_BURST, ADDRESS_STEP = 30, timedelta(seconds=2)
"""Refused tries from one address; those that succeed are given back."""
_SWEEP = 100
_TRY = text(
    """
    INSERT INTO sign_in_attempt AS tried (key, full_at)
    VALUES (:key, clock_timestamp() + make_interval(secs => CAST(:step AS double precision)))
    ON CONFLICT (key) DO UPDATE SET full_at = greatest(tried.full_at, clock_timestamp())
        + make_interval(secs => CAST(:step AS double precision))
    WHERE tried.full_at <= clock_timestamp() + make_interval(secs => CAST(:room AS double precision))
    RETURNING true
    """
).bindparams(bindparam("key", type_=BYTEA()))
_WAIT = text(
    """
    SELECT greatest(1.0, extract(epoch FROM full_at - clock_timestamp()) - CAST(:room AS double precision))
    FROM sign_in_attempt WHERE key = :key
    """
).bindparams(bindparam("key", type_=BYTEA()))
_GIVE_BACK = text(
    "UPDATE sign_in_attempt SET full_at = full_at - make_interval(secs => CAST(:step AS double precision)) WHERE key = :key"
).bindparams(bindparam("key", type_=BYTEA()))
_FORGET = text(
    """
    DELETE FROM sign_in_attempt WHERE key IN (
        SELECT key FROM sign_in_attempt WHERE full_at < clock_timestamp() LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """
)


async def admit(connection: AsyncConnection, email: str, address: str | None) -> float | None:
    """See `Accounts.admit`; in the caller's transaction."""
    await connection.execute(_FORGET, {"most": _SWEEP})
    for key, step, burst in _limits(email, address):
        values = {"key": key, "step": step.total_seconds(), "room": (burst - 1) * step.total_seconds()}
        if await connection.scalar(_TRY, values) is None:
            return float(await connection.scalar(_WAIT, values) or 1.0)
    return None


async def give_back(connection: AsyncConnection, email: str, address: str | None) -> None:
    """The try succeeded, so it does not count."""
    for key, step, _ in _limits(email, address):
        await connection.execute(_GIVE_BACK, {"key": key, "step": step.total_seconds()})


def _limits(email: str, address: str | None) -> tuple[tuple[bytes, timedelta, int], ...]:
    """In the order in which their rows are locked."""

    def key(kind: str, value: str) -> bytes:
        return hashlib.sha256(f"{kind}:{value}".encode()).digest()

    return (
        (key("address", address or ""), ADDRESS_STEP, ADDRESS_BURST),
        (key("account", email), STEP, BURST),
    )
