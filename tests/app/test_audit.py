"""The audit log: every route that changes something leaves its line, in the transaction of the change; nobody can alter one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.routing import Route

from app.main import create_app
from providers import JsonObject
from runner.model import Role
from runner.store.audit import REFUSALS, AuditFilter, AuditLine
from tests.app.acts import ACTS, API, CANARY, CHANGES_NOTHING, LOG, OWN, PASSWORD, TOLD_ELSEWHERE, World
from tests.app.test_connections import n8n as n8n  # a fixture
from tests.factories import Site, make_graph, make_workspace, settings_for, site_on


def unsafe(tmp_path: Path) -> set[tuple[str, str]]:
    app = create_app(settings_for("postgresql+asyncpg://x/y", tmp_path))
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set[str]()) - {"GET", "HEAD", "OPTIONS"}
    }


@pytest_asyncio.fixture
async def world(site: Site, n8n: JsonObject) -> AsyncIterator[World]:
    yield World(site, n8n)


async def lines(site: Site, **wanted: Any) -> tuple[AuditLine, ...]:
    scope = await site.store.access.scope("test")
    return await site.store.audit.page(scope, AuditFilter(**wanted), limit=500)


def test_every_unsafe_route_is_told_or_says_why_not(tmp_path: Path) -> None:
    """A new route that changes something is added to ACTS, with its line."""
    known = {*ACTS, *OWN, *CHANGES_NOTHING, *TOLD_ELSEWHERE}
    assert unsafe(tmp_path) == known


@pytest.mark.parametrize(("method", "path"), list(ACTS))
async def test_a_change_leaves_its_line(world: World, method: str, path: str) -> None:
    action, make = ACTS[method, path]
    url, body = await make(world)
    answer = await world.site.client.request(method, url, json=body or None)
    assert answer.is_success, answer.text
    request_id = answer.headers["X-Request-Id"]
    told = [line for line in await lines(world.site) if line.request_id == request_id]
    assert action in [line.action for line in told], told
    for line in told:
        assert (line.by, line.address) == ("token:admin", "127.0.0.1")
        whole = line.model_dump_json()
        secrets = [str(value) for name, value in world.n8n.items() if name != "baseUrl"]
        assert CANARY not in whole and not any(secret in whole for secret in secrets)


@pytest.mark.parametrize(("method", "path"), list(OWN))
async def test_what_a_person_does_about_themselves_is_told(site: Site, method: str, path: str) -> None:
    action, body = OWN[method, path]
    here = await site.cookie(subject="owner")
    other = await site.cookie(subject="owner")
    anonymous = site.anonymous
    ids = {
        "sessions": (await anonymous.get("/api/v1/account/sessions", headers=other)).json()["items"][0]["id"],
        "workspaces": (await anonymous.get("/api/v1/session", headers=here)).json()["workspaceId"],
    }
    if path.endswith("tokens/{id}"):
        made = await anonymous.post(
            "/api/v1/account/tokens", json={"name": "x", "role": "viewer"}, headers=here
        )
        ids["tokens"] = made.json()["id"]
    url = path.replace("{id}", ids.get(path.rpartition("/{")[0].rpartition("/")[2], ""))
    answer = await anonymous.request(method, url, json=body or None, headers=here)
    assert answer.status_code < 400, answer.text
    told = [line for line in await lines(site) if line.request_id == answer.headers["X-Request-Id"]]
    assert [line.action for line in told] == [action]
    assert (told[0].by, told[0].address) == ("owner", "127.0.0.1")
    assert PASSWORD not in told[0].model_dump_json()


async def test_coming_in_is_told(site: Site) -> None:
    """By the code of the log, by an invitation, by a password, and by a reset; never what was typed."""
    code = await site.store.access.create_code()
    fields = {"name": "Ann", "email": "ann@example.org", "password": PASSWORD}
    assert (await site.anonymous.post("/setup", data={**fields, "code": code})).status_code == 303
    link = (
        await site.client.post("/api/v1/invitations", json={"email": "bo@example.org", "role": "viewer"})
    ).json()["link"]
    token = link.partition("token=")[2]
    joined = await site.anonymous.post(
        "/invitation", data={"token": token, "name": "Bo", "password": PASSWORD}
    )
    assert joined.status_code == 303
    wanted = {"email": "ann@example.org", "password": PASSWORD}
    assert (await site.anonymous.post("/sign-in", data=wanted)).status_code == 303
    assert (await site.anonymous.post("/sign-in", data={**wanted, "password": CANARY})).status_code == 401
    reset = await site.store.resets.ask("ann@example.org")
    again = await site.anonymous.post("/reset", data={"token": reset, "password": f"{PASSWORD} two"})
    assert again.status_code == 303
    told = await lines(site)
    assert {
        "account.set_up",
        "member.added",
        "session.opened",
        "sign_in.refused",
        "account.password_reset",
    } <= {line.action for line in told}
    whole = "".join(line.model_dump_json() for line in told)
    assert not any(secret in whole for secret in (PASSWORD, CANARY, token, code, str(reset)))


async def test_a_change_that_fails_leaves_none(world: World) -> None:
    made = await world.orchestrator()
    before = await lines(world.site)
    client = world.site.client
    refused = [
        await client.put(f"{API}/{made}", json={"name": "x"}, headers={"If-Match": '"99"'}),
        await client.delete(f"{API}/{uuid4()}"),
        await client.post(f"{API}/{uuid4()}/run", json={}),
        await client.post(f"{API}/runs/{uuid4()}/reveal", json={"part": "inputs", "reason": "curious"}),
        await client.post("/api/v1/redaction/rules", json={"name": "x", "kind": "pattern", "value": "(?=x)"}),
        await client.delete(f"{API}/{made}", headers={"Authorization": "Bearer nobody"}),
    ]
    assert [answer.status_code for answer in refused] == [412, 404, 404, 404, 422, 401]
    assert await lines(world.site) == before


async def test_what_is_done_twice_is_told_once(world: World) -> None:
    run_id, token = await world.ended(), await world.token()
    await world.post(f"{API}/runs/{run_id}/cancel")
    for _ in range(2):
        assert (await world.site.client.delete(f"/api/v1/tokens/{token}")).is_success
    told = [line.action for line in await lines(world.site)]
    assert (told.count("run.cancelled"), told.count("token.revoked")) == (1, 1)


async def test_a_changed_secret_is_told_by_the_name_of_its_field(world: World) -> None:
    made = await world.connection()
    fields = {"apiKey": world.n8n["apiKey"]}
    url = f"{API}/connections/{made}"
    assert (await world.site.client.patch(url, json={"credentials": fields})).is_success
    assert len(await lines(world.site, object_id=made)) == 1, "the same key again is no change"
    answer = await world.site.client.patch(
        url, json={"credentials": {"apiKey": CANARY}, "limits": {"inFlight": 3}}, params={"force": "true"}
    )
    assert answer.is_success, answer.text
    changed = (await lines(world.site, object_id=made))[0]
    assert {"apiKey", "max_in_flight"} <= set(changed.fields) and CANARY not in changed.model_dump_json()


@pytest.mark.parametrize("statement", ["UPDATE audit SET by = 'me'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_no_line_is_altered_or_deleted(world: World, statement: str) -> None:
    await world.orchestrator()
    before = await lines(world.site)
    with pytest.raises(DBAPIError, match="append-only"):
        async with world.site.store.database.begin() as connection:
            await connection.execute(text(statement))
    assert before and await lines(world.site) == before


async def test_only_what_is_too_old_goes_and_a_bit_at_a_time(world: World) -> None:
    store = world.site.store
    scope = await store.access.scope("test")
    old = "lpad(to_hex(CAST(extract(epoch FROM clock_timestamp() - interval '{} days') * 1000 AS bigint)), 12, '0')"
    async with store.database.begin() as connection:
        for days in (400, 366, 364):
            await connection.execute(
                text(
                    "INSERT INTO audit (workspace_id, id, at, by, action, object_kind) VALUES (:workspace, "
                    f"CAST({old.format(days)} || '00000000000000000000' AS uuid), "
                    f"clock_timestamp() - interval '{days} days', 'old', 'old.{days}', 'key')"
                ),
                {"workspace": scope.workspace_id},
            )
    assert await store.audit.purge(365) == 2
    assert [line.action for line in await lines(world.site, by="old")] == ["old.364"]
    assert await store.audit.purge(365, every=0) == 0
    assert await store.audit.purge(None, every=60) == 0
    assert await store.audit.purge(1) is None, "not due"
    assert len(await lines(world.site, by="old")) == 1


async def test_it_is_read_by_filter_and_by_cursor_by_admins_of_the_workspace(world: World) -> None:
    site = world.site
    made = [await world.orchestrator() for _ in range(3)]
    run_id = await world.run()
    for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
        for url in (LOG, f"{LOG}/export"):
            assert (await site.anonymous.get(url, headers=site.bearer(role))).status_code == 403

    async def found(**query: Any) -> list[dict[str, Any]]:
        answer = await site.client.get(LOG, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    assert [line["objectId"] for line in await found(by="token:admin")] == made[::-1]
    assert [line["objectId"] for line in await found(action="run.started")] == [run_id]
    assert [line["action"] for line in await found(action="run")] == ["run.started"]
    assert await found(action="ru") == []
    assert len(await found(objectKind="orchestrator")) == 4
    (one,) = await found(objectId=made[0])
    assert await found(objectId=made[0], since=one["at"]) == [one]
    assert await found(objectId=made[0], until=one["at"]) == []
    first = (await site.client.get(LOG, params={"limit": 2, "by": "token:admin"})).json()
    rest = await found(limit=2, by="token:admin", cursor=first["nextCursor"])
    assert [line["objectId"] for line in [*first["items"], *rest]] == made[::-1]
    await make_workspace(site.store, "other")
    theirs = await site.store.access.scope("them", workspace_name="other")
    assert await site.store.audit.page(theirs, AuditFilter(), limit=10) == ()


async def test_it_is_exported_whole_and_no_cell_is_a_formula(world: World) -> None:
    site = world.site
    name = '=HYPERLINK("http://evil.example")'
    await world.post(API, name=name, definition=make_graph("A").to_json())
    scope = await site.store.access.scope("test")
    count = 620  # more than one piece
    for _ in range(count):
        await site.store.retention.hurry(scope)
    answer = await site.client.get(f"{LOG}/export", params={"format": "jsonl"})
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert len(told) == len({line["id"] for line in told})
    assert [line["action"] for line in told].count("retention.applied") == count
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [line["id"] for line in told] == sorted((line["id"] for line in told), reverse=True)
    table = list(csv.DictReader(io.StringIO((await site.client.get(f"{LOG}/export")).text)))
    assert [row["id"] for row in table] == [line["id"] for line in told]
    assert f"'{name}" in {row["object_name"] for row in table}


async def test_refused_sign_ins_are_told_and_fill_nothing(site: Site) -> None:
    async def refused() -> httpx.Response:
        return await site.anonymous.post(
            "/sign-in", data={"code": CANARY, "name": CANARY, "password": CANARY}
        )

    assert (await refused()).status_code == 401
    (line,) = await lines(site, action="sign_in.refused")
    assert line.address == "127.0.0.1" and line.request_id and CANARY not in line.model_dump_json()
    for n in range(REFUSALS + 5):
        await site.store.audit.refused(None, "a test", f"192.0.2.{n}", None)
    assert len(await lines(site, action="sign_in.refused")) == REFUSALS


async def test_commands_are_told_as_such(site: Site, database_url: str, tmp_path: Path) -> None:
    told = {(line.action, line.address) for line in await lines(site)}
    assert ("token.created", "cli") in told, (
        "the tokens of the test's site are made as the command makes them"
    )
    await site.store.audit.rotated(await site.store.access.scope("cli"), "k2")
    (line,) = await lines(site, action="key.rotated")
    assert (line.by, line.address, line.object_id) == ("cli", "cli", "k2")


async def test_a_run_that_a_flow_or_a_worker_starts_is_no_act_of_a_person(
    database_url: str, tmp_path: Path
) -> None:
    async with site_on(database_url, tmp_path, engine=True) as live:
        inner = (
            await live.client.post(API, json={"name": "in", "definition": make_graph("A").to_json()})
        ).json()
        outer = make_graph("F", type="LocalFlow", F={"flowId": inner["id"]}).to_json()
        made = (await live.client.post(API, json={"name": "out", "definition": outer})).json()
        answer = await live.client.post(f"{API}/{made['id']}/run", json={}, headers={"Prefer": "wait=20"})
        assert answer.json()["status"] == "COMPLETED", answer.text
        assert [line.object_id for line in await lines(live, action="run")] == [answer.json()["id"]]
