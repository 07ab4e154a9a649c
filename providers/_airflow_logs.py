"""Airflow's task logs, line by line: what the task itself said, without what Airflow says about running it.

v2 answers one JSON object per line (structured exceptions included); v1 answers text. Both observed: 3.3.2 and 2.11.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from pydantic import JsonValue

from providers._base import JsonObject, RemoteLog
from providers._shape import moment, obj, objects, text

Level = Literal["debug", "info", "warning", "error"]

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")
_LEVELS: dict[str, Level] = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "error",
    "fatal": "error",
}
_OURS_V2 = frozenset(
    {"timestamp", "event", "level", "logger", "filename", "lineno", "error_detail", "chan"}
    | {"task_id", "dag_id", "run_id", "ti_id", "try_number", "map_index", "logical_date", "exception", "loc"}
)
"""Keys of a line that say where it comes from; every other key is data the task logged."""

_V1_LINE = re.compile(r"^\[(?P<at>[^\]]+)\] \{(?P<source>[^}]+)\} (?P<level>[A-Z]+) - (?P<message>.*)$")
_V1_MACHINERY = (
    "local_task_job_runner.py",
    "standard_task_runner.py",
    "task_command.py",
    "taskinstance.py",
    "taskmixin.py",
    "dagbag.py",
    "python.py",
)
_ERROR_LINE = re.compile(
    r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Failure|Warning|Timeout|Skip\w*)?(: .*)?$"
)
_FRAMES = 5


def clean(said: str) -> str:
    """Without colour codes, control characters and bytes that were no text."""
    return _ANSI.sub("", said).replace("\ufffd", "").rstrip()


def structured(content: JsonValue, task: str, attempt: int) -> list[RemoteLog]:
    """The lines of a v2 answer's `content`."""
    lines: list[RemoteLog] = []
    for row in objects(content):
        level = _LEVELS.get((text(row.get("level")) or "info").lower(), "info")
        said = row.get("event")
        message = clean(said) if isinstance(said, str) else ""
        errors = objects(row.get("error_detail"))
        if not errors and _is_noise(row, message, level):
            continue
        data: JsonObject = {k: v for k, v in row.items() if k not in _OURS_V2}
        if errors:
            level = "error"
            data["exceptions"] = [_exception(error) for error in errors]
            message = _named(errors[0]) or message
        lines.append(
            RemoteLog(
                at=moment(row.get("timestamp")),
                level=level,
                task=task,
                attempt=attempt,
                message=message or "(empty line)",
                data=data or None,
            )
        )
    return in_time(lines)


def _is_noise(row: JsonObject, message: str, level: Level) -> bool:
    if not message or message.startswith(("::group::", "::endgroup::")):
        return True
    logger = text(row.get("logger"))
    if row.get("timestamp") is None and logger is None:
        # The preamble: host and path of the log file on the server. Other lines without a time are the task's.
        return "attempt=" in message or message.startswith(("Found ", "*** "))
    machinery = logger == "task" or (logger or "").startswith("airflow.")
    return machinery and level in ("debug", "info")


def _exception(error: JsonObject) -> JsonObject:
    frames: list[JsonValue] = [
        {
            # The folder of a server path says nothing to our users; the file and its folder do.
            "file": "/".join(PurePosixPath(text(frame.get("filename")) or "?").parts[-2:]),
            "line": frame.get("lineno"),
            "function": frame.get("name"),
        }
        for frame in objects(error.get("frames"))[-_FRAMES:]
    ]
    found: JsonObject = {"type": error.get("exc_type"), "value": error.get("exc_value"), "frames": frames}
    if notes := error.get("exc_notes"):
        found["notes"] = notes
    if error.get("is_cause"):
        found["isCause"] = True
    return found


def _named(error: JsonObject) -> str:
    kind, value = text(error.get("exc_type")), error.get("exc_value")
    said = clean(value) if isinstance(value, str) else ""
    return ": ".join(part for part in (kind, said) if part)


def plain(log: str, task: str, attempt: int) -> list[RemoteLog]:
    """The lines of a v1 text answer. Lines that continue one, as tracebacks do, become part of it."""
    entries: list[tuple[re.Match[str] | None, list[str]]] = []
    for raw in log.splitlines():
        line = clean(raw)
        if match := _V1_LINE.match(line):
            entries.append((match, []))
        elif entries and line:
            entries[-1][1].append(line)
        elif line.startswith("*** Could not read"):
            entries.append((None, [line.removeprefix("*** ")]))
    lines: list[RemoteLog] = []
    for match, more in entries:
        more = [
            line for line in more if not line.lstrip().startswith(("::group::", "::endgroup::", "INFO - ::"))
        ]
        if match is None:
            lines.append(RemoteLog(level="warning", task=task, attempt=attempt, message=more[0]))
            continue
        level = _LEVELS.get(match["level"].lower(), "info")
        message = match["message"].strip()
        machinery = match["source"].split(":")[0] in _V1_MACHINERY and level in ("debug", "info")
        if machinery or message.startswith(("::group::", "::endgroup::")) or not (message or more):
            continue
        data: JsonObject | None = None
        if any(line.startswith("Traceback (most recent call last)") for line in more):
            raised = next((line for line in reversed(more) if _ERROR_LINE.match(line)), None)
            message = raised or message
            data = {"traceback": "\n".join(more)}
        elif more:
            message = "\n".join([message, *more]).strip()
        lines.append(
            RemoteLog(
                at=_v1_time(match["at"]), level=level, task=task, attempt=attempt, message=message, data=data
            )
        )
    return in_time(lines)


def _v1_time(said: str) -> datetime | None:
    # "2026-11-20T22:44:59.480+0000": the zone without a colon is not ISO 8601 to every reader.
    return moment(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", said.replace(", ", "T").replace(" ", "T")))


def in_time(lines: Iterable[RemoteLog]) -> list[RemoteLog]:
    """By time where lines have one; Airflow sends them as they arrived. A line without a time stays behind its neighbour."""
    placed: list[tuple[float, int, RemoteLog]] = []
    last = float("-inf")
    for index, line in enumerate(lines):
        last = line.at.timestamp() if line.at else last
        placed.append((last, index, line))
    return [line for _, _, line in sorted(placed, key=lambda entry: entry[:2])]


def last_error(lines: Iterable[RemoteLog]) -> str | None:
    """What a failed try said last: the exception it died of, else its last error line, else its last line at all."""
    said = list(lines)
    died = [line for line in said if line.data is not None and line.data.keys() & {"exceptions", "traceback"}]
    chosen = died or [line for line in said if line.level == "error"] or said
    return chosen[-1].message if chosen else None


def content(body: JsonValue) -> JsonValue:
    """The `content` of a v2 answer; 3.0 and 3.1 may give text where nothing is structured."""
    said = obj(body).get("content")
    if isinstance(said, str):
        return [{"event": line} for line in said.splitlines()]
    return said


def scrubbed(value: JsonValue, redact: Callable[[str], str]) -> JsonValue:
    """The same value with every text in it redacted: tasks print their conf, and with it whatever it holds."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: scrubbed(item, redact) for name, item in value.items()}
    return [scrubbed(item, redact) for item in value] if isinstance(value, list) else value
