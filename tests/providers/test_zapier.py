"""Zapier against its sandbox: the contract with the partner API, webhooks alone, and the quirks of the platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from pydantic import JsonValue

from providers import (
    EgressGuard,
    Execution,
    ExecutionState,
    Http,
    JsonObject,
    NotSupported,
    RateLimited,
    Rejected,
    RemoteNotFound,
    StartOptions,
    Unauthorized,
    Unavailable,
    Verb,
    now,
    recording,
)
from providers._zapier_runs import FIELD
from providers._zapier_zaps import chain, merged
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox.zapier import ZapierSandbox
from providers.zapier import Zapier
from tests.providers.contract import Faults, ProviderContract, all_workflows, assert_hidden, finished, stored
from tests.serving import served

Build = Any
STORE, SLOW, FAILS, CALLS, FILTERED, HELD, HANDLED, OFF, UNREGISTERED, FORM = (
    f"00000000-0000-c000-8000-0001044357{n:02d}" for n in range(1, 11)
)


class TestZapierWithTokens(ProviderContract):
    provider_class = Zapier
    ref_ok, ref_fails, own_error = STORE, FAILS, "Book in the CRM (fails) ended with an error at step 2"
    start = r"POST /hooks/catch/.+"

    def sandbox(self) -> Sandbox:
        return ZapierSandbox(time_scale=0.02)

    def credentials(self, base_url: str) -> JsonObject:
        return ZapierSandbox.connection(base_url)

    def refused(self, base_url: str) -> JsonObject:
        wrong: JsonObject = {"accessToken": "refused-canary", "refreshToken": "refused-canary-2"}
        return {**ZapierSandbox.connection(base_url), **wrong}

    def workflow_ids(self, server: Any) -> set[str]:
        return {zap.id for zap in server.zaps.values()}

    async def test_find_recovers_what_a_lost_answer_started(
        self, provider: Any, make: Any, base_url: str, faults: Faults
    ) -> None:
        """As the contract, except that a list without the run proves nothing while it is young."""
        since = now() - timedelta(seconds=5)
        faults.set("hang-after", self.start)
        with pytest.raises(Unavailable):
            await provider.execute(self.ref_ok, {}, key="lost", options=StartOptions(timeout=0.4))
        faults.set(None)
        another = make(self.credentials(base_url))
        found = await _until_found(another, self.ref_ok, since)
        assert found.match == "exact" and found.id
        with pytest.raises(Unavailable, match="cannot be told yet"):
            await another.find(self.ref_ok, key="never-started", since=since)
        assert await another.find(self.ref_ok, key="never", since=since - timedelta(minutes=3)) is None
        assert (await finished(another, found)).state is self.ends


async def _until_found(provider: Zapier, ref: str, since: Any) -> Execution:
    deadline = now() + timedelta(seconds=10)
    while True:
        try:
            found = await provider.find(ref, key="lost", since=since)
            assert found is not None
            return found
        except Unavailable:
            assert now() < deadline


@pytest.fixture
async def sandbox() -> Any:
    server = ZapierSandbox(time_scale=0.02)
    yield server
    await server.aclose()


@pytest.fixture
async def base_url(sandbox: ZapierSandbox) -> Any:
    async with served(sandbox) as url:
        yield url


@pytest.fixture
async def make() -> Any:
    made: list[Zapier] = []

    def build(credentials: Mapping[str, JsonValue]) -> Zapier:
        connection = Zapier.connection_model.model_validate(credentials)
        http = Http(EgressGuard(["127.0.0.0/8"]), secrets=connection.secrets())
        made.append(Zapier(connection, http))  # pyright: ignore[reportArgumentType] -- the model is ZapierConnection
        return made[-1]

    yield build
    for provider in made:
        await provider.http.aclose()


@pytest.fixture
def provider(make: Build, base_url: str) -> Zapier:
    return make(ZapierSandbox.connection(base_url))


@pytest.fixture
def hooks(make: Build, base_url: str) -> Zapier:
    return make(ZapierSandbox.hooks_only(base_url))


# ---------------------------------------------------------------- webhooks alone


async def test_webhooks_alone_list_and_start_and_know_no_more(hooks: Zapier, sandbox: ZapierSandbox) -> None:
    assert hooks.offers() == {Verb.LIST, Verb.EXECUTE}
    account = await hooks.check()
    assert account.workflows == 8 and account.warnings and not sandbox.calls
    found = await all_workflows(hooks)
    assert found[0].id == "hook:orders" and all(w.executable for w in found)
    assert len({w.id for w in found}) == 8
    execution = await hooks.execute("hook:orders", {"order": 4}, key="k")
    assert (execution.state, execution.id, execution.match) == (ExecutionState.ACCEPTED, None, "none")
    assert "cannot be known" in (execution.note or "") and execution.memo["requestId"]
    assert sandbox.received == [{"order": 4}], "the payload is the user's alone"
    assert await hooks.poll(stored(execution)) == execution
    with pytest.raises(NotSupported):
        await hooks.find("hook:orders", key="k", since=now())
    with pytest.raises(NotSupported):
        await hooks.poll(execution.model_copy(update={"state": ExecutionState.RUNNING}))
    assert not any("/v2" in call or "/v1" in call for call in sandbox.calls)


async def test_a_webhook_previews_as_what_is_known_of_it(hooks: Zapier) -> None:
    preview = await hooks.preview("hook:orders")
    assert preview.nodes[0].label == "Catch Hook"
    assert "not visible" in preview.nodes[1].label and preview.edges == ()
    with pytest.raises(RemoteNotFound):
        await hooks.preview("hook:none")
    with pytest.raises(RemoteNotFound) as caught:
        await hooks.execute("hook:none", {}, key="k")
    assert not caught.value.sent


@pytest.mark.parametrize("payload", [[1, 2], "text", 7])
async def test_what_is_not_an_object_is_wrapped_and_said(
    hooks: Zapier, sandbox: ZapierSandbox, payload: JsonValue
) -> None:
    execution = await hooks.execute("hook:orders", payload, key="k")
    assert sandbox.received == [{"data": payload}] and "field data" in (execution.note or "")


async def test_a_webhook_can_be_called_with_get(hooks: Zapier, sandbox: ZapierSandbox) -> None:
    options = StartOptions(method="GET", headers={"x-baton-key": "theirs"})
    await hooks.execute("hook:orders", {"order": "4", "lines": [1]}, key="k", options=options)
    assert sandbox.received == [{"order": "4", "lines": "[1]"}]


async def test_webhook_addresses_are_secrets_also_after_the_host_is_replaced(
    hooks: Zapier, base_url: str
) -> None:
    with recording() as exchanges:
        execution = await hooks.execute("hook:orders", {}, key="k")
    secrets = (*hooks.connection.secrets(), f"{base_url}/hooks/catch/4821733/abc1st0/", "4821733/abc1st0")
    assert len(exchanges) == 1
    assert_hidden(secrets, *exchanges, execution.model_dump_json(), hooks.connection, hooks)


async def test_addresses_may_be_whole_or_a_path(make: Build, base_url: str, sandbox: ZapierSandbox) -> None:
    entries: list[JsonValue] = [
        {"name": "Größe & Preis", "url": f"{base_url}/hooks/catch/1/whole/"},
        {"name": "größe preis", "url": "/hooks/catch/1/path/", "zapId": 17},
        {"name": "!!", "url": "ftp://example.test/x"},
    ]
    provider = make({"hooks": entries, "hooksBaseUrl": base_url})
    assert [w.id for w in await all_workflows(provider)] == [
        "hook:größe-preis",
        "hook:größe-preis-2",
        "hook:hook",
    ]
    await provider.execute("hook:größe-preis", {}, key="k")
    await provider.execute("17", {}, key="k")
    assert sandbox.calls == ["POST /hooks/catch/1/whole/", "POST /hooks/catch/1/path/"]
    with pytest.raises(Rejected) as caught:
        await provider.execute("hook:hook", {}, key="k")
    assert not caught.value.sent


async def test_an_empty_connection_says_what_is_missing(make: Build) -> None:
    with pytest.raises(Rejected, match="register a webhook"):
        await make({}).check()
    assert make({}).connection.base_url == "https://api.zapier.com"


@pytest.mark.parametrize(
    ("answer", "kind", "sent"),
    [
        (Reply(429, text="slow down", headers={"Retry-After": "3"}), RateLimited, False),
        (Reply(503, text="busy"), Unavailable, True),
        (Reply(200, {"status": "error"}), Rejected, True),
        (Reply(410, text="gone"), RemoteNotFound, False),
        (Reply(302, text="", headers={"Location": "/elsewhere"}), Rejected, True),
    ],
)
async def test_refusals_of_a_webhook(make: Build, answer: Reply, kind: type[Any], sent: bool) -> None:
    class Refusing(Sandbox):
        def __init__(self) -> None:
            super().__init__()
            self.route("POST", "/hook", self.refuse)

        async def refuse(self, ask: Ask) -> Reply:
            return answer

    async with served(Refusing()) as url:
        provider = make({"hooks": [{"name": "a", "url": f"{url}/hook"}]})
        with pytest.raises(kind) as caught:
            await provider.execute("hook:a", {}, key="k")
        assert caught.value.sent is sent


async def test_the_silent_kind_answers_nothing(make: Build) -> None:
    class Silent(Sandbox):
        async def not_found(self, ask: Ask) -> Reply:
            return Reply(200, text="")

    async with served(Silent()) as url:
        execution = await make({"hooks": [{"name": "a", "url": f"{url}/silent"}]}).execute(
            "hook:a", {}, key="k"
        )
    assert execution.state is ExecutionState.ACCEPTED and execution.memo["requestId"] is None


# ---------------------------------------------------------------- the partner API


async def test_zaps_and_webhooks_are_matched_by_id_and_title(provider: Zapier) -> None:
    assert provider.offers() == set(Verb)
    found = {w.id: w for w in await all_workflows(provider)}
    assert {ref for ref, w in found.items() if not w.executable} == {OFF, UNREGISTERED, FORM}
    assert "switched off" in (found[OFF].reason or "")
    assert "not registered" in (found[UNREGISTERED].reason or "")
    assert "Typeform" in (found[FORM].reason or "")
    assert found[FORM].trigger.kind == "event" and found[STORE].trigger.kind == "webhook"
    for ref in (OFF, UNREGISTERED, FORM, "hook:switched-off"):
        with pytest.raises(Rejected) as caught:
            await provider.execute(ref, {}, key="k")
        assert not caught.value.sent


@pytest.mark.parametrize("enveloped", [True, False])
async def test_both_envelopes_and_short_pages(
    make: Build, base_url: str, sandbox: ZapierSandbox, enveloped: bool
) -> None:
    sandbox.enveloped, sandbox.page_cap = enveloped, 3
    provider = make(ZapierSandbox.connection(base_url))
    assert {w.id for w in await all_workflows(provider)} == {zap.id for zap in sandbox.zaps.values()}
    ended = await finished(provider, await provider.execute(STORE, {"order": 8}, key="k"))
    assert ended.output == {"row": 12, "order": 8}


async def test_one_edition_may_be_closed(provider: Zapier, sandbox: ZapierSandbox) -> None:
    sandbox.closed = {"/v1/zaps"}
    assert STORE in {w.id for w in await all_workflows(provider)}
    sandbox.closed = {"/v2/zaps"}
    found = {w.id: w for w in await all_workflows(provider)}
    assert found["104435701"].executable and found["104435701"].name == "Store the order"
    sandbox.closed = {"/v2/zaps", "/v1/zaps"}
    with pytest.raises(Unauthorized) as caught:
        await provider.list_workflows()
    assert caught.value.code == "forbidden" and "scope" in (caught.value.hint or "")


async def test_a_missing_scope_for_runs_is_a_warning(provider: Zapier, sandbox: ZapierSandbox) -> None:
    sandbox.closed = {"/v2/zap-runs", "/v1/profiles/me"}
    account = await provider.check()
    assert any("cannot be followed" in warning for warning in account.warnings)


async def test_the_steps_are_a_chain(provider: Zapier) -> None:
    preview = await provider.preview(FORM)
    assert [(n.label, n.app) for n in preview.nodes] == [
        ("New Entry", "Typeform"),
        ("Write to Google Sheets", "Google Sheets"),
    ]
    assert [(e.source, e.target) for e in preview.edges] == [("1", "2")]
    assert (await provider.preview("hook:orders")).fingerprint == (await provider.preview(STORE)).fingerprint


def test_strange_zaps_are_still_read() -> None:
    bare: JsonObject = {"id": "z-1", "steps": ["uag:1", None, {"action": "uag:2", "title": "Golden spike"}]}
    (zap,) = merged([bare, {"title": "no id"}], [])
    nodes, edges = chain(zap)
    assert [n.label for n in nodes] == ["Step 1", "Step 2", "Golden spike"] and len(edges) == 2
    assert zap.catches() is None and not zap.on
    tail: JsonObject = {"id": "00000000-0000-c000-8000-000000000125", "title": "A"}
    assert merged([tail], [{"id": 125, "title": "A"}])[0].number == 125
    assert merged([tail], [{"id": 125, "title": "B"}])[0].number is None, "a guess must be confirmed"


async def test_our_token_does_not_touch_the_users_fields(provider: Zapier, sandbox: ZapierSandbox) -> None:
    payload: JsonObject = {"correlationToken": "theirs", FIELD: "mine"}
    execution = await provider.execute(STORE, payload, key="run/node: 1")
    (received,) = sandbox.received
    assert received == {**payload, f"{FIELD}_": execution.memo["token"]}
    word = str(execution.memo["token"])
    assert len(word) <= 150 and all(c.isalnum() or c == "-" for c in word)
    assert (await finished(provider, execution)).match == "exact"


async def test_a_second_try_does_not_find_the_run_of_the_first(
    provider: Zapier, sandbox: ZapierSandbox
) -> None:
    first = await finished(provider, await provider.execute(STORE, {"order": 1}, key="same"))
    second = await finished(provider, await provider.execute(STORE, {"order": 2}, key="same"))
    assert first.id != second.id
    assert (first.output, second.output) == ({"row": 12, "order": 1}, {"row": 12, "order": 2})


async def test_statuses_are_told_apart(provider: Zapier) -> None:
    handled = await finished(provider, await provider.execute(HANDLED, {}, key="k"))
    assert handled.state is ExecutionState.SUCCEEDED and handled.warning
    filtered = await finished(provider, await provider.execute(FILTERED, {}, key="k"))
    assert filtered.state is ExecutionState.CANCELLED and "filter" in (filtered.note or "")
    assert filtered.error is None
    held = await provider.execute(HELD, {}, key="k")
    deadline = now() + timedelta(seconds=10)
    while held.state is not ExecutionState.WAITING:
        assert now() < deadline
        held = await provider.poll(stored(held))
    assert "person" in (held.note or "")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("throttled", ExecutionState.WAITING),
        ("delayed", ExecutionState.WAITING),
        ("halted", ExecutionState.CANCELLED),
        ("a-new-word", ExecutionState.RUNNING),
    ],
)
async def test_rarer_statuses(
    provider: Zapier, sandbox: ZapierSandbox, status: str, state: ExecutionState
) -> None:
    sandbox.zaps[104435701].status = status
    execution = await provider.execute(STORE, {}, key="k")
    deadline = now() + timedelta(seconds=10)
    while execution.state is not state or not sandbox.runs[0].end:
        assert now() < deadline
        execution = await provider.poll(stored(execution))
    assert (await provider.poll(execution)).note


async def test_polls_slow_down_and_an_empty_list_is_no_failure(
    provider: Zapier, sandbox: ZapierSandbox
) -> None:
    sandbox.lag = 1e6
    execution = await provider.execute(STORE, {}, key="k")
    waits = [execution.poll_after]
    for _ in range(4):
        execution = await provider.poll(stored(execution))
        waits.append(execution.poll_after)
    assert waits == [5, 10, 20, 30, 30]
    assert execution.state is ExecutionState.RUNNING and "no run with our token yet" in (execution.note or "")


async def test_a_run_that_hides_its_data_is_only_likely(make: Build) -> None:
    class Hiding(ZapierSandbox):
        async def _zap_runs(self, ask: Ask) -> Reply:
            body = json.loads(json.dumps((await super()._zap_runs(ask)).json))
            for row in body[0]["data"]:
                row["data_in"] = ""
            return Reply(json=body)

    async with served(Hiding(time_scale=0.02)) as url:
        zapier = make(ZapierSandbox.connection(url))
        ended = await finished(zapier, await zapier.execute(STORE, {}, key="k"))
    assert ended.match == "likely" and "does not show" in (ended.note or "")


async def test_a_zap_that_calls_back_posts_the_token(provider: Zapier) -> None:
    class Receiver(Sandbox):
        def __init__(self) -> None:
            super().__init__()
            self.bodies: list[Any] = []
            self.route("POST", "/cb", self.take)

        async def take(self, ask: Ask) -> Reply:
            self.bodies.append(ask.json())
            return Reply(202)

    receiver = Receiver()
    async with served(receiver) as url:
        payload: JsonObject = {"order": 3, "callbackUrl": f"{url}/cb", "correlationToken": "tok-1"}
        await finished(provider, await provider.execute(CALLS, payload, key="k"))
    assert receiver.bodies == [{"approved": True, "order": 3, "correlationToken": "tok-1"}]


# ---------------------------------------------------------------- tokens and limits


async def test_a_refused_token_is_renewed_once_for_all_waiting(
    provider: Zapier, sandbox: ZapierSandbox
) -> None:
    assert provider.renewed() is None
    sandbox.expire()
    with recording() as exchanges:
        await asyncio.gather(*(provider.list_workflows() for _ in range(4)))
    assert sandbox.renewals == 1
    fields = provider.renewed()
    assert fields is not None and fields == {
        "accessToken": "sandbox-zapier-access-1",
        "refreshToken": "sandbox-zapier-refresh-1",
    }
    assert any("/oauth/token/" in e.url for e in exchanges)
    assert_hidden((*provider.connection.secrets(), *fields.values()), *exchanges)


async def test_a_refresh_token_alone_is_enough(make: Build, base_url: str, sandbox: ZapierSandbox) -> None:
    credentials = ZapierSandbox.connection(base_url)
    del credentials["accessToken"]
    assert await all_workflows(make(credentials))
    assert sandbox.renewals == 1


async def test_a_revoked_grant_asks_to_reconnect(provider: Zapier, sandbox: ZapierSandbox) -> None:
    sandbox.revoke()
    with pytest.raises(Unauthorized, match="refresh token is not valid") as caught:
        await provider.check()
    assert "Connect Zapier again" in (caught.value.hint or "")
    with pytest.raises(Unauthorized):
        await provider.execute(STORE, {}, key="k")
    assert not sandbox.received


async def test_the_limit_of_the_api_carries_seconds(provider: Zapier, sandbox: ZapierSandbox) -> None:
    sandbox.limited = 1
    with pytest.raises(RateLimited) as caught:
        await provider.list_workflows()
    assert caught.value.retry_after == 60
    sandbox.limited = 1
    execution = await provider.execute("hook:orders", {}, key="k")  # a webhook needs no list
    assert execution.state is ExecutionState.RUNNING


API = "https://api.zapier.com"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            400,
            '{"errors":[{"status":"400","title":"ParseError","source":{"pointer":"/a"}}]}',
            Rejected,
            "ParseError",
        ),
        (403, '[{"errors":[{"status":403,"detail":"No."}]}]', Unauthorized, "No."),
        (500, "<html>oops</html>", Unavailable, "answered 500"),
        (409, '{"detail":"Conflict here"}', Rejected, "Conflict here"),
    ],
)
@respx.mock
async def test_errors_say_what_zapier_says(
    make: Build, status: int, body: str, kind: type[Any], words: str
) -> None:
    respx.get(url__startswith=f"{API}/v2/zap-runs").mock(return_value=httpx.Response(status, text=body))
    provider = make({"accessToken": "canary-token"})
    running = Execution(id=None, workflow_id=STORE, state=ExecutionState.RUNNING, match="none")
    with pytest.raises(kind, match=words):
        await provider.poll(running)


async def test_without_webhooks_nothing_can_be_started(make: Build, base_url: str) -> None:
    provider = make({**ZapierSandbox.connection(base_url), "hooks": []})
    assert provider.offers() == {Verb.LIST, Verb.PREVIEW, Verb.POLL}
    with pytest.raises(NotSupported) as caught:
        await provider.execute(STORE, {}, key="k")
    assert not caught.value.sent
