"""The engine, driven by hand: what a run becomes, node by node."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from providers.sandbox._asgi import Ask, Reply
from runner.engine import Engine
from runner.errors import Conflict, GraphError
from runner.model import Scope
from runner.store import Store
from runner.tables import callback_audit, node_attempt, run_event
from tests.faults.bench import BY, drawing, mapper, until
from tests.faults.bench import begin as started
from tests.faults.bench import node_rows as nodes
from tests.faults.bench import run_row as state
from tests.receiver import Receiver


async def test_a_chain_runs_to_its_end_and_its_history_has_no_gap(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {
            "a": mapper("input.name", "who"),
            "b": ("RemoteWebhook", {"url": receiver.url + "/ok"}),
            "c": mapper("data.echo.who", "answer"),
        },
        "a>b",
        "b>c",
    )
    run_id = await started(store, scope, graph, {"name": "Ada"})
    assert await engine.run_until_idle() == 3
    row = await state(store, run_id)
    assert (row.state, row.output) == ("COMPLETED", {"answer": "Ada"})
    assert receiver.bodies == [{"who": "Ada"}]
    assert receiver.got[0].headers["idempotency-key"] == f"{run_id}/b/0"
    async with store.database.begin() as connection:
        events = (
            await connection.execute(
                select(run_event).where(run_event.c.run_id == run_id).order_by(run_event.c.seq)
            )
        ).all()
        attempts = (await connection.execute(select(node_attempt))).all()
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert events[0].kind == "run.created" and events[-1].kind == "run.completed"
    sent = next(a for a in attempts if a.exchanges)
    assert sent.exchanges[0]["response"]["status"] == 200 and sent.outcome == "completed"


async def test_a_condition_skips_the_other_way_and_the_skip_flows_on(
    store: Store, scope: Scope, engine: Engine
) -> None:
    graph = drawing(
        {
            "big": ("Condition", {"expression": "{{ input.total > 100 }}"}),
            "yes": mapper("input.total", "yes"),
            "no": mapper("input.total", "no"),
            "more": mapper("input.total", "more"),
            "end": mapper("data.yes", "end"),
        },
        "big:true>yes",
        "big:false>no",
        "no>more",
        "yes>end",
        "more>end",
    )
    run_id = await started(store, scope, graph, {"total": 150})
    await engine.run_until_idle()
    found = {n: r.state for n, r in (await nodes(store, run_id)).items()}
    assert found == {
        "big": "COMPLETED",
        "yes": "COMPLETED",
        "no": "SKIPPED",
        "more": "SKIPPED",
        "end": "COMPLETED",
    }
    assert (await state(store, run_id)).output == {"end": 150}


async def test_a_callback_before_the_wait_is_reached_resumes_the_run(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {
            "ask": (
                "RemoteWebhook",
                {"url": receiver.url + "/ok", "bodyTemplate": '{"token": "{{ callback.token }}"}'},
            ),
            "wait": ("WaitForCallback", {}),
        },
        "ask>wait",
    )
    run_id = await started(store, scope, graph)
    row = await state(store, run_id)
    seed = store.waits.seed(scope.workspace_id, run_id, row.sealed_seed)
    from runner.tokens import callback_token

    token = callback_token(seed, "wait")
    assert (await store.waits.signal(run_id, token, {"early": 1})).kind == "accepted"
    assert (await store.waits.signal(run_id, token, {"late": 2})).kind == "duplicate"
    assert (await store.waits.signal(run_id, token + "x", {})).kind == "unknown"
    await engine.run_until_idle()
    assert (await state(store, run_id)).output == {"early": 1}
    assert receiver.bodies == [{"token": token}]
    assert (await store.waits.signal(run_id, token, {})).kind == "duplicate"
    async with store.database.begin() as connection:
        dump = str((await connection.execute(select(node_attempt.c.exchanges))).all())
        assert token not in dump
        assert len((await connection.execute(select(callback_audit))).all()) == 3


async def test_a_parked_wait_is_a_row_until_its_callback(store: Store, scope: Scope, engine: Engine) -> None:
    graph = drawing(
        {"wait": ("WaitForCallback", {"timeout": 60000}), "after": mapper("data.x", "y")}, "wait>after"
    )
    run_id = await started(store, scope, graph)
    await engine.run_until_idle()
    row = await state(store, run_id)
    assert row.state == "WAITING" and (await nodes(store, run_id))["wait"].work == "parked"
    from runner.tokens import callback_token

    token = callback_token(store.waits.seed(scope.workspace_id, run_id, row.sealed_seed), "wait")
    assert (await store.waits.signal(run_id, token, {"x": 5})).kind == "accepted"
    await engine.run_until_idle()
    assert (await state(store, run_id)).output == {"y": 5}


async def test_a_wait_that_expires_is_timed_out_and_its_callback_gone(
    store: Store, scope: Scope, engine: Engine
) -> None:
    run_id = await started(store, scope, drawing({"wait": ("WaitForCallback", {"timeout": 30})}))

    async def ended() -> bool:
        await engine.run_until_idle()
        return (await state(store, run_id)).state == "FAILED"

    await until(ended)
    row = await state(store, run_id)
    assert (await nodes(store, run_id))["wait"].state == "TIMED_OUT" and row.error[
        "code"
    ] == "callback-timeout"
    from runner.tokens import callback_token

    token = callback_token(store.waits.seed(scope.workspace_id, run_id, row.sealed_seed), "wait")
    assert (await store.waits.signal(run_id, token, {})).kind == "gone"


async def test_passing_faults_are_retried_each_attempt_kept(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing({"a": ("RemoteWebhook", {"url": receiver.url + "/flaky/2", "retryDelay": 10})})
    run_id = await started(store, scope, graph)

    async def ended() -> bool:
        await engine.run_until_idle()
        return (await state(store, run_id)).finished_at is not None

    await until(ended)
    assert (await state(store, run_id)).output == {"tries": 3}
    async with store.database.begin() as connection:
        rows = (await connection.execute(select(node_attempt).order_by(node_attempt.c.attempt))).all()
    assert [r.outcome for r in rows] == ["retry", "retry", "completed"]
    assert {ask.headers["idempotency-key"] for ask in receiver.got} == {f"{run_id}/a/0"}


async def test_the_overall_limit_holds_within_a_later_attempt_too(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    calls = 0

    async def fails_then_hangs(_: Ask) -> Reply:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.sleep(4)
        return Reply(503, {})

    receiver.route("POST", "/fails-then-hangs", fails_then_hangs)
    called = {
        "url": receiver.url + "/fails-then-hangs", "idempotent": True, "deadline": 2000, "timeout": 60_000,
        "retryDelay": 1500, "retryBackoff": "fixed",
    }  # fmt: skip
    run_id = await started(store, scope, drawing({"a": ("RemoteWebhook", called)}))

    async def ended() -> bool:
        await engine.run_until_idle()
        return (await state(store, run_id)).finished_at is not None

    await until(ended)
    assert calls == 2
    row = (await nodes(store, run_id))["a"]
    assert (row.state, row.error["code"]) == ("TIMED_OUT", "deadline")
    # A limit of its own would give the second attempt 2 s from the 1.5 s at which it began.
    assert 2.0 <= (row.finished_at - row.started_at).total_seconds() < 3.2


@pytest.mark.parametrize(
    ("choice", "expected", "output"),
    [
        ("fail", "FAILED", None),
        ("continue", "COMPLETED", {"code": "rejected"}),
        ("route", "COMPLETED", {"code": "rejected"}),
    ],
)
async def test_on_error_stops_goes_on_or_takes_its_own_way(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver, choice: str, expected: str, output: Any
) -> None:
    port = "error" if choice == "route" else "out"
    graph = drawing(
        {
            "a": ("RemoteWebhook", {"url": receiver.url + "/status/400", "onError": choice}),
            "b": mapper("data.error.code", "code"),
        },
        f"a:{port}>b",
    )
    run_id = await started(store, scope, graph)
    await engine.run_until_idle()
    row = await state(store, run_id)
    assert (row.state, row.output) == (expected, output)
    assert (await nodes(store, run_id))["a"].state == "FAILED"


async def test_cancel_ends_everything_and_a_late_result_changes_nothing(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {"a": ("RemoteWebhook", {"url": receiver.url + "/hang"}), "b": mapper("data", "x")}, "a>b"
    )
    run_id = await started(store, scope, graph)
    working = asyncio.create_task(engine.run_until_idle())

    async def called() -> bool:
        return bool(receiver.got)

    await until(called)
    await store.runs.cancel(scope, run_id)
    await store.runs.cancel(scope, run_id)
    receiver.released.set()
    await working
    found = await nodes(store, run_id)
    assert (await state(store, run_id)).state == "CANCELLED"
    assert {r.state for r in found.values()} == {"CANCELLED"} and found["a"].output is None


async def test_a_local_flow_gives_its_output_to_the_run_that_waits(
    store: Store, scope: Scope, engine: Engine
) -> None:
    inner = await store.orchestrators.create(scope, "inner", "", drawing({"m": mapper("input.n", "double")}))
    graph = drawing(
        {
            "call": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}),
            "end": mapper("data.double", "n"),
        },
        "call>end",
    )
    run_id = await started(store, scope, graph, {"n": 21})
    await engine.run_until_idle()
    assert (await state(store, run_id)).output == {"n": 21}


async def test_a_delay_holds_a_row_and_no_worker(store: Store, scope: Scope, engine: Engine) -> None:
    run_id = await started(store, scope, drawing({"d": ("Delay", {"duration": 50})}), {"x": 1})
    await engine.run_until_idle()
    assert (await state(store, run_id)).state == "WAITING" and engine.busy == 0

    async def ended() -> bool:
        await engine.run_until_idle()
        return (await state(store, run_id)).state == "COMPLETED"

    await until(ended)
    assert (await state(store, run_id)).output == {"x": 1}


async def test_retry_from_the_failed_node_keeps_what_was_done(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {
            "a": ("RemoteWebhook", {"url": receiver.url + "/ok"}),
            "b": ("RemoteWebhook", {"url": receiver.url + "/flaky/1", "retryAttempts": 0}),
        },
        "a>b",
    )
    first = await started(store, scope, graph, {"n": 1})
    await engine.run_until_idle()
    assert (await state(store, first)).state == "FAILED"
    again = await store.runs.retry(scope, first, start="failed", latest=False, inputs=None, trigger=BY)
    await engine.run_until_idle()
    assert (await state(store, again)).output == {"tries": 2}
    assert [ask.path for ask in receiver.got] == ["/ok", "/flaky/1", "/flaky/1"]
    assert (await nodes(store, again))["a"].reused
    with pytest.raises(Conflict):
        await store.runs.retry(scope, again, start="failed", latest=False, inputs=None, trigger=BY)


async def test_one_key_starts_one_run(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing({"m": mapper("input", "x")}))
    ids = await asyncio.gather(
        *(store.runs.create(scope, made.id, {"a": 1}, trigger=BY, key="k") for _ in range(20))
    )
    assert len(set(ids)) == 1
    with pytest.raises(Conflict):
        await store.runs.create(scope, made.id, {"a": 2}, trigger=BY, key="k")


async def test_a_drawing_with_problems_does_not_start(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(
        scope, "loop", "", drawing({"a": mapper("data", "x"), "b": mapper("data", "x")}, "a>b", "b>a")
    )
    with pytest.raises(GraphError) as caught:
        await store.runs.create(scope, made.id, {}, trigger=BY)
    assert [p.code for p in caught.value.problems] == ["cycle"]


async def test_the_engine_serves_by_itself_and_stops_cleanly(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {
            "a": ("RemoteWebhook", {"url": receiver.url + "/ok"}),
            "d": ("Delay", {"duration": 20}),
            "b": mapper("data.echo", "x"),
        },
        "a>d",
        "d>b",
    )
    stop = asyncio.Event()
    serving = [asyncio.create_task(engine.run(stop)), asyncio.create_task(store.bell.run(stop))]
    try:
        ids = [await started(store, scope, graph, {"n": n}) for n in range(20)]

        async def all_ended() -> bool:
            return all([(await state(store, i)).state == "COMPLETED" for i in ids])

        await until(all_ended)
    finally:
        stop.set()
        await asyncio.gather(*serving)
    assert engine.busy == 0
