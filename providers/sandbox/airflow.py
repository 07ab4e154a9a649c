"""An Airflow in memory, speaking API v2 (as 3.3.2 does) or, with `api="v1"`, API v1 (as 2.11.2 does)."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import JsonValue

from providers._base import JsonObject
from providers._shape import obj
from providers.sandbox import _airflow_shapes as shapes
from providers.sandbox import _airflow_wire as wire
from providers.sandbox._airflow_dags import Dag, sample_dags
from providers.sandbox._airflow_runs import DONE, Instance, Run, carry_out, clock
from providers.sandbox._airflow_wire import Refused
from providers.sandbox._asgi import Ask, Reply, Sandbox

USERNAME = shapes.USERNAME
PASSWORD = "sandbox-airflow-password"
VIEWER = "viewer"
TOKEN = "sandbox-airflow-token"
"""A static bearer token, as managed Airflows hand out."""

Answering = Callable[[Ask], JsonValue | Reply]


class AirflowSandbox(Sandbox):
    """`extra` adds that many DAGs, to fill more than one page. `healthy` False says the scheduler is down.
    `broken` are files that Airflow cannot import: its DAGs are not listed any more."""

    USERNAME: ClassVar[str] = USERNAME
    PASSWORD: ClassVar[str] = PASSWORD
    TOKEN: ClassVar[str] = TOKEN

    def __init__(
        self,
        *,
        api: Literal["v1", "v2"] = "v2",
        version: str | None = None,
        extra: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        super().__init__(time_scale=time_scale)
        self.api: shapes.Api = api
        self.version = version or ("3.3.2" if api == "v2" else "2.11.2")
        self._cursors = api == "v2" and tuple(map(int, self.version.split(".")[:2])) >= (3, 3)
        self.healthy = True
        self.broken: list[str] = []
        self.logins = 0
        self.runs: list[Run] = []
        quick = sample_dags()[0]
        more = [Dag(f"filler_{n:03}", "Fills a page", quick.tasks) for n in range(extra)]
        self.dags = {dag.id: dag for dag in [*sample_dags(), *more]}
        self._tokens: dict[str, str] = {TOKEN: USERNAME}
        self._expired: set[str] = set()
        base = f"/api/{api}"
        run = base + "/dags/{dag}/dagRuns/{run}"
        task = run + "/taskInstances/{task}"
        open_to_all: dict[str, Answering] = {
            f"GET {base}/version": lambda _: {
                "version": self.version,
                "git_version": f".release:{'5a' * 20}",
            },
            f"GET {base}{'/monitor/health' if api == 'v2' else '/health'}": self._health,
        }
        guarded: dict[str, Answering] = {
            f"GET {base}/dags": self._list,
            f"GET {base}/importErrors": lambda _: {
                "import_errors": [
                    {"filename": name, "stack_trace": "SyntaxError: invalid syntax"} for name in self.broken
                ],
                "total_entries": len(self.broken),
            },
            f"GET {base}/dags/{{dag}}": lambda ask: shapes.dag(self._dag(ask), api),
            f"GET {base}/dags/{{dag}}/details": lambda ask: shapes.details(self._dag(ask), api, self.runs),
            f"PATCH {base}/dags/{{dag}}": self._pause,
            f"GET {base}/dags/{{dag}}/tasks": lambda ask: shapes.tasks(self._dag(ask), api),
            f"GET {base}/dags/{{dag}}/dagRuns": self._runs_of,
            f"POST {base}/dags/{{dag}}/dagRuns": self._trigger,
            f"GET {run}": lambda ask: shapes.run(self._run(ask), api),
            f"PATCH {run}": self._set_state,
            f"GET {run}/taskInstances": self._instances,
            f"GET {task}/logs/{{try}}": self._log,
            f"GET {task}/tries": self._tries,
            f"GET {task}/{{index}}/tries": self._tries,
            f"GET {task}/xcomEntries/return_value": self._xcom,
        }
        if api == "v1":
            guarded[f"PATCH {run}/setNote"] = self._set_note
        else:
            self.route("POST", "/auth/token", self._log_in)
        for named, answer in {**open_to_all, **guarded}.items():
            method, _, where = named.partition(" ")
            self._serve(method, where, answer, guarded=named in guarded)

    @classmethod
    def connection(cls, base_url: str) -> JsonObject:
        """The credentials of the connect call."""
        return {"baseUrl": base_url, "username": USERNAME, "password": PASSWORD}

    def expire_tokens(self) -> None:
        """Every login so far is answered 401 from now on, as after 24 hours."""
        self._expired |= self._tokens.keys() - {TOKEN}

    def forget_tokens(self) -> None:
        """Every login so far is answered 403 "Invalid JWT token", as after a reinstallation with another key."""
        self._tokens = {TOKEN: USERNAME}
        self._expired = set()

    # ------------------------------------------------------------ wire

    def _serve(self, method: str, where: str, answer: Answering, *, guarded: bool) -> None:
        async def handler(ask: Ask) -> Reply:
            try:
                if guarded:
                    self._authorize(ask)
                found = answer(ask)
            except Refused as refused:
                return wire.problem(self.api, refused)
            return found if isinstance(found, Reply) else Reply(200, found)

        self.route(method, where, handler)

    async def not_found(self, ask: Ask) -> Reply:
        if self.api == "v2" and ask.path.startswith("/api/v1"):
            said = "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead."
            return Reply(404, {"error": said})
        if self.api == "v2" and ask.path.startswith("/api/"):
            return Reply(404, {"error": "API route not found"})
        return Reply(404, text="<!DOCTYPE html><title>Airflow 404</title>", content_type="text/html")

    def _authorize(self, ask: Ask) -> None:
        kind, _, given = ask.headers.get("authorization", "").partition(" ")
        if kind == "Bearer" and given in self._tokens and given not in self._expired:
            user = self._tokens[given]
        elif self.api == "v1":
            pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
            if (kind, given) != ("Basic", pair):
                raise Refused(403, None)  # a stock 2.x takes strangers for the role Public
            user = USERNAME
        elif kind != "Bearer":
            raise Refused(401, "Not authenticated")
        elif given in self._expired:
            raise Refused(401, "Token Expired")
        else:
            raise Refused(403, "Invalid JWT token")
        if user == VIEWER and ask.method != "GET":
            raise Refused(403, "Forbidden")

    async def _log_in(self, ask: Ask) -> Reply:
        try:
            body: JsonValue = ask.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            return Reply(500, text="Internal Server Error")
        try:
            given = wire.read_login(body)
        except Refused as refused:
            return wire.problem(self.api, refused)
        known = (USERNAME, PASSWORD), (VIEWER, PASSWORD)
        if (given.username, given.password) not in known:
            return Reply(401, {"detail": "Invalid credentials"})
        self.logins += 1
        token = f"sandbox.jwt.{secrets.token_urlsafe(24)}"
        self._tokens[token] = given.username
        return Reply(201, {"access_token": token})

    # ------------------------------------------------------------ look-ups

    # What is missing is told in other words by nearly every endpoint.

    def _dag(self, ask: Ask, words: str = "The Dag with ID: `{0}` was not found") -> Dag:
        dag = self.dags.get(ask.params["dag"])
        if dag is None:
            raise Refused(404, words.format(ask.params["dag"]))
        return dag

    def _run(self, ask: Ask, words: str = "The DagRun with {0} was not found") -> Run:
        dag, ident = ask.params["dag"], ask.params["run"]
        run = self._known(dag, ident)
        if run is None:
            raise Refused(404, words.format(f"dag_id: `{dag}` and run_id: `{ident}`"))
        return run

    def _known(self, dag: str, ident: str) -> Run | None:
        return next((run for run in self.runs if run.dag.id == dag and run.id == ident), None)

    def _instance(self, ask: Ask, words: str) -> tuple[Run, Instance]:
        run = self._run(ask, words)
        found = run.of(ask.params["task"], int(ask.first("map_index", "-1") or -1))
        if found is None:
            raise Refused(404, words)
        return run, found

    # ------------------------------------------------------------ answers

    def _health(self, _: Ask) -> JsonValue:
        status, beat = "healthy" if self.healthy else "unhealthy", clock().replace("Z", "+00:00")
        parts: JsonObject = {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": status, "latest_scheduler_heartbeat": beat},
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        }
        if self.api == "v2":
            parts["dag_processor"] = {"status": "healthy", "latest_dag_processor_heartbeat": beat}
        return parts

    def _list(self, ask: Ask) -> JsonValue:
        live = sorted((dag for dag in self.dags.values() if not dag.stale), key=lambda dag: dag.id)
        return wire.page("dags", [shapes.dag(dag, self.api) for dag in live], ask, self.api)

    def _instances(self, ask: Ask) -> JsonValue:
        run = self._run(ask, "DagRun with {0} was not found")
        rows = [shapes.instance(run, each, self.api) for each in run.instances]
        return wire.page("task_instances", rows, ask, self.api, cursors=self._cursors)

    def _tries(self, ask: Ask) -> JsonValue:
        """All tries of one task in order, not paged. A mapped one wants its index in the path."""
        dag, ident, task = (ask.params[name] for name in ("dag", "run", "task"))
        index, run = int(ask.params.get("index", "-1")), self._known(dag, ident)
        found = run.of(task, index) if run else None
        if run is None or found is None:
            where = f"dag_id: `{dag}`, run_id: `{ident}`, task_id: `{task}` and map_index: `{index}`"
            raise Refused(404, f"The Task Instance with {where} was not found")
        return shapes.tries(run, found, self.api)

    def _runs_of(self, ask: Ask) -> JsonValue:
        dag, states = self._dag(ask), ask.all("state")
        found = [run for run in self.runs if run.dag is dag and (not states or run.state in states)]
        rows = [shapes.run(run, self.api) for run in sorted(found, key=lambda run: run.run_after)]
        return wire.page("dag_runs", rows, ask, self.api, cursors=self._cursors)

    def _log(self, ask: Ask) -> JsonValue | Reply:
        missing = "TaskInstance not found"
        (_, instance), attempt = self._instance(ask, missing), int(ask.params["try"])
        lines = instance.logs.get(attempt)
        accept = ask.headers.get("accept", "*/*")
        if self.api == "v1":
            text = wire.plain_log(lines) if lines is not None else "*** Could not read served logs: 404"
            return Reply(200, text=text, content_type="text/plain")
        if "text/" in accept:
            raise Refused(406, "Only application/json or application/x-ndjson is supported")
        if lines is None:
            raise Refused(404, missing)
        token = None if instance.state in DONE or instance.attempt > attempt else "eyJzYW5kYm94Ijp0cnVlfQ"
        return {"content": [*lines], "continuation_token": token}

    def _xcom(self, ask: Ask) -> JsonValue:
        missing = "XCom entry with key: `return_value` not found"
        run, instance = self._instance(ask, missing)
        if instance.state != "success" or instance.value is None or instance.task.operator.endswith("branch"):
            raise Refused(404, missing)
        as_text = self.api == "v1" and ask.first("stringify", "true") == "true"
        value = repr(instance.value) if as_text else instance.value
        return shapes.xcom(run, instance, value, self.api)

    # ------------------------------------------------------------ changes

    def _pause(self, ask: Ask) -> JsonValue:
        dag = self._dag(ask, "Dag with id: {0} was not found")
        dag.paused = bool(obj(ask.json()).get("is_paused"))
        self._schedule(dag)
        return shapes.dag(dag, self.api)

    def _set_note(self, ask: Ask) -> JsonValue:
        run = self._run(ask)
        run.note = str(obj(ask.json()).get("note"))
        return shapes.run(run, self.api)

    def _set_state(self, ask: Ask) -> JsonValue:
        """Airflow does as it is told even where the run has ended: the new state takes the place of the old."""
        body = wire.read_body(ask.json(), self.api, (), {"state", "note"} if self.api == "v2" else {"state"})
        run = self._run(ask)
        state, note = body.get("state"), body.get("note")
        if self.api == "v2" and "note" in body:
            run.note = note if isinstance(note, str) else None
        if state not in ("success", "failed"):
            return shapes.run(run, self.api)
        if run.state in ("queued", "running"):
            for each in run.instances:
                if each.state not in DONE:
                    each.close("failed" if each.state == "running" else "skipped")
            run.end(str(state))
            self._schedule(run.dag)
        run.state = str(state)
        return shapes.run(run, self.api)

    def _trigger(self, ask: Ask) -> JsonValue:
        try:
            body: JsonValue = ask.json() if "json" in ask.headers.get("content-type", "") else None
        except ValueError:
            body = None
        wanted = wire.read_trigger(body, self.api)
        missing = "Dag with dag_id: '{0}' not found"
        dag = self._dag(ask, missing)
        if dag.stale:
            raise Refused(404, missing.format(dag.id))
        conf = wire.conf_for(dag, wanted)
        run_id = wanted.run_id or f"manual__{clock().replace('Z', '+00:00')}"
        if self._known(dag.id, run_id):
            raise Refused(409, wire.duplicate(self.api, dag.id, run_id))
        logical = clock() if self.api == "v1" else wanted.logical_date
        run = Run(dag, run_id, conf, wanted.note, wanted.run_after or clock(), logical)
        self.runs.append(run)
        said = json.loads(json.dumps(shapes.run(run, self.api)))  # the scheduler comes after the answer
        if wanted.run_after is not None:
            self.spawn(self._later(run))
        self._schedule(dag)
        return said

    async def _later(self, run: Run) -> None:
        await self.nap(
            max((datetime.fromisoformat(run.run_after) - datetime.fromisoformat(clock())).total_seconds(), 0)
        )
        self._schedule(run.dag)

    def _schedule(self, dag: Dag) -> None:
        """Let the oldest queued runs begin, as many as the DAG allows at once."""
        runs = [run for run in self.runs if run.dag is dag]
        free = dag.max_active_runs - sum(run.state == "running" for run in runs)
        due = [run for run in runs if run.state == "queued" and run.run_after <= clock()]
        if dag.paused or not self.healthy:
            return
        for run in sorted(due, key=lambda run: run.run_after)[: max(free, 0)]:
            run.state, run.started = "running", clock()
            self.spawn(self._carry_out(run))

    async def _carry_out(self, run: Run) -> None:
        await carry_out(self, run)
        self._schedule(run.dag)
