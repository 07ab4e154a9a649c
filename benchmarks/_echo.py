"""The remote system of the benchmarks: answers a POST with `{"echo": body}` and costs next to nothing itself.

    python -m benchmarks._echo [SECONDS]      # prints its address; each answer takes so long

A process of its own, as a remote system is: its work is not counted as ours.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import uvloop


class _Echo(asyncio.Protocol):
    """One connection: requests with a Content-Length, one after the other."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self._held) < end + 4 + size:
                return
            body, self._held = self._held[end + 4 : end + 4 + size], self._held[end + 4 + size :]
            answer = b'{"echo":' + body + b"}"
            whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
                len(answer),
                answer,
            )
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, whole)
            else:
                self._transport.write(whole)


@contextmanager
def echo_elsewhere(delay: float = 0.0) -> Generator[str]:
    """Its address, while the block lasts. Each answer takes `delay` seconds."""
    command = [sys.executable, "-m", __name__, str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


async def _main(delay: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Echo(delay), "127.0.0.1", 0)
    print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(float(sys.argv[1]) if sys.argv[1:] else 0.0))
