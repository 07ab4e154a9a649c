"""Airflow's task logs: every try of every task, without noise, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue

from providers import (
    JsonObject,
    RemoteLog,
)
from providers import _airflow_logs as task_logs
from tests.providers.airflow_peer import Peer, airflow
from tests.providers.contract import stored


@pytest.fixture(params=["v2", "v1"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with airflow(api=request.param) as peer:
        yield peer


@pytest.fixture
async def v2() -> AsyncIterator[Peer]:
    async with airflow() as peer:
        yield peer


# ---------------------------------------------------------------- logs


def said(lines: tuple[RemoteLog, ...], task: str) -> list[tuple[int | None, str, str]]:
    return [(line.attempt, line.level, line.message) for line in lines if line.task == task]


async def test_logs_hold_every_try_of_every_task_without_noise(peer: Peer) -> None:
    ended = await peer.end("flaky_retry")
    lines, mark = await peer.provider.logs(ended)
    assert said(lines, "flaky") == [
        (1, "info", "flaky: attempt 1 started"),
        (1, "info", "stdout of attempt 1: marker-1"),
        (1, "warning", "flaky: attempt 1 cannot reach its upstream"),
        (1, "error", "ConnectionError: attempt 1: connection refused by upstream-1"),
        (2, "info", "flaky: attempt 2 started"),
        (2, "info", "stdout of attempt 2: marker-2"),
        (2, "warning", "flaky: attempt 2 cannot reach its upstream"),
        (2, "error", "ConnectionError: attempt 2: connection refused by upstream-2"),
        (3, "info", "flaky: attempt 3 started"),
        (3, "info", "stdout of attempt 3: marker-3"),
        (3, "info", "flaky: attempt 3 recovered"),
    ]
    assert said(lines, "prepare") == [(1, "info", "prepare: started"), (1, "info", "prepare: done")]
    error = next(line for line in lines if line.level == "error")
    assert error.at is not None and error.data is not None
    assert ("exceptions" in error.data) == (peer.server.api == "v2")
    assert "/opt/airflow/lib" not in json.dumps(error.data), "server paths are cut"
    assert all("/opt/airflow/logs" not in line.message for line in lines)
    assert isinstance(mark, dict) and set(mark.values()) == {"done"}


async def test_logs_follow_a_running_task_line_by_line(peer: Peer) -> None:
    started = await peer.provider.execute("flaky_retry", {}, key="k")
    seen: list[RemoteLog] = []
    mark: JsonValue = None
    execution = started
    while not execution.state.final:
        lines, mark = await peer.provider.logs(stored(execution), since=json.loads(json.dumps(mark)))
        seen += lines
        execution = await peer.provider.poll(execution)
    lines, mark = await peer.provider.logs(execution, since=mark)
    seen += lines
    whole, _ = await peer.provider.logs(execution)
    assert sorted(map(repr, seen)) == sorted(map(repr, whole))
    asked = len(peer.server.calls)
    assert (await peer.provider.logs(execution, since=mark))[0] == ()
    assert len(peer.server.calls) == asked + 1, "finished tries are not fetched again"


async def test_mapped_tasks_have_a_log_each(peer: Peer) -> None:
    ended = await peer.end("mapped_tasks", {"items": [1, "x"]})
    assert ended.error is not None and ended.error.where == "square[1]"
    assert ended.error.message == "Task square[1] failed: TypeError: not a number: 'x'"
    lines, _ = await peer.provider.logs(ended)
    assert said(lines, "square[1]") == [(1, "error", "TypeError: not a number: 'x'")]


async def test_a_very_long_log_is_cut_and_says_so(v2: Peer) -> None:
    ended = await v2.end("quick_conf")
    many: list[JsonObject] = [{"event": f"line {n}", "logger": "x", "level": "info"} for n in range(2500)]
    v2.server.runs[0].instances[0].logs[1] = many
    lines, _ = await v2.provider.logs(ended)
    assert len(lines) == 2001 and lines[-1].message == "… 500 more lines of this try are in Airflow."


def test_structured_lines_are_read_with_defaults_and_put_in_time() -> None:
    rows: JsonValue = [
        {"event": "::group::x"},
        {"event": "/logs/attempt=1.log"},
        {
            "event": "later",
            "timestamp": "2026-01-01T00:00:02Z",
            "level": "critical",
            "logger": "mine",
            "order": 7,
        },
        {"event": "sooner\x1b[0m", "timestamp": "2026-01-01T00:00:01Z", "logger": "mine"},
        {"event": "only an event"},
        {"event": "machinery", "logger": "airflow.task", "level": "debug"},
        {"event": "machinery warns", "logger": "airflow.task", "level": "warning"},
        "not an object",
        {"timestamp": None, "event": 5},
        {
            "event": "Task failed",
            "error_detail": [{"exc_type": "A", "exc_value": "b"}, {"exc_type": "C", "is_cause": True}],
        },
    ]
    lines = task_logs.structured(rows, "t", 1)
    assert [line.message for line in lines][:1] == ["sooner"]
    assert {line.message for line in lines} == {"sooner", "later", "only an event", "machinery warns", "A: b"}
    later = next(line for line in lines if line.message == "later")
    assert (later.level, later.data) == ("error", {"order": 7})


def test_text_logs_join_tracebacks_to_their_line() -> None:
    log = """host
 INFO - ::group::Log message source details
[2026-11-20T22:44:59.480+0000] {local_task_job_runner.py:123} INFO - ::group::Pre task execution logs
[2026-11-20T22:44:59.500+0000] {flaky_retry.py:23} INFO - hello
  and more
[2026-11-20T22:44:59.600+0000] {logging_mixin.py:190} INFO - printed
[2026-11-20T22:44:59.700+0000] {taskinstance.py:3313} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/opt/x.py", line 3, in f
    raise ConnectionError("no: route")
ConnectionError: no: route
[2026-11-20T22:44:59.800+0000] {taskinstance.py:1226} INFO - Marking task as UP_FOR_RETRY"""
    lines = task_logs.plain(log, "t", 2)
    assert [(line.level, line.message) for line in lines] == [
        ("info", "hello\n  and more"),
        ("info", "printed"),
        ("error", "ConnectionError: no: route"),
    ]
    assert lines[0].at is not None and lines[0].at.isoformat() == "2026-11-20T22:44:59.500000+00:00"
    assert task_logs.last_error(lines) == "ConnectionError: no: route"
    assert task_logs.plain("*** Could not read served logs: 404", "t", 9)[0].level == "warning"
    assert task_logs.last_error([]) is None
