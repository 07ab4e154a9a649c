"""A process of slow clients, for tests and benchmarks: `python slow_clients.py URL COUNT`. Until its stdin closes each sends a
head or a body, a byte now and then, and comes again when it is put out. It says so once each has sent something."""

import asyncio
import contextlib
import itertools
import resource
import sys
from urllib.parse import urlsplit

PAUSE = 3.0
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
BODY = b"POST /api/v1/orchestrator/callback/x HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"


async def slow(host: str, port: int, number: int, said: asyncio.Semaphore) -> None:
    begin, drop = ((HEAD, b"X: y\r\n"), (BODY, b"x"))[number % 2]
    for turn in itertools.count():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(begin)
                await writer.drain()
                if turn == 0:
                    said.release()
                while True:
                    await asyncio.sleep(PAUSE)
                    writer.write(drop)
                    await writer.drain()
            finally:
                writer.close()
        await asyncio.sleep(PAUSE)


async def main(url: str, count: int) -> None:
    address, said = urlsplit(url), asyncio.Semaphore(0)
    assert address.hostname and address.port
    clients = [asyncio.create_task(slow(address.hostname, address.port, n, said)) for n in range(count)]
    for _ in range(count):
        await said.acquire()
    print("all have said something", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for each in clients:
        each.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
