"""One execution in the n8n sandbox: its row as the public API shows it, and what its nodes gave.

Kept from n8n 2.41.1 as observed: what is stored of an execution is its state at the start, at a wait, and at the end;
in between `runData` stays as it was. The stack names the node that has still to run: the trigger, the Wait node, or
the node that failed, with the items it was given. A node that failed has a run without `data`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from providers import JsonObject, now
from providers.sandbox._asgi import Reply, Sandbox
from providers.sandbox._n8n_sample import Failure, Sample

Json = Any


@dataclass(eq=False)
class SandboxRun:
    """One execution: its row, what its nodes gave, and the answer its caller waits for."""

    server: Sandbox
    sample: Sample
    id: str
    trigger: str
    call: dict[str, Json]
    status: str = "new"
    mode: str = "webhook"
    created: str = field(default_factory=lambda: iso())
    started: str | None = None
    stopped: str | None = None
    wait_till: str | None = None
    last: str | None = None
    run_data: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    task: asyncio.Task[None] | None = None
    hides_data: bool = False
    """Show no data, as for executions whose data was pruned or redacted."""

    def __post_init__(self) -> None:
        self._graph: dict[str, Json] = self.sample.raw["activeVersion"] or self.sample.raw
        self._result: dict[str, Json] = {"runData": {}}
        self._last_end = _ms()
        self._stack: list[Json] = [
            {"node": self._node(self.trigger), "data": {"main": [[{"json": self.call}]]}, "source": None}
        ]

    @property
    def body(self) -> dict[str, Json]:
        body: Json = self.call.get("body")
        return body if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownVariableType] -- JSON of the caller

    def did(self, node: str, *items: Json, outlet: int = 0, after: str | None = None) -> None:
        outlets: list[Json] = [[] for _ in range(outlet)]
        self._ran(node, "success", [*outlets, _items(*items)], after)

    def respond(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        if not self.answer.done():
            self.answer.set_result(Reply(status, body, headers=headers or {}))

    async def nap(self, seconds: float) -> None:
        await self.server.nap(seconds)

    async def wait(self, node: str, seconds: float) -> None:
        """A Wait node of more than 65 s, shortened: the execution is put aside, and looks stopped."""
        given, before = self._given(), self.last
        self._ran(node, "waiting", [given])
        self._store([self._entry(node, given, before)])
        self.status, self.stopped, self.wait_till = "waiting", iso(), iso(70)
        await self.nap(seconds)
        self.status, self.stopped, self.wait_till = "running", None, None
        self.run_data[node][-1]["executionStatus"] = "success"
        self._last_end = _ms()

    async def post(self, url: str, body: Json, headers: dict[str, str]) -> int:
        return await self.server.post(url, body, headers)

    async def play(self, free: asyncio.Semaphore, forget: Callable[[str], object]) -> None:
        """Run to the end; `forget` is called when n8n would not save the success."""
        if not free.locked():
            self.status, self.started = "running", iso()
        async with free:
            self.status, self.started = "running", self.started or iso()
            self._last_end = _ms()
            self.did(self.trigger, self.call)
            status, error, stack = "success", None, list[Json]()
            try:
                await self.sample.script(self)
            except Failure as failure:
                status, error = "error", self._error(failure)
                stack = [self._entry(failure.node, self._given(), self.last)]
                self._ran(failure.node, "error", error=error)
                self.respond(500, {"message": "Error in workflow"})
            items: list[Json] = self._given()
            self.respond(200, items[0]["json"] if items else None)
            await asyncio.sleep(0.025)  # the real lag between an answer and the stored state
            self._store(stack, error)
            self.status, self.stopped = status, iso()
            if status == "success" and self.sample.raw["settings"].get("saveDataSuccessExecution") == "none":
                forget(self.id)

    def stop(self) -> None:
        """End it from outside: what was stored stays, with the reason."""
        if self.task is not None:
            self.task.cancel()
        self.status, self.stopped, self.wait_till = "canceled", iso(), None
        self._result["error"] = {
            "level": "warning",
            "shouldReport": False,
            "tags": {},
            "extra": {"executionId": self.id},
            "timestamp": _ms(),
            "context": {},
            "functionality": "regular",
            "name": "ManualExecutionCancelledError",
            "reason": "manual",
            "message": "The execution was cancelled manually",
            "stack": "ManualExecutionCancelledError: at sandbox",
        }
        self.respond(500, {"message": "Error in workflow"})

    # ------------------------------------------------------------ rows

    def row(self) -> JsonObject:
        """One of a list without data."""
        return {
            "id": self.id,
            "finished": self.status == "success",
            "mode": self.mode,
            "retryOf": None,
            "retrySuccessId": None,
            "status": self.status,
            "startedAt": self.started,
            "stoppedAt": self.stopped,
            "workflowId": self.sample.raw["id"],
            "waitTill": self.wait_till,
        }

    def one(self, data: bool) -> JsonObject:
        """What asking for it by its id answers."""
        return {
            **self.full(data),
            **self._stored(),
            "createdAt": self.created,
            "deletedAt": None,
            "tracingContext": None,
            "deduplicationKey": None,
            "binaryDataSizeBytes": 0,
            "usedPrivateCredentials": False,
        }

    def full(self, data: bool) -> JsonObject:
        """One of a list, with its data if `data`."""
        if not data or self.hides_data:
            return self.row()
        raw = self.sample.raw
        drawn: dict[str, Json] = {k: raw[k] for k in ("id", "name", "settings")} | {
            k: self._graph[k] for k in ("nodes", "connections", "nodeGroups")
        }
        return {
            **self.row(),
            **self._stored(),
            "data": self._data(),
            "customData": {},
            "workflowData": drawn,
        }

    def _stored(self) -> JsonObject:
        version: Json = self._graph["versionId"]
        size = len(json.dumps(self._data()))
        return {"storedAt": "db", "jsonSizeBytes": size, "workflowVersionId": version}

    def _data(self) -> JsonObject:
        kind: Json = self._node(self.trigger)["type"]
        runtime: JsonObject = {
            "version": 1,
            "establishedAt": _ms(),
            "source": self.mode,
            "triggerNode": {"name": self.trigger, "type": kind},
            "redaction": {"version": 2, "production": False, "manual": False},
        }
        data: JsonObject = {
            "version": 1,
            "startData": {},
            "resultData": self._result,
            "executionData": {
                "contextData": {},
                "nodeExecutionStack": self._stack,
                "metadata": {},
                "waitingExecution": {},
                "waitingExecutionSource": {},
                "runtimeData": runtime,
            },
            "resumeToken": "sandbox-resume-token",
        }
        return data | ({"waitTill": self.wait_till} if self.wait_till else {})

    # ------------------------------------------------------------ what its nodes did

    def _ran(
        self, node: str, status: str, main: Json = None, after: str | None = None, *, error: Json = None
    ) -> None:
        began, self._last_end = self._last_end, _ms()
        entry = {
            "startTime": began,
            "executionIndex": sum(map(len, self.run_data.values())),
            "source": _source(after or self.last),
            "hints": [],
            "executionTime": self._last_end - began,
            "executionStatus": status,
        }
        self.run_data.setdefault(node, []).append(
            entry | ({"error": error} if error else {"data": {"main": main}})
        )
        self.last = node

    def _store(self, stack: list[Json], error: Json = None) -> None:
        self._stack = stack
        self._result = {"runData": deepcopy(self.run_data), "lastNodeExecuted": self.last}
        if error:
            self._result["error"] = error

    def _given(self) -> list[Json]:
        """The items the last node gave on: none where it failed."""
        last = self.run_data.get(self.last or "", [])
        return last[-1]["data"]["main"][-1] if last and "data" in last[-1] else []

    def _entry(self, node: str, given: list[Json], before: str | None) -> Json:
        return {"node": self._node(node), "data": {"main": [given]}, "source": {"main": _source(before)}}

    def _node(self, name: str) -> Json:
        return next(entry for entry in self._graph["nodes"] if entry["name"] == name)

    def _error(self, failure: Failure) -> Json:
        kind = "NodeApiError" if failure.code else "NodeOperationError"
        error: dict[str, Json] = {
            "level": "warning",
            "shouldReport": True,
            "tags": {},
            "timestamp": _ms(),
            "context": {},
            "functionality": "regular",
            "name": kind,
            "node": self._node(failure.node),
            "messages": [],
            "message": failure.message,
            "stack": f"{kind}: {failure.message}\n    at sandbox",
        }
        error |= {"httpCode": failure.code} if failure.code else {}
        return error | ({"description": failure.description} if failure.description else {})


def iso(later: float = 0) -> str:
    moment = now() + timedelta(seconds=later)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms() -> int:
    return int(now().timestamp() * 1000)


def _items(*values: Json) -> list[Json]:
    return [{"json": value, "pairedItem": {"item": 0}} for value in values]


def _source(before: str | None) -> list[Json]:
    return [{"previousNode": before, "previousNodeOutput": 0, "previousNodeRun": 0}] if before else []
