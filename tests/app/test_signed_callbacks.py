"""Callbacks of waits that ask for more than the token (threat T11): what is refused, how it is told, and that the wait stays open."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from runner.model import TriggerInfo
from runner.store import Store
from runner.store.accepting import ACCEPT, Source, acceptance
from runner.tokens import digest
from runner.webhook_auth import read_auth
from runner.webhook_proof import Call, sign
from tests.app.test_callbacks import BASE, armed, stored
from tests.app.test_signing_secrets import made, signed
from tests.app.test_waits import callbacks
from tests.factories import Site, open_store
from tests.faults.bench import until

BODY = b'{"n": 1}'
Pairs = list[tuple[bytes, bytes]]


def headers(
    auth: dict[str, Any], secret: str, raw: bytes = BODY, *, at: float = 0.0, message: str = ""
) -> Pairs:
    """As a sender makes them; `at` is from now."""
    found = sign(read_auth(auth), secret.encode(), raw, time.time() + at, message or f"m-{uuid4()}")
    return [*found, (b"content-type", b"application/json")]


async def post(site: Site, run_id: UUID, token: str, pairs: Pairs, raw: bytes = BODY) -> httpx.Response:
    return await site.anonymous.post(f"{BASE}/{run_id}?token={token}", content=raw, headers=pairs)


async def wait_with(
    site: Site, mode: str = "standard-webhooks", **more: Any
) -> tuple[UUID, str, dict[str, Any], str]:
    """An armed wait of that mode: its run, its token, the mode, and the secret."""
    issued = await made(site, f"secret {uuid4()}")
    auth = signed(issued["id"], mode, **more)
    return *await armed(site, auth=auth), auth, issued["secret"]


async def another_wait(site: Site, run_id: UUID) -> tuple[UUID, str]:
    """Of another run of the same orchestrator."""
    scope = await site.store.access.scope("test")
    run = (await site.client.get(f"/api/v1/orchestrator/runs/{run_id}")).json()
    other = await site.store.runs.create(
        scope, UUID(run["orchestratorId"]), {}, trigger=TriggerInfo(by="test")
    )
    (wait,) = (await callbacks(site, other))["items"]
    return other, wait["callbackUrl"].partition("token=")[2]


async def refusals(site: Site, run_id: UUID, count: int) -> list[str]:
    """The reasons of refused calls, once so many are written down."""
    found: list[str] = []

    async def there() -> bool:
        (wait,) = (await callbacks(site, run_id))["items"]
        found[:] = [each["refusal"] for each in wait["received"] if each["verdict"] == "refused"]
        return wait["refused"] >= count

    await until(there)
    return found


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("standard-webhooks", {}),
        ("github", {}),
        ("stripe", {}),
        ("slack", {}),
        (
            "hmac",
            {"header": "X-Sign", "timestampHeader": "X-Time", "algorithm": "sha512", "encoding": "base64"},
        ),
        ("bearer", {}),
        ("basic", {"username": "make"}),
    ],
)
async def test_each_mode_takes_what_its_sender_signs_and_nothing_else(
    site: Site, mode: str, more: dict[str, Any]
) -> None:
    run_id, token, auth, secret = await wait_with(site, mode, **more)
    good = headers(auth, secret)
    for pairs in ([], headers(auth, secret + "x" if mode != "standard-webhooks" else "whsec_" + "A" * 43)):
        refused = await post(site, run_id, token, pairs)
        assert refused.status_code == 401, refused.text
        assert refused.headers["www-authenticate"]
    assert await stored(site) == []
    assert (await post(site, run_id, token, good)).status_code == 202
    again = await post(site, run_id, token, good)
    assert (again.status_code, again.json()["duplicate"]) == (200, True), "a sender that missed the answer"
    assert await stored(site) == [{"n": 1}]
    assert await refusals(site, run_id, 2) == ["unsigned", "mismatch"]


async def test_all_refusals_have_the_same_bytes_and_leave_the_wait_open(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site)
    message = "m-1"
    good = headers(auth, secret, message=message)
    repeated = [*good, good[0]]
    many = [
        (n, b" ".join([b"v1," + b"A" * 43 + b"="] * 500) if n.endswith(b"signature") else v) for n, v in good
    ]
    fraction = [(n, v + b".5" if n.endswith(b"timestamp") else v) for n, v in good]
    bad64 = [(n, b"v1,!!!!" if n.endswith(b"signature") else v) for n, v in good]
    calls: list[tuple[Pairs, bytes, str]] = [
        ([], BODY, "unsigned"),
        (good, BODY + b" ", "mismatch"),
        (good, b"\xff\xfe", "mismatch"),
        (good, b'{"n": NaN}', "mismatch"),
        (headers(auth, secret, at=-400), BODY, "stale"),
        (headers(auth, secret, at=400), BODY, "future"),
        (repeated, BODY, "malformed"),
        (many, BODY, "malformed"),
        (fraction, BODY, "malformed"),
        (bad64, BODY, "malformed"),
    ]
    answers = [await post(site, run_id, token, pairs, raw) for pairs, raw, _ in calls]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert await refusals(site, run_id, len(calls)) == [reason for *_, reason in calls]
    unknown = await post(site, run_id, "bt_wrong", good)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    bad = headers(auth, secret, b"not json")
    assert (await post(site, run_id, token, bad, b"not json")).status_code == 400, (
        "who signs learns what is wrong"
    )
    assert (await post(site, run_id, token, good)).status_code == 202
    told = (await site.client.get("/metrics")).text
    assert 'baton_callback_refusals_total{reason="malformed"} 4.0' in told
    assert 'baton_callbacks_total{verdict="refused"} 10.0' in told


async def test_a_message_is_taken_once_by_whichever_wait(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site)
    other, other_token = await another_wait(site, run_id)
    good = headers(auth, secret)
    assert (await post(site, run_id, token, good)).status_code == 202
    assert (await post(site, other, other_token, good)).status_code == 401
    assert await refusals(site, other, 1) == ["replayed"]
    assert (await post(site, other, other_token, headers(auth, secret))).status_code == 202


async def test_of_sixteen_waits_at_once_over_two_processes_one_takes_the_message(
    site: Site, database_url: str
) -> None:
    run_id, token, auth, secret = await wait_with(site)
    waits = [(run_id, token), *[await another_wait(site, run_id) for _ in range(15)]]
    call = Call(BODY, headers(auth, secret), "127.0.0.1")
    async with open_store(database_url) as second:
        stores: list[Store] = [site.store, second]
        verdicts = await asyncio.gather(
            *(
                stores[n % 2].waits.signal(run_id, token, {"n": 1}, call=call)
                for n, (run_id, token) in enumerate(waits)
            )
        )
    assert sorted(verdict.kind for verdict in verdicts) == ["accepted", *["refused"] * 15]
    assert {verdict.refusal for verdict in verdicts} == {None, "replayed"}
    assert await stored(site) == [{"n": 1}]


async def test_a_message_that_was_not_taken_may_come_again(site: Site) -> None:
    issued = await made(site)
    auth = signed(issued["id"])
    run_id, token = await armed(site, auth=auth, schema={"type": "object", "required": ["ok"]})
    assert (await post(site, run_id, token, headers(auth, issued["secret"], message="m"))).status_code == 422
    right = b'{"ok": true}'
    pairs = headers(auth, issued["secret"], right, message="m")
    assert (await post(site, run_id, token, pairs, right)).status_code == 202


async def test_messages_are_forgotten_after_a_day(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site)
    good = headers(auth, secret)
    assert (await post(site, run_id, token, good)).status_code == 202
    assert await site.store.messages.forget() == 0
    other, other_token = await another_wait(site, run_id)
    async with site.store.database.begin() as connection:
        await connection.execute(text("UPDATE signed_message SET seen_at = seen_at - interval '25 hours'"))
    assert (await post(site, other, other_token, good)).status_code == 202, (
        "no longer remembered, purged or not"
    )
    async with site.store.database.begin() as connection:
        await connection.execute(text("UPDATE signed_message SET seen_at = seen_at - interval '25 hours'"))
    assert await site.store.messages.forget() == 1


async def test_the_token_alone_costs_no_look_at_secrets(site: Site) -> None:
    """One statement takes the callback; what a sender would have to prove is part of it, and never executed."""
    run_id, token = await armed(site)
    given_ = acceptance(run_id, {}, Source("192.0.2.1")) | {"hashed": digest(token)}
    async with site.store.database.fast() as connection:
        plan = await connection.fetch(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {ACCEPT.text}", *ACCEPT.arguments(given_)
        )
    lines = [row[0] for row in plan]
    secrets = [line for line in lines if "signing_secret_version" in line]
    assert secrets and all("never executed" in line for line in secrets)
    assert await stored(site) == [{}]


async def test_a_rotated_secret_counts_until_its_time_is_up(site: Site) -> None:
    run_id, token, auth, old = await wait_with(site)
    url = f"/api/v1/signing-secrets/{auth['secretId']}/rotate"
    new = (await site.client.post(url, json={"keepOldSeconds": 600})).json()["secret"]
    others = [await another_wait(site, run_id) for _ in range(2)]
    assert (await post(site, run_id, token, headers(auth, old))).status_code == 202
    assert (await post(site, *others[0], headers(auth, new))).status_code == 202
    assert (await site.client.post(url, json={"keepOldSeconds": 0})).status_code == 201
    assert (await post(site, *others[1], headers(auth, new))).status_code == 401
    assert await refusals(site, others[1][0], 1) == ["mismatch"]


async def test_a_bearer_secret_stands_beside_the_token(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site, "bearer")
    url = f"{BASE}/{run_id}"
    bearer = {"Authorization": f"Bearer {secret}"}
    only = await site.anonymous.post(url, content=BODY, headers={"Authorization": f"Bearer {token}"})
    assert only.status_code == 401, "the token is known, the secret is not given"
    assert (await site.anonymous.post(url, content=BODY, headers=bearer)).status_code == 404, "no token"
    both = await site.anonymous.post(url, content=BODY, headers={**bearer, "X-Correlation-Token": token})
    assert both.status_code == 202 and auth["mode"] == "bearer"


async def test_only_the_networks_that_are_named(site: Site) -> None:
    run_id, token = await armed(site, auth={"mode": "token", "networks": ["192.0.2.0/24"]})
    assert (await post(site, run_id, token, [])).status_code == 401
    assert await refusals(site, run_id, 1) == ["network"]
    run_id, token = await armed(site, auth={"mode": "token", "networks": ["127.0.0.0/8", "::1"]})
    assert (await post(site, run_id, token, [])).status_code == 202


async def test_a_form_is_signed_as_it_comes(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site, "slack")
    raw = b"user=ann&text=%C3%A4"
    pairs = [
        (n, b"application/x-www-form-urlencoded" if n == b"content-type" else v)
        for n, v in headers(auth, secret, raw)
    ]
    assert (await post(site, run_id, token, pairs, raw)).status_code == 202
    assert await stored(site) == [{"user": "ann", "text": "ä"}]


async def test_a_test_is_signed_as_its_sender_would(site: Site) -> None:
    for mode in ("standard-webhooks", "github", "basic"):
        more = {"username": "make"} if mode == "basic" else {}
        run_id, _, _, _ = await wait_with(site, mode, **more, networks=["192.0.2.0/24"])
        url = f"/api/v1/orchestrator/runs/{run_id}/callbacks/wait/test"
        answer = await site.client.post(url, json={"body": {"n": mode}, "reason": "Test"})
        assert answer.status_code == 200, answer.text
        (attempt,) = answer.json()["items"][0]["received"]
        assert (attempt["verdict"], attempt["by"], attempt["reason"]) == ("accepted", "token:admin", "Test")
    run_id, _, auth, _ = await wait_with(site)
    async with site.store.database.begin() as connection:
        await connection.execute(
            text("DELETE FROM signing_secret WHERE id = :id"), {"id": UUID(auth["secretId"])}
        )
    url = f"/api/v1/orchestrator/runs/{run_id}/callbacks/wait/test"
    answer = await site.client.post(url, json={"body": {}, "reason": "Test"})
    assert (answer.status_code, answer.json()["code"]) == (409, "sender-not-proven")


async def test_what_was_refused_is_filtered_and_cannot_be_replayed(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site)
    assert (await post(site, run_id, token, [])).status_code == 401
    await refusals(site, run_id, 1)
    (item,) = (await site.client.get("/api/v1/orchestrator/callbacks", params={"verdict": "refused"})).json()[
        "items"
    ]
    assert (item["refusal"], item["size"], item["nodeId"], item["sender"]) == (
        "unsigned",
        None,
        "wait",
        "127.0.0.1",
    )
    again = await site.client.post(f"/api/v1/orchestrator/callbacks/{item['id']}/replay", json={})
    assert (again.status_code, again.json()["code"]) == (409, "no-body")
    (wait,) = (await callbacks(site, run_id))["items"]
    assert wait["auth"]["mode"] == "standard-webhooks" and wait["auth"]["secretId"] == auth["secretId"]
    assert secret not in json.dumps(wait)


async def test_a_flood_is_counted_told_once_and_does_not_fill_the_table(site: Site) -> None:
    run_id, token, auth, secret = await wait_with(site)
    calls = (post(site, run_id, token, []) for _ in range(60))
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {401}
    assert len(await refusals(site, run_id, 60)) < 20
    (wait,) = (await callbacks(site, run_id))["items"]
    assert wait["refused"] == 60

    async def incidents() -> list[dict[str, Any]]:
        return (await site.client.get("/api/v1/orchestrator/incidents")).json()["items"]

    async def there() -> bool:
        return bool(await incidents())

    await until(there)
    (incident,) = await incidents()
    assert (incident["kind"], incident["provider"], incident["resolvedDate"]) == (
        "callbacks",
        "callbacks",
        None,
    )
    assert incident["name"].startswith("waits #") and "unsigned" in incident["cause"]
    assert "baton_callback_bursts_open 1.0" in (await site.client.get("/metrics")).text
    await site.store.refusals.settle()
    assert (await incidents())[0]["resolvedDate"] is None, "it was seen a moment ago"
    async with site.store.database.begin() as connection:
        await connection.execute(text("UPDATE incident SET seen_at = seen_at - interval '301 seconds'"))
    await site.store.refusals.settle()
    assert (await incidents())[0]["resolvedDate"] is not None
    assert (await post(site, run_id, token, headers(auth, secret))).status_code == 202, (
        "the sender is not locked out"
    )


async def test_one_address_that_tries_many_waits_is_one_incident(site: Site) -> None:
    run_id, token, _, _ = await wait_with(site)
    waits = [(run_id, token), *[await another_wait(site, run_id) for _ in range(4)]]
    for _ in range(5):
        for each, its_token in waits:
            await post(site, each, its_token, [])

    async def there() -> bool:
        found = (await site.client.get("/api/v1/orchestrator/incidents")).json()["items"]
        return [item["name"] for item in found] == ["127.0.0.1"]

    await until(there)


@pytest_asyncio.fixture
async def waiting(site: Site) -> tuple[UUID, str]:
    run_id, token, _, _ = await wait_with(site)
    return run_id, token


_TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(
                ["webhook-id", "webhook-timestamp", "webhook-signature", "authorization", "content-type"]
            ),
            st.one_of(
                _TEXTS,
                st.sampled_from(["1e9", "1790000000.5", "v1,", "v1,====", "multipart/form-data", "Basic !"]),
            ),
        ),
        max_size=6,
    ),
    raw=st.binary(max_size=200),
)
async def test_whatever_is_sent_is_refused_and_never_a_fault(
    waiting: tuple[UUID, str], site: Site, pairs: list[tuple[str, str]], raw: bytes
) -> None:
    run_id, token = waiting
    answer = await post(site, run_id, token, [(name.encode(), value.encode()) for name, value in pairs], raw)
    assert answer.status_code == 401
