"""A DAG in our words: as an entry of the list, and as the graph of a preview."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import JsonValue

from providers._airflow_api import Dialect
from providers._base import JsonObject, Preview, PreviewEdge, PreviewNode, RemoteWorkflow, Trigger, now
from providers._shape import digest, obj, objects, text, whole


def workflow(dag: JsonObject, dialect: Dialect, site: str) -> RemoteWorkflow:
    """A DAG of the list or of /details. Paused ones are executable: Airflow takes the run and keeps it in its queue."""
    ident = text(dag.get("dag_id")) or ""
    gone = dag.get("is_stale") is True or dag.get("is_active") is False
    reason = None
    if gone:
        reason = "Its file has vanished from Airflow or no longer imports, so Airflow refuses to start it."
    file = text(dag.get("relative_fileloc"))
    folder = str(PurePosixPath(file).parent) if file else "."
    return RemoteWorkflow(
        id=ident,
        name=text(dag.get("dag_display_name")) or ident,
        active=dag.get("is_paused") is not True and not gone,
        executable=not gone,
        reason=reason,
        trigger=Trigger(kind=_trigger(dag)),
        tags=tuple(sorted(name for tag in objects(dag.get("tags")) if (name := text(tag.get("name"))))),
        folder=None if folder == "." else folder,
        url=dialect.page(site, ident),
    )


def _trigger(dag: JsonObject) -> str:
    summary = text(dag.get("timetable_summary"))
    interval = obj(dag.get("schedule_interval"))
    if summary in ("Asset", "Dataset") or dag.get("asset_expression"):
        return "event"
    return "schedule" if summary or text(interval.get("value")) or interval.get("__type") else "api"


def preview(details: JsonObject, tasks: list[JsonObject], dialect: Dialect, site: str) -> Preview:
    """Task order inside the lists is arbitrary in Airflow, so both lists are sorted; positions are ours to find."""
    by_id = {ident: task for task in tasks if (ident := text(task.get("task_id")))}
    nodes: list[PreviewNode] = []
    edges: list[PreviewEdge] = []
    for ident in sorted(by_id):
        task = by_id[ident]
        retries = int(number) if isinstance(number := task.get("retries"), int | float) else 0
        tried = f" (up to {retries} retr{'y' if retries == 1 else 'ies'})" if retries else ""
        mapped = " ×n" if task.get("is_mapped") else ""
        nodes.append(
            PreviewNode(
                id=ident,
                label=f"{text(task.get('task_display_name')) or ident}{mapped}{tried}",
                type=text(task.get("operator_name"))
                or text(obj(task.get("class_ref")).get("class_name"))
                or "task",
                app=_package(text(obj(task.get("class_ref")).get("module_path")) or ""),
            )
        )
        for target in downstream(task):
            if target in by_id:
                rule = text(by_id[target].get("trigger_rule"))
                label = None if rule in (None, "all_success") else rule
                edges.append(PreviewEdge(source=ident, target=target, label=label))
    params = obj(details.get("params"))
    facts: list[JsonValue] = [_facts(by_id[ident]) for ident in sorted(by_id)]
    return Preview(
        workflow=workflow(details, dialect, site),
        nodes=tuple(nodes),
        edges=tuple(edges),
        inputs=inputs(params),
        outputs=None,
        fingerprint=digest([facts, params, details.get("max_active_runs")]),
        fetched_at=now(),
    )


def downstream(task: JsonObject) -> list[str]:
    ids = task.get("downstream_task_ids")
    return sorted(found for item in ids if (found := text(item))) if isinstance(ids, list) else []


def leaves(tasks: list[JsonObject]) -> list[str]:
    """The tasks nothing follows: their values are the result of a run."""
    return sorted(ident for task in tasks if (ident := text(task.get("task_id"))) and not downstream(task))


def inputs(params: JsonObject) -> JsonObject | None:
    """The DAG's trigger form as JSON Schema; None where it declares no params and so takes any object."""
    if not params:
        return None
    properties: JsonObject = {}
    required: list[JsonValue] = []
    for name, raw in params.items():
        param = obj(raw)
        field: JsonObject = dict(obj(param.get("schema")))
        field.setdefault("title", name)
        if said := text(param.get("description")):
            field.setdefault("description", said)
        kinds = field.get("type")
        nullable = kinds is None or kinds == "null" or (isinstance(kinds, list) and "null" in kinds)
        if param.get("value") is not None or nullable:
            field["default"] = param.get("value")
        else:
            required.append(name)  # the declared default does not fit the declared type
        properties[name] = field
    return {"type": "object", "properties": properties, "required": required}


def _facts(task: JsonObject) -> JsonObject:
    kept = (
        "task_id",
        "operator_name",
        "class_ref",
        "trigger_rule",
        "retries",
        "retry_delay",
        "is_mapped",
        "pool",
        "queue",
        "params",
    )
    after: list[JsonValue] = [*downstream(task)]
    return {**{name: task.get(name) for name in kept}, "downstream": after}


def _package(module: str) -> str | None:
    """`airflow.providers.http.operators.http` is the package `http`; Airflow's own operators have none."""
    parts = module.split(".")
    if parts[:2] == ["airflow", "providers"] and len(parts) > 2 and parts[2] != "standard":
        return parts[2]
    return None


def at_once(dag: JsonObject) -> int | None:
    """How many runs of the DAG may be running at the same time."""
    return whole(dag.get("max_active_runs"))
