"""The workflows of the n8n sandbox: each a graph in n8n's own JSON, and what its nodes do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

Json = Any
HOOK = "webhook"


class Failure(Exception):
    """A node that fails, in n8n's words."""

    def __init__(self, node: str, message: str, description: str | None = None) -> None:
        super().__init__(message)
        self.node, self.message, self.description = node, message, description


class Run(Protocol):
    """What a workflow's script sees of its execution."""

    id: str
    call: dict[str, Json]

    @property
    def body(self) -> dict[str, Json]: ...
    def did(self, node: str, *items: Json, outlet: int = 0, after: str | None = None) -> None: ...
    def respond(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None: ...
    async def nap(self, seconds: float) -> None: ...
    async def wait(self, seconds: float) -> None: ...
    async def post(self, url: str, body: Json, headers: dict[str, str]) -> int: ...


Script = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Sample:
    raw: dict[str, Json]
    script: Script


def node(name: str, kind: str, place: int, parameters: Json = None, **more: Json) -> dict[str, Json]:
    full = kind if "." in kind else f"n8n-nodes-base.{kind}"
    slug = name.lower().replace(" ", "-")
    made: dict[str, Json] = {
        "id": f"{slug}-{place}",
        "name": name,
        "type": full,
        "typeVersion": 2,
        "position": [220 * place, 0],
        "parameters": parameters or {},
    }
    return made | more


def hook(
    path: str | None, mode: str, method: Json = "POST", auth: str | None = None, **options: Json
) -> dict[str, Json]:
    """A Webhook node; what n8n takes as its default is left out, as n8n does."""
    parameters: dict[str, Json] = {"options": options}
    if isinstance(method, list):
        parameters |= {"multipleMethods": True, "httpMethod": method}
    elif method != "GET":
        parameters["httpMethod"] = method
    if path:
        parameters["path"] = path
    if mode != "onReceived":
        parameters["responseMode"] = mode
    more: dict[str, Json] = {"webhookId": f"5a5a0000-0000-4000-8000-{abs(hash_of(path or 'none')):012d}"}
    if auth:
        parameters["authentication"] = auth
        kind = {"basicAuth": "httpBasicAuth", "headerAuth": "httpHeaderAuth", "jwtAuth": "jwtAuth"}[auth]
        more["credentials"] = {kind: {"id": "cred1", "name": f"sandbox {auth}"}}
    return node("Webhook", HOOK, 0, parameters, **more)


def hash_of(text: str) -> int:
    return sum(place * ord(char) for place, char in enumerate(text, 1)) % 10**12


def wires(*paths: str) -> dict[str, Json]:
    """`A>B>C` chains by the first outlet, `A:1>B` by the second."""
    found: dict[str, Json] = {}
    for path in paths:
        names = [part.strip() for part in path.split(">")]
        for source, target in pairwise(names):
            name, _, outlet = source.partition(":")
            outlets = found.setdefault(name, {"main": []})["main"]
            while len(outlets) <= int(outlet or 0):
                outlets.append([])
            outlets[int(outlet or 0)].append({"node": target.partition(":")[0], "type": "main", "index": 0})
    return found


def workflow(
    ref: str,
    name: str,
    nodes: list[dict[str, Json]],
    connections: dict[str, Json],
    script: Script,
    *,
    active: bool = True,
    tags: tuple[str, ...] = ("sandbox",),
    draft: dict[str, Json] | None = None,
    **settings: Json,
) -> Sample:
    """`draft` replaces parts of the editor's version and so makes unpublished changes."""
    nodes, connections = deepcopy(nodes), deepcopy(connections)
    published = {"versionId": f"{ref}-v1", "nodes": nodes, "connections": connections}
    raw: dict[str, Json] = {
        "id": ref,
        "name": name,
        "active": active,
        "isArchived": False,
        "versionId": f"{ref}-v1",
        "activeVersionId": f"{ref}-v1" if active else None,
        "triggerCount": 1,
        "createdAt": "2026-10-01T08:00:00.000Z",
        "updatedAt": "2026-10-02T09:30:00.000Z",
        "tags": [{"id": f"tag-{tag}", "name": tag} for tag in tags],
        "nodes": nodes,
        "connections": connections,
        "settings": {"executionOrder": "v1", **settings},
        "staticData": None,
        "pinData": None,
        "meta": None,
        "shared": [{"role": "workflow:owner", "projectId": "sandboxProject01"}],
        "activeVersion": published if active else None,
    }
    if draft:
        raw |= {"versionId": f"{ref}-v2", **deepcopy(draft)}
    return Sample(raw, script)


async def _price(run: Run) -> None:
    lines = run.body.get("lines") or [{"price": 19.5, "quantity": 2}]
    await run.nap(0.2)
    net = round(sum(float(line["price"]) * int(line.get("quantity", 1)) for line in lines), 2)
    run.did("Sum lines", {"net": net})
    run.did(
        "Add tax",
        {"order": run.body.get("order"), "net": net, "total": round(net * 1.2, 2), "currency": "EUR"},
    )


async def _greet(run: Run) -> None:
    shaped = {
        "greeting": f"hello {run.body.get('name') or 'nobody'}",
        "received": run.body,
        "executionId": run.id,
    }
    run.did("Shape", shaped)
    run.did("Respond", shaped)
    run.respond(200, shaped, {"X-N8N-Execution-Id": run.id})


async def _accept(run: Run) -> None:
    run.did("Accept", run.call)
    run.respond(202, {"accepted": True, "executionId": run.id, "token": run.body.get("token")})
    await run.nap(float(run.body.get("delaySeconds", 1)))
    if run.body.get("fail"):
        raise Failure("Work", "asked to fail")
    run.did("Work", {"upper": str(run.body.get("text", "")).upper()})


async def _index(run: Run) -> None:
    await run.nap(1)
    run.did("Split", {"part": 1}, {"part": 2})
    run.did("Store", {"part": 1, "stored": True}, {"part": 2, "stored": True})


async def _charge(run: Run) -> None:
    await run.nap(0.1)
    raise Failure("Charge card", "card declined: insufficient funds", "The bank refused the payment.")


async def _nightly(run: Run) -> None:
    run.did("Report", {"rows": 42})


async def _pack(run: Run) -> None:
    await run.nap(1.5)
    if run.body.get("fail"):
        raise Failure("Pack", "the box broke")
    result = {"parcel": "P-1001", "order": run.body.get("order"), "weightGrams": 750}
    run.did("Pack", result)
    url, token = str(run.body.get("callbackUrl", "")), str(run.body.get("token", ""))
    body = {"token": token, "status": "success", "executionId": run.id, "result": result}
    status = await run.post(url, body, {"X-Correlation-Token": token, "User-Agent": "n8n"})
    if status == 0:
        raise Failure("Call back", "The service refused the connection - perhaps it is offline")
    if status >= 300:
        raise Failure("Call back", "The service was not able to process your request", str(status))
    run.did("Call back", {"ok": True})


async def _slow(run: Run) -> None:
    for number in range(3):
        await run.nap(1)
        run.did("Epoch", {"epoch": number + 1})
    run.did("Model", {"model": "demand-2026", "accuracy": 0.93})


async def _echo(run: Run) -> None:
    run.did("Edit", {"saved": True, "order": run.body.get("order")})


async def _lookup(run: Run) -> None:
    run.did(
        "Find",
        {
            "orderId": run.call["params"].get("orderId"),
            "full": run.call["query"].get("full"),
            "state": "packed",
        },
    )


async def _count(run: Run) -> None:
    await run.nap(0.5)
    run.did("Count", {"visits": 7})


async def _branch(run: Run) -> None:
    run.did("Large?", run.call)
    run.did("Tell sales", {"told": "sales"}, after="Large?")
    run.did("Log", {"logged": True}, after="Webhook")


async def _approve(run: Run) -> None:
    await run.wait(1.5)
    run.did("Wait", run.call)
    run.did("Approved", {"approved": True})


async def _reject(run: Run) -> None:
    run.did("Check", {"error": "order 7 has no lines"})
    run.did("Respond", {"error": "order 7 has no lines"})
    run.respond(422, {"error": "order 7 has no lines"})


def samples() -> list[Sample]:
    set_, code, reply = "set", "code", "respondToWebhook"
    early = {"respondWith": "json", "options": {"responseCode": 202}}
    told = "={{ JSON.stringify({ executionId: $execution.id }) }}"
    back = {"method": "POST", "url": "={{ $('Webhook').first().json.body.callbackUrl }}"}
    every = {"rule": {"interval": [{"field": "days", "daysInterval": 1, "triggerAtHour": 3}]}}
    edit = [node("Edit", set_, 1)]
    return [
        workflow("wfPriceOrder", "Price an order", [hook("price-order", "lastNode"), node("Sum lines", code, 1), node("Add tax", set_, 2)],
                 wires("Webhook>Sum lines>Add tax"), _price, tags=("sandbox", "orders")),
        workflow("wfGreet", "Greet and answer", [hook("greet", "responseNode"), node("Shape", set_, 1), node("Respond", reply, 2)],
                 wires("Webhook>Shape>Respond"), _greet, availableInMCP=True),
        workflow("wfConvert", "Convert text (accepts first)", [hook("convert", "responseNode"), node("Accept", reply, 1, early), node("Work", code, 2)],
                 wires("Webhook>Accept>Work"), _accept),
        workflow("wfIndex", "Index documents (gives no id)", [hook("index", "onReceived"), node("Split", code, 1), node("Store", set_, 2)],
                 wires("Webhook>Split>Store"), _index),
        workflow("wfCharge", "Charge a card (fails)", [hook("charge", "lastNode"), node("Charge card", "stopAndError", 1)],
                 wires("Webhook>Charge card"), _charge),
        workflow("wfNightly", "Nightly report (schedule only)", [node("Every night", "scheduleTrigger", 0, every), node("Report", set_, 1)],
                 wires("Every night>Report"), _nightly, availableInMCP=True),
        workflow("wfPack", "Pack a parcel (calls back)", [hook("pack", "onReceived"), node("Pack", code, 1), node("Call back", "httpRequest", 2, back)],
                 wires("Webhook>Pack>Call back"), _pack, tags=("sandbox", "orders")),
        workflow("wfTrain", "Train a model (slow)", [hook("train", "onReceived", responseData=told), node("Epoch", code, 1), node("Model", set_, 2)],
                 wires("Webhook>Epoch>Model"), _slow),
        workflow("wfStock", "Update stock (header login)", [hook("stock", "lastNode", auth="headerAuth"), *edit], wires("Webhook>Edit"), _echo),
        workflow("wfPrices", "Update prices (basic login)", [hook("prices", "lastNode", auth="basicAuth"), *edit], wires("Webhook>Edit"), _echo),
        workflow("wfBilling", "Update billing (JWT login)", [hook("billing", "lastNode", auth="jwtAuth"), *edit], wires("Webhook>Edit"), _echo),
        workflow("wfDraft", "Unpublished draft", [hook("draft", "lastNode"), *edit], wires("Webhook>Edit"), _echo, active=False),
        workflow("wfEdited", "Edited since published", [hook(None, "lastNode", "GET"), *edit], wires("Webhook>Edit"), _echo,
                 draft={"nodes": [hook("edited", "lastNode"), *edit, node("New step", set_, 2)], "connections": wires("Webhook>Edit>New step")}),
        workflow("wfLookup", "Look up an order", [hook("orders/:orderId", "lastNode", "GET"), node("Find", code, 1)], wires("Webhook>Find"), _lookup),
        workflow("wfOld", "Archived long ago", [hook("old", "lastNode"), *edit], wires("Webhook>Edit"), _echo, active=False, draft={"isArchived": True}),
        workflow("wfCount", "Count visits (not saved)", [hook("count", "onReceived", responseData=told), node("Count", code, 1)],
                 wires("Webhook>Count"), _count, saveDataSuccessExecution="none"),
        workflow("wfRoute", "Route a lead", [hook("lead", "onReceived", ["POST", "PUT"]), node("Large?", "if", 1, onError="continueErrorOutput"),
                  node("Tell sales", "slack", 2), node("Ignore", "noOp", 2), node("Log", set_, 1), node("Old log", "airtable", 3, disabled=True)],
                 wires("Webhook>Large?>Tell sales", "Large?:1>Ignore", "Large?:2>Log", "Webhook>Log"), _branch),
        workflow("wfApprove", "Wait for approval", [hook("approve", "onReceived"), node("Wait", "wait", 1), node("Approved", set_, 2)],
                 wires("Webhook>Wait>Approved"), _approve),
        workflow("wfCalled", "Called by other workflows", [node("Called", "executeWorkflowTrigger", 0), *edit], wires("Called>Edit"), _echo),
        workflow("wfReject", "Check an order (refuses)", [hook("check", "responseNode"), node("Check", code, 1), node("Respond", reply, 2)],
                 wires("Webhook>Check>Respond"), _reject),
    ]  # fmt: skip
