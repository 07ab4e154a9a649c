"""Make in memory: scenarios of two teams, runs by API and by hook, history, and the odd answers of the real one.

Speaks `/api/v2` and the hooks at `/hook/{udid}`; what it says follows the documentation named in `providers/make.py`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import JsonValue

from providers._shape import obj, objects
from providers.sandbox._asgi import Ask, Handler, Reply, Sandbox
from providers.sandbox._make_scenarios import Scenario, scenarios

_SCOPES: list[JsonValue] = [
    "user:read",
    "organizations:read",
    "teams:read",
    "scenarios:read",
    "scenarios:write",
    "scenarios:run",
    "hooks:read",
]


@dataclass
class _Run:
    """One execution. It is answered 404 until `visible`, and stands in the history only when it has ended."""

    id: str
    scenario: Scenario
    payload: dict[str, Any]
    at: datetime
    instant: bool
    visible: bool = False
    status: str = "RUNNING"
    outputs: JsonValue = None
    error: dict[str, JsonValue] | None = None
    milliseconds: int = 0
    answered: Any = field(default=None)


class MakeSandbox(Sandbox):
    """`limited` answers that many next API calls with 429 (`limit_body`: a plain text, or JSON such as a pause); `page_cap`
    is the longest page whatever a caller asks; `lag` is the seconds (at scale 1) in which a fresh run is answered 404;
    `lost` makes runs stay invisible; `closed` are organizations that do not let tokens in; `refused` are teams in which the
    owner of the token has no rights."""

    API_KEY: ClassVar[str] = "5a1d0c7e-2b3f-4c4d-8e5f-60718293a4b5"
    LIMIT = "Requests limit for organization exceeded, please try again later."

    def __init__(self, *, time_scale: float = 1.0) -> None:
        super().__init__(time_scale=time_scale)
        self.scenarios: dict[int, Scenario] = {s.id: s for s in scenarios()}
        self.runs: dict[str, _Run] = {}
        self.page_cap = 50
        self.limited = 0
        self.limit_body: JsonValue = self.LIMIT
        self.lag = 0.4
        self.lost = False
        self.closed: set[int] = set()
        self.refused: set[int] = set()
        self.api("GET", "/users/me", self._me)
        self.api("GET", "/users/me/current-authorization", self._scopes)
        self.api("GET", "/organizations", self._organizations)
        self.api("GET", "/teams", self._teams)
        self.api("GET", "/scenarios", self._scenarios)
        self.api("GET", "/hooks", self._hooks)
        self.api("GET", "/hooks/{hook}", self._hook)
        self.api("GET", "/scenarios/{id}", self._scenario)
        self.api("GET", "/scenarios/{id}/blueprint", self._blueprint)
        self.api("GET", "/scenarios/{id}/interface", self._interface)
        self.api("POST", "/scenarios/{id}/run", self._run)
        self.api("GET", "/scenarios/{id}/executions/{execution}", self._execution)
        self.api("GET", "/scenarios/{id}/logs", self._logs)
        self.api("GET", "/scenarios/{id}/logs/{execution}", self._log)
        self.route("*", "/hook/{udid}", self._hooked)

    @classmethod
    def connection(cls, base_url: str) -> dict[str, JsonValue]:
        """The credentials of the connect call."""
        return {"baseUrl": f"{base_url}/api/v2", "apiKey": cls.API_KEY}

    def api(self, method: str, path: str, handler: Handler) -> None:
        async def guarded(ask: Ask) -> Reply:
            if ask.headers.get("user-agent", "Python-urllib").startswith("Python-urllib"):
                return Reply(403, text="error code: 1010")
            if ask.headers.get("authorization") != f"Token {self.API_KEY}":
                return _refuse(401, "Unauthorized", "Access denied.", "SC401")
            if self.limited > 0 and not path.endswith("/run"):
                self.limited -= 1
                if isinstance(self.limit_body, str):
                    return Reply(429, text=self.limit_body)
                return Reply(429, self.limit_body)
            if "{id}" in path and self._found(ask) is None:
                return _refuse(404, "Not Found", "Scenario was not found.", "IM404")
            return await handler(ask)

        self.route(method, f"/api/v2{path}", guarded)

    async def not_found(self, ask: Ask) -> Reply:
        return _refuse(404, "Not Found", "The endpoint does not exist.", "SC404")

    # ------------------------------------------------------------ reading

    async def _me(self, ask: Ask) -> Reply:
        user: JsonValue = {
            "id": 1,
            "name": "Sandbox",
            "email": "sandbox@make.test",
            "timezone": "Europe/Prague",
        }
        return Reply(json={"authUser": user})

    async def _scopes(self, ask: Ask) -> Reply:
        return Reply(json={"authorization": {"authUsed": "token", "scope": _SCOPES}})

    async def _organizations(self, ask: Ask) -> Reply:
        return self._page(
            ask, "organizations", [{"id": 5, "name": "North"}, {"id": 6, "name": "South"}], 10000
        )

    async def _teams(self, ask: Ask) -> Reply:
        number = int(ask.first("organizationId") or 0)
        if number in self.closed:
            detail = "Forbidden to use token authorization for this organization."
            return _refuse(403, "Permission denied", detail, "SC403")
        teams = {5: [(19, "Orders"), (20, "Reports")], 6: [(31, "Empty")]}.get(number, [])
        found: list[JsonValue] = [{"id": i, "name": n, "organizationId": number} for i, n in teams]
        return self._page(ask, "teams", found, 10000)

    async def _scenarios(self, ask: Ask) -> Reply:
        team = ask.first("teamId")
        if team is None and ask.first("organizationId") is None:
            return _refuse(400, "Bad Request", "Missing required parameter teamId or organizationId", "IM005")
        if team is not None and (int(team) not in (19, 20, 31) or int(team) in self.refused):
            return _refuse(403, "Permission denied", "Insufficient rights", "IM002")
        wanted = [s for s in self.scenarios.values() if team is None or s.team == int(team)]
        ordered = sorted(wanted, key=lambda s: s.id, reverse=ask.first("pg[sortDir]", "desc") == "desc")
        return self._page(ask, "scenarios", [s.shown() for s in ordered], 10)

    def _page(self, ask: Ask, key: str, found: list[JsonValue], default: int) -> Reply:
        limit = min(int(ask.first("pg[limit]") or default), self.page_cap)
        offset = int(ask.first("pg[offset]") or 0)
        pg: JsonValue = {
            "sortBy": "id",
            "limit": limit,
            "sortDir": "asc",
            "offset": offset,
            "returnTotalCount": False,
        }
        return Reply(json={key: found[offset : offset + limit], "pg": pg})

    async def _hooks(self, ask: Ask) -> Reply:
        team = int(ask.first("teamId") or 0)
        hooks = [
            _hook(s, ask.base_url) for s in self.scenarios.values() if s.hook is not None and s.team == team
        ]
        return Reply(json={"hooks": [*hooks]})

    async def _hook(self, ask: Ask) -> Reply:
        found = next((s for s in self.scenarios.values() if str(s.hook) == ask.params["hook"]), None)
        if found is None:
            return _refuse(404, "Not Found", "Hook was not found.", "IM404")
        return Reply(json={"hook": _hook(found, ask.base_url)})

    def _found(self, ask: Ask) -> Scenario | None:
        number = ask.params["id"]
        return self.scenarios.get(int(number)) if number.isdigit() else None

    def _of(self, ask: Ask) -> Scenario:
        return self.scenarios[int(ask.params["id"])]

    async def _scenario(self, ask: Ask) -> Reply:
        return Reply(json={"scenario": {**self._of(ask).shown(), "created": "2026-01-05T08:00:00.000Z"}})

    async def _blueprint(self, ask: Ask) -> Reply:
        scenario = self._of(ask)
        return Reply(
            json={
                "code": "OK",
                "response": {
                    "blueprint": scenario.blueprint(),
                    "scheduling": scenario.scheduling,
                    "idSequence": 20,
                    "created": "2026-01-05T08:00:00.000Z",
                    "concept": False,
                    "metadata": {"input_spec": scenario.inputs or [], "output_spec": scenario.outputs or []},
                },
            }
        )

    async def _interface(self, ask: Ask) -> Reply:
        scenario = self._of(ask)
        return Reply(json={"interface": {"input": scenario.inputs, "output": scenario.outputs}})

    # ------------------------------------------------------------ running

    async def _run(self, ask: Ask) -> Reply:
        scenario = self._of(ask)
        if not scenario.active:
            return _refuse(422, "Unprocessable Entity", "Scenario is not activated", "IM325")
        if scenario.busy:
            return _refuse(409, "Conflict", "Scenario is already being executed", "IM400")
        body = obj(ask.json())
        data = obj(body.get("data"))
        missing: list[JsonValue] = [
            {"message": f"Missing value of required parameter '{f['name']}'."}
            for f in objects(scenario.inputs)
            if f.get("required") and f["name"] not in data
        ]
        if missing:
            return Reply(400, {"message": "Validation failed", "code": "IM005", "suberrors": missing})
        run = self._begin(scenario, data if scenario.inputs else {}, instant=False)
        if url := body.get("callbackUrl"):
            done: JsonValue = {
                "executionId": run.id,
                "statusUrl": f"{ask.base_url}/api/v2/scenarios/{scenario.id}/executions/{run.id}",
            }
            self.spawn(self._work(run, str(url), done))
        else:
            self.spawn(self._work(run))
        return Reply(json={"executionId": run.id})

    async def _hooked(self, ask: Ask) -> Reply:
        found = next((s for s in self.scenarios.values() if s.udid == ask.params["udid"]), None)
        if found is None or found.hook is None:
            return Reply(410, text="Webhook not found.")
        if not found.active:
            return Reply(text="Accepted")  # queued until somebody switches the scenario on
        try:
            body: JsonValue = ask.json() if ask.body else {}
        except ValueError:
            return Reply(400, text="Bad request.")
        payload: dict[str, Any] = {**(obj(body) or {"value": body}), **dict(ask.query)}
        run = self._begin(found, payload, instant=True)
        url, token = payload.get("callbackUrl"), payload.get("correlationToken")
        if found.calls_back and url:
            result = dict[str, JsonValue](found.result(payload))
            self.spawn(
                self._work(run, str(url), {**result, **({"correlationToken": token} if token else {})})
            )
        else:
            self.spawn(self._work(run))
        if found.response is not None:
            await self.nap(found.seconds)
            return Reply(found.response[0], found.response[1])
        return Reply(text="Accepted")

    def _begin(self, scenario: Scenario, payload: Mapping[str, Any], *, instant: bool) -> _Run:
        run = _Run(secrets.token_hex(16), scenario, dict(payload), datetime.now(UTC), instant)
        self.runs[run.id] = run
        return run

    async def _work(self, run: _Run, callback: str | None = None, body: JsonValue = None) -> None:
        began = time.monotonic()
        await self.nap(self.lag)
        run.visible = not self.lost
        await self.nap(run.scenario.seconds)
        run.milliseconds = int((time.monotonic() - began) * 1000)
        if run.scenario.error is not None and run.scenario.ending != "SUCCESS":
            run.error = dict(run.scenario.error)
        if run.scenario.ending != "ERROR":
            run.outputs = run.scenario.result(run.payload)
        elif run.instant:
            run.scenario.active = False  # a webhook scenario is switched off after its first error
        if callback:
            await self.post(callback, body)
        run.status = run.scenario.ending

    def _seen(self, ask: Ask) -> _Run | None:
        run = self.runs.get(ask.params["execution"])
        return run if run is not None and run.visible and run.scenario.id == int(ask.params["id"]) else None

    async def _execution(self, ask: Ask) -> Reply:
        run = self._seen(ask)
        if run is None:
            return _refuse(404, "Not Found", "Execution was not found.", "IM404")
        if run.status == "RUNNING":
            return Reply(json={"status": "RUNNING"})
        outputs: dict[str, JsonValue] = {} if run.status == "ERROR" else {"outputs": run.outputs}
        error: dict[str, JsonValue] = {"error": run.error} if run.error else {}
        return Reply(json={"status": run.status, **outputs, **error})

    async def _logs(self, ask: Ask) -> Reply:
        scenario = self._of(ask)
        start = int(ask.first("from") or 0)
        rows = [
            _row(r)
            for r in self.runs.values()
            if r.scenario is scenario and r.visible and r.status != "RUNNING"
        ]
        edit = datetime.now(UTC)
        rows.append(
            {
                "id": "e" * 32,
                "imtId": "edit",
                "type": "modify",
                "timestamp": _iso(edit),
                "teamId": scenario.team,
            }
        )
        rows = [
            row for row in rows if datetime.fromisoformat(str(row["timestamp"])).timestamp() * 1000 >= start
        ]
        rows.sort(key=lambda row: str(row["timestamp"]), reverse=ask.first("pg[sortDir]", "desc") == "desc")
        limit = min(int(ask.first("pg[limit]") or 50), self.page_cap)
        pg: JsonValue = {
            "sortBy": "imtId",
            "sortDir": "desc",
            "last": None,
            "showLast": False,
            "limit": limit,
        }
        return Reply(json={"scenarioLogs": [*rows[:limit]], "pg": pg})

    async def _log(self, ask: Ask) -> Reply:
        run = self._seen(ask)
        if run is None or run.status == "RUNNING":
            return _refuse(404, "Not Found", "Execution was not found.", "IM404")
        return Reply(json={"scenarioLog": _row(run)})


def _row(run: _Run) -> dict[str, JsonValue]:
    row: dict[str, JsonValue] = {
        "imtId": f"{int(run.at.timestamp() * 1000)}_scenario.{run.scenario.id}.auto.{run.id}",
        "duration": run.milliseconds,
        "operations": 2,
        "centicredits": 200,
        "transfer": 5,
        "organizationId": 5,
        "teamId": run.scenario.team,
        "id": run.id,
        "type": "auto" if run.instant else "manual",
        "authorId": None,
        "instant": run.instant,
        "timestamp": _iso(run.at),
        "status": {"SUCCESS": 1, "WARNING": 2, "ERROR": 3}.get(run.status, 0),
    }
    return {**row, "error": run.error} if run.error else row


def _hook(scenario: Scenario, base_url: str) -> dict[str, JsonValue]:
    return {
        "id": scenario.hook,
        "name": f"Hook of {scenario.name}",
        "teamId": scenario.team,
        "udid": scenario.udid,
        "type": "web",
        "typeName": scenario.hook_kind,
        "queueCount": 0,
        "queueLimit": 10000,
        "enabled": True,
        "gone": False,
        "data": {},
        "scenarioId": scenario.id,
        "url": f"{base_url}/hook/{scenario.udid}",
    }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse(status: int, message: str, detail: str, code: str) -> Reply:
    return Reply(status, {"detail": detail, "message": message, "code": code})
