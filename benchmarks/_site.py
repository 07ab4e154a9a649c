"""Baton as it is installed on servers: web processes and workers of their own on one Postgres, to be driven and killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from tests.live.platforms import Client, free_ports

_MAIN = "import sys; from app.cli import main; sys.exit(main())"


class Site:
    """`environment` is what every process is started with. Everything that was started here ends with `close`."""

    def __init__(self, database_url: str, home: Path, **settings: str) -> None:
        (self.port,) = free_ports(1)
        at = make_url(database_url)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "BATON_PORT": str(self.port),
            "BATON_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "BATON_DATABASE_URL": f"postgresql://{at.username}@/{at.database}?host={quote(str(at.query['host']), safe='')}",
            **settings,
        }
        self._held = ExitStack()

    def serve(self, *options: str) -> subprocess.Popen[str]:
        """A web process, up."""
        server = self._started("serve", *options)
        assert server.stdout is not None
        while not re.search(r"sign-in\?code=", line := server.stdout.readline()):
            if not line:
                raise RuntimeError("Baton did not start")
        return server

    def worker(self) -> subprocess.Popen[str]:
        """A worker; it works from some moment on."""
        return self._started("worker")

    def client(self) -> Client:
        """Of the API, with an admin's token."""
        done = subprocess.run(
            [sys.executable, "-c", _MAIN, "token", "create", "--name", "bench"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        token = done.stdout.split()[-1]
        return Client(f"http://127.0.0.1:{self.port}/api/v1", {"Authorization": f"Bearer {token}"})

    def close(self) -> None:
        self._held.close()

    def _started(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *command], env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self._held.callback(_ended, process)
        return process


def _ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def site(database_url: str, home: Path, **settings: str) -> Generator[Site]:
    made = Site(database_url, home, **settings)
    try:
        yield made
    finally:
        made.close()


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [pid, *(p for child in children for p in family(child))]


def memory_mb(pid: int) -> float:
    """What the process and its children hold (PSS: shared pages counted in parts)."""
    found = 0
    for member in family(pid):
        try:
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue
        if line := re.search(r"^Pss:\s+(\d+)", text, re.M):
            found += int(line[1])
    return found / 1024


def cpu_seconds(pid: int) -> float:
    """Of the process alone, since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
