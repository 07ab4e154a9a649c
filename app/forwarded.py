"""Whose address a request has that came by a proxy: what the proxies say that the operator trusts, and nobody else (threats T16).

Only the address is taken from a header, and only from `X-Forwarded-For`. Scheme and host come from the settings, never from a
request. RFC 7239's `Forwarded` is not read: most proxies pass on whatever a client wrote into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

Address = IPv4Address | IPv6Address
HOPS = 32
"""More proxies in a row than anybody has; what stands before them in the header is not looked at."""
_LONGEST = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")


class Forwarded:
    """The outermost layer: from here on the client of a request is who sent it to the first trusted proxy.

    Read from the right, the header's first address that is no trusted proxy. What a client wrote itself stands left of that, so it
    cannot choose. Where the header says nothing that is an address, the last known hop is the client.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._app, self._trusted = app, tuple(trusted)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            scope = {**scope, "client": self._client(scope)}
        await self._app(scope, receive, send)

    def _client(self, scope: Connection) -> tuple[str, int]:
        host, port = scope["client"]
        peer = _address(host)
        if peer is None:
            return host, port
        found = peer
        if self._trusts(peer):
            given = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            for hop in reversed(given.decode("latin-1").rsplit(",", HOPS)[-HOPS:]):
                address = _address(hop)
                if address is None:
                    break
                found = address
                if not self._trusts(address):
                    break
        return str(found), port if found is peer else 0

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> Address | None:
    """`text` as an address, with or without a port; None for anything else. IPv4 in the guise of IPv6 is IPv4."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or ":" not in text or not _is_port(port):
            return None
    elif text.count(":") == 1:
        text, colon, port = text.partition(":")
        if not _is_port(colon + port):
            return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isascii() and text[1:].isdecimal())
