"""n8n: what is listed and drawn, what a connection takes, and what of an execution becomes a result."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue, ValidationError

from providers import BadResponse, ExecutionState, JsonObject, Rejected, Unauthorized
from providers._n8n_graph import Definition
from providers._n8n_result import clean, output
from providers.n8n import N8n, N8nConnection
from providers.sandbox._n8n_wire import HEADER_AUTH
from providers.sandbox.n8n import N8nSandbox
from tests.providers.contract import all_workflows
from tests.providers.test_n8n import SCALE, described, opened, run
from tests.serving import served


@pytest.fixture
def server() -> N8nSandbox:
    return N8nSandbox(time_scale=SCALE)


@pytest.fixture
async def n8n(server: N8nSandbox) -> AsyncIterator[N8n]:
    async with opened(server) as provider:
        yield provider


# ---------------------------------------------------------------- list


async def test_list_pages_overlap_and_repeat_nothing_while_workflows_come_and_go() -> None:
    big = N8nSandbox(time_scale=SCALE, fillers=170)
    async with opened(big) as n8n:
        first = await n8n.list_workflows()
        assert first.cursor is not None
        kept = {w.id for w in first.items}
        gone = ["wfPriceOrder", "wfGreet", "wfIndex"]
        for ref in gone:  # everything behind moves up by three
            del big.samples[ref]
        rest: list[str] = []
        cursor: str | None = first.cursor
        while cursor:
            page = await n8n.list_workflows(cursor=cursor)
            rest += [w.id for w in page.items]
            cursor = page.cursor
        assert len(rest) == len(set(rest))
        assert not kept & set(rest)
        assert {w for w in big.samples if w != "wfOld"} <= kept | set(rest)


async def test_list_survives_a_page_too_large_to_read(server: N8nSandbox) -> None:
    """Every graph comes twice, and 100,000 values are the most that is read of one answer."""
    for ref in ("wfPriceOrder", "wfGreet", "wfIndex"):
        raw = server.samples[ref].raw
        raw["nodes"][1]["parameters"] = {"rows": [0] * 45_000}
    async with opened(server) as n8n:
        found = [w.id for w in await all_workflows(n8n)]
    assert len(found) == len(set(found)) == len(server.samples) - 1
    assert server.calls.count("GET /api/v1/workflows") > 3


async def test_list_refuses_a_foreign_cursor(n8n: N8n) -> None:
    with pytest.raises(Rejected):
        await n8n.list_workflows(cursor="no such cursor")


async def test_list_tells_trigger_tags_and_why_not_executable(n8n: N8n) -> None:
    found = {w.id: w for w in await all_workflows(n8n)}
    assert "wfOld" not in found
    order = found["wfPriceOrder"]
    assert (order.trigger.kind, order.trigger.method, order.trigger.path) == (
        "webhook",
        "POST",
        "price-order",
    )
    assert order.tags == ("sandbox", "orders") and order.active and order.executable and order.reason is None
    assert order.url is not None and order.url.endswith("/workflow/wfPriceOrder")
    assert not found["wfDraft"].executable and "not published" in (found["wfDraft"].reason or "")
    assert not found["wfNightly"].executable and "MCP" in (found["wfNightly"].reason or "")
    assert not found["wfCalled"].executable and "other n8n workflows" in (found["wfCalled"].reason or "")
    assert found["wfEdited"].trigger.method == "GET"
    assert (found["wfEdited"].trigger.path or "").startswith("5a5a0000")
    assert (found["wfLookup"].trigger.path or "").endswith("/orders/:orderId")


async def test_a_locked_webhook_without_its_value_says_so(server: N8nSandbox) -> None:
    async with opened(server, webhookAuth=[]) as n8n:
        stock = await described(n8n, "wfStock")
        assert not stock.executable and "sandbox headerAuth" in (stock.reason or "")
        with pytest.raises(Unauthorized) as caught:
            await n8n.execute("wfStock", {}, key="k")
        assert not caught.value.sent and server.seen == []
        ended = await run(n8n, "wfStock", {"order": 1}, headers={HEADER_AUTH[0]: HEADER_AUTH[1]})
        assert ended.state is ExecutionState.SUCCEEDED


# ---------------------------------------------------------------- preview


async def test_preview_shows_what_runs_and_marks_unpublished_changes(server: N8nSandbox, n8n: N8n) -> None:
    preview = await n8n.preview("wfEdited")
    assert [node.label for node in preview.nodes] == ["Webhook", "Edit"]
    assert preview.notes and "not published" in preview.notes[0]
    before = preview.fingerprint
    raw = server.samples["wfEdited"].raw
    raw["nodes"][1]["parameters"] = {"changed": "only the draft"}
    raw["activeVersion"] = json.loads(json.dumps(raw["activeVersion"]))
    raw["activeVersion"]["nodes"][0]["position"] = [999, 999]
    assert (await n8n.preview("wfEdited")).fingerprint == before
    raw["activeVersion"]["nodes"][1]["parameters"] = {"changed": "what runs"}
    assert (await n8n.preview("wfEdited")).fingerprint != before
    assert (await n8n.preview("wfPriceOrder")).notes == ()


async def test_preview_draws_branches_errors_positions_and_disabled_nodes(n8n: N8n) -> None:
    preview = await n8n.preview("wfRoute")
    names = {node.id: node.label for node in preview.nodes}
    edges = {(names[e.source], names[e.target], e.label, e.kind) for e in preview.edges}
    assert ("Large?", "Tell sales", "true", "main") in edges
    assert ("Large?", "Ignore", "false", "main") in edges
    assert ("Large?", "Log", "error", "error") in edges
    by_name = {node.label: node for node in preview.nodes}
    assert by_name["Old log"].disabled and not by_name["Log"].disabled
    assert by_name["Tell sales"].app == "slack"
    assert by_name["Tell sales"].position is not None and by_name["Tell sales"].position.x == 440


async def test_an_older_server_without_versions_shows_its_nodes() -> None:
    raw: JsonObject = {
        "id": "1",
        "name": "old",
        "active": True,
        "nodes": [{"name": "Start", "type": "n8n-nodes-base.cron"}],
    }
    definition = Definition(raw)
    assert definition.active and not definition.unpublished_changes
    assert [entry.kind for entry in definition.entries] == ["schedule"]


# ---------------------------------------------------------------- connection, results


def test_connection_takes_the_address_however_it_was_copied() -> None:
    def made(**more: JsonValue) -> N8nConnection:
        return N8nConnection.model_validate({"baseUrl": "https://n.example/p/api/v1/", "apiKey": "k"} | more)

    assert made().root == "https://n.example/p" and made().webhooks == "https://n.example/p/webhook"
    assert made(webhookBaseUrl="https://h.example").webhooks == "https://h.example/webhook"
    assert made(webhookBaseUrl="https://h.example/hooks/").webhooks == "https://h.example/hooks"
    incomplete: list[JsonObject] = [
        {"kind": "basic", "username": "u"},
        {"kind": "header", "name": "n"},
        {"kind": "jwt"},
    ]
    for broken in incomplete:
        with pytest.raises(ValidationError):
            made(webhookAuth=[broken])


async def test_not_an_n8n_is_said_plainly(server: N8nSandbox) -> None:
    async with opened(server) as n8n, served(N8nSandbox()) as url:
        wrong = N8nConnection.model_validate({"baseUrl": f"{url}/somewhere", "apiKey": "k"})
        with pytest.raises(BadResponse):
            await N8n(wrong, n8n.http).check()


def test_outputs_carry_no_headers_tokens_or_signatures() -> None:
    item: JsonValue = {
        "headers": {"authorization": "Bearer canary", "x-baton-key": "k"},
        "params": {},
        "query": {},
        "body": {
            "callbackUrl": "https://b.example/api/v1/orchestrator/callback/1?token=canary&x=1",
            "token": "canary",
            "n": [1],
        },
        "resumeToken": "canary",
        "resume": "https://n.example/webhook-waiting/43?signature=canary",
        "data": {"headers": {"kept": 1}, "token": "a result of its own"},
    }
    shown = clean(item, lambda text: text)
    assert "canary" not in json.dumps(shown)
    assert isinstance(shown, dict)
    assert shown["data"] == {"headers": {"kept": 1}, "token": "a result of its own"}
    assert shown["body"] == {
        "callbackUrl": "https://b.example/api/v1/orchestrator/callback/1?token=***&x=1",
        "n": [1],
    }


def test_output_of_a_loop_takes_the_last_run_and_says_what_binary_it_left() -> None:
    def ran(*items: JsonValue) -> JsonValue:
        return {"data": {"main": [None, [{"json": item, "binary": {"file": {}}} for item in items]]}}

    execution: JsonObject = {
        "data": {
            "resultData": {
                "lastNodeExecuted": "Save",
                "runData": {"Loop": [ran(1)], "Save": [ran("a"), ran("b", "c")]},
            }
        },
        "workflowData": {
            "nodes": [{"name": "Loop", "type": "x"}, {"name": "Save", "type": "x"}],
            "connections": {"Loop": {"main": [[{"node": "Save"}]]}},
        },
    }
    assert output(execution) == (["b", "c"], True)
    assert output({}) == (None, False)
