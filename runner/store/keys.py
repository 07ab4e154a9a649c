"""Which master key seals what: the check at the start, the count, and the move of everything to the first key."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import VaultError
from runner.model import RUN_MOVES, RunState
from runner.store.connections import context_of
from runner.store.signing_secrets import context_of as signed_with
from runner.tables import connection, run, signing_secret_version, vault_key
from runner.vault import Vault

_ENDED = tuple(state.value for state in RunState if not RUN_MOVES[state])


@dataclass(frozen=True)
class Place:
    """A column of sealed records, with the id of their master key beside it in `key_id`. `what` names them for people; `context`
    is what each is sealed to, told from its primary key and the columns `bound`; records outside `needed` are never opened
    again, and stay as they are."""

    what: str
    table: Table
    column: str
    context: Callable[[RowMapping], str]
    needed: tuple[ColumnElement[bool], ...] = ()
    bound: tuple[str, ...] = ("workspace_id",)

    @property
    def held(self) -> tuple[ColumnElement[bool], ...]:
        return (self.table.c[self.column].is_not(None), *self.needed)


PLACES: tuple[Place, ...] = (
    Place("connections", connection, "sealed", lambda row: context_of(row["workspace_id"], row["id"])),
    Place(
        "runs under way",
        run,
        "sealed_seed",
        lambda row: f"run:{row['workspace_id']}:{row['id']}",
        (run.c.state.not_in(_ENDED),),
    ),
    Place(
        "signing secrets",
        signing_secret_version,
        "sealed",
        lambda row: signed_with(row["workspace_id"], row["secret_id"], row["id"]),
        bound=("workspace_id", "secret_id"),
    ),
)
"""Everything that is sealed. A column that is missing here would be lost with the old key: tests/runner/test_keys.py looks."""


@dataclass(frozen=True)
class KeyUse:
    """How many records a master key wraps, by what they are. `present`: it is among our keys. `seals`: new secrets go under it."""

    key_id: str
    records: Mapping[str, int]
    present: bool
    seals: bool

    @property
    def used(self) -> bool:
        return any(self.records.values())

    @property
    def told(self) -> str:
        """For people: "3 connections and 1 runs under way"."""
        return " and ".join(f"{count} {what}" for what, count in self.records.items() if count)


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
                if not use.present and use.used:
                    raise VaultError(
                        f"{use.told} are sealed with key {use.key_id}, which is not among "
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
                if all(use.seals or not use.used for use in await self.status()):
                    return moved
                await asyncio.sleep(0.05)  # the rest is locked by somebody at work on it

    async def rewrap_some(self, batch: int) -> int:
        """One transaction of `rewrap_all`. It waits for nobody: what others have locked is left for the next."""
        async with self._database.begin() as transaction:
            moved = 0
            for place in PLACES:
                moved += await self._moved(transaction, place, batch - moved)
                if moved == batch:
                    break
            return moved

    async def _moved(self, transaction: AsyncConnection, place: Place, limit: int) -> int:
        table, known = place.table, tuple(place.table.primary_key)
        found = (
            select(*known, *(table.c[name] for name in (*place.bound, place.column)))
            .where(*place.held, table.c.key_id != self._vault.key_ids[0])
            .order_by(*known)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
        rows = (await transaction.execute(found)).mappings().all()
        for row in rows:
            fresh = self._vault.rewrap(row[place.column], place.context(row))
            await transaction.execute(
                update(table)
                .where(*(column == row[column.name] for column in known))
                .values({place.column: fresh.blob, "key_id": fresh.key_id})
            )
        return len(rows)

    async def _uses(self, transaction: AsyncConnection) -> tuple[KeyUse, ...]:
        counts: Counter[tuple[str, str]] = Counter()
        for place in PLACES:
            key_id = place.table.c.key_id
            for held_by, count in await transaction.execute(
                select(key_id, func.count()).where(*place.held).group_by(key_id)
            ):
                counts[held_by, place.what] += count
        ours: Sequence[str] = self._vault.key_ids
        others = sorted({key_id for key_id, _ in counts} - set(ours))
        return tuple(
            KeyUse(
                key_id,
                {place.what: counts[key_id, place.what] for place in PLACES},
                key_id in ours,
                key_id == ours[0],
            )
            for key_id in (*ours, *others)
        )
