"""The workflows of the n8n sandbox: each a graph, and what its nodes do."""

from __future__ import annotations

from providers.sandbox._n8n_sample import Failure, Run, Sample, hook, node, wires, workflow


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
        words = "The service refused the connection - perhaps it is offline"
        raise Failure("Call back", words, code="ECONNREFUSED")
    if status >= 300:
        raise Failure(
            "Call back", "The service was not able to process your request", str(status), code=str(status)
        )
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
    await run.wait("Wait", 1.5)
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
