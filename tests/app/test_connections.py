"""Connections over HTTP: seen without secrets, changed with care, taken away only when nobody needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.serving import listen, serving
from providers import JsonObject
from providers.sandbox.n8n import N8nSandbox
from runner.model import Role
from tests.factories import Site, make_workspace

API = "/api/v1/orchestrator"


@pytest_asyncio.fixture
async def n8n() -> AsyncIterator[JsonObject]:
    on = listen("127.0.0.1", 0)
    async with serving(N8nSandbox(time_scale=0.05), on):
        yield N8nSandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}")


async def connect(site: Site, credentials: JsonObject, name: str = "mine", force: str = "false") -> Any:
    body = {"name": name, "credentials": credentials, "allowPrivateNetwork": True}
    answer = await site.client.post(f"{API}/providers/n8n/connect", json=body, params={"force": force})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_connection_is_shown_with_its_secrets_masked(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    shown = await site.client.get(f"{API}/connections/{made['id']}")
    assert shown.json() == made
    assert made["credentials"]["apiKey"] == "***"
    assert made["credentials"]["baseUrl"] == made["baseUrl"] == n8n["baseUrl"]
    assert {"value": "***", "password": "***"}.items() <= {
        key: value for auth in made["credentials"]["webhookAuth"] for key, value in auth.items()
    }.items()
    listed = (await site.client.get(f"{API}/connections", params={"provider": "n8n"})).json()
    assert listed == {"items": [made], "nextCursor": None}
    assert (await site.client.get(f"{API}/connections", params={"provider": "make"})).json()["items"] == []


async def test_a_name_is_taken_once(site: Site, n8n: JsonObject) -> None:
    await connect(site, n8n)
    other = await connect(site, n8n, "other")
    again = await site.client.post(
        f"{API}/providers/n8n/connect",
        json={"name": "mine", "credentials": n8n, "allowPrivateNetwork": True},
    )
    assert (again.status_code, again.json()["code"]) == (409, "name-taken")
    renamed = await site.client.patch(f"{API}/connections/{other['id']}", json={"name": "mine"})
    assert renamed.status_code == 409
    renamed = await site.client.patch(f"{API}/connections/{other['id']}", json={"name": "third"})
    assert renamed.json()["name"] == "third"


async def test_a_whole_form_sent_back_changes_nothing(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    answer = await site.client.patch(url, json={"credentials": made["credentials"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["credentials"] == made["credentials"]
    tested = await site.client.post(f"{API}/providers/n8n/test", json={"connectionId": made["id"]})
    assert tested.json()["ok"] is True


async def test_new_credentials_are_tested_first(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    refused = await site.client.patch(url, json={"credentials": {"apiKey": "nope-nope"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "connection-test-failed")
    assert (await site.client.get(url)).json() == made
    forced = await site.client.patch(
        url, json={"credentials": {"apiKey": "nope-nope"}}, params={"force": "true"}
    )
    assert forced.json()["status"] == "FAILING"
    mended = await site.client.patch(url, json={"credentials": {"apiKey": n8n["apiKey"]}})
    assert (mended.json()["status"], mended.json()["lastError"]) == ("ACTIVE", None)


@pytest.mark.parametrize("by", ["baseUrl", "credentials"])
async def test_another_origin_clears_the_secret(site: Site, n8n: JsonObject, by: str) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    address = "http://127.0.0.1:9"
    body = {by: address if by == "baseUrl" else {"baseUrl": address}}
    moved = await site.client.patch(url, json=body)
    assert moved.status_code == 200, moved.text
    assert (moved.json()["status"], moved.json()["baseUrl"]) == ("FAILING", address)
    assert moved.json()["lastError"]["code"] == "credentials-missing"
    assert "apiKey" not in moved.json()["credentials"]
    back = await site.client.patch(url, json={"baseUrl": n8n["baseUrl"]})
    assert back.json()["errors"][0]["pointer"] == "/credentials/apiKey"
    tested = await site.client.post(f"{API}/providers/n8n/test", json={"connectionId": made["id"]})
    assert tested.json()["problem"]["code"] == "unauthorized"
    whole = await site.client.patch(url, json={"credentials": n8n})
    assert (whole.json()["status"], whole.json()["credentials"]["apiKey"]) == ("ACTIVE", "***")


async def test_a_masked_secret_cannot_follow_to_another_origin(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    answer = await site.client.patch(
        f"{API}/connections/{made['id']}",
        json={"credentials": {**made["credentials"], "baseUrl": "http://127.0.0.1:9"}},
    )
    assert answer.status_code == 422
    assert "/credentials/apiKey" in [error["pointer"] for error in answer.json()["errors"]]


async def test_an_editor_may_not_move_a_connection_that_reaches_private_networks(
    site: Site, n8n: JsonObject
) -> None:
    made = await connect(site, n8n)
    url, editor = f"{API}/connections/{made['id']}", site.bearer(Role.EDITOR)
    moved = await site.client.patch(url, json={"baseUrl": "http://127.0.0.1:9"}, headers=editor)
    assert moved.status_code == 403
    opened = await site.client.patch(url, json={"allowPrivateNetwork": True}, headers=editor)
    assert opened.status_code == 403
    assert (await site.client.patch(url, json={"name": "by editor"}, headers=editor)).status_code == 200


async def test_a_paused_connection_starts_nothing(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    assert (await site.client.patch(url, json={"status": "INACTIVE"})).json()["status"] == "INACTIVE"
    listed = await site.client.get(f"{API}/providers/n8n/workflows")
    assert (listed.status_code, listed.json()["code"]) == (409, "connection-inactive")
    assert (await site.client.patch(url, json={"status": "ACTIVE"})).json()["status"] == "ACTIVE"
    assert (await site.client.get(f"{API}/providers/n8n/workflows")).status_code == 200


async def test_what_is_in_use_is_not_deleted_by_accident(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    node = {
        "id": "a",
        "type": "RemoteWebhook",
        "position": {"x": 0, "y": 0},
        "data": {"label": "A", "config": {"provider": "n8n", "connectionId": made["id"], "workflowId": "1"}},
    }
    definition = {"version": 1, "nodes": [node], "edges": []}
    drawn = await site.client.post(API, json={"name": "Nightly orders", "definition": definition})
    assert drawn.status_code == 201
    url = f"{API}/connections/{made['id']}"
    kept = await site.client.delete(url)
    assert (kept.status_code, kept.json()["code"]) == (409, "connection-in-use")
    assert "Nightly orders" in kept.json()["detail"]
    assert (await site.client.delete(url, params={"force": "true"})).status_code == 204
    assert (await site.client.get(url)).status_code == 404
    assert (await site.client.delete(url)).status_code == 404


async def test_another_workspace_finds_nothing(site: Site, n8n: JsonObject) -> None:
    made = await connect(site, n8n)
    await make_workspace(site.store, "other")
    token = await site.store.access.create_token("eve", Role.ADMIN, workspace_name="other")
    eve = {"Authorization": f"Bearer {token}"}
    url = f"{API}/connections/{made['id']}"
    assert (await site.client.get(f"{API}/connections", headers=eve)).json()["items"] == []
    calls = [
        site.client.get(url, headers=eve),
        site.client.patch(url, json={"name": "x"}, headers=eve),
        site.client.delete(url, headers=eve),
        site.client.post(f"{API}/providers/n8n/test", json={"connectionId": made["id"]}, headers=eve),
        site.client.get(f"{API}/providers/n8n/workflows", params={"connectionId": made["id"]}, headers=eve),
        site.client.get(
            f"{API}/providers/n8n/workflows/wfPack/preview", params={"connectionId": made["id"]}, headers=eve
        ),
    ]
    assert [(await call).status_code for call in calls] == [404] * len(calls)
    listed = (await site.client.get(f"{API}/providers", headers=eve)).json()["items"]
    assert all(item["connections"] == [] for item in listed)


@pytest.mark.parametrize("body", [{"status": "FAILING"}, {"secret": 1}, {"name": ""}, {"credentials": [1]}])
async def test_a_change_that_does_not_fit_is_refused(site: Site, n8n: JsonObject, body: JsonObject) -> None:
    made = await connect(site, n8n)
    answer = await site.client.patch(f"{API}/connections/{made['id']}", json=body)
    assert answer.status_code == 422
