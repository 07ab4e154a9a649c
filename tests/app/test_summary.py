"""Runs in numbers: counts over time, kinds of failure, steps in lists, and labels."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from providers import discover
from providers.sandbox.airflow import AirflowSandbox
from runner.model import Role, TriggerInfo
from runner.store.summary import bucket_width
from tests.factories import Site, make_graph, make_run

BASE = "/api/v1/orchestrator"
RUNS = f"{BASE}/runs"


async def execute(site: Site, statement: str, **values: object) -> None:
    async with site.store.database.begin() as connection:
        await connection.execute(text(statement), values)


async def failed(site: Site, flow: str, message: str, *, node: str = "B", code: str = "remote-failed") -> str:
    """A run that ended 10 seconds after it began, with that failure."""
    run_id = (await site.client.post(f"{BASE}/{flow}/run")).json()["id"]
    await execute(
        site,
        "UPDATE run SET state = 'FAILED', started_at = created_at, finished_at = created_at + interval '10 s', "
        "error = jsonb_build_object('code', CAST(:code AS text), 'message', CAST(:message AS text), "
        "'nodeId', CAST(:node AS text), 'hint', NULL, 'cause', NULL) WHERE id = CAST(:id AS text)::uuid".replace(
            "::", r"\:\:"
        ),
        code=code,
        message=message,
        node=node,
        id=run_id,
    )
    return run_id


async def saved(site: Site, name: str = "Chain", wires: str = "A>B") -> str:
    definition = make_graph(wires).to_json()
    return (await site.client.post(BASE, json={"name": name, "definition": definition})).json()["id"]


async def summary(site: Site, **params: Any) -> dict[str, Any]:
    answer = await site.client.get(f"{RUNS}/summary", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_run_of_the_window_is_in_one_bucket(site: Site) -> None:
    flow = await saved(site)
    for _ in range(3):
        await site.client.post(f"{BASE}/{flow}/run")
    await failed(site, flow, "no")
    found = await summary(site)
    assert set(found) == {
        *("since", "until", "bucketSeconds", "buckets", "counts", "live", "p95Ms", "failed24h"),
    }
    assert found["counts"] == {
        **{"PENDING": 3, "RUNNING": 0, "WAITING": 0},
        **{"COMPLETED": 0, "FAILED": 1, "CANCELLED": 0},
    }
    assert (found["failed24h"], found["live"]) == (1, {"PENDING": 3, "RUNNING": 0, "WAITING": 0})
    assert 1 < len(found["buckets"]) <= 60
    spread = [each["counts"] for each in found["buckets"] if each["counts"]]
    assert sum(sum(each.values()) for each in spread) == 4
    since, until = (datetime.fromisoformat(found[name]) for name in ("since", "until"))
    assert until - since == timedelta(hours=24)
    starts = [datetime.fromisoformat(each["at"]) for each in found["buckets"]]
    width = timedelta(seconds=found["bucketSeconds"])
    assert starts[0] <= since < starts[0] + width and starts[-1] < until <= starts[-1] + width
    assert {b - a for a, b in itertools.pairwise(starts)} == {width}


async def test_a_run_lies_in_the_bucket_of_its_creation(site: Site) -> None:
    flow = await saved(site)
    run = (await site.client.post(f"{BASE}/{flow}/run")).json()
    at = datetime.fromisoformat(run["createdDate"])
    found = await summary(
        site, since=(at - timedelta(minutes=5)).isoformat(), until=(at + timedelta(minutes=5)).isoformat()
    )
    (bucket,) = [each for each in found["buckets"] if each["counts"]]
    start = datetime.fromisoformat(bucket["at"])
    assert start <= at < start + timedelta(seconds=found["bucketSeconds"])
    before = await summary(site, until=(at - timedelta(minutes=5)).isoformat())
    assert sum(before["counts"].values()) == 0 and before["live"]["PENDING"] == 1


async def test_the_window_may_be_as_long_or_as_empty_as_one_likes(site: Site) -> None:
    long = await summary(site, since="0010-01-01T00:00:00Z", until="9000-01-01T00:00:00Z", buckets=200)
    assert 1 < len(long["buckets"]) <= 200
    upside_down = await summary(site, since="2026-02-01T00:00:00Z", until="2026-01-01T00:00:00Z")
    assert upside_down["counts"]["COMPLETED"] == 0
    one = await summary(site, buckets=1, since="2026-01-01T10:00:00Z", until="2026-01-01T11:00:00Z")
    assert len(one["buckets"]) <= 2
    for query in ("buckets=0", "buckets=201", "status=DONE", "minSeconds=-1", "error=x", "cursor=x"):
        assert (await site.client.get(f"{RUNS}/summary?{query}")).status_code == 422, query


@pytest.mark.parametrize("seconds", [0, 1, 59, 3600, 86_400, 7 * 86_400, 30 * 86_400, 3_000 * 86_400])
@pytest.mark.parametrize("most", [2, 60, 200])
def test_a_width_never_makes_more_bars_than_asked_for(seconds: int, most: int) -> None:
    width = bucket_width(seconds, most)
    # Cut at the worst place, the first and the last bar stand out by almost their whole width.
    assert seconds / width + 1 <= most + 1e-9


async def test_the_slowest_in_twenty_is_told_and_can_be_asked_for(site: Site) -> None:
    flow = await saved(site)
    for seconds in range(1, 21):
        run = (await site.client.post(f"{BASE}/{flow}/run")).json()
        await execute(
            site,
            "UPDATE run SET state = 'COMPLETED', started_at = created_at, "
            "finished_at = created_at + make_interval(secs => :s) WHERE id = CAST(CAST(:id AS text) AS uuid)",
            s=seconds,
            id=run["id"],
        )
    found = await summary(site)
    assert 19_000 <= found["p95Ms"] <= 19_100
    slow = await site.client.get(RUNS, params={"minSeconds": found["p95Ms"] / 1000})
    assert [item["number"] for item in slow.json()["items"]] == [20]
    assert (await summary(site, status="FAILED"))["p95Ms"] is None


async def took(site: Site, flow: str, seconds: float, state: str = "COMPLETED") -> int:
    """The number of a run that took so long, or has taken until now."""
    run = (await site.client.post(f"{BASE}/{flow}/run")).json()
    await execute(
        site,
        "UPDATE run SET state = :state, started_at = clock_timestamp() - make_interval(secs => :s), finished_at = "
        "CASE WHEN :state = 'RUNNING' THEN NULL ELSE clock_timestamp() END WHERE id = CAST(CAST(:id AS text) AS uuid)",
        state=state,
        s=seconds,
        id=run["id"],
    )
    return run["number"]


async def numbers(site: Site, **params: Any) -> list[int]:
    answer = await site.client.get(RUNS, params=params)
    assert answer.status_code == 200, answer.text
    return [item["number"] for item in answer.json()["items"]]


async def test_slow_is_what_takes_twice_as_long_as_its_own_orchestrator_does(site: Site) -> None:
    long, short = await saved(site, "Long"), await saved(site, "Short")
    for _ in range(5):
        await took(site, long, 60)
        await took(site, short, 2)
    await took(site, long, 100)  # less than twice
    late = await took(site, short, 5)
    failed_late = await took(site, long, 130, "FAILED")
    under_way = await took(site, short, 30, "RUNNING")
    assert await numbers(site, slow=True) == [under_way, failed_late, late]
    assert await numbers(site, slow=True, orchestratorId=long) == [failed_late]
    assert len(await numbers(site, slow=False)) == 11
    found = await summary(site, slow=True)
    assert {state: n for state, n in found["counts"].items() if n} == {
        "COMPLETED": 1,
        "FAILED": 1,
        "RUNNING": 1,
    }


async def test_nothing_is_slow_by_a_hair_or_before_anything_is_usual(site: Site) -> None:
    quick, new = await saved(site, "Quick"), await saved(site, "New")
    for _ in range(5):
        await took(site, quick, 0.1)
    await took(site, quick, 0.9)  # nine times as long, and not a second more
    for _ in range(4):
        await took(site, new, 1)
    await took(site, new, 500, "RUNNING")
    assert await numbers(site, slow=True) == []


async def test_held_is_what_an_outage_holds_back_now(site: Site) -> None:
    flow = await saved(site)
    held, queued, before, free = [(await site.client.post(f"{BASE}/{flow}/run")).json() for _ in range(4)]
    for run, state, work in (
        (held, "HELD", "parked"),
        (queued, "WAITING", "parked"),
        (before, "HELD", "ready"),
    ):
        await execute(
            site,
            "UPDATE node_run SET state = :state, work = :work, held_for = gen_random_uuid() "
            "WHERE run_id = CAST(CAST(:id AS text) AS uuid) AND node_id = 'A'",
            state=state,
            work=work,
            id=run["id"],
        )
    assert await numbers(site, held=True) == [held["number"]]
    assert await numbers(site, held=False) == [free["number"], before["number"], queued["number"]]
    assert sum((await summary(site, held=True))["live"].values()) == 1


async def test_filters_narrow_the_numbers_too(site: Site) -> None:
    one, other = await saved(site, "One"), await saved(site, "Other")
    await failed(site, one, "x")
    await failed(site, other, "x")
    scope = await site.store.access.scope("test")
    await make_run(site.store, scope=scope)
    assert (await summary(site, orchestratorId=one))["failed24h"] == 1
    assert (await summary(site, by="test"))["counts"]["PENDING"] == 1
    assert (await summary(site, q="Other"))["counts"]["FAILED"] == 1
    assert sum((await summary(site, trigger="test"))["counts"].values()) == 0


async def test_failures_that_differ_only_in_what_changes_are_one_group(site: Site) -> None:
    one, other = await saved(site, "One"), await saved(site, "Other")
    first = await failed(site, one, 'Order 17 refused: "blue" at 2026-11-21T04:00:00.123Z')
    last = await failed(site, one, 'Order 4711 refused: "red" at 2026-11-22T05:10:20.456Z')
    await failed(site, one, f"Order refused: {uuid4()}")
    await failed(site, one, f"Order refused: {uuid4()}")
    await failed(site, one, "n8n says no in 12 s")
    await failed(site, one, "n9n says no in 13 s")
    await failed(site, one, "didn't work and won't")
    await failed(site, one, "didn't rest and won't")
    await failed(site, one, "Order refused", node="A")
    await failed(site, one, "Order refused", code="timed-out")
    await failed(site, other, "Order refused")
    answer = await site.client.get(f"{RUNS}/errors")
    assert answer.status_code == 200, answer.text
    groups = answer.json()["items"]
    assert answer.json()["more"] is False
    assert [group["count"] for group in groups] == [1, 1, 1, 1, 1, 1, 1, 2, 2]
    oldest = groups[-1]
    assert (oldest["lastRunId"], oldest["nodeLabel"], oldest["orchestratorName"]) == (last, "B", "One")
    assert oldest["message"].startswith("Order 4711") and oldest["firstAt"] < oldest["lastAt"]
    runs = await site.client.get(RUNS, params={"error": oldest["key"]})
    assert [item["id"] for item in runs.json()["items"]] == [last, first]
    few = (await site.client.get(f"{RUNS}/errors", params={"limit": 2, "orchestratorId": one})).json()
    assert (len(few["items"]), few["more"]) == (2, True)
    past = await site.client.get(f"{RUNS}/errors", params={"until": "2020-01-01T00:00:00Z"})
    assert past.json() == {"items": [], "more": False}


async def test_the_steps_of_a_list_stand_in_drawing_order_with_their_platform(site: Site) -> None:
    graph = make_graph(
        "zeta>alpha, alpha>end",
        kinds={"alpha": "RemoteWebhook"},
        alpha={"provider": "airflow", "connectionId": str(uuid4()), "workflowId": "x"},
    )
    flow = (await site.client.post(BASE, json={"name": "Steps", "definition": graph.to_json()})).json()["id"]
    started = await site.client.post(f"{BASE}/{flow}/run")
    assert started.status_code == 202, started.text
    (item,) = (await site.client.get(RUNS)).json()["items"]
    assert item["steps"] == [
        {
            "id": "zeta",
            "label": "zeta",
            "status": "QUEUED",
            "provider": None,
            "workflowId": None,
            "workflowName": None,
        },
        {
            "id": "alpha",
            "label": "alpha",
            "status": "PENDING",
            "provider": "airflow",
            "workflowId": "x",
            "workflowName": None,
        },
        {
            "id": "end",
            "label": "end",
            "status": "PENDING",
            "provider": None,
            "workflowId": None,
            "workflowName": None,
        },
    ]
    scope = await site.store.access.scope("test")
    given = discover()["airflow"].connection_model.model_validate(
        AirflowSandbox.connection("https://a.example")
    )
    for name, workflow in (("One", "Load orders"), ("Two", "Load orders"), ("Three", "Another")):
        made = await site.store.connections.create(scope, "airflow", name, given)
        await execute(
            site,
            "INSERT INTO remote_workflow (connection_id, remote_id, name, active, data) "
            "VALUES (:id, 'x', :name, true, '{}')",
            id=made.id,
            name=workflow,
        )
        (item,) = (await site.client.get(RUNS)).json()["items"]
        # Two that are called so are still one name; one that is called otherwise makes it a guess.
        expected = "Load orders" if name != "Three" else None
        assert [step["workflowName"] for step in item["steps"]] == [None, expected, None]


async def test_labels_are_replaced_by_those_who_operate_and_the_history_says_so(site: Site) -> None:
    flow = await saved(site)
    run = (await site.client.post(f"{BASE}/{flow}/run", json={"labels": {"team": "blue"}})).json()
    await site.client.post(f"{RUNS}/{run['id']}/cancel")
    url, labels = f"{RUNS}/{run['id']}", {"labels": {"team": "red", "cause": "stock"}}
    refused = await site.anonymous.patch(url, json=labels, headers=site.bearer(Role.VIEWER))
    assert refused.status_code == 403
    for _ in range(2):
        answer = await site.anonymous.patch(url, json=labels, headers=site.bearer(Role.OPERATOR))
        assert answer.status_code == 200, answer.text
        assert answer.json()["labels"] == labels["labels"] and answer.json()["status"] == "CANCELLED"
    lines = (await site.client.get(f"{url}/logs")).json()["items"]
    (line,) = [each for each in lines if each["kind"] == "run.labelled"]
    assert "token:operator" in line["message"] and line["data"] == labels
    assert [each["seq"] for each in lines] == list(range(1, len(lines) + 1))
    found = await site.client.get(RUNS, params={"label": "cause:stock"})
    assert [item["id"] for item in found.json()["items"]] == [run["id"]]
    assert (await site.client.patch(f"{RUNS}/{uuid4()}", json=labels)).status_code == 404
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"labels": {"": "x"}},
        {"labels": {"a": 1}},
        {"labels": {}, "status": "COMPLETED"},
    )
    for bad in bodies:
        assert (await site.client.patch(url, json=bad)).status_code == 422


async def test_nothing_of_another_workspace_is_counted_or_labelled(site: Site) -> None:
    run_id = await make_run(site.store)
    await execute(site, "INSERT INTO workspace (name) VALUES ('other')")
    await execute(
        site,
        "UPDATE run SET workspace_id = (SELECT id FROM workspace WHERE name = 'other'), state = 'FAILED'",
    )
    assert sum((await summary(site))["counts"].values()) == 0
    assert (await site.client.get(f"{RUNS}/errors")).json()["items"] == []
    answer = await site.client.patch(f"{RUNS}/{run_id}", json={"labels": {}})
    assert answer.status_code == 404


async def test_runs_by_hand_of_a_kind_are_told_from_tests(site: Site) -> None:
    scope = await site.store.access.scope("test")
    made = await site.store.orchestrators.create(scope, "made", "", make_graph("A"))
    await site.store.runs.create(scope, made.id, {}, trigger=TriggerInfo(kind="cli", by="ann"))
    for params, count in (
        ({"trigger": "cli"}, 1),
        ({"trigger": "test"}, 0),
        ({"by": "ann"}, 1),
        ({"by": "b"}, 0),
    ):
        items = (await site.client.get(RUNS, params=params)).json()["items"]
        assert len(items) == count
