"""Which master key seals what: the check at the start, the count, and the move of everything to the first key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import VaultError
from runner.model import RUN_MOVES, RunState
from runner.store.connections import context_of
from runner.tables import connection, run, vault_key
from runner.vault import Vault

_ENDED = tuple(state.value for state in RunState if not RUN_MOVES[state])


@dataclass(frozen=True)
class KeyUse:
    """How many records a master key wraps. `present`: it is among our keys. `seals`: new secrets go under it."""

    key_id: str
    connections: int
    runs: int
    present: bool
    seals: bool


class Keys:
    """The master keys as the database knows them: ids and fingerprints, never a key."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def check(self) -> None:
        """Called at the start. Remembers keys it has not seen.

        Raises VaultError for a key that is not the one its id stood for, and for a key that something is sealed with and that
        is missing: nothing starts that could not open what it holds.
        """
        async with self._database.begin() as transaction:
            known = {
                row.key_id: row.fingerprint
                for row in await transaction.execute(select(vault_key).with_for_update())
            }
            for key_id in self._vault.key_ids:
                fingerprint = self._vault.fingerprint(key_id)
                if known.get(key_id, fingerprint) != fingerprint:
                    raise VaultError(
                        f"the key {key_id} in {self._vault.source} is not the key that this database knows by that id",
                        hint=f"Put back the key {key_id} that was used before, or give the new key another id.",
                    )
                if key_id not in known:
                    row = {"key_id": key_id, "fingerprint": fingerprint}
                    await transaction.execute(upsert(vault_key).values(row).on_conflict_do_nothing())
            for use in await self._uses(transaction):
                if not use.present and use.connections + use.runs:
                    held = [f"{use.connections} connections"] * bool(use.connections)
                    held += [f"{use.runs} runs under way"] * bool(use.runs)
                    raise VaultError(
                        f"{' and '.join(held)} are sealed with key {use.key_id}, which is not among "
                        f"{self._vault.source} (there: {', '.join(self._vault.key_ids)})",
                        hint=f"Add the key {use.key_id} to {self._vault.source}; without it these secrets cannot be read.",
                    )

    async def status(self) -> tuple[KeyUse, ...]:
        """Ours in their order, then keys that still wrap something and are not among ours."""
        async with self._database.begin() as transaction:
            return await self._uses(transaction)

    async def rewrap_all(self, batch: int = 200) -> int:
        """Move every record to the first key, `batch` per transaction; how many were moved. Cut off at any point and called
        again, it goes on where it was. Nothing is unreadable at any time as long as the old keys stay until it has ended."""
        moved = 0
        while True:
            done = await self.rewrap_some(batch)
            moved += done
            if not done:
                if all(use.seals or not use.connections + use.runs for use in await self.status()):
                    return moved
                await asyncio.sleep(0.05)  # the rest is locked by somebody at work on it

    async def rewrap_some(self, batch: int) -> int:
        """One transaction of `rewrap_all`. It waits for nobody: what others have locked is left for the next."""
        first = self._vault.key_ids[0]
        async with self._database.begin() as transaction:
            sealed = (
                select(connection.c.id, connection.c.workspace_id, connection.c.sealed)
                .where(connection.c.sealed.is_not(None), connection.c.key_id != first)
                .order_by(connection.c.id)
                .limit(batch)
                .with_for_update(skip_locked=True)
            )
            rows = (await transaction.execute(sealed)).all()
            for row in rows:
                fresh = self._vault.rewrap(row.sealed, context_of(row.workspace_id, row.id))
                await transaction.execute(
                    update(connection)
                    .where(connection.c.id == row.id)
                    .values(sealed=fresh.blob, key_id=fresh.key_id)
                )
            seeds = (
                select(run.c.id, run.c.workspace_id, run.c.sealed_seed)
                .where(run.c.sealed_seed.is_not(None), run.c.key_id != first, run.c.state.not_in(_ENDED))
                .order_by(run.c.id)
                .limit(batch - len(rows))
                .with_for_update(skip_locked=True)
            )
            runs = (await transaction.execute(seeds)).all() if len(rows) < batch else ()
            for row in runs:
                fresh = self._vault.rewrap(row.sealed_seed, f"run:{row.workspace_id}:{row.id}")
                await transaction.execute(
                    update(run).where(run.c.id == row.id).values(sealed_seed=fresh.blob, key_id=fresh.key_id)
                )
            return len(rows) + len(runs)

    async def _uses(self, transaction: AsyncConnection) -> tuple[KeyUse, ...]:
        of_connections = select(connection.c.key_id, func.count()).where(connection.c.sealed.is_not(None))
        of_runs = select(run.c.key_id, func.count()).where(
            run.c.sealed_seed.is_not(None), run.c.state.not_in(_ENDED)
        )
        connections = await _counted(transaction, of_connections.group_by(connection.c.key_id))
        runs = await _counted(transaction, of_runs.group_by(run.c.key_id))
        ours: Sequence[str] = self._vault.key_ids
        others = sorted({*connections, *runs} - set(ours))
        return tuple(
            KeyUse(key_id, connections.get(key_id, 0), runs.get(key_id, 0), key_id in ours, key_id == ours[0])
            for key_id in (*ours, *others)
        )


async def _counted(transaction: AsyncConnection, query: Select[Any, int]) -> dict[str, int]:
    return {key_id: count for key_id, count in await transaction.execute(query)}
