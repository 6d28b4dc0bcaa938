"""Addresses of either family, IPv4 and IPv6: what the lab's parts need of them in common."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

Address = IPv4Address | IPv6Address
Family = Literal["IPv4", "IPv6"]


def family_of(address: Address) -> Family:
    """The family, as the Kubernetes API calls it."""
    return "IPv4" if isinstance(address, IPv4Address) else "IPv6"


def socket_family(address: Address) -> socket.AddressFamily:
    """The family of sockets that speak to an address."""
    return socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6


def read_address(text: Any) -> Address | None:
    """The address that a text is; None when it is none ("None" of a headless Service, say)."""
    try:
        return ip_address(str(text))
    except ValueError:
        return None


def in_order(address: Address) -> tuple[int, int]:
    """A key to sort by: IPv4 first, then by number."""
    return address.version, int(address)
