"""DAG runs of the sandbox Airflow: queue, tasks, tries, logs and values, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid4, uuid5

from pydantic import JsonValue

from providers._base import JsonObject
from providers.sandbox._airflow_dags import Dag, Task, TaskError

if TYPE_CHECKING:
    from providers.sandbox.airflow import AirflowSandbox

DONE = frozenset({"success", "failed", "upstream_failed", "skipped"})


def clock() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def ident(of: str) -> str:
    """The same for the same thing, as an id Airflow stores."""
    return str(uuid5(NAMESPACE_OID, of))


@dataclass
class Instance:
    """One task in one run; `logs` holds the lines of each try in the shape of API v2."""

    task: Task
    index: int = -1
    state: str | None = None
    attempt: int = 0
    queued: str | None = None
    started: str | None = None
    ended: str | None = None
    logs: dict[int, list[JsonObject]] = field(default_factory=dict[int, list[JsonObject]])
    value: JsonValue = None
    past: list[Instance] = field(default_factory=list["Instance"])
    """The tries before this one, as they ended; one that was repeated is "failed" among them."""
    id: str = field(default_factory=lambda: str(uuid4()))

    def close(self, state: str) -> None:
        """Take an end without running to it: a task that never ran has begun and ended at this moment."""
        self.state, self.ended = state, clock()
        self.started = self.started or self.ended


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

    def __post_init__(self) -> None:
        self.instances = [Instance(task) for task in self.dag.tasks]  # there from the trigger on

    def of(self, task: str, index: int = -1) -> Instance | None:
        return next((i for i in self.instances if i.task.id == task and i.index == index), None)

    def end(self, state: str) -> None:
        self.state, self.ended = state, clock()


class At:
    """The context of one running try.

    Every line names its place in the code and the task, but for what a task prints.
    """

    def __init__(self, sandbox: AirflowSandbox, run: Run, instance: Instance) -> None:
        self.conf = run.conf
        self.attempt = instance.attempt
        self.index = instance.index
        self.run_id = run.id
        self._sandbox = sandbox
        self._run = run
        self._lines = instance.logs[instance.attempt]
        self._instance = instance

    def log(self, message: str, level: str = "info", **data: JsonValue) -> None:
        task = self._instance.task.id
        line = _line(message, f"sample.{task}", f"{self._run.dag.id}.py:23", level)
        self._lines.append(line | _bound(self._run, self._instance) | data)

    def print(self, message: str) -> None:
        self._lines.append(_line(message, "task.stdout"))

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
        instance.close(verdict)
        return
    if task.mapped:
        items = next((i.value for i in above), None)
        count = len(items) if isinstance(items, list) else 0
        mapped = [Instance(task, index) for index in range(count)]
        if not mapped:
            instance.close("skipped")
            return
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
        if attempt > 1:
            instance.past.append(replace(instance, state="failed", past=[]))
        instance.state, instance.attempt, instance.queued = "queued", attempt, clock()
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
            instance.logs[attempt] += _raised(raised, run, instance)
        if run.state != "running":
            return  # marked failed meanwhile: the process ran on, its state is no longer asked
        instance.ended = clock()
        if error is None:
            instance.logs[attempt] += _returned(run, instance)
            instance.state = "success"
            return
        instance.state = "up_for_retry" if attempt <= instance.task.retries else "failed"
        if instance.state == "up_for_retry":
            await sandbox.nap(0.3)
            if run.state != "running":
                return


# ------------------------------------------------------------ log lines, as 3.3.2 writes them


def _line(event: str, logger: str, source: str = "", level: str = "info") -> JsonObject:
    """`source` is `file:line`."""
    line: JsonObject = {"timestamp": clock(), "event": event, "level": level, "logger": logger}
    name, _, number = source.partition(":")
    return line | ({"filename": name, "lineno": int(number)} if name else {})


def _bound(run: Run, instance: Instance) -> JsonObject:
    return {
        "ti_id": instance.id,
        "dag_id": run.dag.id,
        "task_id": instance.task.id,
        "run_id": run.id,
        "try_number": instance.attempt,
        "map_index": instance.index,
    }


def _preamble(run: Run, instance: Instance) -> list[JsonObject]:
    bound, file = _bound(run, instance), f"{run.dag.id}.py"
    log = f"/opt/airflow/logs/dag_id={run.dag.id}/run_id={run.id}/task_id={instance.task.id}/attempt={instance.attempt}.log"
    parsed: JsonObject = {"bundle_name": "dags-folder", "bundle_version": None, "dag_file": file}
    parsed |= {"bundle_prepare_ms": 1, "dag_file_parse_ms": 20}
    bundles, dagbag = (
        "airflow.dag_processing.bundles.manager.DagBundlesManager",
        "airflow.dag_processing.dagbag",
    )
    return [
        {"event": "::group::Log message source details"},
        {"event": log},
        {"event": "::endgroup::"},
        _line("::group::Pre Execute", "task", "task_runner.py:2412"),
        _line("DAG bundles loaded: dags-folder", bundles, "manager.py:304") | bound,
        _line(
            f"Filling up the DagBag from /opt/airflow/dags/{file}", f"{dagbag}.BundleDagBag", "dagbag.py:460"
        )
        | bound,
        _line("Worker startup parse complete", "task", "task_runner.py:1073") | parsed | bound,
        _line("::endgroup::", "task", "task_runner.py:2232") | bound,
    ]


def _returned(run: Run, instance: Instance) -> list[JsonObject]:
    bound = _bound(run, instance)
    operator = "airflow.providers.standard.decorators.python._PythonDecoratedOperator"
    said = f"Done. Returned value was: {instance.value!r}"
    lines = [
        _line(said, f"airflow.task.operators.{operator}", "python.py:233") | bound,
        _line("::group::Post Execute", "task", "task_runner.py:1580") | bound,
    ]
    if instance.value is not None:
        shown = f"RuntimeTaskInstance(task_id={instance.task.id!r})"
        lines.append(_line("Pushing xcom", "task", "task_runner.py:2260") | {"ti": shown} | bound)
    return [*lines, _line("::endgroup::", "task", "task_runner.py:2379") | bound]


def _raised(error: TaskError, run: Run, instance: Instance) -> list[JsonObject]:
    bound = _bound(run, instance)
    detail: JsonObject = {
        "exc_type": error.kind,
        "exc_value": str(error),
        "exc_notes": [],
        "syntax_error": None,
        "is_cause": False,
        "frames": [
            {"filename": "/opt/airflow/lib/task_runner.py", "lineno": 1579, "name": "_run_task"},
            {"filename": "/opt/airflow/dags/sample.py", "lineno": 27, "name": instance.task.id},
        ],
        "is_group": False,
        "exceptions": [],
    }
    failed = _line("Task failed with exception", "task", "task_runner.py:1676", "error") | bound
    failed["error_detail"] = [detail]
    return [
        failed,
        _line("::group::Post Execute", "task", "task_runner.py:1677") | bound,
        _line("::endgroup::", "task", "task_runner.py:2379") | bound,
    ]
