"""What was acknowledged is there: the web and Postgres killed under clients (G1, G14), one key one run (G17)."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import func, select

from runner.database import persistent
from runner.tables import run
from tests.faults.bench import BY, drawing, mapper, token_of, until
from tests.faults.field import Field, hold
from tests.faults.history import History, tried
from tests.faults.nursery import Worker

CLIENTS = 8
WAIT: tuple[str, dict[str, Any]] = ("WaitForCallback", {"timeout": 3_600_000})


def start_path(orchestrator_id: UUID) -> str:
    return f"/api/v1/orchestrator/{orchestrator_id}/run"


async def outputs(field: Field) -> dict[str, Any]:
    """Of every run by its id; None where there is none."""
    return {str(row.id): row.output for row in await field.rows(select(run.c.id, run.c.output))}


async def nothing_is_lost(
    field: Field, *, acks: int, kills: int, victims: tuple[str, ...] = ("web", "postgres")
) -> str:
    """G1: clients start runs and call back while the web and Postgres are killed; all that was answered 2xx is there, and
    every run has ended with what was acknowledged. Every other web process works on runs itself."""
    nodes = {"a": mapper("input.n", "n"), "b": ("Delay", {"duration": 10}), "c": mapper("data.n", "n")}
    starts = await field.store.orchestrators.create(field.scope, "starts", "", drawing(nodes, "a>b", "b>c"))
    waits = await field.store.orchestrators.create(
        field.scope, "waits", "", drawing({"w": WAIT, "z": mapper("data.n", "n")}, "w>z")
    )
    waiting: list[UUID] = []
    while len(waiting) < acks // 2:
        more = (field.store.runs.create(field.scope, waits.id, {}, trigger=BY) for _ in range(50))
        waiting += await asyncio.gather(*more)
    tokens = await field.tokens(waiting, "w")
    history, called = History(), History()
    left = list(tokens.items())
    working = itertools.cycle((True, False))
    web = await field.web(engine=next(working))
    workers = [field.worker(lease=3.0), field.worker(lease=3.0)]
    done = asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        mine = uuid4().hex
        if left and field.chance.random() < 0.5:
            run_id, token = left.pop()
            headers = {"X-Correlation-Token": token}
            path = f"/api/v1/orchestrator/callback/{run_id}"
            called.told(str(run_id), await tried(client, path, json={"n": str(run_id)}, headers=headers))
            return
        answer = await tried(client, start_path(starts.id), json={"inputs": {"n": mine}})
        history.told(mine, answer)
        if answer is None:
            await asyncio.sleep(0.05)  # nobody is there: come again a little later

    async def client_of() -> None:
        async with field.client() as client:
            while not done.is_set():
                await ask(client)

    def so_far() -> int:
        return len(history.ok) + len(called.ok)

    async def kill(number: int) -> None:
        nonlocal web

        async def due() -> bool:
            return so_far() >= acks * (number + 1) // (kills + 1)

        await until(due, 600)
        match victims[number % len(victims)]:
            case "web":
                web.send(signal.SIGKILL)
                await web.end()
                web = await field.web(engine=next(working))
            case _:
                await field.cluster.kill()
                await asyncio.sleep(field.chance.uniform(0, 0.5))
                await field.cluster.start()

    async def kill_all() -> None:
        for number in range(kills):
            await kill(number)

        async def enough() -> bool:
            return so_far() >= acks

        await until(enough, 600)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(kill_all())
        for _ in range(CLIENTS):
            group.create_task(client_of())
    found = await outputs(field)
    for run_id, token in tokens.items():  # those that nobody, or nobody knows who, has called
        if str(run_id) not in called.ok and str(run_id) in found:
            await field.store.waits.signal(run_id, token, {"n": "late"})
    lost = [answer["id"] for answer in history.ok.values() if answer["id"] not in found]
    hold(not lost, "acknowledged and lost", len(lost))
    gone = set(map(str, waiting)) - found.keys()
    hold(not gone, "acknowledged and lost", len(gone))
    await lost_callbacks(field, called, tokens)
    await field.settled(600)
    found = await outputs(field)
    for mine, answer in history.ok.items():
        hold(found[answer["id"]] == {"n": mine}, "another's output", answer["id"], found[answer["id"]])
    for run_id in called.ok:
        hold(found[run_id] == {"n": run_id}, "acknowledged and lost", run_id, found[run_id])
    known = len(history.ok) + len(history.unknown) + len(waiting)
    hold(len(history.ok) + len(waiting) <= len(found) <= known, "runs from nowhere", len(found), known)
    hold(all(worker.code is None for worker in workers), "a worker ended")
    return f"0 lost of {so_far()} acknowledged, {len(history.unknown) + len(called.unknown)} unknown, {kills} kills"


async def lost_callbacks(field: Field, called: History, tokens: dict[UUID, str]) -> None:
    """A callback that was acknowledged and forgotten would be taken a second time."""
    for run_id in called.ok:
        verdict = await field.store.waits.signal(UUID(run_id), tokens[UUID(run_id)], {"n": "again"})
        hold(verdict.kind == "duplicate", "acknowledged and lost", run_id, verdict.kind)


async def token_soon(field: Field, run_id: UUID) -> str:
    """Of the wait "w", read when the database is there."""
    return await persistent(lambda: token_of(field.store, field.scope, run_id, "w"), 60)


async def restarts(
    field: Field, *, runs: int, kills: int, up: tuple[float, float], down: tuple[float, float]
) -> str:
    """G14: Postgres is killed and comes back a while later, again and again; nobody does anything, no process ends, and all
    results are right."""
    hook = (
        "RemoteWebhook",
        {"url": field.site.url + "/ok", "bodyTemplate": "{{ data }}", "idempotent": True},
    )
    graph = drawing(
        {"a": mapper("input.n", "n"), "h": hook, "w": WAIT, "d": ("Delay", {"duration": 200}), "z": mapper()},
        "a>h", "h>w", "w>d", "d>z",
    )  # fmt: skip
    made = await field.store.orchestrators.create(field.scope, "all", "", graph)
    processes: list[Worker] = [await field.web(), field.worker(lease=3.0), field.worker(lease=3.0)]
    numbers = iter(range(runs))
    expected: dict[str, int] = {}
    moments: list[float] = []
    done = asyncio.Event()

    async def insist(client: httpx.AsyncClient, path: str, **given: Any) -> Any:
        """Ask until it is acknowledged, as a client that cares does."""
        while True:
            answer = await tried(client, path, **given)
            if answer is not None and answer.is_success:
                moments.append(time.monotonic())
                return answer.json()
            hold(answer is None or answer.status_code == 503, answer and answer.text)
            await asyncio.sleep(0.05)

    async def client_of() -> None:
        async with field.client() as client:
            while True:
                if (number := next(numbers, None)) is None:
                    if done.is_set():
                        return
                    await asyncio.sleep(0.2)
                    number = -1
                headers = {"Idempotency-Key": uuid4().hex}
                run = await insist(
                    client, start_path(made.id), json={"inputs": {"n": number}}, headers=headers
                )
                expected[run["id"]] = number
                run_id = UUID(run["id"])
                token = await token_soon(field, run_id)
                path = f"/api/v1/orchestrator/callback/{run_id}"
                await insist(client, path, json={"back": number}, headers={"X-Correlation-Token": token})

    recovered: list[float] = []

    async def kill_all() -> None:
        for _ in range(kills):
            await asyncio.sleep(field.chance.uniform(*up))
            await field.cluster.kill()
            await asyncio.sleep(field.chance.uniform(*down))
            await field.cluster.start()
            began = time.monotonic()

            async def answered(began: float = began) -> bool:
                return bool(moments) and moments[-1] > began

            await until(answered, 60)
            recovered.append(moments[-1] - began)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(kill_all())
        for _ in range(CLIENTS):
            group.create_task(client_of())
    await field.settled(600)
    found = await outputs(field)
    hold(len(found) == len(expected), "runs", len(found), "asked", len(expected))
    failed = await field.rows(select(run.c.id, run.c.error).where(run.c.state != "COMPLETED"))
    hold(not failed, "failed", failed[:3])
    for run_id, number in expected.items():
        hold(found[run_id] == {"end": {"back": number}}, run_id, found[run_id])
    hold(all(process.code is None for process in processes), "a process ended")
    slowest = max(recovered)
    return (
        f"{len(expected)} runs right over {kills} restarts; first success at most {slowest:.1f} s after each"
    )


async def one_run_a_key(field: Field, *, keys: int, at_once: int) -> str:
    """G17: equal requests at once under one key, the web killed between commit and answer again and again: one run a key,
    and all are told the same id."""
    made = await field.store.orchestrators.create(field.scope, "keyed", "", drawing({"a": mapper("input.n")}))
    field.worker()
    web = await field.web(answers=at_once // 2)
    kills, done = 0, asyncio.Event()

    async def keep_up() -> None:
        nonlocal web, kills
        while not done.is_set():
            if web.code is not None:
                kills += 1
                web = await field.web(answers=field.chance.randint(at_once, at_once * 8))
            await asyncio.sleep(0.01)

    async def ask(client: httpx.AsyncClient, key: str) -> str:
        while True:
            given = {"json": {"inputs": {"n": key}}, "headers": {"Idempotency-Key": key}}
            answer = await tried(client, start_path(made.id), **given)
            if answer is not None and answer.status_code == 202:
                return answer.json()["id"]
            hold(answer is None or answer.status_code == 503, answer and answer.text)
            await asyncio.sleep(0.05)

    keeping = asyncio.create_task(keep_up())
    async with field.client() as client:
        for number in range(keys):
            told = await asyncio.gather(*(ask(client, f"key-{number}") for _ in range(at_once)))
            hold(len(set(told)) == 1, "one key, several runs", set(told))
    done.set()
    await keeping
    count = await field.count(select(func.count()).select_from(run))
    hold(count == keys, "runs", count, "keys", keys)
    hold(kills >= 2, "the web was never killed in time", kills)
    await field.settled(60)
    return f"{keys} runs for {keys} keys, each asked {at_once} times at once; the web killed {kills} times before it answered"
