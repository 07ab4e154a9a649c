"""The first tour: four platforms in memory, connected, and a chain over all of them that ends well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.main import create_app
from app.sample import NAME, sample
from app.sandbox import PLATFORMS, connect_sandbox, import_sample, sandbox_platforms
from app.serving import listen, serving
from app.settings import StartRefused
from providers import JsonObject, discover
from runner.check import check
from runner.model import Graph, Role
from tests.factories import Site, open_store, settings_for

API = "/api/v1/orchestrator"


@pytest_asyncio.fixture
async def reachable(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Web and engine under an address that callbacks can really reach."""
    on = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    settings = settings_for(database_url, tmp_path, public_url=url)
    async with open_store(database_url) as store, serving(create_app(settings), on):
        token = await store.access.create_token("tour", Role.ADMIN)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=40) as client:
            yield Site(url, store, client, client, {Role.ADMIN: token})


@pytest_asyncio.fixture
async def platforms() -> AsyncIterator[dict[str, JsonObject]]:
    async with sandbox_platforms(time_scale=0.1) as credentials:
        yield credentials


def test_the_sample_has_no_problems() -> None:
    ids = dict.fromkeys(PLATFORMS, "00000000-0000-0000-0000-000000000000")
    assert check(Graph.model_validate(sample(ids))) == ()


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ({}, {"order": "A-1001", "amount": 288.0, "reportRows": 3, "approved": True}),
        (
            {"order": "B-7", "lines": [{"price": 1, "quantity": 1}]},
            {"order": "B-7", "amount": 1.2, "reportRows": 0, "approved": True},
        ),
    ],
)
async def test_the_sample_chain_runs_over_all_four_platforms(
    reachable: Site, platforms: dict[str, JsonObject], inputs: JsonObject, output: JsonObject
) -> None:
    scope = await reachable.store.access.scope("test")
    connections = await connect_sandbox(reachable.store, discover(), scope, platforms)
    chain = await import_sample(reachable.store, scope, connections)
    answer = await reachable.client.post(
        f"{API}/{chain}/run", json={"inputs": inputs}, headers={"Prefer": "wait=30"}
    )
    run: dict[str, Any] = (await reachable.client.get(f"{API}/runs/{answer.json()['id']}")).json()
    states = {node["id"]: (node["status"], node["error"]) for node in run["nodes"]}
    assert run["status"] == "COMPLETED", states
    assert run["output"] == output
    matches = {node["id"]: node["remote"]["match"] for node in run["nodes"] if node["remote"]}
    assert matches["ship"] == "exact"
    assert set(matches) == {"price", "ship", "ask"} | ({"report"} if output["reportRows"] else set())


async def test_a_second_start_points_the_connections_at_the_new_ports(reachable: Site) -> None:
    store = reachable.store
    scope = await store.access.scope("test")
    made: list[dict[str, Any]] = []
    charts: list[str] = []
    for _ in range(2):
        async with sandbox_platforms() as credentials:
            connections = await connect_sandbox(store, discover(), scope, credentials)
            made.append({name: row.id for name, row in connections.items()})
            charts.append(await import_sample(store, scope, connections))
            for name in PLATFORMS:
                tested = await reachable.client.post(
                    f"{API}/providers/{name}/test", json={"connectionId": str(made[-1][name])}
                )
                assert tested.json()["ok"], tested.json()
    assert made[0] == made[1]
    assert charts[0] == charts[1]
    await store.connections.delete(scope, made[0]["make"], force=True)
    async with sandbox_platforms() as credentials:
        connections = await connect_sandbox(store, discover(), scope, credentials)
        assert await import_sample(store, scope, connections) == charts[0]
        mended = await store.orchestrators.get(scope, await _id_of(reachable))
    assert str(connections["make"].id) in str(mended.definition)


async def _id_of(site: Site) -> Any:
    scope = await site.store.access.scope("test")
    return (await site.store.orchestrators.page(scope, limit=1, q=NAME))[0].id


async def test_a_taken_port_is_a_sentence() -> None:
    taken = listen("127.0.0.1", 0)
    with pytest.raises(StartRefused, match="Cannot listen on"):
        listen("127.0.0.1", taken.getsockname()[1])
    taken.close()


async def test_a_start_that_fails_says_why(database_url: str, tmp_path: Path) -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        raise StartRefused("There is no key.")

    with pytest.raises(StartRefused, match="There is no key"):
        async with serving(refusing, listen("127.0.0.1", 0)):
            pass
