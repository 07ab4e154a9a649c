"""The five-node run as a DBOS workflow. Run by the Python of DBOS's own environment: nothing of Baton is imported.

    python _dbos.py DATABASE_URL ECHO_URL RUNS WAITS

A workflow per run, a step per node, `recv` for the callback: as DBOS's own guide has it. Prints one JSON line.
"""

# Its imports are the peers' own, which this project does not have.
# pyright: basic, reportMissingImports=false

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Awaitable
from typing import Any

import aiohttp
import uvloop
from dbos import DBOS, SetWorkflowID

NODES = 5
echo_url = ""
session: aiohttp.ClientSession
started: dict[str, float] = {}


@DBOS.step()
async def a(n: int) -> dict[str, Any]:
    return {"n": n}


@DBOS.step()
async def b(data: dict[str, Any]) -> dict[str, Any]:
    async with session.post(echo_url, json=data) as answer:
        return {"n": (await answer.json())["echo"]["n"]}


@DBOS.step()
async def d(data: dict[str, Any]) -> dict[str, Any]:
    started[DBOS.workflow_id or ""] = time.perf_counter()
    return {"n": data["n"]}


@DBOS.step()
async def e(data: dict[str, Any]) -> dict[str, Any]:
    return {"n": data["n"]}


@DBOS.workflow()
async def chain(n: int) -> dict[str, Any]:
    await b(await a(n))
    return await e(await d(await DBOS.recv_async("c", timeout_seconds=600)))


async def gathered(work: list[Awaitable[Any]], at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def one(item: Awaitable[Any]) -> None:
        async with slots:
            await item

    await asyncio.gather(*(one(item) for item in work))


async def start(name: str, n: int, into: dict[str, Any]) -> None:
    with SetWorkflowID(name):
        into[name] = await DBOS.start_workflow_async(chain, n)


async def parked(names: list[str]) -> None:
    """Until each has recorded its second step: the next is the wait."""
    for name in names:
        while len(await DBOS.list_workflow_steps_async(name)) < 2:
            await asyncio.sleep(0.05)


async def main(database: str, url: str, runs: int, waits: int) -> None:
    global echo_url, session
    echo_url, session = url + "/ok", aiohttp.ClientSession()
    DBOS(config={"name": "bench", "system_database_url": database, "log_level": "ERROR"})
    DBOS.launch()
    cpu, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    made: dict[str, Any] = {}
    await gathered([start(f"run-{n}", n, made) for n in range(runs)], 16)
    created = time.perf_counter() - began
    await parked(list(made))
    await gathered([DBOS.send_async(name, {"n": 1}, "c") for name in made], 16)
    for handle in made.values():
        assert await handle.get_result() == {"n": 1}
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime

    late: dict[str, Any] = {}
    await gathered([start(f"wait-{n}", n, late) for n in range(waits)], 16)
    await parked(list(late))
    found: list[float] = []
    for name in late:
        sent = time.perf_counter()
        await DBOS.send_async(name, {"n": 1}, "c")
        while name not in started:
            await asyncio.sleep(0)
        found.append(1000 * (started[name] - sent))
    found.sort()
    for handle in late.values():
        await handle.get_result()
    print(
        json.dumps(
            {
                "runs_per_second": runs / took,
                "transitions_per_second": NODES * runs / took,
                "created_per_second": runs / created,
                "process_cpu_ms_per_run": 1000 * used / runs,
                "callback_to_next_node_p50_ms": statistics.median(found),
                "callback_to_next_node_p99_ms": found[max(0, int(len(found) * 0.99) - 1)],
            }
        ),
        flush=True,
    )
    await session.close()
    DBOS.destroy()


if __name__ == "__main__":
    asked = sys.argv
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(asked[1], asked[2], int(asked[3]), int(asked[4])))
