"""Nothing of one workspace can be reached from another. The cases are made from the route table, so that a new route with
an id is either covered here or breaks this test."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from starlette.routing import Route

from app.main import create_app
from runner.errors import NotFound
from runner.identity import Claims
from runner.model import Role
from runner.store.letters import LetterFilter
from runner.store.sessions import Client
from tests.factories import Site, make_graph, make_run, make_workspace, settings_for

KNOWN = {
    "id",
    "runId",
    "revision",
    "provider",
    "workflowId",
    "nodeId",
    "callbackId",
    "rest",
    "name",
    "letterId",
    "bulkId",
    "commentId",
    "tabId",
}
"""`rest` and `name` are addresses of screens and of their files, which are the same for everybody."""
OPEN = "/api/v1/orchestrator/callback/{runId}"
"""Guarded by its token; see test_callbacks."""
NEEDS: dict[str, dict[str, Any]] = {
    "/sample": {"nodeId": "A"},
    "/callbacks/{nodeId}/test": {"reason": "test"},
    "/test": {"nodeId": "A", "mode": "node"},
    "/runs/{runId}": {"labels": {}},
    "/callbacks/{nodeId}": {"reason": "test"},
    "/extend": {"seconds": 1},
    "/drop": {"reason": "test"},
    "/keep": {"keep": True},
    "/reveal": {"part": "inputs", "reason": "test"},
    "/comments": {"text": "test"},
    "/v1/people/{id}": {"role": "viewer"},
    "/v1/workspaces/{id}": {"name": "theirs no more"},
}
"""Bodies of routes that take none that is empty, by how the path ends."""


def id_routes(tmp_path: Any) -> list[tuple[str, str]]:
    app = create_app(settings_for("postgresql+asyncpg://x/y", tmp_path))
    found: list[tuple[str, str]] = []
    for route in app.routes:
        assert isinstance(route, Route)
        path, methods = route.path_format, route.methods or set[str]()
        names = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert names <= KNOWN, f"{path}: say here what a foreign {names - KNOWN} is"
        if names & {"id", "runId", "letterId", "bulkId"} and path != OPEN:
            found += [(method, path) for method in sorted(methods - {"HEAD"})]
    return found


async def foreign(site: Site) -> dict[str, str]:
    """An orchestrator, a run, a connection and a token that belong to somebody else."""
    await make_workspace(site.store, "other")
    scope = await site.store.access.scope("them", workspace_name="other")
    made = await site.store.orchestrators.create(scope, "theirs-canary", "", make_graph("A"))
    run_id = await make_run(site.store, scope=scope)
    async with site.store.database.begin() as connection:
        connection_id = await connection.scalar(
            text(
                "INSERT INTO connection (workspace_id, provider, name, base_url) "
                "VALUES (:workspace, 'n8n', 'theirs-canary', 'https://n8n.example') RETURNING id"
            ),
            {"workspace": scope.workspace_id},
        )
        letter_id = await connection.scalar(
            text(
                "INSERT INTO dead_letter (workspace_id, orchestrator_id, run_id, revision, node_run_id, node_id, node_label, "
                "code, message) SELECT r.workspace_id, r.orchestrator_id, r.id, 1, n.id, n.node_id, 'theirs-canary', 'x', "
                "'theirs-canary' FROM run r JOIN node_run n ON n.run_id = r.id WHERE r.id = :run LIMIT 1 RETURNING id"
            ),
            {"run": run_id},
        )
    said = await site.store.comments.create(scope, made.id, "theirs-canary")
    tab = await site.store.presence.join(scope, made.id)
    bulk = await site.store.bulks.ask(scope, "drop", LetterFilter(q="none"), reason="theirs-canary")
    token, _ = await site.store.access.issue_token(scope, "theirs-canary", Role.VIEWER)
    them = await site.store.accounts.create(
        email="canary@theirs.example",
        name="theirs-canary",
        workspace_id=scope.workspace_id,
        role=Role.EDITOR,
    )
    invitation, _ = await site.store.invitations.create(scope, "canary@invited.example", Role.VIEWER)
    secret = await site.store.sessions.open(them, Client())
    session = await site.store.sessions.by_secret(secret or "")
    assert session is not None
    await site.store.identities.link(session, Claims("https://theirs.example", "theirs-canary"))
    (linked,) = await site.store.identities.mine(session)
    return {
        "identity": str(linked.id),
        "person": str(them),
        "invitation": str(invitation.id),
        "session": str(session.session_id),
        "workspace": str(scope.workspace_id),
        "orchestrator": str(made.id),
        "run": str(run_id),
        "connection": str(connection_id),
        "token": str(token.id),
        "letter": str(letter_id),
        "bulk": str(bulk.id),
        "comment": str(said.id),
        "tab": str(tab),
    }


def variants(real: str) -> list[str]:
    return [
        real,
        real.upper(),
        "{" + real + "}",
        real.replace("-", ""),
        f"urn:uuid:{real}",
        f"%E2%80%8B{real}",
        f"{real}%20",
        f"{real}%00",
        f"{real},{real}",
        f"[{real}]",
        "~",
        "*",
        "%",
        "%2A",
        "-1",
        "0",
        "null",
        "undefined",
        "..%2F" + real,
        str(UUID(int=0)),
        str(uuid4()),
    ]


async def snapshot(site: Site) -> list[Any]:
    tables = (
        "orchestrator",
        "orchestrator_revision",
        "run",
        "node_run",
        "connection",
        "run_event",
        "dead_letter",
        "comment",
        "presence",
        "account",
        "membership",
        "invitation",
        "identity",
        "workspace",
    )
    async with site.store.database.begin() as connection:
        return [
            (
                await connection.execute(
                    text(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {t} t")
                )
            ).scalar()
            for t in tables
        ]


async def test_a_foreign_id_is_404_on_every_route_for_every_role(site: Site, tmp_path: Any) -> None:
    theirs = await foreign(site)
    cookies = {role: await site.cookie(role, f"mine-{role}") for role in Role}
    before = await snapshot(site)
    routes = id_routes(tmp_path)
    assert len(routes) >= 15
    for method, path in routes:
        kind = "run" if "{runId}" in path else "connection" if "/connections/" in path else "orchestrator"
        kind = "token" if "/tokens/" in path else kind
        for word in ("people", "invitations", "account/sessions", "account/identities", "workspaces"):
            if path.startswith(f"/api/v1/{word}/"):
                plurals = {
                    "people": "person",
                    "account/sessions": "session",
                    "account/identities": "identity",
                }
                kind = plurals.get(word, word.rstrip("s"))
        kind = "letter" if "{letterId}" in path else "bulk" if "{bulkId}" in path else kind
        given = next((needed for end, needed in NEEDS.items() if path.endswith(end)), dict[str, Any]())
        body: dict[str, Any] = {"json": given} if method in ("POST", "PUT", "PATCH") else {}
        for role in Role:
            named = variants(theirs[kind]) if role is Role.ADMIN else [theirs[kind]]
            fixed = path.replace("{revision}", "1").replace("{nodeId}", "A")
            fixed = fixed.replace("{commentId}", theirs["comment"]).replace("{tabId}", theirs["tab"])
            urls = [re.sub(r"\{(id|runId|letterId|bulkId)\}", lambda _, n=n: n, fixed) for n in named]
            headers = cookies[role] if "/account/" in path else site.bearer(role)
            answers = await asyncio.gather(
                *(site.anonymous.request(method, url, headers=headers, **body) for url in urls)
            )
            for answer in answers:
                # 403: the role may not do this at all, whoever owns what; it says nothing about the id.
                allowed = {404} if role is Role.ADMIN else {404, 403}
                assert answer.status_code in allowed, (method, answer.url, role, answer.text)
                assert "canary" not in answer.text
    assert await snapshot(site) == before


async def test_an_empty_id_names_no_list(site: Site, tmp_path: Any) -> None:
    for method, path in id_routes(tmp_path):
        url = re.sub(r"\{(id|runId|letterId|bulkId)\}", "", path).replace("{revision}", "1")
        answer = await site.client.request(method, url)
        assert answer.status_code in (404, 405), (method, url)


async def test_lists_and_counts_know_nothing_of_the_others(site: Site) -> None:
    theirs = await foreign(site)
    for name in ("", "/runs", "/connections", "/callbacks"):
        url = f"/api/v1/orchestrator{name}"
        answer = await site.client.get(url)
        assert answer.json() == {"items": [], "nextCursor": None}
    filtered = await site.client.get(
        "/api/v1/orchestrator/runs", params={"orchestratorId": theirs["orchestrator"]}
    )
    assert filtered.json()["items"] == []
    assert "canary" not in (await site.client.get("/api/v1/orchestrator/providers")).text
    assert "canary" not in (await site.client.get("/")).text
    for path in ("tokens", "people", "invitations", "workspaces"):
        listed = await site.client.get(f"/api/v1/{path}")
        assert listed.status_code == 200 and "canary" not in listed.text
    mine = await site.cookie()
    for path in ("sessions", "tokens", "identities"):
        listed = await site.anonymous.get(f"/api/v1/account/{path}", headers=mine)
        assert listed.status_code == 200 and "canary" not in listed.text
    metrics = (await site.client.get("/metrics")).text
    assert 'baton_runs{status="PENDING"} 0.0' in metrics and 'baton_runs{status="RUNNING"} 0.0' in metrics


async def test_a_cursor_or_an_id_in_a_body_opens_nothing_either(site: Site) -> None:
    theirs = await foreign(site)
    test = await site.client.post(
        "/api/v1/orchestrator/providers/n8n/test", json={"connectionId": theirs["connection"]}
    )
    listed = await site.client.get(
        "/api/v1/orchestrator/providers/n8n/workflows", params={"connectionId": theirs["connection"]}
    )
    preview = await site.client.get(
        "/api/v1/orchestrator/providers/n8n/workflows/1/preview",
        params={"connectionId": theirs["connection"]},
    )
    assert [a.status_code for a in (test, listed, preview)] == [404, 404, 404]


async def test_a_store_call_with_another_scope_finds_nothing(site: Site) -> None:
    theirs = await foreign(site)
    scope = await site.store.access.scope("me")
    history, run_id = site.store.history, UUID(theirs["run"])
    assert await history.lines(scope, run_id, limit=10) == ()
    with pytest.raises(NotFound):
        await history.run(scope, run_id)
    with pytest.raises(NotFound):
        await history.state(scope, run_id)
    with pytest.raises(NotFound):
        await site.store.orchestrators.revision(scope, UUID(theirs["orchestrator"]), 1)
