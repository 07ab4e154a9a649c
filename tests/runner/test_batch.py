"""Group commit: many tasks, one commit; a fault touches only its own task."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from runner.errors import Unreachable
from runner.store import Store
from runner.store.batch import MOST, Batch, Query

# Postgres's id of the transaction that a statement ran in, and its argument as JSON; a zero divides.
_WHO = Query(
    "SELECT txid_current() AS txid, CAST(:value AS jsonb) AS value, 1 / CAST(:divisor AS int) AS one"
)


async def test_what_is_asked_together_shares_a_commit(store: Store) -> None:
    batch = Batch(store.database, _WHO)
    rows = await asyncio.gather(
        *(batch(f"{n:03}", {"value": {"n": n}, "divisor": 1}) for n in range(2 * MOST))
    )
    assert [row["value"] for row in rows] == [{"n": n} for n in range(2 * MOST)]
    assert len({row["txid"] for row in rows}) < MOST, "a commit each would be no batch"


async def test_what_comes_alone_leaves_at_once(store: Store) -> None:
    batch = Batch(store.database, _WHO)
    assert (await batch("a", {"value": None, "divisor": 1}))["value"] is None
    assert (await batch("a", {"value": ["b"], "divisor": 1}))["value"] == ["b"]


async def test_a_fault_of_one_touches_no_other(store: Store) -> None:
    batch = Batch(store.database, _WHO)
    asked = (batch(str(n), {"value": n, "divisor": 0 if n == 3 else 1}) for n in range(8))
    rows = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(rows[3], asyncpg.DivisionByZeroError)
    rest = [row["value"] for row in rows if not isinstance(row, BaseException)]
    assert rest == [0, 1, 2, 4, 5, 6, 7]


async def test_rows_are_locked_in_one_order(store: Store) -> None:
    """Two batches over the same rows, asked in opposite orders, never wait for each other in a circle."""
    async with store.database.fast() as connection:
        await connection.execute("CREATE TABLE counted (id uuid PRIMARY KEY, n int NOT NULL DEFAULT 0)")
        ids: list[UUID] = [
            row["id"]
            for row in await connection.fetch(
                "INSERT INTO counted (id) SELECT uuidv7() FROM generate_series(1, 40) RETURNING id"
            )
        ]
    query = Query("UPDATE counted SET n = n + 1 WHERE id = :id RETURNING n")
    one, other = Batch(store.database, query), Batch(store.database, query)
    for _ in range(20):
        await asyncio.gather(
            *(one(str(i), {"id": i}) for i in ids), *(other(str(i), {"id": i}) for i in reversed(ids))
        )
    async with store.database.fast() as connection:
        assert {row["n"] for row in await connection.fetch("SELECT n FROM counted")} == {40}


async def test_without_a_database_everybody_is_told(store: Store) -> None:
    batch = Batch(store.database, _WHO)
    await batch("a", {"value": 1, "divisor": 1})
    async with store.database.fast() as connection:
        with pytest.raises(asyncpg.PostgresConnectionError):
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    rows = await asyncio.gather(
        *(batch(str(n), {"value": n, "divisor": 1}) for n in range(3)), return_exceptions=True
    )
    for n, row in enumerate(rows):
        assert isinstance(row, Unreachable) or (not isinstance(row, BaseException) and row["value"] == n), row
