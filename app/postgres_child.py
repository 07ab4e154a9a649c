"""Becomes Postgres: drops root, ties its life to the parent's, execs. Standard library only.

A program of its own and not a `preexec_fn`: that would run Python between fork and exec in a process with threads.
Called as `python -I -S postgres_child.py WATCH PARENT UID GID PROGRAM ARGUMENT...`; UID -1 keeps the user.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """The kernel sends SIGINT (Postgres: fast shutdown) when the thread that forked us ends.

    Set after the change of user, which clears it; then checked, because the parent may have gone before.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != parent:
        sys.exit("the parent has gone")


def watch_pipe() -> None:
    """Where the kernel has no such signal: a grandchild reads our stdin, whose other end only the parent holds.

    End of file means that the parent died; one byte means that it stopped us itself and nothing is left to do.
    """
    postgres = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)  # twice forked, so that Postgres does not meet a child it never started
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    if not os.read(0, 1):
        os.kill(postgres, signal.SIGINT)
    os._exit(0)


def main() -> None:
    watch, parent, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if watch == "signal":
        die_with_parent(parent)
    else:
        watch_pipe()
    os.execv(sys.argv[5], sys.argv[5:])


if __name__ == "__main__":
    main()
