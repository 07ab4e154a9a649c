"""Who may come in, and what each role may do. The table below is written by hand on purpose: the code derives its own from
the routes, and the two have to agree."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from app.main import create_app, permissions
from runner.model import Role
from runner.store.minted import CODE, SESSION, TOKEN, mint, well_formed
from tests.factories import PUBLIC_URL, Site, settings_for, site_on

API = "/api/v1/orchestrator"
V, O, E = Role.VIEWER, Role.OPERATOR, Role.EDITOR  # noqa: E741
SCREENS = (
    "orchestrators",
    "workflows",
    "runs",
    "connections",
    "inbound",
    "dead-letters",
    "check",
    "settings",
)
TABLE: dict[tuple[str, str], Role | None] = {
    ("GET", "/api/v1/openapi.json"): V,
    ("GET", API): V,
    ("POST", API): E,
    ("POST", f"{API}/check"): V,
    ("GET", f"{API}/kinds"): V,
    ("GET", f"{API}/{{id}}"): V,
    ("PUT", f"{API}/{{id}}"): E,
    ("DELETE", f"{API}/{{id}}"): E,
    ("POST", f"{API}/{{id}}/restore"): E,
    ("POST", f"{API}/{{id}}/publish"): E,
    ("POST", f"{API}/{{id}}/publish/check"): V,
    ("POST", f"{API}/{{id}}/unpublish"): E,
    ("GET", f"{API}/{{id}}/publications"): V,
    ("GET", f"{API}/{{id}}/comments"): V,
    ("POST", f"{API}/{{id}}/comments"): O,
    ("PATCH", f"{API}/{{id}}/comments/{{commentId}}"): O,
    ("DELETE", f"{API}/{{id}}/comments/{{commentId}}"): O,
    ("GET", f"{API}/{{id}}/events"): V,
    ("PUT", f"{API}/{{id}}/people/{{tabId}}"): V,
    ("GET", f"{API}/{{id}}/revisions"): V,
    ("GET", f"{API}/{{id}}/revisions/{{revision}}"): V,
    ("POST", f"{API}/{{id}}/run"): O,
    ("GET", f"{API}/{{id}}/runs"): V,
    ("GET", f"{API}/runs"): V,
    ("GET", f"{API}/runs/summary"): V,
    ("GET", f"{API}/runs/errors"): V,
    ("POST", f"{API}/runs/archive"): O,
    ("POST", f"{API}/runs/unarchive"): O,
    ("PATCH", f"{API}/runs/{{runId}}"): O,
    ("GET", f"{API}/runs/{{runId}}"): V,
    ("GET", f"{API}/runs/{{runId}}/logs"): V,
    ("GET", f"{API}/runs/{{runId}}/nodes/{{nodeId:path}}/tasks"): V,
    ("GET", f"{API}/runs/{{runId}}/events"): V,
    ("POST", f"{API}/runs/{{runId}}/cancel"): O,
    ("POST", f"{API}/runs/{{runId}}/retry"): O,
    ("POST", f"{API}/runs/{{runId}}/retry/plan"): V,
    ("POST", f"{API}/{{id}}/plan"): V,
    ("POST", f"{API}/{{id}}/test"): O,
    ("POST", f"{API}/{{id}}/sample"): V,
    ("POST", f"{API}/render"): V,
    ("POST", f"{API}/map"): V,
    ("GET", f"{API}/{{id}}/drift"): V,
    ("POST", f"{API}/graph"): V,
    ("GET", f"{API}/{{id}}/graph"): V,
    ("POST", f"{API}/callback/{{runId}}"): None,
    ("GET", f"{API}/callbacks"): O,
    ("GET", f"{API}/callbacks/{{callbackId}}"): O,
    ("POST", f"{API}/callbacks/{{callbackId}}/replay"): O,
    ("GET", f"{API}/runs/{{runId}}/callbacks"): V,
    ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}"): O,
    ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}/extend"): O,
    ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}/test"): O,
    ("GET", "/api/v1/signing-secrets"): V,
    ("POST", "/api/v1/signing-secrets"): Role.EDITOR,
    ("POST", "/api/v1/signing-secrets/{id}/rotate"): Role.EDITOR,
    ("DELETE", "/api/v1/signing-secrets/{id}"): Role.EDITOR,
    ("GET", f"{API}/dead-letters"): V,
    ("POST", f"{API}/dead-letters/replay"): O,
    ("POST", f"{API}/dead-letters/drop"): O,
    ("GET", f"{API}/dead-letters/bulk/{{bulkId}}"): V,
    ("GET", f"{API}/dead-letters/{{letterId}}"): V,
    ("POST", f"{API}/dead-letters/{{letterId}}/replay"): O,
    ("POST", f"{API}/dead-letters/{{letterId}}/drop"): O,
    ("GET", "/api/v1/audit"): Role.ADMIN,
    ("GET", "/api/v1/audit/export"): Role.ADMIN,
    ("GET", "/api/v1/redaction"): V,
    ("POST", "/api/v1/redaction/rules"): Role.ADMIN,
    ("DELETE", "/api/v1/redaction/rules/{id}"): Role.ADMIN,
    ("PUT", "/api/v1/redaction/reveal"): Role.ADMIN,
    ("POST", "/api/v1/redaction/preview"): Role.ADMIN,
    ("POST", f"{API}/runs/{{runId}}/reveal"): Role.OPERATOR,
    ("GET", f"{API}/retention"): V,
    ("GET", f"{API}/retention/preview"): V,
    ("POST", f"{API}/retention/apply"): Role.ADMIN,
    ("GET", f"{API}/retention/purges"): V,
    ("GET", f"{API}/{{id}}/retention"): V,
    ("PUT", f"{API}/{{id}}/retention"): Role.ADMIN,
    ("DELETE", f"{API}/{{id}}/retention"): Role.ADMIN,
    ("PUT", f"{API}/runs/{{runId}}/keep"): O,
    ("GET", f"{API}/incidents"): V,
    ("POST", f"{API}/connections/{{id}}/breaker/probe"): O,
    ("POST", f"{API}/connections/{{id}}/breaker/close"): O,
    ("GET", f"{API}/providers"): V,
    ("POST", f"{API}/providers/{{provider}}/connect"): E,
    ("POST", f"{API}/providers/{{provider}}/test"): O,
    ("GET", f"{API}/providers/{{provider}}/workflows"): V,
    ("GET", f"{API}/providers/{{provider}}/workflows/{{workflowId:path}}/preview"): V,
    ("GET", f"{API}/providers/{{provider}}/workflows/{{workflowId:path}}/node"): V,
    ("GET", f"{API}/workflows"): V,
    ("GET", f"{API}/usages"): V,
    ("POST", f"{API}/sandbox"): Role.ADMIN,
    ("GET", f"{API}/connections"): V,
    ("GET", f"{API}/connections/{{id}}"): V,
    ("PATCH", f"{API}/connections/{{id}}"): E,
    ("DELETE", f"{API}/connections/{{id}}"): E,
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): V,
    ("GET", "/api/v1/session"): V,
    ("GET", "/api/v1/tokens"): Role.ADMIN,
    ("POST", "/api/v1/tokens"): Role.ADMIN,
    ("DELETE", "/api/v1/tokens/{id}"): Role.ADMIN,
    ("PUT", "/api/v1/session/workspace"): V,
    ("GET", "/api/v1/account"): V,
    ("GET", "/api/v1/account/identities"): V,
    ("DELETE", "/api/v1/account/identities/{id}"): V,
    ("GET", "/api/v1/sign-on/issuers"): Role.ADMIN,
    ("POST", "/api/v1/sign-on/issuers/{name}/test"): Role.ADMIN,
    ("GET", "/sign-in/with/{name}"): None,
    ("GET", "/sign-in/back/{name}"): None,
    ("GET", "/sign-out/at/{name}"): None,
    ("PATCH", "/api/v1/account"): V,
    ("PUT", "/api/v1/account/password"): V,
    ("GET", "/api/v1/account/sessions"): V,
    ("DELETE", "/api/v1/account/sessions"): V,
    ("DELETE", "/api/v1/account/sessions/{id}"): V,
    ("GET", "/api/v1/account/tokens"): V,
    ("POST", "/api/v1/account/tokens"): V,
    ("DELETE", "/api/v1/account/tokens/{id}"): V,
    ("GET", "/api/v1/people"): Role.ADMIN,
    ("PATCH", "/api/v1/people/{id}"): Role.ADMIN,
    ("DELETE", "/api/v1/people/{id}"): Role.ADMIN,
    ("GET", "/api/v1/invitations"): Role.ADMIN,
    ("POST", "/api/v1/invitations"): Role.ADMIN,
    ("DELETE", "/api/v1/invitations/{id}"): Role.ADMIN,
    ("GET", "/api/v1/workspaces"): V,
    ("POST", "/api/v1/workspaces"): V,
    ("PATCH", "/api/v1/workspaces/{id}"): Role.ADMIN,
    ("GET", "/"): V,
    **{("GET", f"/{name}{rest}"): V for name in SCREENS for rest in ("", "/{rest:path}")},
    ("GET", "/assets/{name}"): None,
    ("GET", "/sign-in"): None,
    ("POST", "/sign-in"): None,
    ("POST", "/sign-out"): V,
    **{
        (method, f"/{door}"): None
        for door in ("setup", "invitation", "forgot", "reset")
        for method in ("GET", "POST")
    },
    ("GET", "/style.css"): None,
}
COOKIE = "__Host-baton"
SAME = {"Sec-Fetch-Site": "same-origin"}
ONLY_A_PERSON = ("session-needed", "not-yours")
"""What no token may do, whatever its role; see test_people."""
INTERNAL = (
    *("X-Request-From", "X-Internal", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-User", "X-Real-Ip"),
    *("X-Original-Url", "X-Rewrite-Url", "X-User", "X-Remote-User", "Remote-User", "X-Auth-Request-User"),
    *("X-Admin", "X-Api-Key", "X-Workspace-Id", "X-Role", "X-Forwarded-Proto", "Forwarded"),
    *("X-Http-Method-Override", "X-Baton-Internal"),
)


def filled(path: str) -> str:
    for name in (
        "id",
        "runId",
        "provider",
        "workflowId:path",
        "revision",
        "callbackId",
        "commentId",
        "tabId",
        "nodeId",
        "nodeId:path",
        "rest:path",
    ):
        value = {"provider": "n8n", "revision": "1", "callbackId": "1"}.get(name, str(uuid4()))
        path = path.replace(f"{{{name}}}", value)
    return path


def test_the_routes_say_what_the_table_says(tmp_path: Any) -> None:
    app = create_app(settings_for("postgresql+asyncpg://x/y", tmp_path))
    assert permissions(app.routes) == TABLE


async def test_nobody_gets_in_anywhere_but_by_the_open_doors(site: Site) -> None:
    for (method, path), least in TABLE.items():
        if least is None:
            continue
        for headers in (
            {},
            {"Authorization": "Bearer"},
            {"Authorization": f"Bearer {mint(TOKEN)}"},
            {"Authorization": f"Basic {site.tokens[Role.ADMIN]}"},
            {"Cookie": f"{COOKIE}={mint(SESSION)}", **SAME},
            {"Cookie": f"{COOKIE}={site.tokens[Role.ADMIN]}", **SAME},
            dict.fromkeys(INTERNAL, "internal"),
        ):
            answer = await site.anonymous.request(method, filled(path), headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_each_role_may_do_what_the_table_says_and_no_more(site: Site) -> None:
    roles = list(Role)
    for (method, path), least in TABLE.items():
        if least is None or path.endswith("/events"):
            continue
        for role in roles:
            answer = await site.anonymous.request(method, filled(path), headers=site.bearer(role))
            refused = answer.status_code == 403 and answer.json()["code"] not in ONLY_A_PERSON
            assert refused == (roles.index(role) < roles.index(least)), (method, path, role, answer.text)
            assert answer.status_code < 500


async def test_a_strange_host_changes_nothing(site: Site) -> None:
    for host in ("evil.example", "evil/path", "a?b", "a#b", "user@host", ""):
        answer = await site.anonymous.get(API, headers={"Host": host})
        assert answer.status_code in (400, 401)
        signed = await site.client.get(API, headers={"Host": host})
        assert "evil" not in signed.text + str(signed.headers)


async def sign_in(site: Site, client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    code = await site.store.access.create_code(role=Role.EDITOR, subject="ann")
    return await client.post("/sign-in", data={"code": code}, headers=headers)


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    header = answer.headers["set-cookie"]
    assert header.startswith(f"{COOKIE}={SESSION}")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in header
    assert "Domain" not in header
    return {"Cookie": header.partition(";")[0]}


async def test_a_code_signs_in_once_and_signing_out_ends_it(site: Site) -> None:
    code = await site.store.access.create_code(role=Role.EDITOR, subject="ann")
    shown = await site.anonymous.get("/sign-in", params={"code": code})
    assert shown.status_code == 200 and code in shown.text and "set-cookie" not in shown.headers
    answer = await site.anonymous.post("/sign-in", data={"code": code})
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = cookie_of(answer)
    again = await site.anonymous.post("/sign-in", data={"code": code})
    assert again.status_code == 401 and "set-cookie" not in again.headers
    made = await site.anonymous.post(API, json={"name": "x", "definition": {}}, headers={**cookie, **SAME})
    assert made.status_code == 201 and made.json()["createdBy"] == "ann"
    started = await site.anonymous.get(API, headers=cookie)
    assert started.status_code == 200
    out = await site.anonymous.post("/sign-out", headers={**cookie, **SAME})
    assert out.status_code == 303
    assert (await site.anonymous.get(API, headers=cookie)).status_code == 401


async def test_of_many_who_send_one_code_one_gets_in(site: Site) -> None:
    code = await site.store.access.create_code()
    answers = await asyncio.gather(*(site.anonymous.post("/sign-in", data={"code": code}) for _ in range(8)))
    assert sorted(a.status_code for a in answers) == [303] + [401] * 7


async def test_a_code_that_is_none_is_refused_alike(site: Site) -> None:
    used = await site.store.access.create_code()
    await site.anonymous.post("/sign-in", data={"code": used})
    old = await site.store.access.create_code()
    async with site.store.database.begin() as connection:
        await connection.execute(
            text("UPDATE sign_in_code SET expires_at = clock_timestamp() WHERE used_at IS NULL")
        )
    bodies: set[str] = set()
    for code in (
        "",
        " ",
        "0",
        "null",
        "[]",
        used,
        old,
        mint(CODE),
        mint(TOKEN),
        site.tokens[Role.ADMIN],
        "\x00",
    ):
        answer = await site.anonymous.post("/sign-in", data={"code": code})
        assert answer.status_code == 401
        bodies.add(answer.text)
    assert len(bodies) == 1
    assert (await site.anonymous.post("/sign-in")).status_code == 415
    assert (await site.anonymous.post("/sign-in", json={"code": used})).status_code == 415


async def test_a_cookie_from_before_signing_in_is_worth_nothing(site: Site) -> None:
    planted = {"Cookie": f"{COOKIE}={mint(SESSION)}"}
    answer = await sign_in(site, site.anonymous, **planted)
    assert cookie_of(answer) != planted
    assert (await site.anonymous.get(API, headers=planted)).status_code == 401


async def test_a_session_ends_by_idleness_and_by_age(site: Site) -> None:
    for column, inside, outside in (
        ("seen_at", "clock_timestamp() - interval '11 h 55 min'", "clock_timestamp() - interval '12 h'"),
        ("expires_at", "expires_at - interval '6 d 23 h'", "expires_at - interval '1 h'"),
    ):
        cookie = cookie_of(await sign_in(site, site.anonymous))
        for value, status in ((inside, 200), (outside, 401)):
            async with site.store.database.begin() as connection:
                await connection.execute(text(f"UPDATE session SET {column} = {value}"))
            assert (await site.anonymous.get(API, headers=cookie)).status_code == status


ORIGINS: list[tuple[dict[str, str], bool]] = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC_URL}, False),
    ({"Origin": PUBLIC_URL}, True),
    ({"Origin": PUBLIC_URL + ".evil.example"}, False),
    ({"Origin": PUBLIC_URL.replace("https", "http")}, False),
    ({"Origin": "null"}, False),
    ({}, False),
]


async def test_changes_with_a_cookie_must_come_from_our_own_pages(site: Site) -> None:
    cookie = cookie_of(await sign_in(site, site.anonymous))
    for headers, allowed in ORIGINS:
        for method, url in (
            ("POST", API),
            ("PUT", f"{API}/{uuid4()}"),
            ("DELETE", f"{API}/{uuid4()}"),
            ("POST", "/sign-out"),
        ):
            if url == "/sign-out" and allowed:
                continue
            answer = await site.anonymous.request(method, url, headers={**cookie, **headers})
            assert (answer.status_code != 403) is allowed, (headers, method, url)
            if not allowed:
                assert answer.json()["code"] == "cross-site"
        reading = await site.anonymous.get(API, headers={**cookie, **headers})
        assert reading.status_code == 200
        assert "access-control-allow-origin" not in reading.headers
        by_token = await site.client.post(f"{API}/{uuid4()}/run", headers=headers)
        assert by_token.status_code == 404


async def test_another_site_cannot_sign_a_visitor_in(site: Site) -> None:
    for headers, allowed in ORIGINS:
        answer = await sign_in(site, site.anonymous, **headers)
        assert answer.status_code == (303 if allowed or not headers else 403), headers


async def test_a_wrong_header_is_not_saved_by_a_good_cookie(site: Site) -> None:
    cookie = cookie_of(await sign_in(site, site.anonymous))
    both = {**cookie, "Authorization": "Bearer wrong"}
    assert (await site.anonymous.get(API, headers=both)).status_code == 401


async def test_plain_http_uses_a_cookie_browsers_accept_there(database_url: str, tmp_path: Any) -> None:
    async with site_on(database_url, tmp_path, public_url="http://127.0.0.1:8000") as site:
        answer = await sign_in(site, site.anonymous)
        header = answer.headers["set-cookie"]
        assert header.startswith("baton_session=") and "Secure" not in header and "HttpOnly" in header


def test_a_credential_checks_itself() -> None:
    for prefix in (TOKEN, CODE, SESSION):
        made = {mint(prefix) for _ in range(100)}
        assert len(made) == 100 and all(well_formed(m, prefix) for m in made)
        one = next(iter(made))
        for wrong in (
            "",
            prefix,
            one[:-1],
            one + "0",
            one.upper(),
            one.replace(prefix, ""),
            one[:-9] + "!" + one[-8:],
            "ä" * 51,
        ):
            assert not well_formed(wrong, prefix)
