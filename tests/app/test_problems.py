"""Every error has one shape: RFC 9457, whoever found it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.requests import Request

from app import body, problems
from app.problems import STATUS, AppError, status_of
from providers import ProviderError, RateLimited, RemoteNotFound, Unauthorized, Unavailable
from runner.errors import Conflict, NotFound, RunnerError, Stale, StoreError, Unreachable
from runner.store.orchestrators import Orchestrators
from tests.factories import Site

BASE = "/api/v1/orchestrator"
MEMBERS = {"type", "title", "status", "code", "instance", "requestId", "detail"}


def checked(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert set(found) >= MEMBERS
    assert (found["status"], found["code"], found["type"]) == (status, code, f"urn:baton:problem:{code}")
    assert found["requestId"] == answer.headers["x-request-id"]
    UUID(found["requestId"])
    return found


async def test_each_way_to_fail_has_its_status_and_code(site: Site) -> None:
    client = site.client
    json = {"Content-Type": "application/json"}
    checked(await client.get("/api/v1/nowhere"), 404, "not-found")
    checked(await client.get(f"{BASE}/{uuid4()}"), 404, "not-found")
    checked(await client.get(f"{BASE}/"), 404, "not-found")
    wrong = await client.patch(f"{BASE}/{uuid4()}")
    checked(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "DELETE, GET, HEAD, PUT"
    checked(await client.post(BASE, content=b"{", headers=json), 400, "malformed-json")
    checked(await client.post(BASE, content=b'{"name":"a","name":"b"}', headers=json), 400, "malformed-json")
    plain = {"Content-Type": "text/plain"}
    checked(await client.post(BASE, content=b"{}", headers=plain), 415, "unsupported-media-type")
    form = await client.post(BASE, data={"name": "x"})
    checked(form, 415, "unsupported-media-type")
    strict = await client.post(BASE, json={"name": 1, "definition": {}, "x": 2})
    errors = checked(strict, 422, "invalid-request")["errors"]
    assert {e["pointer"] for e in errors} == {"/name", "/x"} and all(
        set(e) == {"pointer", "detail"} for e in errors
    )
    checked(await client.post(BASE), 422, "invalid-request")
    checked(await client.post(BASE, content=b"x" * (body.MAX_BODY + 1), headers=json), 413, "too-large")
    unknown = checked(await site.anonymous.get(BASE), 401, "unauthenticated")
    assert "hint" in unknown


async def test_a_body_that_never_ends_is_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def chunks(count: int) -> AsyncGenerator[bytes]:
        for _ in range(count):
            yield b" " * 65536

    async def send(count: int) -> httpx.Response:
        return await site.client.post(
            BASE, content=chunks(count), headers={"Content-Type": "application/json"}
        )

    checked(await send(3 * 16), 413, "too-large")
    monkeypatch.setattr(body, "DRAIN", 0)
    with suppress(httpx.TransportError):  # cut while sending, the client may not see why
        assert (await send(100_000)).status_code == 413
    checked(await send(1), 400, "malformed-json")


async def test_a_body_that_does_not_come_times_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.2)
    port = int(site.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    token = site.client.headers["authorization"]
    writer.write(
        f"POST {BASE} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{".encode()
    )
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


async def test_a_fault_of_ours_says_nothing_but_its_request_id(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-canary")

    monkeypatch.setattr(Orchestrators, "page", broken)
    answer = await site.client.get(BASE)
    found = answer.json()
    assert answer.status_code == 500 and found["code"] == "internal" and "detail" not in found
    assert "canary" not in answer.text
    assert found["requestId"] in caplog.text and "secret-canary" in caplog.text


async def test_a_database_that_is_away_is_503_with_a_time_to_come_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unreachable("the database does not answer")

    monkeypatch.setattr(Orchestrators, "page", away)
    answer = await site.client.get(BASE)
    checked(answer, 503, "database-unreachable")
    assert answer.headers["retry-after"] == "1"


async def test_the_request_id_is_ours_whatever_the_client_sends(site: Site) -> None:
    answer = await site.client.get(BASE, headers={"X-Request-Id": "forged"})
    UUID(answer.headers["x-request-id"])


def test_the_nearest_ancestor_in_the_table_decides() -> None:
    assert [status_of(e) for e in (NotFound, Conflict, Stale, Unreachable)] == [404, 409, 412, 503]
    # A platform that refuses our credentials is not our caller being refused.
    assert [status_of(e) for e in (Unauthorized, RemoteNotFound, RateLimited, Unavailable)] == [
        502,
        404,
        503,
        502,
    ]
    assert [status_of(e) for e in (RunnerError, StoreError, AppError, ValueError)] == [500] * 4
    assert all(issubclass(error, AppError | RunnerError | ProviderError) for error in STATUS)


def test_a_pointer_escapes_as_rfc_6901_says() -> None:
    assert problems.pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"
    assert problems.pointer(()) == ""


def test_retry_after_is_whole_seconds_of_at_least_one() -> None:
    assert problems.headers_of(RateLimited("slow", retry_after=0.2)) == {"Retry-After": "1"}
    request = Request({"type": "http", "path": "/x", "headers": []})
    made = problems.details(request, RateLimited("slow", retry_after=3))
    assert (made.status, made.code) == (503, "rate-limited")
