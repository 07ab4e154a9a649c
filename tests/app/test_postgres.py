"""The embedded Postgres against real kills: of its owner, of itself, in the middle of its first start."""

import asyncio
import contextlib
import itertools
import json
import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import postgres
from app.postgres import EmbeddedPostgres, refuse_unsafe
from app.postgres_host import leader_of, servers_in
from app.settings import StartRefused
from tests.conftest import ROOM

ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the user")

OWNER = """
import asyncio, sys
from pathlib import Path
from app.postgres import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1]), watch=sys.argv[2]) as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because pytest's own temporary folders are too long for a socket; 0700 and root's, as mkdtemp makes it."""
    with tempfile.TemporaryDirectory(prefix="baton-", dir=ROOM, ignore_cleanup_errors=True) as made:
        yield Path(made)
        for lock in Path(made).rglob("postgres.lock"):  # a killed owner could not remove its socket's folder
            if note := lock.read_text():
                shutil.rmtree(json.loads(note).get("socket", ""), ignore_errors=True)


async def sql(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def owner(
    folder: Path, watch: str = "signal", user: int | None = None, python: Path = Path(sys.executable)
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Another process that owns the folder's server."""
    environment = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(sqlalchemy.__file__).parents[1]}",
        "PATH": os.defpath,
        "HOME": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        str(python), "-c", OWNER, str(folder), watch,
        stdout=asyncio.subprocess.PIPE, env=environment, cwd="/", user=user,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def url_from(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


async def test_data_survives_a_clean_stop_and_the_server_is_gone_after_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    async with server as url:
        assert server.owner
        await sql(url, "CREATE TABLE kept AS SELECT 7 AS number")
    assert not servers_in(server.cluster)
    async with EmbeddedPostgres(folder) as url:
        assert await sql(url, "SELECT number FROM kept") == [(7,)]


async def test_durability_is_on_whatever_the_configuration_file_says(folder: Path) -> None:
    question = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync','full_page_writes','synchronous_commit')"
    async with EmbeddedPostgres(folder) as url:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            await sql(url, f"ALTER SYSTEM SET {name} = off")
    async with EmbeddedPostgres(folder) as url:
        assert {setting for _, setting in await sql(url, question)} == {"on"}
        assert await sql(url, "SHOW data_checksums") == [("on",)]
        assert await sql(url, "SHOW listen_addresses") == [("",)]


async def test_a_second_process_attaches_and_leaves_the_server_running(folder: Path) -> None:
    async with owner(folder) as first:
        url = await url_from(first)
        second = EmbeddedPostgres(folder)
        async with second as attached:
            assert attached == url
            assert not second.owner
        assert await sql(url, "SELECT 1") == [(1,)]


async def test_a_server_that_must_last_does_not_lean_on_another_process(folder: Path) -> None:
    async with owner(folder) as first:
        await url_from(first)
        with pytest.raises(StartRefused, match=f"in use by process {first.pid}: .*BATON_DATA_DIR"):
            async with EmbeddedPostgres(folder, attach=False, wait=0.2):
                pass
        first.terminate()
        async with EmbeddedPostgres(folder, attach=False) as url:
            assert await sql(url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("watch", ["signal", "pipe"])
async def test_a_killed_owner_takes_the_server_with_it_and_the_next_has_the_data(
    folder: Path, watch: str
) -> None:
    async with owner(folder, watch) as first:
        url = await url_from(first)
        await sql(url, "CREATE TABLE kept AS SELECT 7 AS number")
        before = leader_of(folder / "postgres")
        first.kill()
        await first.wait()
        async with EmbeddedPostgres(folder) as again:
            assert again == url
            assert await sql(again, "SELECT number FROM kept") == [(7,)]
            assert leader_of(folder / "postgres") != before


@pytest.mark.parametrize("watch", ["signal", "pipe"])
async def test_a_server_ends_with_its_killed_owner_although_nobody_comes_after(
    folder: Path, watch: str
) -> None:
    async with owner(folder, watch) as first:
        await url_from(first)
        assert servers_in(folder / "postgres")
        first.kill()
        await until(lambda: not servers_in(folder / "postgres"))


async def test_a_killed_server_is_started_again_under_the_same_address(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as url:
        await sql(url, "CREATE TABLE kept AS SELECT 7 AS number")
        before = leader_of(folder / "postgres")
        os.kill(before, signal.SIGKILL)
        await until(lambda: leader_of(folder / "postgres") not in (0, before))
        async for _ in patiently():
            with contextlib.suppress(OSError, DBAPIError):  # it is away, or just coming back
                assert await sql(url, "SELECT number FROM kept") == [(7,)]
                break


async def patiently(seconds: float = 20.0) -> AsyncGenerator[int]:
    deadline = time.monotonic() + seconds
    for number in itertools.count():
        assert time.monotonic() < deadline, "it did not work in time"
        yield number
        await asyncio.sleep(0.02)


async def test_a_kill_during_the_first_start_leaves_a_folder_that_starts(folder: Path) -> None:
    async with owner(folder) as first:
        await until(lambda: any(folder.glob("postgres.new-*/PG_VERSION")))
        first.kill()
    assert not (folder / "postgres").exists()
    async with EmbeddedPostgres(folder) as url:
        assert await sql(url, "SELECT 1") == [(1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc to know that no server runs")
async def test_a_left_over_pid_that_another_process_has_now_does_not_stop_the_start(folder: Path) -> None:
    async with EmbeddedPostgres(folder):
        lines = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        (folder / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        async with EmbeddedPostgres(folder) as url:
            assert await sql(url, "SELECT 1") == [(1,)]
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("name", ["x" * 120, "with space, and comma", "ünï"])
async def test_folders_that_no_socket_path_can_have(folder: Path, name: str) -> None:
    async with EmbeddedPostgres(folder / name) as url:
        assert await sql(url, "SELECT 1") == [(1,)]
        socket = Path(str(make_url(url).query["host"]))
        assert socket.stat().st_mode & 0o777 == 0o700
    if socket.parent != folder / name:
        assert not socket.exists()


async def test_a_cluster_of_another_release_is_refused_with_a_way_out(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StartRefused, match=r"made by Postgres 16.*baton backup"):
        async with EmbeddedPostgres(folder):
            pass
    assert (folder / "postgres.lock").read_text() == ""


async def test_a_server_that_cannot_start_says_why_and_frees_the_folder(folder: Path) -> None:
    async with EmbeddedPostgres(folder):
        pass
    (folder / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    for _ in range(2):
        with pytest.raises(StartRefused, match="no_such_setting"):
            async with EmbeddedPostgres(folder):
                pass


@needs_root
async def test_root_is_dropped_and_closed_folders_above_stay_closed(folder: Path) -> None:
    os.chown(folder, 0, 0)
    data = folder / "closed" / "data"
    async with EmbeddedPostgres(data) as url:
        status = Path(f"/proc/{leader_of(data / 'postgres')}/status").read_text()
        users = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        assert "0" not in users
        assert await sql(url, "SELECT 1") == [(1,)]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_uid for path in (folder, folder / "closed", data)} == {0}
    assert data.stat().st_mode & 0o777 == 0o700


@needs_root
async def test_an_ordinary_user_owns_a_server_and_root_works_with_it(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    python = next(filter(partial(_reaches, nobody.pw_uid), _pythons()), None)
    if (
        python is None
        or not _reaches(nobody.pw_uid, Path(sqlalchemy.__file__))
        or not _reaches(nobody.pw_uid, ROOT)
    ):
        pytest.skip("Python or this checkout lies in a folder that only root can read")
    shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)
    async with owner(folder, user=nobody.pw_uid, python=python) as first:
        url = await url_from(first)
        assert (folder / "run").stat().st_mode & 0o777 == 0o700
        async with EmbeddedPostgres(folder) as attached:
            assert attached == url
            assert await sql(url, "SELECT 1") == [(1,)]
        first.terminate()
        await first.wait()
    server = EmbeddedPostgres(folder)
    async with server:  # and root, alone, works for that user
        assert server.owner
    assert {path.stat().st_uid for path in folder.rglob("*")} == {nobody.pw_uid}


def _pythons() -> list[Path]:
    """Interpreters that can load the packages of this one: a virtual environment may rest on a Python in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [Path(sys.executable).resolve(), *Path("/usr/bin").glob(version)]


def _reaches(uid: int, path: Path) -> bool:
    return all(above.stat().st_mode & 0o001 or above.stat().st_uid == uid for above in path.parents)


async def refusal(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await refuse_unsafe(connection)
    finally:
        await engine.dispose()


async def test_a_database_that_forgets_commits_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedPostgres(folder) as url:
        await refusal(url)
        await sql(url, "ALTER DATABASE baton SET synchronous_commit = off")
        with pytest.raises(StartRefused, match=r"synchronous_commit=off.*Set synchronous_commit=on"):
            await refusal(url)
    monkeypatch.setitem(postgres.SETTINGS, "fsync", "off")
    async with EmbeddedPostgres(folder) as url:
        with pytest.raises(StartRefused, match="fsync=off"):
            await refusal(url)
