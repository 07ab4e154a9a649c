"""The nodes an n8n execution went through, from the data it keeps of them.

Fact, observed on n8n 2.41: what is stored of an execution is its state at a wait and at its end, so one that runs tells
nothing yet. A node that loops has several runs; n8n does not tell the tries of "Retry on fail" apart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from providers import JsonObject, RemoteTask, TaskState
from providers._shape import number, obj, objects, text

_STATES = {
    "new": TaskState.QUEUED,
    "running": TaskState.RUNNING,
    "waiting": TaskState.WAITING,
    "success": TaskState.COMPLETED,
    "error": TaskState.FAILED,
    "crashed": TaskState.FAILED,
    "canceled": TaskState.CANCELLED,
}
_OPEN = (TaskState.QUEUED, TaskState.RUNNING, TaskState.WAITING)


def tasks(execution: JsonObject, redact: Callable[[str], str]) -> tuple[RemoteTask, ...]:
    """Of an execution read with its data."""
    runs = obj(obj(obj(execution.get("data")).get("resultData")).get("runData"))
    found: list[tuple[int, int, RemoteTask]] = []
    for name in runs:
        passes = objects(runs[name])
        for place, run in enumerate(passes, 1):
            label = redact(name) + (f" (pass {place})" if len(passes) > 1 else "")
            task = _task(label, run)
            found.append((number(run.get("startTime")), number(run.get("executionIndex")), task))
    return tuple(task for _, _, task in sorted(found, key=lambda entry: entry[:2]))


def _task(label: str, run: JsonObject) -> RemoteTask:
    raw = text(run.get("executionStatus"))
    state = _STATES.get(raw or "", TaskState.UNKNOWN)
    if raw is None:  # older servers say it by the error alone
        state = TaskState.FAILED if obj(run.get("error")) else TaskState.COMPLETED
    began = _moment(run.get("startTime"))
    spent = timedelta(milliseconds=number(run.get("executionTime")))
    return RemoteTask(
        id=label,
        label=label,
        state=state,
        raw=raw,
        started_at=began,
        finished_at=None if began is None or state in _OPEN else began + spent,
    )


def _moment(value: JsonValue) -> datetime | None:
    try:
        return datetime.fromtimestamp(number(value) / 1000, UTC) if number(value) else None
    except (ValueError, OverflowError, OSError):
        return None
