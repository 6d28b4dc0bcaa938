"""Addresses of either family, IPv4 and IPv6: what the lab's parts need of them in common."""

import socket
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address
from typing import Any, Literal

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network
Family = Literal["IPv4", "IPv6"]


def family_of(address: Address) -> Family:
    """The family, as the Kubernetes API calls it."""
    return "IPv4" if isinstance(address, IPv4Address) else "IPv6"


def place(address: Address, port: int) -> str:
    """An address and a port as they stand in a URL."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


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
