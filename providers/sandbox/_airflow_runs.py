"""DAG runs of the sandbox Airflow: queue, tasks, tries, logs and values, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from providers._base import JsonObject
from providers.sandbox._airflow_dags import Dag, Task, TaskError

if TYPE_CHECKING:
    from providers.sandbox.airflow import AirflowSandbox

DONE = frozenset({"success", "failed", "upstream_failed", "skipped"})


def clock() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass
class Instance:
    """One task in one run; `logs` holds the lines of each try in the shape of API v2."""

    task: Task
    index: int = -1
    state: str | None = None
    attempt: int = 0
    started: str | None = None
    ended: str | None = None
    logs: dict[int, list[JsonObject]] = field(default_factory=dict[int, list[JsonObject]])
    value: JsonValue = None


@dataclass
class Run:
    dag: Dag
    id: str
    conf: JsonObject
    note: str | None
    run_after: str
    logical_date: str | None
    queued: str = field(default_factory=clock)
    state: str = "queued"
    started: str | None = None
    ended: str | None = None
    instances: list[Instance] = field(default_factory=list[Instance])

    def of(self, task: str, index: int = -1) -> Instance | None:
        return next((i for i in self.instances if i.task.id == task and i.index == index), None)

    def end(self, state: str) -> None:
        self.state, self.ended = state, clock()


class At:
    """The context of one running try."""

    def __init__(self, sandbox: AirflowSandbox, run: Run, instance: Instance) -> None:
        self.conf = run.conf
        self.attempt = instance.attempt
        self.index = instance.index
        self.run_id = run.id
        self._sandbox = sandbox
        self._run = run
        self._lines = instance.logs[instance.attempt]
        self._task = instance.task.id

    def log(self, message: str, level: str = "info", **data: JsonValue) -> None:
        self._write(message, level, f"sample.{self._task}", **data)

    def print(self, message: str) -> None:
        self._write(message, "info", "task.stdout")

    def _write(self, message: str, level: str, logger: str, **data: JsonValue) -> None:
        line: JsonObject = {"timestamp": clock(), "event": message, "level": level, "logger": logger}
        self._lines.append({**line, **data})

    def value(self, task: str) -> JsonValue:
        found = self._run.of(task)
        return found.value if found else None

    def failed(self, task: str) -> bool:
        found = self._run.of(task)
        return found is None or found.state != "success"

    async def nap(self, seconds: float) -> None:
        await self._sandbox.nap(seconds)

    async def post(self, url: str, body: JsonValue, headers: Mapping[str, str] | None = None) -> int:
        return await self._sandbox.post(url, body, headers)


async def carry_out(sandbox: AirflowSandbox, run: Run) -> None:
    """All tasks of a run that is `running`, in topological order; ends early when somebody ends the run."""
    run.instances = [Instance(task) for task in run.dag.tasks]
    taken: dict[str, set[str]] = {}
    left = list(run.dag.tasks)
    while left and run.state == "running":
        ready = [t for t in left if not any(t.id in other.downstream for other in left)]
        left = [t for t in left if t not in ready]
        await sandbox.nap(0.1)  # the scheduler looks now and then
        await asyncio.gather(*(_task(sandbox, run, task, taken) for task in ready))
    if run.state != "running":
        return
    ends = [i for i in run.instances if not i.task.downstream]
    run.end("failed" if any(i.state in ("failed", "upstream_failed") for i in ends) else "success")


async def _task(sandbox: AirflowSandbox, run: Run, task: Task, taken: dict[str, set[str]]) -> None:
    above = [i for i in run.instances if task.id in i.task.downstream]
    states = ["skipped" if i.task.id in taken and task.id not in taken[i.task.id] else i.state for i in above]
    instance = next(i for i in run.instances if i.task.id == task.id)
    if verdict := _held(task.trigger_rule, states):
        instance.state = verdict
        return
    if task.mapped:
        items = next((i.value for i in above), None)
        count = len(items) if isinstance(items, list) else 0
        mapped = [Instance(task, index) for index in range(count)]
        at = run.instances.index(instance)
        run.instances[at : at + 1] = mapped
        await asyncio.gather(*(_tries(sandbox, run, each) for each in mapped))
        return
    await _tries(sandbox, run, instance)
    if task.operator.endswith("branch") and isinstance(instance.value, list):
        taken[task.id] = {str(name) for name in instance.value}


def _held(rule: str, states: list[str | None]) -> str | None:
    """The state a task takes without running, None if it may run."""
    if rule == "all_done" or not states:
        return None
    if any(state in ("failed", "upstream_failed") for state in states):
        return "upstream_failed"
    skipped = [state == "skipped" for state in states]
    if rule == "none_failed_min_one_success":
        return "skipped" if all(skipped) else None
    return "skipped" if any(skipped) else None


async def _tries(sandbox: AirflowSandbox, run: Run, instance: Instance) -> None:
    for attempt in range(1, instance.task.retries + 2):
        instance.state, instance.attempt = "queued", attempt
        await sandbox.nap(0.05)
        if run.state != "running":
            return
        instance.logs[attempt] = _preamble(run, instance)
        instance.state, instance.started, instance.ended = "running", clock(), None
        error: TaskError | None = None
        try:
            instance.value = await instance.task.work(At(sandbox, run, instance))
        except TaskError as raised:
            error = raised
            instance.logs[attempt].append(_raised(raised, instance.task.id))
        if run.state != "running":
            return  # marked failed meanwhile: the process ran on, its state is no longer asked
        instance.ended = clock()
        if error is None:
            said = f"Done. Returned value was: {instance.value!r}"
            instance.logs[attempt].append(
                {"timestamp": clock(), "event": said, "level": "info", "logger": "task"}
            )
            instance.state = "success"
            return
        instance.state = "up_for_retry" if attempt <= instance.task.retries else "failed"
        if instance.state == "up_for_retry":
            await sandbox.nap(0.3)
            if run.state != "running":
                return


def _preamble(run: Run, instance: Instance) -> list[JsonObject]:
    file = f"/opt/airflow/logs/dag_id={run.dag.id}/run_id={run.id}/task_id={instance.task.id}/attempt={instance.attempt}.log"
    return [
        {"event": "::group::Log message source details"},
        {"event": file},
        {"event": "::endgroup::"},
        {"timestamp": clock(), "event": "::group::Pre Execute", "level": "info", "logger": "task"},
        {
            "timestamp": clock(),
            "event": "DAG bundles loaded",
            "level": "info",
            "logger": "airflow.dag_processing.bundles",
        },
        {"timestamp": clock(), "event": "::endgroup::", "level": "info", "logger": "task"},
    ]


def _raised(error: TaskError, task: str) -> JsonObject:
    detail: JsonObject = {
        "exc_type": error.kind,
        "exc_value": str(error),
        "exc_notes": [],
        "is_cause": False,
        "frames": [
            {"filename": "/opt/airflow/lib/task_runner.py", "lineno": 1579, "name": "_run_task"},
            {"filename": "/opt/airflow/dags/sample.py", "lineno": 27, "name": task},
        ],
    }
    return {
        "timestamp": clock(),
        "event": "Task failed with exception",
        "level": "error",
        "logger": "task",
        "error_detail": [detail],
    }
