"""Pure nodes in a row share a commit; what is recorded together stands and falls together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from runner.engine import Engine
from runner.errors import LostClaim
from runner.model import NodeState, Scope
from runner.store import Store
from runner.store.events import Entry
from runner.store.outcome import Ended, Story
from runner.store.succession import Step
from tests.faults.bench import begin, drawing, mapper, node_rows, run_row
from tests.receiver import Receiver

LEASE = 5.0


async def writers(store: Store, run_id: UUID) -> dict[str, str]:
    """Postgres's id of the transaction that wrote each node last."""
    async with store.database.begin() as connection:
        rows = await connection.execute(
            text("SELECT node_id, CAST(xmin AS text) AS xmin FROM node_run WHERE run_id = :run_id"),
            {"run_id": run_id},
        )
        return {row.node_id: row.xmin for row in rows}


async def test_pure_nodes_in_a_row_share_a_commit(store: Store, scope: Scope, engine: Engine) -> None:
    nodes = {name: mapper("input.n" if name == "a" else "data.n", "n") for name in "abc"}
    run_id = await begin(store, scope, drawing(nodes, "a>b", "b>c"), {"n": 7})
    assert await engine.run_until_idle() == 1
    assert (await run_row(store, run_id)).output == {"n": 7}
    assert len(set((await writers(store, run_id)).values())) == 1
    rows = await node_rows(store, run_id)
    assert {n: (r.state, r.input) for n, r in rows.items()} == {
        "a": ("COMPLETED", {"n": 7}),
        "b": ("COMPLETED", {"n": 7}),
        "c": ("COMPLETED", {"n": 7}),
    }


async def test_a_call_leaves_only_after_what_led_to_it_is_recorded(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    nodes: dict[str, Any] = {
        "a": mapper("input.n", "n"),
        "b": ("RemoteWebhook", {"url": receiver.url + "/ok"}),
        "c": mapper("data.echo.n", "n"),
        "d": mapper("data.n", "n"),
    }
    run_id = await begin(store, scope, drawing(nodes, "a>b", "b>c", "c>d"), {"n": 7})
    await engine.run_until_idle()
    wrote = await writers(store, run_id)
    assert wrote["a"] != wrote["b"], "the call may have left before its claim was durable"
    assert wrote["c"] == wrote["d"] != wrote["b"]


async def test_a_fault_ahead_is_told_by_its_own_node(store: Store, scope: Scope, engine: Engine) -> None:
    nodes: dict[str, Any] = {
        "a": mapper("input.n", "n"),
        "b": ("Condition", {"expression": "{{ data.n / 0 }}"}),
    }
    run_id = await begin(store, scope, drawing(nodes, "a>b"), {"n": 7})
    await engine.run_until_idle()
    rows = await node_rows(store, run_id)
    assert (rows["a"].state, rows["b"].state) == ("COMPLETED", "FAILED")
    assert (await run_row(store, run_id)).error["nodeId"] == "b"


async def _two_ahead(store: Store, scope: Scope) -> tuple[UUID, list[Step]]:
    """A run a>b>c, claimed at a, with the outcomes of a and b in hand."""
    nodes = {name: mapper("input.n" if name == "a" else "data.n", "n") for name in "abc"}
    run_id = await begin(store, scope, drawing(nodes, "a>b", "b>c"), {"n": 7})
    (claim,) = (await store.claims.take(1, lease=LEASE)).claims
    steps = [Step(claim, Ended(NodeState.COMPLETED, {"n": 7}), Story())]
    following = await store.settling.ahead(steps)
    assert following is not None and following.spec.id == "b"
    steps.append(Step(following, Ended(NodeState.COMPLETED, {"n": 8}), Story()))
    return run_id, steps


async def test_where_somebody_else_wrote_only_what_is_certain_is_recorded(store: Store, scope: Scope) -> None:
    run_id, steps = await _two_ahead(store, scope)
    await store.settling.tell(run_id, [Entry("log", "somebody else's line")])
    following = await store.settling.end(steps, lease=LEASE)
    rows = await node_rows(store, run_id)
    assert {n: r.state for n, r in rows.items()} == {"a": "COMPLETED", "b": "RUNNING", "c": "PENDING"}
    assert following is not None and following.spec.id == "b", "it is worked on again, by itself"
    assert following.outputs["a"] == {"n": 7}


async def test_without_the_first_nothing_of_the_rest_is_recorded(store: Store, scope: Scope) -> None:
    """Not even where the history happens to be as long as it would have been."""
    run_id, steps = await _two_ahead(store, scope)
    async with store.database.begin() as connection:
        await connection.execute(
            text("UPDATE node_run SET epoch = epoch + 1 WHERE id = :id"), {"id": steps[0].claim.node_run_id}
        )
        await connection.execute(  # what another worker would have led to
            text("UPDATE node_run SET work = 'leased', epoch = 1 WHERE run_id = :run AND node_id = 'b'"),
            {"run": run_id},
        )
    seen = steps[1].claim.seen
    assert seen is not None
    missing = seen.seq - (await run_row(store, run_id)).event_seq
    await store.settling.tell(run_id, [Entry("log", "a line") for _ in range(missing)])
    with pytest.raises(LostClaim):
        await store.settling.end(steps, lease=LEASE)
    rows = await node_rows(store, run_id)
    assert rows["b"].work == "leased" and rows["b"].output is None
