"""Network namespaces for the tests of this directory: made, entered by short threads, and removed whatever happens."""

import contextlib
import ctypes
import fcntl
import itertools
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_COUNT = itertools.count()
_INDEX = itertools.count(100)
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


def batch(namespace: str, lines: str) -> None:
    """Run many commands of `ip` in a namespace at once."""
    subprocess.run(["ip", "-n", namespace, "-batch", "-"], input=lines, text=True, check=True, timeout=20)


def lost_news(namespace: str) -> int:
    """How many messages the kernel could not give to netlink sockets of the namespace (netlink(7))."""
    table = inside(namespace, Path("/proc/thread-self/net/netlink").read_text)
    head, *rows = (line.split() for line in table.splitlines())
    return sum(int(row[head.index("Drops")]) for row in rows)


def inside(namespace: str, function: Callable[[], T]) -> T:
    """Run a function in a thread that lives in the namespace; threads that it starts live there too."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        handle = os.open(Path("/run/netns") / namespace, os.O_RDONLY)
        try:
            if _LIBC.setns(handle, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")  # noqa: TRY301 - handed on below
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)
        finally:
            os.close(handle)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class Wire:
    """Two namespaces and a veth pair: `eth0` of the node, and the NIC of a client that hears everything on the wire."""

    def __init__(self) -> None:
        unique = f"{os.getpid()}-{next(_COUNT)}"
        self.node, self.client = f"ptn-{unique}", f"ptc-{unique}"
        self._captures: list[Capture] = []

    def connect(self, nic: str = "eth0", mac: str = "02:00:00:00:01:01") -> None:
        # Ends of different index: of others the kernel may tell a second late that they have carrier (linkwatch)
        near, far = (str(next(_INDEX)) for _ in range(2))
        peer = ["peer", "name", nic, "index", far, "netns", self.client]
        ip("-n", self.node, "link", "add", nic, "index", near, "address", mac, "type", "veth", *peer)
        ip("-n", self.client, "link", "set", nic, "address", "02:00:00:00:02:02", "up")
        ip("-n", self.node, "link", "set", nic, "up")
        settle(lambda: all(inside(each, lambda: _carrier(nic)) for each in (self.node, self.client)))

    def disconnect(self, nic: str = "eth0") -> None:
        ip("-n", self.node, "link", "del", nic)

    def on_node(self, *arguments: str) -> None:
        ip("-n", self.node, *arguments)

    def capture(self, nic: str = "eth0", ethertype: int = 0x0806) -> "Capture":
        capture = Capture(inside(self.client, lambda: _listen(nic, ethertype)))
        self._captures.append(capture)
        return capture

    def close(self) -> None:
        for capture in self._captures:
            capture.close()
        for namespace in (self.node, self.client):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True, timeout=20)


@contextlib.contextmanager
def wire(*nics: str) -> Iterator[Wire]:
    made = Wire()
    try:
        for namespace in (made.node, made.client):
            ip("netns", "add", namespace)
            # IPv6 of its own accord would put frames of its own on the wire
            ip("netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        for at, nic in enumerate(nics or ("eth0",)):
            made.connect(nic, f"02:00:00:00:01:{at + 1:02x}")
        yield made
    finally:
        made.close()


class Capture:
    """A socket of the client that sees every frame of one kind on its NIC, ARP if nothing is said; it sends any bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    @property
    def mac(self) -> bytes:
        mac: bytes = self._socket.getsockname()[4]
        return mac

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def heard(self, seconds: float) -> list[bytes]:
        """Every frame that comes in within the time."""
        frames: list[bytes] = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                frame, (_, _, kind, *_) = self._socket.recvfrom(2048)
                if kind != socket.PACKET_OUTGOING:
                    frames.append(frame)
        return frames

    def first(self, seconds: float = 5.0, *, where: Callable[[bytes], bool] = bool) -> bytes:
        """The first frame that fits; TimeoutError when there is none in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            frame, (_, _, kind, *_) = self._socket.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING and where(frame):
                return frame
        raise TimeoutError("no such frame")

    def close(self) -> None:
        self._socket.close()


def settle(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def _listen(nic: str, ethertype: int) -> socket.socket:
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    connection.bind((nic, ethertype))
    return connection


def _carrier(nic: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        flags: int = struct.unpack_from("=H", fcntl.ioctl(connection, 0x8913, struct.pack("16s24x", nic.encode())), 16)[
            0
        ]
        return bool(flags & 0x40)
