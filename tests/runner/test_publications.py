"""What is published is what triggers run: whatever is saved afterwards, whoever publishes at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from runner.errors import Conflict, GraphError, NotFound
from runner.model import Graph, Scope, TriggerInfo
from runner.store import Store
from runner.store.asking import Which
from runner.tables import run
from tests.factories import make_graph, make_workspace, open_store

BY = TriggerInfo(kind="api", by="ann")


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as found:
        yield found


@pytest_asyncio.fixture
async def scope(store: Store) -> Scope:
    return await store.access.scope("ann")


async def made(store: Store, scope: Scope, *graphs: Graph) -> UUID:
    """With a revision for each."""
    first, *others = graphs or (make_graph("A"),)
    found = await store.orchestrators.create(scope, "flow", "", first)
    for graph in others:
        await store.orchestrators.save(scope, found.id, graph=graph)
    return found.id


async def ran(store: Store, scope: Scope, flow: UUID, which: Which | None = None) -> int:
    """The revision of a new run."""
    run_id = await store.runs.create(scope, flow, {}, trigger=BY, revision=which)
    async with store.database.begin() as connection:
        return (await connection.execute(select(run.c.revision).where(run.c.id == run_id))).scalar_one()


async def test_one_that_was_never_published_runs_its_newest_revision(store: Store, scope: Scope) -> None:
    flow = await made(store, scope, make_graph("A"), make_graph("B"))
    found = await store.orchestrators.get(scope, flow)
    assert (found.published_revision, found.published_date, found.published_by) == (None, None, None)
    assert await ran(store, scope, flow) == 2
    assert await store.publications.page(scope, flow, limit=10) == ()
    with pytest.raises(Conflict) as refused:
        await ran(store, scope, flow, "published")
    assert refused.value.code == "not-published"


async def test_a_start_runs_what_is_published_unless_it_names_another(store: Store, scope: Scope) -> None:
    flow = await made(store, scope, make_graph("A"), make_graph("B"))
    done = await store.publications.publish(scope, flow, 2, "the second")
    assert (done.published_revision, done.published_by, done.revision) == (2, "ann", 2)
    await store.orchestrators.save(scope, flow, graph=make_graph("C"))
    assert await ran(store, scope, flow) == 2
    assert await ran(store, scope, flow, "published") == 2
    assert await ran(store, scope, flow, "latest") == 3
    assert await ran(store, scope, flow, 1) == 1
    with pytest.raises(NotFound):
        await ran(store, scope, flow, 9)
    keyed = [await store.runs.create(scope, flow, {}, trigger=BY, key="k") for _ in range(2)]
    assert keyed[0] == keyed[1]
    back = await store.publications.publish(scope, flow, 1)
    assert back.published_revision == 1 and await ran(store, scope, flow) == 1
    none = await store.publications.unpublish(scope, flow)
    assert (none.published_revision, none.published_by) == (None, None)
    assert (await store.publications.unpublish(scope, flow)).published_revision is None
    assert await ran(store, scope, flow) == 3
    told = await store.publications.page(scope, flow, limit=10)
    assert [(each.revision, each.message) for each in told] == [(None, ""), (1, ""), (2, "the second")]
    assert [
        each.revision for each in await store.publications.page(scope, flow, limit=1, before=told[0].id)
    ] == [1]
    marks = {
        each.revision: each.publication for each in await store.orchestrators.revisions(scope, flow, limit=9)
    }
    second = marks[2]
    assert second and (second.message, second.published_by) == ("the second", "ann") and marks[3] is None


async def test_what_has_errors_is_not_published(store: Store, scope: Scope) -> None:
    flow = await made(store, scope, make_graph("A"), make_graph("A>B, B>A"))
    with pytest.raises(GraphError) as refused:
        await store.publications.publish(scope, flow, 2)
    assert "revision 2" in refused.value.message and refused.value.problems[0].code == "cycle"
    assert (await store.orchestrators.get(scope, flow)).published_revision is None
    assert (await store.publications.publish(scope, flow, 1)).published_revision == 1


async def test_two_that_publish_at_once_come_one_after_the_other(store: Store, scope: Scope) -> None:
    flow = await made(store, scope, *(make_graph("A") for _ in range(6)))
    others = [Scope(scope.workspace_id, f"p{n}", scope.role) for n in range(1, 7)]
    await asyncio.gather(
        *(store.publications.publish(who, flow, n) for n, who in enumerate(others, 1)),
        *(store.orchestrators.save(scope, flow, name=f"n{n}") for n in range(4)),
    )
    told = await store.publications.page(scope, flow, limit=100)
    assert sorted((each.revision, each.published_by) for each in told) == [(n, f"p{n}") for n in range(1, 7)]
    found = await store.orchestrators.get(scope, flow)
    assert (found.published_revision, found.published_by) == (told[0].revision, told[0].published_by)
    assert found.revision == 10


async def test_a_flow_runs_what_is_published_of_the_other(store: Store, scope: Scope) -> None:
    inner = await made(store, scope, make_graph("A"), make_graph("B"))
    outer = make_graph("f", kinds={"f": "LocalFlow"}, f={"flowId": str(inner)})
    flow = await made(store, scope, outer)

    async def told() -> str:
        plan = await store.trials.plan(scope, flow, node_id=None, mode="all")
        return plan.steps[0].detail

    assert "flow, revision 2, its newest" in await told()
    await store.publications.publish(scope, inner, 1)
    assert "flow, published revision 1" in await told()
    parent = await store.runs.create(scope, flow, {}, trigger=BY)
    async with store.database.begin() as connection:
        await connection.execute(text("UPDATE node_run SET work = 'leased'"))
        node = (
            await connection.execute(text("SELECT id FROM node_run WHERE run_id = :run"), {"run": parent})
        ).scalar_one()
    child = await store.runs.create_child(scope, inner, {}, parent=node, depth=0, labels={})
    async with store.database.begin() as connection:
        assert await connection.scalar(select(run.c.revision).where(run.c.id == child)) == 1
    await store.orchestrators.delete(scope, inner)
    assert "an orchestrator that is not there" in await told()


async def test_a_plan_is_of_the_revision_that_a_start_would_run(store: Store, scope: Scope) -> None:
    flow = await made(store, scope, make_graph("A"), make_graph("A>B"))
    await store.publications.publish(scope, flow, 1)

    async def steps(which: Which | None) -> int:
        return len((await store.trials.plan(scope, flow, node_id=None, mode="all", revision=which)).steps)

    assert [await steps(which) for which in (None, "published", "latest", 2)] == [1, 1, 2, 2]


async def test_the_published_revision_uses_its_connections(store: Store, scope: Scope) -> None:
    def calling(connection: str, workflow: str) -> Graph:
        config: dict[str, Any] = {"provider": "n8n", "connectionId": connection, "workflowId": workflow}
        return make_graph("n", kinds={"n": "RemoteWebhook"}, n=config)

    one = str(uuid4())
    flow = await made(store, scope, calling(one, "old"), calling(one, "new"))
    used = await store.usages.find(scope)
    assert [(each.workflow_id, each.revision, each.newest) for each in used] == [("new", 2, True)]
    await store.publications.publish(scope, flow, 1)
    used = await store.usages.find(scope)
    assert {(each.workflow_id, each.revision, each.newest) for each in used} == {
        ("new", 2, True), ("old", 1, False)
    }  # fmt: skip
    await store.orchestrators.save(scope, flow, graph=calling(one, "old"))
    used = await store.usages.find(scope)
    assert [(each.workflow_id, each.revision, each.newest) for each in used] == [("old", 3, True)]


async def test_publications_are_history(store: Store, scope: Scope) -> None:
    flow = await made(store, scope)
    await store.publications.publish(scope, flow, 1)
    for statement in ("UPDATE publication SET by = 'x'", "DELETE FROM publication"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with store.database.begin() as connection:
                await connection.execute(text(statement))


async def test_another_workspace_finds_nothing(store: Store, scope: Scope) -> None:
    flow = await made(store, scope)
    await make_workspace(store, "other")
    stranger = await store.access.scope("x", workspace_name="other")
    for call in (
        store.publications.publish(stranger, flow, 1),
        store.publications.unpublish(stranger, flow),
        store.publications.page(stranger, flow, limit=1),
        store.runs.create(stranger, flow, {}, trigger=BY, revision=1),
        store.runs.create(stranger, flow, {}, trigger=BY, revision=1, key="k"),
    ):
        with pytest.raises(NotFound):
            await call
    await store.orchestrators.delete(scope, flow)
    with pytest.raises(NotFound):
        await store.publications.publish(scope, flow, 1)
