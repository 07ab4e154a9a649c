"""Every kind of node against every point at which its worker can die, and every way to be cancelled by somebody who dies (G2, G3,
G4, G8)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as of
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from runner.tables import node_run, run
from tests.faults.bench import drawing, mapper, node_rows, run_row, until
from tests.faults.field import Field, hold
from tests.faults.parts.workers import hook

LEASE = 0.4
EVERYWHERE = ("claim:inside", "claim:after", "settle:before", "settle:inside", "settle:after")
CALLING = ("send:before", "received", "renew:before", "renew:inside", "drain")
"""`received`: the other side has the request; `drain`: while it lets a call end after SIGTERM."""
HELD_OPEN = ("received", "renew:before", "renew:inside", "drain")
"""Points for which the first call must last."""
NOBODY_KNOWS = ("claim:after", *CALLING, "settle:before", "settle:inside")
"""Points after which it cannot be told from here whether a call was taken."""


@dataclass(frozen=True)
class Kind:
    """A node `t` of the drawing t > z, the points at which a worker dies over it, and what z gives in the end."""

    name: str
    node: tuple[str, dict[str, Any]]
    points: Sequence[str]
    output: Any = 1
    reads: str = "data.n"
    wire: str = "t>z"
    more: dict[str, Any] = of(default_factory=dict[str, Any])


async def kinds(field: Field) -> list[Kind]:
    """All there are; the webhook twice, as one that may be called again and as one that may not."""
    inner = await field.store.orchestrators.create(
        field.scope, "inner", "", drawing({"c": mapper("input.n", "n")})
    )
    flow = {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}
    equal = {"rules": [{"left": "input.n", "operator": "equals", "right": 1}]}
    return [
        Kind("DataMapper", mapper("input.n", "n"), EVERYWHERE),
        Kind("Condition", ("Condition", equal), EVERYWHERE, wire="t:true>z"),
        Kind("Delay", ("Delay", {"duration": 50}), (*EVERYWHERE, "fire:inside")),
        Kind("WaitForCallback", ("WaitForCallback", {"timeout": 60_000}), EVERYWHERE),
        Kind("LocalFlow", ("LocalFlow", flow), (*EVERYWHERE, "child:after")),
        Kind("RemoteWebhook", hook(field, "/ok"), (*EVERYWHERE, *CALLING), reads="data.echo.n"),
        Kind(
            "RemoteWebhook, once",
            hook(field, "/ok", idempotent=False),
            (*EVERYWHERE, *CALLING),
            reads="data.echo.n",
        ),
    ]


async def dies_everywhere(field: Field, *, cells: int) -> str:
    """G2, G3, G4: for so many pairs of kind and point, each once before any comes again, a worker dies there and another one ends
    the run: right, or, where a call may not be repeated and may have been taken, stopped for a person to look."""
    pairs = [(kind, point) for kind in await kinds(field) for point in kind.points]
    drawn: list[tuple[Kind, str]] = []
    while len(drawn) < cells:
        drawn += field.chance.sample(pairs, min(len(pairs), cells - len(drawn)))
    for kind, point in drawn:
        await cell(field, kind, point)
    return f"{cells} deaths, {len({(kind.name, point) for kind, point in drawn})} of {len(pairs)} pairs of kind and point"


async def cell(field: Field, kind: Kind, point: str) -> None:
    node = kind.node
    if point in HELD_OPEN:
        node = node[0], node[1] | {"url": field.site.url + "/hold-first"}
    field.site.got.clear()
    field.site.released.clear()
    where = (kind.name, point)
    run_id = await field.start(drawing({"t": node, "z": mapper(kind.reads)}, kind.wire), {"n": 1})
    await death(field, run_id, point)
    await field.sound()
    field.site.released.set()
    if node[0] == "WaitForCallback":
        token = (await field.tokens([run_id], "t"))[run_id]
        verdict = await field.store.waits.signal(run_id, token, {"n": 1})
        hold(verdict.kind == "accepted", *where, verdict)
    healthy = field.worker(lease=5.0)  # which does not run out however busy the machine is
    await field.settled(30)
    healthy.send(signal.SIGTERM)
    await healthy.end()
    row, calls = await run_row(field.store, run_id), len(field.site.got)
    hold(len(set(field.site.keys())) <= 1, *where, "keys", field.site.keys())
    if node[1].get("idempotent") is False and point in NOBODY_KNOWS:
        told = row.error and row.error["code"]
        hold((row.state, told) == ("FAILED", "interrupted"), *where, row.state, row.error)
        hold(calls <= 1, *where, "calls", calls)
        return
    hold((row.state, row.output) == ("COMPLETED", {"end": kind.output}), *where, row.state, row.output)
    most = 2 if point in NOBODY_KNOWS else 1
    hold(calls <= most, *where, "calls", calls)
    children = await field.count(
        select(func.count()).select_from(run.join(node_run, run.c.parent_node_run_id == node_run.c.id))
        .where(node_run.c.run_id == run_id)
    )  # fmt: skip
    hold(children == (node[0] == "LocalFlow"), *where, "children", children)


async def death(field: Field, run_id: UUID, point: str) -> None:
    """A worker has died at `point` of the node t."""
    if point not in ("received", "drain"):
        ended = await field.worker(point, "t", lease=LEASE).end(30)
        hold(ended == -signal.SIGKILL, point, "the worker ended with", ended)
        return
    worker = field.worker(lease=LEASE)

    async def received() -> bool:
        return bool(field.site.got)

    await until(received)
    if point == "drain":
        worker.send(signal.SIGTERM)
        await asyncio.sleep(field.chance.uniform(0, 0.1))
    worker.send(signal.SIGKILL)
    hold(await worker.end() == -signal.SIGKILL, "the worker ended by itself")


async def cancelled_by_the_dead(field: Field, *, rounds: int) -> str:
    """G8: who cancels a run dies before the commit, or after it and before anybody is told: the run goes on as if nobody had
    asked, or it and what it started end, whatever was parked, in flight or of another run."""
    inner = await field.store.orchestrators.create(
        field.scope, "waits", "", drawing({"c": ("WaitForCallback", {"timeout": 60_000})})
    )
    lasting = {
        "call": hook(field, "/hold-first"),
        "delay": ("Delay", {"duration": 60_000}),
        "wait": ("WaitForCallback", {"timeout": 60_000}),
        "flow": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}),
    }
    for _ in range(rounds):
        for point in ("cancel:inside", "cancel:after"):
            field.site.released.clear()
            worker = field.worker(lease=LEASE)
            graph = drawing({**lasting, "z": mapper()}, *(f"{name}>z" for name in lasting))
            run_id = await field.start(graph, {"n": 1})

            async def under_way(run_id: UUID = run_id) -> bool:
                rows = await node_rows(field.store, run_id)
                parked = all(rows[name].work == "parked" for name in ("delay", "wait", "flow"))
                return parked and rows["call"].work == "leased" and bool(field.site.got)

            await until(under_way)
            ended = await field.worker(point, cancel=str(run_id)).end(30)
            hold(ended == -signal.SIGKILL, point, "who cancels ended with", ended)
            if point == "cancel:inside":
                await field.sound()
                hold((await run_row(field.store, run_id)).state in ("RUNNING", "WAITING"), "not as before")
                await field.store.runs.cancel(field.scope, run_id)
            await field.settled(30)
            states = await field.states()
            hold(set(states) == {"CANCELLED"}, point, states)
            worker.send(signal.SIGTERM)
            await worker.end()
            field.site.got.clear()
    return f"{2 * rounds} runs of four kinds at once, each cancelled by a process that died over it"
