"""The second wall between workspaces (threat T8): what Postgres shows, whatever a query asks for. Made from the tables
themselves, so that one without a policy fails here."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    Table,
    Uuid,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

import runner.store
from runner.database import Database
from runner.errors import Unreachable
from runner.model import Scope
from runner.store import Store
from runner.store.labels import few_labelled
from runner.tables import connection as connection_table
from runner.tables import metadata
from tests.factories import make_workspace, open_store

# Of no workspace: who signs in, keys, and upkeep. Nothing of them is seen from inside one.
NOBODYS = {"vault_key", "duty", "identity", "oidc_flow", "password_reset", "sign_in_attempt"}
TABLES = metadata.sorted_tables
AS_WEB = "SELECT set_config('role', left(session_user, 59) || '_web', true)"
REFUSED = "42501"
VALUES: dict[tuple[str, str], object] = {
    ("membership", "role"): "viewer",
    ("api_token", "role"): "viewer",
    ("invitation", "role"): "viewer",
    ("redaction_rule", "kind"): "path",
    ("dead_letter_bulk", "act"): "drop",
}
_unique = count()


@dataclass
class Rows:
    """One row in each table, all of one workspace."""

    scope: Scope
    of: dict[str, Any] = field(default_factory=dict[str, Any])

    def new(self, table: Table) -> dict[str, Any]:
        """The values of one more row that belongs here."""
        found: dict[str, Any] = {}
        for column in table.columns:
            if column.computed is not None or column.identity is not None:
                continue
            if column.name == "workspace_id":
                found[column.name] = self.scope.workspace_id
            elif column.foreign_keys:
                other = next(iter(column.foreign_keys)).column
                if other.table is not table:
                    found[column.name] = getattr(self.of[other.table.name], other.name)
            elif (table.name, column.name) in VALUES:
                found[column.name] = VALUES[table.name, column.name]
            elif not column.nullable and column.server_default is None and column.autoincrement is not True:
                found[column.name] = _value(column)
        return found


def _value(column: Column[Any]) -> object:
    kinds: tuple[tuple[type[Any], object], ...] = (
        (Uuid, uuid4()),
        (Boolean, False),
        (Integer, next(_unique)),
        (JSONB, {}),
        (LargeBinary, f"bytes {next(_unique)}".encode()),
        (DateTime, func.clock_timestamp()),
    )
    return next((value for kind, value in kinds if isinstance(column.type, kind)), f"text {next(_unique)}")


async def fill(connection: AsyncConnection, rows: Rows) -> None:
    for table in TABLES:
        if table.name == "workspace":
            query: Any = select(table).where(table.c.id == rows.scope.workspace_id)
        else:
            query = insert(table).values(rows.new(table)).returning(table)
        rows.of[table.name] = (await connection.execute(query)).one()


@dataclass
class World:
    store: Store
    mine: Rows
    other: Rows


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as found:
        yield found


@pytest.fixture
async def world(store: Store) -> World:
    scopes: list[Scope] = []
    for name in ("mine", "other"):
        await make_workspace(store, name)
        scopes.append(await store.access.scope("test", workspace_name=name))
    made = World(store, Rows(scopes[0]), Rows(scopes[1]))
    async with store.database.begin() as connection:
        for rows in (made.mine, made.other):
            await fill(connection, rows)
    return made


def is_row(table: Table, row: Any) -> Any:
    keys = tuple(table.primary_key.columns)
    return tuple_(*keys) == tuple_(*(getattr(row, key.name) for key in keys))


async def refused(world: World, statement: Any) -> str | None:
    """What Postgres says to a statement from inside `mine`; None where it is done. It is taken back."""
    try:
        async with world.store.database.begin(world.mine.scope) as connection:
            await connection.execute(statement)
            await connection.rollback()
    except DBAPIError as error:
        return getattr(error.orig, "sqlstate", None)
    return None


@pytest.mark.parametrize("setting", [None, ""])
async def test_outside_of_a_workspace_nothing_is_shown_and_nothing_written(
    world: World, setting: str | None
) -> None:
    async with world.store.database.begin() as connection:
        await connection.execute(text(AS_WEB))
        if setting is not None:
            await connection.execute(text(f"SET LOCAL baton.workspace = '{setting}'"))
        for table in TABLES:
            assert await connection.scalar(select(func.count()).select_from(table)) == 0, table.name
            values = {"name": "a third"} if table.name == "workspace" else world.mine.new(table)
            with pytest.raises(DBAPIError, match="row-level security"):
                async with connection.begin_nested():
                    await connection.execute(insert(table).values(values))


async def test_from_inside_a_workspace_its_own_rows_are_seen_and_no_others(world: World) -> None:
    """Every table, by queries that forgot their condition."""
    async with world.store.database.begin(world.mine.scope) as connection:
        assert await connection.scalar(text("SELECT current_user <> session_user"))
        for table in TABLES:
            own = select(func.count()).select_from(table).where(is_row(table, world.mine.of[table.name]))
            foreign = select(func.count()).select_from(table).where(is_row(table, world.other.of[table.name]))
            assert await connection.scalar(own) == (0 if table.name in NOBODYS else 1), table.name
            assert await connection.scalar(foreign) == 0, table.name
            if "workspace_id" in table.columns:
                seen = (await connection.execute(select(table.c.workspace_id).distinct())).scalars().all()
                assert seen == [world.mine.scope.workspace_id], table.name
    async with world.store.database.begin() as connection:  # the engine and upkeep see all of them
        for table in TABLES:
            for rows in (world.mine, world.other):
                query = select(func.count()).select_from(table).where(is_row(table, rows.of[table.name]))
                assert await connection.scalar(query) == 1, table.name


@pytest.mark.parametrize("table", TABLES, ids=str)
async def test_nothing_of_another_workspace_is_written(world: World, table: Table) -> None:
    theirs = is_row(table, world.other.of[table.name])
    key = next(iter(table.primary_key.columns))
    async with world.store.database.begin(world.mine.scope) as connection:
        for statement in (update(table).values({key: key}).where(theirs), delete(table).where(theirs)):
            done: Any = await connection.execute(statement)
            assert done.rowcount == 0
    new = {"name": "a third"} if table.name == "workspace" else world.other.new(table)
    assert await refused(world, insert(table).values(new)) == REFUSED
    if "workspace_id" in table.columns:
        moved = update(table).values(workspace_id=world.other.scope.workspace_id)
        assert await refused(world, moved.where(is_row(table, world.mine.of[table.name]))) is not None
    async with world.store.database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(table).where(theirs)) == 1


PARENTS = {"run", "node_run", "wait"}


@pytest.mark.parametrize(
    "table",
    [
        t
        for t in TABLES
        if "workspace_id" not in t.columns and PARENTS & {k.column.table.name for k in t.foreign_keys}
    ],
    ids=str,
)
async def test_what_a_run_has_is_shown_without_reading_all_runs(world: World, table: Table) -> None:
    """Its parents are looked up one by one, never gathered into a hash."""
    async with world.store.database.begin(world.mine.scope) as connection:
        plan = await connection.execute(text(f'EXPLAIN SELECT * FROM "{table.name}"'))
        assert "hashed" not in "\n".join(plan.scalars())


async def test_runs_are_found_by_their_labels_in_this_workspace_only(world: World) -> None:
    ids = {rows.scope.workspace_id: rows.of["run"].id for rows in (world.mine, world.other)}
    for rows in (world.mine, world.other):
        run_id = ids[rows.scope.workspace_id]
        await world.store.labels.replace(rows.scope, run_id, {"team": "blue"})
    for rows in (world.mine, world.other):
        async with world.store.database.begin(rows.scope) as connection:
            assert await few_labelled(connection, [("team", "blue")]) == [ids[rows.scope.workspace_id]]
            assert await few_labelled(connection, [("team", "red")]) == []
            assert await few_labelled(connection, []) is None
            query = text('SELECT baton_runs_labelled(\'{"team": "blue"}\', 0)')
            assert await connection.scalar(query) is None
    async with world.store.database.begin() as connection:
        assert await few_labelled(connection, [("team", "blue")]) == []


@pytest.mark.parametrize("name", ["node_run", "run_event"])
async def test_a_part_of_a_run_is_not_given_to_another_workspaces_run(world: World, name: str) -> None:
    """Parts of a run are written in one statement with it, so their wall is one of its own."""
    table = metadata.tables[name]
    new = world.mine.new(table)
    assert await refused(world, insert(table).values(new)) is None
    theirs = new | {"run_id": world.other.of["run"].id}
    assert await refused(world, insert(table).values(theirs)) == REFUSED
    moved = update(table).values(run_id=world.other.of["run"].id)
    assert await refused(world, moved.where(is_row(table, world.mine.of[name]))) is not None


async def test_one_connection_serves_many_workspaces_and_mixes_none(world: World, database_url: str) -> None:
    """Commits, rollbacks and requests that are broken off, all at once over one connection of each kind."""
    narrow = Database(database_url, size=1, reserve=0)
    seen: list[tuple[UUID, set[UUID]]] = []

    async def look(at: int) -> None:
        scope = (world.mine if at % 2 else world.other).scope
        if at % 3:
            async with narrow.begin(scope) as connection:
                query = select(connection_table.c.workspace_id)
                seen.append((scope.workspace_id, set((await connection.execute(query)).scalars())))
                if at % 5 == 0:
                    await connection.rollback()
                elif at % 7 == 0:
                    raise LookupError
        else:
            async with narrow.fast(scope) as connection:
                rows = await connection.fetch("SELECT workspace_id FROM connection")
                seen.append((scope.workspace_id, {row.workspace_id for row in rows}))

    try:
        await asyncio.gather(look(1), look(2), look(3))
        tasks = [asyncio.create_task(look(at)) for at in range(120)]
        for at, task in enumerate(tasks):
            if at % 11 == 0:
                await asyncio.sleep(0)
                task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = {type(end) for end in ends if end is not None}
        assert kinds == {LookupError, asyncio.CancelledError}, ends
        assert len(seen) > 90 and {inside for inside, _ in seen} == {
            world.mine.scope.workspace_id,
            world.other.scope.workspace_id,
        }
        assert all(found == {inside} for inside, found in seen)
    finally:
        await narrow.aclose()


async def test_a_connection_that_is_in_the_workspace_asks_nothing_more(
    world: World, database_url: str
) -> None:
    """Where there is one workspace, the wall costs no round trip."""
    narrow = Database(database_url, size=1, reserve=0)
    sent: list[str] = []
    try:
        async with narrow.begin(world.mine.scope) as connection:
            session: Any = (await connection.get_raw_connection()).driver_connection
            session.add_query_logger(lambda record: sent.append(record.query))  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType, reportUnknownArgumentType]
        for rows in (world.mine, world.mine, world.other):
            sent.clear()
            async with narrow.begin(rows.scope) as connection:
                await connection.scalar(text("SELECT 1"))
            assert any("baton.workspace" in query for query in sent) is (rows is world.other)
    finally:
        await narrow.aclose()


async def test_a_connection_that_broke_is_not_handed_out_again(world: World, database_url: str) -> None:
    narrow = Database(database_url, size=1, reserve=0)
    try:
        async with narrow.begin(world.mine.scope) as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        async with world.store.database.begin() as connection:
            await connection.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
        with pytest.raises(Unreachable):
            async with narrow.begin(world.other.scope):
                pass
        async with narrow.begin(world.other.scope) as connection:
            assert (
                await connection.scalar(select(connection_table.c.workspace_id))
                == world.other.scope.workspace_id
            )
    finally:
        await narrow.aclose()


# --- which door is gone by -------------------------------------------------------------------------------------------

# What crosses workspaces by its nature, though somebody in one asks for it; each says why where it stands.
CROSSING = {
    *(f"accounts.{name}" for name in ("profile", "rename", "password_hash", "change_password", "disable")),
    *(f"identities.{name}" for name in ("link", "mine", "unlink")),
    *(f"sessions.{name}" for name in ("mine", "end_one", "end_others", "switch")),
    *(f"workspaces.{name}" for name in ("mine", "create")),
    "invitations.create_from_here",
    "retention.hurry",
}
# Parts of methods that take no scope: the engine's, and those of upkeep.
OWNERS = {"batch._send", "settle._parked", "settle._end_locked"}


def doors() -> Iterator[tuple[str, bool, bool]]:
    """Every function of the store that opens a transaction: its name, whether it takes a scope or is a private part of one
    that may, and whether it goes by the walled door."""
    for path in sorted(Path(runner.store.__file__).parent.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            arguments = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
            asks = "scope" in arguments or function.name.startswith("_")
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                    continue
                of = ast.unparse(call.func.value)
                given = [ast.unparse(each) for each in call.args]
                opens = call.func.attr in ("begin", "fast") and of.endswith("database")
                if opens or (call.func.attr == "rows" and given and given[0].endswith("database")):
                    yield f"{path.stem}.{function.name}", asks, "scope" in given


def test_what_is_done_for_somebody_in_a_workspace_goes_by_the_walled_door() -> None:
    found = list(doors())
    assert len({name for name, _, walled in found if walled}) > 90
    assert {name for name, asks, walled in found if asks and not walled} == CROSSING | OWNERS
