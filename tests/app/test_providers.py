"""Providers over HTTP: what they offer, connecting with a test first, lists and previews that say how old they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from app.sandbox import PLATFORMS, sandbox_platforms
from app.serving import listen, serving
from providers import JsonObject, discover
from providers.sandbox.make import MakeSandbox
from providers.sandbox.n8n import N8nSandbox
from runner.model import Role
from runner.tables import connection, remote_preview
from tests.factories import Site

API = "/api/v1/orchestrator"


@pytest_asyncio.fixture
async def platforms() -> AsyncIterator[dict[str, JsonObject]]:
    async with sandbox_platforms(time_scale=0.05) as credentials:
        yield credentials


@pytest_asyncio.fixture
async def n8n() -> AsyncIterator[tuple[N8nSandbox, JsonObject]]:
    sandbox, on = N8nSandbox(time_scale=0.05), listen("127.0.0.1", 0)
    async with serving(sandbox, on):
        yield sandbox, sandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}")


async def connect(
    site: Site, provider: str, credentials: JsonObject, name: str = "mine", **query: Any
) -> Any:
    body = {"name": name, "credentials": credentials, "allowPrivateNetwork": True}
    answer = await site.client.post(f"{API}/providers/{provider}/connect", json=body, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_providers_say_what_they_can_and_what_they_need(site: Site) -> None:
    items = (await site.client.get(f"{API}/providers")).json()["items"]
    assert [item["name"] for item in items] == list(discover().names)
    assert set(PLATFORMS) <= set(discover().names)
    for item in items:
        assert set(item) == {"name", "title", "verbs", "connectionForm", "connections"}
        assert item["connections"] == []
        assert set(item["verbs"]) <= {"list", "preview", "execute", "poll"}
        assert item["connectionForm"]["type"] == "object"
    form = next(item for item in items if item["name"] == "n8n")["connectionForm"]
    assert form["properties"]["apiKey"]["writeOnly"] is True
    assert {"baseUrl", "apiKey"} <= set(form["required"])


@pytest.mark.parametrize("provider", sorted(PLATFORMS))
async def test_connect_list_preview(site: Site, platforms: dict[str, JsonObject], provider: str) -> None:
    made = await connect(site, provider, platforms[provider])
    assert set(made) >= {
        *("id", "provider", "name", "workspaceId", "status", "baseUrl", "lastSync", "lastError"),
        *("createdDate", "updatedDate"),
    }
    assert (made["provider"], made["name"], made["status"]) == (provider, "mine", "ACTIVE")
    known = (await site.client.get(f"{API}/providers")).json()["items"]
    listed = next(item for item in known if item["name"] == provider)["connections"]
    assert listed == [{"id": made["id"], "name": "mine", "status": "ACTIVE"}]

    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = await site.client.get(f"{API}/providers/{provider}/workflows", params=query)
        assert page.status_code == 200, page.text
        body = page.json()
        assert (body["stale"], body["problem"], body["connectionId"]) == (False, None, made["id"])
        assert datetime.fromisoformat(body["syncedAt"]) > datetime.now(UTC) - timedelta(minutes=1)
        seen += body["items"]
        if (cursor := body["nextCursor"]) is None:
            break
    assert len({item["id"] for item in seen}) == len(seen) > 4
    names = [item["name"].lower() for item in seen]
    assert names == sorted(names)
    one = seen[0]["name"]
    found = await site.client.get(f"{API}/providers/{provider}/workflows", params={"q": one.upper()[:8]})
    assert one in [item["name"] for item in found.json()["items"]]
    inactive = await site.client.get(f"{API}/providers/{provider}/workflows", params={"active": "false"})
    assert inactive.json()["items"] and not any(item["active"] for item in inactive.json()["items"])

    executable = next(item for item in seen if item["executable"])
    url = f"{API}/providers/{provider}/workflows/{executable['id']}/preview"
    preview = await site.client.get(url)
    assert preview.status_code == 200, preview.text
    graph = preview.json()
    assert set(graph) >= {"workflow", "nodes", "edges", "inputs", "outputs", "fingerprint", "fetchedAt"}
    assert graph["workflow"]["id"] == executable["id"] and graph["nodes"]
    assert (await site.client.get(url)).json() == graph
    missing = await site.client.get(f"{API}/providers/{provider}/workflows/there-is-none/preview")
    assert missing.status_code == 404, missing.text


async def test_a_failed_test_keeps_nothing_unless_forced(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    wrong = {**n8n[1], "apiKey": "wrong-key-of-somebody"}
    body = {"name": "mine", "credentials": wrong, "allowPrivateNetwork": True}
    url = f"{API}/providers/n8n/connect"
    refused = await site.client.post(url, json=body)
    assert refused.status_code == 422
    problem = refused.json()
    assert problem["code"] == "connection-test-failed"
    assert problem["errors"][0]["detail"].startswith("unauthorized:")
    assert "wrong-key" not in refused.text
    assert (await site.client.get(f"{API}/connections")).json()["items"] == []
    forced = await site.client.post(url, json=body, params={"force": "true"})
    assert forced.status_code == 201
    assert (forced.json()["status"], forced.json()["lastError"]["code"]) == ("FAILING", "unauthorized")
    assert "wrong-key" not in forced.text


async def test_credentials_that_do_not_fit_are_named_one_by_one(site: Site) -> None:
    answer = await site.client.post(
        f"{API}/providers/n8n/connect",
        json={"name": "x", "credentials": {"apiKey": 7, "other": "s3cret-value"}},
    )
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} >= {
        "/credentials/baseUrl",
        "/credentials/apiKey",
        "/credentials/other",
    }
    assert "s3cret" not in answer.text


async def test_private_networks_are_an_admins_decision(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    url, body = f"{API}/providers/n8n/connect", {"name": "mine", "credentials": n8n[1]}
    closed = await site.client.post(url, json=body)
    assert closed.status_code == 422
    assert "not a public address" in closed.json()["detail"]
    editor = await site.client.post(
        url, json={**body, "allowPrivateNetwork": True}, headers=site.bearer(Role.EDITOR)
    )
    assert editor.status_code == 403
    tested = await site.client.post(f"{API}/providers/n8n/test", json={"credentials": n8n[1]})
    assert tested.json()["problem"]["code"] == "unreachable"
    assert n8n[0].calls == []


async def test_plain_http_over_the_internet_needs_an_admins_word(site: Site) -> None:
    body = {"name": "m", "credentials": {"baseUrl": "http://8.8.8.8/api/v2", "apiKey": "key-1234"}}
    url = f"{API}/providers/make/connect"
    for role, query in ((Role.ADMIN, {}), (Role.EDITOR, {"force": "true"})):
        answer = await site.client.post(url, json=body, params=query, headers=site.bearer(role))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/credentials/baseUrl"
        assert "https" in answer.text


async def test_testing_new_and_stored_credentials(site: Site, n8n: tuple[N8nSandbox, JsonObject]) -> None:
    url = f"{API}/providers/n8n/test"
    good = (await site.client.post(url, json={"credentials": n8n[1], "allowPrivateNetwork": True})).json()
    assert set(good) >= {"ok", "latencyMs", "account", "workflows", "problem"}
    assert (good["ok"], good["problem"]) == (True, None) and good["latencyMs"] >= 0
    bad = {"credentials": {**n8n[1], "apiKey": "nope-nope"}, "allowPrivateNetwork": True}
    answer = await site.client.post(url, json=bad)
    assert answer.status_code == 200
    assert (answer.json()["ok"], answer.json()["problem"]["code"]) == (False, "unauthorized")
    nobody = {**n8n[1], "baseUrl": "http://127.0.0.1:9"}
    answer = await site.client.post(url, json={"credentials": nobody, "allowPrivateNetwork": True})
    assert answer.json()["problem"]["code"] == "unreachable"
    assert (await site.client.post(url, json={})).status_code == 422

    made = await connect(site, "n8n", n8n[1])
    stored = {"connectionId": made["id"]}
    operator = await site.client.post(url, json=stored, headers=site.bearer(Role.OPERATOR))
    assert operator.json()["ok"] is True
    new = await site.client.post(url, json=bad, headers=site.bearer(Role.OPERATOR))
    assert new.status_code == 403
    changed = await site.client.post(url, json={**stored, "credentials": {"apiKey": "nope-nope"}})
    assert changed.json()["problem"]["code"] == "unauthorized"
    elsewhere = await site.client.post(url, json={**stored, "credentials": {"baseUrl": "http://127.0.0.1:9"}})
    assert elsewhere.status_code == 422
    shown = (await site.client.get(f"{API}/connections/{made['id']}")).json()
    assert shown["status"] == "ACTIVE"
    other = await site.client.post(f"{API}/providers/make/test", json=stored)
    assert other.status_code == 404


async def test_an_old_list_is_served_at_once_and_renewed_behind_its_back(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    sandbox, credentials = n8n
    made = await connect(site, "n8n", credentials)
    url = f"{API}/providers/n8n/workflows"
    first = (await site.client.get(url)).json()
    count = len(sandbox.calls)
    assert (await site.client.get(url)).json()["syncedAt"] == first["syncedAt"]
    assert len(sandbox.calls) == count
    async with site.store.database.begin() as transaction:
        old = datetime.now(UTC) - timedelta(minutes=6)
        await transaction.execute(
            update(connection).where(connection.c.id == made["id"]).values(last_sync_at=old)
        )
    stale = (await site.client.get(url)).json()
    assert stale["stale"] is True and stale["items"] == first["items"]
    async with asyncio.timeout(20):
        while (fresh := (await site.client.get(url)).json())["stale"]:
            pass
    assert fresh["syncedAt"] > first["syncedAt"]


async def test_a_platform_that_fails_leaves_the_copy_and_the_reason(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    sandbox, credentials = n8n
    made = await connect(site, "n8n", credentials)
    url = f"{API}/providers/n8n/workflows"
    first = (await site.client.get(url)).json()
    sandbox.limited = 100
    again = (await site.client.get(url, params={"refresh": "true"})).json()
    assert (again["stale"], again["problem"]["code"]) == (True, "rate-limited")
    assert again["items"] == first["items"] and again["syncedAt"] == first["syncedAt"]
    sandbox.limited = 0
    mended = (await site.client.get(url, params={"refresh": "true"})).json()
    assert (mended["stale"], mended["problem"]) == (False, None)
    off = await site.client.patch(f"{API}/connections/{made['id']}", json={"status": "INACTIVE"})
    assert off.json()["status"] == "INACTIVE"
    paused = (await site.client.get(url, params={"refresh": "true"})).json()
    assert (paused["stale"], paused["problem"]["code"]) == (True, "connection-inactive")


async def test_without_a_copy_the_failure_is_the_answer(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    await connect(site, "n8n", {**n8n[1], "apiKey": "nope-nope"}, force="true")
    answer = await site.client.get(f"{API}/providers/n8n/workflows")
    assert (answer.status_code, answer.json()["code"]) == (502, "unauthorized")
    listed = (await site.client.get(f"{API}/connections")).json()["items"]
    assert listed[0]["status"] == "FAILING"


async def test_an_old_preview_is_shown_when_the_platform_is_away(
    site: Site, n8n: tuple[N8nSandbox, JsonObject]
) -> None:
    sandbox, credentials = n8n
    await connect(site, "n8n", credentials)
    url = f"{API}/providers/n8n/workflows/wfPriceOrder/preview"
    first = (await site.client.get(url)).json()
    async with site.store.database.begin() as transaction:
        kept = {**first, "fetchedAt": "2026-01-01T00:00:00Z"}
        await transaction.execute(update(remote_preview).values(data=_stored(kept)))
    sandbox.limited = 100
    copy = (await site.client.get(url)).json()
    assert copy["fetchedAt"].startswith("2026-01-01")
    sandbox.limited = 0
    assert (await site.client.get(url)).json()["fetchedAt"] >= first["fetchedAt"]


def _stored(preview: dict[str, Any]) -> dict[str, Any]:
    from providers import Preview

    return Preview.model_validate(preview).model_dump(mode="json")


async def test_the_connection_must_be_named_where_there_are_several(
    site: Site, platforms: dict[str, JsonObject]
) -> None:
    url = f"{API}/providers/make/workflows"
    none = await site.client.get(url)
    assert (none.status_code, none.json()["code"]) == (404, "connection-missing")
    first = await connect(site, "make", platforms["make"], "one")
    await connect(site, "make", platforms["make"], "two")
    several = await site.client.get(url)
    assert (several.status_code, several.json()["code"]) == (409, "connection-ambiguous")
    named = await site.client.get(url, params={"connectionId": first["id"]})
    assert named.status_code == 200
    wrong = await site.client.get(f"{API}/providers/n8n/workflows", params={"connectionId": first["id"]})
    assert wrong.status_code == 404
    unknown = await site.client.get(f"{API}/providers/nothing/workflows")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "provider-unknown")
    garbage = await site.client.get(url, params={"connectionId": first["id"], "cursor": "bm9wZQ"})
    assert garbage.status_code == 422


async def test_every_base_url_may_be_plain_http_with_a_port() -> None:
    assert str(MakeSandbox.connection("http://127.0.0.1:1")["baseUrl"]).startswith("http://127.0.0.1:1/")
