"""Writing history: append-only, gap-free per run, numbered under the run row's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.model import RunState

Level = Literal["debug", "info", "warning", "error"]
MESSAGE_LIMIT = 4096


@dataclass(frozen=True)
class Entry:
    """One line to be written. `kind` "log" is a plain line; others are events that screens act on."""

    kind: str
    message: str
    node_id: str | None = None
    level: Level = "info"
    source: str = "baton"
    data: JsonValue = None
    at: datetime | None = None


@dataclass(frozen=True)
class RunChange:
    """What a transaction does to the run row besides numbering its lines. A final `state` closes the run."""

    state: RunState | None = None
    output: JsonValue = None
    error: JsonValue = None


# Two common table expressions, to be put in front of any statement of a transaction that writes history.
_APPENDING = """
    told AS (
        UPDATE run SET event_seq = event_seq + :count, updated_at = clock_timestamp(),
            state = coalesce(:run_state, state), output = coalesce(:run_output, output), error = coalesce(:run_error, error),
            started_at = CASE WHEN :run_state IN ('RUNNING', 'WAITING', 'COMPLETED')
                THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
            finished_at = CASE WHEN :run_state IN ('COMPLETED', 'FAILED', 'CANCELLED')
                THEN coalesce(finished_at, clock_timestamp()) ELSE finished_at END
        WHERE id = :run_id AND {condition} RETURNING event_seq
    ), lines AS (
        INSERT INTO run_event (run_id, seq, kind, level, node_id, source, message, data)
        SELECT :run_id, told.event_seq - :count + l.n, l.kind, l.level, l.node_id, l.source, l.message, l.data
        FROM told, jsonb_to_recordset(:lines) AS
            l(n int, kind text, level text, node_id text, source text, message text, data jsonb)
    )
"""


def appending(condition: str = "true") -> str:
    """The common table expressions `told` and `lines`: they number and write lines and change the run row, if `condition`."""
    return _APPENDING.format(condition=condition)


APPEND_TYPES = (
    bindparam("run_id", type_=PgUuid()),
    bindparam("lines", type_=JSONB()),
    bindparam("run_output", type_=JSONB(none_as_null=True)),
    bindparam("run_error", type_=JSONB(none_as_null=True)),
)
_APPEND = text(f"WITH {appending()} SELECT event_seq FROM told").bindparams(*APPEND_TYPES)


def append_values(run_id: UUID, entries: Sequence[Entry], change: RunChange | None = None) -> dict[str, Any]:
    """The parameters of `appending`."""
    change = change or RunChange()
    return {
        "run_id": run_id,
        "count": len(entries),
        "lines": line_rows(entries),
        "run_state": change.state,
        "run_output": change.output,
        "run_error": change.error,
    }


async def append(
    connection: AsyncConnection, run_id: UUID, entries: Sequence[Entry], change: RunChange | None = None
) -> int:
    """Number and write `entries` and change the run row, which this locks. Returns the last number."""
    return (await connection.execute(_APPEND, append_values(run_id, entries, change))).scalar_one()


def line_rows(entries: Sequence[Entry]) -> list[dict[str, JsonValue]]:
    """The lines as the statements take them, numbered from 1."""
    return [_row(number, e) for number, e in enumerate(entries, start=1)]


def _row(number: int, entry: Entry) -> dict[str, JsonValue]:
    data = entry.data
    if entry.at is not None:
        known = data if isinstance(data, dict) else {} if data is None else {"value": data}
        data = {**known, "at": entry.at.isoformat()}
    return {
        "n": number,
        "kind": entry.kind,
        "level": entry.level,
        "node_id": entry.node_id,
        "source": entry.source,
        "message": _plain(entry.message),
        "data": data,
    }


def _plain(message: str) -> str:
    """One line's text as Postgres can hold it, cut to 4 KiB."""
    kept = message.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return kept if len(kept) <= MESSAGE_LIMIT else kept[:MESSAGE_LIMIT] + "…"
