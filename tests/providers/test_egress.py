"""The wall against calls to internal addresses: decided at connect, on the address the socket then uses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from providers import EgressGuard, Http, Rejected, Unavailable

Resolver = Callable[..., list[tuple[Any, ...]]]


class Trap:
    """A listener on every loopback address that counts who connects. Nobody may."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    trap = Trap()
    server = await asyncio.start_server(trap.serve, "127.0.0.1", 0)
    trap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield trap


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()


def answering(*addresses: str) -> Resolver:
    """A resolver whose answers change from call to call; the last one stays."""
    left = list(addresses)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        now = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now.split()]

    return getaddrinfo


SPELLINGS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1.",
)


@pytest.mark.parametrize("host", SPELLINGS)
async def test_every_spelling_of_this_machine_is_refused_without_a_connection(
    host: str, trap: Trap, http: Http
) -> None:
    with pytest.raises((Rejected, Unavailable)) as caught:
        await http.call("GET", f"http://{host}:{trap.port}/", timeout=5)
    assert trap.connections == 0
    assert not caught.value.sent
    if isinstance(
        caught.value, Unavailable
    ):  # some resolvers do not know a spelling at all, and then it is no address
        assert caught.value.code == "unreachable"
    else:
        assert caught.value.code in ("blocked", "rejected")


INTERNAL = (
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "168.63.129.16",
    "192.88.99.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "64:ff9b:1::1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "fec0::1",
    "2606:4700::1111%eth0",
)
PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1")


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_not_permitted(address: str) -> None:
    assert not EgressGuard().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert EgressGuard().permits(address)


def test_the_operator_opens_networks_and_nothing_beside_them() -> None:
    guard = EgressGuard(["10.1.0.0/16", "fd00:1::/32"])
    assert guard.permits("10.1.2.3") and guard.permits("::ffff:10.1.2.3") and guard.permits("fd00:1::9")
    assert not any(guard.permits(a) for a in ("10.2.0.1", "127.0.0.1", "169.254.169.254", "fd00:2::9"))


def test_a_private_connection_reaches_own_hosts_but_no_metadata() -> None:
    guard = EgressGuard().with_private_networks()
    assert all(
        guard.permits(a) for a in ("127.0.0.1", "10.0.0.1", "192.168.0.9", "::1", "fd00::1", "100.64.0.1")
    )
    assert not any(
        guard.permits(a) for a in ("169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "168.63.129.16")
    )


async def test_a_name_with_one_internal_address_is_refused_whole(
    monkeypatch: pytest.MonkeyPatch, trap: Trap, http: Http
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.215.14 127.0.0.1"))
    with pytest.raises(Rejected) as caught:
        await http.call("GET", f"http://mixed.example:{trap.port}/", timeout=5)
    assert (caught.value.code, trap.connections) == ("blocked", 0)


async def test_a_name_that_turns_internal_after_the_check_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, trap: Trap
) -> None:
    """DNS rebinding: whatever a second look-up would say, the socket goes to the address that was checked."""
    monkeypatch.setattr(socket, "getaddrinfo", answering("::1", "127.0.0.1"))
    http = Http(EgressGuard(["::1/128"]))
    try:
        with pytest.raises(Unavailable):  # nobody listens on ::1; the trap is on 127.0.0.1
            await http.call("GET", f"http://rebind.example:{trap.port}/", timeout=5)
        with pytest.raises(Rejected) as caught:  # the next call resolves again and is checked again
            await http.call("GET", f"http://rebind.example:{trap.port}/", timeout=5)
    finally:
        await http.aclose()
    assert (caught.value.code, trap.connections) == ("blocked", 0)


async def test_the_socket_goes_to_the_checked_address_and_the_host_header_stays(
    monkeypatch: pytest.MonkeyPatch, trap: Trap
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.1"))
    http = Http(EgressGuard(["127.0.0.0/8"]))
    try:
        answer = await http.call("GET", f"http://named.example:{trap.port}/", timeout=5)
    finally:
        await http.aclose()
    assert (answer.status, trap.connections) == (200, 1)


async def test_a_name_without_address_is_unreachable(monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
    def nobody(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(Unavailable) as caught:
        await http.call("GET", "http://missing.example/", timeout=5)
    assert (caught.value.code, caught.value.sent) == ("unreachable", False)
