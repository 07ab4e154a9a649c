"""A steady load with workers killed at random: is anything lost, does the throughput come back, does memory stay flat?

    .venv/bin/python -m benchmarks.soak [--minutes 60] [--rate 50] [--workers 3] [--every 30] [--seed N]

A client starts runs of four steps (map, call, wait for the callback, map); the system called calls
back before it answers. Every `--every` seconds one worker, chosen by the seed, gets SIGKILL and is started again. At the end
every run that was acknowledged must have completed, and the invariant queries must find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop
from sqlalchemy import text

from app.postgres import EmbeddedPostgres
from benchmarks._site import Site, memory_mb, site
from runner.database import Database
from tests.faults.invariants import violations
from tests.live.platforms import Client
from tests.receiver import Receiver
from tests.serving import served

TAIL = 60.0
"""Seconds after the load in which the rest must end by itself."""
SENDERS = 32
"""Clients that start runs."""


@dataclass
class Seen:
    acknowledged: list[str] = field(default_factory=list[str])
    failed_to_start: int = 0
    behind: int = 0
    kills: int = 0
    done_by_second: dict[int, int] = field(default_factory=dict[int, int])
    memory: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])


def drawing(url: str) -> dict[str, Any]:
    def mapper(source: str) -> dict[str, Any]:
        return {"mappings": [{"from": source, "to": "n"}]}

    nodes: list[tuple[str, str, dict[str, Any]]] = [
        ("a", "DataMapper", mapper("input.n")),
        (
            "b",
            "RemoteWebhook",
            {
                "url": f"{url}/callback-first",
                "idempotent": True,
                "bodyTemplate": '{"callbackUrl": "{{ callback.url }}", "n": {{ data.n }}}',
            },
        ),
        ("c", "WaitForCallback", {}),
        ("d", "DataMapper", mapper("data.early")),
    ]
    return {
        "version": 1,
        "nodes": [{"id": i, "type": t, "data": {"label": i, "config": c}} for i, t, c in nodes],
        "edges": [{"id": f"{x}{y}", "source": x, "target": y} for x, y in ("ab", "bc", "cd")],
    }


async def load(api: Client, path: str, rate: float, until: float, seen: Seen) -> None:
    """`rate` runs a second, by SENDERS clients of one connection each: where the server is late for more than they can wait
    for, starts come late and are not left out."""
    due: asyncio.Queue[int | None] = asyncio.Queue()

    async def sender() -> None:
        async with httpx.AsyncClient(
            base_url=api.base_url, headers=api.headers, timeout=30, trust_env=False
        ) as client:
            while (number := await due.get()) is not None:
                await start(client, number)

    async def start(client: httpx.AsyncClient, number: int) -> None:
        try:
            answer = await client.post(path, json={"inputs": {"n": number}})
        except httpx.TransportError:
            seen.failed_to_start += 1
            return
        if answer.status_code == 202:
            seen.acknowledged.append(answer.json()["id"])
        else:
            seen.failed_to_start += 1

    async def pace() -> None:
        began, number = time.monotonic(), 0
        while time.monotonic() < until:
            while number < (time.monotonic() - began) * rate:
                due.put_nowait(number)
                number += 1
            seen.behind = max(seen.behind, due.qsize())
            await asyncio.sleep(0.05)
        for _ in range(SENDERS):
            due.put_nowait(None)

    await asyncio.gather(pace(), *(sender() for _ in range(SENDERS)))


async def kill(
    made: Site, workers: list[Any], every: float, until: float, chance: random.Random, seen: Seen
) -> None:
    while time.monotonic() + every < until:
        await asyncio.sleep(every)
        number = chance.randrange(len(workers))
        workers[number].send_signal(signal.SIGKILL)
        await asyncio.to_thread(workers[number].wait)
        workers[number] = made.worker()
        seen.kills += 1


async def watch(database: Database, web: Any, workers: list[Any], until: float, seen: Seen) -> None:
    """Completed runs and memory, every five seconds."""
    began = time.monotonic()
    while time.monotonic() < until:
        await asyncio.sleep(5)
        async with database.begin() as connection:
            done = await connection.scalar(text("SELECT count(*) FROM run WHERE state = 'COMPLETED'"))
        at = time.monotonic() - began
        seen.done_by_second[int(at)] = done or 0
        seen.memory.append((at, memory_mb(web.pid), max(memory_mb(w.pid) for w in workers)))


async def main(minutes: float, rate: float, count: int, every: float, seed: int) -> None:
    seen, chance, receiver = Seen(), random.Random(seed), Receiver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with EmbeddedPostgres(folder / "postgres") as url, served(receiver) as receiver.url:
            host = urlsplit(receiver.url).hostname
            with site(url, folder, BATON_EGRESS_ALLOW=f"{host}/32") as made:
                web = await asyncio.to_thread(made.serve, "--no-engine")
                api = await asyncio.to_thread(made.client)
                workers = [made.worker() for _ in range(count)]
                flow = api.need(
                    "POST", "/orchestrator", {"name": "soak", "definition": drawing(receiver.url)}
                )
                database = Database(url, size=2, reserve=0, answer=None)  # the invariants look at every row
                until = time.monotonic() + 60 * minutes
                await asyncio.gather(
                    load(api, f"/orchestrator/{flow['id']}/run", rate, until, seen),
                    kill(made, workers, every, until, chance, seen),
                    watch(database, web, workers, until, seen),
                    forget(receiver, until),
                )
                states = await ended(database, seen)
                broken = await violations(database, patience=30.0)
                await database.aclose()
    report(seen, states, broken, seed)


async def forget(receiver: Receiver, until: float) -> None:
    """The receiver's own notes are not part of what is measured."""
    while time.monotonic() < until:
        await asyncio.sleep(1)
        receiver.got.clear()
        receiver.statuses.clear()


async def ended(database: Database, seen: Seen) -> dict[str, int]:
    """The acknowledged runs by state, once all have ended or the time for it is over."""
    query = text(
        "SELECT state, count(*) AS runs FROM run WHERE id = ANY(CAST(:ids AS uuid[])) GROUP BY state"
    )
    deadline = time.monotonic() + TAIL
    while True:
        async with database.begin() as connection:
            rows = await connection.execute(query, {"ids": seen.acknowledged})
            states = {row.state: row.runs for row in rows}
        if states.get("COMPLETED", 0) == len(seen.acknowledged) or time.monotonic() > deadline:
            return states
        await asyncio.sleep(1)


def report(seen: Seen, states: dict[str, int], broken: object, seed: int) -> None:
    lost = len(seen.acknowledged) - sum(states.values())
    seconds = sorted(seen.done_by_second)
    rates = [(seen.done_by_second[b] - seen.done_by_second[a]) / max(1, b - a) for a, b in pairwise(seconds)]
    print("| figure | found |\n| --- | --- |")
    print(f"| seed | {seed} |")
    print(f"| runs acknowledged | {len(seen.acknowledged)} |")
    print(f"| starts refused or cut | {seen.failed_to_start} |")
    print(f"| starts that waited for a client, at most | {seen.behind} |")
    print(f"| workers killed | {seen.kills} |")
    print(f"| lost | {lost} |")
    print(f"| by state | {states} |")
    print(f"| broken invariants | {broken or 'none'} |")
    if rates:
        print(f"| completed/s, least and most of 5 s | {min(rates):.0f}, {max(rates):.0f} |")
    for name, at in (("web", 1), ("largest worker", 2)):
        values = [row[at] for row in seen.memory]
        if len(values) > 3:
            third = len(values) // 3
            first, last = sum(values[:third]) / third, sum(values[-third:]) / third
            print(f"| memory of {name}, MB, first and last third | {first:.0f}, {last:.0f} |")
    if lost or broken or states.get("COMPLETED", 0) != len(seen.acknowledged):
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.minutes, given.rate, given.workers, given.every, given.seed))
