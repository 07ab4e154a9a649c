"""The n8n provider against a real n8n: what its sandbox promises, the real server keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from providers import Execution, ExecutionState, JsonObject, Rejected, RemoteNotFound, Unauthorized, now
from providers.n8n import N8n
from tests.live.conftest import opened
from tests.live.following import ended, eventually, listed, poll_until
from tests.live.platforms import Client
from tests.live.platforms.n8n import N8nPeer
from tests.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as found:
        yield found


def ref(n8n: N8nPeer, name: str) -> str:
    return n8n.workflows[name].id


def linked(n8n: N8nPeer, execution: Execution, name: str) -> bool:
    """Tied to one execution of this workflow, with its page for people."""
    page = f"{n8n.base_url}/workflow/{ref(n8n, name)}/executions/{execution.id}"
    return (execution.match, execution.url, execution.workflow_id) == ("exact", page, ref(n8n, name))


async def test_the_connection_is_proven(n8n: N8nPeer, n8n_provider: N8n) -> None:
    account = await n8n_provider.check()
    assert account.workflows == len(n8n.workflows)
    assert account.warnings == ()
    assert account.label == f"n8n at {n8n.base_url.removeprefix('http://')}"


async def test_a_wrong_key_is_refused(n8n: N8nPeer) -> None:
    async with opened(N8n, {"baseUrl": n8n.base_url, "apiKey": "wrong-key-canary"}) as provider:
        with pytest.raises(Unauthorized) as caught:
            await provider.check()
    assert (caught.value.code, caught.value.status) == ("unauthorized", 401)


async def test_every_workflow_is_listed_once(n8n: N8nPeer, n8n_provider: N8n) -> None:
    (page,) = await listed(n8n_provider)
    found = {flow.name: flow for flow in page.items}
    assert {name: flow.id for name, flow in found.items()} == {
        name: flow.id for name, flow in n8n.workflows.items()
    }
    assert all(flow.active and flow.updated_at for flow in page.items)
    assert {flow.name for flow in page.items if not flow.executable} == {"schedule-only", "mcp-schedule"}
    assert "n8n's own clock starts it" in (found["schedule-only"].reason or "")
    assert found["schedule-only"].trigger.kind == "schedule"
    trigger = found["sync-answer"].trigger
    assert (trigger.kind, trigger.method, trigger.path) == ("webhook", "POST", "live-sync-answer")


@pytest.mark.parametrize("overlap", [0, 2])
async def test_pages_repeat_and_lose_nothing(
    n8n: N8nPeer, n8n_provider: N8n, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    monkeypatch.setattr("providers.n8n._PAGE", 3)
    monkeypatch.setattr("providers.n8n._OVERLAP", overlap or 3)
    pages = await listed(n8n_provider)
    assert len(pages) >= 4
    found = [flow.id for page in pages for flow in page.items]
    assert sorted(found) == sorted(flow.id for flow in n8n.workflows.values())


async def test_every_preview_shows_the_graph_that_runs(n8n: N8nPeer, n8n_provider: N8n) -> None:
    for name, flow in n8n.workflows.items():
        preview = await n8n_provider.preview(flow.id)
        assert preview.workflow.name == name
        assert len(preview.edges) == len(preview.nodes) - 1, "every sample is one line of nodes"
        assert {edge.source for edge in preview.edges} < {node.id for node in preview.nodes}
        assert all(node.position for node in preview.nodes)
        assert preview.notes == ()
        assert (await n8n_provider.preview(flow.id)).fingerprint == preview.fingerprint
    preview = await n8n_provider.preview(ref(n8n, "async-callback"))
    assert [(node.label, node.app) for node in preview.nodes] == [
        ("Webhook", "webhook"),
        ("Wait", "wait"),
        ("Result", "set"),
        ("Call back", "httpRequest"),
    ]


async def test_a_synchronous_answer_is_the_result(n8n: N8nPeer, n8n_provider: N8n) -> None:
    begun = await n8n_provider.execute(ref(n8n, "sync-answer"), {"name": "Ada"}, key="sync/1")
    done = await ended(n8n_provider, begun)
    assert done.state is ExecutionState.SUCCEEDED
    assert done.output == {"greeting": "hello Ada", "received": {"name": "Ada"}, "executionId": done.id}
    assert linked(n8n, done, "sync-answer")
    assert done.started_at and done.finished_at and done.started_at <= done.finished_at


async def test_an_early_answer_with_an_id_is_followed_to_the_end(n8n: N8nPeer, n8n_provider: N8n) -> None:
    payload: JsonObject = {"text": "abc", "numbers": [1, 2], "delaySeconds": 1}
    begun = await n8n_provider.execute(ref(n8n, "async-accepted"), payload, key="accepted/1")
    assert begun.state is ExecutionState.RUNNING
    assert linked(n8n, begun, "async-accepted")
    done = await ended(n8n_provider, begun)
    assert (done.state, done.id) == (ExecutionState.SUCCEEDED, begun.id)
    assert done.output == {"upper": "ABC", "numbers": [1, 2]}


async def test_a_start_without_an_id_is_found_by_our_mark_among_others(
    n8n: N8nPeer, n8n_provider: N8n, receiver: Receiver
) -> None:
    flow = ref(n8n, "async-callback")
    begun = [
        await n8n_provider.execute(
            flow,
            {"callbackUrl": f"{receiver.url}/ok", "token": f"tok-{n}", "numbers": [n], "delaySeconds": 1},
            key=f"received/{n}",
        )
        for n in range(3)
    ]
    done = [await ended(n8n_provider, execution) for execution in begun]
    assert [execution.output for execution in done] == [{"sum": n, "count": 1} for n in range(3)]
    assert all(linked(n8n, execution, "async-callback") for execution in done)
    assert len({execution.id for execution in done}) == 3
    sent = {
        got.headers["x-correlation-token"]: body
        for got, body in zip(receiver.got, receiver.bodies, strict=True)
    }
    assert {token: body["executionId"] for token, body in sent.items()} == {
        f"tok-{n}": execution.id for n, execution in enumerate(done)
    }


async def test_a_cut_off_start_is_found_again_by_its_key(n8n: N8nPeer, n8n_provider: N8n) -> None:
    since = now() - timedelta(seconds=1)
    flow = ref(n8n, "async-accepted")
    begun = await n8n_provider.execute(flow, {"delaySeconds": 0.1}, key="crashed/1")
    await n8n_provider.execute(flow, {"delaySeconds": 0.1}, key="crashed/2")
    found = await n8n_provider.find(flow, key="crashed/1", since=since)
    assert found is not None
    assert (found.id, found.match) == (begun.id, "exact")
    assert await n8n_provider.find(flow, key="crashed/3", since=since) is None
    assert (await ended(n8n_provider, found)).state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize(
    ("name", "message"), [("failing", "boom: live"), ("async-failing", "boom: accepted")]
)
async def test_a_failure_has_the_workflow_s_own_words(
    n8n: N8nPeer, n8n_provider: N8n, name: str, message: str
) -> None:
    begun = await n8n_provider.execute(ref(n8n, name), {}, key=f"{name}/1")
    done = await ended(n8n_provider, begun)
    assert done.state is ExecutionState.FAILED
    assert linked(n8n, done, name)
    assert done.error is not None
    assert (done.error.message, done.error.where, done.error.code) == (message, "Boom", "remote-failed")


async def test_a_guarded_webhook_takes_our_header(n8n: N8nPeer, n8n_provider: N8n) -> None:
    done = await ended(
        n8n_provider, await n8n_provider.execute(ref(n8n, "header-auth"), {"a": 1}, key="header/1")
    )
    assert done.state is ExecutionState.SUCCEEDED
    assert done.output == {"allowed": True, "received": {"a": 1}, "executionId": done.id}
    assert linked(n8n, done, "header-auth")


async def test_a_guarded_webhook_without_its_header_starts_nothing(n8n: N8nPeer) -> None:
    bare: JsonObject = {"baseUrl": n8n.base_url, "apiKey": n8n.api_key}
    auth: JsonObject = {"kind": "header", "name": n8n.header_auth[0], "value": "wrong-value-canary"}
    wrong: JsonObject = {**bare, "webhookAuth": [auth]}
    flow = ref(n8n, "header-auth")
    async with opened(N8n, bare) as provider:
        shown = (await provider.preview(flow)).workflow
        assert not shown.executable
        assert "header authentication (credential “live header”)" in (shown.reason or "")
        with pytest.raises(Rejected) as unsent:
            await provider.execute(flow, {}, key="header/2")
    async with opened(N8n, wrong) as provider:
        with pytest.raises(Unauthorized) as refused:
            await provider.execute(flow, {}, key="header/3")
        assert await provider.find(flow, key="header/3", since=now() - timedelta(minutes=1)) is None
    assert (unsent.value.sent, refused.value.sent, refused.value.code) == (False, False, "forbidden")


async def test_what_has_no_webhook_is_not_started(n8n: N8nPeer, n8n_provider: N8n) -> None:
    with pytest.raises(Rejected) as caught:
        await n8n_provider.execute(ref(n8n, "schedule-only"), {}, key="schedule/1")
    assert caught.value.sent is False
    assert "n8n's own clock starts it" in caught.value.message


async def test_a_stopped_execution_reads_cancelled(n8n: N8nPeer, n8n_provider: N8n) -> None:
    begun = await n8n_provider.execute(ref(n8n, "async-accepted"), {"delaySeconds": 50}, key="stop/1")
    running = await poll_until(n8n_provider, begun, lambda seen: seen.state is ExecutionState.RUNNING)
    assert "asked to stop" in await n8n_provider.cancel(running)
    stopped = await ended(n8n_provider, running)
    assert stopped.state is ExecutionState.CANCELLED
    assert "ended" in await n8n_provider.cancel(running)


async def test_a_long_wait_reads_waiting(n8n: N8nPeer, n8n_provider: N8n) -> None:
    begun = await n8n_provider.execute(ref(n8n, "async-accepted"), {"delaySeconds": 300}, key="wait/1")
    waiting = await poll_until(n8n_provider, begun, lambda seen: seen.state is ExecutionState.WAITING)
    assert "waits until" in (waiting.note or "")
    await n8n_provider.cancel(waiting)
    assert (await ended(n8n_provider, waiting)).state is ExecutionState.CANCELLED


async def test_an_id_in_the_immediate_answer_ties_exactly(n8n: N8nPeer, n8n_provider: N8n) -> None:
    begun = await n8n_provider.execute(ref(n8n, "received-id"), {"a": [1]}, key="received-id/1")
    assert linked(n8n, begun, "received-id")
    done = await ended(n8n_provider, begun)
    assert (done.state, done.output) == (ExecutionState.SUCCEEDED, {"received": {"a": [1]}})


async def test_path_parts_and_query_come_from_the_payload(n8n: N8nPeer, n8n_provider: N8n) -> None:
    flow = ref(n8n, "path-parts")
    with pytest.raises(Rejected, match="'line'") as caught:
        await n8n_provider.execute(flow, {"order": "A 1"}, key="path/1")
    assert caught.value.sent is False
    done = await ended(
        n8n_provider, await n8n_provider.execute(flow, {"order": "A ü1", "line": 7}, key="path/2")
    )
    assert done.output == {
        "params": {"order": "A ü1", "line": "7"},
        "query": {"order": "A ü1", "line": "7"},
    }
    assert linked(n8n, done, "path-parts")


async def test_an_execution_that_is_not_saved_ends_well(n8n: N8nPeer, n8n_provider: N8n) -> None:
    begun = await n8n_provider.execute(ref(n8n, "unsaved"), {"delaySeconds": 1}, key="unsaved/1")
    assert linked(n8n, begun, "unsaved")
    done = await ended(n8n_provider, begun)
    assert (done.state, done.output) == (ExecutionState.SUCCEEDED, None)
    assert "does not keep" in (done.warning or "")


async def test_mcp_starts_what_no_webhook_can(n8n: N8nPeer, n8n_credentials: JsonObject) -> None:
    async with opened(N8n, n8n_credentials | {"mcpToken": n8n.mcp_token}) as provider:
        assert (await provider.check()).warnings == ()
        for name, output in (("mcp-schedule", {"report": "done"}), ("mcp-webhook", {"received": {"a": 1}})):
            assert (await provider.preview(ref(n8n, name))).workflow.executable
            begun = await provider.execute(ref(n8n, name), {"a": 1}, key=f"{name}/1")
            assert linked(n8n, begun, name)
            done = await ended(provider, begun)
            assert (done.state, done.output) == (ExecutionState.SUCCEEDED, output)
        since = now() - timedelta(minutes=1)
        found = await provider.find(ref(n8n, "mcp-webhook"), key="mcp-webhook/1", since=since)
        assert found is not None and found.match == "exact"


async def test_a_wrong_mcp_token_is_a_warning(n8n: N8nPeer, n8n_credentials: JsonObject) -> None:
    async with opened(N8n, n8n_credentials | {"mcpToken": "wrong-token-canary"}) as provider:
        (warning,) = (await provider.check()).warnings
        assert "MCP access token does not work" in warning
        # Its webhook starts it all the same.
        begun = await provider.execute(ref(n8n, "mcp-webhook"), {"a": 2}, key="mcp-webhook/2")
        assert "Started by webhook" in (begun.note or "")
        assert (await ended(provider, begun)).output == {"received": {"a": 2}}


async def test_a_draft_is_shown_and_not_started(n8n: N8nPeer, n8n_provider: N8n) -> None:
    client = Client(n8n.base_url, {"X-N8N-API-KEY": n8n.api_key})
    flow = client.need("GET", f"/api/v1/workflows/{ref(n8n, 'sync-answer')}")
    definition = {name: flow[name] for name in ("name", "nodes", "connections", "settings")} | {
        "name": "draft"
    }
    made = str(client.need("POST", "/api/v1/workflows", definition)["id"])
    try:
        shown = (await n8n_provider.preview(made)).workflow
        assert (shown.active, shown.executable) == (False, False)
        assert "not published" in (shown.reason or "")
        with pytest.raises(Rejected, match="not published"):
            await n8n_provider.execute(made, {}, key="draft/1")
        client.need("POST", f"/api/v1/workflows/{made}/archive", {})
        assert made not in {flow.id for page in await listed(n8n_provider) for flow in page.items}
    finally:
        client.need("DELETE", f"/api/v1/workflows/{made}")
    with pytest.raises(RemoteNotFound):
        await n8n_provider.preview(made)


async def test_unpublished_changes_are_noted_and_not_drawn(n8n: N8nPeer, n8n_provider: N8n) -> None:
    client = Client(n8n.base_url, {"X-N8N-API-KEY": n8n.api_key})
    flow = client.need("GET", f"/api/v1/workflows/{ref(n8n, 'received-id')}")
    flow["nodes"][0]["parameters"]["path"] = "live-edited"
    definition = {name: flow[name] for name in ("nodes", "connections", "settings")} | {"name": "edited"}
    made = str(client.need("POST", "/api/v1/workflows", definition)["id"])
    place = f"/api/v1/workflows/{made}"
    client.need("POST", f"{place}/activate", {})
    try:
        before = await n8n_provider.preview(made)
        shorter = {**definition, "nodes": flow["nodes"][:1], "connections": dict[str, Any]()}
        client.need("PUT", f"{place}?publishIfActive=false", shorter)
        drafted = await n8n_provider.preview(made)
        assert (before.notes, len(before.nodes)) == ((), 2)
        assert (drafted.nodes, drafted.edges) == (before.nodes, before.edges)
        assert drafted.fingerprint == before.fingerprint
        assert "not published" in drafted.notes[0]
    finally:
        client.need("POST", f"{place}/deactivate", {})
        await eventually(lambda: deleted(client, place))


async def deleted(client: Client, place: str) -> bool:
    """Taking it off line goes on after the answer; until then n8n refuses the deletion with 409."""
    return (await asyncio.to_thread(client.call, "DELETE", place)).status == 200
