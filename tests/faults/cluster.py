"""A Postgres of the bench's own, with the product's settings, which it kills and starts as it likes."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from app import postgres_child
from app.migrate import upgrade
from app.postgres import SETTINGS, USER, administer, url_of
from app.postgres_host import binaries, choose_account, servers_in

TEMPLATE = "baton_template"
_numbers = itertools.count(1)


class Cluster:
    """Its processes are children of this one and end with it. Belongs to no event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._account = choose_account(self._data)
        self._bin = binaries(self._account)
        self._process: subprocess.Popen[bytes] | None = None
        if self._account.other:
            os.chown(folder, *self._account)
        self._run("initdb", "-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
                  "--locale=C", "--no-instructions", "--no-sync").wait(60)  # fmt: skip

    @property
    def socket(self) -> str:
        """The server's address as a file."""
        return str(self._folder / f".s.PGSQL.{SETTINGS['port']}")

    def url(self, database: str) -> str:
        return url_of(str(self._folder), database)

    async def start(self) -> None:
        """Start it and return when it answers: after a crash, when it has recovered."""
        settings = SETTINGS | {"unix_socket_directories": str(self._folder), "max_connections": "300"}
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        async with asyncio.timeout(60):
            while True:
                if self._process is None or self._process.poll() is not None:
                    (self._data / "postmaster.pid").unlink(missing_ok=True)
                    self._process = self._run("postgres", *given)
                with suppress(OSError, DBAPIError):
                    await administer(str(self._folder), "SELECT 1")
                    return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """SIGKILL to every process of it at once: what was only in its memory is lost."""
        assert self._process is not None
        self._process.kill()
        for pid in servers_in(self._data):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(self._process.wait, 20)
        async with asyncio.timeout(20):
            while servers_in(self._data):
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()
            self._process.wait(10)

    async def prepare(self) -> None:
        """A migrated database to copy from."""
        await administer(str(self._folder), f"CREATE DATABASE {TEMPLATE}")
        await upgrade(self.url(TEMPLATE))

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[str]:
        """The address of a migrated database, gone when the block ends."""
        name = f"bench_{next(_numbers)}"
        await administer(str(self._folder), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield self.url(name)
        finally:
            await administer(str(self._folder), f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """As the account that may run Postgres; its life tied to ours, where the kernel can."""
        account = (str(self._account.uid), str(self._account.gid))
        tied = [sys.executable, "-I", "-S", postgres_child.__file__, "signal", str(os.getpid()), *account]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*(tied if sys.platform == "linux" else ()), str(self._bin / program), "-D", str(self._data), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath}, start_new_session=True,
            )  # fmt: skip


@asynccontextmanager
async def cluster(room: str | None = None) -> AsyncGenerator[Cluster]:
    """A cluster that runs, in a folder of its own. `room`: where flushing costs nothing, such as memory."""
    folder = Path(tempfile.mkdtemp(prefix="baton-", dir=room))
    made = Cluster(folder)
    try:
        await made.start()
        await made.prepare()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
