"""Which hosts may be asked: those of the operator's list, at public addresses unless a name is said to be private.

A name is resolved once for each request, every address is looked at, and the connection goes to the very address that
was looked at, so that a name server cannot answer differently the second time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class HostRefusedError(Exception):
    """This host is not to be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The operator's list: names that may be asked, and those among them that live at private addresses."""

    names: frozenset[str]
    private: frozenset[str]

    def check(self, host: str) -> None:
        """Raise `HostRefusedError` unless the name is in the list."""
        if host not in self.names:
            raise HostRefusedError(f"{host} is none of the hosts that [http] hosts or the effect's address names")

    def address(self, host: str, found: list[str]) -> str:
        """The address to connect to. Raises `HostRefusedError` if any of them is private and the name may not be."""
        if not found:
            raise HostRefusedError(f"{host} has no address")
        if host not in self.private:
            for each in found:
                if not is_public(each):
                    cure = f'name it in [http] private = ["{host}"] if that is meant'
                    raise HostRefusedError(f"{host} is at {each}, which is no public address; {cure}")
        return found[0]


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large; embedded IPv4 addresses are looked at as such.

    >>> [is_public(each) for each in ("93.184.216.34", "10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False, False, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def is_literal(host: str) -> bool:
    """Whether a host is an address already: then the operator wrote down where it is."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system has it."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise HostRefusedError(f"{host} has no address: {error.strerror or error}") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
