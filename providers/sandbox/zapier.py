"""Zapier in memory: webhooks, both editions of the Zap list, Zap runs by search, and a token endpoint.

One server stands for Zapier's three hosts; what it says follows the documentation named in `providers/zapier.py`.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs

from pydantic import JsonValue

from providers._shape import obj
from providers.sandbox._asgi import Ask, Handler, Reply, Sandbox

_FIRST = {
    "webhook": ("hook_v2", "READ", "Webhooks by Zapier", "Catch Hook"),
    "typeform": ("new_entry", "READ", "Typeform", "New Entry"),
}


@dataclass
class Zap:
    """`seconds` is how long a run takes at scale 1; `status` is what its row says in the end."""

    number: int
    title: str
    hook: str | None
    then: str = "Google Sheets"
    on: bool = True
    first: str = "webhook"
    seconds: float = 0.2
    status: str = "success"
    calls_back: bool = False
    result: Callable[[dict[str, JsonValue]], JsonValue] = field(default=lambda payload: {})

    @property
    def id(self) -> str:
        return f"00000000-0000-c000-8000-{self.number:012d}"


def _zaps() -> list[Zap]:
    def stored(payload: dict[str, JsonValue]) -> JsonValue:
        return {"row": 12, "order": payload.get("order")}

    return [
        Zap(104435701, "Store the order", "abc1st0", result=stored),
        Zap(104435702, "Monthly report (slow)", "abc2sl0", seconds=3.0, result=stored),
        Zap(104435703, "Book in the CRM (fails)", "abc3er0", then="Pipedrive", status="error"),
        Zap(
            104435704,
            "Ask, then call back",
            "abc4cb0",
            then="Webhooks by Zapier",
            seconds=1.0,
            calls_back=True,
        ),
        Zap(104435705, "Only large orders (filtered)", "abc5fi0", then="Filter by Zapier", status="filtered"),
        Zap(104435706, "Held by flood protection", "abc6he0", status="held"),
        Zap(104435707, "Handles its own error", "abc7eh0", status="error_handled", result=stored),
        Zap(104435708, "Switched off", "abc8of0", on=False),
        Zap(104435709, "Webhook nobody registered", "abc9un0"),
        Zap(104435710, "New form entry", None, first="typeform"),
    ]


@dataclass
class _Run:
    zap: Zap
    payload: dict[str, JsonValue]
    start: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    end: datetime | None = None
    output: JsonValue = None
    shown: bool = False


class ZapierSandbox(Sandbox):
    """`enveloped` wraps v2 lists in a one-element array, as the published pages do; `limited` answers that many next API
    calls with 429; `expire()` ends the access token, `revoke()` the refresh token too; `lag` is the seconds (at scale 1)
    until a run is listed; `page_cap` is the longest page; `closed` are paths answered 403 for want of a scope."""

    ACCESS_TOKEN: ClassVar[str] = "sandbox-zapier-access-0"
    REFRESH_TOKEN: ClassVar[str] = "sandbox-zapier-refresh-0"
    CLIENT_ID: ClassVar[str] = "sandbox-zapier-client"
    CLIENT_SECRET: ClassVar[str] = "sandbox-zapier-secret"
    ACCOUNT = "4821733"

    def __init__(self, *, time_scale: float = 1.0) -> None:
        super().__init__(time_scale=time_scale)
        self.zaps = {zap.number: zap for zap in _zaps()}
        self.runs: list[_Run] = []
        self.received: list[dict[str, JsonValue]] = []
        self.enveloped = True
        self.limited = 0
        self.lag = 0.3
        self.page_cap = 100
        self.closed: set[str] = set()
        self.renewals = 0
        self._access: str | None = self.ACCESS_TOKEN
        self._refresh: str | None = self.REFRESH_TOKEN
        self.api("/v1/profiles/me", self._profile)
        self.api("/v2/zaps", self._second)
        self.api("/v1/zaps", self._first)
        self.api("/v2/zap-runs", self._zap_runs)
        self.route("POST", "/oauth/token/", self._token)
        self.route("*", "/hooks/catch/{account}/{hook}/", self._catch)

    @classmethod
    def connection(cls, base_url: str) -> dict[str, JsonValue]:
        """The credentials of the connect call, with the partner API."""
        return {
            **cls.hooks_only(base_url),
            "accessToken": cls.ACCESS_TOKEN,
            "refreshToken": cls.REFRESH_TOKEN,
            "clientId": cls.CLIENT_ID,
            "clientSecret": cls.CLIENT_SECRET,
            "apiBaseUrl": base_url,
            "tokenUrl": f"{base_url}/oauth/token/",
        }

    @classmethod
    def hooks_only(cls, base_url: str) -> dict[str, JsonValue]:
        """The credentials of somebody without the partner API. One webhook is linked by its Zap's id, the others by title."""
        hooks: list[JsonValue] = []
        for zap in _zaps():
            if zap.hook is None or zap.number == 104435709:
                continue
            hook: dict[str, JsonValue] = {
                "name": zap.title,
                "url": f"https://hooks.zapier.com/hooks/catch/{cls.ACCOUNT}/{zap.hook}/",
            }
            if not hooks:
                hook |= {"name": "Orders", "zapId": zap.number}
            hooks.append(hook)
        return {"hooks": hooks, "hooksBaseUrl": base_url}

    def expire(self) -> None:
        self._access = None

    def revoke(self) -> None:
        self._access = self._refresh = None

    def api(self, path: str, handler: Handler) -> None:
        async def guarded(ask: Ask) -> Reply:
            if self._access is None or ask.headers.get("authorization") != f"Bearer {self._access}":
                return _problem(401, "not_authenticated", "Authentication credentials were not provided.")
            if path in self.closed:
                return _problem(
                    403, "permission_denied", "You do not have permission to perform this action."
                )
            if self.limited > 0:
                self.limited -= 1
                reply = _problem(429, "throttled", "Request was throttled.")
                return Reply(429, reply.json, headers={"Retry-After": "60", "X-RateLimit-Remaining": "0"})
            return await handler(ask)

        self.route("GET", path, guarded)

    async def not_found(self, ask: Ask) -> Reply:
        return _problem(404, "not_found", "Not found.")

    # ------------------------------------------------------------ tokens and lists

    async def _token(self, ask: Ask) -> Reply:
        basic = base64.b64encode(f"{self.CLIENT_ID}:{self.CLIENT_SECRET}".encode()).decode()
        if ask.headers.get("authorization") != f"Basic {basic}":
            return Reply(401, {"error": "invalid_client"})
        form = {name: values[0] for name, values in parse_qs(ask.body.decode()).items()}
        if form.get("grant_type") != "refresh_token":
            return Reply(400, {"error": "unsupported_grant_type"})
        if self._refresh is None or form.get("refresh_token") != self._refresh:
            return Reply(
                400, {"error": "invalid_grant", "error_description": "The refresh token is not valid."}
            )
        self.renewals += 1
        self._access = f"sandbox-zapier-access-{self.renewals}"
        self._refresh = f"sandbox-zapier-refresh-{self.renewals}"
        found: JsonValue = {
            "access_token": self._access,
            "refresh_token": self._refresh,
            "expires_in": 36000,
            "token_type": "Bearer",
            "scope": "profile zap zap:all zap:runs",
        }
        return Reply(json=found)

    async def _profile(self, ask: Ask) -> Reply:
        return Reply(
            json={"id": 7, "email": "sandbox@zapier.test", "full_name": "Sandbox", "timezone": "UTC"}
        )

    def _page(
        self, ask: Ask, found: list[JsonValue], default: int
    ) -> tuple[list[JsonValue], int, int, str | None]:
        limit = min(int(ask.first("limit") or default), self.page_cap)
        offset = int(ask.first("offset") or 0)
        more = offset + limit < len(found)
        link = f"https://api.zapier.com{ask.path}?limit={limit}&offset={offset + limit}" if more else None
        return found[offset : offset + limit], limit, offset, link

    def _list(self, ask: Ask, found: list[JsonValue]) -> Reply:
        page, limit, offset, link = self._page(ask, found, 10)
        meta: JsonValue = {"count": len(found), "limit": limit, "offset": offset}
        body: JsonValue = {"links": {"next": link, "prev": None}, "meta": meta, "data": page}
        return Reply(json=[body] if self.enveloped else body)

    async def _second(self, ask: Ask) -> Reply:
        expanded = ask.first("expand") == "steps.action"
        return self._list(ask, [_shown(zap, expanded=expanded) for zap in self.zaps.values()])

    async def _first(self, ask: Ask) -> Reply:
        found: list[JsonValue] = [_shown_v1(zap) for zap in self.zaps.values()]
        page, _, _, link = self._page(ask, found, 5)
        return Reply(json={"next": link, "previous": None, "count": len(found), "objects": page})

    async def _zap_runs(self, ask: Ask) -> Reply:
        search = (ask.first("search") or "").lower()
        since = datetime.fromisoformat(ask.first("from_date") or "2000-01-01T00:00:00Z")
        rows: list[JsonValue] = []
        for run in self.runs:
            row = _row(run)
            text = json.dumps([row["data_in"], row["data_out"], run.zap.title]).lower()
            if run.shown and search in text and run.start >= since:
                rows.append(row)
        return self._list(ask, rows[::-1])

    # ------------------------------------------------------------ webhooks

    async def _catch(self, ask: Ask) -> Reply:
        """The same success for everything: a Zap that is on, off, or not there at all."""
        number = str(uuid.uuid4())
        said: JsonValue = {"attempt": number, "id": number, "request_id": number, "status": "success"}
        try:
            body: JsonValue = json.loads(ask.body) if ask.body else {}
        except ValueError:
            body = {}
        payload: dict[str, JsonValue] = {**obj(body), **dict(ask.query)}
        self.received.append(payload)
        zap = next((z for z in self.zaps.values() if z.hook == ask.params["hook"]), None)
        if zap is not None and zap.on:
            run = _Run(zap, payload, datetime.now(UTC))
            self.runs.append(run)
            self.spawn(self._work(run))
        return Reply(json=said)

    async def _work(self, run: _Run) -> None:
        await self.nap(self.lag)
        run.shown = True
        await self.nap(run.zap.seconds)
        if run.zap.status in ("success", "error_handled"):
            run.output = run.zap.result(run.payload)
        url, token = run.payload.get("callbackUrl"), run.payload.get("correlationToken")
        if run.zap.calls_back and isinstance(url, str):
            body: dict[str, JsonValue] = {"approved": True, "order": run.payload.get("order")}
            await self.post(url, {**body, **({"correlationToken": token} if token else {})})
        run.end = None if run.zap.status == "held" else datetime.now(UTC)
        run.status = run.zap.status


def _steps(zap: Zap) -> list[tuple[str, str, str, str]]:
    return [_FIRST[zap.first], ("create_row", "WRITE", zap.then, f"Write to {zap.then}")]


def _shown(zap: Zap, *, expanded: bool) -> JsonValue:
    steps: list[JsonValue] = []
    for key, kind, _, title in _steps(zap):
        number = f"uag:{uuid.uuid5(uuid.NAMESPACE_URL, f'{zap.number}{key}')}"
        action: JsonValue = {
            "id": number,
            "key": key,
            "type": "action",
            "action_type": kind,
            "is_instant": kind == "READ",
            "title": title,
            "description": "",
            "app": str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
        }
        shown: JsonValue = action if expanded else number
        steps.append({"action": shown, "authentication": None, "inputs": {}, "title": None})
    return {
        "type": "zap",
        "id": zap.id,
        "is_enabled": zap.on,
        "last_successful_run_date": None,
        "updated_at": "2026-09-24T14:15:22Z",
        "title": zap.title,
        "links": {"html_editor": f"https://zapier.com/editor/{zap.number}?utm_source=partner"},
        "steps": steps,
    }


def _shown_v1(zap: Zap) -> JsonValue:
    steps: list[JsonValue] = []
    for _, kind, app, _ in _steps(zap):
        slug = "webhook" if app.startswith("Webhooks") else app.lower().replace(" ", "-")
        about: JsonValue = {"id": 1, "title": app, "slug": slug, "hex_color": "8bcbca", "api": "SandboxAPI"}
        steps.append({"type_of": kind.lower(), "app": about, "params": None})
    return {
        "id": zap.number,
        "title": zap.title,
        "state": "on" if zap.on else "off",
        "steps": steps,
        "url": f"https://zapier.com/editor/{zap.number}?utm_source=partner",
        "modified_at": "2026-09-24T09:38:11-05:00",
    }


def _row(run: _Run) -> dict[str, Any]:
    """`data_in` is any JSON type in the wild: here text that holds JSON, and `data_out` a value."""
    failed = "error" if run.status == "error" else "success"
    start = run.start.isoformat().replace("+00:00", "Z")
    return {
        "id": run.id,
        "zap_id": run.zap.number,
        "start_time": start,
        "end_time": run.end and run.end.isoformat().replace("+00:00", "Z"),
        "status": run.status,
        "zap_title": run.zap.title,
        "steps": [{"status": "success", "start_time": start}, {"status": failed, "start_time": start}],
        "data_in": json.dumps(run.payload),
        "data_out": run.output if run.output is not None else "",
    }


def _problem(status: int, code: str, detail: str) -> Reply:
    error: JsonValue = {"status": status, "code": code, "title": code, "detail": detail, "source": None}
    return Reply(status, {"errors": [error]})
