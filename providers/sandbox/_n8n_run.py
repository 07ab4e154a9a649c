"""One execution in the n8n sandbox: its row as the public API shows it, and what its nodes gave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from providers import JsonObject, now
from providers.sandbox._asgi import Reply, Sandbox
from providers.sandbox._n8n_workflows import Failure, Sample

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
    started: str | None = None
    stopped: str | None = None
    wait_till: str | None = None
    last: str | None = None
    error: Json = None
    run_data: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    task: asyncio.Task[None] | None = None
    hides_data: bool = False
    """Show no data, as for executions whose data was pruned or redacted."""

    @property
    def body(self) -> dict[str, Json]:
        body: Json = self.call.get("body")
        return body if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownVariableType] -- JSON of the caller

    def did(self, node: str, *items: Json, outlet: int = 0, after: str | None = None) -> None:
        outlets: list[Json] = [[] for _ in range(outlet)]
        previous = after or self.last
        entry = {
            "startTime": int(now().timestamp() * 1000),
            "executionTime": 1,
            "executionIndex": sum(map(len, self.run_data.values())),
            "executionStatus": "success",
            "source": [{"previousNode": previous}] if previous else [],
            "data": {"main": [*outlets, [{"json": item, "pairedItem": {"item": 0}} for item in items]]},
        }
        self.run_data.setdefault(node, []).append(entry)
        self.last = node

    def respond(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        if not self.answer.done():
            self.answer.set_result(Reply(status, body, headers=headers or {}))

    async def nap(self, seconds: float) -> None:
        await self.server.nap(seconds)

    async def wait(self, seconds: float) -> None:
        """A Wait node of more than 65 s, shortened: the execution is put aside, and looks stopped."""
        self.status, self.stopped, self.wait_till = "waiting", iso(), iso(70)
        await self.nap(seconds)
        self.status, self.stopped, self.wait_till = "running", None, None

    async def post(self, url: str, body: Json, headers: dict[str, str]) -> int:
        return await self.server.post(url, body, headers)

    async def play(self, free: asyncio.Semaphore, forget: Callable[[str], object]) -> None:
        """Run to the end; `forget` is called when n8n would not save the success."""
        if not free.locked():
            self.status, self.started = "running", iso()
        async with free:
            self.status, self.started = "running", self.started or iso()
            self.did(self.trigger, self.call)
            status = "success"
            try:
                await self.sample.script(self)
            except Failure as failure:
                status, self.last = "error", failure.node
                self.error = {
                    "name": "NodeOperationError",
                    "message": failure.message,
                    "description": failure.description,
                    "node": {"name": failure.node},
                    "stack": "NodeOperationError: at sandbox",
                }
                self.respond(500, {"message": "Error in workflow"})
            last = self.run_data.get(self.last or "", [])
            items: list[Json] = last[-1]["data"]["main"][-1] if last else []
            self.respond(200, items[0]["json"] if items else None)
            await asyncio.sleep(0.025)  # the real lag between an answer and the stored state
            self.status, self.stopped = status, iso()
            if status == "success" and self.sample.raw["settings"].get("saveDataSuccessExecution") == "none":
                forget(self.id)

    def row(self, data: bool = False) -> JsonObject:
        row: JsonObject = {
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
        if data and not self.hides_data:
            # Until the end only what was there at the start is stored: the call, on the stack.
            ended = self.status not in ("new", "running")
            stack: list[Json] = [{"node": {"name": self.trigger}, "data": {"main": [[{"json": self.call}]]}}]
            result: Json = {"runData": self.run_data if ended else {}}
            if ended:
                result["lastNodeExecuted"] = self.last
            if self.error:
                result["error"] = self.error
            kept: Json = {
                "resultData": result,
                "executionData": {"nodeExecutionStack": [] if ended else stack},
            }
            graph = self.sample.raw["activeVersion"] or self.sample.raw
            row["data"] = kept | {"resumeToken": "sandbox-resume-token"}
            row["customData"] = {}
            drawn: dict[str, Json] = {k: self.sample.raw[k] for k in ("id", "name", "settings")} | {
                k: graph[k] for k in ("nodes", "connections")
            }
            row["workflowData"] = drawn
        return row


def iso(later: float = 0) -> str:
    moment = now() + timedelta(seconds=later)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
