"""Callbacks that come too early (G5), too often (G6), and at the last moment (G11)."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from providers.sandbox._asgi import Ask, Reply
from runner.tables import callback_audit, run, wait
from tests.faults.bench import BY, drawing, mapper, until
from tests.faults.field import Field, hold
from tests.faults.parts.acks import outputs

WAIT: tuple[str, dict[str, Any]] = ("WaitForCallback", {"timeout": 3_600_000})


async def early(field: Field, *, runs: int, kills: int, seconds: float = 120.0) -> str:
    """G5: callbacks from inside the handler of the request that causes them, and around the moment of the park, while workers
    are killed: none is lost, none counts twice."""
    told: dict[UUID, list[int]] = {}
    client = field.client()

    async def call_back(ask: Ask, seconds: float) -> None:
        await asyncio.sleep(seconds)
        run_id = UUID(ask.headers["x-baton-key"].split("/")[0])
        status = await field.call_back(client, run_id, ask.json()["token"], {"run": str(run_id)})
        told.setdefault(run_id, []).append(status)

    async def back(ask: Ask) -> Reply:
        await call_back(ask, 0)
        return Reply(200, {"started": True})

    async def around(ask: Ask) -> Reply:
        field.site.spawn(call_back(ask, field.chance.uniform(0, 0.05)))
        await asyncio.sleep(field.chance.uniform(0, 0.05))
        return Reply(200, {"started": True})

    field.site.route("POST", "/back", back)
    field.site.route("POST", "/around", around)
    await field.web()
    workers = [field.worker(), field.worker()]
    made: list[UUID] = []
    for path in ("/back", "/around"):
        hook = {"url": field.site.url + path, "bodyTemplate": "{{ callback }}", "idempotent": True}
        graph = drawing({"ask": ("RemoteWebhook", hook), "wait": WAIT}, "ask>wait")
        made.append((await field.store.orchestrators.create(field.scope, path, "", graph)).id)

    async def kill(number: int) -> None:
        async def due() -> bool:
            return len(told) >= runs * (number + 1) // (kills + 1)

        await until(due, 300)
        victim = workers.pop(0)
        victim.send(signal.SIGKILL)
        await victim.end()
        workers.append(field.worker())

    async def start() -> None:
        for begun in range(0, runs, 20):

            async def room(
                begun: int = begun,
            ) -> bool:  # what is under way is bounded, so that the moments stay near
                return begun - len(told) < 60

            await until(room, 300)
            more = (field.store.runs.create(field.scope, made[n % 2], {}, trigger=BY) for n in range(20))
            await asyncio.gather(*more)

    async def killing() -> None:
        for number in range(kills):
            await kill(number)

    async with client:
        await asyncio.gather(start(), killing())
        await field.settled(seconds)
    first = [statuses.count(202) for statuses in told.values()]
    hold(set(first) == {1} and len(first) == runs, "accepted", Counter(first))
    hold(
        {s for statuses in told.values() for s in statuses} <= {200, 202}, Counter(map(tuple, told.values()))
    )
    found = await outputs(field)
    hold(found == {str(run_id): {"run": str(run_id)} for run_id in told}, "lost or another's")
    return f"0 lost and 0 twice of {runs}, {kills} workers killed"


async def repeated(field: Field, *, waits: int, at_once: int = 16) -> str:
    """G6: many different bodies for one wait at once: one is accepted, the others get 2xx and are kept."""
    graph = drawing({"wait": WAIT, "z": mapper("data.n", "n")}, "wait>z")
    made = await field.store.orchestrators.create(field.scope, "waits", "", graph)
    await field.web()
    field.worker()
    accepted: dict[str, int] = {}
    answers: Counter[int] = Counter()

    async with field.client() as client:

        async def one() -> None:
            run_id = await field.store.runs.create(field.scope, made.id, {}, trigger=BY)
            token = (await field.tokens([run_id], "wait"))[run_id]
            asked = (field.call_back(client, run_id, token, {"n": n}) for n in range(at_once))
            told = await asyncio.gather(*asked)
            answers.update(told)
            hold(Counter(told) == {202: 1, 200: at_once - 1}, "answers", Counter(told))
            accepted[str(run_id)] = told.index(202)

        for _ in range(0, waits, 4):
            await asyncio.gather(*(one() for _ in range(4)))
    await field.settled(60)
    found = await outputs(field)
    hold(found == {run_id: {"n": n} for run_id, n in accepted.items()}, "another body than the accepted")
    kept = select(callback_audit.c.verdict, func.count()).group_by(callback_audit.c.verdict)
    counts = {verdict: count for verdict, count in await field.rows(kept)}
    hold(counts == {"accepted": waits, "duplicate": waits * (at_once - 1)}, "kept", counts)
    return f"1 resume for {waits} of {waits} waits, {at_once} bodies at once each; no answer but 2xx"


async def deadlines(field: Field, *, waits: int) -> str:
    """G11: callbacks at the moment of their wait's deadline, on either side: exactly one of the two wins, and the loser is kept."""
    graph = drawing({"wait": ("WaitForCallback", {"timeout": 1500})})
    made = await field.store.orchestrators.create(field.scope, "short", "", graph)
    field.worker()
    field.worker()
    verdicts: dict[UUID, str] = {}

    async def call(run_id: UUID, token: str, deadline: datetime) -> None:
        moment = deadline.timestamp() + field.chance.uniform(-0.03, 0.005)  # they need a few to get there
        await asyncio.sleep(max(0.0, moment - datetime.now(UTC).timestamp()))
        verdicts[run_id] = (await field.store.waits.signal(run_id, token, {"here": True})).kind

    async def batch(size: int) -> None:
        more = (field.store.runs.create(field.scope, made.id, {}, trigger=BY) for _ in range(size))
        ids = await asyncio.gather(*more)
        tokens = await field.tokens(ids, "wait")
        moments: dict[UUID, datetime] = {}

        async def parked() -> bool:
            asked = select(wait.c.run_id, wait.c.deadline_at).where(wait.c.deadline_at.is_not(None))
            moments.update({row.run_id: row.deadline_at for row in await field.rows(asked)})
            return set(ids) <= moments.keys()

        await until(parked)
        await asyncio.gather(*(call(run_id, tokens[run_id], moments[run_id]) for run_id in ids))

    for _ in range(0, waits, 40):
        await batch(40)
    await field.settled(30)
    count = Counter(verdicts.values())
    hold(set(count) == {"accepted", "gone"}, "one side never wins", count)
    for row in await field.rows(select(run.c.id, run.c.state, run.c.output, run.c.error)):
        if verdicts[row.id] == "accepted":
            hold((row.state, row.output) == ("COMPLETED", {"here": True}), row)
        else:
            hold(row.state == "FAILED" and row.error["code"] == "callback-timeout", row)
    lost = select(func.count()).where(callback_audit.c.verdict == "gone")
    hold(await field.count(lost) == count["gone"], "losers kept", count)
    return f"{waits} single winners: {count['accepted']} callbacks, {count['gone']} deadlines"
