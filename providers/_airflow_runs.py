"""What one DAG run says: its state, its progress, why it waits, what it brought, why it failed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from providers import _airflow_logs as task_logs
from providers._airflow_api import AirflowApi, Dialect, path
from providers._airflow_graph import at_once, leaves
from providers._base import Execution, ExecutionState, JsonObject, RemoteFailure, RemoteLog, now
from providers._errors import BadResponse, ProviderError, RemoteNotFound, Unavailable
from providers._shape import moment, obj, text, whole

CANCELLED_NOTE = "Cancelled by Baton"
_STATES = {
    "queued": ExecutionState.QUEUED,
    "running": ExecutionState.RUNNING,
    "success": ExecutionState.SUCCEEDED,
    "failed": ExecutionState.FAILED,
}
_DONE = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
_MAX_MAPPED = 200


def execution_of(run: JsonObject, dag: str, dialect: Dialect, site: str) -> Execution:
    """The run's own facts. A state Airflow may add one day counts as running: treating it as final would lose the run."""
    ident = text(run.get("dag_run_id"))
    if ident is None:
        raise BadResponse("Airflow's answer names no DAG run")
    state = _STATES.get(text(run.get("state")) or "", ExecutionState.RUNNING)
    if state is ExecutionState.FAILED and (text(run.get("note")) or "").startswith(CANCELLED_NOTE):
        state = ExecutionState.CANCELLED
    return Execution(
        id=ident,
        workflow_id=dag,
        state=state,
        match="exact",
        url=dialect.page(site, dag, ident),
        started_at=moment(run.get("start_date")),
        finished_at=moment(run.get("end_date")),
    )


class Runs:
    """Reads about runs of one Airflow."""

    def __init__(self, api: AirflowApi) -> None:
        self._api = api

    async def tasks_of(self, dag: str, run: str) -> list[JsonObject]:
        """The task instances, each with its latest try."""
        return await self._api.every(path("dags", dag, "dagRuns", run, "taskInstances"), "task_instances")

    # ------------------------------------------------------------ queued

    async def why_queued(self, dag: str, run: JsonObject) -> str:
        """A sentence that stands alone and behind "queued: ", found in the order in which Airflow itself would be held up."""
        dialect = await self._api.dialect()
        health = await self._try(dialect.health)
        if text(obj(health.get("scheduler")).get("status")) == "unhealthy":
            return "Airflow's scheduler is not running, so nothing starts until it is back."
        details = await self._try(path("dags", dag))
        if details.get("is_paused") is True:
            return f"The DAG {dag} is paused. The run starts when somebody unpauses it in Airflow."
        after = moment(run.get("run_after"))
        if after is not None and after > now():
            return f"Airflow starts it at {after:%Y-%m-%d %H:%M:%S} UTC."
        limit = at_once(details)
        where = path("dags", dag, "dagRuns")
        running = (
            whole((await self._try(where, [("state", "running"), ("limit", "1")])).get("total_entries")) or 0
        )
        if limit and running >= limit:
            order = [("state", "queued"), ("order_by", dialect.oldest_first), ("limit", "100")]
            queue = await self._try(where, order)
            place = _place(queue, text(run.get("dag_run_id")))
            turn = f", place {place} in the queue" if place else ""
            return f"The DAG runs at most {limit} at a time and {running} run now{turn}."
        return "Airflow's scheduler has not picked it up yet."

    async def _try(self, where: str, params: Sequence[tuple[str, str]] = ()) -> JsonObject:
        """What explains, but is not needed: nothing where it cannot be read."""
        try:
            return await self._api.read(where, params)
        except ProviderError:
            return {}

    # ------------------------------------------------------------ result

    async def output(self, dag: str, run: str, tasks: list[JsonObject]) -> tuple[JsonValue, str | None]:
        """The return values of the leaf tasks (one: its value; several: by task id), and a warning if one is unreadable."""
        graph = await self._api.read(path("dags", dag, "tasks"))
        rows = graph.get("tasks")
        ends = leaves([row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [])
        values: JsonObject = {}
        warnings: list[str] = []
        for leaf in ends:
            instances = [
                task for task in tasks if task.get("task_id") == leaf and task.get("state") == "success"
            ]
            found: list[JsonValue] = []
            for task in sorted(instances, key=map_index)[:_MAX_MAPPED]:
                try:
                    found.append(await self._xcom(dag, run, leaf, map_index(task)))
                except Unavailable:
                    raise
                except ProviderError as error:
                    found.append(None)
                    warnings.append(f"the result of task {leaf} cannot be read: {error.message}")
            if len(instances) > _MAX_MAPPED:
                warnings.append(
                    f"task {leaf} ran {len(instances)} times; the first {_MAX_MAPPED} results are here"
                )
            mapped = any(map_index(task) >= 0 for task in instances)
            values[leaf] = found if mapped else (found[0] if found else None)
        output: JsonValue = next(iter(values.values())) if len(ends) == 1 else (values or None)
        return output, "; ".join(warnings) or None

    async def _xcom(self, dag: str, run: str, task: str, index: int) -> JsonValue:
        dialect = await self._api.dialect()
        where = path("dags", dag, "dagRuns", run, "taskInstances", task, "xcomEntries", "return_value")
        params = [("map_index", str(index))] if index >= 0 else []
        as_json = dialect.api == "v2" or dialect.at_least(2, 10)
        if dialect.api == "v1" and as_json:
            params.append(("stringify", "false"))
        try:
            value = (await self._api.read(where, params)).get("value")
        except RemoteNotFound:
            return None  # the task returned nothing
        return value if as_json or not isinstance(value, str) else _from_repr(value)

    # ------------------------------------------------------------ failure

    async def failure(self, dag: str, run: str, tasks: list[JsonObject]) -> RemoteFailure:
        """The task that failed first, with the last thing its last try said, and what did not run because of it."""
        failed = sorted((task for task in tasks if task.get("state") == "failed"), key=_ended)
        held = sorted(
            {text(task.get("task_id")) or "?" for task in tasks if task.get("state") == "upstream_failed"}
        )
        hint = f"Not run because of it (upstream_failed): {', '.join(held[:20])}." if held else None
        if not failed:
            said = (
                "The DAG run failed, and no task of it did: its time ran out, or somebody marked it failed."
            )
            return RemoteFailure(message=said, hint=hint)
        first = failed[0]
        name = label_of(first)
        attempt = whole(first.get("try_number")) or 1
        message = None
        try:
            message = task_logs.last_error(await self.lines(dag, run, first, attempt))
        except ProviderError as error:
            hint = " ".join(filter(None, (f"Its log cannot be read: {error.message}.", hint)))
        others = sorted({label_of(task) for task in failed[1:]} - {name})
        if others:
            hint = " ".join(filter(None, (f"Failed as well: {', '.join(others[:20])}.", hint)))
        tries = f" on try {attempt}" if attempt > 1 else ""
        return RemoteFailure(
            message=f"Task {name} failed{tries}: {message or 'its log does not say why'}",
            where=name,
            hint=hint,
        )

    # ------------------------------------------------------------ logs

    async def lines(self, dag: str, run: str, task: JsonObject, attempt: int) -> list[RemoteLog]:
        return (await self.lines_after(dag, run, task, attempt, 0))[0]

    async def lines_after(
        self, dag: str, run: str, task: JsonObject, attempt: int, seen: int
    ) -> tuple[list[RemoteLog], int]:
        """Lines of one try beyond the `seen` first ones, and how many there are now. Lines are only ever appended."""
        dialect = await self._api.dialect()
        where = path(
            "dags", dag, "dagRuns", run, "taskInstances", text(task.get("task_id")) or "", "logs", attempt
        )
        params = [("map_index", str(map_index(task)))]
        name = label_of(task)
        if dialect.api == "v1":
            answer = await self._api.get(where, [*params, ("full_content", "true")], accept="text/plain")
            lines = task_logs.plain(self._api.redact(answer.text), name, attempt)
            return lines[seen:], len(lines)
        rows = task_logs.content((await self._api.get(where, params)).json())
        rows = rows if isinstance(rows, list) else []
        fresh = [task_logs.scrubbed(row, self._api.redact) for row in rows[seen:]]
        return task_logs.structured(fresh, name, attempt), len(rows)


def progress(tasks: list[JsonObject]) -> str | None:
    """How far a running run is, and what it waits for where that shows."""
    if not tasks:
        return None
    done = sum(task.get("state") in _DONE for task in tasks)
    said = f"{done} of {len(tasks)} tasks done"
    for state, words in (
        ("awaiting_input", "waiting for a person"),
        ("up_for_retry", "to be tried again"),
        ("running", "running"),
        ("deferred", "waiting for an event"),
        ("up_for_reschedule", "waiting for a condition"),
        ("queued", "waiting for a free slot or worker"),
    ):
        names = [f"{label_of(task)}{_nth(task)}" for task in tasks if task.get("state") == state]
        if names:
            said += f"; {words}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
    return said


def hidden_failure(tasks: list[JsonObject]) -> str | None:
    """Airflow calls a run a success by its last tasks alone; a failure further up is worth a warning."""
    failed = sorted({label_of(task) for task in tasks if task.get("state") == "failed"})
    return (
        f"Airflow calls the run a success, but these tasks failed: {', '.join(failed[:20])}"
        if failed
        else None
    )


def awaits_input(tasks: list[JsonObject]) -> bool:
    return any(task.get("state") == "awaiting_input" for task in tasks)


def finished_task(task: JsonObject) -> bool:
    return task.get("state") in _DONE


def label_of(task: JsonObject) -> str:
    """The task's id, with its index where it is one of a mapped task."""
    index = map_index(task)
    return (text(task.get("task_id")) or "?") + (f"[{index}]" if index >= 0 else "")


def map_index(task: JsonObject) -> int:
    """Which of a mapped task it is; -1 for one that is not mapped."""
    index = task.get("map_index")
    return index if isinstance(index, int) else -1


def _nth(task: JsonObject) -> str:
    attempt = whole(task.get("try_number")) or 0
    return f" (try {attempt})" if attempt > 1 else ""


def _ended(task: JsonObject) -> tuple[bool, datetime]:
    ended = moment(task.get("end_date"))
    return ended is None, ended or datetime.max.replace(tzinfo=now().tzinfo)


def _place(queue: JsonObject, run: str | None) -> int | None:
    rows = queue.get("dag_runs")
    ids = [row.get("dag_run_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return ids.index(run) + 1 if run in ids else None


def _from_repr(value: str) -> JsonValue:
    """v1 before 2.10 answers Python's own notation of the value; what is no literal stays text."""
    try:
        found: object = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return cast(JsonValue, found) if _is_json(found) else value


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v) for k, v in cast(dict[object, object], value).items())
    if isinstance(value, list):
        return all(_is_json(item) for item in cast(list[object], value))
    return (
        value is None
        or isinstance(value, str | bool | int)
        or (isinstance(value, float) and abs(value) < float("inf"))
    )
