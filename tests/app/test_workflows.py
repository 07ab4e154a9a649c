"""The list over all platforms, nodes made of remote workflows, drift, usages, and the tour of a running server."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update

from app.sandbox import sandbox_platforms
from app.serving import listen, serving
from providers import JsonObject
from providers.sandbox.make import MakeSandbox
from providers.sandbox.n8n import N8nSandbox
from runner.model import Role
from runner.tables import connection, remote_preview
from tests.factories import Site

API = "/api/v1/orchestrator"
N8n = tuple[N8nSandbox, JsonObject]


@pytest_asyncio.fixture
async def n8n() -> AsyncIterator[N8n]:
    sandbox, on = N8nSandbox(time_scale=0.05), listen("127.0.0.1", 0)
    async with serving(sandbox, on):
        yield sandbox, sandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}")


async def connect(
    site: Site, provider: str, credentials: JsonObject, name: str = "mine", **query: Any
) -> str:
    body = {"name": name, "credentials": credentials, "allowPrivateNetwork": True}
    answer = await site.client.post(f"{API}/providers/{provider}/connect", json=body, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def listed(site: Site, **query: Any) -> dict[str, Any]:
    answer = await site.client.get(f"{API}/workflows", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def settled(site: Site, **query: Any) -> dict[str, Any]:
    """The list, once nothing is being read any more."""
    async with asyncio.timeout(20):
        while True:
            found = await listed(site, **query)
            if not any(each["renewing"] for each in found["connections"]):
                return found
            query.pop("refresh", None)


async def node(site: Site, provider: str, workflow: str, **query: Any) -> dict[str, Any]:
    answer = await site.client.get(f"{API}/providers/{provider}/workflows/{workflow}/node", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def drawn(site: Site, *nodes: dict[str, Any]) -> str:
    placed = [{"id": f"n{n}", "position": {"x": 0, "y": 0}, **each} for n, each in enumerate(nodes)]
    definition = {"version": 1, "nodes": placed, "edges": []}
    answer = await site.client.post(API, json={"name": "chain", "definition": definition})
    assert answer.status_code == 201, answer.text
    assert answer.json()["definition"]["nodes"] == placed
    return answer.json()["id"]


async def test_every_platform_in_one_list(site: Site) -> None:
    assert await listed(site) == {
        "items": [],
        "nextCursor": None,
        "total": 0,
        "connections": [],
        "facets": {"tags": [], "folders": [], "triggers": [], "results": []},
    }
    async with sandbox_platforms(time_scale=0.05) as platforms:
        for provider in ("n8n", "make", "zapier", "airflow"):
            await connect(site, provider, platforms[provider])
        first = await listed(site)
        assert [each["renewing"] for each in first["connections"]] == [True] * 4
        assert {each["syncedAt"] for each in first["connections"]} == {None}
        found = await settled(site, limit="200")
        seen: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await listed(site, limit="7", **({"cursor": cursor} if cursor else {}))
            seen += page["items"]
            if (cursor := page["nextCursor"]) is None:
                break
    assert seen == found["items"]
    assert found["total"] == len(seen) == sum(each["count"] for each in found["connections"])
    assert {each["provider"] for each in seen} == {"n8n", "make", "zapier", "airflow"}
    for each in found["connections"]:
        assert each["count"] == each["matching"] > 4
        assert (each["stale"], each["problem"], each["status"]) == (False, None, "ACTIVE")
    assert set(seen[0]) >= {"id", "name", "provider", "connectionId", "connectionName", "usedIn", "trigger"}
    trigger = found["facets"]["triggers"][0]
    assert (await listed(site, trigger=trigger["value"]))["total"] == trigger["count"]
    refused = await site.client.get(f"{API}/workflows", params={"cursor": "bm9wZQ"})
    assert refused.status_code == 422


async def test_the_list_never_waits_and_says_what_is_old_and_why(site: Site, n8n: N8n) -> None:
    sandbox, credentials = n8n
    made = await connect(site, "n8n", credentials)
    first = (await settled(site))["connections"][0]
    calls = len(sandbox.calls)
    assert (await listed(site))["connections"][0] == first
    assert len(sandbox.calls) == calls
    sandbox.limited = 1000
    (old,) = (await listed(site, refresh="true"))["connections"]
    assert (old["renewing"], old["syncedAt"]) == (True, first["syncedAt"])
    assert old["retryAt"] is None, "nothing is known to be wrong yet"
    (failed,) = (await settled(site))["connections"]
    assert (failed["stale"], failed["problem"]["code"]) == (True, "rate-limited")
    assert datetime.fromisoformat(failed["retryAt"]) > datetime.now(UTC)
    assert failed["count"] == first["count"]
    async with site.store.database.begin() as transaction:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        await transaction.execute(
            update(connection).where(connection.c.id == made).values(last_sync_at=long_ago)
        )
    calls = len(sandbox.calls)
    for _ in range(3):
        assert not (await listed(site))["connections"][0]["renewing"], (
            "a failing platform is left alone a while"
        )
    assert len(sandbox.calls) == calls
    sandbox.limited = 0
    (mended,) = (await settled(site, refresh="true"))["connections"]
    assert (mended["stale"], mended["problem"], mended["retryAt"]) == (False, None, None)
    await site.client.patch(f"{API}/connections/{made}", json={"status": "INACTIVE"})
    (paused,) = (await listed(site, refresh="true"))["connections"]
    assert (paused["status"], paused["renewing"]) == ("INACTIVE", False)


async def test_a_list_says_what_it_leaves_out_until_it_is_whole(site: Site) -> None:
    sandbox, on = MakeSandbox(time_scale=0.05), listen("127.0.0.1", 0)
    sandbox.refused = {20}
    async with serving(sandbox, on):
        made = await connect(site, "make", sandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}"))
        (part,) = (await settled(site))["connections"]
        closed = {"kind": "team", "name": "Reports", "of": 3, "why": "no permission"}
        assert (part["status"], part["problem"], part["leftOut"]) == ("ACTIVE", None, [closed])
        assert 0 < part["count"] < len(sandbox.scenarios)
        one = (await site.client.get(f"{API}/connections/{made}")).json()
        assert one["leftOut"] == [closed]
        sandbox.refused = set()
        (whole,) = (await settled(site, refresh="true"))["connections"]
        assert (whole["leftOut"], whole["count"]) == ([], len(sandbox.scenarios))


async def test_what_was_imported_is_compared_when_the_list_knows_a_later_change(site: Site, n8n: N8n) -> None:
    sandbox, credentials = n8n
    await connect(site, "n8n", credentials)
    await settled(site)
    made = await node(site, "n8n", "wfPriceOrder")
    other = await node(site, "n8n", "wfStock")
    chain = await drawn(site, made, other)
    assert (await listed(site, changed="true"))["total"] == 0
    await edited(sandbox, "wfPriceOrder")
    began = len(sandbox.calls)
    await settled(site, refresh="true")
    looks = [call for call in sandbox.calls[began:] if re.fullmatch(r"GET /api/v1/workflows/\w+", call)]
    assert looks == ["GET /api/v1/workflows/wfPriceOrder"], "one call for the one that has changed"
    (found,) = (await listed(site, changed="true"))["items"]
    assert (found["id"], found["changed"], found["usedIn"]) == ("wfPriceOrder", True, 1)
    (usage,) = (await site.client.get(f"{API}/usages", params={"changed": "true"})).json()["items"]
    assert (usage["orchestratorId"], usage["nodeId"], usage["changed"]) == (chain, "n0", True)


async def test_drift_does_not_wait_for_a_platform_whose_copy_there_is(site: Site, n8n: N8n) -> None:
    sandbox, credentials = n8n
    await connect(site, "n8n", credentials)
    chain = await drawn(site, await node(site, "n8n", "wfPriceOrder"))
    await edited(sandbox, "wfPriceOrder")
    async with site.store.database.begin() as transaction:
        await transaction.execute(
            update(remote_preview).values(
                data=remote_preview.c.data.op("||")({"fetched_at": "2026-01-01T00:00:00Z"})
            )
        )
    (early,) = (await site.client.get(f"{API}/{chain}/drift")).json()["items"]
    assert (early["changed"], early["renewing"]) == (False, True)
    async with asyncio.timeout(10):
        while (await site.client.get(f"{API}/{chain}/drift")).json()["items"][0]["renewing"]:
            pass
    (late,) = (await site.client.get(f"{API}/{chain}/drift")).json()["items"]
    assert (late["changed"], late["renewing"]) == (True, False)


async def edited(sandbox: N8nSandbox, workflow: str) -> None:
    """The path of its webhook is another, as a person saves it in n8n."""
    raw: Any = sandbox.samples[workflow].raw
    parts = {name: copy.deepcopy(raw[name]) for name in ("name", "nodes", "connections", "settings")}
    parts["nodes"][0]["parameters"]["path"] += "-renamed"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=sandbox), base_url="http://n8n") as client:
        answer = await client.put(
            f"/api/v1/workflows/{workflow}", json=parts, headers={"X-N8N-API-KEY": "sandbox-n8n-key"}
        )
    assert answer.status_code == 200, answer.text


async def test_a_workflow_becomes_a_node_and_is_found_by_its_use(site: Site) -> None:
    async with sandbox_platforms(time_scale=0.05) as platforms:
        ids = {p: await connect(site, p, platforms[p]) for p in ("n8n", "airflow", "make", "zapier")}
        every = (await settled(site, limit="200"))["items"]
        made: dict[str, Any] = {}
        for provider, connection_id in ids.items():
            one = next(each for each in every if each["provider"] == provider and each["executable"])
            made[provider] = await node(site, provider, one["id"])
            config = made[provider]["data"]["config"]
            assert made[provider]["type"] == "RemoteWebhook"
            assert made[provider]["data"]["label"] == one["name"]
            assert (config["provider"], config["connectionId"]) == (provider, connection_id)
            assert config["workflowId"] == one["id"]
            assert made[provider]["data"]["imported"]["fingerprint"]
        formed = next(each for each in every if each["provider"] == "airflow" and "order" in each["name"])
        airflow = await node(site, "airflow", formed["id"])
        assert set(airflow["data"]["imported"]) == {
            *("fingerprint", "at", "inputs", "outputs", "sample", "trigger")
        }
        chain = await drawn(site, *made.values())
        detail = (await site.client.get(f"{API}/{chain}")).json()
        assert [each for each in detail["problems"] if each["severity"] == "error"] == []
        used = (await listed(site, used="true"))["items"]
        assert {each["provider"]: each["usedIn"] for each in used} == dict.fromkeys(ids, 1)
        query = {"provider": "n8n", "workflowId": made["n8n"]["data"]["config"]["workflowId"]}
        (usage,) = (await site.client.get(f"{API}/usages", params=query)).json()["items"]
        assert usage == {
            "orchestratorId": chain,
            "orchestratorName": "chain",
            "revision": 1,
            "newest": True,
            "nodeId": "n0",
            "nodeLabel": made["n8n"]["data"]["label"],
            "provider": "n8n",
            "connectionId": ids["n8n"],
            "workflowId": query["workflowId"],
            "changed": False,
        }
        refused = await site.client.delete(f"{API}/connections/{ids['n8n']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "connection-in-use")
        missing = await site.client.get(f"{API}/providers/n8n/workflows/none/node")
        assert missing.status_code == 404


async def test_inputs_give_a_sample(site: Site) -> None:
    async with sandbox_platforms(time_scale=0.05) as platforms:
        await connect(site, "make", platforms["make"])
        every = (await settled(site, limit="200"))["items"]
        made = [await node(site, "make", each["id"]) for each in every]
    declared = [each["data"] for each in made if each["data"]["imported"]["inputs"]]
    assert declared
    for data in declared:
        assert set(data["imported"]["sample"]) == set(data["imported"]["inputs"]["properties"])


async def test_drift(site: Site, n8n: N8n) -> None:
    sandbox, credentials = n8n
    connection_id = await connect(site, "n8n", credentials)
    made = await node(site, "n8n", "wfPriceOrder")
    lost = {
        **made,
        "data": {**made["data"], "config": {**made["data"]["config"], "connectionId": str(uuid4())}},
    }
    gone = {**made, "data": {**made["data"], "config": {**made["data"]["config"], "workflowId": "none"}}}
    plain = {"type": "RemoteWebhook", "data": {"label": "x", "config": {"url": "https://example.org"}}}
    chain = await drawn(site, made, lost, gone, plain)
    url = f"{API}/{chain}/drift"
    same, missing, unknown = (await site.client.get(url)).json()["items"]
    assert (same["nodeId"], same["changed"], same["problem"]) == ("n0", False, None)
    assert same["importedAt"] == made["data"]["imported"]["at"]
    assert (missing["changed"], missing["problem"]["code"]) == (None, "connection-missing")
    assert (unknown["changed"], unknown["problem"]["code"]) == (None, "not-found")

    raw: Any = sandbox.samples["wfPriceOrder"].raw
    for version in filter(None, (raw, raw.get("activeVersion"))):
        version["nodes"][1]["parameters"]["changed"] = True
    assert (await site.client.get(url)).json()["items"][0]["changed"] is False, "the copy is still fresh"
    changed = (await site.client.get(url, params={"refresh": "true"})).json()["items"][0]
    assert (changed["changed"], changed["problem"]) == (True, None)
    again = await node(site, "n8n", "wfPriceOrder", connectionId=connection_id)
    assert again["data"]["imported"]["fingerprint"] != made["data"]["imported"]["fingerprint"]

    async with site.store.database.begin() as transaction:
        await transaction.execute(
            update(remote_preview).values(
                data=remote_preview.c.data.op("||")({"fetched_at": "2026-01-01T00:00:00Z"})
            )
        )
    sandbox.limited = 1000
    away = (await site.client.get(url, params={"refresh": "true"})).json()["items"][0]
    assert (away["changed"], away["fetchedAt"]) == (True, "2026-01-01T00:00:00.000Z")
    assert (await site.client.get(f"{API}/{uuid4()}/drift")).status_code == 404


async def test_a_tour_begins_in_a_running_server_and_only_once(site: Site) -> None:
    url = f"{API}/sandbox"
    refused = await site.client.post(url, headers=site.bearer(Role.EDITOR))
    assert refused.status_code == 403
    first, second = await asyncio.gather(site.client.post(url), site.client.post(url))
    assert first.status_code == second.status_code == 200, first.text
    assert first.json() == second.json()
    tour = first.json()
    assert {each["provider"] for each in tour["connections"]} == {
        "n8n",
        "make",
        "zapier",
        "airflow",
        "flowise",
    }
    detail = (await site.client.get(f"{API}/{tour['orchestratorId']}")).json()
    assert detail["problems"] == []
    found = await settled(site)
    assert found["total"] > 30
    assert all(each["problem"] is None for each in found["connections"])


@pytest.mark.parametrize("call", ["workflows", "usages"])
async def test_nobody_looks_without_signing_in(site: Site, call: str) -> None:
    assert (await site.anonymous.get(f"{API}/{call}")).status_code == 401
