"""The oldest Postgres that docs/how-to/own-postgres.md names: every statement is understood there, and a run goes to its end."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import runner
from app.migrate import upgrade
from app.postgres_host import choose_account
from providers import discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import Role, RunState, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.store.batch import Query
from runner.tables import workspace
from runner.template import Templates
from runner.vault import Vault
from tests.conftest import ROOM
from tests.faults.bench import BY, drawing, mapper, run_row

OLDEST = 15
BIN = Path(f"/usr/lib/postgresql/{OLDEST}/bin")  # where Debian's and PostgreSQL's own packages put it

pytestmark = pytest.mark.skipif(
    not (BIN / "initdb").exists(), reason=f"there is no Postgres {OLDEST}: apt install postgresql-{OLDEST}"
)


def ran(*command: str | Path, **more: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """A migrated one, in a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="baton-old-", dir=ROOM) as folder:
        account = choose_account(Path(folder, "none"))
        who: dict[str, Any] = {}
        if account.other:
            shutil.chown(folder, account.uid, account.gid)
            who = {"user": account.uid, "group": account.gid, "extra_groups": []}
        data = Path(folder, "data")
        ran(BIN / "initdb", "-D", data, "-U", "baton", "-A", "trust", "-E", "UTF8", "--locale", "C", **who)
        options = f"-c listen_addresses= -c unix_socket_directories={folder}"
        ran(BIN / "pg_ctl", "-D", data, "-l", Path(folder, "log"), "-o", options, "-w", "start", **who)
        try:
            url = f"postgresql+asyncpg://baton@/postgres?host={folder}"
            await upgrade(url)
            database = Database(url, size=5, reserve=2)
            yield database
            await database.aclose()
        finally:
            ran(BIN / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", **who)


async def test_it_understands_every_statement(database: Database) -> None:
    found = {
        f"{module.name}.{name}": value
        for module in pkgutil.walk_packages(runner.__path__, "runner.")
        for name, value in vars(importlib.import_module(module.name)).items()
        if isinstance(value, Query)
    }
    assert len(found) > 20
    async with database.fast() as connection:
        for query in found.values():
            await connection.prepare(query.text)


async def test_a_run_goes_to_its_end_behind_the_wall(database: Database) -> None:
    assert await database.walled()
    store = Store(database, Vault([("test", bytes(32))]), discover())
    async with database.begin() as connection:
        here = await connection.scalar(select(workspace.c.id))
    assert here is not None
    scope = Scope(here, "tester", Role.ADMIN)
    platforms = Platforms(store.connections, discover())
    async with Templates() as templates:
        engine = Engine(store, platforms, templates, EngineOptions("http://127.0.0.1:1"))
        graph = drawing({"a": mapper("input.n", "n"), "b": mapper("data.n", "n")}, "a>b")
        made = await store.orchestrators.create(scope, "old", "", graph)
        run_id = await store.runs.create(scope, made.id, {"n": 7}, trigger=BY)
        await engine.run_until_idle()
        assert (await run_row(store, run_id)).state == RunState.COMPLETED
        (listed,) = await store.history.page(scope, limit=5)
        assert listed.id == run_id
        tab = await store.presence.join(scope, made.id)
        await store.presence.stay(scope, made.id, tab, ("a",))
        (person,) = (await store.presence.look(scope, made.id)).people
        assert person.selected == ("a",)
        await engine.aclose()
    await platforms.aclose()
