"""The tasks inside one DAG run, try by try.

The list of task instances knows the latest try only; `/tries` (API v2, and v1 from 2.10) has every one. A try that was
repeated reads "failed" there. A task that never ran is listed with try 0. Observed on 3.3.2 and 2.11.2.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from providers._airflow_api import AirflowApi, Dialect, path
from providers._airflow_runs import Runs, label_of, map_index
from providers._base import JsonObject, RemoteTask, TaskState
from providers._errors import ProviderError, Unavailable
from providers._shape import moment, text, whole

_STATES = {
    None: TaskState.PENDING,
    "none": TaskState.PENDING,
    "scheduled": TaskState.QUEUED,
    "queued": TaskState.QUEUED,
    "running": TaskState.RUNNING,
    "restarting": TaskState.RUNNING,
    "deferred": TaskState.WAITING,
    "up_for_reschedule": TaskState.WAITING,
    "awaiting_input": TaskState.WAITING,
    "up_for_retry": TaskState.FAILED,
    "success": TaskState.COMPLETED,
    "failed": TaskState.FAILED,
    "upstream_failed": TaskState.FAILED,
    "skipped": TaskState.SKIPPED,
    "removed": TaskState.SKIPPED,
}
_ASKED = 100
"""Tasks whose earlier tries are asked for: a request each."""
_AT_ONCE = 4


async def tasks(api: AirflowApi, runs: Runs, dag: str, run: str) -> tuple[RemoteTask, ...]:
    dialect = await api.dialect()
    latest = await runs.tasks_of(dag, run)
    repeated = [row for row in latest if (whole(row.get("try_number")) or 0) > 1]
    asked = {id(row) for row in repeated[:_ASKED]} if _has_tries(dialect) else set[int]()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def every_try(row: JsonObject) -> list[JsonObject]:
        if id(row) not in asked:
            return [row]
        async with slots:
            return await _tries(api, dag, run, row)

    rows = [each for found in await asyncio.gather(*map(every_try, latest)) for each in found]
    found = [_task(row, dialect, api.site, dag, run) for row in rows]
    return tuple(sorted(found, key=_begun))


def _has_tries(dialect: Dialect) -> bool:
    return dialect.api == "v2" or dialect.at_least(2, 10)


async def _tries(api: AirflowApi, dag: str, run: str, row: JsonObject) -> list[JsonObject]:
    """Every try, the latest as the list has it: that one is newer, and its state is the task's."""
    index = map_index(row)
    which = (text(row.get("task_id")) or "", *((index,) if index >= 0 else ()), "tries")
    try:
        found = await api.every(path("dags", dag, "dagRuns", run, "taskInstances", *which), "task_instances")
    except Unavailable:
        raise
    except ProviderError:
        return [row]  # cleared meanwhile, or not shown to this account: the latest try is known all the same
    latest = whole(row.get("try_number")) or 0
    return [*(each for each in found if (whole(each.get("try_number")) or 0) < latest), row]


def _task(row: JsonObject, dialect: Dialect, site: str, dag: str, run: str) -> RemoteTask:
    raw, label, attempt = text(row.get("state")), label_of(row), whole(row.get("try_number")) or 0
    name = text(row.get("task_id"))
    return RemoteTask(
        id=label,
        label=label,
        state=_STATES.get(raw, TaskState.UNKNOWN),
        raw=raw,
        attempt=attempt,
        queued_at=moment(row.get("queued_when")),
        started_at=moment(row.get("start_date")),
        finished_at=moment(row.get("end_date")),
        url=dialect.task_page(site, dag, run, name, map_index(row), attempt) if name else None,
    )


def _begun(task: RemoteTask) -> datetime:
    return task.started_at or task.queued_at or datetime.max.replace(tzinfo=UTC)
