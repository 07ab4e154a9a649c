"""What a person does about a callback: look, resume by hand, send again, give it more time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from runner.model import Role, TriggerInfo
from tests.app.test_callbacks import BASE, armed
from tests.app.test_inbound import API, noted
from tests.factories import PUBLIC_URL, Site, make_workspace, waiting_graph
from tests.faults.bench import until

RUNS = "/api/v1/orchestrator/runs"
WHY = {"reason": "the sender is down"}


async def callbacks(site: Site, run_id: UUID, **kwargs: Any) -> dict[str, Any]:
    answer = await site.client.get(f"{RUNS}/{run_id}/callbacks", **kwargs)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def messages(site: Site, run_id: UUID) -> list[str]:
    lines = (await site.client.get(f"{RUNS}/{run_id}/logs", params={"limit": 200})).json()["items"]
    return [line["message"] for line in lines if line["kind"].startswith("callback.")]


async def parked(site: Site, run_id: UUID) -> None:
    async def there() -> bool:
        return (await callbacks(site, run_id))["items"][0]["state"] == "parked"

    await until(there)


async def test_the_run_says_who_called_and_what_became_of_it(site: Site) -> None:
    run_id, token = await armed(site)
    url = f"{BASE}/{run_id}"
    for given in (token, token, "bt_guess"):
        await site.anonymous.post(f"{url}?token={given}", json={"n": 1})
    await noted(site, 1)
    found = await callbacks(site, run_id)
    (wait,) = found["items"]
    assert (wait["nodeId"], wait["label"], wait["state"], wait["until"]) == ("wait", "wait", "resumed", None)
    assert wait["callbackUrl"] is None, "nothing is taken there any more"
    tries = [(a["verdict"], a["early"], a["sender"], a["size"]) for a in wait["received"]]
    assert tries == [("accepted", True, "127.0.0.1", 8), ("duplicate", False, "127.0.0.1", 8)]
    assert [a["sender"] for a in found["unknown"]] == ["127.0.0.1"] and found["leftOut"] == 0


async def test_the_address_is_for_operators(site: Site) -> None:
    run_id, token = await armed(site, schema={"type": "object"})
    (wait,) = (await callbacks(site, run_id))["items"]
    assert wait["callbackUrl"] == f"{PUBLIC_URL}{BASE}/{run_id}?token={token}"
    assert wait["state"] == "armed" and wait["bodySchema"] == {"type": "object"}
    seen = await site.anonymous.get(f"{RUNS}/{run_id}/callbacks", headers=site.bearer(Role.VIEWER))
    assert seen.status_code == 200 and seen.json()["items"][0]["callbackUrl"] is None
    assert token not in seen.text


async def test_of_wrong_tokens_the_newest_twenty_are_kept(site: Site) -> None:
    run_id, _ = await armed(site)
    other, _ = await armed(site)
    await site.anonymous.post(f"{BASE}/{other}?token=bt_wrong", json={})
    for _ in range(3):
        for _ in range(15):
            site.store.refusals.note(run_id, "192.0.2.7")
        await site.store.refusals.write()
    site.store.refusals.note(UUID(int=7), "192.0.2.7")
    await site.store.refusals.write()
    await noted(site, 21)
    assert len((await callbacks(site, run_id))["unknown"]) == 20
    assert len((await callbacks(site, other))["unknown"]) == 1


async def test_resumed_by_hand_with_a_reason_that_stays(live: Site) -> None:
    run_id, token = await armed(live)
    await parked(live, run_id)
    url = f"{RUNS}/{run_id}/callbacks/wait"
    unexplained: tuple[dict[str, Any], ...] = ({"body": {}}, {"body": {}, "reason": " "})
    for body in unexplained:
        assert (await live.client.post(url, json=body)).status_code == 422
    answer = await live.client.post(url, json={"body": {"ok": True}, **WHY})
    assert answer.status_code == 200, answer.text
    (kept,) = answer.json()["items"][0]["received"]
    assert (kept["verdict"], kept["early"], kept["sender"], kept["by"], kept["reason"]) == (
        *("accepted", False, None, "token:admin", "the sender is down"),
    )
    assert await messages(live, run_id) == ["wait: resumed by hand by token:admin (the sender is down)"]
    late = await live.anonymous.post(f"{BASE}/{run_id}?token={token}", json={})
    assert late.status_code in (200, 410)
    again = await live.client.post(url, json={"body": {}, **WHY})
    assert (again.status_code, again.json()["code"]) == (409, "wait-over")

    async def ended() -> bool:
        return (await live.client.get(f"{RUNS}/{run_id}")).json()["status"] == "COMPLETED"

    await until(ended)
    nodes = (await live.client.get(f"{RUNS}/{run_id}")).json()["nodes"]
    assert nodes[0]["output"] == {"ok": True}


async def test_by_hand_and_by_callback_at_once_exactly_one_counts(site: Site) -> None:
    for _ in range(10):
        run_id, token = await armed(site)
        hand = site.client.post(f"{RUNS}/{run_id}/callbacks/wait", json={"body": "hand", **WHY})
        real = site.anonymous.post(f"{BASE}/{run_id}?token={token}", json="real")
        answers: tuple[httpx.Response, httpx.Response] = await asyncio.gather(hand, real)
        codes = tuple(a.status_code for a in answers)
        assert codes in ((200, 200), (409, 202)), "200 to the sender is: a duplicate"
        (wait,) = (await callbacks(site, run_id))["items"]
        assert [a["verdict"] for a in wait["received"]].count("accepted") == 1
        assert len(await messages(site, run_id)) == 1


async def test_what_does_not_fit_is_refused_and_nothing_is_kept(site: Site) -> None:
    run_id, _ = await armed(site, schema={"type": "object", "required": ["n"]})
    url = f"{RUNS}/{run_id}/callbacks/wait"
    answer = await site.client.post(url, json={"body": {}, **WHY})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"].startswith("/body")
    assert (await callbacks(site, run_id))["items"][0]["received"] == []
    assert (await site.client.post(f"{RUNS}/{run_id}/callbacks/after", json=WHY)).status_code == 404
    assert (await site.client.post(url, json={"body": {"n": 1}, **WHY})).status_code == 200
    await site.client.post(f"{RUNS}/{run_id}/cancel")
    gone = await site.client.post(url, json={"body": {"n": 1}, **WHY})
    assert gone.status_code == 409


async def test_a_refused_body_is_sent_again_where_it_fits(site: Site) -> None:
    scope = await site.store.access.scope("test")
    made = await site.store.orchestrators.create(scope, "waits", "", waiting_graph())
    first, second = [
        await site.store.runs.create(scope, made.id, {}, trigger=TriggerInfo(by="test")) for _ in range(2)
    ]
    stranger, _ = await armed(site)
    body = {"body": {"n": 1}, **WHY}
    shown = (await site.client.post(f"{RUNS}/{first}/callbacks/wait", json=body)).json()
    kept = shown["items"][0]["received"][0]["id"]
    url = f"{API}/{kept}/replay"
    assert (await site.client.post(url)).status_code == 409, "its own run has it"
    assert (await site.client.post(url, json={"runId": str(stranger)})).status_code == 404
    answer = await site.client.post(url, json={"runId": str(second), "reason": "once more"})
    assert answer.status_code == 200, answer.text
    (attempt,) = answer.json()["items"][0]["received"]
    assert (await site.client.get(f"{API}/{attempt['id']}")).json()["body"] == {"n": 1}
    (line,) = await messages(site, second)
    assert f"callback {kept} of run" in line and "sent again by token:admin (once more)" in line
    assert (await site.client.post(url, json={"runId": str(second)})).status_code == 409


async def test_a_wrong_token_has_no_body_to_send_again(site: Site) -> None:
    run_id, _ = await armed(site)
    await site.anonymous.post(f"{BASE}/{run_id}?token=bt_wrong", json={"n": 1})
    await noted(site, 1)
    (item,) = (await site.client.get(API)).json()["items"]
    answer = await site.client.post(f"{API}/{item['id']}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "no-body")
    assert item["nodeId"] is None and item["size"] is None


async def test_another_workspace_can_neither_see_nor_send(site: Site) -> None:
    await make_workspace(site.store, "other")
    theirs = await site.store.access.scope("them", workspace_name="other")
    made = await site.store.orchestrators.create(theirs, "theirs", "", waiting_graph())
    run_id = await site.store.runs.create(theirs, made.id, {}, trigger=TriggerInfo(by="them"))
    await site.store.waits.resume(theirs, run_id, "wait", {"canary": 1}, reason="theirs")
    (received,) = await site.store.inbound.page(theirs, limit=10)
    for method, url in (
        ("GET", f"{API}/{received.id}"),
        ("POST", f"{API}/{received.id}/replay"),
        ("GET", f"{RUNS}/{run_id}/callbacks"),
    ):
        answer = await site.client.request(method, url)
        assert answer.status_code == 404 and "canary" not in answer.text


async def test_a_wait_is_given_more_time(live: Site) -> None:
    run_id, _ = await armed(live, timeout=60_000)
    url = f"{RUNS}/{run_id}/callbacks/wait/extend"
    await parked(live, run_id)
    before = (await callbacks(live, run_id))["items"][0]["until"]
    answer = await live.client.post(url, json={"seconds": 5400})
    assert answer.status_code == 200, answer.text
    after = answer.json()["items"][0]["until"]
    assert after > before
    run = (await live.client.get(f"{RUNS}/{run_id}")).json()
    assert run["waiting"][0]["until"] == after
    assert await messages(live, run_id) == ["wait: token:admin extended the wait by 1 h 30 m"]
    assert (await live.client.post(url, json={"seconds": 0})).status_code == 422


async def test_a_wait_that_has_not_begun_has_no_deadline(site: Site) -> None:
    run_id, _ = await armed(site)
    answer = await site.client.post(f"{RUNS}/{run_id}/callbacks/wait/extend", json={"seconds": 60})
    assert (answer.status_code, answer.json()["code"]) == (409, "wait-over")


async def test_a_test_and_its_line_in_the_audit_log_are_one(site: Site) -> None:
    run_id, _ = await armed(site)
    address = f"{RUNS}/{run_id}/callbacks/wait/test"
    async with site.store.database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit ADD CONSTRAINT full_disk CHECK (false) NOT VALID"))
    failed = await site.client.post(address, json={"body": {"n": 1}, **WHY})
    assert failed.status_code == 500
    (wait,) = (await callbacks(site, run_id))["items"]
    assert (wait["state"], wait["received"]) == ("armed", []), "what is not told was not done"
    async with site.store.database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit DROP CONSTRAINT full_disk"))
    assert (await site.client.post(address, json={"body": {"n": 1}, **WHY})).is_success
    (wait,) = (await callbacks(site, run_id))["items"]
    assert [each["verdict"] for each in wait["received"]] == ["accepted"]
