"""A steady load of one HTTP call, by clients that cost little.

    python -m benchmarks._load URL AT_ONCE SECONDS BODY [HEADER...]

Prints one JSON line. Run as a process of its own, so that its work is not the measured program's.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import uvloop

from tests.line import Line


class Fault(Exception):
    """An answer that is not 200."""


async def one_client(
    url: str, body: bytes, headers: Mapping[str, str], until: float, found: list[float]
) -> None:
    with await Line.open(url) as line:
        while time.perf_counter() < until:
            began = time.perf_counter()
            answer = await line.post(urlsplit(url).path, body, headers)
            if answer.status != 200:
                raise Fault(f"{answer.status}: {answer.body[:300]!r}")
            found.append(time.perf_counter() - began)


async def main(url: str, at_once: int, seconds: float, body: str, headers: list[str]) -> None:
    given = dict(line.split(": ", 1) for line in headers)
    found: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(
        *(one_client(url, body.encode(), given, began + seconds, found) for _ in range(at_once))
    )
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
