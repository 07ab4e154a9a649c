"""An n8n in memory: its public API, production webhooks and MCP server, with the oddities of the real wire.

Kept from n8n 2.41.1 as observed: the unfiltered execution list leaves out what is running; an answer leaves before its
execution is marked as ended; activation answers before the webhook is live; executions of workflows that save no
successes vanish; errors have three different shapes.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from providers import JsonObject
from providers.sandbox import _n8n_mcp as mcp
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox._n8n_run import SandboxRun
from providers.sandbox._n8n_sample import PROJECT, Sample, hook, node, publish, wires, workflow
from providers.sandbox._n8n_wire import (
    API_KEY,
    BASIC_AUTH,
    HEADER_AUTH,
    JWT,
    cursor_of,
    matched,
    methods_of,
    page_of,
    preflight,
    refuse_login,
)
from providers.sandbox._n8n_workflows import samples

STATUSES = ("canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting")
Json = Any


class N8nSandbox(Sandbox):
    """`places` is n8n's limit of production executions at once; `fillers` adds drafts, for paging. `limited` refuses that
    many API calls with 429, as n8n Cloud does."""

    name: ClassVar[str] = "n8n"
    json_type: ClassVar[str] = "application/json; charset=utf-8"

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
        self.route("PUT", f"{api}/workflows/{{id}}", self._replace)
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
        raw = self._whole(sample)
        raw["shared"] = [{**row, "project": PROJECT} for row in raw["shared"]]
        if raw["activeVersion"]:
            event = {"id": 1, "event": "activated", "userId": PROJECT["creatorId"]}
            event |= {name: raw["activeVersion"][name] for name in ("workflowId", "versionId", "createdAt")}
            raw["activeVersion"] = raw["activeVersion"] | {"workflowPublishHistory": [event]}
        return Reply(200, raw)

    def _whole(self, sample: Sample) -> dict[str, Json]:
        """A workflow alone has more than a row of the list."""
        return sample.raw | {"description": None, "versionCounter": 3, "sourceWorkflowId": None}

    async def _replace(self, ask: Ask) -> Reply:
        """An active workflow is published at once, unless `?publishIfActive=false`."""
        if refused := self._refused(ask):
            return refused
        sample = self.samples.get(ask.params["id"])
        if sample is None:
            return Reply(404, {"message": "Not Found"})
        body: Json = ask.json()
        for name in ("name", "nodes", "connections", "settings"):
            if name not in body:
                return Reply(400, {"message": f"request/body must have required property '{name}'"})
        if len(body) > 4:
            return Reply(400, {"message": "request/body must NOT have additional properties"})
        raw = sample.raw
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raw |= {**body, "versionId": f"{raw['id']}-{uuid4().hex[:8]}", "updatedAt": at}
        if raw["active"] and ask.first("publishIfActive") != "false":
            publish(raw)
        return Reply(200, {k: v for k, v in self._whole(sample).items() if k not in ("shared", "tags")})

    async def _activate(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        sample = self.samples.get(ask.params["id"])
        if sample is None:
            return Reply(404, {"message": "Not Found"})
        raw = sample.raw
        if raw["isArchived"]:
            return Reply(400, {"message": "Cannot activate an archived workflow."})
        publish(raw)
        self._live_at[raw["id"]] = asyncio.get_running_loop().time() + 0.5 * self.time_scale
        return Reply(200, {k: v for k, v in self._whole(sample).items() if k not in ("shared", "tags")})

    async def _executions(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        status, page = ask.first("status"), page_of(ask)
        if isinstance(page, Reply):
            return page
        if status is not None and status not in STATUSES:
            expected = " | ".join(f"'{word}'" for word in STATUSES)
            words = f"request/query/status Invalid enum value. Expected {expected}, received '{status}'"
            return Reply(400, {"message": words})
        rows = [run.full(data=ask.first("includeData") == "true") for run in reversed(self.runs.values())]
        rows = [row for row in rows if (row["status"] == status if status else row["status"] != "running")]
        if ref := ask.first("workflowId"):
            rows = [row for row in rows if row["workflowId"] == ref]
        if after := ask.first("startedAfter"):
            rows = [row for row in rows if str(row["startedAt"] or "") > after]
        if last := page.get("lastId"):
            rows = [row for row in rows if int(str(row["id"])) < int(last)]
        limit = page.get("limit", 100) or len(rows)
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
        return Reply(200, run.one(data=ask.first("includeData") == "true"))

    async def _stop(self, ask: Ask) -> Reply:
        if refused := self._refused(ask):
            return refused
        run = self.runs.get(ask.params["id"])
        if run is None:
            return Reply(404, {"message": "Failed to find execution to stop"})
        if run.status not in ("new", "running", "waiting"):
            words = (
                f"Only running or waiting executions can be stopped and {run.id} is currently {run.status}"
            )
            return Reply(409, {"message": words})
        run.stop()
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
        hooks = self._hook_at(ask.params["path"])
        return preflight(ask, [method for _, entry, _ in hooks for method in methods_of(entry)])

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
        def start(sample: Sample, trigger: str, call: dict[str, Json], mode: str) -> str:
            self.seen.append(ask)
            return self.launch(sample, trigger, call, mode).id

        return mcp.answer(ask, self.samples, start)
