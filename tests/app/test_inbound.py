"""The list of what callbacks came in, with what each was told."""

from __future__ import annotations

from typing import Any

import pytest

from runner.model import Role
from tests.app.test_callbacks import BASE, armed
from tests.factories import Site, make_workspace

API = "/api/v1/orchestrator/callbacks"
SCHEMA = {"type": "object", "required": ["n"]}


async def received(site: Site) -> str:
    """One callback of each verdict, and one of an unknown token; in the order of the list. Returns the run's id."""
    run_id, token = await armed(site, schema=SCHEMA)
    url = f"{BASE}/{run_id}?token={token}"
    answers = [await site.anonymous.post(url, json=body) for body in ({}, {"n": 1}, {"n": 2})]
    assert [a.status_code for a in answers] == [422, 202, 200]
    assert (await site.anonymous.post(f"{BASE}/{run_id}?token=wrong", json={})).status_code == 404
    ended, late = await armed(site)
    assert (await site.client.post(f"/api/v1/orchestrator/runs/{ended}/cancel")).is_success
    assert (await site.anonymous.post(f"{BASE}/{ended}?token={late}", json={})).status_code == 410
    return str(run_id)


async def test_every_callback_of_a_wait_is_listed_newest_first(site: Site) -> None:
    run_id = await received(site)
    items: list[dict[str, Any]] = (await site.client.get(API)).json()["items"]
    assert [item["verdict"] for item in items] == ["gone", "duplicate", "accepted", "invalid"]
    assert set(items[1]) == {
        *("id", "runId", "runNumber", "nodeId", "nodeLabel"),
        *("orchestratorName", "verdict", "receivedAt"),
    }
    assert items[1]["runId"] == run_id and items[1]["orchestratorName"] == "waits"
    assert (items[1]["nodeId"], items[1]["nodeLabel"]) == ("wait", "wait")


@pytest.mark.parametrize("verdict", ["accepted", "duplicate", "gone", "invalid"])
async def test_one_verdict_alone(site: Site, verdict: str) -> None:
    await received(site)
    found = (await site.client.get(API, params={"verdict": verdict})).json()["items"]
    assert [item["verdict"] for item in found] == [verdict]


async def test_the_list_goes_on_where_it_stopped(site: Site) -> None:
    await received(site)
    first = (await site.client.get(API, params={"limit": 3})).json()
    rest = (await site.client.get(API, params={"limit": 3, "cursor": first["nextCursor"]})).json()
    assert len(first["items"]) == 3 and [item["verdict"] for item in rest["items"]] == ["invalid"]
    assert rest["nextCursor"] is None


async def test_another_workspace_sees_none_and_a_viewer_may_not_look(site: Site) -> None:
    await received(site)
    await make_workspace(site.store, "other")
    mine = await site.store.access.scope("me")
    theirs = await site.store.access.scope("them", workspace_name="other")
    assert len(await site.store.inbound.page(mine, limit=10)) == 4
    assert await site.store.inbound.page(theirs, limit=10) == ()
    assert (await site.anonymous.get(API, headers=site.bearer(Role.VIEWER))).status_code == 403
    unknown = await site.client.get(API, params={"verdict": "unknown"})
    assert unknown.status_code == 422
