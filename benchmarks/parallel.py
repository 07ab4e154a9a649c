"""What a further worker adds, and many runs at once.

    .venv/bin/python -m benchmarks.parallel [--runs 150] [--workers 1 2 3]

First: runs whose one call takes 0.2 s, on workers that each do four things at a time, so that the workers and not the machine
are the bound; runs per second for each number of workers. Then, with all of them: `--runs` runs of five steps are started at
once, while another client goes on reading what the screens read; all must complete.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop

from app.postgres import EmbeddedPostgres
from benchmarks._echo import echo_elsewhere
from benchmarks._site import Site, site
from tests.live.platforms import Client

SLOW = 0.2
"""Seconds that a call of the second part takes."""
AT_A_TIME = 4
"""Nodes that a worker works on at once."""
STARTERS = 16
"""Clients that start runs."""


def drawing(url: str, steps: int) -> dict[str, Any]:
    """One call, and mappers behind it."""
    nodes: list[dict[str, Any]] = [
        {"id": "n0", "type": "RemoteWebhook", "data": {"label": "call", "config": {"url": f"{url}/ok"}}}
    ]
    for n in range(1, steps):
        config = {"mappings": [{"from": "run.id", "to": "run"}]}
        nodes.append({"id": f"n{n}", "type": "DataMapper", "data": {"label": f"step {n}", "config": config}})
    edges = [{"id": f"e{n}", "source": f"n{n - 1}", "target": f"n{n}"} for n in range(1, steps)]
    return {"version": 1, "nodes": nodes, "edges": edges}


def client(api: Client) -> httpx.AsyncClient:
    """One connection: httpx looks at every connection it has for each request, which would be measured, too."""
    limits = httpx.Limits(max_connections=1)
    return httpx.AsyncClient(
        base_url=api.base_url + "/", headers=api.headers, timeout=60, limits=limits, trust_env=False
    )


async def started(api: Client, flow: str, runs: int, latencies: list[float]) -> list[str]:
    """Runs, started as fast as STARTERS clients can."""
    left, made = iter(range(runs)), list[str]()

    async def starter() -> None:
        async with client(api) as http:
            for n in left:
                began = time.perf_counter()
                answer = await http.post(f"orchestrator/{flow}/run", json={"inputs": {"n": n}})
                latencies.append(time.perf_counter() - began)
                answer.raise_for_status()
                made.append(str(answer.json()["id"]))

    await asyncio.gather(*(starter() for _ in range(STARTERS)))
    return made


async def counted(http: httpx.AsyncClient, flow: str, state: str) -> int:
    answer = await http.get("orchestrator/runs/summary", params={"orchestratorId": flow})
    answer.raise_for_status()
    return int(answer.json()["counts"].get(state, 0))


async def read(http: httpx.AsyncClient, flow: str, run: str, latencies: list[float]) -> None:
    """What a person's screens ask, again and again, until cancelled."""
    paths = (f"orchestrator/runs?orchestratorId={flow}", f"orchestrator/runs/{run}", f"orchestrator/{flow}")
    while True:
        for path in paths:
            began = time.perf_counter()
            answer = await http.get(path)
            latencies.append(time.perf_counter() - began)
            answer.raise_for_status()


async def completed(http: httpx.AsyncClient, flow: str, runs: int) -> None:
    while await counted(http, flow, "COMPLETED") < runs:
        await asyncio.sleep(0.05)


async def many(api: Client, flow: str, runs: int) -> str:
    latencies: list[float] = []
    (first,) = await started(api, flow, 1, [])
    async with client(api) as http, client(api) as reader:
        reading = asyncio.create_task(read(reader, flow, first, latencies))
        began = time.perf_counter()
        await started(api, flow, runs, latencies)
        await completed(http, flow, runs + 1)
        took = time.perf_counter() - began
        reading.cancel()
    p95 = statistics.quantiles(latencies, n=20)[-1]
    calls = f"{len(latencies)} API calls meanwhile, p95 {1000 * p95:.0f} ms"
    return f"{runs} of {runs} completed in {took:.1f} s; {calls}"


async def rate(api: Client, flow: str, runs: int) -> float:
    """Runs per second, from the first start to the last end."""
    async with client(api) as http:
        before = await counted(http, flow, "COMPLETED")
        began = time.perf_counter()
        await started(api, flow, runs, [])
        await completed(http, flow, before + runs)
        return runs / (time.perf_counter() - began)


async def measured(made: Site, url: str, slow: str, runs: int, counts: list[int]) -> None:
    await asyncio.to_thread(made.serve, "--no-engine")
    api = await asyncio.to_thread(made.client)
    flows = {
        name: str(api.need("POST", "/orchestrator", {"name": name, "definition": drawing(to, steps)})["id"])
        for name, to, steps in (("many", url, 5), ("slow", slow, 1))
    }
    print("| measured | figure |\n| --- | --- |")
    workers: list[Any] = []
    found: dict[int, float] = {}
    for count in counts:
        while len(workers) < count:
            workers.append(made.worker())
        await rate(api, flows["slow"], 40 * count)  # until the last one is up and warm
        found[count] = await rate(api, flows["slow"], 120 * count)
    least = min(found)
    for count, per_second in found.items():
        print(
            f"| {count} workers, {AT_A_TIME} calls of {SLOW} s at a time each "
            f"| {per_second:.1f} runs/s ({per_second / found[least]:.2f} ×) |"
        )
    print(f"| {runs} runs of five steps at once | {await many(api, flows['many'], runs)} |")


async def main(runs: int, counts: list[int]) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        echo_elsewhere() as url,
        echo_elsewhere(SLOW) as slow,
    ):
        folder, host = Path(name), urlsplit(url).hostname
        settings = {"BATON_EGRESS_ALLOW": f"{host}/32", "BATON_WORKERS_CONCURRENCY": str(AT_A_TIME)}
        async with EmbeddedPostgres(folder / "postgres") as database:
            with site(database, folder, **settings) as made:
                await measured(made, url, slow, runs, sorted(counts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.runs, given.workers))
