"""API tokens over the API: shown once, in force at once, refused at once."""

from __future__ import annotations

from uuid import uuid4

from runner.model import Role
from tests.factories import Site, make_workspace

API = "/api/v1/tokens"


async def test_a_token_is_shown_once_and_works_at_once(site: Site) -> None:
    answer = await site.client.post(API, json={"name": "ci", "role": "viewer"})
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    known = {"id", "name", "role", "person", "createdBy", "createdDate", "lastUsed", "expires", "token"}
    assert set(made) == known and made["person"] is None and made["createdBy"] == "token:admin"
    assert (made["name"], made["role"], made["lastUsed"], made["expires"]) == ("ci", "viewer", None, None)
    session = await site.anonymous.get(
        "/api/v1/session", headers={"Authorization": f"Bearer {made['token']}"}
    )
    assert (session.json()["subject"], session.json()["role"]) == ("token:ci", "viewer")
    listed = await site.client.get(API)
    first = listed.json()["items"][0]
    assert first["id"] == made["id"] and first["lastUsed"] is not None and "token" not in first
    assert made["token"] not in listed.text


async def test_a_revoked_token_is_refused_and_gone_from_the_list(site: Site) -> None:
    made = (await site.client.post(API, json={"name": "old", "role": "admin"})).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    for _ in range(2):
        gone = await site.client.delete(f"{API}/{made['id']}")
        assert gone.status_code == 204 and gone.content == b""
    assert (await site.anonymous.get(API, headers=bearer)).status_code == 401
    assert made["id"] not in (await site.client.get(API)).text
    assert (await site.client.delete(f"{API}/{uuid4()}")).status_code == 404


async def test_the_list_goes_on_where_it_stopped(site: Site) -> None:
    whole = [item["id"] for item in (await site.client.get(API)).json()["items"]]
    assert len(whole) == len(Role)
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await site.client.get(API, params={"limit": 3, **cursor})).json()
        found += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert found == whole


async def test_what_is_no_token_is_refused(site: Site) -> None:
    for body in ({"name": "", "role": "viewer"}, {"name": "x", "role": "owner"}, {"name": "x"}):
        assert (await site.client.post(API, json=body)).status_code == 422
    assert (await site.client.post(API, json={"name": "x", "role": "viewer", "id": "1"})).status_code == 422


async def test_it_belongs_to_the_workspace_of_the_one_who_made_it(site: Site) -> None:
    await make_workspace(site.store, "other")
    admin = await site.store.access.create_token("theirs", Role.ADMIN, workspace_name="other")
    answer = await site.anonymous.post(
        API, json={"name": "new", "role": "admin"}, headers={"Authorization": f"Bearer {admin}"}
    )
    session = await site.anonymous.get(
        "/api/v1/session", headers={"Authorization": f"Bearer {answer.json()['token']}"}
    )
    assert session.json()["workspaceName"] == "other"
    assert "new" not in {item["name"] for item in (await site.client.get(API)).json()["items"]}
