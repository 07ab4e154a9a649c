"""The callback table of the contract, case by case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from app.body import MAX_CALLBACK
from runner.model import TriggerInfo
from runner.tokens import callback_token
from tests.factories import Site, make_graph, waiting_graph

BASE = "/api/v1/orchestrator/callback"


async def armed(site: Site, **config: Any) -> tuple[UUID, str]:
    """A run that has not come to its wait yet, and the wait's token."""
    scope = await site.store.access.scope("test")
    made = await site.store.orchestrators.create(scope, "waits", "", waiting_graph(**config))
    run_id = await site.store.runs.create(scope, made.id, {}, trigger=TriggerInfo(by="test"))
    async with site.store.database.begin() as connection:
        row = (
            await connection.execute(
                text("SELECT workspace_id, sealed_seed FROM run WHERE id = :id"), {"id": run_id}
            )
        ).one()
    return run_id, callback_token(site.store.waits.seed(row.workspace_id, run_id, row.sealed_seed), "wait")


async def stored(site: Site) -> list[Any]:
    async with site.store.database.begin() as connection:
        return list((await connection.execute(text("SELECT body FROM callback"))).scalars())


async def test_the_first_is_accepted_early_and_the_second_is_a_duplicate(site: Site) -> None:
    run_id, token = await armed(site)
    first = await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={"n": 1})
    assert (first.status_code, first.json()) == (202, {"accepted": True, "duplicate": False})
    again = await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={"n": 2})
    assert (again.status_code, again.json()) == (200, {"accepted": True, "duplicate": True})
    assert await stored(site) == [{"n": 1}]


async def test_of_sixteen_at_once_one_is_first(site: Site) -> None:
    run_id, token = await armed(site)
    answers = await asyncio.gather(
        *(site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={"n": n}) for n in range(16))
    )
    assert sorted(a.status_code for a in answers) == [200] * 15 + [202]
    assert len(await stored(site)) == 1


@pytest.mark.parametrize("place", ["header", "bearer", "query", "field", "form"])
async def test_the_token_may_come_by_any_of_its_places(site: Site, place: str) -> None:
    run_id, token = await armed(site)
    url = f"{BASE}/{run_id}"
    kwargs: dict[str, Any] = {"json": {"x": 1}}
    if place == "header":
        kwargs["headers"] = {"X-Correlation-Token": token}
    elif place == "bearer":
        kwargs["headers"] = {"Authorization": f"Bearer {token}"}
    elif place == "query":
        kwargs["params"] = {"token": token}
    elif place == "field":
        kwargs["json"] = {"x": 1, "correlationToken": token}
    else:
        kwargs = {"data": {"x": "1", "correlationToken": token}}
    answer = await site.anonymous.post(url, **kwargs)
    assert answer.status_code == 202, answer.text
    assert await stored(site) == [{"x": "1"} if place == "form" else {"x": 1}]


async def test_any_json_is_a_body(site: Site) -> None:
    bodies: list[Any] = [1, "text", None, [1, {"a": None}], True, {}, {"deep": [[[]]]}]
    for body in bodies:
        run_id, token = await armed(site)
        answer = await site.anonymous.post(
            f"{BASE}/{run_id}?token={token}",
            content=json.dumps(body),
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
        assert answer.status_code == 202
    assert await stored(site) == bodies


async def test_forms_become_objects_and_no_body_is_null(site: Site) -> None:
    run_id, token = await armed(site)
    form = await site.anonymous.post(
        f"{BASE}/{run_id}?token={token}",
        content="a=1&b=x+y&b=%C3%A4&c=",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert form.status_code == 202
    run_id, token = await armed(site)
    parts = await site.anonymous.post(
        f"{BASE}/{run_id}?token={token}", files={"a": (None, "1"), "b": (None, "zwei ä")}
    )
    assert parts.status_code == 202, parts.text
    run_id, token = await armed(site)
    assert (await site.anonymous.post(f"{BASE}/{run_id}?token={token}")).status_code == 202
    assert await stored(site) == [{"a": "1", "b": ["x y", "ä"], "c": ""}, {"a": "1", "b": "zwei ä"}, None]


async def test_a_definition_in_a_callback_is_data_and_nothing_else(site: Site) -> None:
    """Threat T4: whoever may call back can give the wait its body, and change nothing."""
    run_id, token = await armed(site)
    run = (await site.client.get(f"/api/v1/orchestrator/runs/{run_id}")).json()
    url = f"/api/v1/orchestrator/{run['orchestratorId']}"
    before = (await site.client.get(url)).json()
    graph = make_graph("evil").to_json()
    body = {"data": graph, "graph": graph, "nodes": graph["nodes"], "definition": graph, "code": "import os"}
    answer = await site.anonymous.post(
        f"{BASE}/{run_id}?token={token}&definition=x", json={**body, "auth": {"mode": "token"}}
    )
    assert answer.status_code == 202
    assert await stored(site) == [{**body, "auth": {"mode": "token"}}]
    after = (await site.client.get(url)).json()
    assert (after["definition"], after["revision"]) == (before["definition"], before["revision"])


async def test_everything_unknown_gets_the_same_bytes(site: Site) -> None:
    run_id, token = await armed(site)
    other_run, other_token = await armed(site)
    wrong_fields: list[Any] = [None, "", 0, True, [], {}, " ", token + " "]
    answers = [
        await site.anonymous.post(f"{BASE}/{uuid4()}?token={token}", json={}),
        await site.anonymous.post(f"{BASE}/{other_run}?token={token}", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}?token={other_token}", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}?token=", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}?token=%00", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}?token=%ED%A0%80", json={}),
        await site.anonymous.post(f"{BASE}/not-a-run?token={token}", json={}),
        await site.anonymous.post(f"{BASE}/{run_id}", headers={"X-Correlation-Token": "x"}, json={}),
        *[
            await site.anonymous.post(f"{BASE}/{run_id}", json={"correlationToken": wrong})
            for wrong in wrong_fields
        ],
    ]
    assert {a.status_code for a in answers} == {404}
    assert len({a.content for a in answers}) == 1
    body = answers[0].json()
    assert {"type", "title", "status", "detail", "instance", "code", "hint", "requestId"} <= set(body)
    assert len({a.headers["x-request-id"] for a in answers}) == len(answers)
    assert await stored(site) == []


async def test_a_cancelled_run_answers_gone(site: Site) -> None:
    run_id, token = await armed(site)
    await site.store.runs.cancel(await site.store.access.scope("test"), run_id)
    answer = await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={})
    assert answer.status_code == 410 and answer.json()["code"] == "callback-gone"
    assert await stored(site) == []


MALFORMED = {
    "nothing like JSON": b"{",
    "two values": b"{} {}",
    "NaN": b"NaN",
    "Infinity": b"[-Infinity]",
    "a NUL": b'"\\u0000"',
    "half a pair": b'"\\ud800"',
    "a repeated key": b'{"a": 1, "a": 2}',
    "a huge number": b"1e200000",
    "a huge integer": b"9" * 30,
    "too deep": b"[" * 65 + b"]" * 65,
    "much too deep": b"[" * 100_000,
    "not UTF-8": b'"\xff"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "only spaces": b"   ",
}


async def test_a_malformed_body_is_refused_and_the_wait_stays_open(site: Site) -> None:
    run_id, token = await armed(site)
    url = f"{BASE}/{run_id}?token={token}"
    for name, content in MALFORMED.items():
        answer = await site.anonymous.post(url, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await site.anonymous.post(url, json={})).status_code == 202


PART = b'--b\r\nContent-Disposition: form-data; name="f"'
FORMS = (
    ("application/x-www-form-urlencoded", b"a=%FF"),
    ("application/x-www-form-urlencoded", b"a=%00"),
    ("application/x-www-form-urlencoded", b"\xff=1"),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=b", b"no boundary here"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\nunnamed\r\n--b--\r\n"),
    ("multipart/form-data; boundary=b", PART + b'; filename="/etc/passwd"\r\n\r\nx\r\n--b--\r\n'),
    ("multipart/form-data; boundary=b", PART + b"\r\n\r\n\xff\r\n--b--\r\n"),
)


async def test_a_malformed_form_is_refused(site: Site) -> None:
    run_id, token = await armed(site)
    for media, content in FORMS:
        url = f"{BASE}/{run_id}?token={token}"
        answer = await site.anonymous.post(url, content=content, headers={"Content-Type": media})
        assert answer.status_code == 400, (media, content, answer.text)
    assert await stored(site) == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413_with_and_without_a_length(site: Site, chunked: bool) -> None:
    run_id, token = await armed(site)
    whole = b'"' + b"x" * (MAX_CALLBACK - 2) + b'"'

    async def pieces(content: bytes) -> AsyncGenerator[bytes]:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    async def send(content: bytes) -> httpx.Response:
        body = pieces(content) if chunked else content
        return await site.anonymous.post(f"{BASE}/{run_id}?token={token}", content=body)

    answer = await send(b" " + whole)
    assert answer.status_code == 413 and answer.json()["code"] == "too-large"
    assert (await send(whole)).status_code == 202


async def test_a_body_against_the_schema_is_422_and_the_wait_stays_open(site: Site) -> None:
    schema = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
    run_id, token = await armed(site, schema=schema)
    wrong = await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={"ok": "yes"})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["pointer"] == "/ok"
    right = await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json={"ok": True})
    assert right.status_code == 202


async def test_a_definition_sent_along_is_data_and_nothing_else(site: Site) -> None:
    run_id, token = await armed(site)
    hostile: dict[str, Any] = {
        "definition": make_graph("X").to_json(),
        "graph": {},
        "nodes": [],
        "code": "1+1",
    }
    assert (await site.anonymous.post(f"{BASE}/{run_id}?token={token}", json=hostile)).status_code == 202
    run = (await site.client.get(f"/api/v1/orchestrator/runs/{run_id}")).json()
    assert [node["id"] for node in run["nodes"]] == ["wait", "after"]
    assert await stored(site) == [hostile]


async def test_only_post_resumes(site: Site) -> None:
    run_id, token = await armed(site)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await site.anonymous.request(method, f"{BASE}/{run_id}?token={token}")
        assert answer.status_code == 405 and answer.headers["allow"] == "POST"


async def test_who_guesses_takes_no_lock_of_the_run(site: Site) -> None:
    """A lock is a write, and the time of its commit would tell that the run exists; it would also let strangers hold up a run."""
    run_id, token = await armed(site)
    async with asyncio.timeout(20), site.store.database.begin() as connection:
        await connection.execute(
            text("SELECT FROM run WHERE id = :id FOR NO KEY UPDATE"), {"id": run_id}
        )  # as a worker has it while it settles a step
        for wrong in (callback_token(b"\x00" * 32, "wait"), "x"):
            assert (await site.anonymous.post(f"{BASE}/{run_id}?token={wrong}")).status_code == 404
        right = asyncio.create_task(site.anonymous.post(f"{BASE}/{run_id}?token={token}"))
        await asyncio.wait((right,), timeout=0.2)
        assert not right.done(), "who has the token waits for its turn"
    assert (await right).status_code == 202
