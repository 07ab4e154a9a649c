"""Airflow: the contract on both APIs, then what is peculiar to it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pydantic import JsonValue, ValidationError

from providers import (
    BadResponse,
    ExecutionState,
    JsonObject,
    LeftOut,
    Rejected,
    RemoteNotFound,
    StartOptions,
    Unauthorized,
    Unavailable,
    now,
    recording,
)
from providers.airflow import Airflow, AirflowConnection, run_id
from providers.sandbox._airflow_dags import Dag, sample_dags
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox.airflow import PASSWORD, TOKEN, USERNAME, VIEWER, AirflowSandbox
from tests.providers.airflow_peer import SCALE, Peer, airflow, until
from tests.providers.contract import ProviderContract, all_workflows, assert_hidden, finished, stored
from tests.serving import served


class TestAirflow3(ProviderContract):
    provider_class = Airflow
    ref_ok, ref_fails, own_error = (
        "quick_conf",
        "always_fail",
        "bad input: field 'amount' is missing (attempt 2)",
    )
    ref_slow = "serial_slow"
    payload: ClassVar[JsonValue] = {"order": 7, "seconds": 200}
    start = r"POST /api/v2/dags/[^/]+/dagRuns"

    def sandbox(self) -> Sandbox:
        return AirflowSandbox(time_scale=SCALE, extra=130)

    def credentials(self, base_url: str) -> JsonObject:
        return AirflowSandbox.connection(base_url)

    def refused(self, base_url: str) -> JsonObject:
        return {"baseUrl": base_url, "username": "admin", "password": "refused-canary-password"}

    def started(self, server: Any) -> int:
        return len(server.runs)

    def workflow_ids(self, server: Any) -> set[str] | None:
        return set(server.dags)


class TestAirflow2(TestAirflow3):
    start = r"POST /api/v1/dags/[^/]+/dagRuns"

    def sandbox(self) -> Sandbox:
        return AirflowSandbox(api="v1", time_scale=SCALE, extra=130)


# ---------------------------------------------------------------- fixtures


@pytest.fixture(params=["v2", "v1"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with airflow(api=request.param) as peer:
        yield peer


@pytest.fixture
async def v2() -> AsyncIterator[Peer]:
    async with airflow() as peer:
        yield peer


# ---------------------------------------------------------------- connection


@pytest.mark.parametrize(
    "pasted",
    ["http://h:8080/x/", "http://h:8080/x/api/v2", "http://h:8080/x/home", " http://h:8080/x/api/v1/ "],
)
def test_the_address_is_what_people_paste(pasted: str) -> None:
    given = {"baseUrl": pasted, "token": "some-token"}
    assert AirflowConnection.model_validate(given).base_url == "http://h:8080/x"


@pytest.mark.parametrize(
    "given",
    [
        {"baseUrl": "http://h"},
        {"baseUrl": "http://h", "username": "a"},
        {"baseUrl": "http://h", "password": "p"},
        {"baseUrl": "http://h", "username": "", "password": "  ", "token": ""},
        {"baseUrl": "http://h", "username": "a", "password": "p", "token": "t"},
        {"baseUrl": "http://a:b@h", "token": "t"},
        {"baseUrl": "ftp://h", "token": "t"},
        {"baseUrl": "h:8080", "token": "t"},
        {"baseUrl": "http://h/?x=1", "token": "t"},
        {"baseUrl": "http://h", "token": "t", "apiVersion": "v3"},
        {"baseUrl": "http://h", "token": "t", "more": 1},
        {"token": "t"},
    ],
)
def test_half_credentials_are_refused(given: JsonObject) -> None:
    with pytest.raises(ValidationError):
        AirflowConnection.model_validate(given)


# ---------------------------------------------------------------- versions and login


async def test_the_version_is_found_and_told(peer: Peer) -> None:
    account = await peer.provider.check()
    assert account.version == peer.server.version
    assert account.workflows == len(peer.server.dags)
    assert account.label == f"{USERNAME} on Airflow {peer.server.version}" and account.warnings == ()


async def test_something_else_at_the_address_is_said(v2: Peer) -> None:
    class Other(Sandbox):
        async def not_found(self, ask: Ask) -> Reply:
            return Reply(404, text="<html>", content_type="text/html")

    async with served(Other()) as url:
        with pytest.raises(BadResponse, match="does not answer like Airflow"):
            await v2.another(baseUrl=url, token=TOKEN).check()
    with pytest.raises(BadResponse, match="API v1"):
        await v2.another(token=TOKEN, apiVersion="v1").check()


async def test_a_dead_scheduler_is_a_warning(peer: Peer) -> None:
    peer.server.healthy = False
    assert "scheduler is not running" in (await peer.provider.check()).warnings[0]
    execution = await peer.provider.poll(await peer.provider.execute("quick_conf", {}, key="k"))
    assert execution.state is ExecutionState.QUEUED and "scheduler is not running" in (execution.note or "")


async def test_files_that_do_not_load_are_left_out_of_the_list_and_named(peer: Peer) -> None:
    peer.server.broken = ["broken.py"]
    first = await peer.provider.list_workflows()
    assert first.left_out == (LeftOut(kind="DAG file", name="broken.py", why="Airflow cannot import it"),)
    assert "A DAG file cannot be imported: broken.py" in (await peer.provider.check()).warnings
    peer.server.broken = []
    assert (await peer.provider.list_workflows()).left_out == ()


async def test_many_tasks_share_one_login(v2: Peer) -> None:
    await asyncio.gather(*(v2.provider.check() for _ in range(12)))
    assert v2.server.logins == 1
    assert sum(call == "GET /api/v2/version" for call in v2.server.calls) == 1


@pytest.mark.parametrize("end", ["expire_tokens", "forget_tokens"])
async def test_a_lost_login_is_renewed_once_for_all(v2: Peer, end: str) -> None:
    await v2.provider.check()
    getattr(v2.server, end)()
    first, _ = await asyncio.gather(
        v2.provider.execute("quick_conf", {}, key="k"),
        asyncio.gather(*(v2.provider.check() for _ in range(6))),
    )
    assert (first.id, v2.server.logins, len(v2.server.runs)) == (run_id("k"), 2, 1)


async def test_forbidden_is_not_a_lost_login(v2: Peer) -> None:
    viewer = v2.another(username=VIEWER, password=PASSWORD)
    await viewer.check()
    with pytest.raises(Unauthorized) as caught:
        await viewer.execute("quick_conf", {}, key="k")
    assert (caught.value.code, caught.value.sent, v2.server.logins) == ("forbidden", False, 1)
    assert "Forbidden" in caught.value.message


@pytest.mark.parametrize("word", ["token", "password"])
async def test_a_token_that_is_refused_is_not_asked_for_ever(v2: Peer, word: str) -> None:
    if word == "token":
        provider = v2.another(token="wrong-token")
        with pytest.raises(Unauthorized, match="refuses the token: Invalid JWT token"):
            await provider.check()
        assert v2.server.logins == 0
    else:
        with pytest.raises(Unauthorized, match="Invalid credentials"):
            await v2.another(username=USERNAME, password="wrong-password").check()
    assert len(v2.server.calls) <= 2


async def test_a_token_of_ones_own_needs_no_login(peer: Peer) -> None:
    for version in (None, peer.server.api):
        provider = peer.another(token=TOKEN, apiVersion=version)
        assert (await provider.check()).label == f"token on Airflow {peer.server.version}"
        started = await provider.execute("quick_conf", {}, key="k")
        assert (await finished(provider, started)).state is ExecutionState.SUCCEEDED
    assert (peer.server.logins, len(peer.server.runs)) == (0, 1)


async def test_fetched_tokens_are_in_no_history(v2: Peer) -> None:
    with recording() as exchanges:
        await v2.provider.check()
    assert any(exchange.url.endswith("/auth/token") for exchange in exchanges)
    assert "sandbox.jwt." not in repr(exchanges)
    assert_hidden((PASSWORD,), *exchanges)


# ---------------------------------------------------------------- list and preview


async def test_a_dag_that_vanishes_between_pages_hides_no_other() -> None:
    async with airflow(extra=150) as peer:
        first = await peer.provider.list_workflows()
        for gone in [item.id for item in first.items[:3]]:
            del peer.server.dags[gone]
        second = await peer.provider.list_workflows(cursor=first.cursor)
        seen = [item.id for item in (*first.items, *second.items)]
        assert len(seen) == len(set(seen)) and set(peer.server.dags) <= set(seen)


async def test_a_dag_that_appears_between_pages_is_not_doubled() -> None:
    async with airflow(extra=150) as peer:
        first = await peer.provider.list_workflows()
        peer.server.dags["aaa"] = Dag("aaa", "new", sample_dags()[0].tasks)
        seen = [item.id for item in first.items]
        cursor = first.cursor
        while cursor:
            page = await peer.provider.list_workflows(cursor=cursor)
            seen += [item.id for item in page.items]
            cursor = page.cursor
        assert len(seen) == len(set(seen)) and set(peer.server.dags) - {"aaa"} <= set(seen)


@pytest.mark.parametrize("cursor", ["", "x", "-1 a", "5", "٣ a"])
async def test_a_foreign_cursor_is_refused(v2: Peer, cursor: str) -> None:
    with pytest.raises(Rejected):
        await v2.provider.list_workflows(cursor=cursor)


async def test_the_list_says_what_a_dag_is(peer: Peer) -> None:
    found = {item.id: item for item in await all_workflows(peer.provider)}
    assert not found["paused_nightly"].active and found["paused_nightly"].executable
    assert found["paused_nightly"].trigger.kind == "schedule" and found["quick_conf"].trigger.kind == "api"
    assert found["quick_conf"].tags == ("sandbox",) and found["quick_conf"].active
    assert (found["quick_conf"].url or "").startswith(f"{peer.url}/dags/quick_conf")


async def test_a_dag_whose_file_broke_can_be_read_but_not_started(peer: Peer) -> None:
    peer.server.dags["quick_conf"].stale = True
    shown = (await peer.provider.preview("quick_conf")).workflow
    assert not shown.executable and "no longer imports" in (shown.reason or "")
    with pytest.raises(RemoteNotFound):
        await peer.provider.execute("quick_conf", {}, key="k")


async def test_the_preview_shows_branches_retries_and_rules(peer: Peer) -> None:
    shown = await peer.provider.preview("order_branching")
    assert {(edge.source, edge.target, edge.label) for edge in shown.edges} == {
        ("route", "auto_approve", None),
        ("route", "manual_review", None),
        ("auto_approve", "ship", "none_failed_min_one_success"),
        ("manual_review", "ship", "none_failed_min_one_success"),
    }
    types = {node.id: node.type for node in shown.nodes}
    assert types["route"] == "@task.branch" and all(node.position is None for node in shown.nodes)
    labels = {node.id: node.label for node in (await peer.provider.preview("flaky_retry")).nodes}
    assert labels == {"prepare": "prepare", "flaky": "flaky (up to 3 retries)", "finish": "finish"}
    assert shown.inputs is None


async def test_params_become_the_schema_of_the_inputs(peer: Peer) -> None:
    schema = (await peer.provider.preview("typed_params")).inputs
    assert schema is not None and schema["required"] == []
    properties: Any = schema["properties"]
    assert properties["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "title": "limit",
        "default": 10,
    }
    assert (
        properties["customer"]["title"] == "Customer"
        and properties["customer"]["description"] == "Customer key"
    )
    assert properties["note"]["default"] is None and properties["mode"]["enum"] == ["fast", "full"]


async def test_the_fingerprint_follows_the_definition_only(peer: Peer) -> None:
    before = (await peer.provider.preview("quick_conf")).fingerprint
    peer.server.dags["quick_conf"].paused = True
    assert (await peer.provider.preview("quick_conf")).fingerprint == before
    peer.server.dags["quick_conf"].tasks = sample_dags()[1].tasks
    assert (await peer.provider.preview("quick_conf")).fingerprint != before


@pytest.mark.parametrize("ref", ["~", "..", "", "a/b", "a?b", "ü"])
async def test_odd_refs_are_one_path_part_and_never_all_dags(v2: Peer, ref: str) -> None:
    for call in (v2.provider.preview(ref), v2.provider.execute(ref, {}, key="k")):
        with pytest.raises(RemoteNotFound):
            await call
    assert v2.server.runs == []


# ---------------------------------------------------------------- start


async def test_the_run_id_is_ours_and_the_key_travels(peer: Peer) -> None:
    with recording() as exchanges:
        started = await peer.provider.execute(
            "quick_conf",
            {"numbers": [1, 2]},
            key="k-1",
            options=StartOptions(headers={"X-Mine": "1", "authorization": "no"}),
        )
    assert started.id == run_id("k-1") and run_id("k-1").startswith("baton__") and started.match == "exact"
    post = next(e for e in exchanges if e.url.endswith("/dagRuns"))
    assert (post.headers["X-Baton-Key"], post.headers["Idempotency-Key"], post.headers["X-Mine"]) == (
        "k-1",
        "k-1",
        "1",
    )
    body = json.loads(post.body or "")
    assert ("logical_date" in body) == (peer.server.api == "v2")
    assert (started.url or "").startswith(f"{peer.url}/dags/quick_conf/")


@pytest.mark.parametrize(
    ("payload", "conf"),
    [({"a": 1}, {"a": 1}), (None, {}), ([1, 2], {"data": [1, 2]}), ("x", {"data": "x"}), (0, {"data": 0})],
)
async def test_conf_is_an_object_and_wrapping_is_said(
    peer: Peer, payload: JsonValue, conf: JsonObject
) -> None:
    ended = await peer.end("quick_conf", payload)
    assert peer.server.runs[0].conf == conf
    assert ("sent as" in (ended.note or "")) == ("data" in conf)
    assert isinstance(ended.output, dict) and ended.output["echo"] == conf


async def test_a_conf_against_the_form_is_refused_in_their_words(peer: Peer) -> None:
    with pytest.raises(
        Rejected, match="Invalid input for param limit: 1000 is greater than the maximum of 100"
    ) as caught:
        await peer.provider.execute("typed_params", {"limit": 1000}, key="k")
    assert (caught.value.status, caught.value.sent, peer.server.runs) == (400, False, [])
    assert caught.value.message.endswith("than the maximum of 100")


async def test_a_409_without_our_run_is_another_runs_instant(peer: Peer) -> None:
    async def refuse(_: Ask) -> Reply:
        return Reply(409, {"detail": "duplicate"})

    routes: list[Any] = vars(peer.server)["_routes"]
    routes.insert(0, ("POST", re.compile(f"/api/{peer.server.api}/dags/quick_conf/dagRuns"), refuse))
    with pytest.raises(Unavailable) as caught:
        await peer.provider.execute("quick_conf", {}, key="k")
    assert not caught.value.sent


async def test_errors_do_not_repeat_what_they_were_given(v2: Peer) -> None:
    async def echo(ask: Ask) -> Reply:
        said: JsonValue = [
            {"type": "x", "loc": ["body", "conf", "a"], "msg": "not good", "input": ask.body.decode()}
        ]
        return Reply(422, {"detail": said})

    routes: list[Any] = vars(v2.server)["_routes"]
    routes.insert(0, ("POST", re.compile("/api/v2/dags/quick_conf/dagRuns"), echo))
    with pytest.raises(Rejected, match=r"body\.conf\.a: not good") as caught:
        await v2.provider.execute("quick_conf", {"canary": "value-nobody-may-see"}, key="k")
    assert "value-nobody-may-see" not in str(caught.value)


# ---------------------------------------------------------------- queued


async def test_a_paused_dag_queues_and_says_so_until_unpaused(peer: Peer) -> None:
    started = await peer.provider.execute("paused_nightly", {}, key="k")
    assert started.state is ExecutionState.QUEUED
    waiting = await peer.provider.poll(started)
    assert waiting.state is ExecutionState.QUEUED and "is paused" in (waiting.note or "")
    dag = peer.server.dags["paused_nightly"]
    dag.paused = False
    vars(AirflowSandbox)["_schedule"](peer.server, dag)
    assert (await finished(peer.provider, waiting)).state is ExecutionState.SUCCEEDED


async def test_a_serial_dag_tells_the_place_in_the_queue(peer: Peer) -> None:
    runs = [await peer.provider.execute("serial_slow", {"seconds": 40}, key=f"k-{n}") for n in range(3)]
    last = await until(peer.provider, runs[2], lambda e: "place" in (e.note or ""))
    assert last.note == "The DAG runs at most 1 at a time and 1 run now, place 2 in the queue."
    assert "it" in await peer.provider.cancel(runs[0])
    assert "took the queued DAG run out" in await peer.provider.cancel(last)
    assert (await finished(peer.provider, runs[1])).state is ExecutionState.SUCCEEDED
    assert (await peer.provider.poll(last)).state is ExecutionState.CANCELLED


async def test_a_start_in_the_future_says_when(v2: Peer) -> None:
    after = (now() + timedelta(hours=1)).isoformat()
    started = await v2.provider.execute("quick_conf", {}, key="k")
    run = v2.server.runs[0]
    await finished(v2.provider, started)
    run.state, run.run_after = "queued", after
    assert "Airflow starts it at" in ((await v2.provider.poll(started)).note or "")


# ---------------------------------------------------------------- end


async def test_progress_is_told_while_it_runs(peer: Peer) -> None:
    peer.server.time_scale = 0.3
    started = await peer.provider.execute("slow_report", {}, key="k")
    seen = await until(
        peer.provider, started, lambda e: e.state is ExecutionState.RUNNING and "running: " in (e.note or "")
    )
    assert "of 3 tasks done" in (seen.note or "") and seen.started_at is not None and seen.poll_after
    ended = await finished(peer.provider, seen)
    assert ended.output == {"rows": 42} and ended.finished_at is not None and ended.poll_after is None


@pytest.mark.parametrize(
    ("ref", "conf", "output"),
    [
        ("quick_conf", {"numbers": [1, 2, 39]}, {"echo": {"numbers": [1, 2, 39]}, "sum": 42}),
        ("flaky_retry", {}, {"attempts": 3}),
        ("paused_nothing", {}, None),
        ("order_branching", {"amount": 1500}, {"shipped": True}),
        ("mapped_tasks", {"items": [2, 3, 4]}, [4, 9, 16]),
        ("mapped_tasks", {"items": []}, None),
        ("typed_params", {"limit": 3}, {"customer": "acme", "limit": 3, "mode": "fast", "note": None}),
    ],
)
async def test_results_are_the_values_of_the_last_tasks(
    peer: Peer, ref: str, conf: JsonObject, output: JsonValue
) -> None:
    peer.server.dags["paused_nothing"] = Dag("paused_nothing", "", peer.server.dags["paused_nightly"].tasks)
    ended = await peer.end(ref, conf)
    assert (ended.state, ended.output, ended.warning) == (ExecutionState.SUCCEEDED, output, None)


async def test_several_last_tasks_give_an_object_and_swallowed_failures_a_warning(peer: Peer) -> None:
    ended = await peer.end("swallowed_failure")
    assert ended.state is ExecutionState.SUCCEEDED
    assert ended.output == {"count": 7, "tidy": "tidy"}
    assert ended.warning == "Airflow calls the run a success, but these tasks failed: write"


async def test_an_old_v1_gives_values_in_pythons_notation() -> None:
    async with airflow(api="v1", version="2.9.3") as peer:
        ended = await peer.end("quick_conf", {"numbers": [1], "text": "it's"})
        assert ended.output == {"echo": {"numbers": [1], "text": "it's"}, "sum": 1}


async def test_a_failure_names_the_task_the_try_and_what_never_ran(peer: Peer) -> None:
    ended = await peer.end("always_fail")
    assert ended.state is ExecutionState.FAILED and ended.error is not None
    expected = "Task boom failed on try 2: ValueError: bad input: field 'amount' is missing (attempt 2)"
    assert (ended.error.message, ended.error.where) == (expected, "boom")
    assert ended.error.hint == "Not run because of it (upstream_failed): never."


async def test_a_deleted_run_is_not_found(peer: Peer) -> None:
    started = await peer.provider.execute("quick_conf", {}, key="k")
    peer.server.runs.clear()
    with pytest.raises(RemoteNotFound):
        await peer.provider.poll(started)


async def test_a_callback_comes_with_its_token_before_the_run_ends(peer: Peer) -> None:
    heard: list[Ask] = []

    class Listener(Sandbox):
        async def not_found(self, ask: Ask) -> Reply:
            heard.append(ask)
            return Reply(202, {})

    async with served(Listener()) as url:
        conf: JsonObject = {"callbackUrl": f"{url}/hook", "token": "t-1", "payload": 5}
        ended = await peer.end("callback_chain", conf)
        failed = await peer.end("callback_chain", {**conf, "fail": True}, key="k2")
    assert (ended.state, failed.state) == (ExecutionState.SUCCEEDED, ExecutionState.FAILED)
    assert [ask.headers["x-correlation-token"] for ask in heard] == ["t-1", "t-1"]
    assert heard[0].json()["result"] == {"processed": 5} and heard[1].json()["status"] == "failed"


async def test_cancelling_a_running_run_says_what_may_go_on(peer: Peer) -> None:
    started = await peer.provider.execute("serial_slow", {"seconds": 200}, key="k")
    running = await until(peer.provider, started, lambda e: e.state is ExecutionState.RUNNING)
    said = await peer.provider.cancel(running)
    assert "may still finish its work" in said
    assert (await peer.provider.poll(stored(running))).state is ExecutionState.CANCELLED
    assert "already ended" in await peer.provider.cancel(running)
