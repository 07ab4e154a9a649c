"""One kept-open HTTP/1.1 connection that costs its process little: what measures a server must not be what is slow. Forty
clients of httpx in one process ask some 300 times a second, forty of these ten times as often."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """`headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One request at a time. A context manager: closed at its end."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer

    @classmethod
    async def open(cls, url: str) -> Self:
        """To the host and port of `url`. Raises OSError."""
        to = urlsplit(url)
        return cls(to.netloc, *await asyncio.open_connection(to.hostname, to.port or 80))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """`body` is JSON. Raises OSError, or EOFError where the connection ends before the answer does."""
        given = {
            "Host": self._host,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }
        lines = (f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", "")
        self._writer.write("\r\n".join(lines).encode() + body)
        first, *rest = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {
            name.lower(): value for name, colon, value in (line.partition(": ") for line in rest) if colon
        }
        return Answer(int(first.split(" ", 2)[1]), found, await self._body(found))

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        parts: list[bytes] = []
        while size := int((await self._reader.readuntil(b"\r\n")).strip() or b"0", 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readexactly(2)
        return b"".join(parts)
