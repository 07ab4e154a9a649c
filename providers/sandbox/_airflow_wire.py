"""The bodies of the sandbox Airflow: both APIs' shapes, error formats, limits and refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from providers._base import JsonObject
from providers.sandbox._airflow_dags import Dag, Task
from providers.sandbox._airflow_runs import Instance, Run
from providers.sandbox._asgi import Ask, Reply

Api = Literal["v1", "v2"]

ORDERS = {
    "v2": ("", "run_after", "id", "start_date", "logical_date"),
    "v1": ("", "execution_date", "start_date", "end_date"),
}
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")
_RESERVED = (
    "scheduled__",
    "backfill__",
    "asset_triggered__",
    "asset_materialization__",
    "operator_triggered__",
)
_SOURCES = {
    "airflow": "local_task_job_runner.py:123",
    "task": "taskinstance.py:430",
    "task.stdout": "logging_mixin.py:190",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class Refused(Exception):
    """A request that is answered with an error status and this `detail`."""

    def __init__(self, status: int, detail: JsonValue) -> None:
        super().__init__(status)
        self.status = status
        self.detail = detail


def problem(api: Api, refused: Refused) -> Reply:
    if api == "v2":
        return Reply(refused.status, {"detail": refused.detail})
    titles = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
    body: JsonObject = {
        "title": titles.get(refused.status, "Error"),
        "status": refused.status,
        "detail": refused.detail,
        "type": f"https://airflow.apache.org/docs/stable-rest-api-ref.html#section/Errors/{refused.status}",
    }
    return Reply(refused.status, body, content_type="application/problem+json")


def duplicate(api: Api, dag_id: str, run_id: str) -> JsonValue:
    if api == "v1":
        return f"DAGRun with DAG ID: '{dag_id}' and DAGRun ID: '{run_id}' already exists"
    return {
        "reason": "Unique constraint violation",
        "statement": "hidden",
        "orig_error": "hidden",
        "message": "Serious error when handling your request. Check logs for more details",
    }


def page(key: str, rows: Sequence[JsonObject], ask: Ask, api: Api) -> JsonValue:
    """`limit` is silently capped at 100; its default is 50 in v2 and 100 in v1."""
    limit = int(ask.first("limit") or (50 if api == "v2" else 100))
    offset = int(ask.first("offset") or 0)
    if limit < 0 or offset < 0:
        raise Refused(
            422 if api == "v2" else 400,
            [{"type": "greater_than_equal", "loc": ["query", "limit"], "msg": "too small"}],
        )
    return {key: list(rows[offset : offset + min(limit, 100)]), "total_entries": len(rows)}


def dag(found: Dag, api: Api) -> JsonObject:
    body: JsonObject = {
        "dag_id": found.id,
        "dag_display_name": found.id,
        "description": found.description,
        "is_paused": found.paused,
        "fileloc": f"/opt/airflow/dags/{found.id}.py",
        "max_active_tasks": 16,
        "max_active_runs": found.max_active_runs,
        "has_import_errors": found.stale,
        "tags": [{"name": tag} for tag in found.tags],
        "owners": ["airflow"],
        "file_token": "eyJzYW5kYm94IjoxfQ",
    }
    if api == "v2":
        return {
            **body,
            "is_stale": found.stale,
            "timetable_summary": found.schedule,
            "relative_fileloc": f"{found.id}.py",
        }
    interval: JsonValue = {"__type": "CronExpression", "value": found.schedule} if found.schedule else None
    return {**body, "is_active": not found.stale, "schedule_interval": interval}


def details(found: Dag, api: Api) -> JsonObject:
    params: JsonObject = {
        name: {**param, **({"__class": "airflow.models.param.Param"} if api == "v1" else {"source": None})}
        for name, param in found.params.items()
    }
    return {**dag(found, api), "params": params, "doc_md": None, "catchup": False, "timezone": "UTC"}


def tasks(found: Dag) -> JsonValue:
    rows: list[JsonValue] = [_task(task) for task in sorted(found.tasks, key=lambda task: task.id)]
    return {"tasks": rows, "total_entries": len(rows)}


def _task(task: Task) -> JsonObject:
    return {
        "task_id": task.id,
        "task_display_name": task.id,
        "operator_name": task.operator,
        "trigger_rule": task.trigger_rule,
        "retries": float(task.retries),
        "retry_delay": {"__type": "TimeDelta", "days": 0, "seconds": 300, "microseconds": 0},
        # Arbitrary in Airflow; reversed here, so that nobody relies on it.
        "downstream_task_ids": list(reversed(task.downstream)),
        "is_mapped": task.mapped,
        "pool": "default_pool",
        "queue": "default",
        "class_ref": {
            "module_path": "airflow.providers.standard.decorators.python",
            "class_name": "_PythonDecoratedOperator",
        },
        "params": {},
        "doc_md": None,
    }


def run(found: Run, api: Api) -> JsonObject:
    body: JsonObject = {
        "dag_run_id": found.id,
        "dag_id": found.dag.id,
        "logical_date": found.logical_date,
        "start_date": found.started,
        "end_date": found.ended,
        "run_type": "manual",
        "state": found.state,
        "conf": found.conf,
        "note": found.note,
    }
    if api == "v1":
        return {**body, "execution_date": found.logical_date, "external_trigger": True}
    return {**body, "queued_at": found.queued, "run_after": found.run_after, "triggered_by": "rest_api"}


def instance(of: Run, found: Instance) -> JsonObject:
    return {
        "task_id": found.task.id,
        "dag_id": of.dag.id,
        "dag_run_id": of.id,
        "map_index": found.index,
        "state": found.state,
        "try_number": found.attempt,
        "max_tries": found.task.retries,
        "start_date": found.started,
        "end_date": found.ended,
        "operator_name": found.task.operator,
        "pool": "default_pool",
    }


def plain_log(lines: Sequence[JsonObject]) -> str:
    """The same log as v1 gives it: text, with tracebacks on lines of their own."""
    out = [
        "sandbox",
        " INFO - ::group::Log message source details",
        "*** Found local files:",
        " INFO - ::endgroup::",
    ]
    for line in lines:
        if "timestamp" not in line:
            continue
        logger = str(line.get("logger"))
        source = _SOURCES.get(logger.split(".")[0] if logger != "task.stdout" else logger, f"{logger}.py:23")
        stamp = str(line["timestamp"]).replace("Z", "+0000")
        out.append(f"[{stamp}] {{{source}}} {str(line.get('level')).upper()} - {line['event']}")
        errors = line.get("error_detail")
        for error in errors if isinstance(errors, list) else []:
            if isinstance(error, dict):
                out += [
                    "Traceback (most recent call last):",
                    '  File "/opt/airflow/dags/sample.py", line 27, in task',
                ]
                out += [f"{error['exc_type']}: {error['exc_value']}"]
    return "\n".join(out)


@dataclass(frozen=True)
class Trigger:
    run_id: str | None
    conf: JsonObject
    note: str | None
    logical_date: str | None
    run_after: str | None


def read_trigger(body: JsonValue, found: Dag, api: Api) -> Trigger:
    """The body of a trigger. Raises Refused as each API does."""
    bad = 422 if api == "v2" else 400
    if not isinstance(body, dict):
        raise Refused(
            bad,
            [
                {
                    "type": "model_attributes_type",
                    "loc": ["body"],
                    "msg": "Input should be a valid dictionary",
                    "input": body,
                }
            ],
        )
    known = {"dag_run_id", "conf", "logical_date", "note"} | (
        {"run_after"} if api == "v2" else {"execution_date"}
    )
    for name in body.keys() - known:
        raise Refused(
            bad, _invalid(api, "extra_forbidden", name, "Extra inputs are not permitted", body[name])
        )
    if api == "v2" and "logical_date" not in body:
        raise Refused(bad, _invalid(api, "missing", "logical_date", "Field required", body))
    if api == "v1" and "logical_date" in body and body["logical_date"] is None:
        raise Refused(bad, "Incorrect datetime argument")
    conf = body.get("conf")
    conf = {} if conf is None else conf
    if not isinstance(conf, dict):
        raise Refused(bad, _invalid(api, "dict_type", "conf", "Input should be a valid dictionary", conf))
    run_id = body.get("dag_run_id") or None
    if run_id is not None and not (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
        raise Refused(400, f"The run_id provided '{run_id}' does not match regex pattern")
    if isinstance(run_id, str) and run_id.startswith(_RESERVED):
        raise Refused(400, f"The run_id '{run_id}' starts with a reserved prefix")
    if found.params:
        conf = {**{name: param["value"] for name, param in found.params.items()}, **conf}
    for name, param in found.params.items():
        schema: Any = param["schema"]
        if said := _unfit(conf[name], schema):
            raise Refused(
                400, f"Invalid input for param {name}: {said}\n\nFailed validating in schema:\n    {schema}"
            )
    note, logical, after = body.get("note"), body.get("logical_date"), body.get("run_after")
    return Trigger(
        run_id=run_id,
        conf=conf,
        note=note if isinstance(note, str) else None,
        logical_date=logical if isinstance(logical, str) else None,
        run_after=after if isinstance(after, str) else None,
    )


def _invalid(api: Api, kind: str, name: str, said: str, given: JsonValue) -> JsonValue:
    """v2 repeats the input; whoever logs the answer logs that too."""
    return (
        [{"type": kind, "loc": ["body", name], "msg": said, "input": given}]
        if api == "v2"
        else f"{said} - '{name}'"
    )


def _unfit(value: JsonValue, schema: dict[str, Any]) -> str | None:
    kinds = schema.get("type")
    names: list[str] = [kinds] if isinstance(kinds, str) else list(kinds or [])
    if names and not any(isinstance(value, _TYPES[name]) for name in names):
        return f"{value!r} is not of type {', '.join(names)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is not one of {schema['enum']}"
    if isinstance(value, int | float):
        if value > schema.get("maximum", value):
            return f"{value} is greater than the maximum of {schema['maximum']}"
        if value < schema.get("minimum", value):
            return f"{value} is less than the minimum of {schema['minimum']}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return f"{value!r} is too short"
    return None
