"""What the sandbox Airflow takes and refuses: both APIs' error formats, pages, orders and triggers, and v1's log."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from providers._base import JsonObject
from providers.sandbox._airflow_dags import Dag
from providers.sandbox._airflow_shapes import Api
from providers.sandbox._asgi import Ask, Reply

_ORDERS = {
    ("v2", "dags"): "dag_id dag_display_name next_dagrun last_run_state last_run_start_date",
    (
        "v2",
        "dag_runs",
    ): "id dag_id run_id dag_run_id logical_date run_after start_date end_date updated_at conf state duration",
    ("v2", "task_instances"): "id state start_date map_index",
    ("v1", "dags"): "dag_id",
    ("v1", "dag_runs"): "execution_date start_date end_date",
    ("v1", "task_instances"): "",
}
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")
_RESERVED = ("scheduled", "backfill", "asset_triggered", "asset_materialization", "operator_triggered")
_RUN_ID_SAID = (
    "'^[A-Za-z0-9_.~:+-]+$' or "
    r"'^(?:manual|scheduled|asset_triggered)__(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00)$'"
)
SETTABLE = ("queued", "success", "failed")
_STATES_SAID = "'queued', 'success' or 'failed'"
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
        "message": "Serious error when handling your request. Check logs for more details - "
        "you will find it in api server when you look for ID sAnDbOx1",
    }


def page(key: str, rows: Sequence[JsonObject], ask: Ask, api: Api, *, cursors: bool = False) -> JsonValue:
    """`limit` is silently capped at 100; its default is 50 in v2 and 100 in v1. `cursors`: an answer that could also be
    walked by cursors, as of 3.3. Raises Refused."""
    order = (ask.first("order_by") or "").removeprefix("-")
    if order and order not in _ORDERS[api, key].split():
        raise Refused(
            400, f"Ordering with '{order}' is disallowed or the attribute does not exist on the model"
        )
    problems: list[JsonValue] = [
        wrong for name in ("limit", "offset") if (wrong := _uncounted(name, ask.first(name)))
    ]
    if problems:
        raise Refused(422 if api == "v2" else 400, problems)
    limit = int(ask.first("limit") or (50 if api == "v2" else 100))
    offset = int(ask.first("offset") or 0)
    body: JsonObject = {key: list(rows[offset : offset + min(limit, 100)]), "total_entries": len(rows)}
    return body | (
        {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None} if cursors else {}
    )


def _uncounted(name: str, given: str | None) -> JsonValue:
    if not given or given.isdigit():
        return None
    where: JsonObject = {"loc": ["query", name], "input": given}
    if not given.removeprefix("-").isdigit():
        words = "Input should be a valid integer, unable to parse string as an integer"
        return {"type": "int_parsing", "msg": words, **where}
    words = "Input should be greater than or equal to 0"
    return {"type": "greater_than_equal", "msg": words, "ctx": {"ge": 0}, **where}


class LoginBody(BaseModel):
    """Named as Airflow names it, because the refusal says the name."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


def read_login(given: JsonValue) -> LoginBody:
    """Raises Refused: unlike elsewhere the detail is one text, and it repeats what was sent."""
    try:
        return LoginBody.model_validate(given)
    except ValidationError as error:
        raise Refused(422, str(error)) from None


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


def read_trigger(body: JsonValue, api: Api) -> Trigger:
    """The body of a trigger; whether its conf fits the DAG says `conf_for`. Raises Refused as each API does."""
    required = ("logical_date",) if api == "v2" else ()
    allowed = {"dag_run_id", "conf", "logical_date", "note"}
    given = read_body(body, api, required, allowed | {"run_after" if api == "v2" else "execution_date"})
    if api == "v1" and "logical_date" in given and given["logical_date"] is None:
        raise Refused(400, "Incorrect datetime argument")
    conf, run_id = given.get("conf"), given.get("dag_run_id")
    note, logical, after = given.get("note"), given.get("logical_date"), given.get("run_after")
    return Trigger(
        run_id=run_id if isinstance(run_id, str) and run_id else None,
        conf=conf if isinstance(conf, dict) else {},
        note=note if isinstance(note, str) else None,
        logical_date=logical if isinstance(logical, str) else None,
        run_after=after if isinstance(after, str) else None,
    )


def read_body(body: JsonValue, api: Api, required: Sequence[str], allowed: Set[str]) -> JsonObject:
    """An object with these names and no others; a `conf` in it is an object, a `state` one that may be set.

    Raises Refused: v2 lists every problem and repeats the input, so whoever logs the answer logs that too.
    """
    if not isinstance(body, dict):
        words = "Input should be a valid dictionary or object to extract fields from"
        what: JsonObject = {"type": "model_attributes_type", "loc": ["body"], "msg": words, "input": body}
        raise Refused(422 if api == "v2" else 400, [what])
    found: list[tuple[str, str, str, JsonValue]] = [
        ("missing", name, "Field required", body) for name in required if name not in body
    ]
    if not isinstance(run_id := body.get("dag_run_id"), str | None):
        found.append(("string_type", "dag_run_id", "Input should be a valid string", run_id))
    if not isinstance(conf := body.get("conf"), dict | None):
        found.append(("dict_type", "conf", "Input should be a valid dictionary", conf))
    if (state := body.get("state")) not in (None, *SETTABLE):
        found.append(("enum", "state", f"Input should be {_STATES_SAID}", state))
    found += [
        ("extra_forbidden", name, "Extra inputs are not permitted", body[name])
        for name in body.keys() - allowed
    ]
    if found and api == "v1":
        _, name, said, _ = found[0]
        raise Refused(400, f"{said} - '{name}'")
    if found:
        context: dict[str, JsonObject] = {"enum": {"ctx": {"expected": _STATES_SAID}}}
        raise Refused(
            422,
            [
                {"type": kind, "loc": ["body", name], "msg": said, "input": value, **context.get(kind, {})}
                for kind, name, said, value in found
            ],
        )
    return body


def conf_for(found: Dag, wanted: Trigger) -> JsonObject:
    """The conf with the DAG's defaults. Raises Refused for an id or a conf that Airflow does not take."""
    if (run_id := wanted.run_id) is not None:
        if not _RUN_ID.fullmatch(run_id):
            raise Refused(400, f"The run_id provided '{run_id}' does not match regex pattern {_RUN_ID_SAID}")
        if (kind := run_id.partition("__")[0]) in _RESERVED and "__" in run_id:
            words = f"A manual DAG run cannot use ID '{run_id}' since it is reserved for {kind} runs"
            raise Refused(400, words)
    conf = {**{name: param["value"] for name, param in found.params.items()}, **wanted.conf}
    for name, param in found.params.items():
        schema: Any = param["schema"]
        if unfit := _unfit(conf[name], schema):
            keyword, said = unfit
            raise Refused(
                400,
                f"Invalid input for param {name}: {said}\n\nFailed validating '{keyword}' in schema:\n"
                f"    {schema}\n\nOn instance:\n    {conf[name]!r}",
            )
    return conf


def _unfit(value: JsonValue, schema: dict[str, Any]) -> tuple[str, str] | None:
    """The keyword of the schema that `value` breaks, and Airflow's words for it."""
    kinds = schema.get("type")
    names: list[str] = [kinds] if isinstance(kinds, str) else list(kinds or [])
    if names and not any(isinstance(value, _TYPES[name]) for name in names):
        return "type", f"{value!r} is not of type {', '.join(map(repr, names))}"
    if "enum" in schema and value not in schema["enum"]:
        return "enum", f"{value!r} is not one of {schema['enum']}"
    if isinstance(value, int | float):
        if value > schema.get("maximum", value):
            return "maximum", f"{value} is greater than the maximum of {schema['maximum']}"
        if value < schema.get("minimum", value):
            return "minimum", f"{value} is less than the minimum of {schema['minimum']}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return "minLength", f"{value!r} is too short"
    return None
