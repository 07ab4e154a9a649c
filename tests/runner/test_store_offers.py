"""The list over all connections, and who uses what, on a real Postgres."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import event, insert

from providers import Preview, RemoteWorkflow, Trigger, discover, now
from runner.credentials import parse
from runner.model import Graph, NodeState, Role, Scope
from runner.store import Store
from runner.store.offers import FacetValue, OfferFilter
from runner.store.usages import Usage
from runner.tables import node_run, run
from tests.factories import make_graph, make_workspace

KEY = SecretStr("k" * 20)


async def connected(store: Store, scope: Scope, provider: str, name: str) -> UUID:
    model = discover()[provider].connection_model
    fields: dict[str, Any] = {"baseUrl": "https://platform.example.org"}
    fields |= {"n8n": {"apiKey": "k" * 20}, "make": {"apiKey": "k" * 20}}[provider]
    return (await store.connections.create(scope, provider, name, parse(model, fields))).id


def remote(
    ident: str, name: str, *, kind: str = "webhook", active: bool = True, **more: Any
) -> RemoteWorkflow:
    return RemoteWorkflow(
        id=ident, name=name, active=active, executable=True, trigger=Trigger(kind=kind), **more
    )


def calling(*configs: dict[str, Any]) -> Graph:
    nodes = ", ".join(f"n{number}" for number in range(len(configs)))
    named = {f"n{number}": config for number, config in enumerate(configs)}
    return make_graph(nodes, type="RemoteWebhook", **named)


@pytest.fixture
async def n8n(store: Store, scope: Scope) -> UUID:
    made = await connected(store, scope, "n8n", "eu")
    offers = [
        remote("1", "Nightly leads", tags=("crm", "nightly"), folder="Sales"),
        remote("2", "alerts", kind="schedule", active=False, tags=("crm",)),
        remote("3", "Backup", kind="manual", folder="Ops"),
    ]
    await store.catalog.replace(scope, made, offers)
    return made


@pytest.fixture
async def make(store: Store, scope: Scope) -> UUID:
    made = await connected(store, scope, "make", "team")
    await store.catalog.replace(scope, made, [remote("1", "Billing", folder="Sales"), remote("9", "Leads")])
    return made


async def test_one_list_over_all_connections(store: Store, scope: Scope, n8n: UUID, make: UUID) -> None:
    await store.orchestrators.create(
        scope,
        "chain",
        "",
        calling(
            {"provider": "n8n", "workflowId": "1"},
            {"provider": "n8n", "connectionId": str(n8n).upper(), "workflowId": "1"},
            {"provider": "make", "connectionId": str(make), "workflowId": "1"},
            {"url": "https://example.org"},
        ),
    )
    found = await store.offers.search(scope, OfferFilter())
    assert [(each.name, each.provider, each.connection_name, each.used_in) for each in found.items] == [
        ("alerts", "n8n", "eu", 0),
        ("Backup", "n8n", "eu", 0),
        ("Billing", "make", "team", 1),
        ("Leads", "make", "team", 0),
        ("Nightly leads", "n8n", "eu", 1),
    ]
    assert found.total == 5
    assert found.matching == {n8n: 3, make: 2}
    assert found.facets.tags == (FacetValue(value="crm", count=2), FacetValue(value="nightly", count=1))
    assert found.facets.folders == (FacetValue(value="Sales", count=2), FacetValue(value="Ops", count=1))
    assert {each.value: each.count for each in found.facets.triggers} == {
        "webhook": 3, "schedule": 1, "manual": 1
    }  # fmt: skip
    seen: list[str] = []
    after: tuple[str, UUID, str] | None = None
    while page := (await store.offers.search(scope, OfferFilter(), limit=2, after=after)).items:
        seen += [each.name for each in page]
        after = page[-1].name, page[-1].connection_id, page[-1].id
    assert seen == [each.name for each in found.items]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (OfferFilter(q="LEAD"), ["Leads", "Nightly leads"]),
        (OfferFilter(q="sales"), ["Billing", "Nightly leads"]),
        (OfferFilter(q="crm", active=True), ["Nightly leads"]),
        (OfferFilter(q="9"), ["Leads"]),
        (OfferFilter(q="%"), []),
        (OfferFilter(provider="make"), ["Billing", "Leads"]),
        (OfferFilter(active=False), ["alerts"]),
        (OfferFilter(tag="crm"), ["alerts", "Nightly leads"]),
        (OfferFilter(folder="Sales", trigger="webhook"), ["Billing", "Nightly leads"]),
        (OfferFilter(trigger="schedule"), ["alerts"]),
        (OfferFilter(used=True), ["Nightly leads"]),
        (OfferFilter(used=False, provider="n8n"), ["alerts", "Backup"]),
        (OfferFilter(connection_id=uuid4()), []),
    ],
)
async def test_filters(
    store: Store, scope: Scope, n8n: UUID, make: UUID, wanted: OfferFilter, names: list[str]
) -> None:
    await store.orchestrators.create(scope, "chain", "", calling({"provider": "n8n", "workflowId": "1"}))
    found = await store.offers.search(scope, wanted)
    assert [each.name for each in found.items] == names
    assert found.total == len(names)


def importing(*fingerprints: str) -> Graph:
    """Steps n0, n1, … that imported the n8n workflows "1", "2", … with these fingerprints."""
    configs = [{"provider": "n8n", "workflowId": str(number + 1)} for number in range(len(fingerprints))]
    graph = calling(*configs).model_dump(mode="json", by_alias=True)
    for node, fingerprint in zip(graph["nodes"], fingerprints, strict=True):
        node["data"]["imported"] = {"fingerprint": fingerprint, "at": "2026-01-01T00:00:00.000Z"}
    return Graph.model_validate(graph)


async def keep(store: Store, scope: Scope, made: UUID, ident: str, fingerprint: str, **more: Any) -> None:
    shown = remote(ident, "x")
    preview = Preview(
        workflow=shown, nodes=(), edges=(), fingerprint=fingerprint, fetched_at=more.get("at", now())
    )
    await store.catalog.keep_preview(scope, made, ident, preview)


async def test_what_has_changed_since_import(store: Store, scope: Scope, n8n: UUID, make: UUID) -> None:
    await store.orchestrators.create(scope, "chain", "", importing("a", "b", "c"))
    await keep(store, scope, n8n, "1", "a")
    await keep(store, scope, n8n, "2", "other")
    found = await store.offers.search(scope, OfferFilter(changed=True))
    assert [(each.id, each.connection_id, each.changed) for each in found.items] == [("2", n8n, True)]
    assert found.total == 1
    assert (await store.offers.search(scope, OfferFilter(changed=False))).total == 4
    assert [each.changed for each in await store.usages.find(scope)] == [False, True, None]
    assert [each.node_id for each in await store.usages.find(scope, changed=True)] == ["n1"]


async def test_only_copies_that_may_be_old_are_looked_at_again(store: Store, scope: Scope, n8n: UUID) -> None:
    at = now()
    await store.catalog.replace(
        scope,
        n8n,
        [
            remote("1", "edited", updated_at=at),
            remote("2", "not edited", updated_at=at - timedelta(days=2)),
            remote("3", "tells no time"),
            remote("4", "never read", updated_at=at),
            remote("5", "not used", updated_at=at),
        ],
    )
    await store.orchestrators.create(scope, "chain", "", importing("a", "b", "c", "d"))
    for ident in ("1", "2", "3"):
        await keep(store, scope, n8n, ident, "a", at=at - timedelta(days=1))
    outdated = store.catalog.outdated
    assert set(await outdated(scope, n8n, before=at, limit=9)) == {"1", "3", "4"}
    assert await outdated(scope, n8n, before=at, limit=1) == ("4",)
    assert set(await outdated(scope, n8n, before=at - timedelta(days=2), limit=9)) == {"1", "4"}


async def ran(store: Store, scope: Scope, orchestrator: UUID, **states: str) -> UUID:
    """A run in which these nodes ended so."""
    async with store.database.begin() as transaction:
        made = await transaction.execute(
            insert(run)
            .values(
                workspace_id=scope.workspace_id,
                orchestrator_id=orchestrator,
                revision=1,
                state="COMPLETED",
                inputs={},
                trigger_kind="api",
                trigger_by="x",
            )
            .returning(run.c.id)
        )
        run_id = made.scalar_one()
        rows = [
            {"run_id": run_id, "node_id": node, "type": "RemoteWebhook", "label": node, "state": state, "started_at": now()}
            for node, state in states.items()
        ]  # fmt: skip
        await transaction.execute(insert(node_run), rows)
    return run_id


async def test_the_last_result_is_of_the_newest_call(
    store: Store, scope: Scope, n8n: UUID, make: UUID
) -> None:
    first = await store.orchestrators.create(scope, "first", "", importing("a", "b"))
    second = await store.orchestrators.create(scope, "second", "", importing("a"))
    await ran(store, scope, first.id, n0="FAILED", n1="FAILED")
    newest = await ran(store, scope, second.id, n0="COMPLETED")
    await ran(store, scope, first.id, n1="TIMED_OUT")
    found = await store.offers.search(scope, OfferFilter())
    last = {each.name: each.last_run.state if each.last_run else None for each in found.items}
    assert last == {
        "alerts": "TIMED_OUT", "Backup": None, "Billing": None, "Leads": None, "Nightly leads": "COMPLETED"
    }  # fmt: skip
    (leads,) = (await store.offers.search(scope, OfferFilter(result=NodeState.COMPLETED))).items
    assert leads.last_run and (leads.name, leads.last_run.run_id) == ("Nightly leads", newest)
    results = (await store.offers.search(scope, OfferFilter(result=NodeState.FAILED))).facets.results
    assert {each.value: each.count for each in results} == {"COMPLETED": 1, "TIMED_OUT": 1}


async def test_a_facet_leaves_its_own_filter_aside(store: Store, scope: Scope, n8n: UUID, make: UUID) -> None:
    found = await store.offers.search(scope, OfferFilter(folder="Ops", provider="n8n"))
    assert found.facets.folders == (FacetValue(value="Ops", count=1), FacetValue(value="Sales", count=1))
    assert found.facets.tags == ()
    assert found.matching == {n8n: 1}


async def test_usages_name_the_step_and_resolve_what_is_left_open(
    store: Store, scope: Scope, n8n: UUID, make: UUID
) -> None:
    graph = calling(
        {"provider": "n8n", "workflowId": "1"}, {"provider": "make", "connectionId": str(uuid4())}
    )
    made = await store.orchestrators.create(scope, "chain", "", graph)
    gone = await store.orchestrators.create(scope, "gone", "", graph)
    await store.orchestrators.delete(scope, gone.id)
    first = Usage(
        orchestrator_id=made.id,
        orchestrator_name="chain",
        revision=1,
        newest=True,
        node_id="n0",
        node_label="n0",
        provider="n8n",
        connection_id=n8n,
        workflow_id="1",
        changed=None,
    )
    lost = first.model_copy(
        update={"node_id": "n1", "node_label": "n1", "provider": "make", "connection_id": None, "workflow_id": None}
    )  # fmt: skip
    assert await store.usages.find(scope) == (first, lost)
    assert await store.usages.find(scope, connection_id=n8n, workflow_id="1") == (first,)
    assert await store.usages.find(scope, connection_id=make) == ()
    assert await store.usages.find(scope, provider="make") == (lost,)
    await connected(store, scope, "n8n", "us")
    assert await store.usages.find(scope, connection_id=n8n) == ()


async def test_strangers_see_nothing(store: Store, scope: Scope, n8n: UUID) -> None:
    await make_workspace(store, "other")
    other = await store.access.scope("x", workspace_name="other")
    stranger = Scope(other.workspace_id, "x", Role.ADMIN)
    await store.orchestrators.create(stranger, "theirs", "", calling({"provider": "n8n", "workflowId": "1", "connectionId": str(n8n)}))  # fmt: skip
    assert (await store.offers.search(stranger, OfferFilter())).total == 0
    assert [each.connection_id for each in await store.usages.find(stranger)] == [None]
    assert [each.used_in for each in (await store.offers.search(scope, OfferFilter())).items] == [0, 0, 0]


async def test_two_thousand_workflows_are_two_statements(store: Store, scope: Scope) -> None:
    made = await connected(store, scope, "n8n", "eu")
    many = [remote(str(n), f"Workflow {n:04}", tags=(f"t{n % 40}",), folder=f"f{n % 9}") for n in range(2500)]
    await store.catalog.replace(scope, made, many)
    for number in range(40):
        configs = [{"provider": "n8n", "workflowId": str(number * 20 + each)} for each in range(20)]
        chain = await store.orchestrators.create(scope, f"chain {number}", "", calling(*configs))
        for _ in range(10):
            await ran(store, scope, chain.id, **{f"n{each}": "COMPLETED" for each in range(20)})
    statements: list[str] = []

    def counted(_: Any, __: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    engine = store.database.engines[1].sync_engine
    event.listen(engine, "before_cursor_execute", counted)
    began = time.monotonic()
    found = await store.offers.search(scope, OfferFilter(q="workflow"), limit=200)
    elapsed = time.monotonic() - began
    event.remove(engine, "before_cursor_execute", counted)
    assert len(statements) == 2
    assert (found.total, len(found.items), len(found.facets.tags)) == (2500, 200, 40)
    assert sum(each.used_in for each in found.items) == 200
    assert all(each.last_run for each in found.items)
    assert elapsed < 1.5, f"{elapsed:.2f} s"
