"""Which addresses the product may call: the wall against server-side request forgery (threats T12).

The check happens at the socket connect, on the address the socket then uses: a name is resolved once, so an answer that
changes between check and use (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Ranges that the standard library calls global, or that smuggle an IPv4 address inside an IPv6 one
# (IANA special-purpose registries; 168.63.129.16 is a cloud's internal agent).
_NEVER: tuple[Network, ...] = tuple(
    ip_network(n)
    for n in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/23",
        "fec0::/10",
        "3fff::/20",
        "5f00::/16",
        "100::/64",
    )
)
# What "private network" means for a connection an admin has opened: one's own hosts, never a cloud's metadata address.
_PRIVATE: tuple[Network, ...] = tuple(
    ip_network(n)
    for n in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
    )
)


class EgressGuard:
    """Decides by address. Public addresses pass; others only when an operator's network list names them."""

    def __init__(self, allow: Iterable[str | Network] = ()) -> None:
        self.allow: tuple[Network, ...] = tuple(ip_network(str(n), strict=False) for n in allow)

    def with_private_networks(self) -> EgressGuard:
        """The same guard, also open to loopback and private ranges: for one connection, by an admin's decision."""
        return EgressGuard((*self.allow, *_PRIVATE))

    def permits(self, address: str | Address) -> bool:
        ip = ip_address(address)
        if isinstance(ip, IPv6Address):
            if ip.scope_id:
                return False
            ip = ip.ipv4_mapped or ip
        if any(ip.version == n.version and ip in n for n in self.allow):
            return True
        if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
            return False
        return not any(ip.version == n.version and ip in n for n in _NEVER)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`, in the resolver's order. Raises PermissionError if any of them is not permitted, OSError if
        there are none: a name that mixes a public and an internal address is refused whole."""
        literal = host.strip("[]")
        try:
            found = [str(ip_address(literal))]
        except ValueError:
            loop = asyncio.get_running_loop()
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        if not found:
            raise OSError(f"{host} has no address")
        if refused := [a for a in found if not self.permits(a)]:
            where = host if literal == refused[0] else f"{host} is at {refused[0]}, which"
            raise PermissionError(f"{where} is not a public address")
        return found
