"""The list of what callbacks came in, with what each was told."""

from __future__ import annotations

from typing import Any

import pytest

from runner.model import Role
from tests.app.test_callbacks import BASE, armed
from tests.factories import Site, make_workspace
from tests.faults.bench import until

API = "/api/v1/orchestrator/callbacks"
SCHEMA = {"type": "object", "required": ["n"]}


async def received(site: Site) -> str:
    """One callback of each verdict, and one of an unknown token; in the order of the list. Returns the run's id."""
    run_id, token = await armed(site, schema=SCHEMA)
    url = f"{BASE}/{run_id}?token={token}"
    answers = [await site.anonymous.post(url, json=body) for body in ({}, {"n": 1}, {"n": 2})]
    assert [a.status_code for a in answers] == [422, 202, 200]
    assert (await site.anonymous.post(f"{BASE}/{run_id}?token=wrong", json={})).status_code == 404
    await noted(site, 1)
    ended, late = await armed(site)
    assert (await site.client.post(f"/api/v1/orchestrator/runs/{ended}/cancel")).is_success
    assert (await site.anonymous.post(f"{BASE}/{ended}?token={late}", json={})).status_code == 410
    return str(run_id)


async def noted(site: Site, count: int) -> None:
    """Wait until so many attempts with an unknown token are in the list: they are written after their answers."""

    async def there() -> bool:
        found = await site.client.get(API, params={"verdict": "unknown", "limit": 200})
        return len(found.json()["items"]) == count

    await until(there)


async def test_every_callback_of_a_wait_is_listed_newest_first(site: Site) -> None:
    run_id = await received(site)
    items: list[dict[str, Any]] = (await site.client.get(API)).json()["items"]
    assert [item["verdict"] for item in items] == ["gone", "unknown", "duplicate", "accepted", "invalid"]
    assert set(items[2]) == {
        *("id", "runId", "runNumber", "nodeId", "nodeLabel", "orchestratorId", "orchestratorName"),
        *("verdict", "early", "receivedAt", "sender", "by", "reason", "refusal", "size"),
    }
    assert items[2]["runId"] == run_id and items[2]["orchestratorName"] == "waits"
    assert (items[2]["nodeId"], items[2]["nodeLabel"]) == ("wait", "wait")


@pytest.mark.parametrize("verdict", ["accepted", "duplicate", "gone", "invalid", "unknown"])
async def test_one_verdict_alone(site: Site, verdict: str) -> None:
    await received(site)
    found = (await site.client.get(API, params={"verdict": verdict})).json()["items"]
    assert [item["verdict"] for item in found] == [verdict]


async def test_the_list_goes_on_where_it_stopped(site: Site) -> None:
    await received(site)
    first = (await site.client.get(API, params={"limit": 3})).json()
    rest = (await site.client.get(API, params={"limit": 3, "cursor": first["nextCursor"]})).json()
    assert len(first["items"]) == 3
    assert [item["verdict"] for item in rest["items"]] == ["accepted", "invalid"]
    assert rest["nextCursor"] is None


async def test_another_workspace_sees_none_and_a_viewer_may_not_look(site: Site) -> None:
    await received(site)
    await make_workspace(site.store, "other")
    mine = await site.store.access.scope("me")
    theirs = await site.store.access.scope("them", workspace_name="other")
    assert len(await site.store.inbound.page(mine, limit=10)) == 5
    assert await site.store.inbound.page(theirs, limit=10) == ()
    assert (await site.anonymous.get(API, headers=site.bearer(Role.VIEWER))).status_code == 403
    unknown = await site.client.get(API, params={"verdict": "other"})
    assert unknown.status_code == 422


async def test_the_list_is_searched_by_name_sender_and_number(site: Site) -> None:
    run_id = await received(site)
    number = (await site.client.get(f"/api/v1/orchestrator/runs/{run_id}")).json()["number"]
    for q, count in (
        ("WAITS", 5),
        ("127.0.0.1", 5),
        (f"#{number}", 4),
        ("%", 0),
        ("x" * 9, 0),
    ):
        items = (await site.client.get(API, params={"q": q})).json()["items"]
        assert len(items) == count, q
    assert {item["sender"] for item in (await site.client.get(API)).json()["items"]} == {"127.0.0.1"}


async def test_one_callback_is_shown_with_its_body_to_operators(site: Site) -> None:
    await received(site)
    items = (await site.client.get(API)).json()["items"]
    bodies: dict[str, Any] = {}
    for item in items:
        bodies[item["verdict"]] = (await site.client.get(f"{API}/{item['id']}")).json()["body"]
    assert bodies == {"gone": {}, "unknown": None, "duplicate": {"n": 2}, "accepted": {"n": 1}, "invalid": {}}
    sizes = {item["verdict"]: item["size"] for item in items}
    assert sizes == {"gone": 2, "unknown": None, "duplicate": 8, "accepted": 8, "invalid": 2}
    viewer = site.bearer(Role.VIEWER)
    assert (await site.anonymous.get(f"{API}/{items[0]['id']}", headers=viewer)).status_code == 403
    assert (await site.client.get(f"{API}/999999")).status_code == 404
