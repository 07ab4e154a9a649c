"""n8n, self-hosted or cloud: listed and followed by its public API, started by production webhooks or its MCP server.

n8n has no public call that runs a workflow, and a webhook does not tell the execution's id. Every start therefore
carries a mark of ours in a header, which n8n keeps with the execution: by it the execution is found and tied exactly.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from providers import (
    Account,
    BadResponse,
    Cancels,
    Execution,
    Finds,
    Http,
    Page,
    Preview,
    Provider,
    ProviderError,
    ReadsTasks,
    Rejected,
    RemoteNotFound,
    RemoteTask,
    RemoteWorkflow,
    StartOptions,
    now,
)
from providers._n8n_answer import Reading, read_answer
from providers._n8n_api import CALL_HEADER, KEY_HEADER, Api
from providers._n8n_connection import N8nConnection
from providers._n8n_graph import Definition, Entry
from providers._n8n_mcp import execute_workflow, probe
from providers._n8n_paging import moved, pack, unpack
from providers._n8n_result import clean
from providers._n8n_start import Start, mcp_entry, trigger_of, webhook_start, why_not
from providers._n8n_tasks import tasks
from providers._n8n_track import Tracker
from providers._shape import moment, objects, text

_PAGE = 50
_OVERLAP = 10
_MEMO = 64 * 1024


class N8n(Provider[N8nConnection], ReadsTasks, Cancels, Finds):
    name = "n8n"
    title = "n8n"

    def __init__(self, connection: N8nConnection, http: Http) -> None:
        super().__init__(connection, http)
        for auth in connection.webhook_auth:
            # n8n repeats our request's headers inside the execution's data: also the encoded pair must be known.
            http.hide(auth.header()[1].removeprefix("Basic "))
        self._root = connection.root
        self._api = Api(http, self._root, connection.api_key.get_secret_value())
        self._tracker = Tracker(self._api, http, self._root)

    async def check(self) -> Account:
        page = await self.list_workflows()
        warnings: list[str] = []
        try:
            await self._api.get("/executions", ("limit", "1"))
        except ProviderError as error:
            if error.status != 403:
                raise
            warnings.append(
                "The API key lacks execution:list and execution:read: results cannot be followed."
            )
        if self.connection.mcp_token:
            try:
                await probe(self.http, self._root, self.connection.mcp_token.get_secret_value())
            except ProviderError as error:
                warnings.append(f"The MCP access token does not work: {error.message}")
        return Account(
            label=f"n8n at {urlsplit(self._root).netloc}",
            workflows=len(page.items) if page.cursor is None else None,
            warnings=tuple(warnings),
        )

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """Every workflow that is not archived. n8n pages by offset: pages overlap, and what was listed is left out, so
        that workflows made or deleted meanwhile neither repeat nor hide others."""
        theirs, before = unpack(cursor)
        size = _PAGE
        while True:
            params = [("limit", str(size)), ("excludePinnedData", "true")]
            if theirs:
                params.append(("cursor", moved(theirs, size) or theirs))
            try:
                answer = await self._api.get("/workflows", *params)
                break
            except BadResponse:
                # Each item carries its whole graph twice; a page of large ones can pass our limits.
                if size == 1 or (theirs and moved(theirs, 1) is None):
                    raise
                size = max(1, size // 10)
        definitions = [Definition(raw) for raw in objects(answer.get("data"))]
        fresh = {
            d.id: self._described(d) for d in definitions if d.id and d.id not in before and not d.archived
        }
        following = text(answer.get("nextCursor"))
        if following and size > _OVERLAP:
            following = moved(following, size, back=_OVERLAP) or following
        ids = [d.id for d in definitions]
        return Page(items=tuple(fresh.values()), cursor=pack(following, ids) if following and ids else None)

    async def preview(self, ref: str) -> Preview:
        definition = await self._definition(ref)
        notes = ("The draft in n8n has changes that are not published; this is what runs.",)
        return Preview(
            workflow=self._described(definition),
            nodes=definition.preview_nodes(),
            edges=definition.preview_edges(),
            fingerprint=definition.fingerprint(),
            fetched_at=now(),
            notes=notes if definition.unpublished_changes else (),
        )

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        """Start the published version. n8n starts again for every call: an error with `sent=True` is not to be repeated
        but looked into with `find`."""
        with _nothing_sent():
            definition = await self._definition(ref)
            reason = why_not(definition, self.connection)
            if reason and not (definition.active and definition.hooks):
                raise Rejected(f"n8n cannot start “{definition.name}” from outside. {reason}", sent=False)
            entry = mcp_entry(definition, self.connection)
            start = None
            if entry is None or (reason is None and definition.hooks):
                try:
                    start = webhook_start(definition, self.connection, payload, key, options)
                except Rejected:
                    if entry is None:
                        raise
        if entry is not None:
            try:
                return await self._by_mcp(definition, entry, start, payload, key, options)
            except ProviderError as error:
                if error.sent or start is None:
                    raise
                note = f"Started by webhook, because {error.message}"
                return await self._by_webhook(definition, start, options.timeout, note)
        assert start is not None
        return await self._by_webhook(definition, start, options.timeout, start.note)

    async def poll(self, execution: Execution) -> Execution:
        return await self._tracker.poll(execution)

    async def tasks(self, execution: Execution) -> tuple[RemoteTask, ...]:
        if execution.id is None:
            raise RemoteNotFound("which execution is ours is not known", sent=False)
        return tasks(await self._api.execution(execution.id, data=True), self.http.redact)

    async def cancel(self, execution: Execution) -> str:
        if execution.state.final:
            return "It has ended already."
        if execution.id is None:
            execution = await self._tracker.poll(execution)
        if execution.id is None:
            return "Nothing was stopped: which execution is ours is not known, and it may go on in n8n."
        try:
            await self._api.post(f"/executions/{execution.id}/stop", {})
        except RemoteNotFound:
            return f"n8n does not know execution {execution.id} any more: it has ended."
        except ProviderError as error:
            if error.status != 409:
                raise
            return f"Execution {execution.id} had ended already."
        return f"n8n was asked to stop execution {execution.id}; what its steps have already sent is not taken back."

    async def find(self, ref: str, *, key: str, since: datetime) -> Execution | None:
        return await self._tracker.find(await self._definition(ref), key, since)

    async def _definition(self, ref: str) -> Definition:
        raw = await self._api.get(f"/workflows/{quote(ref, safe='')}", ("excludePinnedData", "true"))
        definition = Definition(raw)
        if definition.id != ref:
            raise RemoteNotFound("n8n knows no workflow with this id", sent=False)
        return definition

    def _described(self, definition: Definition) -> RemoteWorkflow:
        reason = why_not(definition, self.connection)
        return RemoteWorkflow(
            id=definition.id,
            name=definition.name,
            active=definition.active,
            executable=reason is None,
            reason=reason,
            trigger=trigger_of(definition),
            tags=definition.tags,
            folder=definition.folder,
            updated_at=moment(definition.updated_at),
            url=f"{self._root}/workflow/{definition.id}",
        )

    async def _by_mcp(
        self,
        definition: Definition,
        entry: Entry,
        start: Start | None,
        payload: JsonValue,
        key: str,
        options: StartOptions,
    ) -> Execution:
        assert self.connection.mcp_token is not None
        method = (options.method or (definition.hooks[0].methods[0] if definition.hooks else "POST")).upper()
        headers = {**options.headers, KEY_HEADER: key} | ({CALL_HEADER: start.call} if start else {})
        begun = self._tracker.begin(definition, start.call if start else None)
        execution_id = await execute_workflow(
            self.http,
            self._root,
            self.connection.mcp_token.get_secret_value(),
            workflow_id=definition.id,
            entry=entry,
            method=method,
            payload=payload,
            headers=headers,
            timeout=options.timeout,
        )
        return self._tracker.linked(begun, execution_id)

    async def _by_webhook(
        self, definition: Definition, start: Start, timeout: float, note: str | None
    ) -> Execution:
        begun = self._tracker.begin(definition, start.call, note=note)
        if start.has_body:
            answer = await self.http.call(
                start.method,
                start.url,
                headers=start.headers,
                params=start.params,
                json={} if start.body is None else start.body,
                timeout=timeout,
            )
        else:
            answer = await self.http.call(
                start.method, start.url, headers=start.headers, params=start.params, timeout=timeout
            )
        try:
            reading = read_answer(answer, start, responds_last=definition.responds_last)
        except ProviderError as error:
            error.message = self.http.redact(error.message)
            error.args = (error.message,)
            raise
        return await self._started(begun, reading, certain=start.hook.mode == "lastNode")

    async def _started(self, begun: Execution, reading: Reading, *, certain: bool) -> Execution:
        """Tie the answer to its execution and let both settle. `certain`: the answer itself proves the end."""
        memo = dict(begun.memo)
        value = clean(reading.value, self.http.redact)
        if reading.result:
            memo["answer"] = value
        if reading.problem and reading.owner == "workflow":
            memo |= {"problem": self.http.redact(reading.problem), "status": reading.status}
        execution = await self._tracker.quietly(begun.model_copy(update={"memo": memo}), reading.execution_id)
        if reading.result or reading.problem:
            try:
                execution = await self._tracker.settle(execution)
            except ProviderError as error:
                execution = execution.model_copy(
                    update={"note": f"Started; not followed yet: {error.message}"}
                )
        if execution.state.final:
            return execution
        if execution.id and not (certain and reading.result):
            if (
                len(json.dumps(value)) > _MEMO
            ):  # memos are stored at every poll; the execution's own data has it too
                memo = {name: kept for name, kept in execution.memo.items() if name != "answer"}
                return execution.model_copy(update={"memo": memo})
            return execution
        if reading.problem:
            return self._tracker.failed(execution, reading.problem)
        if reading.result:
            return self._tracker.succeeded(execution, value)
        return execution


@contextmanager
def _nothing_sent() -> Generator[None]:
    """Reads before the start: whatever fails there, nothing was started."""
    try:
        yield
    except ProviderError as error:
        error.sent = False
        raise
