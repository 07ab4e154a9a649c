"""What comes back through the one door: caps on poison answers, masked history, and what a status means."""

from __future__ import annotations

import base64
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncGenerator
from urllib.parse import quote

import pytest

from providers import (
    Answer,
    BadResponse,
    EgressGuard,
    Http,
    RateLimited,
    Rejected,
    RemoteNotFound,
    Unauthorized,
    Unavailable,
    error_from,
    recording,
)
from providers._http import retry_after
from tests.providers.raw_peer import always, peer, reply, silence

SECRET = 'pä/ss+w"ord & 7'


@pytest.fixture
async def http() -> AsyncGenerator[Http]:
    http = Http(EgressGuard(["127.0.0.0/8"]), secrets=[SECRET])
    yield http
    await http.aclose()


# ---------------------------------------------------------------- poison answers


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_refused_with_bounded_memory(encoding: str, http: Http) -> None:
    pack = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    zeros = bytes(1 << 20)
    bomb = b"".join([pack.compress(zeros) for _ in range(200)]) + pack.flush()
    async with peer(always(reply(bomb, headers=f"content-encoding: {encoding}\r\n"))) as server:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        try:
            with pytest.raises(BadResponse, match="larger than 1024 KiB"):
                await http.call("GET", server.url, max_bytes=1 << 20)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    assert peak < 8 << 20, f"{peak >> 20} MiB for an answer capped at 1 MiB"


async def test_packed_answers_within_the_cap_are_read_and_cut_ones_are_not(http: Http) -> None:
    packed = gzip.compress(b'{"a": 1}')
    async with peer(always(reply(packed, headers="content-encoding: gzip\r\n"))) as server:
        assert (await http.call("GET", server.url)).json() == {"a": 1}
    for broken in (packed[:-9], b"not gzip at all"):
        async with peer(always(reply(broken, headers="content-encoding: gzip\r\n"))) as server:
            with pytest.raises(BadResponse):
                await http.call("GET", server.url)
    async with peer(always(reply(b"?", headers="content-encoding: br\r\n"))) as server:
        with pytest.raises(BadResponse, match="not asked for"):
            await http.call("GET", server.url)


async def test_a_plain_answer_over_the_cap_is_refused(http: Http) -> None:
    async with peer(always(reply(b"x" * 3000))) as server:
        assert len((await http.call("GET", server.url, max_bytes=3000)).body) == 3000
        with pytest.raises(BadResponse, match="larger than"):
            await http.call("GET", server.url, max_bytes=2999)


async def test_an_answer_that_is_not_json_says_so(http: Http) -> None:
    async with peer(always(reply(b"<html>", headers="content-type: text/html\r\n"))) as server:
        with pytest.raises(BadResponse, match=r"200, text/html.*not usable JSON"):
            (await http.call("GET", server.url)).json()


# ---------------------------------------------------------------- secrets and history


async def test_secrets_are_masked_in_every_spelling(http: Http) -> None:
    raw = SECRET.encode()
    spellings = (
        SECRET,
        quote(SECRET, safe=""),
        SECRET.replace('"', '\\"'),
        'p\\u00e4/ss+w\\"ord & 7',
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
    )
    echo = " | ".join(spellings)
    async with peer(always(reply(echo.encode(), headers="x-echo: " + raw.hex() + "\r\n"))) as server:
        with recording() as exchanges:
            answer = await http.call(
                "POST",
                f"{server.url}/x",
                params=[("key", SECRET)],
                headers={"X-Api-Key": "other"},
                json={"s": SECRET},
            )
    (exchange,) = exchanges
    shown = repr(exchange) + str(error_from(answer, http.redact(answer.text))) + answer.url
    for spelling in spellings:
        assert spelling not in shown
    assert exchange.headers["X-Api-Key"] == "***"
    assert (exchange.method, exchange.status, exchange.body) == ("POST", 200, '{"s": "***"}')
    assert echo in answer.text, "the caller gets the real answer"


async def test_a_token_is_masked_in_the_very_answer_that_brought_it(http: Http) -> None:
    async with peer(always(reply(b'{"access_token": "fetched-token-2"}'))) as server:
        with recording() as exchanges:
            await http.call("POST", server.url, json={})
            http.hide("fetched-token-2")
    assert exchanges[0].answer == '{"access_token": "***"}'


async def test_secrets_learnt_later_and_passwords_in_addresses_are_masked(http: Http) -> None:
    http.hide("fetched-token-1")
    async with peer(always(reply(b"fetched-token-1 and hunter22"))) as server:
        with recording() as exchanges:
            await http.call("GET", server.url.replace("//", "//me:hunter22@"))
    assert "hunter22" not in repr(exchanges) and "fetched-token-1" not in repr(exchanges)
    assert "authorization: basic" in server.heads[0].lower()


async def test_failures_are_recorded_without_secrets(http: Http) -> None:
    async with peer(silence) as server:
        with recording() as exchanges, pytest.raises(Unavailable) as caught:
            await http.call("GET", f"{server.url}/{quote(SECRET, safe='')}", timeout=0.1)
    (exchange,) = exchanges
    assert exchange.error == caught.value.message and exchange.status is None and exchange.seconds > 0
    assert quote(SECRET, safe="") not in repr(exchange) + str(caught.value)


async def test_history_keeps_64_kib_of_a_long_answer_and_no_nul(http: Http) -> None:
    async with peer(always(reply(b"\x00" + b"y" * 100_000))) as server:
        with recording() as exchanges:
            await http.call("GET", server.url)
    kept = exchanges[0].answer or ""
    assert len(kept) < 66_000 and "cut, 100001 bytes" in kept and "\x00" not in kept


# ---------------------------------------------------------------- statuses


def answer(status: int, **headers: str) -> Answer:
    return Answer("GET", "http://x/", status, headers, b"")


@pytest.mark.parametrize(
    ("status", "kind", "code", "sent"),
    [
        (401, Unauthorized, "unauthorized", False),
        (403, Unauthorized, "forbidden", False),
        (404, RemoteNotFound, "not-found", False),
        (410, RemoteNotFound, "not-found", False),
        (409, Rejected, "rejected", False),
        (429, RateLimited, "rate-limited", False),
        (500, Unavailable, "unreachable", True),
        (504, Unavailable, "unreachable", True),
        (302, BadResponse, "bad-response", True),
    ],
)
def test_a_status_means_one_error(status: int, kind: type[Exception], code: str, sent: bool) -> None:
    error = error_from(answer(status), "their words", hint="ours")
    assert type(error) is kind
    assert (error.code, error.sent, error.status, str(error), error.hint) == (
        code,
        sent,
        status,
        "their words",
        "ours",
    )


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("99999999", 3600, 3600),
        ("nan", 30, 30),
        ("soon", 30, 30),
        ("", 30, 30),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 3600, 3600),
        ("Wed, 21 Oct 2015 07:28:00", 30, 30),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, low: float, high: float) -> None:
    assert low <= retry_after(answer(429, **{"retry-after": header}), default=30) <= high
