"""The sandbox n8n speaks the wire of n8n 2.41.1: what was compared with a real server, and no provider test needs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from providers.sandbox._n8n_wire import API_KEY, MCP_TOKEN
from providers.sandbox.n8n import N8nSandbox
from tests.serving import served

API = "/api/v1"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(N8nSandbox(time_scale=0.3)) as url,
        httpx.AsyncClient(base_url=url, headers={"X-N8N-API-KEY": API_KEY}, trust_env=False) as client,
    ):
        yield client


async def execution(http: httpx.AsyncClient, ident: str, ready: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 10
    while True:
        found = (await http.get(f"{API}/executions/{ident}?includeData=true")).json()
        if ready(found):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


async def test_json_names_its_charset_and_refused_logins_no_type(http: httpx.AsyncClient) -> None:
    assert (await http.get(f"{API}/workflows")).headers["content-type"] == "application/json; charset=utf-8"
    refused = await http.post("/webhook/stock", json={})
    assert (refused.status_code, refused.text) == (403, "Authorization data is wrong!")
    assert "content-type" not in refused.headers


@pytest.mark.parametrize(("limit", "kind"), [("-1", "non-negative"), ("x", "valid")])
async def test_a_limit_that_is_none(http: httpx.AsyncClient, limit: str, kind: str) -> None:
    for path in ("workflows", "executions"):
        answer = await http.get(f"{API}/{path}?limit={limit}")
        words = f"request/query/limit Param `limit` must be a {kind} integer"
        assert (answer.status_code, answer.json()) == (400, {"message": words})


async def test_preflight(http: httpx.AsyncClient) -> None:
    asking = {"Origin": "http://x", "Access-Control-Request-Method": "POST"}
    known = await http.options("/webhook/greet", headers=asking)
    assert (known.status_code, known.headers["access-control-allow-methods"]) == (204, "OPTIONS, POST")
    assert "content-type" not in known.headers and "content-length" not in known.headers
    unknown = await http.options("/webhook/nope", headers=asking)
    assert (unknown.status_code, unknown.headers["content-type"]) == (500, "text/html; charset=utf-8")
    for fewer in ({}, {"Origin": "http://x"}):
        assert (await http.options("/webhook/nope", headers=fewer)).status_code == 204


async def test_a_failed_node_has_a_run_without_data_and_stays_on_the_stack(http: httpx.AsyncClient) -> None:
    await http.post("/webhook/charge", json={"n": 1})
    found = await execution(http, "1", lambda seen: seen["status"] == "error")
    runs = found["data"]["resultData"]["runData"]
    assert list(runs) == ["Webhook", "Charge card"] and "data" not in runs["Charge card"][0]
    assert runs["Charge card"][0]["error"]["node"]["typeVersion"] == 1
    (entry,) = found["data"]["executionData"]["nodeExecutionStack"]
    assert (entry["node"]["name"], entry["data"]["main"][0][0]["json"]["body"]) == ("Charge card", {"n": 1})
    assert found["workflowVersionId"] == "wfCharge-v1" and found["jsonSizeBytes"] > 0


async def test_a_waiting_execution_can_be_stopped_and_keeps_what_it_was(http: httpx.AsyncClient) -> None:
    await http.post("/webhook/approve", json={})
    found = await execution(http, "1", lambda seen: seen["status"] == "waiting")
    assert found["stoppedAt"] and found["data"]["waitTill"] == found["waitTill"]
    assert found["data"]["resultData"]["runData"]["Wait"][0]["executionStatus"] == "waiting"
    assert [e["node"]["name"] for e in found["data"]["executionData"]["nodeExecutionStack"]] == ["Wait"]
    stopped = (await http.post(f"{API}/executions/1/stop")).json()
    assert stopped.keys() == {"mode", "startedAt", "stoppedAt", "finished", "status"}
    found = await execution(http, "1", lambda seen: seen["status"] == "canceled")
    result = found["data"]["resultData"]
    assert result["error"]["name"] == "ManualExecutionCancelledError" and "Wait" in result["runData"]
    assert (await http.post(f"{API}/executions/1/stop")).status_code == 409


async def mcp(http: httpx.AsyncClient, arguments: dict[str, Any]) -> Any:
    answer = await http.post(
        "/mcp-server/http",
        headers={"Authorization": f"Bearer {MCP_TOKEN}", "Accept": "application/json, text/event-stream"},
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "execute_workflow", "arguments": arguments},
        },
    )
    return json.loads(answer.text.partition("data: ")[2])["result"]


async def test_mcp_without_a_token(http: httpx.AsyncClient) -> None:
    answer = await http.post("/mcp-server/http", json={})
    words = "Unauthorized: Authorization header not sent"
    assert (answer.status_code, answer.json()) == (401, {"message": words})


@pytest.mark.parametrize(
    ("flow", "more", "words"),
    [
        ("nope", {}, "Workflow not found"),
        ("wfPriceOrder", {}, "Workflow is not available in MCP."),
        ("wfGreet", {}, "Provide triggerNodeName and inputs"),
        (
            "wfGreet",
            {"inputs": {}},
            "Provide triggerNodeName when passing inputs. Available triggers: Webhook.",
        ),
        ("wfGreet", {"triggerNodeName": "zz"}, 'Trigger node "zz" was not found.'),
        ("wfGreet", {"triggerNodeName": "Webhook"}, 'Trigger node "Webhook" requires inputs matching'),
    ],
)
async def test_mcp_refuses_in_the_shape_of_a_start(
    http: httpx.AsyncClient, flow: str, more: dict[str, Any], words: str
) -> None:
    said = (await mcp(http, {"workflowId": flow, "executionMode": "production", **more}))["structuredContent"]
    assert (said["executionId"], said["status"]) == (None, "error")
    assert said["error"].startswith(words)
    assert (await http.get(f"{API}/executions")).json()["data"] == []


async def test_mcp_checks_arguments_first(http: httpx.AsyncClient) -> None:
    result = await mcp(http, {"workflowId": 3, "inputs": 4})
    (content,) = result["content"]
    assert result["isError"] is True and "structuredContent" not in result
    assert content["text"] == (
        "Input validation error: Invalid arguments for tool execute_workflow: "
        "workflowId: Expected string, received number, executionMode: Required, inputs: Invalid input"
    )
