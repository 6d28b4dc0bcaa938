"""Listening sockets, in this network namespace or in a named one. Sockets only; nothing is accepted here."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

NETNS_DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000  # sched.h
_IP_FREEBIND, _IPV6_FREEBIND = 15, 78  # in.h, in6.h: bind to an address that is not there yet
BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: an address, a port (0: any free one) and a network namespace (empty: the process's own)."""

    address: str
    port: int
    netns: str = ""

    @classmethod
    def parse(cls, text: str) -> Listen:
        """`ADDR:PORT` or `ADDR:PORT@NETNS`, an IPv6 address in brackets; ValueError says what is wrong."""
        place, _, netns = text.partition("@")
        address, colon, port = place.rpartition(":")
        if not colon or not port.isdecimal():
            message = f"{text!r} is not ADDR:PORT or ADDR:PORT@NETNS"
            raise ValueError(message)
        bare = address.strip("[]")
        ipaddress.ip_address(bare)
        return cls(bare, int(port), netns)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + (f"@{self.netns}" if self.netns else "")

    @property
    def host(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.address}]" if ":" in self.address else self.address


def open_socket(where: Listen) -> socket.socket:
    """A bound, listening socket."""
    if not where.netns:
        return _bound(where)
    result: list[socket.socket | OSError] = []

    def inside() -> None:  # setns moves one thread, so a thread is spent on it and the process stays where it is
        try:
            _enter(NETNS_DIRECTORY / where.netns)
            result.append(_bound(where))
        except OSError as failed:
            result.append(failed)

    thread = threading.Thread(target=inside, name=f"netns-{where.netns}")
    thread.start()
    thread.join()
    match result[0]:
        case OSError() as failed:
            raise failed
        case opened:
            return opened


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def _bound(where: Listen) -> socket.socket:
    six = ":" in where.address
    opened = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        opened.bind((where.address, where.port))
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened
