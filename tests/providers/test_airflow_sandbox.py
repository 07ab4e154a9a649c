"""The sandbox Airflow speaks the wire of Airflow 3.3.2: what was compared with a real server, and no provider test needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from providers.sandbox.airflow import TOKEN, AirflowSandbox
from tests.serving import served

RUNS = "/api/v2/dags/{}/dagRuns"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    login = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(AirflowSandbox(time_scale=0.02)) as url,
        httpx.AsyncClient(base_url=url, headers=login, trust_env=False) as client,
    ):
        yield client


async def start(http: httpx.AsyncClient, dag: str) -> Any:
    body = {"dag_run_id": "one", "logical_date": None}
    return (await http.post(RUNS.format(dag), json=body)).json()


async def ended(http: httpx.AsyncClient, dag: str) -> Any:
    await start(http, dag)
    deadline = time.monotonic() + 10
    while (run := (await http.get(RUNS.format(dag) + "/one")).json())["state"] not in ("success", "failed"):
        assert time.monotonic() < deadline, run
        await asyncio.sleep(0.01)
    return run


@pytest.mark.parametrize("order", ["zzz", "-zzz"])
@pytest.mark.parametrize("path", ["/api/v2/dags", RUNS.format("quick_conf")])
async def test_an_order_there_is_not(http: httpx.AsyncClient, path: str, order: str) -> None:
    answer = await http.get(path, params={"order_by": order})
    words = "Ordering with 'zzz' is disallowed or the attribute does not exist on the model"
    assert (answer.status_code, answer.json()) == (400, {"detail": words})


async def test_the_answer_to_a_trigger_comes_before_the_scheduler(http: httpx.AsyncClient) -> None:
    run = await start(http, "quick_conf")
    assert (run["state"], run["start_date"], run["duration"]) == ("queued", None, None)


async def test_a_queued_run_has_its_tasks_and_skips_them_when_taken_out(http: httpx.AsyncClient) -> None:
    await start(http, "paused_nightly")
    where = RUNS.format("paused_nightly") + "/one"
    listed = (await http.get(where + "/taskInstances")).json()
    (task,) = listed.pop("task_instances")
    assert (task["task_id"], task["state"], task["try_number"], task["start_date"]) == (
        "nightly",
        None,
        0,
        None,
    )
    assert listed == {
        "total_entries": 1,
        "total_entries_limit": None,
        "next_cursor": None,
        "previous_cursor": None,
    }
    run = (await http.patch(where, json={"state": "failed", "note": "n"})).json()
    assert (run["state"], run["note"], run["start_date"], run["duration"]) == ("failed", "n", None, None)
    (task,) = (await http.get(where + "/taskInstances")).json()["task_instances"]
    assert (task["state"], task["duration"], task["start_date"]) == ("skipped", 0.0, task["end_date"])


async def test_what_never_ran_has_begun_and_ended(http: httpx.AsyncClient) -> None:
    await ended(http, "always_fail")
    tasks = (await http.get(RUNS.format("always_fail") + "/one/taskInstances")).json()["task_instances"]
    never = next(task for task in tasks if task["task_id"] == "never")
    assert (never["state"], never["try_number"]) == ("upstream_failed", 0)
    assert never["start_date"] == never["end_date"] is not None


async def test_log_lines_say_where_they_come_from(http: httpx.AsyncClient) -> None:
    await ended(http, "always_fail")
    lines = (await http.get(RUNS.format("always_fail") + "/one/taskInstances/boom/logs/2")).json()["content"]
    (died,) = [line for line in lines if line["event"] == "Task failed with exception"]
    (error,) = died["error_detail"]
    assert (error["syntax_error"], error["is_group"], error["exceptions"]) == (None, False, [])
    assert {"filename", "lineno", "ti_id", "task_id", "run_id", "try_number", "map_index"} <= died.keys()
    (printed,) = [line for line in lines if line["event"].startswith("about to fail")]
    assert printed.keys() == {"timestamp", "event", "level", "logger"}


@pytest.mark.parametrize(
    "where", ["always_fail/dagRuns/one/taskInstances/boom", "no/dagRuns/no/taskInstances/no"]
)
async def test_an_xcom_there_is_not(http: httpx.AsyncClient, where: str) -> None:
    await ended(http, "always_fail")
    answer = await http.get(f"/api/v2/dags/{where}/xcomEntries/return_value")
    words = "XCom entry with key: `return_value` not found"
    assert (answer.status_code, answer.json()) == (404, {"detail": words})


async def test_a_422_is_a_list_but_for_the_login(http: httpx.AsyncClient) -> None:
    await start(http, "paused_nightly")
    patched = await http.patch(RUNS.format("paused_nightly") + "/one", json={"state": "running", "x": 1})
    kinds = [(problem["type"], problem["loc"]) for problem in patched.json()["detail"]]
    assert (patched.status_code, kinds) == (
        422,
        [("enum", ["body", "state"]), ("extra_forbidden", ["body", "x"])],
    )
    login = await http.post("/auth/token", json={"username": "x"})
    assert login.status_code == 422
    assert login.json()["detail"].startswith("1 validation error for LoginBody\npassword\n  Field required")


async def test_a_patch_overwrites_even_an_end(http: httpx.AsyncClient) -> None:
    run = await ended(http, "quick_conf")
    patched = (await http.patch(RUNS.format("quick_conf") + "/one", json={"state": "failed"})).json()
    assert (run["state"], patched["state"], patched["end_date"]) == ("success", "failed", run["end_date"])


async def test_health_tells_of_the_dag_processor(http: httpx.AsyncClient) -> None:
    health = (await http.get("/api/v2/monitor/health")).json()
    assert health["dag_processor"]["status"] == "healthy"


async def test_cursors_came_with_3_3() -> None:
    login = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(AirflowSandbox(version="3.2.0")) as url,
        httpx.AsyncClient(base_url=url, headers=login, trust_env=False) as older,
    ):
        listed = (await older.get(RUNS.format("quick_conf"))).json()
    assert listed == {"dag_runs": [], "total_entries": 0}
