"""Apache Airflow, both APIs: v2 of Airflow 3 and v1 of Airflow 2.

A DAG is a workflow, a DAG run an execution. We choose the run's id from our own key, so starting twice starts once: the
second time Airflow answers 409 and we adopt the run that is there. Facts: observed on Airflow 3.3.2 and 2.11.2.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid5

from pydantic import JsonValue

from providers import _airflow_tasks
from providers._airflow_api import AirflowApi, path
from providers._airflow_connection import AirflowConnection
from providers._airflow_graph import preview, workflow
from providers._airflow_runs import (
    CANCELLED_NOTE,
    Runs,
    awaits_input,
    execution_of,
    finished_task,
    hidden_failure,
    progress,
)
from providers._base import (
    Account,
    Cancels,
    Execution,
    ExecutionState,
    Finds,
    JsonObject,
    LeftOut,
    Page,
    Preview,
    Provider,
    ReadsLogs,
    ReadsTasks,
    RemoteLog,
    RemoteTask,
    RemoteWorkflow,
    StartOptions,
)
from providers._errors import BadResponse, ProviderError, Rejected, RemoteNotFound, Unauthorized, Unavailable
from providers._http import Http
from providers._shape import headers, nothing_started, obj, objects, text, whole

_NAMESPACE = UUID("6d3f2f0e-5b53-4e0c-9a0b-3c1f6f0d7a11")
_PAGE = 100
_FOLLOWED_AT_ONCE = 4
_LONGEST_LOG = 2000


class Airflow(Provider[AirflowConnection], ReadsLogs, ReadsTasks, Cancels, Finds):
    name = "airflow"
    title = "Apache Airflow"
    idempotent = True
    in_flight: ClassVar[int] = 8
    """More at once can freeze the whole API server of Airflow 3.2 and 3.3 (apache/airflow issue 66493)."""

    def __init__(self, connection: AirflowConnection, http: Http) -> None:
        super().__init__(connection, http)
        self._api = AirflowApi(connection, http)
        self._runs = Runs(self._api)

    async def check(self) -> Account:
        dialect = await self._api.dialect()
        total = whole((await self._api.read("/dags", [("limit", "1")])).get("total_entries"))
        who = self.connection.username or "token"
        return Account(
            label=f"{who} on Airflow {dialect.version or ''}".strip(),
            workflows=total,
            version=dialect.version,
            warnings=await self._warnings(dialect.health),
        )

    async def _warnings(self, health: str) -> tuple[str, ...]:
        scheduler = obj((await self._readable(health)).get("scheduler"))
        found: list[str] = []
        if text(scheduler.get("status")) == "unhealthy":
            found.append("Airflow's scheduler is not running: runs are accepted, but nothing starts.")
        found += [f"A DAG file cannot be imported: {part.name}" for part in (await self._broken())[:5]]
        return tuple(found)

    async def _broken(self) -> tuple[LeftOut, ...]:
        """Files that Airflow cannot import: their DAGs drop out of its list."""
        errors = objects((await self._readable("/importErrors")).get("import_errors"))
        names = [text(error.get("filename")) or "unnamed" for error in errors]
        return tuple(LeftOut(kind="DAG file", name=name, why="Airflow cannot import it") for name in names)

    async def _readable(self, where: str) -> JsonObject:
        """Empty where it may not be read: a viewer may not see everything, and the connection works without."""
        try:
            return await self._api.read(where)
        except (Unauthorized, RemoteNotFound, BadResponse):
            return {}

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """Pages overlap by one, so that a DAG that vanishes meanwhile cannot push another one out of sight."""
        dialect = await self._api.dialect()
        offset, last = _read_cursor(cursor)
        back = 1 if last else 0
        while True:
            start = max(offset - back, 0)
            window = [("limit", str(_PAGE)), ("offset", str(start)), ("order_by", "dag_id")]
            body = await self._api.read("/dags", window)
            rows = objects(body.get("dags"))
            ids = [text(row.get("dag_id")) for row in rows]
            if last is None or last in ids or start == 0 or back >= _PAGE:
                break
            back = min(back * 8, _PAGE)
        # `last` is gone itself where it is nowhere: then its old place is the best guess.
        skipped = (
            0 if last is None else ids.index(last) + 1 if last in ids else min(offset - start, len(rows))
        )
        total = whole(body.get("total_entries")) or 0
        end = start + len(rows)
        following = f"{end} {ids[-1]}" if rows and end < total else None
        items = tuple(workflow(row, dialect, self._api.site) for row in rows[skipped:])
        return Page(items=items, cursor=following, left_out=() if cursor else await self._broken())

    async def preview(self, ref: str) -> Preview:
        dialect = await self._api.dialect()
        details, graph = await asyncio.gather(
            self._api.read(path("dags", ref, "details")), self._api.read(path("dags", ref, "tasks"))
        )
        return preview(details, objects(graph.get("tasks")), dialect, self._api.site)

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        """Trigger the DAG with `payload` as its conf, under a run id made of `key`; adopt the run if it is there already."""
        with nothing_started():
            dialect = await self._api.dialect()
            where = path("dags", ref, "dagRuns")
        conf, note = _conf(payload)
        theirs = {k: v for k, v in options.headers.items() if k.lower() not in ("authorization", "accept")}
        sent = headers(theirs, {"X-Baton-Key": key, "Idempotency-Key": key})
        body = dialect.trigger(run_id(key), conf, "Started by Baton")
        try:
            run = await self._api.write("POST", where, body, headers=sent, timeout=options.timeout)
        except Rejected as error:
            if error.status != 409:
                raise
            run = await self._existing(ref, key)
        execution = execution_of(run, ref, dialect, self._api.site)
        return execution.model_copy(
            update={"note": note, "poll_after": _pause(0), "memo": {"polls": 0, "sent": note}}
        )

    async def _existing(self, ref: str, key: str) -> JsonObject:
        """The run behind a 409. Without one, another run has the same logical date: v1 takes "now", to the microsecond."""
        try:
            return await self._api.read(path("dags", ref, "dagRuns", run_id(key)))
        except RemoteNotFound:
            raise Unavailable(
                "Airflow was starting another run of this DAG at the same instant", status=409, sent=False
            ) from None

    async def poll(self, execution: Execution) -> Execution:
        dialect = await self._api.dialect()
        dag, ident = execution.workflow_id, _ident(execution)
        run = await self._api.read(path("dags", dag, "dagRuns", ident))
        known = execution_of(run, dag, dialect, self._api.site)
        polls = (whole(execution.memo.get("polls")) or 0) + 1
        sent = text(execution.memo.get("sent"))
        news: dict[str, object] = {"memo": {**execution.memo, "polls": polls}, "poll_after": _pause(polls)}
        note: str | None = None
        if known.state is ExecutionState.QUEUED:
            note = await self._runs.why_queued(dag, run)
        else:
            tasks = await self._runs.tasks_of(dag, ident)
            note = progress(tasks)
            if known.state is ExecutionState.RUNNING and awaits_input(tasks):
                news["state"] = ExecutionState.WAITING
            elif known.state is ExecutionState.SUCCEEDED:
                output, warning = await self._runs.output(dag, ident, tasks)
                news["output"] = output
                news["warning"] = "; ".join(filter(None, (hidden_failure(tasks), warning))) or None
            elif known.state is ExecutionState.FAILED:
                news["error"] = await self._runs.failure(dag, ident, tasks)
        if known.state.final:
            news["poll_after"] = None
        news["note"] = " ".join(filter(None, (sent, note))) or None
        return known.model_copy(update=news)

    async def find(self, ref: str, *, key: str, since: datetime) -> Execution | None:
        """The run id says it all, so `since` is not needed."""
        dialect = await self._api.dialect()
        try:
            run = await self._api.read(path("dags", ref, "dagRuns", run_id(key)))
        except RemoteNotFound:
            return None
        found = execution_of(run, ref, dialect, self._api.site)
        return found.model_copy(update={"poll_after": _pause(0), "memo": {"polls": 0}})

    async def cancel(self, execution: Execution) -> str:
        """Airflow has no "cancelled": the run is marked failed, with a note that says it was us."""
        dialect = await self._api.dialect()
        where = path("dags", execution.workflow_id, "dagRuns", _ident(execution))
        run = await self._api.read(where)
        state = execution_of(run, execution.workflow_id, dialect, self._api.site).state
        if state.final:
            return "The DAG run had already ended; nothing was asked of Airflow."
        if dialect.api == "v2":
            await self._api.write("PATCH", where, {"state": "failed", "note": CANCELLED_NOTE})
        else:
            await self._api.write("PATCH", f"{where}/setNote", {"note": CANCELLED_NOTE})
            await self._api.write("PATCH", where, {"state": "failed"})
        if state is ExecutionState.QUEUED:
            return "Airflow took the queued DAG run out of its queue; none of its tasks started."
        return (
            "Airflow marked the DAG run failed. A task that is running goes on until its next heartbeat, about 5 s, "
            "and may still finish its work; tasks after it do not start."
        )

    async def tasks(self, execution: Execution) -> tuple[RemoteTask, ...]:
        return await _airflow_tasks.tasks(self._api, self._runs, execution.workflow_id, _ident(execution))

    async def logs(
        self, execution: Execution, *, since: JsonValue = None
    ) -> tuple[tuple[RemoteLog, ...], JsonValue]:
        """Every try of every task. The mark counts the lines seen by task and try, and ends with "done" for finished ones."""
        dag, ident = execution.workflow_id, _ident(execution)
        marks = dict(obj(since))
        wanted: list[tuple[str, JsonObject, int, bool]] = []
        for task in await self._runs.tasks_of(dag, ident):
            latest = whole(task.get("try_number")) or 0
            for attempt in range(1, latest + 1):
                mark = f"{text(task.get('task_id'))}/{task.get('map_index', -1)}/{attempt}"
                if marks.get(mark) != "done":
                    wanted.append((mark, task, attempt, attempt < latest or finished_task(task)))
        slots = asyncio.Semaphore(_FOLLOWED_AT_ONCE)

        async def follow(mark: str, task: JsonObject, attempt: int, over: bool) -> list[RemoteLog]:
            seen = whole(marks.get(mark)) or 0
            async with slots:
                lines, count = await self._lines(dag, ident, task, attempt, seen)
            marks[mark] = "done" if over else count
            return lines

        found = await asyncio.gather(*(follow(*entry) for entry in wanted))
        return tuple(line for lines in found for line in lines), marks

    async def _lines(
        self, dag: str, ident: str, task: JsonObject, attempt: int, seen: int
    ) -> tuple[list[RemoteLog], int]:
        try:
            lines, count = await self._runs.lines_after(dag, ident, task, attempt, seen)
        except Unavailable:
            raise
        except RemoteNotFound:
            return [], seen  # queued under this number, not started yet
        except ProviderError as error:
            lines, count = [_told(task, attempt, f"This try's log cannot be shown: {error.message}")], seen
        if len(lines) > _LONGEST_LOG:
            left = f"… {len(lines) - _LONGEST_LOG} more lines of this try are in Airflow."
            lines = [*lines[:_LONGEST_LOG], _told(task, attempt, left)]
        return lines, count


def run_id(key: str) -> str:
    """Our own id for the run of `key`: letters Airflow allows, and never one of its reserved prefixes."""
    return f"baton__{uuid5(_NAMESPACE, key)}"


def _conf(payload: JsonValue) -> tuple[JsonObject, str | None]:
    if isinstance(payload, dict):
        return payload, None
    if payload is None:
        return {}, None
    return {"data": payload}, 'Airflow takes an object only, so the payload was sent as {"data": …}.'


def _ident(execution: Execution) -> str:
    if execution.id is None:
        raise RemoteNotFound("this execution has no Airflow run id", sent=False)
    return execution.id


def _read_cursor(cursor: str | None) -> tuple[int, str | None]:
    if cursor is None:
        return 0, None
    offset, _, last = cursor.partition(" ")
    if not offset.isascii() or not offset.isdigit() or len(offset) > 9 or not last:
        raise Rejected("not a cursor of this list", sent=False)
    return int(offset), last


def _pause(polls: int) -> float:
    """0.3 s at first, growing to 2 s: a run of one task takes about that long, and every look costs two requests."""
    return round(min(0.3 * 1.4**polls, 2.0), 2)


def _told(task: JsonObject, attempt: int, message: str) -> RemoteLog:
    return RemoteLog(level="warning", task=text(task.get("task_id")), attempt=attempt, message=message)


__all__ = ["Airflow", "AirflowConnection", "run_id"]
