"""The renderer processes: started when first needed, reused, killed and replaced when late or torn.

A process holds no secret: empty environment, isolated interpreter, and after its start no file or socket can be opened in it.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Final

WALL_SECONDS: Final = 2.0
START_SECONDS: Final = 15.0  # a cold interpreter on a busy machine; not counted against the template
_MAX_REPLY: Final = 32 * 1024 * 1024
_RENDERER: Final = Path(__file__).with_name("_renderer.py")


class Late(Exception):
    """No answer within WALL_SECONDS. The process is gone."""


class Died(Exception):
    """The process ended without an answer: out of memory or processor time."""


class NotStarted(Exception):
    """There is no renderer process to be had."""


class Pool:
    """At most `size` processes, one request each at a time. Belongs to the event loop that first uses it."""

    def __init__(self, size: int) -> None:
        self._gate = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._closed = False

    async def aclose(self) -> None:
        """Ends every idle process now, and each busy one after its answer."""
        self._closed = True
        while self._idle:
            await _end(self._idle.pop())

    async def _take(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            assert process.stdout is not None
            if not process.stdout.at_eof():
                return process
            await _end(process)  # somebody else killed it while it was idle
        return await _start()

    async def ask(self, request: bytes) -> bytes:
        """The answer to one frame. Raises Late, Died or NotStarted; no process survives any of them, nor a cancellation."""
        async with self._gate:
            if self._closed:
                raise NotStarted
            process = await self._take()
            try:
                async with asyncio.timeout(WALL_SECONDS):
                    healthy, reply = await _send(process, request)
            except TimeoutError:
                await _end(process)
                raise Late from None
            except (asyncio.IncompleteReadError, ConnectionError):
                await _end(process)
                raise Died from None
            except BaseException:  # cancelled half way: the process would answer the wrong question next
                await _end(process)
                raise
            if self._closed or not healthy:
                await _end(process)
            else:
                self._idle.append(process)
            return reply


async def _start() -> Process:
    """A renderer with an empty environment and a session of its own, so that a terminal's Ctrl-C does not reach it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_RENDERER), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, cwd="/",
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_SECONDS):
            await _send(process, b'{"sources":[],"scope":{},"known":{}}')
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        await _end(process)
        raise NotStarted from None
    except BaseException:
        await _end(process)
        raise
    return process


async def _send(process: Process, request: bytes) -> tuple[bool, bytes]:
    """The reply, and whether the process stays for another."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(struct.pack(">I", len(request)))
    process.stdin.write(request)
    await process.stdin.drain()
    stays, size = struct.unpack(">?I", await process.stdout.readexactly(5))
    if size > _MAX_REPLY:
        raise ConnectionError("the renderer answers nonsense")
    return stays, await process.stdout.readexactly(size)


async def _end(process: Process) -> None:
    """Kills, reaps and closes the pipes, whatever state the process is in; not interrupted by cancellation."""
    assert process.stdout is not None
    if (
        not process.stdout.at_eof()
    ):  # it still holds its end, so it lives; killing a dead one confuses asyncio's watcher
        with suppress(ProcessLookupError):
            process.kill()
    await asyncio.shield(_reap(process))


async def _reap(process: Process) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    with suppress(ConnectionError):
        await process.stdin.wait_closed()
    while await process.stdout.read(65536):
        pass
    await process.wait()
