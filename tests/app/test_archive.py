"""Archived runs: out of the lists, their counts and groups, and nowhere else; moved by ids or by a filter, counted beforehand."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from providers import JsonObject
from runner.model import Policy, Role
from runner.store import archived as store_archived
from tests.app.test_runs import BASE, parked, saved
from tests.factories import Site, make_graph, waiting_graph

RUNS = f"{BASE}/runs"


async def started(site: Site, flow: str, *, end: bool = True, **labels: str) -> str:
    run = (await site.client.post(f"{BASE}/{flow}/run", json={"labels": labels})).json()
    if end:
        assert (await site.client.post(f"{RUNS}/{run['id']}/cancel")).is_success
    return run["id"]


async def listed(site: Site, **params: Any) -> list[str]:
    answer = await site.client.get(RUNS, params=params)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def asked(site: Site, act: str = "archive", **body: Any) -> dict[str, int]:
    answer = await site.client.post(f"{RUNS}/{act}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_archived_run_leaves_the_lists_and_keeps_all_else(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    first, second = await started(site, flow, env="prod"), await started(site, flow)
    assert await asked(site, ids=[first]) == {"done": 1, "left": 0, "underWay": 0, "deadLetters": 0}
    assert await listed(site) == await listed(site, orchestratorId=flow) == [second]
    assert await listed(site, label="env:prod") == await listed(site, q=first) == []
    assert await listed(site, archived=True) == await listed(site, archived=True, label="env:prod") == [first]
    of_flow = await site.client.get(f"{BASE}/{flow}/runs")
    assert [item["id"] for item in of_flow.json()["items"]] == [second]
    for params, count in (({}, 1), ({"archived": True}, 1)):
        summary = (await site.client.get(f"{RUNS}/summary", params=params)).json()
        assert summary["counts"]["CANCELLED"] == count
        assert sum(bar["counts"].get("CANCELLED", 0) for bar in summary["buckets"]) == count

    run = (await site.client.get(f"{RUNS}/{first}")).json()
    assert run["archivedDate"] and run["labels"] == {"env": "prod"} and run["nodes"]
    lines = (await site.client.get(f"{RUNS}/{first}/logs")).json()["items"]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert (lines[-1]["kind"], lines[-1]["data"]) == ("run.archived", {"by": "token:admin"})
    again = await site.client.post(f"{RUNS}/{first}/retry", json={"from": "start"})
    assert again.status_code == 202 and again.json()["archivedDate"] is None
    relabelled = await site.client.patch(f"{RUNS}/{first}", json={"labels": {"env": "test"}})
    assert relabelled.json()["archivedDate"] == run["archivedDate"]

    assert (await asked(site, "unarchive", ids=[first, second]))["done"] == 1
    assert await listed(site, archived=True) == []
    assert set(await listed(site)) == {first, second, again.json()["id"]}
    assert (await site.client.get(f"{RUNS}/{first}")).json()["archivedDate"] is None


async def test_failures_that_are_archived_are_in_no_group_and_no_count(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    first, second = await started(site, flow, end=False), await started(site, flow, end=False)
    async with site.store.database.begin() as connection:
        failed = (
            "UPDATE run SET state = 'FAILED', finished_at = clock_timestamp(), "
            """error = '{"code": "x", "message": "no", "nodeId": "A"}'"""
        )
        await connection.execute(text(failed))

    async def seen(**params: Any) -> tuple[list[int], int]:
        groups = (await site.client.get(f"{RUNS}/errors", params=params)).json()["items"]
        summary = (await site.client.get(f"{RUNS}/summary", params=params)).json()
        return [group["count"] for group in groups], summary["failed24h"]

    assert await seen() == ([2], 2)
    await asked(site, ids=[first])
    assert await seen() == await seen(archived=True) == ([1], 1)
    await asked(site, ids=[second])
    assert await seen() == ([], 0)


async def test_only_ended_runs_are_archived_and_a_preview_counts_what_would_happen(site: Site) -> None:
    flow, other = await saved(site, make_graph("A")), await saved(site, make_graph("A"), "Other")
    ended, live = await started(site, flow), await started(site, flow, end=False)
    await started(site, other)
    async with site.store.database.begin() as connection:
        letter = (
            "INSERT INTO dead_letter (workspace_id, orchestrator_id, run_id, revision, node_run_id, node_id, node_label, code,"
            " message) SELECT r.workspace_id, r.orchestrator_id, r.id, 1, n.id, n.node_id, 'A', 'x', 'x'"
            " FROM run r JOIN node_run n ON n.run_id = r.id WHERE r.id = :run"
        )
        await connection.execute(text(letter), {"run": ended})
    before = await listed(site)
    effects = {"done": 0, "left": 1, "underWay": 1, "deadLetters": 1}
    assert await asked(site, filter={"orchestratorId": flow}, dryRun=True) == effects
    assert await asked(site, ids=[ended, live], dryRun=True) == effects
    assert await listed(site) == before
    assert (await asked(site, filter={"orchestratorId": flow, "archived": True}))["done"] == 1
    assert await listed(site, orchestratorId=flow) == [live]
    since = {"orchestratorId": flow, "since": "2020-01-01T00:00:00.000Z", "until": "2020-01-02T00:00:00.000Z"}
    assert (await asked(site, "unarchive", filter=since, dryRun=True))["left"] == 0
    assert (await asked(site, filter={"orchestratorId": flow}, dryRun=True))["left"] == 0
    assert (await asked(site, "unarchive", filter={"orchestratorId": flow}, dryRun=True))["left"] == 1
    assert (await asked(site, ids=[ended]))["done"] == 0  # the same call again does no harm


async def test_many_go_in_pieces_and_the_audit_log_has_a_line_for_each(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_archived, "PIECE", 2)
    flow = await saved(site, make_graph("A"))
    runs = [await started(site, flow, batch="7") for _ in range(5)]
    await started(site, flow)
    told = [await asked(site, filter={"status": ["CANCELLED"], "label": ["batch:7"]}) for _ in range(4)]
    assert [(each["done"], each["left"]) for each in told] == [(2, 3), (2, 1), (1, 0), (0, 0)]
    assert set(await listed(site, archived=True)) == set(runs)
    lines = (await site.client.get("/api/v1/audit", params={"action": "run.archived"})).json()["items"]
    assert [(line["objectName"], line["objectId"] is None) for line in lines] == [
        ("#5", False),
        ("2 runs", True),
        ("2 runs", True),
    ]


async def test_who_archives_what_is_limited(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    run = await started(site, flow)
    viewer = await site.anonymous.post(
        f"{RUNS}/archive", json={"ids": [run]}, headers=site.bearer(Role.VIEWER)
    )
    assert viewer.status_code == 403
    wrong: tuple[JsonObject, ...] = (
        *({}, {"ids": []}, {"ids": ["x"]}, {"filter": {"status": ["DONE"]}}),
        {"ids": [run], "filter": {}},
    )
    for body in wrong:
        assert (await site.client.post(f"{RUNS}/archive", json=body)).status_code == 422, body
    async with site.store.database.begin() as connection:
        await connection.execute(text("INSERT INTO workspace (name) VALUES ('Second')"))
    elsewhere = await site.store.access.scope("test", workspace_name="Second")
    assert (await site.store.archived.move(elsewhere, [UUID(run), uuid4()])).done == 0
    assert await listed(site) == [run]


async def test_a_purge_takes_archived_runs_as_any_other(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    gone, stays = await started(site, flow), await started(site, flow)
    await asked(site, ids=[gone])
    scope = await site.store.access.scope("test")
    preview = await site.store.retention.preview(scope, Policy(runs=1), limit=1)
    assert (preview[0].ended, preview[0].purge) == (2, 1)
    await site.store.retention.hurry(scope)
    stepped = await site.store.purge.step(Policy(runs=1), pause=0)
    assert stepped is not None and stepped.runs == 1
    assert (await site.client.get(f"{RUNS}/{gone}")).status_code == 404
    assert await listed(site) == [stays]


async def test_what_waits_for_me_is_what_i_started_or_drew(live: Site) -> None:
    mine = await saved(live, waiting_graph(), "Mine")
    delays = await saved(
        live, make_graph("A", kinds={"A": "Delay"}, A={"duration": 600_000}), "Waits for a time"
    )
    started = (await live.client.post(f"{BASE}/{mine}/run")).json()["id"]
    timed = (await live.client.post(f"{BASE}/{delays}/run")).json()["id"]
    operator = live.bearer(Role.OPERATOR)
    theirs = (await live.anonymous.post(f"{BASE}/{mine}/run", headers=operator)).json()["id"]
    for run in (started, timed, theirs):
        await parked(live, run)

    async def waiting(headers: dict[str, str], flag: bool = True) -> set[str]:
        params = {"waitingForMe": str(flag).lower()}
        answer = await live.anonymous.get(RUNS, params=params, headers=headers)
        summary = await live.anonymous.get(f"{RUNS}/summary", params=params, headers=headers)
        found = {item["id"] for item in answer.json()["items"]}
        assert sum(summary.json()["live"].values()) == len(found)
        return found

    admin = live.bearer(Role.ADMIN)
    assert await waiting(admin) == {started, theirs}  # what others started of a drawing of mine, too
    assert await waiting(admin, flag=False) == {timed}
    assert await waiting(operator) == {theirs}
    assert await waiting(live.bearer(Role.VIEWER)) == set()
    answered = await live.client.post(f"{RUNS}/{started}/callbacks/wait", json={"body": {}, "reason": "seen"})
    assert answered.is_success
    assert await waiting(admin) == {theirs}
