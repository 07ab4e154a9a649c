"""Workers that die by SIGKILL at every point of their work, and what the next worker makes of it.

Each case: a run, a worker that ends itself at one point, a healthy worker after it. The run must end right, with one
recorded outcome per node, with a gap-free history, and with at most one more call at the receiver, under the same key.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers import Connection, discover
from providers.sandbox.airflow import AirflowSandbox
from providers.sandbox.n8n import N8nSandbox
from runner.engine import Engine, EngineOptions
from runner.platforms import Platforms
from runner.template import Templates
from tests.faults.bench import LEASE, Bench, drawing, events, mapper, node_rows, run_row, token_of, until
from tests.faults.invariants import violations
from tests.serving import served

LOOPBACK = ("127.0.0.0/8",)


def plain(url: str, **config: Any) -> tuple[str, dict[str, Any]]:
    return "RemoteWebhook", {"url": url, "bodyTemplate": "{{ data }}", **config}


# ------------------------------------------------------------------------------------------------ a plain webhook

SENDING = ["claim:after", "send:before", "received", "settle:before", "settle:inside", "renew:inside"]
"""Points between the claim and the commit of its outcome. After any of them nobody can know from here whether the call was
taken: the claim is what is recorded before a request leaves."""


async def die_while_calling(bench: Bench, point: str) -> None:
    """One worker lives and dies at `point` of the node `t`; "received" is when the receiver has the request."""
    if point == "received":
        worker = bench.worker()

        async def received() -> bool:
            return bool(bench.site.got)

        await until(received)
        worker.send(signal.SIGKILL)
        assert await worker.end() == -signal.SIGKILL
    else:
        await bench.killed(point)


def path_for(point: str) -> str:
    return "/hold-first" if point in ("received", "renew:inside", "renew:before") else "/ok"


@pytest.mark.parametrize("point", SENDING)
async def test_a_call_that_must_not_be_repeated_is_not(bench: Bench, point: str) -> None:
    graph = drawing({"t": plain(bench.site.url + path_for(point)), "z": mapper()}, "t>z")
    run_id = await bench.start(graph, {"n": 1})
    await die_while_calling(bench, point)
    bench.worker()
    row = await bench.ended(run_id)
    nodes = await node_rows(bench.store, run_id)
    assert (row.state, nodes["t"].state, row.error["code"]) == ("FAILED", "TIMED_OUT", "interrupted")
    assert nodes["z"].state == "SKIPPED"
    assert len(bench.site.got) == (0 if point in ("claim:after", "send:before") else 1)


@pytest.mark.parametrize("point", ["claim:after", "received", "settle:inside", "renew:before"])
async def test_a_call_that_may_be_repeated_is_repeated_under_one_key(bench: Bench, point: str) -> None:
    graph = drawing({"t": plain(bench.site.url + path_for(point), idempotent=True), "z": mapper()}, "t>z")
    run_id = await bench.start(graph, {"n": 1})
    await die_while_calling(bench, point)
    bench.site.released.set()  # the dead worker's call may not have left at all: then this one is the first
    bench.worker()
    row = await bench.ended(run_id)
    assert (row.state, row.output) == ("COMPLETED", {"end": {"echo": {"n": 1}}})
    assert 1 <= len(bench.site.got) <= 2 and set(bench.site.keys()) == {f"{run_id}/t/0"}
    assert [e.kind for e in await events(bench.store, run_id)].count("node.taken_over") == 1


async def test_a_recorded_outcome_is_never_worked_out_again(bench: Bench) -> None:
    """Dead after the commit: the next node was handed over in the same transaction, and is taken over."""
    graph = drawing({"t": plain(bench.site.url + "/ok"), "y": mapper(), "z": mapper()}, "t>y", "t>z")
    run_id = await bench.start(graph, {"n": 1})
    await bench.killed("settle:after")
    bench.worker()
    row = await bench.ended(run_id)
    assert row.output == {"y": {"end": {"echo": {"n": 1}}}, "z": {"end": {"echo": {"n": 1}}}}
    assert len(bench.site.got) == 1


async def test_a_claim_that_was_not_committed_is_no_claim(bench: Bench) -> None:
    """The job is lost with its worker; the row is offered again once nobody has picked it up for ten seconds."""
    run_id = await bench.start(drawing({"t": plain(bench.site.url + "/ok")}), {"n": 1})
    await bench.killed("claim:inside")
    bench.worker()
    assert (await bench.ended(run_id, 25)).state == "COMPLETED"
    assert len(bench.site.got) == 1 and (await node_rows(bench.store, run_id))["t"].takeovers == 0


# ------------------------------------------------------------------------------------------------ platforms


async def connect(bench: Bench, provider: str, credentials: dict[str, Any]) -> None:
    kind = discover()[provider]
    connection: Connection = kind.connection_model.model_validate(credentials)
    await bench.store.connections.create(
        bench.scope, provider, "sandbox", connection, allow_private_network=True
    )


@pytest.mark.parametrize("point", ["send:before", "settle:before", "settle:inside", "settle:after"])
async def test_airflow_adopts_the_run_that_was_already_triggered(bench: Bench, point: str) -> None:
    sandbox = AirflowSandbox(time_scale=0.1)
    async with served(sandbox) as url:
        await connect(bench, "airflow", AirflowSandbox.connection(url))
        remote = {
            "provider": "airflow",
            "workflowId": "quick_conf",
            "bodyTemplate": "{{ data }}",
            "pollingInterval": 50,
        }
        run_id = await bench.start(
            drawing({"t": ("RemoteWebhook", remote), "z": mapper()}, "t>z"), {"numbers": [1, 2]}
        )
        await bench.killed(point)
        worker = bench.worker()
        row = await bench.ended(run_id)
        worker.send(signal.SIGTERM)
        await worker.end()
    assert row.state == "COMPLETED", row.error
    assert len(sandbox.runs) == 1


@pytest.mark.parametrize("point", ["claim:after", "settle:inside", "settle:after"])
async def test_n8n_is_searched_for_the_execution_that_was_already_started(bench: Bench, point: str) -> None:
    sandbox = N8nSandbox(time_scale=0.1)
    async with served(sandbox) as url:
        await connect(bench, "n8n", N8nSandbox.connection(url))
        remote = {
            "provider": "n8n",
            "workflowId": "wfPriceOrder",
            "bodyTemplate": "{{ data }}",
            "pollingInterval": 50,
        }
        run_id = await bench.start(drawing({"t": ("RemoteWebhook", remote), "z": mapper()}, "t>z"), {})
        await bench.killed(point)
        worker = bench.worker()
        row = await bench.ended(run_id)
        worker.send(signal.SIGTERM)
        await worker.end()
    if point == "claim:after":  # never started: either started now, once, or left for a person to decide
        assert row.state == "COMPLETED" or row.error["code"] == "interrupted"
        assert len(sandbox.runs) == (1 if row.state == "COMPLETED" else 0)
    else:
        assert row.state == "COMPLETED", row.error
        assert len(sandbox.runs) == 1


# ------------------------------------------------------------------------------------------------ kinds that call nobody

PURE: dict[str, tuple[str, dict[str, Any]]] = {
    "DataMapper": mapper("input.n", "n"),
    "Condition": ("Condition", {"rules": [{"left": "input.n", "operator": "equals", "right": 1}]}),
    "Delay": ("Delay", {"duration": 100}),
}


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        ("DataMapper", "claim:after"),
        ("DataMapper", "settle:inside"),
        ("DataMapper", "settle:after"),
        ("Condition", "settle:inside"),
        ("Delay", "settle:inside"),
        ("Delay", "settle:after"),
    ],
)
async def test_what_touches_nothing_outside_is_simply_done_again(bench: Bench, kind: str, point: str) -> None:
    wire = "t:true>z" if kind == "Condition" else "t>z"
    run_id = await bench.start(drawing({"t": PURE[kind], "z": mapper("data.n")}, wire), {"n": 1})
    await bench.killed(point)
    bench.worker()
    row = await bench.ended(run_id)
    assert (row.state, row.output) == ("COMPLETED", {"end": 1})


async def test_a_timer_whose_firing_was_not_committed_fires_again_and_once(bench: Bench) -> None:
    run_id = await bench.start(
        drawing({"t": ("Delay", {"duration": 150}), "z": mapper("data.n")}, "t>z"), {"n": 1}
    )
    await bench.killed("fire:inside")
    bench.worker()
    assert (await bench.ended(run_id)).output == {"end": 1}
    row = (await node_rows(bench.store, run_id))["t"]
    assert (row.finished_at - row.started_at).total_seconds() >= 0.15
    assert (row.takeovers, row.epoch) == (0, 2)


# ------------------------------------------------------------------------------------------------ callbacks

WAIT: tuple[str, dict[str, Any]] = ("WaitForCallback", {"timeout": 60_000})


@pytest.mark.parametrize("point", ["claim:after", "settle:inside", "settle:after"])
async def test_a_wait_whose_worker_died_is_still_resumed(bench: Bench, point: str) -> None:
    run_id = await bench.start(drawing({"t": WAIT, "z": mapper("data.x")}, "t>z"))
    await bench.killed(point)
    token = await token_of(bench.store, bench.scope, run_id, "t")
    verdict = await bench.store.waits.signal(run_id, token, {"x": 7})  # no worker lives at this moment
    assert verdict.kind == "accepted"
    bench.worker()
    assert (await bench.ended(run_id)).output == {"end": 7}


@pytest.mark.parametrize(("point", "again"), [("signal:inside", "accepted"), ("signal:after", "duplicate")])
async def test_a_callback_cut_off_is_sent_again_and_counts_once(bench: Bench, point: str, again: str) -> None:
    run_id = await bench.start(drawing({"t": WAIT, "z": mapper("data.x")}, "t>z"))
    worker = bench.worker()
    await bench.reaches(run_id, "t", "parked")
    token = await token_of(bench.store, bench.scope, run_id, "t")
    told = {"run": str(run_id), "token": token, "body": {"x": 1}}
    await bench.killed(point, signal=told)
    assert (await bench.store.waits.signal(run_id, token, {"x": 1})).kind == again
    assert (await bench.ended(run_id)).output == {"end": 1}
    assert worker.code is None


# ------------------------------------------------------------------------------------------------ runs that start runs


@pytest.mark.parametrize(
    ("point", "node"),
    [("child:after", None), ("settle:after", "t"), ("settle:inside", "c")],
)
async def test_one_child_run_however_often_its_parent_dies(
    bench: Bench, point: str, node: str | None
) -> None:
    inner = await bench.store.orchestrators.create(
        bench.scope, "inner", "", drawing({"c": mapper("input.n", "n")})
    )
    flow = ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"})
    run_id = await bench.start(drawing({"t": flow, "z": mapper("data.n")}, "t>z"), {"n": 5})
    await bench.killed(point, node)
    bench.worker()
    assert (await bench.ended(run_id)).output == {"end": 5}
    page = await bench.store.database.engine.connect()
    try:
        count = (
            await page.exec_driver_sql("SELECT count(*) FROM run WHERE parent_node_run_id IS NOT NULL")
        ).scalar()
    finally:
        await page.close()
    assert count == 1


# ------------------------------------------------------------------------------------------------ worse than dead


async def test_a_worker_that_slept_past_its_lease_cannot_write(bench: Bench) -> None:
    graph = drawing({"t": plain(bench.site.url + "/hold-first", idempotent=True), "z": mapper()}, "t>z")
    run_id = await bench.start(graph, {"n": 1})
    sleeper = bench.worker()

    async def received() -> bool:
        return bool(bench.site.got)

    await until(received)
    sleeper.send(signal.SIGSTOP)
    other = bench.worker()
    row = await bench.ended(run_id)
    assert row.output == {"end": {"echo": {"n": 1}}}
    bench.site.released.set()  # now the sleeper's own call is answered
    sleeper.send(signal.SIGCONT)

    async def refused() -> bool:
        return any(e.kind == "node.discarded" for e in await events(bench.store, run_id))

    await until(refused)
    assert await violations(bench.store.database) == {}
    assert (await run_row(bench.store, run_id)).output == row.output
    other.send(signal.SIGTERM)
    assert await other.end() == 0
    again = await bench.start(drawing({"a": mapper("input.n")}), {"n": 2})
    assert (await bench.ended(again)).output == {"end": 2}  # the sleeper works on


async def test_sigterm_finishes_or_hands_back_and_no_lease_runs_out(bench: Bench) -> None:
    graph = drawing(
        {
            "a": plain(bench.site.url + "/slow"),
            "b": plain(bench.site.url + "/slow"),
            "c": mapper("data.echo.echo.n"),
        },
        "a>b",
        "b>c",
    )
    ids = [await bench.start(graph, {"n": n}) for n in range(12)]
    first = bench.worker(concurrency=4)

    async def halfway() -> bool:
        return len(bench.site.got) >= 6

    await until(halfway)
    first.send(signal.SIGTERM)
    assert await first.end() == 0
    assert await violations(bench.store.database) == {}
    bench.worker()
    for number, run_id in enumerate(ids):
        assert (await bench.ended(run_id)).output == {"end": number}
        assert not [
            e for e in await events(bench.store, run_id) if e.kind in ("node.taken_over", "node.discarded")
        ]
    assert len(bench.site.got) == 24 == len(set(bench.site.keys()))


@asynccontextmanager
async def stopped_while_rendering(bench: Bench) -> AsyncGenerator[Engine]:
    """An engine that has just been stopped, its grace over, while a node of it still rendered; it can be driven by hand."""
    rendering = asyncio.Event()

    async def stuck(*_: Any, **__: Any) -> Any:
        rendering.set()
        await asyncio.Event().wait()

    async with Templates() as templates:
        platforms = Platforms(bench.store.connections, discover(), egress_allow=LOOPBACK)
        options = EngineOptions("http://127.0.0.1:8000", lease=LEASE, grace=0.1, allow=LOOPBACK)
        engine = Engine(bench.store, platforms, templates, options)
        stop = asyncio.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(templates, "render_all", stuck)
            serving = asyncio.create_task(engine.run(stop))
            async with asyncio.timeout(20):
                await rendering.wait()
            stop.set()
            await serving
        yield engine
        await engine.aclose()
        await platforms.aclose()


async def test_what_has_not_left_is_handed_back_at_a_stop(bench: Bench) -> None:
    """Another worker has it at once, and it is no takeover."""
    run_id = await bench.start(drawing({"t": plain(bench.site.url + "/ok")}), {"n": 1})
    async with stopped_while_rendering(bench) as engine:
        assert (await node_rows(bench.store, run_id))["t"].work == "ready"
        await engine.run_until_idle()
    assert (await bench.ended(run_id)).output == {"echo": {"n": 1}}
    assert (await node_rows(bench.store, run_id))["t"].takeovers == 0
    assert len(bench.site.got) == 1


async def test_what_a_dead_worker_had_sent_stays_known_as_such_through_a_stop(bench: Bench) -> None:
    """Handing it back would hide that it was interrupted, and the next worker would call a second time."""
    run_id = await bench.start(drawing({"t": plain(bench.site.url + "/hold-first")}), {"n": 1})
    await die_while_calling(bench, "received")
    async with stopped_while_rendering(bench):
        assert (await node_rows(bench.store, run_id))["t"].work == "leased"
    bench.worker()
    row = await bench.ended(run_id)
    assert (row.error["code"], len(bench.site.got)) == ("interrupted", 1)
