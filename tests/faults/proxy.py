"""A network that misbehaves on order: a TCP proxy whose faults are toxics, put in and taken out while connections live.

The names are toxiproxy's, and five of our own: `drop_request` (never passed on), `swallow_ack` (passed on, then cut before
the answer), `half_open` (the peer has gone and nobody says so), `refuse` and `limit_data`'s cut in either direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "latency", "bandwidth", "slow_close", "hang", "reset_peer", "slicer", "limit_data", "drop_request",
    "swallow_ack", "half_open", "refuse",
]  # fmt: skip
Way = Literal["up", "down"]
_PIECE = 65536
_TAIL = 256
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST."""


@dataclass(frozen=True, eq=False)
class Toxic:
    """One fault. `way`: "up" is from the client to the server. With `marker`, only connections that have carried these bytes
    that way; with `times`, only so often. `seconds` and `jitter` delay; `size` is bytes: per second, per slice, or before the
    cut."""

    kind: Kind
    way: Way = "up"
    marker: bytes = b""
    seconds: float = 0.0
    jitter: float = 0.0
    size: int = 1024
    times: int = 0


@dataclass(eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tail: dict[Way, bytes] = field(default_factory=lambda: {"up": b"", "down": b""})
    count: Counter[Way] = field(default_factory=Counter[Way])
    met: set[Toxic] = field(default_factory=set[Toxic])
    swallow: bool = False
    gone: bool = False

    def cut(self, *, reset: bool = False) -> None:
        for writer in (self.client, self.server):
            _close(writer, reset=reset)


class Proxy:
    """`url` of its own port on loopback. `toxics` may be changed at any time and hold for what is sent from then on. `hits`
    counts what each one did."""

    def __init__(self, target: tuple[str, int] | str, chance: random.Random | None = None) -> None:
        self._target = target
        self._chance = chance or random.Random(0)
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.toxics: list[Toxic] = []
        self.hits: Counter[Toxic] = Counter()
        self.accepted = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """Take every toxic out. What hangs goes on; what is half open or cut stays so."""
        self.toxics.clear()

    def cut_all(self) -> None:
        """Reset every connection that there is now."""
        for link in list(self._links):
            link.cut(reset=True)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            if refusing := self._first("refuse"):
                self.hits[refusing] += 1
                _close(writer, reset=True)
                return
            upstream = (
                asyncio.open_unix_connection(self._target)
                if isinstance(self._target, str)
                else asyncio.open_connection(*self._target)
            )
            try:
                server_reader, server = await upstream
            except OSError:
                _close(writer, reset=True)
                return
            link = _Link(writer, server)
            self._links.add(link)
            try:
                await asyncio.gather(
                    self._pump(link, "up", reader, server), self._pump(link, "down", server_reader, writer)
                )
            finally:
                link.cut()
                self._links.discard(link)
        except asyncio.CancelledError:
            pass  # the proxy closes
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _first(self, kind: Kind) -> Toxic | None:
        return next((t for t in self.toxics if t.kind == kind and not self._spent(t)), None)

    def _spent(self, toxic: Toxic) -> bool:
        return bool(toxic.times) and self.hits[toxic] >= toxic.times

    async def _pump(
        self, link: _Link, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while piece := await reader.read(_PIECE):
                if link.gone:
                    continue
                if not await self._pass_on(link, way, piece, writer):
                    return
            closing = self._first("slow_close")
            if closing is not None and closing.way == way:
                self.hits[closing] += 1
                await asyncio.sleep(closing.seconds)
            if not link.gone:
                link.cut()
        except OSError:
            link.cut()
        if link.gone:
            await asyncio.Event().wait()  # the side that is left learns nothing

    async def _while(self, toxic: Toxic, seconds: float) -> None:
        """That long, or until the toxic is taken out."""
        until = time.monotonic() + seconds
        while toxic in self.toxics and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.01))

    async def _pass_on(self, link: _Link, way: Way, piece: bytes, writer: asyncio.StreamWriter) -> bool:
        """False: the connection is over."""
        seen, link.tail[way] = link.tail[way] + piece, (link.tail[way] + piece)[-_TAIL:]
        if link.swallow and way == "down":
            link.cut(reset=True)
            return False
        for toxic in list(self.toxics):
            if toxic.way != way or (toxic.marker not in seen and toxic not in link.met):
                continue
            if self._spent(toxic) and toxic not in link.met:
                continue
            if toxic not in link.met:
                link.met.add(toxic)
                self.hits[toxic] += 1
            match toxic.kind:
                case "latency":
                    jitter = self._chance.uniform(-toxic.jitter, toxic.jitter)
                    await self._while(toxic, toxic.seconds + jitter)
                case "bandwidth":
                    await self._while(toxic, len(piece) / toxic.size)
                case "hang":
                    await self._while(toxic, math.inf)
                case "reset_peer" | "drop_request":
                    link.cut(reset=True)
                    return False
                case "half_open":
                    link.gone = True
                    _close(link.server if way == "up" else link.client)
                    return True
                case "slicer":
                    for start in range(0, len(piece), toxic.size):
                        await _write(writer, piece[start : start + toxic.size])
                        await asyncio.sleep(toxic.seconds)
                    return True
                case "limit_data":
                    left = toxic.size - link.count[way]
                    link.count[way] += len(piece)
                    if len(piece) >= left:
                        await _write(writer, piece[:left])
                        link.cut()
                        return False
                case "swallow_ack":
                    link.swallow = True
                case "slow_close" | "refuse":
                    pass
        await _write(writer, piece)
        return True


async def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(piece)
    await writer.drain()


def _close(writer: asyncio.StreamWriter, *, reset: bool = False) -> None:
    if reset and (held := writer.get_extra_info("socket")) is not None and held.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()


@asynccontextmanager
async def proxied(
    target: tuple[str, int] | str, chance: random.Random | None = None
) -> AsyncGenerator[Proxy]:
    """A proxy before a TCP address, or before a unix socket given by its path."""
    proxy = Proxy(target, chance)
    server = await asyncio.start_server(proxy.meet, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
