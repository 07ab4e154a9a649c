"""The install cache: a folder per pinned version, filled once, and one filler at a time."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# As this machine is configured. The suite hides proxies from the tests, but an installation needs them.
MACHINE = dict(os.environ)


class PlatformUnavailable(Exception):
    """A platform cannot be installed or started here; the message is a sentence for the person who ran the tests."""


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold `folder` against every other process; waits as long as it takes. Descriptors are not inherited by children."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def stamp(*parts: Path | str) -> str:
    """A short name that changes with the content of the given files and with the given words."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part.read_bytes())
    return digest.hexdigest()[:12]


def installed(target: Path, fill: Callable[[Path], None]) -> Path:
    """`target`, filled by `fill` unless an earlier fill ended well. Raises what `fill` raises; call it under `locked`."""
    done = target / ".complete"
    if not done.exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        fill(target)
        done.touch()
    return target


def need(commands: Sequence[str], reason: str) -> None:
    """Raise PlatformUnavailable with the one line that helps if a command is missing."""
    missing = [name for name in commands if shutil.which(name) is None]
    if missing:
        raise PlatformUnavailable(
            f"{reason}; missing: {', '.join(missing)}. Try: apt-get install --no-install-recommends build-essential python3"
        )


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run to the end with all output in `log`; a failure raises PlatformUnavailable with the last lines of it."""
    with log.open("ab") as out:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=cwd,
            env=env or MACHINE,
            check=False,
        )
    if result.returncode != 0:
        raise PlatformUnavailable(f"{what} failed (exit {result.returncode}, {log}):\n{tail(log)}")


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log, empty if there is none."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
