"""What people may do and what ends it (threats T8, T17, T18 and T20)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from runner.model import Role
from runner.store.attempts import BURST
from tests.app.team import API, OTHER, PASSWORD, SAME, accept, invited, join, knock, sql, status
from tests.factories import Site, browser

# --- what ends a session


async def test_removal_and_disabling_and_another_role_end_what_was_open(site: Site, hashed: str) -> None:
    account_id = await join(site, hashed)
    await join(site, hashed, "boss@example.org", Role.ADMIN)
    old = browser(await knock(site))
    token = (
        await site.anonymous.post(f"{API}/account/tokens", json={"name": "ci", "role": "editor"}, headers=old)
    ).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert await status(site, old) == await status(site, bearer) == 200

    same = await site.client.patch(f"{API}/people/{account_id}", json={"role": "editor"})
    assert same.status_code == 204 and await status(site, old) == 200
    lower = await site.client.patch(f"{API}/people/{account_id}", json={"role": "viewer"})
    assert lower.status_code == 204 and await status(site, old) == 401
    again = browser(await knock(site))
    assert again["Cookie"] != old["Cookie"]
    for headers in (again, bearer):  # the token says editor, and its person is none any more
        refused = await site.anonymous.post(f"{API}/orchestrator", json={"name": "x"}, headers=headers)
        assert refused.status_code == 403 and "viewer" in refused.text

    scope = await site.store.access.scope("test")
    await site.store.accounts.disable(scope, "ann@example.org")
    assert await status(site, again) == await status(site, bearer) == 401
    assert (await knock(site)).status_code == 401
    await site.store.accounts.disable(scope, "ann@example.org", again=True)
    assert await status(site, again) == 401 and await status(site, bearer) == 200
    back = browser(await knock(site))

    removed = await site.client.delete(f"{API}/people/{account_id}")
    assert removed.status_code == 204
    assert await status(site, back) == await status(site, bearer) == 401
    assert (await knock(site)).status_code == 401
    token_back = await invited(site, "ann@example.org", "admin")
    assert (await accept(site, token_back)).status_code == 200
    assert await status(site, bearer) == 401, "coming back does not bring tokens back"
    assert (await site.client.delete(f"{API}/people/{uuid4()}")).status_code == 404


async def test_a_new_password_ends_every_other_session_and_renews_this_one(site: Site, hashed: str) -> None:
    await join(site, hashed)
    here, there = browser(await knock(site)), browser(await knock(site))
    reset = await site.store.resets.ask("ann@example.org")
    url = f"{API}/account/password"
    for body in (
        {"new": OTHER},
        {"current": None, "new": OTHER},
        {"current": "wrong wrong wrong", "new": OTHER},
        {"current": PASSWORD, "new": "short"},
        {"current": PASSWORD, "new": OTHER, "email": "x@example.org"},
        {"current": PASSWORD, "new": OTHER, "owner": True},
    ):
        answer = await site.anonymous.put(url, json=body, headers=here)
        assert answer.status_code == 422, body
    assert await status(site, there) == 200
    done = await site.anonymous.put(url, json={"current": PASSWORD, "new": OTHER}, headers=here)
    assert done.status_code == 204, done.text
    renewed = {"Cookie": done.headers["set-cookie"].partition(";")[0], **SAME}
    assert [await status(site, h) for h in (here, there, renewed)] == [401, 401, 200]
    assert (await knock(site)).status_code == 401 and (await knock(site, password=OTHER)).status_code == 303
    assert reset and await site.store.resets.email_of(reset) is None


async def test_guessing_at_ones_own_password_is_limited_too(site: Site, hashed: str) -> None:
    await join(site, hashed)
    here = browser(await knock(site))
    body = {"current": "wrong wrong wrong", "new": OTHER}
    found = [
        (await site.anonymous.put(f"{API}/account/password", json=body, headers=here)).status_code
        for _ in range(BURST + 1)
    ]
    assert found == [422] * BURST + [429]


async def test_sessions_are_listed_and_ended_one_by_one_or_all(site: Site, hashed: str) -> None:
    await join(site, hashed)
    await join(site, hashed, "eve@example.org")
    eve = browser(await knock(site, "eve@example.org"))
    phone = browser(
        await site.anonymous.post(
            "/sign-in",
            data={"email": "ann@example.org", "password": PASSWORD},
            headers={"User-Agent": "A" * 400},
        )
    )
    laptop, here = browser(await knock(site)), browser(await knock(site))
    listed = (await site.anonymous.get(f"{API}/account/sessions", headers=here)).json()["items"]
    assert len(listed) == 3 and [item["current"] for item in listed] == [True, False, False]
    assert all(item["address"] == "127.0.0.1" and len(item["userAgent"]) <= 300 for item in listed)
    theirs = (await site.anonymous.get(f"{API}/account/sessions", headers=eve)).json()["items"][0]["id"]
    for wrong in (theirs, str(uuid4())):
        gone = await site.anonymous.delete(f"{API}/account/sessions/{wrong}", headers=here)
        assert gone.status_code == 404
    laptop_id = (await site.anonymous.get(f"{API}/account/sessions", headers=laptop)).json()["items"][0]["id"]
    assert (
        await site.anonymous.delete(f"{API}/account/sessions/{laptop_id}", headers=here)
    ).status_code == 204
    assert [await status(site, h) for h in (phone, laptop, here, eve)] == [200, 401, 200, 200]
    assert (await site.anonymous.delete(f"{API}/account/sessions", headers=here)).status_code == 204
    assert [await status(site, h) for h in (phone, here, eve)] == [401, 200, 200]


# --- roles, workspaces and tokens


async def test_the_last_admin_stays(site: Site, hashed: str) -> None:
    ann = await join(site, hashed, role=Role.ADMIN)
    bo = await join(site, hashed, "bo@example.org", Role.ADMIN)
    answers = await asyncio.gather(
        site.client.delete(f"{API}/people/{ann}"),
        site.client.patch(f"{API}/people/{bo}", json={"role": "viewer"}),
    )
    assert sorted(a.status_code for a in answers) == [204, 409]
    last = next(a for a in answers if a.status_code == 409)
    assert last.json()["code"] == "last-admin"
    left = (await site.client.get(f"{API}/people")).json()["items"]
    assert [m["role"] for m in left].count("admin") == 1


async def test_a_workspace_of_ones_own_and_back(site: Site, hashed: str) -> None:
    await join(site, hashed)
    ann, owner = browser(await knock(site)), await site.cookie(subject="owner")
    url = f"{API}/workspaces"
    refused = await site.anonymous.post(url, json={"name": "Mine"}, headers=ann)
    assert refused.status_code == 403 and refused.json()["code"] == "not-yours"
    made = await site.anonymous.post(url, json={"name": "Second"}, headers=owner)
    assert made.status_code == 201
    assert (await site.anonymous.post(url, json={"name": "Second"}, headers=owner)).status_code == 409
    for name in ("", " ", "a\nb", "x" * 81):
        assert (await site.anonymous.post(url, json={"name": name}, headers=owner)).status_code == 422
    second = made.json()["id"]
    place = f"{API}/session/workspace"
    for wrong in (second, str(uuid4())):
        stays = await site.anonymous.put(place, json={"workspaceId": wrong}, headers=ann)
        assert stays.status_code == 404
    moved = await site.anonymous.put(place, json={"workspaceId": second}, headers=owner)
    assert moved.status_code == 204
    there = {"Cookie": moved.headers["set-cookie"].partition(";")[0], **SAME}
    assert await status(site, owner) == 401, "the text of a session is another in another workspace"
    assert (await site.anonymous.get(f"{API}/session", headers=there)).json()["workspaceName"] == "Second"
    assert (await site.anonymous.get(f"{API}/orchestrator", headers=there)).json()["items"] == []
    renamed = await site.anonymous.patch(f"{url}/{second}", json={"name": "Third"}, headers=there)
    assert renamed.status_code == 204
    taken = await site.anonymous.patch(f"{url}/{second}", json={"name": "default"}, headers=there)
    assert taken.status_code == 409 and taken.json()["code"] == "name-taken"
    names = [w["name"] for w in (await site.anonymous.get(url, headers=there)).json()["items"]]
    assert names == ["Third", "default"] or names == ["default", "Third"]


async def test_a_token_may_no_more_than_its_maker(site: Site, hashed: str) -> None:
    await join(site, hashed)
    ann = browser(await knock(site))
    url = f"{API}/account/tokens"
    above = await site.anonymous.post(url, json={"name": "x", "role": "admin"}, headers=ann)
    assert above.status_code == 403
    assert (
        await site.anonymous.post(f"{API}/tokens", json={"name": "x", "role": "viewer"}, headers=ann)
    ).status_code == 403
    made = await site.anonymous.post(url, json={"name": "ci", "role": "operator", "days": 30}, headers=ann)
    assert made.status_code == 201 and made.json()["person"] == "ann@example.org" and made.json()["expires"]
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    session = (await site.anonymous.get(f"{API}/session", headers=bearer)).json()
    assert (session["subject"], session["role"]) == ("ann@example.org", "operator")
    for method, path, body in (
        ("GET", "/account", None),
        ("PATCH", "/account", {"name": "x"}),
        ("PUT", "/account/password", {"current": PASSWORD, "new": OTHER}),
        ("GET", "/account/sessions", None),
        ("DELETE", "/account/sessions", None),
        ("DELETE", f"/account/sessions/{uuid4()}", None),
        ("GET", "/account/tokens", None),
        ("POST", "/account/tokens", {"name": "x", "role": "viewer"}),
        ("DELETE", f"/account/tokens/{made.json()['id']}", None),
        ("PUT", "/session/workspace", {"workspaceId": str(uuid4())}),
        ("POST", "/workspaces", {"name": "x"}),
    ):
        for headers in (bearer, site.bearer(Role.ADMIN)):
            answer = await site.anonymous.request(method, f"{API}{path}", json=body, headers=headers)
            assert answer.status_code == 403 and answer.json()["code"] == "session-needed", (method, path)
    await join(site, hashed, "eve@example.org", Role.ADMIN)
    eve = browser(await knock(site, "eve@example.org"))
    assert made.json()["id"] not in (await site.anonymous.get(url, headers=eve)).text
    assert (await site.anonymous.delete(f"{url}/{made.json()['id']}", headers=eve)).status_code == 404
    assert made.json()["id"] in (await site.anonymous.get(f"{API}/tokens", headers=eve)).text
    assert (await site.anonymous.delete(f"{url}/{made.json()['id']}", headers=ann)).status_code == 204
    assert await status(site, bearer) == 401


async def test_a_token_does_not_outlive_the_one_that_made_it(site: Site) -> None:
    short = (await site.client.post(f"{API}/tokens", json={"name": "a", "role": "admin", "days": 1})).json()
    bearer = {"Authorization": f"Bearer {short['token']}"}
    for days in (None, 30):
        body = {"name": "b", "role": "admin", "days": days}
        made = (await site.anonymous.post(f"{API}/tokens", json=body, headers=bearer)).json()
        assert made["expires"] == short["expires"]


SERVER_OWNED = {
    "id": str(UUID(int=1)),
    "accountId": str(UUID(int=1)),
    "workspaceId": str(UUID(int=1)),
    "passwordHash": "x",
    "password_hash": "x",
    "owner": True,
    "disabledAt": None,
    "disabled": False,
    "createdDate": "2020-01-01T00:00:00Z",
    "createdBy": "root",
    "person": "root@example.org",
    "expires": None,
    "sha256": "x",
    "token": "x",
    "subject": "root",
    "sessionId": str(UUID(int=1)),
}


async def test_what_the_server_decides_nobody_sends(site: Site, hashed: str) -> None:
    await join(site, hashed)
    person = await join(site, hashed, "bo@example.org", Role.ADMIN)
    here = await site.cookie(subject="owner")
    mine = (await site.anonymous.get(f"{API}/session", headers=here)).json()["workspaceId"]
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", "/account", {"name": "x"}),
        ("PUT", "/account/password", {"new": OTHER, "email": "x@example.org"}),
        ("POST", "/account/tokens", {"name": "x", "role": "viewer"}),
        ("POST", "/tokens", {"name": "x", "role": "viewer"}),
        ("PATCH", f"/people/{person}", {"role": "viewer"}),
        ("POST", "/invitations", {"email": "new@example.org", "role": "viewer"}),
        ("POST", "/workspaces", {"name": "x"}),
        ("PATCH", f"/workspaces/{mine}", {"name": "x"}),
        ("PUT", "/session/workspace", {"workspaceId": mine}),
    ]
    tables = "account membership api_token invitation workspace"

    async def rows() -> list[Any]:
        kept = [
            (await sql(site, f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {name} t")).scalar()
            for name in tables.split()
        ]
        return kept

    before = await rows()
    for method, path, body in writes:
        for name, value in SERVER_OWNED.items():
            if name in body:
                continue
            answer = await site.anonymous.request(
                method, f"{API}{path}", json={**body, name: value}, headers=here
            )
            assert answer.status_code == 422, (method, path, name, answer.text)
    assert await rows() == before
