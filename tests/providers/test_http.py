"""The one door to the network: deadlines, caps, redaction, and nothing sent where it was not meant to go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import httpcore
import httpx
import pytest
from pydantic import JsonValue

from providers import (
    BadResponse,
    EgressGuard,
    Http,
    Rejected,
    Unavailable,
    error_from,
    recording,
)
from tests.providers.raw_peer import always, peer, reply, silence

SECRET = 'pä/ss+w"ord & 7'
HOSTILE_NAMES = (
    "",
    "X Y",
    "X:Y",
    "X\r\nY",
    "Ü",
    "X\x00",
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "connection",
)
HOSTILE_VALUES = ("a\r\nX-Evil: 1", "a\nb", "a\x00b", "é", "\u2028", "a\x7fb")


@pytest.fixture
async def http() -> AsyncGenerator[Http]:
    http = Http(EgressGuard(["127.0.0.0/8"]), secrets=[SECRET])
    yield http
    await http.aclose()


# ---------------------------------------------------------------- the guard's seam


def network_backend(transport: object) -> object:
    pool = vars(transport)["_pool"]
    assert isinstance(pool, httpcore.AsyncConnectionPool)
    return vars(pool)["_network_backend"]


def guarded_backend(http: Http) -> Any:
    client: httpx.AsyncClient = http._new_lane()  # pyright: ignore[reportPrivateUsage]
    return network_backend(vars(client)["_transport"])


def test_the_private_seam_of_httpx_is_where_the_guard_sits() -> None:
    """The egress guard replaces this attribute; if a new httpx moves it, calls would go out unguarded."""
    assert isinstance(network_backend(httpx.AsyncHTTPTransport()), httpcore.AsyncNetworkBackend)
    assert type(guarded_backend(Http())).__name__ == "_GuardedBackend"


async def test_connections_of_a_burst_are_closed_when_nobody_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("providers._http._KEEPALIVE", 0.1)
    http, calls, here = Http(EgressGuard(["127.0.0.0/8"])), 5, asyncio.Barrier(5)

    async def together(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        await here.wait()
        writer.write(reply())

    async with peer(together) as server:
        await asyncio.gather(*(http.call("GET", server.url) for _ in range(calls)))
        async with asyncio.timeout(10):
            while server.left < calls:
                await server.leaving.wait()
                server.leaving.clear()
        again = [http.call("GET", server.url) for _ in range(calls)]
        assert [answer.status for answer in await asyncio.gather(*again)] == [200] * calls
    await http.aclose()


async def test_unix_sockets_are_not_called() -> None:
    with pytest.raises(Exception, match="unix sockets"):
        await guarded_backend(Http()).connect_unix_socket("/run/some.sock")


# ---------------------------------------------------------------- what is sent, and to whom


async def test_redirects_are_not_followed_and_carry_no_secret(http: Http) -> None:
    async with peer(always(reply())) as other:
        moved = reply(status="307 Temporary Redirect", headers=f"location: {other.url}/login?t=abc\r\n")
        async with peer(always(moved)) as first:
            answer = await http.call("POST", first.url, headers={"Authorization": "Bearer x"}, json={})
        assert (answer.status, other.heads) == (307, [])
        error = error_from(answer, "moved")
        assert (
            isinstance(error, BadResponse)
            and other.url in (error.hint or "")
            and "t=abc" not in (error.hint or "")
        )


async def test_authorization_goes_only_with_the_call_it_was_given_to(http: Http) -> None:
    async with (
        peer(always(reply(headers="set-cookie: session=1; Path=/\r\n"))) as one,
        peer(always(reply())) as two,
    ):
        await http.call("GET", one.url, headers={"Authorization": "Bearer x"})
        await http.call("GET", one.url)
        await http.call("GET", two.url)
    assert "authorization" in one.heads[0].lower()
    for head in (one.heads[1], *two.heads):
        assert "authorization" not in head.lower() and "cookie" not in head.lower()


async def test_proxies_and_netrc_of_the_environment_are_ignored(
    http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with peer(always(reply())) as proxy, peer(always(reply())) as direct:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        fresh = Http(EgressGuard(["127.0.0.0/8"]))
        await fresh.call("GET", direct.url)
        await fresh.aclose()
        assert (len(direct.heads), proxy.heads) == (1, [])
        assert "authorization" not in direct.heads[0].lower()


async def test_we_say_who_we_are_and_ask_for_plain_bytes(http: Http) -> None:
    async with peer(always(reply())) as server:
        await http.call(
            "GET", server.url, headers={"accept": "text/plain"}, params=[("a", "1 &"), ("a", "2")]
        )
    head = server.heads[0].lower()
    assert "user-agent: baton/" in head and "accept-encoding: identity" in head
    assert head.count("accept: ") == 1 and "accept: text/plain" in head
    assert head.startswith("get /?a=1+%26&a=2 ") or head.startswith("get /?a=1%20%26&a=2 ")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_header_names_cannot_smuggle(name: str, http: Http) -> None:
    async with peer(always(reply())) as server:
        with pytest.raises(Rejected) as caught:
            await http.call("GET", server.url, headers={name: "x"})
    assert (caught.value.sent, server.heads) == (False, [])


@pytest.mark.parametrize("value", HOSTILE_VALUES)
async def test_header_values_cannot_smuggle(value: str, http: Http) -> None:
    async with peer(always(reply())) as server:
        with pytest.raises(Rejected) as caught:
            await http.call("GET", server.url, headers={"X-Good": value})
    assert (caught.value.sent, server.heads) == (False, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET / HTTP/1.1\r\nX: 1", "/"),
        ("", "/"),
        ("get", "/"),
        ("GET", "/a\r\nX-Evil: 1"),
        ("GET", "/a\x00b"),
    ],
)
async def test_methods_and_paths_cannot_smuggle(method: str, path: str, http: Http) -> None:
    async with peer(always(reply())) as server:
        with pytest.raises(Rejected) as caught:
            await http.call(method, server.url + path)
    assert (caught.value.sent, server.heads) == (False, [])


@pytest.mark.parametrize(
    "url", ["", "nothing", "ftp://host/", "file:///etc/passwd", "http://", "http://[::1", "//host/x"]
)
async def test_only_web_addresses_are_called(url: str, http: Http) -> None:
    with pytest.raises(Rejected) as caught:
        await http.call("GET", url)
    assert not caught.value.sent


@pytest.mark.parametrize("payload", [float("nan"), {"a": float("inf")}, "\ud800"])
async def test_what_is_not_json_is_not_sent(payload: JsonValue, http: Http) -> None:
    with pytest.raises(Rejected) as caught:
        await http.call("POST", "http://127.0.0.1:1/", json=payload)
    assert not caught.value.sent


async def test_null_is_a_body_and_no_body_is_none(http: Http) -> None:
    async with peer(always(reply())) as server:
        with recording() as exchanges:
            await http.call("DELETE", server.url, json=None, headers={"X-A": "1"})
            await http.call("DELETE", server.url)
    assert [exchange.body for exchange in exchanges] == ["null", None]
    assert "content-type: application/json" in server.heads[0].lower()
    assert "content-type" not in server.heads[1].lower()


# ---------------------------------------------------------------- deadlines, and what `sent` says


async def test_a_body_that_dribbles_hits_the_deadline(http: Http) -> None:
    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _n in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with peer(dribble) as server:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", server.url, json={}, timeout=0.5)
        assert time.monotonic() - began < 1.5
    assert (caught.value.code, caught.value.sent) == ("timeout", True)


async def test_headers_that_never_end_are_an_error(http: Http) -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-more: " + b"y" * 1000 + b"\r\n")
            await writer.drain()

    async with peer(endless) as server:
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", server.url, json={}, timeout=5)
    assert caught.value.sent and caught.value.code == "unreachable"


async def test_silence_is_a_timeout_and_may_have_arrived(http: Http) -> None:
    async with peer(silence) as server:
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", server.url, json={}, timeout=0.2)
    assert (caught.value.code, caught.value.sent, len(server.heads)) == ("timeout", True, 1)


async def test_waiting_for_a_slot_is_not_sent() -> None:
    http = Http(EgressGuard(["127.0.0.0/8"]), in_flight=1)
    async with peer(silence) as server:
        first = asyncio.create_task(http.call("POST", server.url, json=1, timeout=0.6))
        await server.asked.wait()
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", server.url, json=2, timeout=0.2)
        assert (caught.value.code, caught.value.sent, len(server.heads)) == ("timeout", False, 1)
        with pytest.raises(Unavailable):
            await first
    await http.aclose()


async def test_a_connection_that_breaks_after_the_request_may_have_arrived(http: Http) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.transport.abort()

    async with peer(cut) as server:
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", server.url, json={})
    assert (caught.value.code, caught.value.sent) == ("unreachable", True)


@pytest.mark.parametrize(("says", "code"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls"), (b"", "timeout")])
async def test_a_handshake_that_fails_or_hangs_is_not_sent(says: bytes, code: str, http: Http) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(says)
        while await reader.read(65536):
            pass
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", f"https://127.0.0.1:{port}/", json={}, timeout=0.5)
    assert (caught.value.code, caught.value.sent) == (code, False)


async def test_at_most_in_flight_requests_at_once() -> None:
    under_way = most = 0

    async def busy(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        writer.write(reply())

    http = Http(EgressGuard(["127.0.0.0/8"]), in_flight=3)
    async with peer(busy) as server:
        answers = await asyncio.gather(*(http.call("GET", server.url) for _ in range(12)))
        await http.aclose()
    assert most == 3 and all(answer.ok for answer in answers)


# ---------------------------------------------------------------- repeated reads


async def test_reads_are_repeated_while_the_fault_passes_and_posts_never(http: Http) -> None:
    async def third_time(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(reply(b'{"n": 3}') if len(server.heads) == 3 else reply(status="503 Busy"))

    async with peer(third_time) as server:
        assert (await http.get(server.url)).json() == {"n": 3}
    async with peer(always(reply(b"why", status="503 Busy"))) as down:
        last = await http.get(down.url)
        assert (last.status, last.text, len(down.heads)) == (503, "why", 3)
        assert (await http.call("POST", down.url)).status == 503
        assert len(down.heads) == 4


async def test_all_tries_of_a_read_share_one_deadline(http: Http) -> None:
    async with peer(silence) as server:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await http.get(server.url, timeout=0.4)
        assert time.monotonic() - began < 1
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "404 Gone", "429 Slow"])
async def test_a_no_is_not_asked_again(status: str, http: Http) -> None:
    async with peer(always(reply(status=status))) as server:
        await http.get(server.url)
    assert len(server.heads) == 1
