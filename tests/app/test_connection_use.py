"""Who may use a connection: a floor for putting it into drawings and one for starting runs with it, held at every door, and a
stored credential that goes nowhere but to the address it belongs to (threats T9)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from app.serving import listen, serving
from providers import JsonObject, discover
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox.n8n import N8nSandbox
from runner.credentials import parse
from runner.model import Role, Scope, TriggerInfo
from runner.tables import workspace
from tests.factories import Site, make_workspace
from tests.serving import served

API = "/api/v1/orchestrator"
EDITOR, OPERATOR, VIEWER = Role.EDITOR, Role.OPERATOR, Role.VIEWER


@dataclass
class Place:
    """A connection that only admins may draw with and start."""

    site: Site
    id: str
    base_url: str

    async def ask(self, role: Role, method: str, path: str, **given: Any) -> httpx.Response:
        return await self.site.client.request(method, f"{API}{path}", headers=self.site.bearer(role), **given)

    async def use(self, **use: str) -> None:
        answer = await self.ask(Role.ADMIN, "PATCH", f"/connections/{self.id}", json={"use": use})
        assert answer.status_code == 200 and use.items() <= answer.json()["use"].items(), answer.text

    def graph(self, named: bool = True) -> JsonObject:
        config: JsonObject = {"provider": "n8n", "workflowId": "wfStock"}
        config |= {"connectionId": self.id} if named else {}
        node: JsonObject = {"id": "a", "type": "RemoteWebhook", "data": {"label": "A", "config": config}}
        return {"version": 1, "nodes": [node], "edges": []}

    async def drawn(self, graph: JsonObject, role: Role = Role.ADMIN) -> str:
        answer = await self.ask(role, "POST", "", json={"name": "x", "definition": graph})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]


@asynccontextmanager
async def platform() -> AsyncGenerator[JsonObject]:
    on = listen("127.0.0.1", 0)
    async with serving(N8nSandbox(time_scale=0.05), on):
        yield N8nSandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}")


@pytest_asyncio.fixture
async def place(site: Site) -> AsyncGenerator[Place]:
    async with platform() as credentials:
        body = {"name": "mine", "credentials": credentials, "allowPrivateNetwork": True}
        made = await site.client.post(f"{API}/providers/n8n/connect", json=body)
        assert made.status_code == 201, made.text
        found = Place(site, made.json()["id"], made.json()["baseUrl"])
        assert made.json()["use"] == {"draw": "editor", "start": "operator"}
        yield found


@pytest.mark.parametrize("named", [True, False], ids=["named", "the only one"])
async def test_a_drawing_takes_it_from_the_floor_on(place: Place, named: bool) -> None:
    graph = place.graph(named)
    mine = await place.drawn(graph, EDITOR)
    await place.use(draw="admin")
    for method, path, body in (
        ("POST", "", {"name": "y", "definition": graph}),
        ("PUT", f"/{mine}", {"definition": graph}),
    ):
        refused = await place.ask(EDITOR, method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "connection-not-permitted")
    checked = (await place.ask(EDITOR, "POST", "/check", json={"definition": graph})).json()
    assert not checked["runnable"]
    assert ("a", "connection-not-permitted") in [(p["nodeId"], p["code"]) for p in checked["problems"]]
    assert (await place.ask(Role.ADMIN, "POST", "/check", json={"definition": graph})).json()["runnable"]
    await place.drawn(graph)
    renamed = await place.ask(EDITOR, "PUT", f"/{mine}", json={"name": "renamed"})
    assert renamed.status_code == 200
    assert (await place.ask(OPERATOR, "POST", f"/{mine}/run", json={})).status_code == 202


@pytest.mark.parametrize("named", [True, False], ids=["named", "the only one"])
async def test_runs_with_it_start_from_the_floor_on(place: Place, named: bool) -> None:
    flow = await place.drawn(place.graph(named))
    outer: JsonObject = {"id": "f", "type": "LocalFlow", "data": {"label": "F", "config": {"flowId": flow}}}
    around = await place.drawn({"version": 1, "nodes": [outer], "edges": []})
    scope = await place.site.store.access.scope("test")
    ended = await place.site.store.runs.create(scope, UUID(flow), {}, trigger=TriggerInfo(by="test"))
    await place.site.store.runs.cancel(scope, ended)
    await place.use(start="editor")
    attempts: tuple[tuple[str, JsonObject], ...] = (
        (f"/{flow}/run", {}),
        (f"/{around}/run", {}),  # the run that it starts in turn
        (f"/runs/{ended}/retry", {"from": "start"}),
        (f"/{flow}/test", {"nodeId": "a", "mode": "node"}),
    )
    for path, body in attempts:
        refused = await place.ask(OPERATOR, "POST", path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "connection-not-permitted"), path
        keyed = {**place.site.bearer(OPERATOR), "Idempotency-Key": f"key-{path}"}
        again = await place.site.client.post(f"{API}{path}", json=body, headers=keyed)
        assert again.status_code == 403, path
    for path, body in attempts:
        allowed = await place.ask(EDITOR, "POST", path, json=body)
        assert allowed.status_code == 202, (path, allowed.text)
    await place.use(start="operator")
    assert (await place.ask(OPERATOR, "POST", f"/{flow}/run", json={})).status_code == 202


async def test_a_flow_that_starts_itself_is_looked_at_once(place: Place) -> None:
    await place.use(start="admin")
    node: JsonObject = {
        "id": "f",
        "type": "LocalFlow",
        "data": {"label": "F", "config": {"flowId": str(uuid4())}},
    }
    flow = await place.drawn({"version": 1, "nodes": [node], "edges": []})
    node = {**node, "data": {"label": "F", "config": {"flowId": flow}}}
    saved = {"definition": {"version": 1, "nodes": [node], "edges": []}}
    assert (await place.ask(EDITOR, "PUT", f"/{flow}", json=saved)).status_code == 200
    assert (await place.ask(OPERATOR, "POST", f"/{flow}/run", json={})).status_code == 202


async def test_who_may_use_it_for_nothing_finds_nothing_through_it(place: Place) -> None:
    listed = f"/providers/n8n/workflows?connectionId={place.id}"
    looks = (
        ("GET", listed, None),
        ("GET", "/providers/n8n/workflows", None),
        ("GET", f"/providers/n8n/workflows/wfStock/preview?connectionId={place.id}", None),
        ("GET", f"/providers/n8n/workflows/wfStock/node?connectionId={place.id}", None),
        ("POST", "/providers/n8n/test", {"connectionId": place.id}),
    )
    assert (await place.ask(VIEWER, "GET", listed)).status_code == 200
    assert (await place.ask(VIEWER, "GET", "/workflows")).json()["total"] > 0
    await place.use(draw="admin", start="admin")
    for role in (VIEWER, OPERATOR, EDITOR):
        for method, path, body in looks:
            if role is VIEWER and method == "POST":
                continue
            answer = await place.ask(role, method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), path
        assert (await place.ask(role, "GET", "/workflows")).json()["total"] == 0
    for method, path, body in looks:
        assert (await place.ask(Role.ADMIN, method, path, json=body)).status_code == 200, path


async def test_only_admins_say_who_uses_it_and_only_users_change_it(place: Place) -> None:
    url = f"/connections/{place.id}"
    assert (await place.ask(EDITOR, "PATCH", url, json={"use": {"draw": "editor"}})).status_code == 403
    await place.use(draw="admin")
    for method, body in (
        ("PATCH", {"name": "taken"}),
        ("PATCH", {"baseUrl": "https://e.example"}),
        ("DELETE", None),
    ):
        assert (await place.ask(EDITOR, method, url, json=body)).status_code == 403
    for wrong in (
        {"draw": "viewer"},
        {"draw": "operator"},
        {"start": "viewer"},
        {"start": "nobody"},
        {"other": "admin"},
    ):
        assert (await place.ask(Role.ADMIN, "PATCH", url, json={"use": wrong})).status_code == 422
    assert (await place.ask(VIEWER, "GET", url)).json()["use"] == {"draw": "admin", "start": "operator"}


# -- threats T9


async def test_a_foreign_connection_is_not_found_by_any_helper(place: Place) -> None:
    """Every route that takes a connection, with one of another workspace, one that never was, and odd ids."""
    store = place.site.store
    await make_workspace(store, "other")
    async with store.database.begin() as transaction:
        found = await transaction.execute(select(workspace.c.id).where(workspace.c.name == "other"))
        other = Scope(found.scalar_one(), "x", Role.ADMIN)
    credentials = {"baseUrl": place.base_url, "apiKey": "of-another-workspace"}
    connection = parse(discover()["n8n"].connection_model, credentials)
    foreign = await store.connections.create(other, "n8n", "theirs", connection, allow_private_network=True)
    for wanted, status in ((str(foreign.id), 404), (str(uuid4()), 404), ("~", 422), ("*", 422), ("%20", 422)):
        for method, path, body in (
            ("GET", f"/providers/n8n/workflows?connectionId={wanted}", None),
            ("GET", f"/providers/n8n/workflows/wfStock/preview?connectionId={wanted}", None),
            ("GET", f"/providers/n8n/workflows/wfStock/node?connectionId={wanted}", None),
            ("POST", "/providers/n8n/test", {"connectionId": wanted}),
            (
                "POST",
                "/providers/n8n/test",
                {"connectionId": wanted, "credentials": {"baseUrl": "http://x.example"}},
            ),
        ):
            answer = await place.ask(Role.ADMIN, method, path, json=body)
            assert answer.status_code == status, (path, answer.text)
        if status == 404:
            for method, path in (
                ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/breaker/probe"), ("POST", "/breaker/close"),
            ):  # fmt: skip
                body = {"name": "y"} if method == "PATCH" else None
                answer = await place.ask(Role.ADMIN, method, f"/connections/{wanted}{path}", json=body)
                assert answer.status_code == 404, (method, path)


class Elsewhere(Sandbox):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Ask] = []
        self.route("*", "/{rest:path}", self._kept)
        self.route("*", "/", self._kept)

    async def _kept(self, ask: Ask) -> Reply:
        self.got.append(ask)
        return Reply(200, {"data": []})


class Redirecting(Sandbox):
    """Sends everybody to another origin."""

    def __init__(self, to: str) -> None:
        super().__init__()
        self.status, self.asked = 302, 0
        self._to = to
        self.route("*", "/{rest:path}", self._sent_away)

    async def _sent_away(self, ask: Ask) -> Reply:
        self.asked += 1
        return Reply(self.status, {}, headers={"Location": f"{self._to}{ask.path}"})


async def test_no_redirect_takes_a_credential_along(site: Site) -> None:
    """Test, list, preview and the node's own look-up of every provider are sent to another origin: nothing arrives there."""
    elsewhere = Elsewhere()
    async with served(elsewhere) as there:
        away = Redirecting(there)
        async with served(away) as url:
            credentials: dict[str, JsonObject] = {
                "n8n": {"baseUrl": url, "apiKey": "canary-key"},
                "make": {"baseUrl": f"{url}/api/v2", "apiKey": "canary-key"},
                "airflow": {"baseUrl": url, "token": "canary-key"},
                "flowise": {"baseUrl": url, "apiKey": "canary-key"},
                "zapier": {"apiBaseUrl": url, "accessToken": "canary-key", "tokenUrl": f"{url}/token",
                           "hooksBaseUrl": url, "hooks": [{"name": "a", "url": f"{url}/hooks/catch/1/canary-key/"}]},
            }  # fmt: skip
            assert set(credentials) == {kind.name for kind in discover()}
            for provider, given in credentials.items():
                body = {"name": "away", "credentials": given, "allowPrivateNetwork": True}
                path = f"{API}/providers/{provider}"
                made = await site.client.post(f"{path}/connect", json=body, params={"force": "true"})
                assert made.status_code == 201, made.text
                asked = {"connectionId": made.json()["id"], "refresh": "true"}
                for away.status in (301, 302, 303, 307, 308):
                    before = away.asked
                    await site.client.post(f"{path}/test", json={"connectionId": asked["connectionId"]})
                    await site.client.get(f"{path}/workflows", params=asked)
                    await site.client.get(f"{path}/workflows/1/preview", params=asked)
                    await site.client.get(f"{path}/workflows/1/node", params=asked)
                    assert away.asked > before or provider == "zapier", provider
    assert elsewhere.got == []


async def test_what_is_tested_with_stored_secrets_goes_to_their_origin_only(place: Place) -> None:
    """An address of somebody's own beside stored secrets: refused before anything is sent."""
    elsewhere = Elsewhere()
    async with served(elsewhere) as there:
        for changed in ({"baseUrl": there}, {"baseUrl": there, "apiKey": "***"}):
            body = {"connectionId": place.id, "credentials": changed}
            answer = await place.ask(Role.ADMIN, "POST", "/providers/n8n/test", json=body)
            assert answer.status_code == 422, answer.text
            patched = await place.ask(
                Role.ADMIN,
                "PATCH",
                f"/connections/{place.id}",
                json={"credentials": {**changed, "apiKey": "***"}},
            )
            assert patched.status_code == 422
        moved = await place.ask(Role.ADMIN, "PATCH", f"/connections/{place.id}", json={"baseUrl": there})
        assert moved.status_code == 200 and "apiKey" not in moved.json()["credentials"]
        for path in ("workflows?refresh=true", "workflows/wfStock/preview?refresh=true"):
            await place.ask(Role.ADMIN, "GET", f"/providers/n8n/{path}")
        tested = await place.ask(Role.ADMIN, "POST", "/providers/n8n/test", json={"connectionId": place.id})
        assert tested.json()["problem"]["code"] == "unauthorized"
    assert elsewhere.got == []
