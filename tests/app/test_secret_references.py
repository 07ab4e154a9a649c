"""Connections whose secrets stand elsewhere, over HTTP: resolved at the call, never stored, never shown, an admin's to set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.cli import main
from providers import JsonObject
from providers.sandbox._asgi import Ask, Reply, Sandbox
from runner.model import Role
from tests.factories import KEY, Site, site_on
from tests.serving import served
from tests.vault_peer import VaultPeer

API = "/api/v1/orchestrator"
FIRST, SECOND = "first-secret-value", "second-secret-value"


class Platform(Sandbox):
    """A Flowise that knows one key, and repeats what it was sent when it refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.key = FIRST
        self.seen: list[str] = []
        self.route("GET", "/api/v1/chatflows", self._flows)
        self.route("POST", "/api/v1/prediction/{flow}", self._flows)

    async def _flows(self, ask: Ask) -> Reply:
        given = ask.headers.get("authorization", "")
        self.seen.append(given)
        if given != f"Bearer {self.key}":
            return Reply(401, {"message": f"{given} is not the key"})
        return Reply(200, [] if ask.method == "GET" else {"text": "done"})


@dataclass
class Place:
    site: Site
    platform: Platform
    url: str
    vault: VaultPeer
    folder: Path

    def body(self, reference: str, **more: Any) -> dict[str, Any]:
        credentials: JsonObject = {"baseUrl": self.url, "apiKey": {"ref": reference}}
        return {"name": "far", "credentials": credentials, "allowPrivateNetwork": True, **more}

    async def connect(self, reference: str, **query: str) -> Any:
        return await self.site.client.post(
            f"{API}/providers/flowise/connect", json=self.body(reference), params=query
        )


@asynccontextmanager
async def place(database_url: str, tmp_path: Path, **more: Any) -> AsyncGenerator[Place]:
    platform, vault, folder = Platform(), VaultPeer(), tmp_path / "secrets"
    folder.mkdir()
    (folder / "key").write_text(FIRST + "\n")
    vault.kv["secret/app"] = {"key": FIRST}
    async with served(platform) as url, served(vault) as vault_url:
        settings: dict[str, Any] = {
            "secret_env": ("FAR_KEY",),
            "secret_files": folder,
            "vault_addr": vault_url,
            "vault_token": SecretStr(vault.root),
        }
        async with site_on(database_url, tmp_path, engine=True, **{**settings, **more}) as site:
            yield Place(site, platform, url, vault, folder)


REFERENCES = ("env:FAR_KEY", "file:key", "vault:secret/app#key")


@pytest.mark.parametrize("reference", REFERENCES)
async def test_a_secret_that_stands_elsewhere_is_used_and_found_nowhere(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    monkeypatch.setenv("FAR_KEY", FIRST)
    async with place(database_url, tmp_path) as here:
        made = await here.connect(reference)
        assert made.status_code == 201, made.text
        assert made.json()["credentials"]["apiKey"] == {"ref": reference}
        run = await _run(here.site, made.json()["id"])
        assert run["status"] == "COMPLETED", run
        history = await here.site.client.get(f"{API}/runs/{run['id']}")
        assert here.platform.seen[-1] == f"Bearer {FIRST}"
        listed = await here.site.client.get(
            f"{API}/providers/flowise/workflows", params={"connectionId": made.json()["id"]}
        )
        assert listed.status_code == 200
        for answer in (made, history, listed):
            assert FIRST not in answer.text
        rows = await _dump(here.site)
        assert reference in rows
        assert FIRST not in rows and here.vault.root not in rows and FIRST.encode().hex() not in rows


async def test_a_new_value_is_used_after_the_old_one_was_refused(database_url: str, tmp_path: Path) -> None:
    async with place(database_url, tmp_path) as here:
        made = (await here.connect("file:key")).json()
        assert (await _run(here.site, made["id"]))["status"] == "COMPLETED"
        here.platform.key = SECOND
        (here.folder / "key").write_text(SECOND)
        refused = await _run(here.site, made["id"])
        assert refused["status"] == "FAILED"
        assert FIRST not in str(refused)
        assert (await _run(here.site, made["id"]))["status"] == "COMPLETED"
        assert here.platform.seen[-2:] == [f"Bearer {FIRST}", f"Bearer {SECOND}"]


async def test_a_missing_secret_is_an_error_of_the_connection_that_names_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAR_KEY", raising=False)
    async with place(database_url, tmp_path) as here:
        refused = await here.connect("env:FAR_KEY", force="true")
        assert (refused.status_code, refused.json()["code"]) == (409, "secret-missing")
        assert "env:FAR_KEY" in refused.text
        made = (await here.connect("vault:secret/app#key")).json()
        here.vault.kv.clear()
        tested = await here.site.client.post(
            f"{API}/providers/flowise/test", json={"connectionId": made["id"]}
        )
        assert tested.json()["ok"] is False
        assert "vault:secret/app#key" in tested.json()["problem"]["message"]
        run = await _run(here.site, made["id"])
        assert run["status"] == "FAILED"
        assert run["error"]["code"] == "secret-missing" and "vault:secret/app#key" in run["error"]["message"]
        shown = (await here.site.client.get(f"{API}/connections/{made['id']}")).json()
        assert shown["status"] == "FAILING" and "vault:secret/app#key" in shown["lastError"]["message"]


async def test_vault_that_is_down_is_waited_for(database_url: str, tmp_path: Path) -> None:
    async with place(database_url, tmp_path) as here:
        made = (await here.connect("vault:secret/app#key")).json()
        tested = {"connectionId": made["id"]}
        here.vault.answer = Reply(503, {"errors": ["Vault is sealed"]})
        answer = await here.site.client.post(f"{API}/providers/flowise/test", json=tested)
        assert "Vault answers with 503" in answer.json()["problem"]["message"]
        running = asyncio.create_task(_run(here.site, made["id"], retryAttempts=5, retryDelay=200))
        while len(here.vault.calls) < 4:  # it was asked again, so it is being waited for
            await asyncio.sleep(0.01)
        here.vault.answer = None
        assert (await running)["status"] == "COMPLETED"


async def test_only_an_admin_points_at_a_secret_store(database_url: str, tmp_path: Path) -> None:
    async with place(database_url, tmp_path) as here:
        editor, client = here.site.bearer(Role.EDITOR), here.site.client
        attempts = (
            ("connect", here.body("file:key", allowPrivateNetwork=False)),
            ("test", {"credentials": here.body("file:key")["credentials"]}),
        )
        for what, body in attempts:
            answer = await client.post(f"{API}/providers/flowise/{what}", json=body, headers=editor)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
        made = (await here.connect("file:key")).json()
        url = f"{API}/connections/{made['id']}"
        # Sent back as it is, it stays; another reference, and another address, are an admin's.
        same = await client.patch(url, json={"credentials": made["credentials"]}, headers=editor)
        assert same.status_code == 200, same.text
        other = {"credentials": {"apiKey": {"ref": "vault:secret/app#key"}}}
        assert (await client.patch(url, json=other, headers=editor)).status_code == 403
        await client.patch(url, json={"allowPrivateNetwork": False})
        there = {"baseUrl": "https://elsewhere.example", "apiKey": {"ref": "file:key"}}
        sent = await client.patch(url, json={"credentials": there}, params={"force": "true"}, headers=editor)
        assert sent.status_code == 403
        tried = {"connectionId": made["id"], "credentials": there}
        assert (
            await client.post(f"{API}/providers/flowise/test", json=tried, headers=editor)
        ).status_code == 403
        away = {"baseUrl": "https://elsewhere.example"}
        moved = await client.patch(url, json=away, params={"force": "true"}, headers=editor)
        assert "apiKey" not in moved.json()["credentials"]
        assert all(seen == f"Bearer {FIRST}" for seen in here.platform.seen)


async def test_people_are_told_which_stores_there_are(database_url: str, tmp_path: Path) -> None:
    async with place(database_url, tmp_path) as here:
        told = (await here.site.client.get(f"{API}/providers")).json()["secretStores"]
        assert told == {"kinds": ["env", "file", "vault"], "names": ["FAR_KEY"]}
        viewer = here.site.bearer(Role.VIEWER)
        told = (await here.site.client.get(f"{API}/providers", headers=viewer)).json()["secretStores"]
        assert told["names"] == []


async def test_check_tests_them(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with place(database_url, tmp_path) as here:
        assert (await here.connect("file:key")).status_code == 201
        environ = {
            "DATABASE_URL": database_url.replace("+asyncpg", ""),
            "DATA_DIR": str(tmp_path),
            "SECRET_KEYS": f"{KEY.id}:{KEY.key.get_secret_value()}",
            "SECRET_FILES": str(here.folder),
        }
        for name, value in environ.items():
            monkeypatch.setenv(f"BATON_{name}", value)
        await asyncio.to_thread(main, ["check"])
        assert "ok   connection far (flowise)" in capsys.readouterr().out
        (here.folder / "key").unlink()
        assert await asyncio.to_thread(main, ["check"]) == 1
        told = capsys.readouterr().out
        assert "FAIL connection far (flowise): secret-missing: file:key cannot be read" in told


async def _run(site: Site, connection_id: str, **more: Any) -> Any:
    config = {
        "provider": "flowise",
        "connectionId": connection_id,
        "workflowId": "f",
        "retryAttempts": 0,
        **more,
    }
    node: JsonObject = {"id": "a", "type": "RemoteWebhook", "data": {"label": "A", "config": config}}
    definition: JsonObject = {"version": 1, "nodes": [node], "edges": []}
    drawn = await site.client.post(API, json={"name": "far", "definition": definition})
    assert drawn.status_code == 201, drawn.text
    answer = await site.client.post(f"{API}/{drawn.json()['id']}/run", headers={"Prefer": "wait=15"})
    return answer.json()


async def _dump(site: Site) -> str:
    found: list[str] = []
    async with site.store.database.begin() as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for table in (await connection.execute(text(names))).scalars().all():
            found += (await connection.execute(text(f'SELECT to_jsonb(t)::text FROM "{table}" t'))).scalars()
    return "\n".join(found)
