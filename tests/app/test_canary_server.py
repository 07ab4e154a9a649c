"""No secret of the server and of its people is found anywhere (threats T10): master key, secret stores and what stands in them,
password, session, tokens, signing secrets; through everything that answers, fails, logs, counts and is kept."""

from __future__ import annotations

import base64
import hashlib
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import JsonValue, SecretStr

from app.cli import LOUD
from app.cli.files import canonical
from app.passwords import Passwords
from app.settings import SecretKey
from providers import JsonObject
from providers.sandbox._asgi import Ask, Reply, Sandbox
from runner.model import Role
from tests.app.test_canary import API, Canaries, dump
from tests.factories import Site, open_store, site_on
from tests.serving import served
from tests.vault_peer import VaultPeer


class Echo(Sandbox):
    """A Flowise that repeats the key it was sent in every refusal, and refuses everything but its list."""

    def __init__(self) -> None:
        super().__init__()
        self.route("GET", "/api/v1/chatflows", self._list)
        self.route("POST", "/api/v1/prediction/{flow}", self._refuse)

    async def _list(self, ask: Ask) -> Reply:
        return Reply(200, [{"id": "f", "name": "f", "deployed": True}])

    async def _refuse(self, ask: Ask) -> Reply:
        return Reply(401, {"message": f"{ask.headers.get('authorization')} is refused"})


@pytest.mark.timeout(120)
async def test_no_secret_of_the_server_or_its_people_is_found_anywhere(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in (*LOUD, "hypothesis", "asyncio"):
        caplog.set_level(logging.WARNING, logger=name)
    canaries, bodies = Canaries(), list[str]()
    # One that `tests.factories.open_store` has too would not be a canary.
    raw = hashlib.sha256(b"a master key to be found nowhere").digest()
    key = SecretKey("canary", SecretStr(base64.b64encode(raw).decode()))
    canaries.all.append(base64.b64encode(raw).decode())
    vault, platform, folder = VaultPeer(), Echo(), tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("CANARY_KEY", canaries.hatch())
    (folder / "key").write_text(canaries.hatch())
    vault.kv["secret/app"] = {"key": canaries.hatch()}
    canaries.all.append(vault.root)
    password = "a canary sits on the eaves"
    canaries.all.append(password)

    async with served(vault) as vault_url, served(platform) as url:
        settings: dict[str, Any] = {
            "secret_keys": (key,),
            "secret_env": ("CANARY_KEY",),
            "secret_files": folder,
            "vault_addr": vault_url,
            "vault_token": SecretStr(vault.root),
        }
        async with site_on(database_url, tmp_path, engine=True, **settings) as site:
            canaries.all += site.tokens.values()

            async def kept(response: httpx.Response) -> None:
                await response.aread()
                bodies.append(f"{response.headers}\n{response.text}")

            site.client.event_hooks["response"].append(kept)
            session = await _signs_in(site, password, bodies)
            canaries.all.append(session)
            signing = {"name": "signed", "secret": canaries.hatch()}
            made = await site.client.post("/api/v1/signing-secrets", json=signing)
            assert made.status_code == 201, made.text
            await _uses(site, url)
            await _looks_at_everything(site)
            async with open_store(database_url) as store:
                scope = await store.access.scope("canary")
                bodies += [
                    canonical(each).decode() for each in await store.orchestrators.page(scope, limit=200)
                ]
            rows = await dump(site)
            assert len(bodies) > 40 and len(canaries.all) > 9
            assert canaries.in_("\n".join(bodies)) == []
            assert canaries.in_(caplog.text) == []
            for table, held in rows.items():
                assert canaries.in_(held) == [], table

            # And it would have been found.
            planted: JsonObject = {
                "name": f"key {canaries.all[1]}",
                "definition": {"version": 1, "nodes": [], "edges": []},
            }
            assert (await site.client.post(API, json=planted)).status_code == 201
            assert canaries.in_(bodies[-1]) == [canaries.all[1]]
            assert canaries.in_((await dump(site))["orchestrator"]) == [canaries.all[1]]


async def _signs_in(site: Site, password: str, bodies: list[str]) -> str:
    """The session's own secret. A wrong try with the password comes first."""
    scope = await site.store.access.scope("test")
    await site.store.accounts.create(
        email="ann@example.org",
        name="ann",
        workspace_id=scope.workspace_id,
        role=Role.EDITOR,
        password_hash=await Passwords().hash(password),
    )
    for email in ("nobody@example.org", "ann@example.org"):
        answer = await site.anonymous.post("/sign-in", data={"email": email, "password": password})
        bodies.append(answer.text)
    assert answer.status_code == 303, answer.text
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


async def _uses(site: Site, url: str) -> None:
    """Connections by reference, whose every run fails with their secret in the answer; a wait; what is refused."""
    for reference in ("env:CANARY_KEY", "file:key", "vault:secret/app#key"):
        credentials: JsonObject = {"baseUrl": url, "apiKey": {"ref": reference}}
        body = {"name": reference, "credentials": credentials, "allowPrivateNetwork": True}
        made = await site.client.post(f"{API}/providers/flowise/connect", json=body)
        assert made.status_code == 201, made.text
        config: JsonObject = {
            "provider": "flowise",
            "connectionId": made.json()["id"],
            "workflowId": "f",
            "retryAttempts": 0,
        }
        nodes: list[JsonValue] = [
            {"id": "a", "type": "RemoteWebhook", "data": {"label": "A", "config": config}},
            {"id": "w", "type": "WaitForCallback", "data": {"label": "W", "config": {}}},
        ]
        definition: JsonObject = {"version": 1, "nodes": nodes, "edges": []}
        drawn = await site.client.post(API, json={"name": reference, "definition": definition})
        started = await site.client.post(f"{API}/{drawn.json()['id']}/run", headers={"Prefer": "wait=5"})
        assert started.status_code in (200, 202), started.text
        await site.client.post(f"{API}/providers/flowise/test", json={"connectionId": made.json()["id"]})
        await site.client.post(
            f"{API}/callback/{started.json()['id']}", json={}, headers={"X-Correlation-Token": "x"}
        )
        await site.client.post(f"{API}/runs/{started.json()['id']}/cancel")
    for reference in ("env:PATH", "file:../key", "vault:secret/none#key", "vault:secret/app#none"):
        credentials = {"baseUrl": url, "apiKey": {"ref": reference}}
        body = {"name": "refused", "credentials": credentials}
        assert (await site.client.post(f"{API}/providers/flowise/connect", json=body)).status_code == 409


async def _looks_at_everything(site: Site) -> None:
    """Every GET of the description, with ids that there are and with ones that there are not; the pages; the metrics."""
    document = (await site.client.get("/api/v1/openapi.json")).json()
    orchestrator = (await site.client.get(API)).json()["items"][0]["id"]
    run = (await site.client.get(f"{API}/runs")).json()["items"][0]["id"]
    connection = (await site.client.get(f"{API}/connections")).json()["items"][0]["id"]
    for path, item in document["paths"].items():
        if "get" not in item or "text/event-stream" in item["get"]["responses"]["200"].get("content", {}):
            continue
        given = {"runId": run, "provider": "flowise", "workflowId": "f", "nodeId": "a", "revision": "1"}
        given |= {"id": connection if "/connections/" in path else orchestrator}
        for name in [part.strip("{}") for part in path.split("/") if part.startswith("{")]:
            path = path.replace(f"{{{name}}}", given.get(name, orchestrator))
        await site.client.get(path, timeout=20)
    for path in ("/metrics", "/healthz", "/readyz", "/nothing", "/sign-in", "/api/v1/nothing", f"{API}/x"):
        await site.client.get(path)
    await site.client.post(API, content=b"{", headers={"Content-Type": "application/json"})
    events = await site.client.get(f"{API}/runs/{run}/events", timeout=20)  # of an ended run: it ends too
    assert "event: end" in events.text
