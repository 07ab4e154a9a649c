"""The same three-node workflow (called, shape, answer) on Baton and on a real n8n, each on a database of the same Postgres.

    .venv/bin/python -m benchmarks.against_n8n [--seconds 15] [--rounds 2]

Every execution is saved on both. n8n runs in its recommended single-machine setting (Postgres, its own task runner), once
with its default expression engine and once with `legacy`. One at a time has the machine; the load comes from a process of
its own with 1, 16 and 64 calls at once. Memory is what the server's processes hold (PSS) after the load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from app.postgres import EmbeddedPostgres
from benchmarks._site import memory_mb, site
from tests.live.platforms import n8n as n8n_platform

HERE = Path(__file__).parent
CLIENTS = (1, 16, 64)
WARM_UP = 3.0
DEFINITION = {
    "version": 1,
    "nodes": [
        {
            "id": node,
            "type": "DataMapper",
            "data": {"label": label, "config": {"mappings": [{"from": source, "to": "n"}]}},
        }
        for node, label, source in (
            ("a", "Called", "input.n"),
            ("b", "Shape", "data.n"),
            ("c", "Answer", "data.n"),
        )
    ],
    "edges": [{"id": "ab", "source": "a", "target": "b"}, {"id": "bc", "source": "b", "target": "c"}],
}


@dataclass(frozen=True)
class Target:
    """A running system: what to call, and the processes it consists of."""

    url: str
    headers: tuple[str, ...]
    process: int


@contextmanager
def baton(database_url: str) -> Generator[Target]:
    """`baton serve` as a user starts it."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as home, site(database_url, Path(home)) as made:
        server = made.serve()
        api = made.client()
        flow = api.need("POST", "/orchestrator", {"name": "three nodes", "definition": DEFINITION})
        token = api.headers["Authorization"]
        url = f"{api.base_url}/orchestrator/{flow['id']}/run"
        yield Target(url, (f"Authorization: {token}", "Prefer: wait=60"), server.pid)


@contextmanager
def n8n(host: str, engine: str, cache: Path) -> Generator[Target]:
    settings = {
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": host,
        "DB_POSTGRESDB_DATABASE": "n8n",
        "DB_POSTGRESDB_USER": "postgres",
        "DB_POSTGRESDB_POOL_SIZE": "10",
        **({} if engine == "default" else {"N8N_EXPRESSION_ENGINE": engine}),
    }
    peer = n8n_platform.start(cache, settings=settings, folder=HERE / "peers" / "n8n")
    try:
        url = peer.workflows["three-nodes"].webhook_url
        assert url is not None
        yield Target(url, (), _listener(int(url.rpartition(":")[2].partition("/")[0])))
    finally:
        peer.stop()


def _listener(port: int) -> int:
    """The process that listens on this port of 127.0.0.1."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inode = next(f[9] for f in map(str.split, lines) if f[1].endswith(f":{port:04X}") and f[3] == "0A")
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry) == f"socket:[{inode}]":
                return int(entry.parts[2])
        except OSError:
            continue
    raise RuntimeError(f"nobody listens on {port}")


def _load(target: Target, at_once: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks._load", target.url, str(at_once), str(seconds)]
    body = '{"inputs": {"n": 1}}' if "/api/v1/" in target.url else '{"n": 1}'
    done = subprocess.run([*command, body, *target.headers], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-800:])
    return json.loads(done.stdout)


def measure(name: str, target: Target, seconds: float) -> list[dict[str, Any]]:
    _load(target, 16, WARM_UP)
    rows: list[dict[str, Any]] = []
    for at_once in CLIENTS:
        row = _load(target, at_once, seconds)
        rows.append({"system": name, "at_once": at_once, **row, "memory_mb": memory_mb(target.process)})
        print(f"{name}, {at_once} at once: {row['per_second']:.0f}/s", file=sys.stderr, flush=True)
    return rows


async def _databases(url: str) -> str:
    """Databases for the three systems; the folder of the server's socket."""
    at = make_url(url)
    host = str(at.query["host"])
    driver: Any = asyncpg
    connection = await driver.connect(host=host, user=at.username, database=at.database)
    await connection.execute("CREATE DATABASE n8n")
    await connection.close()
    return host


async def main(seconds: float, rounds: int) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton-live" / "n8n"
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            host = await _databases(url)
            systems: dict[str, Callable[[], Any]] = {
                "Baton": lambda: baton(url),
                "n8n": lambda: n8n(host, "default", cache),
                "n8n, legacy expressions": lambda: n8n(host, "legacy", cache),
            }
            for _ in range(rounds):
                for name, start in systems.items():
                    rows += await asyncio.to_thread(_measured, name, start, seconds)
                    await _emptied(host)
    report(rows)


def _measured(name: str, start: Callable[[], Any], seconds: float) -> list[dict[str, Any]]:
    with start() as target:
        time.sleep(1)
        return measure(name, target, seconds)


async def _emptied(host: str) -> None:
    """n8n makes itself anew each round; it takes an owner once."""
    driver: Any = asyncpg
    connection = await driver.connect(host=host, user="postgres", database="postgres")
    await connection.execute("DROP DATABASE n8n WITH (FORCE)")
    await connection.execute("CREATE DATABASE n8n")
    await connection.close()


def report(rows: list[dict[str, Any]]) -> None:
    """Medians over the rounds, and how many times Baton is the best n8n."""
    print("| at once | system | requests/s | p50 ms | p99 ms | memory MB | Baton is |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    names = list(dict.fromkeys(row["system"] for row in rows))
    for at_once in CLIENTS:
        found = {
            name: {
                key: statistics.median(r[key] for r in rows if (r["system"], r["at_once"]) == (name, at_once))
                for key in ("per_second", "p50_ms", "p99_ms", "memory_mb")
            }
            for name in names
        }
        for name, f in found.items():
            ratio = "" if name == names[0] else f"{found[names[0]]['per_second'] / f['per_second']:.1f} ×"
            print(
                f"| {at_once} | {name} | {f['per_second']:.0f} | {f['p50_ms']:.1f} | {f['p99_ms']:.1f} "
                f"| {f['memory_mb']:.0f} | {ratio} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    asyncio.run(main(given.seconds, given.rounds))
