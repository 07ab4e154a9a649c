"""Make against its sandbox: the contract twice (run by API, run by hook), and the quirks of the platform."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
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
    LeftOut,
    RateLimited,
    Rejected,
    RemoteNotFound,
    Unauthorized,
    Unavailable,
    now,
    recording,
)
from providers._make_blueprint import fingerprint, graph, schema
from providers._make_wire import MakeApi
from providers._shape import obj
from providers.make import Make
from providers.sandbox._asgi import Ask, Reply, Sandbox
from providers.sandbox.make import MakeSandbox
from tests.providers.contract import Faults, ProviderContract, all_workflows, assert_hidden, finished, stored
from tests.serving import served

Build = Any


class _MakeContract(ProviderContract):
    provider_class = Make

    def sandbox(self) -> Sandbox:
        return MakeSandbox(time_scale=0.02)

    def credentials(self, base_url: str) -> JsonObject:
        return MakeSandbox.connection(base_url)

    def refused(self, base_url: str) -> JsonObject:
        return {**MakeSandbox.connection(base_url), "apiKey": "11111111-2222-4333-8444-refusedcanary"}

    def workflow_ids(self, server: Any) -> set[str]:
        return {str(number) for number in server.scenarios}

    async def test_find_recovers_what_a_lost_answer_started(
        self, provider: Any, make: Build, base_url: str, faults: Faults
    ) -> None:
        """As the contract, except that Make's history cannot tell our key from another's: likely, and said so."""
        since = now()
        with pytest.raises(Unavailable, match="cannot be told yet"):
            await provider.find(self.ref_ok, key="lost", since=since)
        assert await provider.find(self.ref_ok, key="lost", since=since - timedelta(seconds=90)) is None
        faults.set("500-after", self.start)
        with pytest.raises(Unavailable):
            await provider.execute(self.ref_ok, self.payload, key="lost")
        faults.set(None)
        found = await _until_found(make(self.credentials(base_url)), self.ref_ok, since)
        assert found.match == "likely" and found.id
        assert (await finished(provider, stored(found))).state is self.ends


class TestMakeByApi(_MakeContract):
    ref_ok, ref_fails, own_error = "201", "103", "The price is negative."
    start = r"POST /api/v2/scenarios/\d+/run"


class TestMakeByHook(_MakeContract):
    ref_ok, ref_fails, own_error = "106", "110", "The price is negative."
    start = r"POST /hook/.+"


async def _until_found(provider: Make, ref: str, since: Any) -> Execution:
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
    server = MakeSandbox(time_scale=0.02)
    yield server
    await server.aclose()


@pytest.fixture
async def base_url(sandbox: MakeSandbox) -> Any:
    async with served(sandbox) as url:
        yield url


@pytest.fixture
async def make() -> Any:
    made: list[Make] = []

    def build(credentials: Mapping[str, JsonValue]) -> Make:
        connection = Make.connection_model.model_validate(credentials)
        http = Http(EgressGuard(["127.0.0.0/8"]), secrets=connection.secrets())
        made.append(Make(connection, http))  # pyright: ignore[reportArgumentType] -- the model is MakeConnection
        return made[-1]

    yield build
    for provider in made:
        await provider.http.aclose()


@pytest.fixture
def provider(make: Build, base_url: str) -> Make:
    return make(MakeSandbox.connection(base_url))


# ---------------------------------------------------------------- list


async def test_pages_follow_teams_and_the_limit_the_server_applies(
    provider: Make, sandbox: MakeSandbox
) -> None:
    sandbox.page_cap = 2
    found = await all_workflows(provider)
    assert [w.id for w in found] == [str(n) for n in sorted(sandbox.scenarios)]
    assert (await provider.list_workflows()).cursor is not None
    with pytest.raises(Rejected):
        await provider.list_workflows(cursor="bm90IG91cnM=")


async def test_a_team_id_lists_that_team_alone(make: Build, base_url: str, sandbox: MakeSandbox) -> None:
    provider = make({**MakeSandbox.connection(base_url), "teamId": "20"})
    assert [w.id for w in await all_workflows(provider)] == ["201", "202"]
    assert not any("organizations" in call or "/teams" in call for call in sandbox.calls)
    with pytest.raises(Unauthorized) as caught:
        await make({**MakeSandbox.connection(base_url), "teamId": 77}).check()
    assert caught.value.code == "forbidden" and "team id" in (caught.value.hint or "")


async def test_a_closed_organization_is_left_out_and_said(provider: Make, sandbox: MakeSandbox) -> None:
    sandbox.closed = {6}
    account = await provider.check()
    assert account.workflows == len(sandbox.scenarios)
    assert any("South" in warning for warning in account.warnings)
    sandbox.closed = {5, 6}
    with pytest.raises(Unauthorized, match="SC403"):
        await provider.list_workflows()


async def test_a_closed_team_is_named_and_hides_no_other(provider: Make, sandbox: MakeSandbox) -> None:
    sandbox.refused, sandbox.closed = {20}, {6}
    pages = [await provider.list_workflows()]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(await provider.list_workflows(cursor=cursor))
    south = LeftOut(kind="organization", name="South", of=2, why="no permission")
    reports = LeftOut(kind="team", name="Reports", of=2, why="no permission")
    assert [part for page in pages for part in page.left_out] == [south, reports]
    listed = {int(workflow.id) for page in pages for workflow in page.items}
    assert listed == {number for number, each in sandbox.scenarios.items() if each.team == 19}
    assert "Team Reports is left out: no permission." in (await provider.check()).warnings
    sandbox.refused = {19, 20}
    with pytest.raises(Unauthorized, match="IM002"):
        await all_workflows(provider)


async def test_what_cannot_be_started_says_why(provider: Make, sandbox: MakeSandbox) -> None:
    found = {w.id: w for w in await all_workflows(provider)}
    assert {ref: w.executable for ref, w in found.items() if not w.executable} == dict.fromkeys(
        ("105", "111", "112", "113"), False
    )
    assert "switched off" in (found["105"].reason or "")
    assert "mailhook" in (found["111"].reason or "")
    assert "event in an app" in (found["113"].reason or "")
    assert {w.trigger.kind for w in found.values()} == {"api", "webhook", "event", "schedule"}
    assert (found["101"].url or "").endswith("/19/scenarios/101/edit")
    for ref in ("105", "111", "112", "113"):
        with pytest.raises(Rejected) as caught:
            await provider.execute(ref, {}, key="k")
        assert not caught.value.sent
    assert not any(call.startswith("POST") for call in sandbox.calls)


# ---------------------------------------------------------------- preview


async def test_preview_draws_routers_merges_errors_and_filters(provider: Make) -> None:
    preview = await provider.preview("101")
    edges = {(e.source, e.target): (e.label, e.kind) for e in preview.edges}
    assert edges == {
        ("1", "2"): (None, "main"),
        ("2", "5"): ("Known", "main"),
        ("5", "8"): (None, "main"),
        ("2", "8"): ("else", "main"),
        ("8", "6"): (None, "main"),
        ("6", "3"): ("EU only", "main"),
        ("3", "9"): (None, "error"),
        ("6", "4"): (None, "main"),
    }
    nodes = {n.id: n for n in preview.nodes}
    assert (nodes["3"].label, nodes["3"].app, nodes["3"].type) == (
        "Tell sales",
        "slack",
        "slack:CreateMessage",
    )
    assert nodes["4"].disabled and not nodes["3"].disabled
    assert nodes["8"].position is not None and nodes["8"].position.x == 900
    assert preview.inputs is not None and preview.inputs["required"] == ["email"]
    fields = obj(preview.inputs["properties"])
    assert fields["tags"] == {"type": "array", "items": {"type": "string"}}
    assert obj(fields["region"])["enum"] == ["EU", "US"]
    assert preview.outputs is not None and "score" in obj(preview.outputs["properties"])
    assert "secret" not in preview.model_dump_json()


def test_the_fingerprint_ignores_the_canvas_and_nothing_else(sandbox: MakeSandbox) -> None:
    def print_of(change: Callable[[Any], object] | None = None) -> str:
        drawn = json.loads(json.dumps({"blueprint": sandbox.scenarios[101].blueprint(), "scheduling": {}}))
        if change:
            change(drawn["blueprint"]["flow"])
        return fingerprint(drawn, {"input": None})

    assert print_of() == print_of(lambda f: f[3]["routes"][0]["flow"][0]["metadata"]["designer"].update(x=5))
    assert print_of() != print_of(lambda f: f[3]["routes"][0]["flow"][0]["mapper"].update(text="x"))
    assert print_of() != print_of(lambda f: f[3]["routes"][0]["flow"][0]["onerror"].clear())


def test_a_strange_blueprint_is_still_a_graph() -> None:
    nodes, edges = graph(
        {"flow": [{"id": 1, "mapper": None}, {"module": "app#mine:Do"}, {"id": 1, "module": "x"}]}
    )
    assert len({n.id for n in nodes}) == 3 and len(edges) == 2
    assert [n.app for n in nodes] == [None, "mine", None]
    assert graph({}) == ((), ())
    assert schema(None) is None and schema([]) == {"type": "object", "properties": {}}


# ---------------------------------------------------------------- execute and poll


async def test_a_run_is_followed_from_404_to_its_outputs(provider: Make, sandbox: MakeSandbox) -> None:
    sandbox.lost = True
    began = await provider.execute("101", {"email": "ada@x.test", "extra": 1}, key="k")
    assert began.match == "exact" and began.id and re.fullmatch(r"[0-9a-f]{32}", began.id)
    assert "extra" in (began.note or "")
    first = await provider.poll(stored(began))
    assert first.state is ExecutionState.RUNNING and first.poll_after == 3
    sandbox.lost, sandbox.runs[began.id].visible = False, True
    ended = await finished(provider, first)
    assert ended.output == {"score": 42, "email": "ada@x.test"}
    assert (ended.url or "").endswith(f"/19/scenarios/101/logs/{began.id}")
    assert "extra" in (ended.note or "") and "does not show" not in (ended.note or "")


async def test_the_poll_schedule_slows_down(provider: Make, sandbox: MakeSandbox) -> None:
    sandbox.lost = True
    execution = await provider.execute("201", {}, key="k")
    seen = [execution.poll_after]
    for _ in range(6):
        execution = await provider.poll(stored(execution))
        seen.append(execution.poll_after)
    assert seen == [2, 3, 5, 8, 13, 30, 30]


async def test_a_run_never_shown_is_lost_after_a_minute(provider: Make, sandbox: MakeSandbox) -> None:
    sandbox.lost = True
    execution = await provider.execute("201", {}, key="k")
    assert (await provider.poll(execution)).state is ExecutionState.RUNNING
    since = int((now() - timedelta(seconds=61)).timestamp() * 1000)
    ended = await provider.poll(execution.model_copy(update={"memo": {**execution.memo, "since": since}}))
    assert ended.state is ExecutionState.FAILED
    assert ended.error is not None and ended.error.code == "lost" and "not known" in ended.error.message


async def test_a_warning_is_a_success_that_says_so(provider: Make) -> None:
    ended = await finished(provider, await provider.execute("104", {"order": 1}, key="k"))
    assert (ended.state, ended.warning) == (ExecutionState.SUCCEEDED, "The price is negative.")
    assert ended.output == {"rows": 3, "order": 1}


async def test_their_error_names_the_module(provider: Make) -> None:
    ended = await finished(provider, await provider.execute("103", {}, key="k"))
    assert ended.error is not None and ended.error.where == "Google Sheets / Add a Row"


async def test_inputs_without_an_interface_are_noted(provider: Make) -> None:
    assert "ignores" in ((await provider.execute("108", {"a": 1}, key="k")).note or "")
    assert (await provider.execute("108", {}, key="k")).note is None
    with pytest.raises(Rejected, match="object") as caught:
        await provider.execute("201", [1, 2], key="k")
    assert not caught.value.sent


async def test_refusals_of_run_are_read_and_never_repeated(provider: Make, sandbox: MakeSandbox) -> None:
    with pytest.raises(Rejected, match="required parameter 'email'") as caught:
        await provider.execute("101", {}, key="k")
    assert not caught.value.sent
    with pytest.raises(RateLimited, match="already being executed") as limited:
        await provider.execute("202", {}, key="k")
    assert limited.value.retry_after == 30
    sandbox.calls.clear()
    scenario = sandbox.scenarios[201]
    shown = scenario.shown()
    scenario.shown = lambda: shown  # it is switched off after we looked
    scenario.active = False
    with pytest.raises(Rejected, match="IM325") as off:
        await provider.execute("201", {}, key="k")
    assert not off.value.sent and "Switch" in (off.value.hint or "")
    assert sum(call.startswith("POST") for call in sandbox.calls) == 1


async def test_an_accepted_run_without_an_id_is_looked_for(
    base_url: str, make: Build, sandbox: MakeSandbox
) -> None:
    class Mute(MakeSandbox):
        async def _run(self, ask: Ask) -> Reply:
            await super()._run(ask)
            return Reply(text="<html>proxy</html>")

    mute = Mute(time_scale=0.02)
    async with served(mute) as url:
        provider = make(MakeSandbox.connection(url))
        execution = await provider.execute("201", {"order": 5}, key="k")
        assert (execution.id, execution.match, execution.state) == (None, "none", ExecutionState.RUNNING)
        ended = await finished(provider, execution)
        assert (ended.match, ended.output) == ("likely", {"rows": 3, "order": 5})


# ---------------------------------------------------------------- hooks


async def test_a_hook_run_is_found_in_the_history(provider: Make) -> None:
    began = await provider.execute("106", {"order": 9}, key="k")
    assert (began.id, began.match) == (None, "none") and "no execution id" in (began.note or "")
    ended = await finished(provider, began)
    assert (ended.match, ended.output) == ("likely", {"rows": 3, "order": 9})
    assert "by time" in (ended.note or "")


async def test_the_hook_address_is_a_secret(provider: Make, sandbox: MakeSandbox, base_url: str) -> None:
    with recording() as exchanges:
        execution = await provider.execute("106", {"order": 1}, key="k")
        await provider.preview("106")
        page = await provider.list_workflows()
    udid = sandbox.scenarios[106].udid
    assert_hidden((f"{base_url}/hook/{udid}", udid), *exchanges, execution.model_dump_json(), page)


async def test_a_webhook_response_is_the_output(provider: Make) -> None:
    began = await provider.execute("109", {}, key="k")
    assert began.output == {"price": 12.5} and began.state is ExecutionState.RUNNING
    ended = await finished(provider, began)
    assert (ended.state, ended.output) == (ExecutionState.SUCCEEDED, {"price": 12.5})
    assert "Webhook response" in (ended.note or "")


async def test_a_failed_hook_scenario_is_known_to_be_switched_off(provider: Make) -> None:
    ended = await finished(provider, await provider.execute("110", {}, key="k"))
    assert ended.error is not None and "switched the scenario off" in (ended.error.hint or "")


async def test_two_runs_at_once_are_said_to_be_ambiguous(provider: Make) -> None:
    first = await provider.execute("106", {"order": 1}, key="a")
    second = await provider.execute("106", {"order": 2}, key="b")
    await finished(provider, second)
    ended = await finished(provider, first)
    assert ended.match == "likely" and "first of 2 runs" in (ended.note or "")


async def test_a_callback_scenario_posts_back(provider: Make, sandbox: MakeSandbox) -> None:
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
        await finished(provider, await provider.execute("107", payload, key="k"))
    assert receiver.bodies == [{"rows": 3, "order": 3, "correlationToken": "tok-1"}]


@pytest.mark.parametrize(
    ("status", "text", "kind", "sent"),
    [
        (400, "Queue is full", RateLimited, False),
        (410, "There is no scenario listening for this webhook.", RemoteNotFound, False),
        (429, "Too many requests", RateLimited, False),
        (422, "no such customer", Rejected, True),
        (500, "oops", Unavailable, True),
    ],
)
async def test_refusals_of_a_hook(
    provider: Make, sandbox: MakeSandbox, status: int, text: str, kind: type[Exception], sent: bool
) -> None:
    async def refuse(ask: Ask) -> Reply:
        return Reply(status, text=text)

    sandbox._routes.insert(0, ("POST", re.compile("/hook/.+"), refuse))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(kind, match=text) as caught:
        await provider.execute("106", {}, key="k")
    assert caught.value.sent is sent  # type: ignore[attr-defined]


# ---------------------------------------------------------------- errors


async def test_the_rate_limit_is_plain_text_and_a_pause_is_final(
    provider: Make, sandbox: MakeSandbox
) -> None:
    execution = await provider.execute("201", {}, key="k")
    sandbox.limited = 10
    with pytest.raises(RateLimited, match="Requests limit") as caught:
        await provider.poll(execution)
    assert 20 <= caught.value.retry_after <= 60
    sandbox.limit_body = {"message": "Organization is paused", "code": "IM310"}
    sandbox.calls.clear()
    with pytest.raises(Rejected, match="paused"):
        await provider.poll(execution)
    assert len(sandbox.calls) == 1


API = "https://eu1.make.com/api/v2"


@pytest.mark.parametrize(
    ("key", "scheme"), [(MakeSandbox.API_KEY, "Token"), ("an-oauth-access-token", "Bearer")]
)
@respx.mock
async def test_the_scheme_follows_the_shape_of_the_key(key: str, scheme: str) -> None:
    http = Http()
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    respx.get(f"{API}/users/me").mock(side_effect=answer)
    await MakeApi("https://eu1.make.com/", key, http).get("/users/me")  # the zone alone is enough
    assert seen == [f"{scheme} {key}"]
    await http.aclose()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "words"),
    [
        (403, "error code: 1010", Unavailable, "unreachable", "1010"),
        (
            403,
            '{"detail":"Access denied. Required scope: hooks:read"}',
            Unauthorized,
            "forbidden",
            "hooks:read",
        ),
        (
            401,
            '{"message":"Access denied. Required scope: hooks:read"}',
            Unauthorized,
            "forbidden",
            "hooks:read",
        ),
        (401, "", Unauthorized, "unauthorized", "Unauthorized"),
        (
            400,
            '{"message":"Bad","suberrors":[{"message":"a is missing"}]}',
            Rejected,
            "rejected",
            "a is missing",
        ),
        (404, '{"detail":"gone"}', RemoteNotFound, "not-found", "gone"),
        (413, '{"detail":"request entity too large"}', Rejected, "rejected", "too large"),
        (503, "<html>down</html>", Unavailable, "unreachable", "503"),
    ],
)
@respx.mock
async def test_errors_say_what_make_says(
    status: int, body: str, kind: type[Any], code: str, words: str
) -> None:
    http = Http()
    respx.get(f"{API}/x").mock(return_value=httpx.Response(status, text=body))
    with pytest.raises(kind, match=words) as caught:
        await MakeApi(API, "k" * 20, http).get("/x")
    assert caught.value.code == code
    await http.aclose()
