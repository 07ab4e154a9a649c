"""Run one server and end it, with everything it started, when standard input closes: at a stop, or at the owner's death.

`_guard.py GRACE USER COMMAND...`: GRACE in seconds between the request to end and the kill; USER is empty or a name to
run as. The guard leads a session of its own, and a process leaves a session only by starting another, so the session
is the list of what it may kill. Exits with the server's own code. Standard library only; runs by path, not as a module.
"""

import os
import pwd
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn


def main() -> int:
    grace, user, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, leave)
    identity = pwd.getpwnam(user) if user else None
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        user=identity and identity.pw_uid,
        group=identity and identity.pw_gid,
        extra_groups=[] if identity else None,
    )
    try:
        select.select([0, os.pidfd_open(server.pid)], [], [])
    finally:
        end(server, float(grace))
    return abs(server.returncode)


def leave(_signal: int, _frame: object) -> NoReturn:
    """Told directly to end: go by way of `finally`, which ends the server."""
    sys.exit(1)


def end(server: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the server to end, wait up to `grace` seconds, then kill what is left of the session."""
    server.terminate()
    try:
        server.wait(grace)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    for _ in range(100):  # again, because a process may have forked between the look and the kill
        left = members(os.getsid(0))
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.02)


def members(session: int) -> list[int]:
    """Live processes of the session, ourselves excepted."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            state, _, _, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # ended meanwhile
        if int(owner) == session and state != "Z":
            found.append(int(entry.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
