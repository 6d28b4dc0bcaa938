"""What an ordinary host on the lab's network sees: real frames, real connections, asked from inside a namespace.

Each question is asked once and waits no longer than it is told. Nothing here looks into Porter.
"""

import errno
import http.client
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from porter.lab.families import Address, socket_family
from porter.lab.namespaces import inside

ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD
ETH_P_ALL = 0x0003
_BROADCAST = b"\xff" * 6
_ARP = struct.Struct("!HHBBH6s4s6s4s")  # RFC 826
_NS, _NA = 135, 136  # RFC 4861: neighbour solicitation and advertisement
_SOLICITED = 0x40
_ICMPV6 = 58
ECHO = {4: (8, 0, socket.IPPROTO_ICMP), 6: (128, 129, _ICMPV6)}
"""Of each family what an echo is: its request, its reply and their protocol (RFC 792, RFC 4443)."""


class Frame(NamedTuple):
    """A frame as a NIC saw it, with the time (monotonic) and the packet type (4: sent by the NIC itself)."""

    at: float
    kind: int
    data: bytes

    @property
    def protocol(self) -> int:
        """The EtherType."""
        return int.from_bytes(self.data[12:14], "big")

    @property
    def source(self) -> str:
        """The MAC that the frame says it is from."""
        return self.data[6:12].hex(":")


class Answer(NamedTuple):
    """Somebody's ARP reply or neighbour advertisement: the MAC in it, and after how many seconds it came."""

    mac: str
    after: float


def arp(netns: str, nic: str, asker: IPv4Address, address: IPv4Address, *, wait: float = 0.5) -> list[Answer]:
    """Ask by a broadcast ARP request who has an address, and collect every answer until `wait` seconds are over."""
    with _packets(netns, nic, ETH_P_ARP) as packets:
        mac: bytes = packets.getsockname()[4]
        request = _ARP.pack(1, 0x0800, 6, 4, 1, mac, asker.packed, bytes(6), address.packed)
        begin = time.monotonic()
        packets.send(_BROADCAST + mac + ETH_P_ARP.to_bytes(2, "big") + request)
        answers = []
        while select.select([packets], [], [], max(0.0, begin + wait - time.monotonic()))[0]:
            data = packets.recv(2048)
            if len(data) < 14 + _ARP.size:
                continue
            _, _, _, _, operation, sender, sender_address, _, target = _ARP.unpack_from(data, 14)
            if operation == 2 and (sender_address, target) == (address.packed, asker.packed):  # noqa: PLR2004 - a reply
                answers.append(Answer(mac=sender.hex(":"), after=time.monotonic() - begin))
        return answers


def ndp(netns: str, nic: str, asker: IPv6Address, address: IPv6Address, *, wait: float = 0.5) -> list[Answer]:
    """Ask the address's group by one neighbour solicitation who has it, and collect every answer for `wait` seconds."""
    with _packets(netns, nic, ETH_P_IPV6) as packets:
        mac: bytes = packets.getsockname()[4]
        group = IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | int(address) & 0xFFFFFF)  # RFC 4291, 2.7.1
        question = b"\0\0\0\0" + address.packed + b"\x01\x01" + mac  # with a source link-layer address
        size = len(question) + 4
        about = asker.packed + group.packed + struct.pack("!II", size, _ICMPV6)  # RFC 8200, 8.1: the pseudo-header
        head = bytes([_NS, 0])
        message = head + checksum(about + head + b"\0\0" + question) + question
        packet = struct.pack("!IHBB", 6 << 28, size, _ICMPV6, 255) + asker.packed + group.packed + message
        begin = time.monotonic()
        packets.send(b"\x33\x33" + group.packed[-4:] + mac + ETH_P_IPV6.to_bytes(2, "big") + packet)
        answers = []
        while select.select([packets], [], [], max(0.0, begin + wait - time.monotonic()))[0]:
            heard = packets.recv(2048)[14:]
            advertises = heard[6:7] + heard[40:41] == bytes([_ICMPV6, _NA]) and heard[48:64] == address.packed
            if advertises and heard[24:40] == asker.packed and heard[44] & _SOLICITED:  # one to all was not asked for
                answers.append(Answer(mac=heard[66:72].hex(":"), after=time.monotonic() - begin))
        return answers


def ping(netns: str, address: Address, *, wait: float = 1.0) -> float | None:
    """One echo of ICMP or ICMPv6. Returns the seconds until the reply, None when none came in time."""
    request, answer, protocol = ECHO[address.version]
    try:
        echo = inside(netns, lambda: socket.socket(socket_family(address), socket.SOCK_RAW, protocol))
        with echo:
            begin = time.monotonic()
            number, sequence = os.getpid() & 0xFFFF, time.monotonic_ns() & 0xFFFF
            body = struct.pack("!HH", number, sequence) + b"porter lab"
            head = struct.pack("!BB", request, 0)
            echo.sendto(head + checksum(head + b"\0\0" + body) + body, (str(address), 0))  # the kernel makes ICMPv6's
            while select.select([echo], [], [], max(0.0, begin + wait - time.monotonic()))[0]:
                packet, sender = echo.recvfrom(2048)
                reply = packet if address.version == 6 else packet[(packet[0] & 15) * 4 :]  # noqa: PLR2004 - IP's number
                if sender[0] == str(address) and reply[0] == answer and reply[4:] == body:
                    return time.monotonic() - begin
    except OSError as error:
        if error.errno not in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}:
            raise
    return None


def http_get(netns: str, address: Address, port: int, *, path: str = "/", wait: float = 2.0) -> str:
    """The body of one GET on a new connection. Raises OSError (ConnectionRefusedError, TimeoutError …) on failure."""
    connection = http.client.HTTPConnection(str(address), port, timeout=wait)
    stream = inside(netns, lambda: socket.socket(socket_family(address), socket.SOCK_STREAM))
    try:
        stream.settimeout(wait)
        stream.connect((str(address), port))
        connection.sock = stream
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP from {address}:{port}: {error!r}") from error
    finally:
        connection.close()
        stream.close()


class Capture:
    """Frames that a NIC sent and received since the capture began."""

    def __init__(self, packets: socket.socket) -> None:
        self._packets = packets
        self._frames: list[Frame] = []

    def frames(self, *, wait: float = 0.0) -> list[Frame]:
        """Everything seen so far, after waiting that long for more."""
        limit = time.monotonic() + wait
        while select.select([self._packets], [], [], max(0.0, limit - time.monotonic()))[0]:
            data, address = self._packets.recvfrom(65535)
            self._frames.append(Frame(at=time.monotonic(), kind=address[2], data=data))
        return list(self._frames)


@contextmanager
def capture(netns: str, nic: str, *, protocol: int = ETH_P_ALL) -> Iterator[Capture]:
    """Record the frames of a NIC while the block runs. ETH_P_ALL also shows what the NIC itself sends."""
    with _packets(netns, nic, protocol) as packets:
        yield Capture(packets)


@contextmanager
def _packets(netns: str, nic: str, protocol: int) -> Iterator[socket.socket]:
    # Protocol 0 first, then bind: else frames of other NICs are queued before the bind.
    packets = inside(netns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    try:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        packets.bind((nic, protocol))
        yield packets
    finally:
        packets.close()


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return struct.pack("!H", ~total & 0xFFFF)
