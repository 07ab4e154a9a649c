"""What every provider must do, as tests its test class inherits.

    class TestN8n(ProviderContract):
        provider_class = N8n
        ref_ok, ref_fails, own_error = "W1", "W2", "the price is negative"
        start = r"POST /webhook/.+"

        def sandbox(self) -> Sandbox: return N8nSandbox(time_scale=0.02)
        def credentials(self, base_url: str) -> JsonObject: return N8nSandbox.connection(base_url)
        def refused(self, base_url: str) -> JsonObject: return {"baseUrl": base_url, "apiKey": "refused-canary-key"}

Everything runs over real loopback sockets: the provider, our own Http, uvicorn, the sandbox. Tests for verbs and
abilities a provider lacks are left out at class creation. A platform's own quirks are tested beside, in the subclass or
in plain functions. Fixtures to use there: `server` (the sandbox), `base_url`, `faults`, `provider`, `make`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from pydantic import JsonValue, SecretStr

from providers import (
    Cancels,
    EgressGuard,
    Execution,
    ExecutionState,
    Finds,
    Http,
    JsonObject,
    NotSupported,
    Provider,
    ProviderError,
    RateLimited,
    ReadsLogs,
    ReadsTasks,
    RemoteNotFound,
    RemoteWorkflow,
    StartOptions,
    Unauthorized,
    Unavailable,
    Verb,
    now,
    recording,
)
from providers.sandbox._asgi import Sandbox
from tests.providers.faults import Fault, Faults
from tests.serving import served

AnyProvider = Provider[Any]
Make = Callable[[Mapping[str, JsonValue]], AnyProvider]


async def finished(provider: AnyProvider, execution: Execution, *, seconds: float = 15) -> Execution:
    """`execution` polled until it is final, at least every 0.1 s. Fails the test when the time is up."""
    deadline = time.monotonic() + seconds
    while not execution.state.final:
        assert time.monotonic() < deadline, f"still {execution.state} after {seconds} s: {execution.note}"
        await asyncio.sleep(min(execution.poll_after or 0.02, 0.1))
        execution = await provider.poll(stored(execution))
    return execution


def stored(execution: Execution) -> Execution:
    """The execution as it comes back from the database between two polls."""
    return Execution.model_validate_json(execution.model_dump_json(by_alias=True))


def spellings(secret: str) -> tuple[str, ...]:
    raw = secret.encode()
    return secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(raw).decode(), raw.hex()


def assert_hidden(secrets: tuple[str, ...], *shown: object) -> None:
    """No secret, in no usual spelling, in what would be logged, stored or answered."""
    for value in shown:
        text = f"{value!r} {value}"
        if isinstance(value, ProviderError):
            text += f" {value.message} {value.hint} {value.args}"
        for secret in secrets:
            assert not any(form in text for form in spellings(secret)), f"a secret shows in {text[:300]}"


async def all_workflows(provider: AnyProvider) -> list[RemoteWorkflow]:
    found: list[RemoteWorkflow] = []
    cursor: str | None = None
    for _ in range(1000):
        page = await provider.list_workflows(cursor=cursor)
        found += page.items
        if (cursor := page.cursor) is None:
            return found
    raise AssertionError("the pages never end")


class ProviderContract:
    """Inherit, name the class Test…, and fill in what follows."""

    provider_class: ClassVar[type[AnyProvider]]
    ref_ok: ClassVar[str]
    """A workflow that starts from outside and soon ends as `ends` says."""
    ref_fails: ClassVar[str | None] = None
    """One that ends FAILED; `own_error` is part of the platform's own error text."""
    own_error: ClassVar[str] = ""
    ref_slow: ClassVar[str | None] = None
    """One that runs for seconds with `payload` even at the sandbox's time_scale (only for providers that cancel)."""
    ref_unknown: ClassVar[str] = "no-such-workflow"
    payload: ClassVar[JsonValue] = {"order": 7}
    ends: ClassVar[ExecutionState] = ExecutionState.SUCCEEDED
    start: ClassVar[str]
    """Regular expression of the one request that starts an execution, as "POST /path"."""
    reads: ClassVar[str] = r"GET .*"
    """Regular expression of requests that `check` makes and that start nothing."""

    def sandbox(self) -> Sandbox:
        """A fresh sandbox of the platform, with a small `time_scale`."""
        raise NotImplementedError

    def credentials(self, base_url: str) -> JsonObject:
        """The credentials JSON of the connect call that the sandbox at `base_url` accepts."""
        raise NotImplementedError

    def refused(self, base_url: str) -> JsonObject:
        """The same with wrong secrets."""
        raise NotImplementedError

    def started(self, server: Any) -> int:
        """Executions that exist on the platform. Override where a start request may start nothing (a 409, say)."""
        return sum(bool(re.fullmatch(self.start, call)) for call in server.calls)

    def workflow_ids(self, server: Any) -> set[str] | None:
        """The ids of every workflow the connection should list; None: not known to the test."""
        return None

    def __init_subclass__(cls) -> None:
        needs: dict[str, bool] = {
            "list": Verb.LIST in cls.provider_class.verbs,
            "preview": Verb.PREVIEW in cls.provider_class.verbs,
            "execute": Verb.EXECUTE in cls.provider_class.verbs,
            "poll": Verb.POLL in cls.provider_class.verbs,
            "idempotent": cls.provider_class.idempotent,
            "logs": issubclass(cls.provider_class, ReadsLogs),
            "tasks": issubclass(cls.provider_class, ReadsTasks),
            "cancel": issubclass(cls.provider_class, Cancels),
            "find": issubclass(cls.provider_class, Finds),
        }
        for name in dir(ProviderContract):
            word = name.removeprefix("test_").split("_")[0]
            if name.startswith("test_") and not needs.get(word, True):
                setattr(cls, name, None)  # pytest collects callables only
        if cls.ref_fails is None:
            setattr(cls, "test_poll_reaches_failure_with_their_own_words", None)  # noqa: B010 -- a method cannot be assigned None

    # ------------------------------------------------------------ fixtures

    @pytest.fixture
    async def server(self) -> AsyncIterator[Sandbox]:
        server = self.sandbox()
        yield server
        await server.aclose()

    @pytest.fixture
    def faults(self, server: Sandbox) -> Faults:
        return Faults(server)

    @pytest.fixture
    async def base_url(self, faults: Faults) -> AsyncIterator[str]:
        async with served(faults) as url:
            yield url

    @pytest.fixture
    async def make(self) -> AsyncIterator[Make]:
        """Builds a provider from credentials; its client is closed at the end."""
        made: list[AnyProvider] = []

        def build(credentials: Mapping[str, JsonValue]) -> AnyProvider:
            connection = self.provider_class.connection_model.model_validate(credentials)
            guard = EgressGuard(["127.0.0.0/8"])
            http = Http(guard, in_flight=self.provider_class.in_flight, secrets=connection.secrets())
            made.append(self.provider_class(connection, http))
            return made[-1]

        yield build
        for provider in made:
            await provider.http.aclose()

    @pytest.fixture
    def provider(self, make: Make, base_url: str) -> AnyProvider:
        return make(self.credentials(base_url))

    # ------------------------------------------------------------ check and credentials

    async def test_check_names_the_account_and_starts_nothing(
        self, provider: AnyProvider, server: Sandbox
    ) -> None:
        account = await provider.check()
        assert account.label.strip()
        assert self.started(server) == 0

    async def test_refused_credentials_are_unauthorized(self, make: Make, base_url: str) -> None:
        provider = make(self.refused(base_url))
        with pytest.raises(Unauthorized) as caught:
            await provider.check()
        assert caught.value.code in ("unauthorized", "forbidden")
        assert not caught.value.sent
        assert_hidden(provider.connection.secrets(), caught.value)

    async def test_nobody_listening_is_unavailable_and_not_sent(self, make: Make) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            provider = make(self.credentials(f"http://127.0.0.1:{closed.getsockname()[1]}"))
            with pytest.raises(Unavailable) as caught:
                await provider.check()
            assert (caught.value.code, caught.value.sent) == ("unreachable", False)
            if Verb.EXECUTE in provider.offers():
                with pytest.raises(Unavailable) as caught:
                    await provider.execute(self.ref_ok, self.payload, key="k")
                assert not caught.value.sent

    async def test_server_errors_are_unavailable(self, provider: AnyProvider, faults: Faults) -> None:
        faults.set("500", self.reads)
        with pytest.raises(Unavailable):
            await provider.check()

    async def test_rate_limits_carry_seconds(self, provider: AnyProvider, faults: Faults) -> None:
        faults.set("429", self.reads)
        with pytest.raises(RateLimited) as caught:
            await provider.check()
        assert caught.value.retry_after == 7

    # ------------------------------------------------------------ the verbs

    async def test_missing_verbs_are_not_supported(self, provider: AnyProvider) -> None:
        anything = Execution(id="1", workflow_id=self.ref_ok, state=ExecutionState.RUNNING, match="exact")
        calls = {
            Verb.LIST: lambda: provider.list_workflows(),
            Verb.PREVIEW: lambda: provider.preview(self.ref_ok),
            Verb.EXECUTE: lambda: provider.execute(self.ref_ok, self.payload, key="k"),
            Verb.POLL: lambda: provider.poll(anything),
        }
        assert provider.offers() <= provider.verbs
        for verb in set(Verb) - provider.offers():
            with pytest.raises(NotSupported) as caught:
                await calls[verb]()
            assert not caught.value.sent or verb is not Verb.EXECUTE

    async def test_list_pages_hold_every_workflow_exactly_once(
        self, provider: AnyProvider, server: Sandbox
    ) -> None:
        found = await all_workflows(provider)
        ids = [workflow.id for workflow in found]
        assert len(ids) == len(set(ids))
        assert self.ref_ok in ids
        if (expected := self.workflow_ids(server)) is not None:
            assert set(ids) == expected
        for workflow in found:
            assert workflow.name.strip()
            assert workflow.executable or (workflow.reason or "").strip(), (
                "not executable, and nobody says why"
            )
        assert self.started(server) == 0

    async def test_preview_is_a_graph_with_a_stable_fingerprint(
        self, provider: AnyProvider, server: Sandbox
    ) -> None:
        first, second = await provider.preview(self.ref_ok), await provider.preview(self.ref_ok)
        assert first.workflow.id == self.ref_ok
        ids = [node.id for node in first.nodes]
        assert ids and len(ids) == len(set(ids))
        for edge in first.edges:
            assert edge.source in ids and edge.target in ids
        assert first.fingerprint and first.fingerprint == second.fingerprint
        assert (first.nodes, first.edges, first.inputs) == (second.nodes, second.edges, second.inputs)
        assert first.fetched_at.utcoffset() == timedelta(0)
        assert self.started(server) == 0

    async def test_preview_of_an_unknown_ref_is_not_found(self, provider: AnyProvider) -> None:
        with pytest.raises(RemoteNotFound):
            await provider.preview(self.ref_unknown)

    async def test_execute_of_an_unknown_ref_is_not_found(
        self, provider: AnyProvider, server: Sandbox
    ) -> None:
        with pytest.raises(RemoteNotFound) as caught:
            await provider.execute(self.ref_unknown, self.payload, key="k-unknown")
        assert not caught.value.sent

    async def test_execute_starts_exactly_one(self, provider: AnyProvider, server: Sandbox) -> None:
        execution = await provider.execute(self.ref_ok, self.payload, key="k-1")
        assert execution.workflow_id == self.ref_ok
        assert (execution.match == "none") == (execution.id is None)
        assert self.started(server) == 1
        await provider.execute(self.ref_ok, self.payload, key="k-2")
        assert self.started(server) == 2

    async def test_execute_never_promises_falsely_that_nothing_started(
        self, provider: AnyProvider, server: Sandbox, faults: Faults
    ) -> None:
        kinds: tuple[Fault, ...] = ("500-after", "hang-after", "hang", "500")
        for number, fault in enumerate(kinds):
            before = self.started(server)
            faults.set(fault, self.start)
            with pytest.raises(Unavailable) as caught:
                await provider.execute(
                    self.ref_ok, self.payload, key=f"k-{number}", options=StartOptions(timeout=0.4)
                )
            assert faults.hits == 1, "the starting request was repeated"
            assert caught.value.sent, fault
            if fault.startswith("hang"):
                assert caught.value.code == "timeout"
            assert self.started(server) - before == (1 if fault.endswith("-after") else 0)

    async def test_execute_refused_by_a_rate_limit_starts_nothing(
        self, provider: AnyProvider, server: Sandbox, faults: Faults
    ) -> None:
        faults.set("429", self.start)
        with pytest.raises(RateLimited) as caught:
            await provider.execute(self.ref_ok, self.payload, key="k-1")
        assert (caught.value.retry_after, caught.value.sent, self.started(server)) == (7, False, 0)

    async def test_poll_reaches_the_end_from_what_was_stored(
        self, provider: AnyProvider, make: Make, base_url: str
    ) -> None:
        execution = await provider.execute(self.ref_ok, self.payload, key="k-1")
        another = make(
            self.credentials(base_url)
        )  # another process: nothing but the stored execution is known
        ended = await finished(another, stored(execution))
        assert ended.state is self.ends
        assert ended.id is not None or ended.match == "none"
        assert ended.error is None
        if ended.state is not ExecutionState.ACCEPTED:
            assert (await another.poll(stored(ended))).state is ended.state, "a final state changed"

    async def test_poll_reaches_failure_with_their_own_words(self, provider: AnyProvider) -> None:
        assert self.ref_fails is not None
        ended = await finished(provider, await provider.execute(self.ref_fails, self.payload, key="k-1"))
        assert ended.state is ExecutionState.FAILED
        assert ended.error is not None and self.own_error in ended.error.message

    async def test_poll_of_a_platform_that_is_down_is_unavailable(
        self, provider: AnyProvider, faults: Faults
    ) -> None:
        execution = await provider.execute(self.ref_ok, self.payload, key="k-1")
        if execution.state.final:
            return
        faults.set("500")
        with pytest.raises(Unavailable):
            await provider.poll(execution)

    # ------------------------------------------------------------ abilities

    async def test_idempotent_key_starts_one_execution(
        self, provider: AnyProvider, make: Make, base_url: str, server: Sandbox
    ) -> None:
        another = make(self.credentials(base_url))
        first, second = await asyncio.gather(
            provider.execute(self.ref_ok, self.payload, key="same"),
            another.execute(self.ref_ok, self.payload, key="same"),
        )
        third = await another.execute(self.ref_ok, self.payload, key="same")
        assert first.id == second.id == third.id
        assert self.started(server) == 1

    async def test_logs_are_read_once_with_marks(self, provider: AnyProvider) -> None:
        assert isinstance(provider, ReadsLogs)
        ended = await finished(provider, await provider.execute(self.ref_ok, self.payload, key="k-1"))
        lines, mark = await provider.logs(ended)
        assert lines and all(line.message for line in lines)
        again, _ = await provider.logs(stored(ended), since=json.loads(json.dumps(mark)))
        assert again == ()

    async def test_tasks_are_told_in_the_order_they_began(
        self, provider: AnyProvider, server: Sandbox
    ) -> None:
        assert isinstance(provider, ReadsTasks)
        ended = await finished(provider, await provider.execute(self.ref_ok, self.payload, key="k-1"))
        started, before = self.started(server), len(server.calls)
        found = await provider.tasks(stored(ended))
        assert found and all(task.id and task.label and task.raw for task in found)
        assert len({(task.id, task.attempt) for task in found}) == len(found)
        began = [task.started_at for task in found if task.started_at]
        assert began == sorted(began)
        assert all(t.finished_at >= t.started_at for t in found if t.started_at and t.finished_at)
        assert self.started(server) == started, "looking starts nothing"
        assert all(re.fullmatch(self.reads, call) for call in server.calls[before:])
        assert_hidden(provider.connection.secrets(), *(task.model_dump_json() for task in found))

    async def test_tasks_of_a_platform_that_is_down_are_unavailable(
        self, provider: AnyProvider, faults: Faults
    ) -> None:
        assert isinstance(provider, ReadsTasks)
        execution = await provider.execute(self.ref_ok, self.payload, key="k-1")
        faults.set("500")
        with pytest.raises(Unavailable):
            await provider.tasks(execution)

    async def test_cancel_says_what_was_asked_and_is_harmless_twice(self, provider: AnyProvider) -> None:
        assert isinstance(provider, Cancels) and self.ref_slow is not None
        execution = await provider.execute(self.ref_slow, self.payload, key="k-1")
        assert (await provider.cancel(execution)).strip()
        ended = await finished(provider, execution)
        assert ended.state in (ExecutionState.CANCELLED, ExecutionState.FAILED)
        assert (await provider.cancel(ended)).strip()

    async def test_find_recovers_what_a_lost_answer_started(
        self, provider: AnyProvider, make: Make, base_url: str, faults: Faults
    ) -> None:
        since = now() - timedelta(seconds=5)
        faults.set("hang-after", self.start)
        with pytest.raises(Unavailable):
            await provider.execute(self.ref_ok, self.payload, key="lost", options=StartOptions(timeout=0.4))
        faults.set(None)
        another = make(self.credentials(base_url))
        assert isinstance(another, Finds)
        found = await another.find(self.ref_ok, key="lost", since=since)
        assert found is not None and found.match in ("exact", "likely")
        assert await another.find(self.ref_ok, key="never-started", since=since) is None
        assert (await finished(another, found)).state is self.ends

    # ------------------------------------------------------------ secrets and form

    async def test_secrets_show_nowhere(self, provider: AnyProvider, faults: Faults, base_url: str) -> None:
        secrets = provider.connection.secrets()
        assert secrets, "a connection without a secret is not a credential"
        with recording() as exchanges:
            await provider.check()
            if Verb.EXECUTE in provider.offers():
                execution = await provider.execute(self.ref_ok, self.payload, key="k-1")
                if Verb.POLL in provider.offers():
                    execution = await provider.poll(execution)
                assert_hidden(secrets, execution.model_dump_json())
            for matching in (self.reads, self.start):
                faults.set("echo", matching)
                for call in (provider.check(), provider.execute(self.ref_ok, self.payload, key="k-2")):
                    try:
                        await call
                    except ProviderError as error:
                        assert_hidden(secrets, error)
        assert exchanges
        assert_hidden(secrets, provider, provider.connection, provider.connection.model_dump(), *exchanges)
        assert_hidden(secrets, provider.connection.model_dump_json())

    def test_form_explains_every_field(self) -> None:
        schema = self.provider_class.connection_model.model_json_schema(by_alias=True)
        for model in (schema, *schema.get("$defs", {}).values()):
            for name, field in model.get("properties", {}).items():
                assert field.get("title", "").strip(), f"{name} has no title"
                assert field.get("description", "").strip(), f"{name} does not say where to find its value"

    def test_form_hides_every_secret(self) -> None:
        words = re.compile(r"password|secret|token$|api_?key", re.IGNORECASE)
        for name, field in self.provider_class.connection_model.model_fields.items():
            if words.search(name):
                assert SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ())), (
                    f"{name} is readable"
                )
