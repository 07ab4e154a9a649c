"""A steady load of one HTTP call, by a client that costs little: raw sockets, kept open.

    python -m benchmarks._load URL AT_ONCE SECONDS BODY [HEADER...]

Prints one JSON line. Run as a process of its own, so that its work is not the measured program's.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from urllib.parse import urlsplit

import uvloop


class Fault(Exception):
    """An answer that is not 200."""


async def one_client(request: bytes, host: str, port: int, until: float, found: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        else:
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        if " 200 " not in lines[0]:
            raise Fault(f"{lines[0]}: {body[:300]!r}")
        found.append(time.perf_counter() - began)
    writer.close()


async def main(url: str, at_once: int, seconds: float, body: str, headers: list[str]) -> None:
    to = urlsplit(url)
    head = [
        f"POST {to.path} HTTP/1.1",
        f"Host: {to.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    request = ("\r\n".join(head) + "\r\n\r\n" + body).encode()
    found: list[float] = []
    began = time.perf_counter()
    clients = [
        one_client(request, to.hostname or "", to.port or 80, began + seconds, found) for _ in range(at_once)
    ]
    await asyncio.gather(*clients)
    took = time.perf_counter() - began
    found.sort()
    figures = {
        "per_second": len(found) / took,
        "p50_ms": 1000 * statistics.median(found),
        "p99_ms": 1000 * found[max(0, int(len(found) * 0.99) - 1)],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]))
