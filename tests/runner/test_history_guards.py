"""History cannot be edited and final states are final, whoever writes the statement; a run keeps the revision it started with."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from runner.engine import Engine
from runner.model import Scope
from runner.store import Store
from tests.faults.bench import BY, drawing, mapper
from tests.faults.bench import begin as started
from tests.faults.bench import run_row as state


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run_event SET message = 'nothing happened'",
        "DELETE FROM run_event",
        "UPDATE node_attempt SET outcome = 'completed'",
        "DELETE FROM node_attempt",
        "UPDATE run SET state = 'RUNNING'",
        "UPDATE node_run SET state = 'QUEUED'",
        "UPDATE orchestrator_revision SET definition = '{}'",
        "DELETE FROM orchestrator_revision",
    ],
)
async def test_history_and_final_states_are_refused_by_the_database(
    store: Store, scope: Scope, engine: Engine, statement: str
) -> None:
    await started(store, scope, drawing({"m": mapper("input", "x")}))
    await engine.run_until_idle()
    with pytest.raises(DBAPIError, match=r"append-only|history|final"):
        async with store.database.begin() as connection:
            await connection.execute(text(statement))


async def test_a_run_keeps_the_revision_it_started_with(store: Store, scope: Scope, engine: Engine) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing({"m": mapper("input.n", "old")}))
    before = await store.runs.create(scope, made.id, {"n": 1}, trigger=BY)
    await store.orchestrators.save(scope, made.id, graph=drawing({"m": mapper("input.n", "new")}))
    after = await store.runs.create(scope, made.id, {"n": 1}, trigger=BY)
    await engine.run_until_idle()
    assert (await state(store, before)).output == {"old": 1} and (await state(store, before)).revision == 1
    assert (await state(store, after)).output == {"new": 1} and (await state(store, after)).revision == 2
