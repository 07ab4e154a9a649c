"""Publishing over HTTP: what starts use afterwards, what keeps it from being done, and who is told what."""

from __future__ import annotations

from typing import Any

import pytest

from app.serving import listen, serving
from providers.sandbox.n8n import N8nSandbox
from runner.model import Graph, Role
from tests.factories import PUBLIC_URL, Site, make_graph

BASE = "/api/v1/orchestrator"


async def saved(site: Site, *graphs: Graph) -> str:
    """The address of an orchestrator with a revision for each."""
    first, *others = graphs
    made = await site.client.post(BASE, json={"name": "Chain", "definition": first.to_json()})
    url = f"{BASE}/{made.json()['id']}"
    for graph in others:
        assert (await site.client.put(url, json={"definition": graph.to_json()})).status_code == 200
    return url


async def published(site: Site, url: str, **body: Any) -> dict[str, Any]:
    answer = await site.client.post(f"{url}/publish", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
    return answer.json()


async def session(site: Site) -> dict[str, str]:
    """Headers of somebody at the screen."""
    code = await site.store.access.create_code(role=Role.EDITOR, subject="ann")
    answer = await site.anonymous.post("/sign-in", data={"code": code})
    site.anonymous.cookies.clear()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Origin": PUBLIC_URL}


async def test_a_token_starts_what_is_published_and_the_canvas_what_is_drawn(site: Site) -> None:
    url = await saved(site, make_graph("A"), make_graph("B"))
    screen = await session(site)

    async def ran(headers: dict[str, str] | None = None, **body: Any) -> int:
        client = site.client if headers is None else site.anonymous
        answer = await client.post(f"{url}/run", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["revision"]

    assert (await ran(), await ran(screen)) == (2, 2)
    refused = await site.client.post(f"{url}/run", json={"revision": "published"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-published")
    done = await published(site, url, revision=1, message="as it was")
    assert (done["publishedRevision"], done["publishedBy"], done["revision"]) == (1, "token:admin", 2)
    assert done["publishedDate"].endswith("Z")
    assert (await ran(), await ran(screen)) == (1, 2)
    assert await ran(screen, revision="published") == 1
    assert await ran(revision="latest") == 2 and await ran(revision=2) == 2
    for wrong in (0, "newest", 2**31, True):
        assert (await site.client.post(f"{url}/run", json={"revision": wrong})).status_code == 422
    assert (await site.client.post(f"{url}/run", json={"revision": 9})).status_code == 404

    plan = await site.client.post(f"{url}/plan", json={})
    drawn = await site.anonymous.post(f"{url}/plan", json={}, headers=screen)
    assert [p.json()["steps"][0]["nodeId"] for p in (plan, drawn)] == ["A", "B"]
    listed = (await site.client.get(BASE)).json()["items"][0]
    assert {name: listed[name] for name in done if name.startswith("published")} == {
        name: done[name] for name in done if name.startswith("published")
    }

    after = (await site.client.post(f"{url}/unpublish")).json()
    assert (after["publishedRevision"], after["publishedDate"], after["publishedBy"]) == (None, None, None)
    assert await ran() == 2


async def test_a_retry_of_the_latest_is_the_newest(site: Site) -> None:
    url = await saved(site, make_graph("A"), make_graph("B"))
    await published(site, url, revision=1)
    run = (await site.client.post(f"{url}/run", json={})).json()
    await site.client.post(f"{BASE}/runs/{run['id']}/cancel")
    again = await site.client.post(f"{BASE}/runs/{run['id']}/retry", json={"revision": "latest"})
    assert (run["revision"], again.json()["revision"]) == (1, 2)


async def test_who_published_what_is_kept_and_paged(site: Site) -> None:
    url = await saved(site, make_graph("A"), make_graph("B"))
    assert (await site.client.get(f"{url}/publications")).json() == {"items": [], "nextCursor": None}
    await published(site, url)
    await published(site, url, revision=1, message="back")
    page = (await site.client.get(f"{url}/publications", params={"limit": 1})).json()
    rest = await site.client.get(f"{url}/publications", params={"cursor": page["nextCursor"]})
    told = page["items"] + rest.json()["items"]
    assert [(each["revision"], each["message"]) for each in told] == [(1, "back"), (2, "")]
    assert {each["publishedBy"] for each in told} == {"token:admin"}
    newest, first = (await site.client.get(f"{url}/revisions")).json()["items"]
    assert (newest["publication"], first["publication"]) == (told[1], told[0])
    assert (await site.client.post(f"{url}/publish", json={"message": "x" * 1001})).status_code == 422
    assert (await site.client.post(f"{url}/publish", json={"revision": 9})).status_code == 404


async def test_errors_of_the_drawing_keep_it_from_being_published(site: Site) -> None:
    url = await saved(site, make_graph("A"), make_graph("A>B, B>A"))
    checked = (await site.client.post(f"{url}/publish/check", json={})).json()
    assert (checked["revision"], checked["publishable"]) == (2, False)
    refused = await site.client.post(f"{url}/publish", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "definition-invalid")
    assert refused.json()["problems"] == checked["problems"]
    assert "revision 2 cannot be published" in refused.json()["detail"]
    earlier = (await site.client.post(f"{url}/publish/check", json={"revision": 1})).json()
    assert earlier == {"revision": 1, "publishable": True, "problems": []}
    draft = make_graph("A>B, B>C, C>A").to_json()
    unsaved = (await site.client.post(f"{url}/publish/check", json={"definition": draft})).json()
    assert (unsaved["revision"], unsaved["publishable"]) == (None, False)
    both = await site.client.post(f"{url}/publish/check", json={"definition": draft, "revision": 1})
    assert both.status_code == 422
    assert (await site.client.get(url)).json()["publishedRevision"] is None


@pytest.mark.parametrize("gone", ["path", "step", "workflow", "platform"])
async def test_what_has_changed_on_the_platform(site: Site, gone: str) -> None:
    """Its webhook has another path, or it is not there: an error. Another step, or no answer: a warning."""
    sandbox, on = N8nSandbox(time_scale=0.05), listen("127.0.0.1", 0)
    async with serving(sandbox, on):
        credentials = sandbox.connection(f"http://127.0.0.1:{on.getsockname()[1]}")
        body = {"name": "mine", "credentials": credentials, "allowPrivateNetwork": True}
        assert (await site.client.post(f"{BASE}/providers/n8n/connect", json=body)).status_code == 201
        imported = (await site.client.get(f"{BASE}/providers/n8n/workflows/wfPriceOrder/node")).json()
        assert imported["data"]["imported"]["trigger"]["kind"] == "webhook"
        drawing = {"nodes": [{"id": "n", "position": {"x": 0, "y": 0}, **imported}], "edges": []}
        url = await saved(site, Graph.model_validate(drawing))
        assert (await published(site, url))["publishedRevision"] == 1

        raw: Any = sandbox.samples["wfPriceOrder"].raw
        for version in filter(None, (raw, raw.get("activeVersion"))):
            if gone == "path":
                hook = next(each for each in version["nodes"] if each["type"].endswith(".webhook"))
                hook["parameters"]["path"] += "-renamed"
            elif gone == "step":
                version["nodes"][1]["parameters"]["changed"] = True
        if gone == "workflow":
            del sandbox.samples["wfPriceOrder"]
        if gone == "platform":
            await site.client.patch(
                f"{BASE}/connections/{imported['data']['config']['connectionId']}",
                json={"status": "INACTIVE"},
            )
        await site.client.put(url, json={"name": "Again"})
        code, severity = {
            "path": ("remote-broken", "error"),
            "step": ("remote-changed", "warning"),
            "workflow": ("remote-gone", "error"),
            "platform": (None, None),
        }[gone]
        checked = (await site.client.post(f"{url}/publish/check", json={})).json()
        assert [(each["code"], each["severity"]) for each in checked["problems"]] == (
            [(code, severity)] if code else []
        )
        answer = await site.client.post(f"{url}/publish", json={})
        if severity == "error":
            assert (answer.status_code, answer.json()["problems"]) == (409, checked["problems"])
            assert (await site.client.get(url)).json()["publishedRevision"] == 1
        else:
            assert answer.json()["publishedRevision"] == 2
