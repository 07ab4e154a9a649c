"""Following one n8n execution from whatever is known of it: its id, or only the mark our call carried.

The memo, plain JSON without secrets: `since` (n8n's clock), `began` (ours), `mark` (header and value of our call),
`other` (executions proven not ours), `polls`, `misses`, `seen`, `keepsSuccess`, `keepsErrors`, and, when the webhook's
answer is the result, `answer`, `problem`, `status`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from pydantic import JsonValue

from providers import (
    BadResponse,
    Execution,
    ExecutionState,
    Http,
    JsonObject,
    ProviderError,
    RemoteFailure,
    RemoteNotFound,
    Unauthorized,
    now,
)
from providers._n8n_api import CALL_HEADER, KEY_HEADER, Api
from providers._n8n_graph import Definition
from providers._n8n_result import STATES, clean, failure, output
from providers._shape import moment, number, obj, seq, text

_LOOK_FOR = timedelta(seconds=30)
_WINDOW = timedelta(seconds=15)
_SLACK = timedelta(seconds=2)
_UNSAVED = "n8n does not keep this workflow's successful executions, so its result cannot be read (workflow settings: Save successful production executions)."
_UNKNOWN = (
    "n8n took the call, but how it ended cannot be known: no execution that carries our mark can be read."
)
_HINT = " Let the workflow answer with its execution id, or have it call back."


class Tracker:
    def __init__(self, api: Api, http: Http, root: str) -> None:
        self._api = api
        self._http = http
        self._root = root

    def begin(self, definition: Definition, call: str | None, *, note: str | None = None) -> Execution:
        """What is known the moment before the starting request leaves. `call` is the value of its X-Baton-Call header."""
        moment_now = now()
        memo: JsonObject = {
            "since": (self._api.server_time(moment_now) - _SLACK).isoformat(),
            "began": moment_now.isoformat(),
            "keepsSuccess": definition.keeps_success,
            "keepsErrors": definition.keeps_errors,
        }
        if call:
            memo["mark"] = [CALL_HEADER, call]
        return Execution(
            id=None,
            workflow_id=definition.id,
            state=ExecutionState.RUNNING,
            match="none",
            note=note,
            poll_after=0.1,
            memo=memo,
        )

    def linked(self, execution: Execution, execution_id: str, match: str = "exact") -> Execution:
        url = f"{self._root}/workflow/{execution.workflow_id}/executions/{execution_id}"
        return execution.model_copy(update={"id": execution_id, "match": match, "url": url})

    async def link(self, execution: Execution, claimed: str | None) -> Execution:
        """Tie to the execution the answer names, if it is one of this workflow, else to the one that carries our mark."""
        if claimed:
            try:
                row = await self._api.execution(claimed)
                if text(row.get("workflowId")) == execution.workflow_id:
                    return await self._read(self.linked(execution, claimed), row)
            except RemoteNotFound:
                return self.linked(
                    execution, claimed
                )  # not saved: only its workflow can have known the number
        return await self._locate(execution)

    async def settle(self, execution: Execution) -> Execution:
        """Poll for a moment: an answer arrives some 25 ms before its execution is marked as ended."""
        for seconds in (0.03, 0.1, 0.25):
            if execution.state.final or execution.id is None:
                break
            await asyncio.sleep(seconds)
            execution = await self.poll(execution)
        return execution

    async def poll(self, execution: Execution) -> Execution:
        if execution.state.final:
            return execution
        polls = number(execution.memo.get("polls")) + 1
        execution = execution.model_copy(
            update={
                "memo": execution.memo | {"polls": polls},
                "poll_after": min(5.0, 0.1 * 2 ** min(polls, 6)),
            }
        )
        if execution.id is None:
            execution = await self._locate(execution)
            return execution if execution.id else self._unlinked(execution)
        try:
            row = await self._api.execution(execution.id)
        except RemoteNotFound:
            return self._gone(execution)
        return await self._read(execution, row)

    async def find(self, definition: Definition, key: str, since: datetime) -> Execution | None:
        """As `Finds.find`. Raises BadResponse where n8n's memory is too short to rule a start out."""
        begun = self.begin(definition, None)
        scan = await self._api.search(definition.id, self._api.server_time(since) - _SLACK, KEY_HEADER, key)
        if scan.row is not None and (found := text(scan.row.get("id"))):
            return await self._read(self.linked(begun, found), scan.row)
        if len(scan.unreadable) == 1 and (found := text(scan.unreadable[0].get("id"))):
            return await self._read(self.linked(begun, found, "likely"), scan.unreadable[0])
        if scan.unreadable or not definition.keeps_success:
            why = (
                "their data cannot be read" if scan.unreadable else "its successful executions are not saved"
            )
            raise BadResponse(
                f"n8n cannot tell whether this workflow was started: {why}", hint="Look in n8n."
            )
        return None

    def failed(self, execution: Execution, message: str, code: str = "remote-failed") -> Execution:
        error = RemoteFailure(message=self._http.redact(message), code=code)
        return execution.model_copy(
            update={"state": ExecutionState.FAILED, "error": error, "poll_after": None}
        )

    def succeeded(self, execution: Execution, value: JsonValue, warning: str | None = None) -> Execution:
        """Ended well; but a workflow whose own answer was an error status has failed, whatever its nodes say."""
        if problem := text(execution.memo.get("problem")):
            code = f"answered-{number(execution.memo.get('status'))}"
            return self.failed(execution.model_copy(update={"output": value}), problem, code)
        update = {"state": ExecutionState.SUCCEEDED, "output": value, "warning": warning, "poll_after": None}
        return execution.model_copy(update=update)

    async def _locate(self, execution: Execution) -> Execution:
        mark, since = seq(execution.memo.get("mark")), moment(execution.memo.get("since"))
        if len(mark) != 2 or since is None:
            return execution
        try:
            skip = frozenset(str(i) for i in seq(execution.memo.get("other")))
            scan = await self._api.search(execution.workflow_id, since, str(mark[0]), str(mark[1]), skip=skip)
        except (Unauthorized, BadResponse) as error:
            # Without the scope, or in a crowd, the link can never be made; the run must not fail for that.
            return execution.model_copy(update={"memo": execution.memo | {"blind": error.message}})
        if scan.row is not None and (found := text(scan.row.get("id"))):
            return await self._read(self.linked(execution, found), scan.row)
        near = [
            row for row in scan.unreadable if (at := moment(row.get("startedAt"))) and at < since + _WINDOW
        ]
        late = self._age(execution) > _LOOK_FOR / 2
        if late and len(near) == 1 and (found := text(near[0].get("id"))):
            return await self._read(self.linked(execution, found, "likely"), near[0])
        other: list[JsonValue] = [*sorted(scan.other)]
        return execution.model_copy(update={"memo": execution.memo | {"other": other}})

    def _age(self, execution: Execution) -> timedelta:
        began = moment(execution.memo.get("began"))
        return now() - began if began else _LOOK_FOR

    def _unlinked(self, execution: Execution) -> Execution:
        blind = text(execution.memo.get("blind"))
        if blind is None and self._age(execution) < _LOOK_FOR:
            return execution
        warning = self._http.redact(f"{_UNKNOWN}{f' ({blind})' if blind else ''}{_HINT}")
        return execution.model_copy(
            update={"state": ExecutionState.ACCEPTED, "warning": warning, "poll_after": None}
        )

    def _gone(self, execution: Execution) -> Execution:
        """A 404. After a 200 it means ended and not saved; before one the row may only be late."""
        memo = execution.memo
        misses = number(memo.get("misses")) + 1
        seen = memo.get("seen") is True or memo.get("keepsSuccess") is False
        if not seen and self._age(execution) < _LOOK_FOR / 3:
            return execution.model_copy(update={"memo": memo | {"misses": misses}})
        if seen and memo.get("keepsErrors") is not False:
            return self.succeeded(execution, memo.get("answer"), None if "answer" in memo else _UNSAVED)
        warning = "n8n no longer knows this execution: it ended unsaved or was deleted, and how it ended cannot be known."
        return execution.model_copy(
            update={"state": ExecutionState.ACCEPTED, "warning": warning, "poll_after": None}
        )

    async def _read(self, execution: Execution, row: JsonObject) -> Execution:
        """The execution with the facts of its row; a final one is read once more with its data."""
        status = text(row.get("status")) or "unknown"
        state = STATES.get(status, ExecutionState.RUNNING)
        update: dict[str, object] = {
            "state": state,
            "started_at": moment(row.get("startedAt")),
            "memo": execution.memo | {"seen": True},
        }
        if not state.final:
            update["note"] = _waiting_note(state, row) or execution.note
            return execution.model_copy(update=update)
        warning = None
        if "data" not in row and execution.id:
            try:
                row = await self._api.execution(execution.id, data=True)
            except RemoteNotFound:
                pass
            except BadResponse as error:
                warning = f"The result cannot be read: {error.message}."
        update |= {"finished_at": moment(row.get("stoppedAt")), "poll_after": None}
        execution = execution.model_copy(update=update)
        if state is ExecutionState.FAILED:
            return execution.model_copy(update={"error": failure(row, self._http.redact)})
        if state is ExecutionState.CANCELLED:
            note = "n8n gives an execution stopped by hand and one over its time limit the same state."
            return execution.model_copy(update={"note": note})
        if "answer" in execution.memo:
            return self.succeeded(execution, execution.memo["answer"])
        value, binary = output(row)
        if binary:
            warning = "Binary data of the last step stays in n8n; only its JSON part is here."
        if warning is None and not obj(row.get("data")):
            warning = _UNSAVED
        return self.succeeded(execution, clean(value, self._http.redact), warning)

    async def quietly(self, execution: Execution, claimed: str | None) -> Execution:
        """`link`, for right after a start: what was started must not be lost because a later read fails."""
        try:
            return await self.link(execution, claimed)
        except ProviderError as error:
            linked = self.linked(execution, claimed) if claimed else execution
            return linked.model_copy(update={"note": f"Started; not followed yet: {error.message}"})


def _waiting_note(state: ExecutionState, row: JsonObject) -> str | None:
    if state is ExecutionState.QUEUED:
        return "Waits for a free place: n8n's limit of production executions is reached."
    if state is ExecutionState.WAITING:
        till = moment(row.get("waitTill"))
        if till is None or till.year >= 2500:
            return "The workflow waits to be called or approved in n8n."
        return f"The workflow waits until {till:%Y-%m-%d %H:%M:%S} UTC."
    return None
