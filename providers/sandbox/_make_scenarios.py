"""The scenarios of the Make sandbox: one of every kind that a caller meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

Fields = list[JsonValue]
_ON_DEMAND: JsonValue = {"type": "on-demand"}
_INSTANT: JsonValue = {"type": "immediately"}


@dataclass
class Scenario:
    """`seconds` is how long a run takes at scale 1; `ending` its status; `response` what a Webhook response module answers."""

    id: int
    name: str
    team: int = 19
    scheduling: JsonValue = None
    active: bool = True
    hook: int | None = None
    hook_kind: str = "gateway-webhook"
    inputs: Fields | None = None
    outputs: Fields | None = None
    seconds: float = 0.2
    ending: str = "SUCCESS"
    error: dict[str, JsonValue] | None = None
    response: tuple[int, JsonValue] | None = None
    calls_back: bool = False
    busy: bool = False
    result: Callable[[dict[str, Any]], dict[str, JsonValue]] = lambda payload: {}
    modules: Callable[[], list[JsonValue]] | None = None

    @property
    def udid(self) -> str:
        return f"{self.id:032x}".replace("0", "q")

    def shown(self) -> dict[str, JsonValue]:
        user: JsonValue = {"id": 11, "name": "Ada", "email": "ada@make.test"}
        return {
            "id": self.id,
            "name": self.name,
            "teamId": self.team,
            "hookId": self.hook,
            "concept": False,
            "description": "",
            "folderId": 7 if self.team == 20 else None,
            "isinvalid": False,
            "islinked": self.active,
            "isActive": self.active,
            "islocked": False,
            "isPaused": False,
            "usedPackages": ["gateway"] if self.hook else ["scenario-service"],
            "lastEdit": "2026-09-17T08:37:27.619Z",
            "scheduling": self.scheduling,
            "iswaiting": False,
            "dlqCount": 0,
            "createdByUser": user,
            "updatedByUser": user,
            "nextExec": None,
        }

    def blueprint(self) -> dict[str, JsonValue]:
        zone: JsonValue = {"instant": self.hook is not None, "version": 1, "designer": {"orphans": []}}
        return {"name": self.name, "flow": (self.modules or self._two)(), "metadata": zone}

    def _two(self) -> list[JsonValue]:
        first = "gateway:CustomWebHook" if self.hook else "scenario-service:StartSubscenario"
        last = "http:ActionSendData" if self.calls_back else "util:ComposeTransformer"
        trigger = module(1, first, 0, 0)
        trigger |= {"parameters": {"hook": self.hook}} if self.hook else {}
        return [trigger, module(2, last, 300, 0)]


def module(number: int, kind: str, x: int, y: int, name: str | None = None) -> dict[str, JsonValue]:
    designer: dict[str, JsonValue] = {"x": x, "y": y, **({"name": name} if name else {})}
    return {"id": number, "module": kind, "version": 1, "mapper": {}, "metadata": {"designer": designer}}


def _routed() -> list[JsonValue]:
    """A router with a filter, an error handler and a dead end, behind an If-else whose branches merge."""
    rule: JsonValue = {
        "name": "EU only",
        "conditions": [[{"a": "{{1.region}}", "o": "text:equal", "b": "EU"}]],
    }
    ignore: JsonValue = [module(9, "builtin:Ignore", 1500, 300)]
    known: dict[str, JsonValue] = {"merge": True, "label": "Known", "type": "condition"}
    known["flow"] = [module(5, "datastore:GetRecord", 600, -150)]
    otherwise: dict[str, JsonValue] = {
        "merge": True,
        "disabled": False,
        "label": "",
        "type": "else",
        "flow": [],
    }
    slack = module(3, "slack:CreateMessage", 1500, -150, "Tell sales")
    slack |= {"filter": rule, "onerror": ignore}
    sheet = module(4, "google-sheets:addRow", 1500, 150)
    sheet["mapper"] = {"token": "{{1.secret}}"}
    closed: dict[str, JsonValue] = {"flow": [sheet], "disabled": True}
    routes: JsonValue = [{"flow": [slack]}, closed, {"flow": []}]
    return [
        module(1, "scenario-service:StartSubscenario", 0, 0, "Start"),
        {**module(2, "builtin:BasicIfElse", 300, 0), "mapper": None, "branches": [known, otherwise]},
        module(8, "builtin:BasicMerge", 900, 0),
        {**module(6, "builtin:BasicRouter", 1200, 0), "mapper": None, "routes": routes},
    ]


def scenarios() -> list[Scenario]:
    lead: Fields = [
        {
            "name": "email",
            "type": "text",
            "label": "E-mail",
            "default": None,
            "required": True,
            "multiline": False,
        },
        {"name": "amount", "type": "number", "default": 0, "required": False},
        {"name": "tags", "type": "array", "spec": {"type": "text"}, "required": False},
        {
            "name": "region",
            "type": "select",
            "options": [{"label": "Europe", "value": "EU"}, {"value": "US"}],
        },
    ]
    total: Fields = [{"name": "score", "type": "number"}, {"name": "email", "type": "text"}]
    crm: dict[str, JsonValue] = {
        "name": "RuntimeError",
        "message": "The price is negative.",
        "causeModule": {"name": "Add a Row", "appName": "Google Sheets"},
    }

    def score(payload: dict[str, Any]) -> dict[str, JsonValue]:
        return {"score": 42, "email": payload.get("email")}

    def report(payload: dict[str, Any]) -> dict[str, JsonValue]:
        return {"rows": 3, "order": payload.get("order")}

    free: Fields = [{"name": "order", "type": "any", "required": False}]
    return [
        Scenario(
            101,
            "Enrich a lead",
            scheduling=_ON_DEMAND,
            inputs=lead,
            outputs=total,
            result=score,
            modules=_routed,
        ),
        Scenario(
            102, "Build the report (slow)", scheduling=_ON_DEMAND, inputs=free, seconds=3.0, result=report
        ),
        Scenario(
            103, "Book the invoice (fails)", scheduling=_ON_DEMAND, inputs=free, ending="ERROR", error=crm
        ),
        Scenario(
            104,
            "Sync stock (warns)",
            scheduling=_ON_DEMAND,
            inputs=free,
            ending="WARNING",
            error=crm,
            result=report,
        ),
        Scenario(105, "Old import (switched off)", scheduling=_ON_DEMAND, active=False, inputs=free),
        Scenario(106, "Order webhook", scheduling=_INSTANT, hook=58, result=report),
        Scenario(
            107,
            "Order webhook, calls back",
            scheduling=_INSTANT,
            hook=59,
            seconds=1.0,
            calls_back=True,
            result=report,
        ),
        Scenario(108, "Hourly digest", scheduling={"type": "indefinitely", "interval": 3600}, result=report),
        Scenario(
            109, "Quote, answers at once", scheduling=_INSTANT, hook=60, response=(200, {"price": 12.5})
        ),
        Scenario(110, "Webhook that fails", scheduling=_INSTANT, hook=61, ending="ERROR", error=crm),
        Scenario(111, "On new mail", scheduling=_INSTANT, hook=62, hook_kind="gateway-mailhook"),
        Scenario(112, "Old webhook (switched off)", scheduling=_INSTANT, hook=63, active=False),
        Scenario(113, "On a new row", scheduling=_INSTANT),
        Scenario(
            201, "Copy an order", team=20, scheduling=_ON_DEMAND, inputs=free, outputs=free, result=report
        ),
        Scenario(202, "One at a time", team=20, scheduling=_ON_DEMAND, inputs=free, busy=True),
    ]
