"""Outages over HTTP: seen on the connection, in the list of incidents and in the metrics; probed and closed by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runner.breaker import Policy, Word
from runner.model import Role
from tests.app.test_connections import API, connect
from tests.app.test_connections import n8n as n8n  # a fixture
from tests.factories import Site, make_workspace

SILENT = Word("silent", cause="no answer within 5 s")


async def out_of_order(site: Site, connection_id: str) -> None:
    for _ in range(3):
        await site.store.breakers.report(UUID(connection_id), Policy(), SILENT, ago=0.0)


async def incidents(site: Site, **query: Any) -> Any:
    answer = await site.client.get(f"{API}/incidents", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_outage_is_seen_where_people_look_and_closed_by_hand(site: Site, n8n: Any) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    assert made["breaker"] == {"state": "closed", "since": None, "probeAt": None, "cause": None, "held": 0}
    refused = await site.client.post(f"{url}/breaker/close")
    assert (refused.status_code, refused.json()["code"]) == (409, "breaker-closed")
    await out_of_order(site, made["id"])
    breaker = (await site.client.get(url)).json()["breaker"]
    assert (breaker["state"], breaker["cause"], breaker["held"]) == ("open", SILENT.cause, 0)
    assert breaker["probeAt"] > breaker["since"]
    listed = (await site.client.get(f"{API}/connections")).json()["items"]
    assert [each["breaker"] for each in listed] == [breaker]
    (incident,) = (await incidents(site, open="true"))["items"]
    assert (incident["connectionId"], incident["name"], incident["resolvedDate"]) == (
        made["id"],
        "mine",
        None,
    )
    metrics = (await site.client.get("/metrics")).text
    assert "baton_incidents_open 1.0" in metrics
    assert 'baton_held_steps{connection="mine",provider="n8n"} 0.0' in metrics

    hastened = await site.client.post(f"{url}/breaker/probe")
    assert hastened.json()["breaker"]["probeAt"] < breaker["probeAt"]
    closed = await site.client.post(f"{url}/breaker/close")
    assert closed.json()["breaker"] == made["breaker"]
    assert (await incidents(site, open="true"))["items"] == []
    (incident,) = (await incidents(site))["items"]
    assert incident["resolvedBy"] and incident["resolvedDate"] > incident["openedDate"]


async def test_incidents_are_listed_open_ones_first_and_each_once(site: Site, n8n: Any) -> None:
    names = ["a", "b", "c", "d", "e"]
    ids = [(await connect(site, n8n, name))["id"] for name in names]
    for each in ids:
        await out_of_order(site, each)
    for each in (ids[1], ids[4]):
        await site.client.post(f"{API}/connections/{each}/breaker/close")
    seen: list[str] = []
    cursor = None
    while True:
        page = await incidents(site, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["name"] for item in page["items"]]
        if (cursor := page["nextCursor"]) is None:
            break
    assert seen == ["d", "c", "a", "e", "b"]
    wrong = await site.client.get(f"{API}/incidents", params={"cursor": "bm9uc2Vuc2U"})
    assert wrong.status_code == 422


async def test_a_deleted_connection_leaves_a_resolved_incident(site: Site, n8n: Any) -> None:
    made = await connect(site, n8n)
    await out_of_order(site, made["id"])
    assert (await site.client.delete(f"{API}/connections/{made['id']}")).status_code == 204
    (incident,) = (await incidents(site))["items"]
    assert incident["connectionId"] is None and incident["name"] == "mine" and incident["resolvedDate"]


async def test_limits_are_set_and_taken_back(site: Site, n8n: Any) -> None:
    made = await connect(site, n8n)
    url = f"{API}/connections/{made['id']}"
    assert made["limits"] == {"inFlight": None, "perMinute": None}
    changed = await site.client.patch(url, json={"limits": {"inFlight": 3, "perMinute": 60}})
    assert changed.json()["limits"] == {"inFlight": 3, "perMinute": 60}
    changed = await site.client.patch(url, json={"limits": {"perMinute": None}})
    assert changed.json()["limits"] == {"inFlight": 3, "perMinute": None}
    refused = await site.client.patch(url, json={"limits": {"inFlight": 0}})
    assert refused.status_code == 422


async def test_no_other_workspace_sees_or_touches_it(site: Site, n8n: Any) -> None:
    made = await connect(site, n8n)
    await out_of_order(site, made["id"])
    await make_workspace(site.store, "other")
    token = await site.store.access.create_token("eve", Role.ADMIN, workspace_name="other")
    there = {"Authorization": f"Bearer {token}"}
    answer = await site.client.get(f"{API}/incidents", headers=there)
    assert answer.json()["items"] == []
    for what in ("probe", "close"):
        answer = await site.client.post(f"{API}/connections/{made['id']}/breaker/{what}", headers=there)
        assert answer.status_code == 404
    assert (await incidents(site, open="true"))["items"]
