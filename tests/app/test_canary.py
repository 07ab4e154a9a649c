"""No secret is found anywhere but inside sealed records (threats T10): a unique one in every secret field of every provider,
through connecting, listing, looking, running and failing; then the whole database, every answer and every log is searched."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from app.cli import LOUD
from app.cli.files import canonical
from app.main import create_app
from app.sandbox import PLATFORMS, connect_sandbox, import_sample, sandbox_platforms
from app.serving import listen, serving
from providers import Connection, JsonObject, discover
from providers.sandbox.flowise import FlowiseSandbox
from runner.credentials import SET, BadCredentials, parse, split
from runner.model import Role
from tests.factories import Site, open_store, settings_for

API = "/api/v1/orchestrator"
REGISTRY = discover()
STARTS = {
    "make": "102",
    "n8n": "wfStock",
    "airflow": "quick_conf",
    "zapier": "hook:orders",
    "flowise": FlowiseSandbox.QUICK,
}
"""A workflow of each sandbox whose start sends credentials."""


class Canaries:
    """Hands out secrets that occur nowhere else, and finds them again in any usual spelling."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def hatch(self) -> str:
        self.all.append(f"canary/{len(self.all):03}+\"x'~{len(self.all) * 7919:05}")
        return self.all[-1]

    def in_(self, haystack: str) -> list[str]:
        lowered = haystack.lower()
        return [secret for secret in self.all if any(form.lower() in lowered for form in _forms(secret))]


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), raw.hex(), repr(secret)[1:-1]}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for skipped in range(3):  # base64 of text that holds it at any offset
        whole = base64.b64encode(b"\0" * skipped + raw).decode()
        inside = whole[(skipped * 8 + 5) // 6 : (skipped + len(raw)) * 8 // 6]
        forms |= {inside, inside.replace("+", "-").replace("/", "_")}
    return forms


def filled(model: type[Connection], good: JsonObject, canaries: Canaries) -> list[JsonObject]:
    """Credentials shaped like `good` with a canary in every secret. An optional secret that `good` lacks is added, or, where
    it is another way to sign in, comes with the address alone."""
    shown, _ = split(parse(model, good))

    def put(value: Any, key: str = "") -> Any:
        if value == SET:
            canary = canaries.hatch()
            return (
                f"https://hooks.zapier.com/hooks/catch/1/{quote(canary, safe='')}/"
                if key == "url"
                else canary
            )
        if isinstance(value, dict):
            return {name: put(item, name) for name, item in cast(dict[str, Any], value).items()}
        if isinstance(value, list):
            return [put(item) for item in cast(list[Any], value)]
        return value

    made: list[JsonObject] = [put(shown)]
    for field, info in model.model_fields.items():
        name = info.alias or field
        if SecretStr in _inside(info.annotation) and name not in made[0]:
            canary = canaries.hatch()
            try:
                parse(model, {**made[0], name: canary})
                made[0][name] = canary
            except BadCredentials:
                made.append({"baseUrl": good["baseUrl"], name: canary})
    return made


def _inside(annotation: Any) -> set[Any]:
    return {annotation, *getattr(annotation, "__args__", ())}


def test_the_search_finds_what_it_should() -> None:
    canaries = Canaries()
    secret = canaries.hatch()
    for hidden in (
        f"Basic {base64.b64encode(f'user:{secret}'.encode()).decode()}",
        f"?token={quote(secret, safe='')}",
        f"\\x{secret.encode().hex()}",
        json.dumps({"a": {"b": secret}}),
    ):
        assert canaries.in_(hidden) == [secret], hidden
    assert canaries.in_("canary/ but none of ours") == []


@pytest_asyncio.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    on = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    settings = settings_for(database_url, tmp_path, public_url=url)
    async with open_store(database_url) as store, serving(create_app(settings), on):
        tokens = {Role.ADMIN: await store.access.create_token("canary", Role.ADMIN)}
        headers = {"Authorization": f"Bearer {tokens[Role.ADMIN]}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            yield Site(url, store, client, client, tokens)


@pytest.mark.timeout(120)
async def test_a_secret_is_found_nowhere(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in LOUD:
        caplog.set_level(logging.WARNING, logger=name)
    canaries, bodies = Canaries(), list[str]()

    async def kept(response: httpx.Response) -> None:
        if response.request.url.path.startswith("/api"):
            await response.aread()
            bodies.append(f"{response.headers}\n{response.text}")

    site.client.event_hooks["response"].append(kept)
    scope = await site.store.access.scope("canary")
    async with sandbox_platforms(time_scale=0.05) as credentials:
        accepted = await connect_sandbox(site.store, REGISTRY, scope, credentials)
        for provider, good in credentials.items():
            model = REGISTRY[provider].connection_model
            canaries.all += [
                secret
                for secret in parse(model, good).secrets()
                if len(secret) > 6 and "hooks/catch" not in secret
            ]
        sample = await import_sample(site.store, scope, accepted)
        for provider, good in credentials.items():
            for number, bad in enumerate(filled(REGISTRY[provider].connection_model, good, canaries)):
                await _wrong(site, provider, bad, f"wrong {number}")
        await site.client.post(f"{API}/{sample}/run", json={}, headers={"Prefer": "wait=40"})
        for provider in PLATFORMS:
            await _read(site, provider, str(accepted[provider].id))
        for run in (await site.client.get(f"{API}/runs")).json()["items"]:
            await site.client.get(f"{API}/runs/{run['id']}")
            await site.client.get(f"{API}/runs/{run['id']}/logs", params={"limit": "200"})
        await site.client.get(f"{API}/connections")
        await site.client.get(f"{API}/providers")
    states = [run["status"] for run in (await site.client.get(f"{API}/runs")).json()["items"]]
    assert sorted(set(states)) == ["COMPLETED", "FAILED"]
    bodies += [canonical(each).decode() for each in await site.store.orchestrators.page(scope, limit=200)]

    assert len(canaries.all) > 25
    assert canaries.in_("\n".join(bodies)) == []
    assert canaries.in_(caplog.text) == []
    rows_of = await dump(site)
    assert rows_of["node_attempt"].count("***") > 5  # requests were recorded, and masked
    for table, rows in rows_of.items():
        assert canaries.in_(rows) == [], table


async def _wrong(site: Site, provider: str, credentials: JsonObject, name: str) -> None:
    """Connect with credentials that are refused, and use them for everything."""
    body = {"name": name, "credentials": credentials, "allowPrivateNetwork": True}
    await site.client.post(f"{API}/providers/{provider}/connect", json=body)
    await site.client.post(f"{API}/providers/{provider}/test", json=body | {"name": None})
    await site.client.post(
        f"{API}/providers/{provider}/test",
        json={"credentials": credentials, "allowPrivateNetwork": True},
    )
    misfit = {**credentials, "unheardOf": next(iter(credentials.values()))}
    await site.client.post(f"{API}/providers/{provider}/connect", json={**body, "credentials": misfit})
    made = await site.client.post(f"{API}/providers/{provider}/connect", json=body, params={"force": "true"})
    assert made.status_code == 201, made.text
    connection_id = made.json()["id"]
    await _read(site, provider, connection_id)
    await site.client.post(f"{API}/providers/{provider}/test", json={"connectionId": connection_id})
    url = f"{API}/connections/{connection_id}"
    await site.client.get(url)
    await site.client.patch(url, json={"credentials": credentials})
    await site.client.patch(url, json={"credentials": made.json()["credentials"]}, params={"force": "true"})
    config = {
        "provider": provider,
        "connectionId": connection_id,
        "workflowId": STARTS[provider],
        "retryAttempts": 0,
    }
    node: JsonObject = {"id": "a", "type": "RemoteWebhook", "data": {"label": "A", "config": config}}
    definition: JsonObject = {"version": 1, "nodes": [node], "edges": []}
    drawn = await site.client.post(API, json={"name": f"wrong {provider}", "definition": definition})
    assert drawn.status_code == 201, drawn.text
    await site.client.post(f"{API}/{drawn.json()['id']}/run", headers={"Prefer": "wait=40"})
    await site.client.delete(url)


async def _read(site: Site, provider: str, connection_id: str) -> None:
    query = {"connectionId": connection_id, "refresh": "true"}
    listed = await site.client.get(f"{API}/providers/{provider}/workflows", params=query)
    for item in listed.json().get("items", [])[:6]:
        await site.client.get(f"{API}/providers/{provider}/workflows/{item['id']}/preview", params=query)
    await site.client.get(f"{API}/providers/{provider}/workflows/none/preview", params=query)


async def dump(site: Site) -> dict[str, str]:
    """Every row of every table as JSON, bytes as hex: a row as Postgres writes it would double the quotes in it."""
    found: dict[str, str] = {}
    async with site.store.database.begin() as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for table in (await connection.execute(text(names))).scalars().all():
            rows = await connection.execute(text(f'SELECT to_jsonb(t)::text FROM "{table}" t'))
            found[table] = "\n".join(rows.scalars())
    return found
