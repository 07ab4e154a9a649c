"""An n8n in memory: its public API, production webhooks and MCP server, with the oddities of the real wire.

Kept from n8n 2.41.1 as observed: the unfiltered execution list leaves out what is running; an answer leaves before its
execution is marked as ended; activation answers before the webhook is live; executions of workflows that save no
successes vanish; errors have three different shapes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from providers import JsonObject
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox._n8n_run import SandboxRun, iso
from providers.sandbox._n8n_wire import (
    API_KEY,
    BASIC_AUTH,
    HEADER_AUTH,
    JWT,
    MCP_TOKEN,
    cursor_of,
    matched,
    methods_of,
    page_of,
    refuse_login,
)
from providers.sandbox._n8n_workflows import Sample, hook, node, samples, wires, workflow

STATUSES = ("canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting")
Json = Any


class N8nSandbox(Sandbox):
    """`places` is n8n's limit of production executions at once; `fillers` adds drafts, for paging. `limited` refuses that
    many API calls with 429, as n8n Cloud does."""

    name: ClassVar[str] = "n8n"

    def __init__(self, *, time_scale: float = 1.0, places: int = 100, fillers: int = 0) -> None:
        super().__init__(time_scale=time_scale)
        self.samples: dict[str, Sample] = {sample.raw["id"]: sample for sample in samples()}
        for number in range(fillers):
            ref = f"wfFiller{number:04d}"
            nodes = [hook(f"filler-{number}", "lastNode"), node("Edit", "set", 1)]
            script = self.samples["wfDraft"].script
            self.samples[ref] = workflow(
                ref, f"Filler {number}", nodes, wires("Webhook>Edit"), script, active=False
            )
        self.runs: dict[str, SandboxRun] = {}
        self.seen: list[Ask] = []
        self._last_id = 0
        self.limited = 0
        self.stores_headers = True
        self._live_at: dict[str, float] = {}
        self._free = asyncio.Semaphore(places)
        api = "/api/v1"
        self.route("GET", "/healthz", self._health)
        self.route("GET", "/healthz/readiness", self._health)
        self.route("GET", f"{api}/workflows", self._workflows)
        self.route("GET", f"{api}/workflows/{{id}}", self._workflow)
        self.route("POST", f"{api}/workflows/{{id}}/activate", self._activate)
        self.route("GET", f"{api}/executions", self._executions)
        self.route("GET", f"{api}/executions/{{id}}", self._execution)
        self.route("POST", f"{api}/executions/{{id}}/stop", self._stop)
        self.route("OPTIONS", "/webhook/{path:path}", self._preflight)
        self.route("*", "/webhook/{path:path}", self._webhook)
        self.route("POST", "/mcp-server/http", self._mcp)

    @classmethod
    def connection(cls, base_url: str) -> JsonObject:
        """The credentials JSON of the connect call. Without the MCP token: add `mcpToken` to start through MCP."""
        return {
            "baseUrl": base_url,
            "apiKey": API_KEY,
            "webhookAuth": [
                {"kind": "header", "workflowId": "wfStock", "name": HEADER_AUTH[0], "value": HEADER_AUTH[1]},
                {"kind": "basic", "path": "prices", "username": BASIC_AUTH[0], "password": BASIC_AUTH[1]},
                {"kind": "jwt", "token": JWT},
            ],
        }

    async def not_found(self, ask: Ask) -> Reply:
        if ask.path.startswith("/api/v1/workflows") or ask.path.startswith("/api/v1/executions"):
            return Reply(405, {"message": f"{ask.method} method not allowed"})
        if ask.path.startswith("/api/"):
            return Reply(404, {"message": "not found"})
        return Reply(200, text="<!DOCTYPE html><title>n8n</title>", content_type="text/html; charset=utf-8")

    # ------------------------------------------------------------ public API

    async def _health(self, ask: Ask) -> Reply:
        return Reply(200, {"status": "ok"})

    def _refused(self, ask: Ask) -> Reply | None:
        if ask.headers.get("x-n8n-api-key") != API_KEY:
            return Reply(401, {"message": "Unauthorized"})
        if self.limited > 0:
            self.limited -= 1
            return Reply(429, {"message": "Too many requests"}, headers={"Retry-After": "7"})
        return None

    async def _workflows(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        page = page_of(ask)
        if isinstance(page, Reply):
            return page
        limit, start = page.get("limit", 100), page.get("offset", 0)
        rows: list[Json] = [sample.raw for sample in self.samples.values()]
        if (active := ask.first("active")) is not None:
            rows = [row for row in rows if row["active"] is (active == "true")]
        if tags := ask.first("tags"):
            rows = [row for row in rows if set(tags.split(",")) <= {tag["name"] for tag in row["tags"]}]
        if limit == 0:
            return Reply(200, {"data": rows, "nextCursor": cursor_of({"limit": 0, "offset": 0})})
        more = start + limit < len(rows)
        cursor = cursor_of({"limit": limit, "offset": start + limit}) if more else None
        return Reply(200, {"data": rows[start : start + limit], "nextCursor": cursor})

    async def _workflow(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        sample = self.samples.get(ask.params["id"])
        if sample is None:
            return Reply(404, {"message": "Not Found"})
        return Reply(200, sample.raw | {"description": None, "versionCounter": 3, "parentFolder": None})

    async def _activate(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        sample = self.samples.get(ask.params["id"])
        if sample is None:
            return Reply(404, {"message": "Not Found"})
        raw = sample.raw
        if raw["isArchived"]:
            return Reply(400, {"message": "Cannot activate an archived workflow."})
        version = {k: raw[k] for k in ("versionId", "nodes", "connections")}
        raw |= {"active": True, "activeVersionId": raw["versionId"], "activeVersion": version}
        self._live_at[raw["id"]] = asyncio.get_running_loop().time() + 0.5 * self.time_scale
        return Reply(200, raw)

    async def _executions(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        status, page = ask.first("status"), page_of(ask)
        if isinstance(page, Reply):
            return page
        if status is not None and status not in STATUSES:
            expected = " | ".join(f"'{word}'" for word in STATUSES)
            return Reply(400, {"message": f"request/query/status Invalid enum value. Expected {expected}"})
        rows = [run.row(data=ask.first("includeData") == "true") for run in reversed(self.runs.values())]
        rows = [row for row in rows if (row["status"] == status if status else row["status"] != "running")]
        if ref := ask.first("workflowId"):
            rows = [row for row in rows if row["workflowId"] == ref]
        if after := ask.first("startedAfter"):
            rows = [row for row in rows if str(row["startedAt"] or "") > after]
        if last := page.get("lastId"):
            rows = [row for row in rows if int(str(row["id"])) < int(last)]
        limit = page.get("limit", 100)
        cursor = cursor_of({"lastId": rows[limit - 1]["id"], "limit": limit}) if len(rows) > limit else None
        return Reply(200, {"data": [*rows[:limit]], "nextCursor": cursor})

    async def _execution(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        if not ask.params["id"].isdigit():
            return Reply(400, {"message": "request/params/executionId must be a positive integer"})
        run = self.runs.get(ask.params["id"])
        if run is None:
            return Reply(404, {"message": "Not Found"})
        return Reply(200, run.row(data=ask.first("includeData") == "true"))

    async def _stop(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        run = self.runs.get(ask.params["id"])
        if run is None:
            return Reply(404, {"message": "Not Found"})
        if run.status not in ("new", "running", "waiting") or run.task is None:
            words = (
                f"Only running or waiting executions can be stopped and {run.id} is currently {run.status}"
            )
            return Reply(409, {"message": words})
        run.task.cancel()
        run.status, run.stopped = "canceled", iso()
        run.respond(500, {"message": "Error in workflow"})
        kept = ("mode", "startedAt", "stoppedAt", "finished", "status")
        return Reply(200, {name: value for name, value in run.row().items() if name in kept})

    # ------------------------------------------------------------ webhooks

    def _hook_at(self, path: str) -> list[tuple[Sample, dict[str, Json], dict[str, str]]]:
        """Live Webhook nodes of published versions under `path`, with the values of its `:name` parts."""
        found: list[tuple[Sample, dict[str, Json], dict[str, str]]] = []
        for sample in self.samples.values():
            raw, version = sample.raw, sample.raw["activeVersion"]
            if not raw["active"] or self._live_at.get(raw["id"], 0) > asyncio.get_running_loop().time():
                continue
            for entry in version["nodes"]:
                if entry["type"] == "n8n-nodes-base.webhook" and not entry.get("disabled"):
                    own = entry["parameters"].get("path") or entry["webhookId"]
                    wanted = f"{entry['webhookId']}/{own}" if ":" in own else own
                    if (values := matched(wanted, path)) is not None:
                        found.append((sample, entry, values))
        return found

    async def _preflight(self, ask: Ask) -> Reply:
        if "origin" not in ask.headers:
            return Reply(204)
        methods = [m for _, entry, _ in self._hook_at(ask.params["path"]) for m in methods_of(entry)]
        allowed = {"Access-Control-Allow-Methods": ", ".join(["OPTIONS", *methods])}
        return Reply(204 if methods else 500, {}, headers=allowed)

    async def _webhook(self, ask: Ask) -> Reply:
        path = ask.params["path"]
        hooks = self._hook_at(path)
        if not hooks:
            words = f'The requested webhook "{ask.method} {path}" is not registered.'
            return Reply(
                404,
                {"code": 404, "message": words, "hint": "The workflow must be active for a production URL."},
            )
        sample, entry, values = next((h for h in hooks if ask.method in methods_of(h[1])), hooks[0])
        if ask.method not in methods_of(entry):
            other = methods_of(entry)[0]
            words = f"This webhook is not registered for {ask.method} requests. Did you mean to make a {other} request?"
            return Reply(404, {"code": 404, "message": words})
        if refused := refuse_login(ask, entry["parameters"].get("authentication", "none")):
            return refused
        try:
            body: Json = ask.json() or {}
        except ValueError:
            return Reply(422, {"code": 422, "message": "Failed to parse request body", "hint": "Is it JSON?"})
        self.seen.append(ask)
        headers = dict(ask.headers) if self.stores_headers else {}
        call = {"headers": headers, "params": values, "query": dict(ask.query), "body": body}
        run = self.launch(
            sample,
            entry["name"],
            call | {"webhookUrl": ask.base_url + ask.path, "executionMode": "production"},
        )
        parameters = entry["parameters"]
        if parameters.get("responseMode", "onReceived") != "onReceived":
            return await asyncio.shield(run.answer)
        if parameters["options"].get("responseData"):
            return Reply(
                200, text=json.dumps({"executionId": run.id}), content_type="text/html; charset=utf-8"
            )
        return Reply(200, {"message": "Workflow was started"})

    def launch(
        self, sample: Sample, trigger: str, call: dict[str, Json], mode: str = "webhook"
    ) -> SandboxRun:
        """Start an execution in the background; its id is the next number."""
        self._last_id += 1
        run = SandboxRun(self, sample, str(self._last_id), trigger, call, mode=mode)
        self.runs[run.id] = run
        run.task = asyncio.get_running_loop().create_task(run.play(self._free, self.runs.pop))
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)
        return run

    # ------------------------------------------------------------ MCP

    async def _mcp(self, ask: Ask) -> Reply:
        if ask.headers.get("authorization") != f"Bearer {MCP_TOKEN}":
            return Reply(401, {"message": "Unauthorized"})
        accept = ask.headers.get("accept", "")
        if "application/json" not in accept or "text/event-stream" not in accept:
            return Reply(
                406, {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "Not Acceptable"}}
            )
        asked = ask.json()
        result: Json = {"tools": [{"name": "execute_workflow"}]}
        if asked["method"] == "tools/call":
            said = self._tool(ask, asked["params"]["arguments"])
            result = {"content": [{"type": "text", "text": json.dumps(said)}], "structuredContent": said}
        event = json.dumps({"result": result, "jsonrpc": "2.0", "id": asked["id"]})
        return Reply(200, text=f"event: message\ndata: {event}\n\n", content_type="text/event-stream")

    def _tool(self, ask: Ask, given: Mapping[str, Json]) -> JsonObject:
        sample = self.samples.get(given["workflowId"])
        if sample is None:
            return {"error": "Workflow not found or you don't have permission to access it."}
        if not sample.raw["settings"].get("availableInMCP"):
            return {"error": "Workflow is not available in MCP. Turn it on in the workflow's settings."}
        names = [entry["name"] for entry in sample.raw["nodes"]]
        if given.get("triggerNodeName") not in names:
            words = "Provide triggerNodeName and inputs to execute this workflow. Available triggers: "
            return {"error": f"{words}{names[0]}."}
        inputs: Json = given.get("inputs") or {}
        data: Json = inputs.get("webhookData", {})
        call: dict[str, Json] = {
            "headers": data.get("headers", {}),
            "params": {},
            "query": data.get("query", {}),
        }
        call["body"] = data.get("body", {})
        self.seen.append(ask)
        run = self.launch(sample, given["triggerNodeName"], call, "webhook" if data else "trigger")
        return {"executionId": run.id, "status": "started"}
