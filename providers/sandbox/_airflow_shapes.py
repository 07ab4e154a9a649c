"""How the sandbox Airflow shows its DAGs, runs, tasks and values: the keys of 3.3.2 as observed, and fewer for v1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from providers._base import JsonObject
from providers.sandbox._airflow_dags import Dag, Task
from providers.sandbox._airflow_runs import Instance, Run, ident

Api = Literal["v1", "v2"]

USERNAME = "admin"
_PARSED = "2026-10-01T08:00:00.000000Z"
_NIGHTLY = "0 2 * * *"
_LIVE_ONLY = frozenset(
    {
        "id",
        "logical_date",
        "run_after",
        "note",
        "rendered_map_index",
        "rendered_fields",
        "trigger",
        "triggerer_job",
    }
)
"""What a task instance has and a try among `/tries` has not."""


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
    if api == "v1":
        kind: JsonValue = {"__type": "CronExpression", "value": found.schedule} if found.schedule else None
        return {**body, "is_active": not found.stale, "schedule_interval": kind}
    following = "2026-10-02T02:00:00Z" if found.schedule else None
    said = "At 02:00" if found.schedule == _NIGHTLY else found.schedule
    return {
        **body,
        "is_stale": found.stale,
        "last_parsed_time": _PARSED,
        "last_parse_duration": 0.02,
        "last_expired": None,
        "bundle_name": "dags-folder",
        "bundle_version": None,
        "relative_fileloc": f"{found.id}.py",
        "timetable_summary": found.schedule,
        "timetable_description": said or "Never, external triggers only",
        "timetable_partitioned": False,
        "timetable_periodic": bool(found.schedule),
        "tags": [{"name": tag, "dag_id": found.id, "dag_display_name": found.id} for tag in found.tags],
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
        "next_dagrun_logical_date": following,
        "next_dagrun_data_interval_start": following,
        "next_dagrun_data_interval_end": following,
        "next_dagrun_run_after": following,
        "allowed_run_types": None,
        "is_backfillable": bool(found.schedule),
    }


def details(found: Dag, api: Api, runs: Sequence[Run]) -> JsonObject:
    """`runs` are all runs there are."""
    params: JsonObject = {
        name: {**param, **({"__class": "airflow.models.param.Param"} if api == "v1" else {"source": None})}
        for name, param in found.params.items()
    }
    body: JsonObject = {
        **dag(found, api),
        "params": params,
        "doc_md": None,
        "catchup": False,
        "timezone": "UTC",
    }
    if api == "v1":
        return body
    return {
        **body,
        "dag_run_timeout": None,
        "asset_expression": None,
        "start_date": None,
        "end_date": None,
        "is_paused_upon_creation": None,
        "render_template_as_native_obj": False,
        "template_search_path": None,
        "last_parsed": _PARSED,
        "default_args": {},
        "rerun_with_latest_version": None,
        "owner_links": {},
        "is_favorite": False,
        "active_runs_count": sum(run.dag is found and run.state == "running" for run in runs),
        "concurrency": 16,
        "latest_dag_version": _version(found),
    }


def _version(found: Dag) -> JsonObject:
    return {
        "id": ident(found.id),
        "version_number": 1,
        "dag_id": found.id,
        "bundle_name": "dags-folder",
        "bundle_version": None,
        "created_at": _PARSED,
        "dag_display_name": found.id,
        "bundle_url": None,
    }


def tasks(found: Dag, api: Api) -> JsonValue:
    rows: list[JsonValue] = [_task(task, api) for task in sorted(found.tasks, key=lambda task: task.id)]
    return {"tasks": rows, "total_entries": len(rows)}


def _task(task: Task, api: Api) -> JsonObject:
    body: JsonObject = {
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
    if api == "v1":
        return body
    return {
        **body,
        "owner": "airflow",
        "start_date": None,
        "end_date": None,
        "depends_on_past": False,
        "wait_for_downstream": False,
        "pool_slots": 1.0,
        "execution_timeout": None,
        "retry_exponential_backoff": 0.0,
        "priority_weight": 1.0,
        "weight_rule": "downstream",
        "ui_color": "#ffefeb",
        "ui_fgcolor": "#000",
        "template_fields": ["templates_dict", "op_args", "op_kwargs"],
        "extra_links": [],
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
    return {
        **body,
        "queued_at": found.queued,
        "duration": _seconds(found.started, found.ended),
        "data_interval_start": found.logical_date,
        "data_interval_end": found.logical_date,
        "run_after": found.run_after,
        "last_scheduling_decision": found.started and (found.ended or found.started),
        "triggered_by": "rest_api",
        "triggering_user_name": USERNAME,
        "dag_versions": [_version(found.dag)],
        "bundle_version": None,
        "dag_display_name": found.dag.id,
        "partition_key": None,
        "partition_date": None,
    }


def instance(of: Run, found: Instance, api: Api) -> JsonObject:
    body: JsonObject = {
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
    if api == "v1":
        return body
    began = bool(found.logs)
    rendered: JsonObject = {"templates_dict": None, "op_args": [], "op_kwargs": {}}
    return {
        **body,
        "id": found.id,
        "logical_date": of.logical_date,
        "run_after": of.run_after,
        "duration": _seconds(found.started, found.ended),
        "task_display_name": found.task.id,
        "dag_display_name": of.dag.id,
        "hostname": "sandbox" if began else "",
        "unixname": "airflow",
        "pool_slots": 1,
        "queue": "default",
        "priority_weight": 1,
        "operator": "_PythonDecoratedOperator",
        "queued_when": found.queued,
        "scheduled_when": found.queued,
        "pid": 4711 if began else None,
        "executor": None,
        "executor_config": "{}",
        "note": None,
        "rendered_map_index": str(found.index) if found.index >= 0 else None,
        "rendered_fields": rendered if began else {},
        "trigger": None,
        "triggerer_job": None,
        "dag_version": _version(of.dag),
    }


def tries(of: Run, found: Instance, api: Api) -> JsonValue:
    """Every try of one task. One that is to be repeated stands among the past ones only."""
    live = [] if found.state == "up_for_retry" else [found]
    past = [*found.past, *([] if live else [replace(found, state="failed")])]
    rows: list[JsonValue] = [
        {name: value for name, value in instance(of, each, api).items() if name not in _LIVE_ONLY}
        for each in (*past, *live)
    ]
    return {"task_instances": rows, "total_entries": len(rows)}


def xcom(of: Run, found: Instance, value: JsonValue, api: Api) -> JsonObject:
    body: JsonObject = {
        "key": "return_value",
        "task_id": found.task.id,
        "map_index": found.index,
        "value": value,
    }
    if api == "v1":
        return body
    return {
        **body,
        "timestamp": found.ended,
        "logical_date": of.logical_date,
        "dag_id": of.dag.id,
        "run_id": of.id,
        "dag_display_name": of.dag.id,
        "task_display_name": found.task.id,
        "run_after": of.run_after,
    }


def _seconds(began: str | None, ended: str | None) -> float | None:
    if began is None or ended is None:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
