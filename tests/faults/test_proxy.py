"""Each toxic does what it says; otherwise nothing that was shown through the proxy is worth anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import Kind, Proxy, Toxic, Way, proxied

GOT: list[bytes] = []


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each line with itself; keeps what it got."""
    try:
        while line := await reader.readline():
            GOT.append(line)
            writer.write(line)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    GOT.clear()
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, proxied(server.sockets[0].getsockname()[:2]) as made:
        yield made


class Wire:
    """A client's connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, line: bytes) -> bytes:
        """The answer; b"" when the connection ended instead. Raises ConnectionResetError."""
        self.writer.write(line)
        await self.writer.drain()
        return await self.reader.readline()


@pytest.fixture
async def wire(proxy: Proxy) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    made = Wire(reader, writer)
    assert await made.ask(b"before\n") == b"before\n"
    yield made
    writer.close()


async def ended(wire: Wire, line: bytes) -> bytes:
    """What came before the connection ended, however it ended."""
    try:
        async with asyncio.timeout(5):
            return await wire.ask(line)
    except ConnectionResetError:
        return b""


async def silent(wire: Wire, line: bytes) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await wire.ask(line)
    except TimeoutError:
        return True
    return False


async def test_without_a_toxic_it_passes_everything(proxy: Proxy, wire: Wire) -> None:
    long = b"x" * 50_000 + b"\n"
    assert await wire.ask(long) == long and proxy.accepted == 1


@pytest.mark.parametrize("way", ["up", "down"])
async def test_latency_delays_each_way(proxy: Proxy, wire: Wire, way: Way) -> None:
    proxy.toxics = [Toxic("latency", way, seconds=0.2, jitter=0.05)]
    began = time.monotonic()
    assert await wire.ask(b"late\n") == b"late\n"
    assert time.monotonic() - began >= 0.15


async def test_bandwidth_takes_its_time(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("bandwidth", size=10_000)]
    began = time.monotonic()
    assert len(await wire.ask(b"x" * 2999 + b"\n")) == 3000
    assert time.monotonic() - began >= 0.3


async def test_slow_close_holds_the_end_back(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("slow_close", "up", seconds=0.2)]
    wire.writer.write_eof()
    began = time.monotonic()
    assert await wire.reader.read() == b""
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("way", ["up", "down"])
async def test_what_hangs_goes_on_when_healed(proxy: Proxy, wire: Wire, way: Way) -> None:
    proxy.toxics = [Toxic("hang", way)]
    assert await silent(wire, b"held\n")
    assert (b"held\n" in GOT) == (way == "down")
    proxy.heal()
    assert await wire.reader.readline() == b"held\n"


async def test_a_reset_is_a_reset(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("reset_peer", "down")]
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(5):
            await wire.ask(b"gone\n")


async def test_slices_arrive_one_by_one_and_whole(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("slicer", "down", size=3, seconds=0.01)]
    wire.writer.write(b"0123456789\n")
    first = await wire.reader.read(100)
    assert len(first) < 11 and first + await wire.reader.readline() == b"0123456789\n"


async def test_data_is_cut_after_so_many_bytes(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("limit_data", "down", size=4)]
    assert await ended(wire, b"0123456789\n") == b"0123"


async def test_a_dropped_request_never_arrives(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("drop_request")]
    assert await ended(wire, b"lost\n") == b"" and GOT == [b"before\n"]


async def test_a_swallowed_answer_had_its_request_arrive(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("swallow_ack")]
    assert await ended(wire, b"taken\n") == b"" and GOT == [b"before\n", b"taken\n"]


async def test_half_open_says_nothing_and_stays_so(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("half_open")]
    assert await silent(wire, b"anybody?\n") and GOT == [b"before\n"]
    proxy.heal()
    assert await silent(wire, b"still?\n") and GOT == [b"before\n"]


async def test_refusing_meets_new_connections_only(proxy: Proxy, wire: Wire) -> None:
    proxy.toxics = [Toxic("refuse")]
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await ended(Wire(reader, writer), b"new\n") == b""
    writer.close()
    assert await wire.ask(b"old\n") == b"old\n"


@pytest.mark.parametrize("kind", ["drop_request", "swallow_ack", "reset_peer", "limit_data", "half_open"])
async def test_a_marker_chooses_and_a_count_ends_it(proxy: Proxy, wire: Wire, kind: Kind) -> None:
    toxic = Toxic(kind, marker=b"pay", size=1, times=1)
    proxy.toxics = [toxic]
    assert await wire.ask(b"look\n") == b"look\n" and proxy.hits[toxic] == 0
    try:
        async with asyncio.timeout(0.3):
            assert await wire.ask(b"pay 1\n") == b""
    except (TimeoutError, ConnectionResetError):
        pass
    assert proxy.hits[toxic] == 1
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await Wire(reader, writer).ask(b"pay 2\n") == b"pay 2\n"
    writer.close()
