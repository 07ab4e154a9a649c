"""Whose address a request has behind proxies: only trusted ones are believed, and only as far as they can know (threats T16, T31)."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.forwarded import HOPS, Forwarded
from app.settings import Settings, StartRefused
from runner.store.attempts import ADDRESS_BURST
from tests.app.team import API, WRONG
from tests.app.test_auth import TABLE, filled
from tests.factories import site_on
from tests.serving import served

LOCAL, INNER = ip_network("127.0.0.1"), ip_network("10.0.0.0/8")
SIX = ip_network("fd00:7::/64")


async def _where(request: Request) -> JSONResponse:
    assert request.client is not None
    return JSONResponse([request.client.host, request.client.port, request.url.scheme, request.url.hostname])


def echo(*trusted: Any) -> Starlette:
    return Starlette(routes=[Route("/", _where)], middleware=[Middleware(Forwarded, trusted=trusted)])


async def asked(url: str, *given: tuple[str, str]) -> list[Any]:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given]
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


FOR = "X-Forwarded-For"
TOLD: dict[str, tuple[str, ...]] = {
    # one proxy, several, and what a client wrote before them
    "203.0.113.9": (
        "203.0.113.9",
        "198.51.100.1,\t203.0.113.9",
        "203.0.113.9:51234",
        "198.51.100.1, 203.0.113.9",
        "127.0.0.1,203.0.113.9",
        "203.0.113.9, 10.1.2.3",
        "6.6.6.6, 203.0.113.9, 10.1.2.3:80, 10.9.9.9",
        "203.0.113.9, [fd00:7::1]:443, fd00:7::2",
        "<script>, 203.0.113.9",
        "::ffff:203.0.113.9",
        "[::ffff:203.0.113.9]:1",
        ",,,203.0.113.9",
        ", ".join(["6.6.6.6"] * 200 + ["203.0.113.9"]),
    ),
    "2001:db8::7": ("2001:db8::7", "[2001:db8::7]", "[2001:DB8:0::7]:443", "6.6.6.6, 2001:db8::7, 10.0.0.1"),
    # nothing that is an address: the last hop that is known
    "127.0.0.1": (
        "",
        ",",
        "unknown",
        "_hidden",
        "203.0.113.9, unknown",
        "203.0.113.9,",
        "203.0.113.9;x",
        "203.0.113.9:x",
        "203.0.113.9:",
        "203.0.113.9:1:2",
        "203.0.113",
        "0313.0.113.9",
        "203.0.113.9/32",
        "[203.0.113.9]:80",
        "[2001:db8::7",
        "2001:db8::7]",
        "fe80::1%eth0",
        '"203.0.113.9"',
        "\xb2.0.0.1",
        "x" * 4000,
        "127.0.0.1",
    ),
    "10.1.2.3": ("6.6.6.6, unknown, 10.1.2.3", "10.1.2.3"),
    # proxies only: the farthest
    "10.0.0.1": ("10.0.0.1, 10.0.0.2, 127.0.0.1", ", ".join(["10.0.0.1"] * 200)),
}


async def test_the_first_address_from_the_right_that_is_no_proxy() -> None:
    async with served(echo(LOCAL, INNER, SIX)) as url:
        for expected, told in [(to, each) for to, many in TOLD.items() for each in many]:
            host, port, scheme, name = await asked(
                url, (FOR, told), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")
            )
            assert host == expected, told
            assert (scheme, name) == ("http", "127.0.0.1"), "nothing else is taken from a header"
            assert port == 0 or host == "127.0.0.1"


async def test_headers_that_come_twice_are_one_list() -> None:
    async with served(echo(LOCAL)) as url:
        assert (await asked(url, (FOR, "6.6.6.6"), (FOR, "203.0.113.9")))[0] == "203.0.113.9"
        assert (await asked(url, (FOR, "203.0.113.9"), (FOR, "")))[0] == "127.0.0.1"


async def test_more_hops_than_anybody_has_are_not_walked() -> None:
    """The oldest hop that is looked at, and none of the thousand before it."""
    hops = ["203.0.113.9", *["10.9.9.9"] * 1000, "10.0.0.7", *["10.0.0.1"] * (HOPS - 1)]
    async with served(echo(LOCAL, INNER)) as url:
        assert (await asked(url, (FOR, ",".join(hops))))[0] == "10.0.0.7"


@pytest.mark.parametrize("name", [FOR, "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"])  # fmt: skip
async def test_an_untrusted_peer_cannot_say_who_it_is(name: str) -> None:
    value = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"
    async with served(echo(INNER)) as url:
        assert (await asked(url, (name, value)))[0] == "127.0.0.1"
    async with served(echo()) as url:
        assert (await asked(url, (name, value)))[0] == "127.0.0.1"
    if name != FOR:
        async with served(echo(LOCAL)) as url:
            assert (await asked(url, (name, value)))[0] == "127.0.0.1"


async def test_limits_of_one_address_are_those_of_the_client_and_not_of_the_proxy(
    database_url: str, tmp_path: Path
) -> None:
    async with site_on(database_url, tmp_path, trusted_proxies=(LOCAL,)) as site:

        async def tried(number: int, told: str) -> int:
            answer = await site.anonymous.post(
                "/sign-in",
                data={"email": f"n{number}@example.org", "password": "x" * 12},
                headers={FOR: told},
            )
            assert answer.status_code == 429 or WRONG in answer.text
            return answer.status_code

        # Who guesses is slowed down, whatever they write into the header themselves; others are not.
        counts = [await tried(n, f"192.0.2.{n % 250}, 203.0.113.9") for n in range(ADDRESS_BURST + 10)]
        assert counts[:ADDRESS_BURST] == [401] * ADDRESS_BURST and 429 in counts
        assert await tried(900, "198.51.100.4") == 401


async def test_sessions_and_the_audit_log_tell_the_clients_address(database_url: str, tmp_path: Path) -> None:
    async with site_on(database_url, tmp_path, trusted_proxies=(LOCAL,)) as site:
        site.anonymous.headers[FOR] = "6.6.6.6, 2001:db8::7"
        cookie = await site.cookie()
        sessions = (await site.anonymous.get(f"{API}/account/sessions", headers=cookie)).json()
        assert [each["address"] for each in sessions["items"]] == ["2001:db8::7"]
        lines = (await site.client.get(f"{API}/audit")).json()["items"]
        assert {line["address"] for line in lines if line["action"].startswith("session.")} == {"2001:db8::7"}


def test_nobody_is_trusted_by_default_and_everybody_never() -> None:
    home = {"HOME": "/srv/ada"}
    assert Settings.from_env(home).trusted_proxies == ()
    told = Settings.from_env({**home, "BATON_TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1,::1"})
    assert told.trusted_proxies == (INNER, LOCAL, ip_network("::1"))
    for wrong in ("0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example.org"):
        with pytest.raises(StartRefused, match="BATON_TRUSTED_PROXIES"):
            Settings.from_env({**home, "BATON_TRUSTED_PROXIES": wrong})


INNER_WORDS = {
    name: "1" for name in ("X-Internal", "X-Internal-Request", "X-Admin", "X-Debug", "X-Authenticated")
} | {
    "X-Request-From": "internal",
    FOR: "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost;proto=https",
    "X-Real-IP": "127.0.0.1",
    "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz",
    "X-Forwarded-Prefix": "/healthz",
    "X-Forwarded-Host": "localhost",
    "X-HTTP-Method-Override": "GET",
    "X-Remote-User": "admin",
    "Remote-User": "admin",
    "X-Forwarded-User": "admin",
    "X-Forwarded-Email": "ann@example.org",
    "X-Auth-Request-User": "admin",
    "X-Webauth-User": "admin",
    "X-Workspace-Id": "default",
    "X-Role": "admin",
}


async def test_no_header_lets_anybody_in(database_url: str, tmp_path: Path) -> None:
    """Not even from a trusted proxy: it says where a request comes from, never whose it is."""
    async with site_on(database_url, tmp_path, trusted_proxies=(LOCAL,)) as site:
        for (method, path), least in TABLE.items():
            if least is not None:
                answer = await site.anonymous.request(method, filled(path), headers=INNER_WORDS)
                assert answer.status_code == 401, (method, path, answer.status_code)
