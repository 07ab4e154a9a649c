"""Test runs on a real database, worked off by the engine: what executes, what is reused, and what is said of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from runner.engine import Engine
from runner.errors import Conflict, GraphError, InputsInvalid, NotFound, OutputsMissing
from runner.model import Graph, Scope, TriggerInfo
from runner.store import Store
from tests.faults.bench import BY, drawing, events, mapper, token_of
from tests.faults.bench import node_rows as nodes
from tests.faults.bench import run_row as state
from tests.receiver import Receiver


def chain(url: str, **pins: Any) -> Graph:
    """a -> b (calls) -> c -> d (calls)."""
    graph = drawing(
        {
            "a": mapper("input.n", "n"),
            "b": ("RemoteWebhook", {"url": url + "/ok"}),
            "c": mapper("data.echo.n", "m"),
            "d": ("RemoteWebhook", {"url": url + "/ok"}),
        },
        "a>b",
        "b>c",
        "c>d",
    )
    return with_pins(graph, pins)


def with_pins(graph: Graph, pins: dict[str, Any]) -> Graph:
    drawn = graph.to_json()
    listed: Any = drawn["nodes"]
    for node in listed:
        if node["id"] in pins:
            node["data"]["pinned"] = pins[node["id"]]
    return Graph.model_validate(drawn)


async def done(store: Store, scope: Scope, engine: Engine, graph: Graph, **inputs: Any) -> tuple[UUID, UUID]:
    """The orchestrator of `graph`, and a real run of it that has ended."""
    made = await store.orchestrators.create(scope, "test", "", graph)
    run_id = await store.runs.create(
        scope, made.id, inputs, trigger=TriggerInfo(kind="manual", by=scope.subject)
    )
    await engine.run_until_idle()
    return made.id, run_id


def states(rows: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {name: (row.state, row.reused) for name, row in rows.items()}


async def test_one_node_executes_and_only_it(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made, first = await done(store, scope, engine, chain(receiver.url), n=5)
    number = (await state(store, first)).number
    calls = len(receiver.got)
    plan = await store.trials.plan(scope, made, node_id="d", mode="node")
    assert plan.summary == f"Will reuse 1 output from run {number} and call d"
    run_id = await store.trials.test(scope, made, node_id="d", mode="node")
    await engine.run_until_idle()
    row = await state(store, run_id)
    assert (row.state, row.trigger_kind, row.inputs) == ("COMPLETED", "test", {"n": 5})
    assert row.output == {"echo": {"m": 5}}
    assert len(receiver.got) == calls + 1 and receiver.bodies[-1] == {"m": 5}
    assert states(await nodes(store, run_id)) == {
        "a": ("SKIPPED", False),
        "b": ("SKIPPED", False),
        "c": ("COMPLETED", True),
        "d": ("COMPLETED", False),
    }
    lines = await events(store, run_id)
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1)) and row.event_seq == len(lines)
    told = {line.node_id: line for line in lines if line.kind in ("node.reused", "node.skipped")}
    assert told["c"].message == f"c: output of run {number} reused"
    assert told["c"].data["from"] == {"runId": str(first), "number": number}
    assert told["a"].message == "a skipped: not part of this test"
    assert lines[0].data["test"] == {"nodeId": "d", "mode": "node"}


async def test_a_node_in_the_middle_ends_the_test(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made, _ = await done(store, scope, engine, chain(receiver.url), n=5)
    run_id = await store.trials.test(scope, made, node_id="c", mode="node")
    await engine.run_until_idle()
    rows = await nodes(store, run_id)
    assert (await state(store, run_id)).state == "COMPLETED"
    assert rows["c"].output == {"m": 5} and rows["d"].state == "SKIPPED"


async def test_a_test_without_what_stands_before_names_it(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made = await store.orchestrators.create(scope, "test", "", chain(receiver.url))
    with pytest.raises(OutputsMissing) as caught:
        await store.trials.test(scope, made.id, node_id="c", mode="node")
    assert caught.value.code == "outputs-missing" and caught.value.message == "c needs the output of b"
    assert [p.node_id for p in caught.value.problems] == ["b"]
    assert caught.value.hint == "Run it, pin data, or use the last run."
    assert receiver.got == []


async def test_outputs_of_others_are_reused_only_when_asked_for(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    other = replace(scope, subject="somebody")
    made, _ = await done(store, other, engine, chain(receiver.url), n=5)
    with pytest.raises(OutputsMissing):
        await store.trials.test(scope, made, node_id="c", mode="node")
    run_id = await store.trials.test(scope, made, node_id="c", mode="node", source="last")
    await engine.run_until_idle()
    row = await state(store, run_id)
    assert (row.state, row.trigger_by, row.inputs) == ("COMPLETED", "tester", {"n": 5})
    # What was only copied is still theirs.
    with pytest.raises(OutputsMissing):
        await store.trials.test(scope, made, node_id="c", mode="node")


async def test_up_to_a_node_runs_what_changed_and_reuses_the_rest(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = chain(receiver.url)
    made, _ = await done(store, scope, engine, graph, n=5)
    calls = len(receiver.got)
    drawn = graph.to_json()
    listed: Any = drawn["nodes"]
    listed[2]["data"]["config"] = {"mappings": [{"from": "data.echo.n", "to": "renamed"}]}
    await store.orchestrators.save(scope, made, graph=Graph.model_validate(drawn))
    run_id = await store.trials.test(scope, made, node_id="d", mode="upTo")
    await engine.run_until_idle()
    assert states(await nodes(store, run_id)) == {
        "a": ("SKIPPED", False),
        "b": ("COMPLETED", True),
        "c": ("COMPLETED", False),
        "d": ("COMPLETED", False),
    }
    assert receiver.bodies[calls:] == [{"renamed": 5}]
    # Nothing has changed since that test: now its outputs are the newest.
    plan = await store.trials.plan(scope, made, node_id="d", mode="upTo")
    assert [(s.node_id, s.action) for s in plan.steps][2:] == [("c", "reuse"), ("d", "call")]
    assert plan.steps[2].from_ is not None and plan.steps[2].from_.run_id == run_id
    # Other inputs: nothing stands.
    other = await store.trials.plan(scope, made, node_id="d", mode="upTo", inputs={"n": 6})
    assert [s.action for s in other.steps] == ["run", "call", "run", "call"]


async def test_up_to_a_node_that_never_ran_runs_everything_before_it_and_nothing_after(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made = await store.orchestrators.create(scope, "test", "", chain(receiver.url))
    run_id = await store.trials.test(scope, made.id, node_id="c", mode="upTo", inputs={"n": 1})
    await engine.run_until_idle()
    rows = await nodes(store, run_id)
    assert states(rows)["d"] == ("SKIPPED", False) and rows["c"].output == {"m": 1}
    assert (await state(store, run_id)).state == "COMPLETED" and len(receiver.got) == 1


async def test_a_failure_fails_the_test(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing({"a": ("RemoteWebhook", {"url": receiver.url + "/status/400"}), "b": mapper()}, "a>b")
    made = await store.orchestrators.create(scope, "test", "", graph)
    run_id = await store.trials.test(scope, made.id, node_id="a", mode="node")
    await engine.run_until_idle()
    assert (await state(store, run_id)).state == "FAILED"


async def test_pins_are_for_tests_and_never_for_real_runs(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = chain(receiver.url, b={"echo": {"n": "pinned"}})
    made, first = await done(store, scope, engine, graph, n=5)
    assert receiver.bodies == [{"n": 5}, {"m": 5}]
    run_id = await store.trials.test(scope, made, node_id="c", mode="node")
    await engine.run_until_idle()
    rows = await nodes(store, run_id)
    assert rows["b"].output == {"echo": {"n": "pinned"}} and rows["c"].output == {"m": "pinned"}
    assert rows["b"].finished_at is not None and rows["b"].reused
    told = [line.message for line in await events(store, run_id) if line.kind == "node.reused"]
    assert told == ["b: pinned output used"]
    # However a real run is started.
    for kind in ("api", "manual", "webhook", "schedule", "cli", "flow"):
        real = await store.runs.create(scope, made, {"n": 7}, trigger=TriggerInfo(kind=kind, by="x"))
        await engine.run_until_idle()
        assert (await nodes(store, real))["c"].output == {"m": 7}
    again = await store.runs.retry(scope, first, start="c", latest=True, inputs=None, trigger=BY)
    await engine.run_until_idle()
    assert (await nodes(store, again))["c"].output == {"m": 5}
    # Nor through the retry of a test.
    with pytest.raises(Conflict) as caught:
        await store.runs.retry(scope, run_id, start="c", latest=False, inputs=None, trigger=BY)
    assert caught.value.code == "test-run"


async def test_a_pin_of_null_is_a_pin_and_the_drawing_keeps_it(store: Store, scope: Scope) -> None:
    graph = with_pins(drawing({"a": mapper(), "b": mapper()}, "a>b"), {"a": None})
    assert graph.nodes[0].data.pin == (None,) and graph.nodes[1].data.pin is None
    stored = (await store.orchestrators.create(scope, "test", "", graph)).definition
    listed: Any = stored["nodes"]
    assert listed[0]["data"]["pinned"] is None and "pinned" not in listed[1]["data"]
    assert Graph.model_validate(stored) == graph


async def test_a_reused_condition_keeps_its_way(store: Store, scope: Scope, engine: Engine) -> None:
    graph = drawing(
        {
            "if": ("Condition", {"expression": "{{ input.total > 100 }}"}),
            "yes": mapper("input.total", "yes"),
            "no": mapper("input.total", "no"),
            "end": mapper("data", "end"),
        },
        "if:true>yes",
        "if:false>no",
        "yes>end",
        "no>end",
    )
    made, _ = await done(store, scope, engine, graph, total=50)
    run_id = await store.trials.test(scope, made, node_id="no", mode="upTo")
    await engine.run_until_idle()
    rows = await nodes(store, run_id)
    assert rows["if"].port == "false" and rows["if"].reused
    assert states(rows)["no"] == ("COMPLETED", False) and states(rows)["yes"] == ("SKIPPED", False)
    # The other way: the step is tested all the same, as if it had been taken.
    other = await store.trials.test(scope, made, node_id="yes", mode="node")
    await engine.run_until_idle()
    assert (await nodes(store, other))["yes"].output == {"yes": 50}


async def test_a_wait_can_be_tested(store: Store, scope: Scope, engine: Engine) -> None:
    graph = drawing({"a": mapper(), "wait": ("WaitForCallback", {}), "b": mapper()}, "a>wait", "wait>b")
    made = await store.orchestrators.create(scope, "test", "", with_pins(graph, {"a": 1}))
    run_id = await store.trials.test(scope, made.id, node_id="wait", mode="node")
    await engine.run_until_idle()
    assert (await state(store, run_id)).state == "WAITING"
    token = await token_of(store, scope, run_id, "wait")
    assert (await store.waits.signal(run_id, token, {"x": 1})).kind == "accepted"
    await engine.run_until_idle()
    assert (await state(store, run_id)).state == "COMPLETED"
    assert (await nodes(store, run_id))["wait"].output == {"x": 1}


async def test_an_unfinished_step_elsewhere_is_not_in_the_way(
    store: Store, scope: Scope, engine: Engine
) -> None:
    graph = drawing({"a": mapper("input", "x"), "b": ("RemoteWebhook", {})}, "a>b")
    made = await store.orchestrators.create(scope, "test", "", graph)
    with pytest.raises(GraphError):
        await store.runs.create(scope, made.id, {}, trigger=BY)
    run_id = await store.trials.test(scope, made.id, node_id="a", mode="node", inputs={"k": 1})
    await engine.run_until_idle()
    assert (await nodes(store, run_id))["a"].output == {"x": {"k": 1}}
    with pytest.raises(GraphError):
        await store.trials.test(scope, made.id, node_id="b", mode="upTo")


async def test_one_key_starts_one_test(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing({"m": mapper("input", "x")}))
    ids = await asyncio.gather(
        *(store.trials.test(scope, made.id, node_id="m", mode="node", key="k") for _ in range(20))
    )
    assert len(set(ids)) == 1
    with pytest.raises(Conflict):
        await store.trials.test(scope, made.id, node_id="m", mode="upTo", key="k")


async def test_the_plan_of_a_retry_is_what_the_retry_does(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing(
        {
            "a": ("RemoteWebhook", {"url": receiver.url + "/ok"}),
            "b": ("RemoteWebhook", {"url": receiver.url + "/flaky/1", "retryAttempts": 0}),
        },
        "a>b",
    )
    _, first = await done(store, scope, engine, graph, n=1)
    plan = await store.trials.retry_plan(scope, first, start="failed", latest=False)
    assert [(s.node_id, s.action, s.effect) for s in plan.steps] == [
        ("a", "reuse", "none"),
        ("b", "call", "unsafe"),
    ]
    again = await store.runs.retry(scope, first, start="failed", latest=False, inputs=None, trigger=BY)
    await engine.run_until_idle()
    rows = await nodes(store, again)
    assert {n for n, r in rows.items() if r.reused} == {s.node_id for s in plan.steps if s.action == "reuse"}
    with pytest.raises(Conflict):
        await store.trials.retry_plan(scope, again, start="failed", latest=False)


async def test_inputs_that_do_not_match_start_nothing(store: Store, scope: Scope) -> None:
    schema: Any = {
        "type": "object",
        "required": ["total"],
        "properties": {"total": {"type": "number"}},
    }
    graph = drawing({"m": mapper("input", "x")}).model_copy(update={"input_schema": schema})
    made = await store.orchestrators.create(scope, "test", "", graph)
    assert made.definition["inputSchema"] == schema
    with pytest.raises(InputsInvalid) as caught:
        await store.runs.create(scope, made.id, {"total": "much"}, trigger=BY)
    assert caught.value.errors[0][0] == "/inputs/total"
    with pytest.raises(InputsInvalid):
        await store.trials.test(scope, made.id, node_id="m", mode="node", inputs={})
    await store.runs.create(scope, made.id, {"total": 1}, trigger=BY)


async def test_another_workspace_finds_nothing(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing({"m": mapper("input", "x")}))
    stranger = replace(scope, workspace_id=uuid4())
    with pytest.raises(NotFound):
        await store.trials.test(stranger, made.id, node_id="m", mode="node")
    with pytest.raises(NotFound):
        await store.trials.plan(stranger, made.id, node_id="m", mode="node")
    with pytest.raises(NotFound):
        await store.trials.retry_plan(stranger, uuid4(), start="start", latest=False)
