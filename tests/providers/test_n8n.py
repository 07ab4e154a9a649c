"""n8n: the contract every provider keeps, and the quirks of n8n's wire (facts of n8n 2.41)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import respx
from pydantic import JsonValue

from providers import (
    BadResponse,
    EgressGuard,
    Execution,
    ExecutionState,
    Http,
    JsonObject,
    Rejected,
    RemoteNotFound,
    RemoteWorkflow,
    StartOptions,
    Unauthorized,
    Unavailable,
    now,
    recording,
)
from providers.n8n import N8n, N8nConnection
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox._n8n_wire import HEADER_AUTH, MCP_TOKEN
from providers.sandbox.n8n import N8nSandbox
from tests.providers.contract import ProviderContract, assert_hidden, finished, stored
from tests.serving import served

SCALE = 0.05


class TestN8n(ProviderContract):
    provider_class = N8n
    ref_ok, ref_fails, own_error = "wfPriceOrder", "wfCharge", "card declined"
    ref_slow = "wfTrain"
    start = r"[A-Z]+ /webhook/.+"

    def sandbox(self) -> Sandbox:
        return N8nSandbox(time_scale=SCALE)

    def credentials(self, base_url: str) -> JsonObject:
        return N8nSandbox.connection(base_url)

    def refused(self, base_url: str) -> JsonObject:
        return {"baseUrl": base_url, "apiKey": "refused-canary-key"}

    def workflow_ids(self, server: Any) -> set[str] | None:
        return {ref for ref, sample in server.samples.items() if not sample.raw["isArchived"]}


@asynccontextmanager
async def opened(server: N8nSandbox, **more: JsonValue) -> AsyncGenerator[N8n]:
    async with served(server) as base_url:
        connection = N8nConnection.model_validate(N8nSandbox.connection(base_url) | more)
        http = Http(EgressGuard(["127.0.0.0/8"]), secrets=connection.secrets())
        try:
            yield N8n(connection, http)
        finally:
            await http.aclose()
            await server.aclose()


@pytest.fixture
def server() -> N8nSandbox:
    return N8nSandbox(time_scale=SCALE)


@pytest.fixture
async def n8n(server: N8nSandbox) -> AsyncIterator[N8n]:
    async with opened(server) as provider:
        yield provider


async def run(provider: N8n, ref: str, payload: JsonValue = None, **options: Any) -> Execution:
    payload = {} if payload is None else payload
    started = await provider.execute(ref, payload, key=f"key-{ref}", options=StartOptions(**options))
    return await finished(provider, stored(started))


async def described(provider: N8n, ref: str) -> RemoteWorkflow:
    return (await provider.preview(ref)).workflow


# ---------------------------------------------------------------- execute and poll


async def test_synchronous_answer_is_the_result_and_is_linked_exactly(n8n: N8n, server: N8nSandbox) -> None:
    started = await n8n.execute(
        "wfPriceOrder", {"order": 7, "lines": [{"price": 10, "quantity": 3}]}, key="run-1"
    )
    assert started.match == "exact" and started.id in server.runs
    ended = await finished(n8n, started)
    assert ended.output == {"order": 7, "net": 30, "total": 36, "currency": "EUR"}
    assert ended.started_at and ended.finished_at and ended.finished_at >= ended.started_at
    assert ended.url and ended.url.endswith(f"/workflow/wfPriceOrder/executions/{ended.id}")
    (asked,) = server.seen
    assert asked.headers["x-baton-key"] == asked.headers["idempotency-key"] == "run-1"


async def test_respond_node_with_the_id_in_a_header(n8n: N8n) -> None:
    ended = await run(n8n, "wfGreet", {"name": "Ada", "callbackUrl": "http://x/", "token": "tok-canary"})
    assert (ended.state, ended.match) == (ExecutionState.SUCCEEDED, "exact")
    assert isinstance(ended.output, dict) and ended.output["greeting"] == "hello Ada"
    assert "tok-canary" not in ended.model_dump_json()


async def test_early_answer_with_the_id_is_only_a_receipt(n8n: N8n) -> None:
    started = await n8n.execute("wfConvert", {"text": "abc"}, key="k")
    assert started.match == "exact" and not started.state.final
    assert (await finished(n8n, stored(started))).output == {"upper": "ABC"}
    failed = await run(n8n, "wfConvert", {"fail": True})
    assert failed.error is not None and (failed.error.message, failed.error.where) == (
        "asked to fail",
        "Work",
    )


async def test_an_id_that_belongs_to_another_workflow_is_not_believed(server: N8nSandbox, n8n: N8n) -> None:
    other = await run(n8n, "wfPriceOrder")
    hook = server.samples["wfTrain"].raw["nodes"][0]
    original = server._webhook  # pyright: ignore[reportPrivateUsage] -- the sandbox, made to lie

    async def lying(ask: Ask) -> Reply:
        await original(ask)
        return Reply(200, {"executionId": other.id})

    server._routes.insert(0, ("POST", re.compile("/webhook/(?P<path>train)"), lying))  # pyright: ignore[reportPrivateUsage]
    assert hook["parameters"]["path"] == "train"
    ended = await run(n8n, "wfTrain")
    assert ended.match == "exact" and ended.id != other.id
    assert isinstance(ended.output, dict) and ended.output["model"] == "demand-2026"


async def test_an_answer_without_id_is_found_by_our_mark_among_others(n8n: N8n, server: N8nSandbox) -> None:
    started = await asyncio.gather(*(n8n.execute("wfIndex", {"n": n}, key="same-key") for n in range(4)))
    assert len({e.id for e in started}) == 4 and all(e.match == "exact" for e in started)
    ended = [await finished(n8n, stored(e)) for e in started]
    assert all(e.output == [{"part": 1, "stored": True}, {"part": 2, "stored": True}] for e in ended)
    for number, execution in enumerate(ended):
        assert server.runs[str(execution.id)].body == {"n": number}


async def test_without_readable_calls_only_the_time_fits_and_that_is_likely(
    server: N8nSandbox, n8n: N8n
) -> None:
    started = await n8n.execute("wfTrain", {}, key="k")
    memo = started.memo | {"began": (now() - timedelta(seconds=20)).isoformat()}
    lost = started.model_copy(update={"id": None, "match": "none", "url": None, "memo": memo})
    assert started.id is not None
    server.runs[started.id].hides_data = True
    found = await n8n.poll(lost)
    assert (found.id, found.match) == (started.id, "likely")


async def test_an_execution_that_cannot_be_found_is_accepted_and_nobody_guesses(
    server: N8nSandbox, n8n: N8n
) -> None:
    server.stores_headers = False
    started = await n8n.execute("wfIndex", {}, key="k")
    assert (started.id, started.match, started.state) == (None, "none", ExecutionState.RUNNING)
    assert not (await n8n.poll(started)).state.final
    late = started.model_copy(
        update={"memo": started.memo | {"began": (now() - timedelta(minutes=1)).isoformat()}}
    )
    ended = await n8n.poll(late)
    assert ended.state is ExecutionState.ACCEPTED and "cannot be known" in (ended.warning or "")


async def test_failure_behind_a_synchronous_webhook_has_n8ns_own_error(n8n: N8n) -> None:
    ended = await n8n.execute("wfCharge", {}, key="k")
    assert ended.state is ExecutionState.FAILED and ended.match == "exact"
    assert ended.error is not None
    assert (ended.error.message, ended.error.where) == ("card declined: insufficient funds", "Charge card")
    assert ended.error.hint == "The bank refused the payment." and "stack" not in ended.model_dump_json()


async def test_a_workflow_that_answers_an_error_status_has_failed(n8n: N8n) -> None:
    ended = await run(n8n, "wfReject")
    assert ended.state is ExecutionState.FAILED and ended.match == "exact"
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == ("answered-422", "order 7 has no lines")


async def test_callback_workflow_posts_and_its_result_is_one_node_earlier(
    n8n: N8n, server: N8nSandbox
) -> None:
    class Listener(Sandbox):
        def __init__(self) -> None:
            super().__init__()
            self.got: list[Ask] = []
            self.route("POST", "/back", self._take)

        async def _take(self, ask: Ask) -> Reply:
            self.got.append(ask)
            return Reply(202, {"accepted": True})

    listener = Listener()
    async with served(listener) as url:
        ended = await run(n8n, "wfPack", {"order": 7, "callbackUrl": f"{url}/back", "token": "tok-1"})
    (got,) = listener.got
    assert got.headers["x-correlation-token"] == "tok-1" and got.json()["result"]["order"] == 7
    assert ended.output == {"parcel": "P-1001", "order": 7, "weightGrams": 750}
    refused = await run(n8n, "wfPack", {"callbackUrl": "http://127.0.0.1:9/back", "token": "tok-2"})
    assert refused.error is not None and refused.error.where == "Call back"


async def test_unsaved_success_ends_as_success_with_a_warning(n8n: N8n, server: N8nSandbox) -> None:
    started = await n8n.execute("wfCount", {}, key="k")
    assert started.match == "exact"
    ended = await finished(n8n, started)
    assert ended.state is ExecutionState.SUCCEEDED and "does not keep" in (ended.warning or "")
    assert server.runs == {}
    with pytest.raises(BadResponse):  # it may have run unseen: nobody may conclude that it never started
        await n8n.find("wfCount", key="k", since=now() - timedelta(minutes=1))


async def test_queued_cancelled_and_crashed() -> None:
    narrow = N8nSandbox(places=1)
    async with opened(narrow) as n8n:
        first = await n8n.execute("wfTrain", {}, key="a")
        second = await n8n.execute("wfTrain", {}, key="b")
        second = await n8n.poll(second)
        assert second.state is ExecutionState.QUEUED and second.note and second.started_at is None
        assert "asked to stop" in await n8n.cancel(first)
        ended = await n8n.poll(first)
        assert ended.state is ExecutionState.CANCELLED and "same state" in (ended.note or "")
        assert "ended already" in await n8n.cancel(first)
        found = await n8n.find("wfTrain", key="b", since=now() - timedelta(minutes=1))
        assert found is not None and found.id == second.id
        assert second.id is not None
        narrow.runs[second.id].status = "crashed"
        crashed = await n8n.poll(second)
        assert crashed.error is not None and crashed.error.code == "crashed"


async def test_a_workflow_that_waits_is_waiting_and_has_not_ended() -> None:
    async with opened(N8nSandbox(time_scale=0.5)) as n8n:
        waiting = await n8n.execute("wfApprove", {}, key="c")
        while not waiting.state.final and waiting.state is not ExecutionState.WAITING:
            waiting = await n8n.poll(waiting)
        assert waiting.state is ExecutionState.WAITING
        assert waiting.note and waiting.finished_at is None
        assert (await finished(n8n, waiting)).output == {"approved": True}


async def test_several_branches_give_an_object_by_node(n8n: N8n) -> None:
    ended = await run(n8n, "wfRoute", {"size": 5}, method="PUT")
    assert ended.output == {"Tell sales": {"told": "sales"}, "Log": {"logged": True}}


async def test_method_comes_from_the_webhook_and_path_parts_from_the_payload(
    n8n: N8n, server: N8nSandbox
) -> None:
    ended = await run(n8n, "wfLookup", {"orderId": "A 7?ä", "full": True}, method="POST")
    assert ended.output == {"orderId": "A 7?ä", "full": "true", "state": "packed"}
    assert server.seen[-1].method == "GET" and server.seen[-1].body == b""
    assert ended.note and "sent as GET" in ended.note
    with pytest.raises(Rejected) as caught:
        await n8n.execute("wfLookup", {}, key="k")
    assert not caught.value.sent and "orderId" in caught.value.message
    assert (await run(n8n, "wfEdited")).state is ExecutionState.SUCCEEDED
    await run(n8n, "wfRoute", method="PUT")
    assert server.seen[-1].method == "PUT"


@pytest.mark.parametrize("ref", ["wfStock", "wfPrices", "wfBilling"])
async def test_webhook_logins(server: N8nSandbox, ref: str) -> None:
    async with opened(server) as n8n:
        with recording() as exchanges:
            ended = await run(n8n, ref, {"order": 3})
        assert ended.output == {"saved": True, "order": 3}
        basic = "c2FuZGJveDpzYW5kYm94LW44bi1wYXNzd29yZA=="
        assert_hidden((*n8n.connection.secrets(), basic), ended, *exchanges)
    wrong: list[JsonValue] = [
        {"kind": "header", "name": HEADER_AUTH[0], "value": "wrong"},
        {"kind": "basic", "username": "sandbox", "password": "wrong"},
        {"kind": "jwt", "token": "wrong"},
    ]
    async with opened(N8nSandbox(time_scale=SCALE), webhookAuth=wrong) as n8n:
        with pytest.raises(Unauthorized) as caught:
            await n8n.execute(ref, {}, key="k")
        assert not caught.value.sent and caught.value.hint


async def test_inactive_scheduled_and_called_workflows_are_refused_with_their_reason(
    n8n: N8n, server: N8nSandbox
) -> None:
    for ref, words in {
        "wfDraft": "not published",
        "wfNightly": "clock",
        "wfCalled": "call it",
        "wfOld": "archived",
    }.items():
        with pytest.raises(Rejected, match=words) as caught:
            await n8n.execute(ref, {}, key="k")
        assert not caught.value.sent
    assert server.seen == []


async def test_a_webhook_not_live_yet_can_be_tried_again(n8n: N8n, server: N8nSandbox) -> None:
    slow = server.time_scale
    server.time_scale = 1.0
    await n8n._api.post("/workflows/wfDraft/activate", {})  # pyright: ignore[reportPrivateUsage] -- the editor's part
    server.time_scale = slow
    with pytest.raises(Unavailable) as caught:
        await n8n.execute("wfDraft", {}, key="k")
    assert (caught.value.sent, caught.value.status) == (False, 404)
    deadline = asyncio.get_running_loop().time() + 5
    while True:
        try:
            assert (await run(n8n, "wfDraft")).state is ExecutionState.SUCCEEDED
            break
        except Unavailable as error:
            assert not error.sent and asyncio.get_running_loop().time() < deadline
    assert len(server.seen) == 1


async def test_a_wrong_webhook_address_is_not_found(server: N8nSandbox) -> None:
    async with (
        served(N8nSandbox()) as elsewhere,
        opened(server, webhookBaseUrl=f"{elsewhere}/api/v1/x") as n8n,
    ):
        with pytest.raises(RemoteNotFound) as caught:
            await n8n.execute("wfPriceOrder", {}, key="k")
        assert not caught.value.sent


async def test_a_key_without_execution_scopes_still_starts(server: N8nSandbox) -> None:
    async def forbidden(ask: Ask) -> Reply:
        return Reply(403, {"message": "Forbidden"})

    server._routes.insert(0, ("GET", re.compile("/api/v1/executions.*"), forbidden))  # pyright: ignore[reportPrivateUsage]
    async with opened(server) as n8n:
        account = await n8n.check()
        assert account.warnings and "execution:list" in account.warnings[0]
        assert (await run(n8n, "wfPriceOrder")).match == "none"
        ended = await run(n8n, "wfIndex")
        assert ended.state is ExecutionState.ACCEPTED and "Forbidden" in (ended.warning or "")


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_server_whose_clock_is_off_is_searched_on_its_own_clock(n8n: N8n, minutes: int) -> None:
    api = n8n._api  # pyright: ignore[reportPrivateUsage]
    await api.get("/executions", ("limit", "1"))
    assert api.server_time(now()) - now() < timedelta(seconds=1)
    with respx.mock(base_url=n8n.connection.base_url) as platform:
        date = {"date": format_datetime(now() + timedelta(minutes=minutes), usegmt=True)}
        platform.get("/api/v1/executions").respond(json={"data": []}, headers=date)
        await api.get("/executions", ("limit", "1"))
        started = now()
        with recording() as seen:
            await api.search("wfIndex", api.server_time(started), "X-Baton-Key", "k")
        asked = datetime.fromisoformat(parse_qs(urlsplit(seen[-1].url).query)["startedAfter"][0])
    assert abs(asked - started - timedelta(minutes=minutes)) < timedelta(seconds=3)


async def test_what_n8n_cannot_take_is_refused_before_or_plainly(n8n: N8n, server: N8nSandbox) -> None:
    with pytest.raises(Rejected, match="slash") as caught:
        await n8n.execute("wfLookup", {"orderId": "a/b"}, key="k")
    assert not caught.value.sent and server.seen == []


# ---------------------------------------------------------------- MCP


async def test_mcp_gives_the_id_and_runs_what_has_no_webhook(server: N8nSandbox) -> None:
    async with opened(server, mcpToken=MCP_TOKEN) as n8n:
        assert (await n8n.check()).warnings == ()
        assert (await described(n8n, "wfNightly")).executable
        ended = await run(n8n, "wfNightly")
        assert (ended.match, ended.output) == ("exact", {"rows": 42})
        ended = await run(n8n, "wfGreet", {"name": "Bo"})
        assert isinstance(ended.output, dict) and ended.output["greeting"] == "hello Bo"
        assert not any(call.startswith("POST /webhook/greet") for call in server.calls)
        found = await n8n.find("wfGreet", key="key-wfGreet", since=now() - timedelta(minutes=1))
        assert found is not None and found.id == ended.id


async def test_mcp_that_refuses_falls_back_to_the_webhook(server: N8nSandbox) -> None:
    async with opened(server, mcpToken="wrong-mcp-canary") as n8n:
        account = await n8n.check()
        assert len(account.warnings) == 1 and "MCP" in account.warnings[0]
        ended = await run(n8n, "wfGreet", {"name": "Cy"})
        assert ended.state is ExecutionState.SUCCEEDED and "Started by webhook" in (ended.note or "")
        with pytest.raises(Unauthorized) as caught:
            await n8n.execute("wfNightly", {}, key="k")
        assert not caught.value.sent
