"""Signing secrets: made, shown once, listed without their value, changed over, and not deleted while they are used."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from providers import discover
from runner.model import Role
from runner.store import Store
from runner.vault import Vault
from runner.webhook_proof import Call, standard_key
from tests.app.test_callbacks import armed
from tests.factories import KEY, Site, make_workspace, waiting_graph

API = "/api/v1/signing-secrets"
OWN = "0123456789abcdef0123456789abcdef"


async def made(site: Site, name: str = "n8n", **more: Any) -> dict[str, Any]:
    answer = await site.client.post(API, json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def signed(secret_id: object, mode: str = "standard-webhooks", **more: Any) -> dict[str, Any]:
    return {"mode": mode, "secretId": str(secret_id), **more}


async def test_a_secret_is_shown_once_and_never_listed(site: Site) -> None:
    issued = await made(site)
    key = standard_key(issued["secret"].encode())
    assert issued["standard"] and key is not None and len(key) == 32
    listed = await site.client.get(API)
    (item,) = listed.json()["items"]
    assert item == {name: value for name, value in issued.items() if name != "secret"}
    assert issued["secret"] not in listed.text
    async with site.store.database.begin() as connection:
        stored = (await connection.execute(text("SELECT sealed FROM signing_secret_version"))).scalar_one()
    assert issued["secret"].encode() not in stored and key not in stored


async def test_what_is_given_is_kept_and_not_said_again(site: Site) -> None:
    issued = await made(site, secret=OWN)
    assert issued["secret"] is None and issued["standard"] is True, "32 digits are base64 of 24 bytes"
    assert (await made(site, "other", secret="not base64 at all!".replace(" ", "-")))["standard"] is False


@pytest.mark.parametrize(
    "given", ["", "short", "with a space in the middle", "x" * 513, "ümlaute-sind-nicht-dabei"]
)
async def test_what_is_no_secret_is_refused_without_repeating_it(site: Site, given: str) -> None:
    answer = await site.client.post(API, json={"name": "x", "secret": given})
    assert answer.status_code == 422
    assert not given or given not in answer.text


async def test_a_name_is_taken_once(site: Site) -> None:
    await made(site)
    answer = await site.client.post(API, json={"name": "n8n"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name-taken")


async def test_rotating_keeps_the_one_before_for_a_while_and_older_ones_no_longer(site: Site) -> None:
    first = await made(site)
    url = f"{API}/{first['id']}/rotate"
    second = (await site.client.post(url, json={"keepOldSeconds": 600})).json()
    assert second["secret"] != first["secret"] and second["oldUntil"] and second["rotatedDate"]
    async with site.store.database.begin() as connection:
        count = text("SELECT count(*), count(expires_at) FROM signing_secret_version")
        assert tuple((await connection.execute(count)).one()) == (2, 1)
    third = (await site.client.post(url, json={"keepOldSeconds": 0})).json()
    assert third["oldUntil"] is None
    await site.store.signing_secrets.forget()
    async with site.store.database.begin() as connection:
        assert tuple((await connection.execute(count)).one()) == (1, 0)


async def test_a_secret_in_use_is_not_deleted_and_the_answer_names_the_users(site: Site) -> None:
    issued = await made(site)
    scope = await site.store.access.scope("test")
    run_id, _ = await armed(site, auth=signed(issued["id"]))
    (item,) = (await site.client.get(API)).json()["items"]
    assert item["usedIn"] == 1
    refused = await site.client.delete(f"{API}/{issued['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "signing-secret-in-use")
    assert "“waits”" in refused.json()["detail"]
    run = (await site.client.get(f"/api/v1/orchestrator/runs/{run_id}")).json()
    await site.store.orchestrators.save(scope, UUID(run["orchestratorId"]), graph=waiting_graph())
    assert (await site.client.delete(f"{API}/{issued['id']}")).status_code == 409, (
        "the run still waits for it"
    )
    assert (await site.client.post(f"/api/v1/orchestrator/runs/{run_id}/cancel")).is_success
    assert (await site.client.delete(f"{API}/{issued['id']}")).status_code == 204
    assert (await site.client.delete(f"{API}/{issued['id']}")).status_code == 404
    assert (await site.client.post(f"{API}/{issued['id']}/rotate", json={})).status_code == 404


async def test_a_missing_secret_and_one_that_does_not_suit_keep_a_drawing_from_running(site: Site) -> None:
    odd = await made(site, "odd", secret="-" * 20)
    other = await made(site, "other")
    for secret_id, mode, code in (
        (uuid4(), "standard-webhooks", "auth-secret-missing"),
        (uuid4(), "github", "auth-secret-missing"),
        (odd["id"], "standard-webhooks", "auth-secret-unfit"),
        (odd["id"], "github", None),
        (other["id"], "standard-webhooks", None),
    ):
        drawing = waiting_graph(auth=signed(secret_id, mode)).to_json()
        answer = (await site.client.post("/api/v1/orchestrator/check", json={"definition": drawing})).json()
        found = [problem["code"] for problem in answer["problems"] if problem["severity"] == "error"]
        assert found == ([code] if code else [])
        assert answer["runnable"] is (code is None)
        saved = await site.client.post("/api/v1/orchestrator", json={"name": "x", "definition": drawing})
        assert [p["code"] for p in saved.json()["problems"] if p["severity"] == "error"] == found
        begun = await site.client.post(f"/api/v1/orchestrator/{saved.json()['id']}/run", json={"inputs": {}})
        assert begun.status_code == (202 if code is None else 409), begun.text


async def test_of_another_workspace_nothing_is_found(site: Site) -> None:
    issued = await made(site)
    await make_workspace(site.store, "other")
    token = await site.store.access.create_token("other", Role.ADMIN, workspace_name="other")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await site.anonymous.get(API, headers=headers)).json()["items"] == []
    assert (await site.anonymous.delete(f"{API}/{issued['id']}", headers=headers)).status_code == 404
    rotated = await site.anonymous.post(f"{API}/{issued['id']}/rotate", json={}, headers=headers)
    assert rotated.status_code == 404
    drawing = waiting_graph(auth=signed(issued["id"])).to_json()
    answer = await site.anonymous.post(
        "/api/v1/orchestrator/check", json={"definition": drawing}, headers=headers
    )
    assert [p["code"] for p in answer.json()["problems"]] == ["auth-secret-missing"]


async def test_master_keys_are_rotated_under_signing_secrets(site: Site) -> None:
    """Afterwards the new key alone opens them, and what is signed is taken."""
    issued = await made(site)
    assert (await site.client.post(f"{API}/{issued['id']}/rotate", json={})).status_code == 201
    run_id, token = await armed(site, auth=signed(issued["id"], "bearer"))
    fresh, old = ("fresh", bytes(range(32))), (KEY.id, KEY.raw())
    both = Store(site.store.database, Vault([fresh, old]), discover())
    assert await both.keys.rewrap_all() >= 2
    alone = Store(site.store.database, Vault([fresh]), discover())
    call = Call(b"{}", [(b"authorization", f"Bearer {issued['secret']}".encode())])
    assert (await alone.waits.signal(run_id, token, {}, call=call)).kind == "accepted"


async def test_an_export_names_the_secret_and_does_not_hold_it(site: Site) -> None:
    issued = await made(site)
    drawing = waiting_graph(auth=signed(issued["id"])).to_json()
    saved = await site.client.post("/api/v1/orchestrator", json={"name": "x", "definition": drawing})
    exported = await site.client.get(f"/api/v1/orchestrator/{saved.json()['id']}")
    assert issued["id"] in exported.text and issued["secret"] not in exported.text


async def test_viewers_see_names_and_make_none(site: Site) -> None:
    await made(site)
    viewer = site.bearer(Role.VIEWER)
    assert (await site.anonymous.get(API, headers=viewer)).status_code == 200
    for role in (Role.VIEWER, Role.OPERATOR):
        refused = await site.anonymous.post(API, json={"name": "x"}, headers=site.bearer(role))
        assert refused.status_code == 403
