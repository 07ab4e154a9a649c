"""What 1,000 slow clients cost everybody else: times of `/healthz` and of a run's start with them, as a ratio to without them.

    .venv/bin/python -m benchmarks.slow_clients [--clients 1000] [--rounds 5] [--requests 300]

One web process as it is installed, and one honest client at a time over a connection that stays open. Phases with and without slow
clients take turns on the same server, so what else the machine does weighs on both. Half the slow ones send a head, half a body,
a byte now and then; they come again when they are put out.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.postgres import EmbeddedPostgres
from benchmarks._site import Site, memory_mb, site

SLOW = Path(__file__).parents[1] / "tests" / "app" / "slow_clients.py"
FLOW: dict[str, Any] = {
    "version": 1,
    "nodes": [{"id": "a", "type": "DataMapper", "position": {"x": 0, "y": 0}, "data": {"label": "a", "config": {"mappings": []}}}],
    "edges": [],
}  # fmt: skip


@contextmanager
def crowd(url: str, count: int) -> Generator[None]:
    """While the block lasts, that many slow clients, in a process of their own."""
    command = [sys.executable, str(SLOW), url, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as slow:
        assert slow.stdin is not None and slow.stdout is not None
        slow.stdout.readline()
        try:
            yield
        finally:
            slow.stdin.close()
            slow.wait()


def timed(client: httpx.Client, method: str, path: str, requests: int, expected: int) -> list[float]:
    """Milliseconds of each."""
    found: list[float] = []
    for _ in range(requests):
        began = time.perf_counter()
        answer = client.request(method, path, json={} if method == "POST" else None)
        found.append(1000 * (time.perf_counter() - began))
        if answer.status_code != expected:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
    return found


def measure(at: Site, clients: int, rounds: int, requests: int) -> None:
    server, key = at.serve("--no-engine"), at.client()
    url = f"http://127.0.0.1:{at.port}"
    with httpx.Client(base_url=url, headers=key.headers, trust_env=False, timeout=60) as client:
        made = client.post("/api/v1/orchestrator", json={"name": "still", "definition": FLOW}).json()
        asked = (("GET", "/healthz", 200), ("POST", f"/api/v1/orchestrator/{made['id']}/run", 202))
        found: dict[tuple[str, bool], list[float]] = {
            (m, slow): [] for m, _, _ in asked for slow in (False, True)
        }
        memory: dict[bool, float] = {}
        for method, path, status in asked:
            timed(client, method, path, requests, status)  # what is loaded once, is loaded
        for _ in range(rounds):
            for method, path, status in asked:
                found[method, False] += timed(client, method, path, requests, status)
            memory[False] = memory_mb(server.pid)
            with crowd(url, clients):
                for method, path, status in asked:
                    found[method, True] += timed(client, method, path, requests, status)
                memory[True] = memory_mb(server.pid)
    print(f"{clients} slow clients; {rounds} rounds of {requests} requests; times in ms")
    print(f"{'':20}{'':6}{'without':>10}{'with':>10}{'ratio':>8}")
    for method, path, _ in asked:
        for name, at_most in (("p50", 50), ("p99", 99)):
            without, with_them = (
                statistics.quantiles(found[method, slow], n=100)[at_most - 1] for slow in (False, True)
            )
            label = "a run's start" if method == "POST" else path
            print(f"{label:20}{name:6}{without:10.2f}{with_them:10.2f}{with_them / without:8.2f}")
    print(f"{'memory, MB':26}{memory[False]:10.0f}{memory[True]:10.0f}{memory[True] / memory[False]:8.2f}")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-") as folder:
        async with EmbeddedPostgres(Path(folder, "data")) as address:
            with site(address, Path(folder)) as at:
                await asyncio.to_thread(measure, at, told.clients, told.rounds, told.requests)


if __name__ == "__main__":
    asyncio.run(main())
