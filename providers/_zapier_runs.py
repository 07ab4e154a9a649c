"""Zap runs, found by a token that travelled in the payload.

`GET /v2/zap-runs` is tagged experimental; that `search` finds text of the payload is documented (OpenAPI "Partner API"
2024.11.0) and nobody has published a trial: an empty answer therefore means "not visible yet", never failure.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from providers import (
    BadJson,
    Execution,
    ExecutionState,
    Http,
    JsonObject,
    Match,
    RemoteFailure,
    Unavailable,
    now,
    read_json,
)
from providers._shape import moment, objects, short, text, whole
from providers._zapier_api import ZapierApi

FIELD = "batonKey"
"""The payload's own name for the token: `correlationToken` belongs to callbacks."""
_LAG = 120.0
"""Seconds in which a run that is not listed proves nothing: under load Zapier works minutes later."""
_STEPS = (5.0, 10.0, 20.0)
_SLOW = 30.0

_WORKING = {
    "pending": (ExecutionState.QUEUED, None),
    "scheduled": (ExecutionState.WAITING, "Zapier has scheduled the run for later."),
    "delayed": (ExecutionState.WAITING, "A delay step of the Zap is waiting."),
    "throttled": (ExecutionState.WAITING, "Zapier throttles the run because of the number of runs."),
    "held": (
        ExecutionState.WAITING,
        "Zapier holds the run until a person replays it there (flood protection).",
    ),
}
_STOPPED = {
    "halted": "Zapier halted the Zap: a step had nothing to go on with. This is not an error there.",
    "filtered": "A filter of the Zap did not let the data pass. This is not an error in Zapier.",
    "skipped": "Zapier skipped the run. This is not an error there.",
}


def prefix(key: str) -> str:
    """The part of the token that is the same for every try with `key`. Letters, digits and `-` only."""
    return f"bk-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def token(key: str) -> str:
    """A token for one start. The tail keeps a later try from finding the run of an earlier one."""
    return f"{prefix(key)}-{secrets.token_hex(6)}"


def first_wait() -> float:
    return _STEPS[0]


class ZapierRuns:
    def __init__(self, api: ZapierApi, http: Http, *, links: bool) -> None:
        self._api = api
        self._http = http
        self._links = links

    async def poll(self, execution: Execution) -> Execution:
        memo = execution.memo
        polls = (whole(memo.get("polls")) or 0) + 1
        known = execution.model_copy(
            update={
                "memo": {**memo, "polls": polls},
                "poll_after": _STEPS[polls] if polls < len(_STEPS) else _SLOW,
            }
        )
        since = moment(memo.get("since")) or execution.started_at or now()
        rows = await self._rows(text(memo.get("token")) or "", since)
        found = _chosen(rows, execution.id, whole(memo.get("zap")))
        if found is None:
            seen = "Zapier lists no run with our token yet. It takes calls also for Zaps that are off."
            return known.model_copy(update={"note": seen}) if execution.id is None else known
        return self._told(known, *found)

    async def find(self, ref: str, key: str, since: datetime, zap: int | None) -> Execution | None:
        """The latest run that carries a token of `key`. Raises Unavailable while an empty list proves nothing."""
        rows = await self._rows(prefix(key), since)
        if not rows:
            if (now() - since).total_seconds() < _LAG:
                raise Unavailable(
                    "Zapier lists runs late: whether one was started cannot be told yet",
                    code="timeout",
                    sent=False,
                )
            return None
        found = _chosen(rows[::-1], None, zap)
        assert found is not None
        memo: JsonObject = {"token": prefix(key), "since": _iso(since), "polls": 0, "zap": zap}
        blank = Execution(
            id=None,
            workflow_id=ref,
            state=ExecutionState.RUNNING,
            match="none",
            memo=memo,
            poll_after=_STEPS[0],
        )
        return self._told(blank, *found)

    async def _rows(self, search: str, since: datetime) -> list[tuple[JsonObject, bool]]:
        """Runs Zapier finds, oldest first, each with whether the token can be seen in it."""
        params = [("search", search), ("from_date", _iso(since - timedelta(minutes=1))), ("limit", "100")]
        rows = objects((await self._api.get("/v2/zap-runs", params)).get("data"))
        rows.sort(key=lambda row: text(row.get("start_time")) or "")
        found: list[tuple[JsonObject, bool]] = []
        for row in rows:
            shown = json.dumps([row.get("data_in"), row.get("data_out")])
            hidden = row.get("data_in") in (None, "", {})
            if text(row.get("id")) and (search in shown or hidden):
                found.append((row, search in shown))
        return found

    def _told(self, execution: Execution, row: JsonObject, exact: bool) -> Execution:
        status = (text(row.get("status")) or "").lower()
        run = text(row.get("id"))
        match: Match = "exact" if exact else "likely"
        ended = moment(row.get("end_time"))
        facts: dict[str, object] = {
            "id": run,
            "match": match,
            "url": f"https://zapier.com/app/history/{run}" if self._links else execution.url,
            "started_at": moment(row.get("start_time")) or execution.started_at,
            "note": None if exact else "Zapier found this run for our token, which its data does not show.",
        }
        output = _value(row.get("data_out"))
        if status in ("success", "error_handled"):
            facts |= {"state": ExecutionState.SUCCEEDED, "output": output, "finished_at": ended}
            if status == "error_handled":
                facts["warning"] = "A step of the Zap failed, and the Zap's own error handling went on."
        elif status == "error":
            facts |= {"state": ExecutionState.FAILED, "output": output, "finished_at": ended}
            facts["error"] = self._failure(row)
        elif status in _STOPPED:
            facts |= {"state": ExecutionState.CANCELLED, "note": _STOPPED[status], "finished_at": ended}
        else:
            plain = (
                None
                if status in ("", "running", "started")
                else f"Zapier reports the status {short(status, 40)!r}."
            )
            state, why = _WORKING.get(status, (ExecutionState.RUNNING, plain))
            facts |= {"state": state, "note": why or facts["note"]}
            return execution.model_copy(update=facts)
        return execution.model_copy(update={**facts, "poll_after": None})

    def _failure(self, row: JsonObject) -> RemoteFailure:
        """A row has no error text of its own that is documented; the failing step is the best there is."""
        steps = objects(row.get("steps"))
        where = next((f"step {n}" for n, s in enumerate(steps, 1) if s.get("status") == "error"), None)
        words = next((w for s in steps if (w := text(s.get("error")) or text(s.get("message")))), None)
        title = text(row.get("zap_title")) or "the Zap"
        plain = f"{title} ended with an error" + (f" at {where}" if where else "")
        message = self._http.redact(f"{plain}: {short(words, 1000)}" if words else f"{plain}.")
        return RemoteFailure(
            message=message, where=where, hint="Zapier's API does not tell the reason; its Zap history does."
        )


def _chosen(
    rows: list[tuple[JsonObject, bool]], run: str | None, zap: int | None
) -> tuple[JsonObject, bool] | None:
    """The run we know, else the first of our Zap (a Zap may hand our token to another), the visible token first."""
    if run is not None:
        return next((pair for pair in rows if text(pair[0].get("id")) == run), None)
    ours = [pair for pair in rows if zap is not None and whole(pair[0].get("zap_id")) == zap] or rows
    return next((pair for pair in ours if pair[1]), ours[0] if ours else None)


def _value(raw: JsonValue) -> JsonValue:
    """`data_out` comes as a value or as text that holds JSON."""
    if isinstance(raw, str) and raw.lstrip()[:1] in ("{", "["):
        try:
            return read_json(raw.encode())
        except (BadJson, UnicodeEncodeError):
            return raw
    return None if raw == "" else raw


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
