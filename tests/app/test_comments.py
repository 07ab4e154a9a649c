"""Comments over HTTP: who may what, what is refused, and text that stays text."""

from __future__ import annotations

from typing import Any

from runner.model import Role
from tests.app.test_runs import BASE, saved
from tests.factories import Site, make_graph

CANARY = "<script>alert('canary')</script>\n  [x](javascript:alert(1)) & \"quoted\" \u202e"


async def drawing(site: Site) -> str:
    return f"{BASE}/{await saved(site, make_graph('A>B'))}"


async def test_a_thread_from_its_beginning_to_its_end(site: Site) -> None:
    url = f"{await drawing(site)}/comments"
    made = await site.client.post(url, json={"text": "  why twice?\n", "nodeId": "A"})
    thread = made.json()
    assert made.status_code == 201 and made.headers["location"].endswith(f"/comments/{thread['id']}")
    assert thread["nodeId"] == "A" and thread["comments"][0]["text"] == "why twice?"
    ben = site.bearer(Role.OPERATOR)
    answer = await site.anonymous.post(
        url, json={"text": "it retries", "threadId": thread["id"]}, headers=ben
    )
    assert [c["text"] for c in answer.json()["comments"]] == ["why twice?", "it retries"]
    mine = (await site.anonymous.get(url, params={"mine": True}, headers=ben)).json()["items"]
    assert [t["id"] for t in mine] == [thread["id"]]
    resolved = await site.anonymous.patch(f"{url}/{thread['id']}", json={"resolved": True}, headers=ben)
    assert resolved.json()["resolvedBy"] == answer.json()["comments"][1]["createdBy"]
    assert (await site.client.get(url, params={"state": "open"})).json()["items"] == []
    listed = (await site.anonymous.get(url, headers=ben)).json()
    assert listed == {"items": [resolved.json()], "nextCursor": None}
    assert [c["own"] for c in listed["items"][0]["comments"]] == [False, True]
    read = (await site.anonymous.get(url, headers=site.bearer(Role.VIEWER))).json()["items"][0]
    assert [c["own"] for c in read["comments"]] == [False, False]
    assert (await site.client.delete(f"{url}/{thread['id']}")).status_code == 204
    assert (await site.client.patch(f"{url}/{thread['id']}", json={})).status_code == 404


async def test_who_may_what(site: Site) -> None:
    url = f"{await drawing(site)}/comments"
    thread = (await site.client.post(url, json={"text": "mine"})).json()
    one = f"{url}/{thread['id']}"
    for role, code in ((Role.VIEWER, "forbidden"), (Role.EDITOR, "not-yours")):
        headers = site.bearer(role)
        for answer in (
            await site.anonymous.patch(one, json={"text": "changed"}, headers=headers),
            await site.anonymous.delete(one, headers=headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, code)
            assert ("hint" in answer.json()) == (code == "not-yours")
    assert (
        await site.anonymous.post(url, json={"text": "x"}, headers=site.bearer(Role.VIEWER))
    ).status_code == 403
    own = (await site.anonymous.post(url, json={"text": "x"}, headers=site.bearer(Role.EDITOR))).json()
    await site.client.post(url, json={"text": "an answer", "threadId": own["id"]})
    kept = await site.anonymous.delete(f"{url}/{own['id']}", headers=site.bearer(Role.EDITOR))
    assert (kept.status_code, kept.json()["code"]) == (409, "comment-answered")
    assert (await site.client.delete(f"{url}/{own['id']}")).status_code == 204


async def test_text_comes_back_as_it_was_written(site: Site) -> None:
    url = f"{await drawing(site)}/comments"
    await site.client.post(url, json={"text": CANARY})
    answer = await site.client.get(url)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["items"][0]["comments"][0]["text"] == CANARY.strip()


async def test_what_is_no_comment_is_refused_with_its_place(site: Site) -> None:
    url = f"{await drawing(site)}/comments"
    wrong: dict[str, Any] = {
        "/text": {"text": " \n\t "},
        "/nodeId": {"text": "x", "nodeId": ""},
        "/spot/x": {"text": "x", "spot": {"x": 1e9, "y": 0}},
        "": {"text": "x", "nodeId": "A", "spot": {"x": 0, "y": 0}},
    }
    for pointer, body in wrong.items():
        answer = await site.client.post(url, json=body)
        assert answer.status_code == 422, body
        assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
    long = await site.client.post(url, json={"text": "x" * 4001})
    assert long.status_code == 422 and "4000" in long.text
    assert (await site.client.post(url, json={"text": "x" * 4000})).status_code == 201
    half = await site.client.post(
        url, content=b'{"text": "x\\u0000"}', headers={"Content-Type": "application/json"}
    )
    assert half.status_code == 400


async def test_pages_go_on_where_they_ended(site: Site) -> None:
    url = f"{await drawing(site)}/comments"
    made = [(await site.client.post(url, json={"text": f"{n}"})).json()["id"] for n in range(5)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await site.client.get(url, params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        found += [each["id"] for each in page["items"]]
        if (cursor := page["nextCursor"]) is None:
            break
    assert found == made[::-1]
