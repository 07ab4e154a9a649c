"""`baton backup` and `restore`: the whole database in one file. The secret keys are not in it: keep them elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from pathlib import Path

from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.cli.opening import Commands, opened
from app.migrate import upgrade
from app.parts import database_url, open_parts
from app.postgres_host import Account, binaries
from app.settings import Settings, StartRefused
from runner.vault import KEY_FILE

_ASIDE = "baton_before_restore"
_EMPTY = (
    "CREATE SCHEMA public",
    "ALTER SCHEMA public OWNER TO pg_database_owner",  # as Postgres makes it: else the next backup would carry it
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
)


def add(commands: Commands) -> None:
    backup = commands.add_parser("backup", help="write the database to a file; a server may go on running")
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.set_defaults(run=write_backup)
    restore = commands.add_parser("restore", help="replace the database by a backup; no server may run")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument(
        "--force", action="store_true", help="also where there are orchestrators, which are lost"
    )
    restore.set_defaults(run=read_backup)


async def write_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """One consistent moment of the database. The file appears whole, mode 0600, or not at all."""
    file: Path = arguments.file.absolute()
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")
    async with opened(settings) as database:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            await _tool(
                database.settings,
                "pg_dump",
                "--format=custom",
                "--no-owner",
                "--no-acl",
                f"--file={unfinished}",
            )
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    source = "BATON_SECRET_KEYS" if settings.secret_keys else str(settings.data_dir / KEY_FILE)
    print(f"wrote {file} ({file.stat().st_size // 1024} KiB)")
    print(f"Its credentials open only with the keys of {source}: keep a copy of those in another place.")
    return 0


async def read_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """All or nothing: what is there is set aside until the backup is in. Runs that were under way go on with the next start, with the same keys."""
    file: Path = arguments.file.absolute()
    with file.open("rb") as opened_file:
        if opened_file.read(5) != b"PGDMP":
            raise StartRefused(f"{file} is not a backup that `baton backup` wrote.")
    async with opened(settings, attach=False, wait=2.0) as database:
        url = database_url(database.settings)
        await _refuse_use(url, force=arguments.force)
        await _statements(url, f"ALTER SCHEMA public RENAME TO {_ASIDE}", *_EMPTY)
        try:
            await _tool(
                database.settings, "pg_restore", "--no-owner", "--no-acl", "--single-transaction", str(file)
            )
        except BaseException:
            await _statements(url, "DROP SCHEMA public CASCADE", f"ALTER SCHEMA {_ASIDE} RENAME TO public")
            raise
        await _statements(url, f"DROP SCHEMA {_ASIDE} CASCADE")
        await upgrade(url)
        print(f"restored {file}", flush=True)
        try:
            async with open_parts(database.settings, engine=False) as parts:
                print(f"its credentials open with the keys at hand ({parts.store.vault.key_ids[0]} seals)")
        except StartRefused as error:
            raise StartRefused(
                f"The data is restored, but its secrets cannot be opened yet. {error}"
            ) from error
    return 0


async def _refuse_use(url: str, *, force: bool) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            if (await connection.execute(text(others))).scalar_one():
                raise StartRefused(
                    "Somebody is connected to this database: stop every server and worker first."
                )
            held = (await connection.execute(text("SELECT count(*) FROM orchestrator"))).scalar_one()
            if held and not force:
                raise StartRefused(
                    f"There are {held} orchestrators in this database; restoring would lose them. "
                    "Restore into an empty one (another BATON_DATA_DIR or BATON_DATABASE_URL), or add --force."
                )
    finally:
        await engine.dispose()


async def _statements(url: str, *statements: str) -> None:
    """All of them in one transaction."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def _tool(settings: Settings, name: str, *arguments: str) -> None:
    """Run one of Postgres's own programs on the database. The password travels in the environment. Raises StartRefused."""
    url = make_url(database_url(settings))
    program = await asyncio.to_thread(_program, name)
    process = await asyncio.create_subprocess_exec(
        program,
        f"--dbname={url.database}",
        *arguments,
        env={**_connection(url), "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise StartRefused(f"{name} failed: {lines[0] if lines else f'code {process.returncode}'}")
    if said:
        sys.stderr.write(said.decode(errors="replace"))


def _connection(url: URL) -> dict[str, str]:
    host = url.query.get("host", url.host)
    found = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
    }
    return {name: value for name, value in found.items() if value}


def _program(name: str) -> Path:
    """The embedded Postgres's, which reads every older server; else what is on PATH."""
    try:
        return binaries(Account()) / name
    except StartRefused:
        if (found := shutil.which(name)) is None:
            raise StartRefused(f"{name} is not installed: put Postgres's programs on PATH.") from None
        return Path(found)
