"""Orchestrators over HTTP: saving, revisions, lists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from runner.model import TriggerInfo
from tests.factories import Site, make_graph

BASE = "/api/v1/orchestrator"
DRAWING: dict[str, Any] = {
    "version": 1,
    "nodes": [
        {
            "id": "a",
            "type": "DataMapper",
            "position": {"x": 1.5, "y": 0},
            "width": 200,
            "data": {"label": "A", "config": {"mappings": []}, "color": "red"},
        }
    ],
    "edges": [],
    "viewport": {"x": 0, "y": 0, "zoom": 1},
}


async def create(site: Site, name: str = "Chain", definition: Any = DRAWING) -> dict[str, Any]:
    answer = await site.client.post(BASE, json={"name": name, "definition": definition})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_drawing_comes_back_as_it_was_sent(site: Site) -> None:
    answer = await site.client.post(
        BASE, json={"name": "Chain", "description": "It chains.", "definition": DRAWING}
    )
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {
        *("id", "name", "description", "definition", "revision", "workspaceId", "createdDate"),
        *("updatedDate", "createdBy", "lastRun", "deletedDate", "problems"),
        *("publishedRevision", "publishedDate", "publishedBy"),
    }
    assert made["definition"] == DRAWING
    assert (made["revision"], made["lastRun"], made["problems"]) == (1, None, [])
    assert made["createdBy"] == "token:admin"
    assert made["createdDate"].endswith("Z") and len(made["createdDate"]) == len("2026-01-01T00:00:00.000Z")
    UUID(made["id"])
    assert answer.headers["etag"] == '"1"'
    again = await site.client.get(answer.headers["location"])
    assert again.json() == made and again.headers["etag"] == '"1"'


async def test_a_revision_says_how_many_runs_used_it(site: Site) -> None:
    made = await create(site)
    other = await create(site)
    url = f"{BASE}/{made['id']}"
    for where in (url, url, f"{BASE}/{other['id']}"):
        assert (await site.client.post(f"{where}/run")).status_code == 202
    await site.client.put(url, json={"name": "Other"})
    assert (await site.client.post(f"{url}/run")).status_code == 202
    items = (await site.client.get(f"{url}/revisions")).json()["items"]
    assert [(r["revision"], r["runs"]) for r in items] == [(2, 1), (1, 2)]
    found = (await site.client.get(f"{url}/runs", params={"revision": 1})).json()["items"]
    assert [run["revision"] for run in found] == [1, 1]


async def test_a_change_is_a_new_revision_and_the_old_one_stays(site: Site) -> None:
    made = await create(site)
    url = f"{BASE}/{made['id']}"
    renamed = await site.client.put(url, json={"name": "Other"}, headers={"If-Match": '"1"'})
    assert renamed.status_code == 200
    assert renamed.json()["revision"] == 2 and renamed.headers["etag"] == '"2"'
    assert renamed.json()["definition"] == DRAWING
    stale = await site.client.put(url, json={"name": "Third"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412 and stale.json()["code"] == "stale-revision"
    several = {"If-Match": '"1", "2"'}
    saved = await site.client.put(url, json={"definition": {"nodes": []}}, headers=several)
    assert saved.status_code == 200, saved.text
    revisions = (await site.client.get(f"{url}/revisions", params={"limit": 2})).json()
    assert [(r["revision"], r["runs"]) for r in revisions["items"]] == [(3, 0), (2, 0)]
    rest = await site.client.get(f"{url}/revisions", params={"limit": 2, "cursor": revisions["nextCursor"]})
    assert [r["revision"] for r in rest.json()["items"]] == [1] and rest.json()["nextCursor"] is None
    assert (await site.client.get(f"{url}/revisions/1")).json()["definition"] == DRAWING
    for missing in ("4", "0", "x", "99999999999999999999"):
        assert (await site.client.get(f"{url}/revisions/{missing}")).status_code == 404


async def test_the_list_pages_filters_and_shows_the_last_run(site: Site) -> None:
    made = [await create(site, f"Flow {n}%") for n in range(5)]
    scope = await site.store.access.scope("test")
    trigger = TriggerInfo(by="test")
    await site.store.runs.create(scope, UUID(str(made[2]["id"])), {}, trigger=trigger)
    last = await site.store.runs.create(scope, UUID(str(made[2]["id"])), {}, trigger=trigger)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await site.client.get(BASE, params=params)).json()
        assert set(page) == {"items", "nextCursor"} and len(page["items"]) <= 2
        seen += [item["name"] for item in page["items"]]
        for item in page["items"]:
            if item["name"] == "Flow 2%":
                assert item["lastRun"]["id"] == str(last)
                assert set(item["lastRun"]) == {"id", "status", "startedAt", "finishedAt"}
        if (cursor := page["nextCursor"]) is None:
            break
    assert seen == [f"Flow {n}%" for n in (4, 3, 2, 1, 0)]
    assert [i["name"] for i in (await site.client.get(BASE, params={"q": "flow 3"})).json()["items"]] == [
        "Flow 3%"
    ]
    assert len((await site.client.get(BASE, params={"q": "%"})).json()["items"]) == 5
    assert (await site.client.get(BASE, params={"q": "_"})).json()["items"] == []


async def test_a_bad_query_is_refused_by_name(site: Site) -> None:
    for query in (
        *("limit=0", "limit=201", "limit=x", "cursor=x", "cursor=e30", "unknown=1"),
        *("limit=1&limit=2", "q=%00"),
    ):
        answer = await site.client.get(f"{BASE}?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == "/" + query.partition("=")[0]


async def test_a_deleted_one_is_gone_and_its_runs_stay(site: Site) -> None:
    made = await create(site)
    scope = await site.store.access.scope("test")
    run_id = await site.store.runs.create(scope, UUID(str(made["id"])), {}, trigger=TriggerInfo(by="x"))
    url = f"{BASE}/{made['id']}"
    gone = await site.client.delete(url)
    assert gone.status_code == 204 and gone.content == b""
    for answer in (
        await site.client.get(url),
        await site.client.delete(url),
        await site.client.put(url, json={}),
        await site.client.post(f"{url}/run"),
    ):
        assert answer.status_code == 404
    assert (await site.client.get(BASE)).json()["items"] == []
    assert (await site.client.get(f"{BASE}/runs/{run_id}")).status_code == 200
    assert len((await site.client.get(f"{url}/runs")).json()["items"]) == 1


async def test_a_deleted_one_is_in_the_bin_and_can_be_restored_for_thirty_days(site: Site) -> None:
    kept, made, old = [await create(site, name=name) for name in ("kept", "binned", "old")]
    for item in (made, old):
        assert (await site.client.delete(f"{BASE}/{item['id']}")).status_code == 204
    async with site.store.database.begin() as connection:
        await connection.execute(
            text("UPDATE orchestrator SET deleted_at = now() - interval '31 days' WHERE name = 'old'")
        )
    binned = (await site.client.get(BASE, params={"deleted": "true"})).json()["items"]
    assert [item["name"] for item in binned] == ["binned"] and binned[0]["deletedDate"]
    assert [item["name"] for item in (await site.client.get(BASE)).json()["items"]] == ["kept"]
    restored = await site.client.post(f"{BASE}/{made['id']}/restore")
    assert restored.status_code == 200 and restored.json() == made
    assert restored.headers["etag"] == '"1"'
    assert (await site.client.post(f"{BASE}/{kept['id']}/restore")).json() == kept
    assert (await site.client.post(f"{BASE}/{old['id']}/restore")).status_code == 404
    assert [i["name"] for i in (await site.client.get(BASE)).json()["items"]] == ["binned", "kept"]
    assert (await site.client.get(BASE, params={"deleted": "true"})).json()["items"] == []


async def test_a_drawing_that_cannot_run_is_saved_with_its_problems(site: Site) -> None:
    loop = make_graph("A>B, B>A").to_json()
    made = await create(site, definition=loop)
    problems: Any = made["problems"]
    assert [p["code"] for p in problems] == ["cycle"]
    assert set(problems[0]) == {"nodeId", "field", "code", "detail", "severity"}
    refused = await site.client.post(f"{BASE}/{made['id']}/run")
    assert refused.status_code == 409
    assert refused.json()["code"] == "definition-invalid"
    assert refused.json()["problems"][0]["code"] == "cycle"
    checked = await site.client.post(f"{BASE}/check", json={"definition": loop})
    assert checked.json() == {"runnable": False, "problems": problems}


async def test_what_is_not_a_drawing_is_refused_with_a_pointer(site: Site) -> None:
    cases: tuple[tuple[Any, str], ...] = (
        ({**DRAWING, "version": 2}, "/definition/version"),
        ({**DRAWING, "version": "1"}, "/definition/version"),
        ({**DRAWING, "nodes": [{"id": "a"}]}, "/definition/nodes/0/type"),
        ([], "/definition"),
        (None, "/definition"),
    )
    for definition, pointer in cases:
        answer = await site.client.post(BASE, json={"name": "x", "definition": definition})
        assert answer.status_code == 422
        assert pointer in [e["pointer"] for e in answer.json()["errors"]]


async def test_a_newer_version_is_refused_with_that_reason(site: Site) -> None:
    answer = await site.client.post(BASE, json={"name": "x", "definition": {"version": 99}})
    assert "version 99" in answer.json()["errors"][0]["detail"]


async def test_what_the_server_owns_cannot_be_sent(site: Site) -> None:
    made = await create(site)
    for field in (
        *("id", "revision", "workspaceId", "createdBy", "createdDate", "lastRun", "deletedAt", "problems"),
    ):
        body = {"name": "x", "definition": DRAWING, field: made.get(field, 1)}
        assert (await site.client.post(BASE, json=body)).status_code == 422
        answer = await site.client.put(f"{BASE}/{made['id']}", json=body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == f"/{field}"
    assert (await site.client.get(f"{BASE}/{made['id']}")).json() == made


async def test_the_catalogue_of_kinds_has_a_form_each(site: Site) -> None:
    kinds = {kind["type"]: kind for kind in (await site.client.get(f"{BASE}/kinds")).json()["items"]}
    assert {"RemoteWebhook", "LocalFlow", "DataMapper", "WaitForCallback"} <= set(kinds)
    for kind in kinds.values():
        assert set(kind) == {"type", "title", "description", "group", "ports", "form"}
        assert kind["form"]["type"] == "object" and "$defs" not in str(kind["form"])
        for name, field in kind["form"]["properties"].items():
            assert field.get("title"), f"{kind['type']}.{name} has no title"
