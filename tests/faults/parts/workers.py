"""Workers that die, sleep, are replaced, and are killed by their work (G2, G3, G12, G13, G19, G23)."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from providers.sandbox._asgi import Ask, Reply
from runner.calling import TAKEOVERS
from runner.tables import node_run, run, run_event
from tests.faults.bench import BY, drawing, mapper, run_row, until
from tests.faults.field import Field, Red, hold
from tests.faults.nursery import Worker
from tests.faults.parts.acks import WAIT, outputs

WRITES = 11
"""Commits that write something: a worker that does a whole run of `dies_after_each_commit` has a few more. Odd, so that each
death comes to a worker with one run in one round, and to one that also has a dead worker's run in the next."""


def hook(field: Field, path: str, body: str = "{{ data }}", **more: Any) -> tuple[str, dict[str, Any]]:
    """A webhook that says it may be called twice."""
    given = {"url": field.site.url + path, "bodyTemplate": body, "idempotent": True}
    return "RemoteWebhook", given | more


async def starting(field: Field, graph: Any, count: int) -> list[UUID]:
    """That many runs of one drawing, with their number as input `n`."""
    made = await field.store.orchestrators.create(field.scope, f"of {count}", "", graph)
    return [
        await field.store.runs.create(field.scope, made.id, {"n": number}, trigger=BY)
        for number in range(count)
    ]


async def killed(worker: Worker) -> None:
    worker.send(signal.SIGKILL)
    await worker.end()


async def dies_after_each_commit(field: Field, *, commits: int) -> str:
    """G2, G4: one worker after another, each killed right after another one of its commits; then a healthy one finishes all:
    right results, one outcome a node, nothing left behind at any time."""
    inner = await field.store.orchestrators.create(
        field.scope, "inner", "", drawing({"c": mapper("input.n", "n"), "d": mapper("data.n", "n")}, "c>d")
    )
    graph = drawing(
        {
            "a": mapper("input.n", "n"),
            "b": hook(field, "/ok"),
            "w": WAIT,
            "f": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}),
            "z": mapper("data"),
        },
        "a>b", "a>f", "b>w", "w>z", "f>z",
    )  # fmt: skip
    made = await field.store.orchestrators.create(field.scope, "outer", "", graph)
    ids: list[UUID] = []
    for first in range(0, commits, 2):  # two deaths at most for one node: the third would end it (G23)
        for number in range(first, min(first + 2, commits)):
            run_id = await field.store.runs.create(field.scope, made.id, {"n": number}, trigger=BY)
            ids.append(run_id)
            token = (await field.tokens([run_id], "w"))[run_id]
            verdict = await field.store.waits.signal(run_id, token, {"here": str(run_id)})
            hold(verdict.kind == "accepted", verdict)
            ended = await field.worker(f"commit:{1 + number % WRITES}", lease=0.4).end(60)
            hold(ended == -signal.SIGKILL, "a worker ended with", ended)
            await field.sound()
        healthy = field.worker()
        await field.settled(60)
        healthy.send(signal.SIGTERM)
        await healthy.end()
    found = await outputs(field)
    for number, run_id in enumerate(ids):
        right = {"end": {"w": {"here": str(run_id)}, "f": {"n": number}}}
        hold(found[str(run_id)] == right, found[str(run_id)])
    keys = Counter(field.site.keys())
    hold(set(keys) == {f"{run_id}/b/0" for run_id in ids}, "keys", len(keys))
    hold(sum(keys.values()) <= 3 * commits, "calls", sum(keys.values()))
    return f"{commits} runs right over {commits} deaths, each after another commit; {sum(keys.values())} calls, 1 key a run"


async def one_key(field: Field, *, runs: int, kills: int) -> str:
    """G3: retried after refusals and taken over after kills, a node always calls under the same key."""
    met: defaultdict[int, list[str]] = defaultdict(list)

    async def flaky(ask: Ask) -> Reply:
        met[ask.json()["n"]].append(ask.headers["idempotency-key"])
        await asyncio.sleep(field.chance.uniform(0, 0.05))
        return Reply(200 if len(met[ask.json()["n"]]) > 1 else 503, {})

    field.site.route("POST", "/twice", flaky)
    workers = [field.worker(concurrency=8), field.worker(concurrency=8)]
    await starting(field, drawing({"t": hook(field, "/twice", "{{ input }}", retryDelay=50)}), runs)
    for number in range(kills):

        async def due(number: int = number) -> bool:
            return len(met) >= runs * (number + 1) // (kills + 1)

        await until(due, 120)
        await killed(workers.pop(0))
        workers.append(field.worker(concurrency=8))
    await field.settled(60)
    # Whoever was in the hands of three that died is stopped (G23), here by chance.
    of_it = (node_run.c.run_id == run.c.id) & (node_run.c.takeovers > 0)
    failed = await field.rows(
        select(run.c.id, run.c.error, node_run.c.takeovers)
        .join(node_run, of_it, isouter=True)
        .where(run.c.state != "COMPLETED")
    )
    hold(all(row.error["code"] == "worker-killer" and row.takeovers == TAKEOVERS for row in failed), failed)
    several = [number for number, keys in met.items() if len(set(keys)) != 1]
    hold(not several, "several keys for one node", len(several))
    keys = {keys[0] for keys in met.values()}
    hold(len(keys) == len(met) >= runs - len(failed), "one key for several nodes")
    calls = sum(map(len, met.values()))
    return f"1 key a node for {runs} nodes in {calls} calls, {kills} workers killed"


async def taken_over(field: Field, *, runs: int, seconds: float = 30.0) -> str:
    """G12: what a dead worker held is found by one that nobody woke."""
    first = field.worker(concurrency=runs + 1)
    await starting(field, drawing({"t": hook(field, "/hold-first"), "z": mapper()}, "t>z"), runs)

    async def held() -> bool:
        return len(field.site.got) == runs

    await until(held, 60)
    field.worker(concurrency=runs + 1)
    idle = await starting(field, drawing({"a": mapper("input.n")}), 1)

    async def awake() -> bool:
        return (await run_row(field.store, idle[0])).finished_at is not None

    await until(awake)
    await killed(first)
    await field.settled(seconds)
    hold(await field.states() == {"COMPLETED": runs + 1}, await field.states())
    return f"{runs} of {runs} taken over, with no bell"


async def stalled(field: Field, *, jobs: int, stalls: int) -> str:
    """G13: workers stopped for three leases and continued: what they bring then is thrown away."""
    calls: defaultdict[str, list[int]] = defaultdict(list)
    calling: Counter[int] = Counter()

    async def slow(ask: Ask) -> Reply:
        pid = int(ask.headers["user-agent"].rpartition("(")[2][:-1])
        made = calls[ask.headers["idempotency-key"].split("/")[0]]
        made.append(pid)
        calling[pid] += 1
        # The second call is under way when the sleeper wakes.
        await asyncio.sleep(0.3 if len(made) == 1 else 3 * lease)
        calling[pid] -= 1
        return Reply(200, {"pid": pid})

    field.site.route("POST", "/by", slow)
    lease = 2.0
    workers = [field.worker(concurrency=2, lease=lease) for _ in range(4)]
    graph = drawing({"t": hook(field, "/by", timeout=60_000), "z": mapper("data.pid", "by")}, "t>z")
    slept: dict[UUID, int] = {}
    for _ in range(stalls):
        ids = await starting(field, graph, jobs // stalls)

        async def full() -> bool:
            return max(calling.values(), default=0) == 2

        await until(full)
        # Who holds two calls still holds one when it is stopped a moment later.
        sleeper = max(workers, key=lambda worker: calling[worker.pid])
        slept |= dict.fromkeys(ids, sleeper.pid)
        sleeper.send(signal.SIGSTOP)
        await asyncio.sleep(3 * lease)
        sleeper.send(signal.SIGCONT)
        await field.settled(120)
    found = await outputs(field)
    taken = await field.rows(select(run_event.c.run_id).where(run_event.c.kind == "node.taken_over"))
    for row in taken:
        by = found[str(row.run_id)]["by"]
        made = calls[str(row.run_id)]
        # Whoever took it over calls after the one that slept. On a busy machine the sleeper may itself take over from another.
        hold(
            by != slept[row.run_id] or made[-1] == by, "written without the lease", row.run_id, "by", by, made
        )
    over = len(taken)
    hold(over >= stalls, "too little was taken over to tell", over)
    hold(all(worker.code is None for worker in workers), "a worker ended")
    thrown = await field.count(select(func.count()).where(run_event.c.kind == "node.discarded"))
    return f"0 written without the lease in {jobs} jobs, {stalls} stalls, {over} taken over, {thrown} late results thrown away"


async def rolling(field: Field, *, restarts: int, every: float) -> str:
    """G19: three workers replaced one by one under load, by SIGTERM: no run fails, and no lease runs out."""
    graph = drawing(
        {"a": hook(field, "/slow"), "b": hook(field, "/slow"), "c": mapper("data.echo.echo.n", "n")},
        "a>b", "b>c",
    )  # fmt: skip
    made = await field.store.orchestrators.create(field.scope, "load", "", graph)
    workers = [field.worker(concurrency=6, lease=3.0) for _ in range(3)]
    expected: dict[str, int] = {}
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            number = len(expected)
            run_id = await field.store.runs.create(field.scope, made.id, {"n": number}, trigger=BY)
            expected[str(run_id)] = number
            await asyncio.sleep(0.05)

    async def roll() -> None:
        for _ in range(restarts):
            await asyncio.sleep(every)
            old = workers.pop(0)
            workers.append(field.worker(concurrency=6, lease=3.0))
            old.send(signal.SIGTERM)
            hold(await old.end(30) == 0, "a worker ended with", old.code)
        done.set()

    await asyncio.gather(load(), roll())
    await field.settled(60)
    found = await outputs(field)
    hold(found == {run_id: {"n": number} for run_id, number in expected.items()}, "wrong results")
    kinds = ("node.taken_over", "node.discarded", "node.retrying")
    told = select(run_event.c.kind, func.count().label("times")).where(run_event.c.kind.in_(kinds))
    lapsed = await field.rows(told.group_by(run_event.c.kind))
    hold(not lapsed, "not in one go", lapsed)
    calls = Counter(field.site.keys())
    hold(set(calls.values()) == {1}, "calls made twice", calls.most_common(1))
    return f"0 failed of {len(expected)} runs, 0 leases run out over {restarts} restarts"


async def poison(field: Field, *, healthy: int) -> str:
    """G23: a node that kills its worker each time is stopped after three; the others do not notice."""
    bad = (await starting(field, drawing({"t": hook(field, "/poison")}), 1))[0]
    graph = drawing({"a": mapper("input.n"), "b": mapper("data.end", "n")}, "a>b")
    good = await starting(field, graph, healthy)
    deaths = 0
    worker = field.worker("send:poison")

    async def over() -> bool:
        nonlocal worker, deaths
        if worker.code is not None:
            deaths += 1
            worker = field.worker("send:poison")
        return (await run_row(field.store, bad)).finished_at is not None

    try:
        await until(over, 60)
    except TimeoutError:
        raise Red("it is never stopped", deaths) from None
    await field.settled(60)
    row = await run_row(field.store, bad)
    hold((row.state, row.error["code"]) == ("FAILED", "worker-killer"), row.state, row.error)
    taken = await field.count(select(node_run.c.takeovers).where(node_run.c.run_id == bad))
    hold((deaths, taken) == (3, 3), "deaths", deaths, "takeovers", taken)
    found = await outputs(field)
    for number, run_id in enumerate(good):
        hold(found[str(run_id)] == {"n": number}, found[str(run_id)])
    others = select(func.count()).where(run.c.state == "COMPLETED")
    return f"stopped after {deaths} workers; {await field.count(others)} of {healthy} healthy runs completed"
