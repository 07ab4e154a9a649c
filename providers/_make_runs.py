"""Starting, following and finding Make executions.

`/run` is exempt from the organization's request limit; every poll counts against it, hence the slow schedule.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import JsonValue

from providers import (
    BadResponse,
    Execution,
    ExecutionState,
    Http,
    JsonObject,
    ProviderError,
    Rejected,
    RemoteFailure,
    RemoteNotFound,
    StartOptions,
    Unavailable,
    now,
)
from providers._make_wire import MakeApi, hook_failure
from providers._shape import headers, moment, nothing_started, obj, objects, query, short, text, whole

LAG = 60.0
"""Seconds in which an execution Make has accepted may still be answered 404 (Make's own tests retry it that way)."""
_STEPS = (2.0, 3.0, 5.0, 8.0, 13.0)
_SLOW = 30.0
_SKEW = 1.0
"""Seconds their clock may be behind ours when runs are found by time. More would reach runs that came before."""
_HOOK_NOTE = "Make's hook gives no execution id; the run is looked for in the scenario's history by time."


class MakeRuns:
    def __init__(self, api: MakeApi, http: Http) -> None:
        self._api = api
        self._http = http

    def link(self, scenario: JsonObject, execution_id: str | None = None) -> str | None:
        ref, team = text(scenario.get("id")), text(scenario.get("teamId"))
        if ref is None or team is None:
            return None
        page = f"logs/{execution_id}" if execution_id else "edit"
        return f"{self._api.site}/{team}/scenarios/{ref}/{page}"

    async def hook(self, number: int) -> JsonObject:
        """The hook; its address is a credential and hidden from here on."""
        hook = obj((await self._api.get(f"/hooks/{number}")).get("hook"))
        if url := text(hook.get("url")):
            self._http.hide(url)
            self._http.hide(url.rstrip("/").rpartition("/")[2])
        return hook

    # ------------------------------------------------------------ starting

    async def run(
        self,
        ref: str,
        scenario: JsonObject,
        interface: JsonObject | None,
        payload: JsonValue,
        *,
        key: str,
        options: StartOptions,
    ) -> Execution:
        """POST /run once, without waiting for the end: a wait that runs out would leave a run nobody knows."""
        declared = interface is None or isinstance(interface.get("input"), list)
        notes: list[str] = []
        body: JsonObject = {"responsive": False}
        if payload not in (None, {}) and not declared:
            notes.append("The scenario declares no inputs: Make ignores what was sent.")
        if isinstance(payload, dict):
            if payload:
                body["data"] = payload
            if interface is not None and declared:
                names = {text(field.get("name")) for field in objects(interface.get("input"))}
                if unknown := [name for name in payload if name not in names]:
                    notes.append(f"Not among the scenario's inputs: {short(', '.join(unknown), 200)}.")
        elif payload is not None and declared:
            raise Rejected("a Make scenario takes its inputs as an object", sent=False)
        began = now()
        extra = headers({"X-Baton-Key": key, "Idempotency-Key": key}, options.headers)
        answer = await self._api.start(f"/scenarios/{ref}/run", body, extra, options.timeout)
        found = text((answer or {}).get("executionId"))
        if found is None:
            notes.append(
                "Make accepted the run without a usable id; it is looked for in the history by time."
            )
        return self._started(ref, scenario, began, found, " ".join(notes) or None, via="run")

    async def call_hook(
        self,
        ref: str,
        scenario: JsonObject,
        hook: JsonObject,
        payload: JsonValue,
        *,
        key: str,
        options: StartOptions,
    ) -> Execution:
        with nothing_started():
            url = text(hook.get("url"))
            if url is None:
                raise RemoteNotFound("Make does not show the address of this scenario's webhook")
        sent = headers({"X-Baton-Key": key, "Idempotency-Key": key}, options.headers)
        method = (options.method or "POST").upper()
        began = now()
        if method in ("GET", "HEAD"):
            answer = await self._http.call(
                method, url, params=query(payload), headers=sent, timeout=options.timeout
            )
        else:
            body: JsonValue = {} if payload is None else payload
            answer = await self._http.call(method, url, json=body, headers=sent, timeout=options.timeout)
        if not answer.ok:
            raise hook_failure(answer, self._http)
        execution = self._started(ref, scenario, began, None, _HOOK_NOTE, via="hook")
        if answer.text.strip() in ("", "Accepted"):
            return execution
        try:
            output = answer.json()
        except BadResponse:
            output = answer.text
        note = f"The output is what the scenario's Webhook response module answered. {_HOOK_NOTE}"
        return execution.model_copy(
            update={"output": output, "note": note, "memo": {**execution.memo, "note": note}}
        )

    def _started(
        self,
        ref: str,
        scenario: JsonObject,
        began: datetime,
        found: str | None,
        note: str | None,
        *,
        via: str,
    ) -> Execution:
        return Execution(
            id=found,
            workflow_id=ref,
            state=ExecutionState.RUNNING,
            match="exact" if found else "none",
            url=self.link(scenario, found),
            note=note,
            started_at=began,
            poll_after=_STEPS[0],
            memo={"via": via, "since": _ms(began), "team": scenario.get("teamId"), "polls": 0, "note": note},
        )

    # ------------------------------------------------------------ following

    async def poll(self, execution: Execution) -> Execution:
        if execution.state.final:
            return execution
        polls = whole(execution.memo.get("polls")) or 0
        known = execution.model_copy(
            update={
                "memo": {**execution.memo, "polls": polls + 1},
                "note": text(execution.memo.get("note")),
                "poll_after": _STEPS[polls + 1] if polls + 1 < len(_STEPS) else _SLOW,
            }
        )
        if known.id is None:
            since = whole(known.memo.get("since")) or _ms(known.started_at or now())
            rows = await self._rows(known.workflow_id, since, instant=known.memo.get("via") == "hook")
            if not rows:
                return _noted(known, "Make has accepted the call; its run does not show there yet.")
            known = self._adopt(known, rows)
        return await self._told(known)

    async def _told(self, execution: Execution) -> Execution:
        """`execution`, which has an id, with what the platform tells of it."""
        try:
            detail = await self._api.get(f"/scenarios/{execution.workflow_id}/executions/{execution.id}")
        except RemoteNotFound:
            return await self._unseen(execution)
        status = text(detail.get("status")) or ""
        outputs = detail.get("outputs")
        output = execution.output if outputs in (None, {}) and execution.output is not None else outputs
        error = obj(detail.get("error"))
        return await self._ended(execution, status.upper(), output, error)

    async def _unseen(self, execution: Execution) -> Execution:
        age = now().timestamp() - (whole(execution.memo.get("since")) or 0) / 1000
        if execution.match == "exact" and age < LAG:
            return execution.model_copy(
                update={"note": "Make has accepted the run and does not show it yet."}
            )
        try:
            row = obj(
                (await self._api.get(f"/scenarios/{execution.workflow_id}/logs/{execution.id}")).get(
                    "scenarioLog"
                )
            )
        except RemoteNotFound:
            if age < LAG:
                return execution
            lost = RemoteFailure(
                message=f"Make accepted the run and does not show it after {LAG:g} s; how it ended is not known.",
                code="lost",
                hint="Look at the scenario's history in Make before running it again.",
            )
            return execution.model_copy(
                update={"state": ExecutionState.FAILED, "error": lost, "poll_after": None}
            )
        status = {1: "SUCCESS", 2: "WARNING", 3: "ERROR"}.get(whole(row.get("status")) or 0, "RUNNING")
        return await self._ended(execution, status, execution.output, obj(row.get("error")))

    async def _ended(
        self, execution: Execution, status: str, output: JsonValue, error: JsonObject
    ) -> Execution:
        words = short(self._http.redact(text(error.get("message")) or text(error.get("name")) or ""), 2000)
        facts: dict[str, object] = {"output": output, "poll_after": None}
        if status == "SUCCESS":
            facts["state"] = ExecutionState.SUCCEEDED
        elif status == "WARNING":
            facts |= {
                "state": ExecutionState.SUCCEEDED,
                "warning": words or "Make reports a warning and does not say which.",
            }
        elif status == "ERROR":
            module = obj(error.get("causeModule"))
            where = (
                " / ".join(w for w in (text(module.get("appName")), text(module.get("name"))) if w) or None
            )
            hint = await self._switched_off(execution)
            failure = RemoteFailure(
                message=words or "Make reports an error and does not say which.", where=where, hint=hint
            )
            facts |= {"state": ExecutionState.FAILED, "error": failure}
        else:
            facts = {
                "note": None if status == "RUNNING" else f"Make reports the status {short(status, 40)!r}."
            }
        return execution.model_copy(update=facts)

    async def _switched_off(self, execution: Execution) -> str | None:
        """Make switches a webhook scenario off after its first error; the next start would wait in the queue unseen."""
        if execution.memo.get("via") != "hook":
            return None
        try:
            scenario = obj((await self._api.get(f"/scenarios/{execution.workflow_id}")).get("scenario"))
        except ProviderError:
            return None
        if scenario.get("isActive", scenario.get("islinked")) is not False:
            return None
        return "Make has switched the scenario off after this error. Repair it and switch it on again."

    # ------------------------------------------------------------ finding

    async def find(self, ref: str, scenario: JsonObject, since: datetime) -> Execution | None:
        rows = await self._rows(ref, _ms(since), instant=bool(scenario.get("hookId")))
        via = "hook" if scenario.get("hookId") else "run"
        if rows:
            return await self._told(
                self._adopt(self._started(ref, scenario, since, None, None, via=via), rows)
            )
        if (now() - since).total_seconds() < LAG:
            raise Unavailable(
                "Make shows runs some seconds late: whether one was started cannot be told yet",
                code="timeout",
                sent=False,
            )
        return None

    async def _rows(self, ref: str, since: int, *, instant: bool) -> list[JsonObject]:
        """Runs that began at or after `since` (ms), oldest first. Edits stand in the same list, without a status."""
        begin = since - int(_SKEW * 1000)
        params = [("from", str(begin)), ("pg[sortDir]", "asc"), ("pg[limit]", "100")]
        rows: list[tuple[datetime, JsonObject]] = []
        for row in objects((await self._api.get(f"/scenarios/{ref}/logs", params)).get("scenarioLogs")):
            at = moment(row.get("timestamp"))
            if (
                at is None
                or whole(row.get("status")) is None
                or text(row.get("id")) is None
                or _ms(at) < begin
            ):
                continue
            if not instant or row.get("instant") is not False:
                rows.append((at, row))
        return [row for _, row in sorted(rows, key=lambda pair: pair[0])]

    def _adopt(self, execution: Execution, rows: list[JsonObject]) -> Execution:
        found = text(rows[0].get("id"))
        scenario: JsonObject = {"id": execution.workflow_id, "teamId": execution.memo.get("team")}
        rest = (text(execution.memo.get("note")) or "").replace(_HOOK_NOTE, "").strip()
        among = f": the first of {len(rows)} runs since the call." if len(rows) > 1 else "."
        note = f"{rest} Found by time in the scenario's history{among}".strip()
        return execution.model_copy(
            update={
                "id": found,
                "match": "likely",
                "url": self.link(scenario, found),
                "note": note,
                "memo": {**execution.memo, "note": note},
            }
        )


def _ms(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)


def _noted(execution: Execution, words: str) -> Execution:
    """`words` of this poll alone, behind the note that stays."""
    return execution.model_copy(update={"note": " ".join(filter(None, (execution.note, words)))})
