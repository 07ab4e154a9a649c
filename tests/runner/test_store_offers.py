"""The list over all connections, and who uses what, on a real Postgres."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import event

from providers import RemoteWorkflow, Trigger, discover
from runner.credentials import parse
from runner.model import Graph, Role, Scope
from runner.store import Store
from runner.store.offers import FacetValue, OfferFilter
from runner.store.usages import Usage
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
        node_id="n0",
        node_label="n0",
        provider="n8n",
        connection_id=n8n,
        workflow_id="1",
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
        await store.orchestrators.create(scope, f"chain {number}", "", calling(*configs))
    statements: list[str] = []

    def counted(_: Any, __: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    engine: Any = store.database._engine.sync_engine  # pyright: ignore[reportPrivateUsage]
    event.listen(engine, "before_cursor_execute", counted)
    began = time.monotonic()
    found = await store.offers.search(scope, OfferFilter(q="workflow"), limit=200)
    elapsed = time.monotonic() - began
    event.remove(engine, "before_cursor_execute", counted)
    assert len(statements) == 2
    assert (found.total, len(found.items), len(found.facets.tags)) == (2500, 200, 40)
    assert sum(each.used_in for each in found.items) == 200
    assert elapsed < 1.5, f"{elapsed:.2f} s"
