"""The five-node run by hand-written SQL: the limit of this style on this machine, with nothing of a product in it.

    python _sql.py DATABASE_URL ECHO_URL RUNS WAITS

One row per node, SKIP LOCKED, one commit per node, a worker of 32 coroutines; no history, no attempts, no templates, no
cancel. Prints one JSON line.
"""

# Its imports are the peers' own, which this project does not have.
# pyright: basic, reportMissingImports=false

import asyncio
import json
import resource
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable
from typing import Any

import aiohttp
import asyncpg
import uvloop

NODES = 5
WORKERS = 32
SCHEMA = """
    CREATE TABLE job (
        run int, node int, state text NOT NULL, input jsonb, output jsonb, token text, due timestamptz DEFAULT now(),
        PRIMARY KEY (run, node));
    CREATE INDEX ON job (due) WHERE state = 'ready';
"""
TAKE = """
    UPDATE job SET state = 'leased' WHERE (run, node) IN (
        SELECT run, node FROM job WHERE state = 'ready' ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING run, node, input
"""
END = """
    WITH ended AS (UPDATE job SET state = 'done', output = $3 WHERE run = $1 AND node = $2 AND state = 'leased')
    INSERT INTO job (run, node, state, input, token) VALUES ($1, $2 + 1, $4, $3, $5)
"""
LAST = "UPDATE job SET state = 'done', output = $3 WHERE run = $1 AND node = $2 AND state = 'leased'"
SIGNAL = """
    WITH ended AS (UPDATE job SET state = 'done', output = $2 WHERE token = $1 AND state = 'parked' RETURNING run)
    INSERT INTO job (run, node, state, input) SELECT run, 3, 'ready', $2 FROM ended
"""
NEW = "INSERT INTO job (run, node, state, input) VALUES ($1, 0, 'ready', $2)"


class Worker:
    def __init__(self, pool: Any, session: aiohttp.ClientSession, echo: str) -> None:
        self.pool, self.session, self.echo = pool, session, echo
        self.ready = asyncio.Semaphore(0)  # one for each row that became ready
        self.tokens: dict[int, str] = {}
        self.started: dict[int, float] = {}
        self.done = 0

    async def serve(self) -> None:
        while True:
            await self.ready.acquire()
            row = await self.pool.fetchrow(TAKE)
            await self.work(row["run"], row["node"], row["input"])

    async def work(self, run: int, node: int, data: Any) -> None:
        if node == 3:
            self.started[run] = time.perf_counter()
        if node == 1:
            async with self.session.post(self.echo, json=data) as answer:
                data = {"n": (await answer.json())["echo"]["n"]}
        if node == NODES - 1:
            await self.pool.execute(LAST, run, node, data)
            self.done += 1
        elif node == 1:  # the next one waits
            token = secrets.token_hex(16)
            await self.pool.execute(END, run, node, data, "parked", token)
            self.tokens[run] = token
        else:
            await self.pool.execute(END, run, node, data, "ready", None)
            self.ready.release()

    async def create(self, run: int) -> None:
        await self.pool.execute(NEW, run, {"n": run})
        self.ready.release()

    async def signal(self, run: int) -> None:
        await self.pool.execute(SIGNAL, self.tokens[run], {"n": 1})
        self.ready.release()


async def gathered(work: list[Awaitable[Any]], at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def one(item: Awaitable[Any]) -> None:
        async with slots:
            await item

    await asyncio.gather(*(one(item) for item in work))


async def until(true: Any) -> None:
    while not true():
        await asyncio.sleep(0.02)


async def codec(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def main(database: str, url: str, runs: int, waits: int) -> None:
    pool: Any = await asyncpg.create_pool(database, min_size=16, max_size=16, init=codec)
    await pool.execute(SCHEMA)
    session = aiohttp.ClientSession()
    worker = Worker(pool, session, url + "/ok")
    serving = [asyncio.create_task(worker.serve()) for _ in range(WORKERS)]
    cpu, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await gathered([worker.create(n) for n in range(runs)], 16)
    created = time.perf_counter() - began
    await until(lambda: len(worker.tokens) == runs)
    await gathered([worker.signal(n) for n in range(runs)], 16)
    await until(lambda: worker.done == runs)
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime

    late = range(runs, runs + waits)
    await gathered([worker.create(n) for n in late], 16)
    await until(lambda: len(worker.tokens) == runs + waits)
    found: list[float] = []
    for n in late:
        sent = time.perf_counter()
        await worker.signal(n)
        while n not in worker.started:
            await asyncio.sleep(0)
        found.append(1000 * (worker.started[n] - sent))
    found.sort()
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
        )
    )
    for task in serving:
        task.cancel()
    await session.close()
    await pool.close()


if __name__ == "__main__":
    asked = sys.argv
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(asked[1], asked[2], int(asked[3]), int(asked[4])))
