"""Carries frames between two links by packet sockets, both ways, at once or later.

Frames pass with what the kernel notes of them (packet(7): PACKET_VNET_HDR): checksums that are still to be made and
segments that are still to be cut stay so, as on a plain virtual cable.
"""

import contextlib
import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from porter.lab.wire.rules import Rule

_SOL_PACKET, _VNET_HDR, _IGNORE_OUTGOING = 263, 15, 23  # if_packet.h
_NOTE = 10  # bytes of a virtio_net_hdr before each frame
_ETH_P_ALL = 0x0003
_LONGEST = 1 << 17
_AT_ONCE = 64  # frames of one side before the other side has its turn
_BUFFER = 1 << 22


class End(NamedTuple):
    """One end of a wire: where its frames come from, where they go, and which way that is."""

    source: socket.socket
    target: socket.socket
    outward: bool


class Relay:
    """All wires of one host. `delay` is in seconds, one way. Not for more than one thread."""

    def __init__(self, pairs: Sequence[tuple[str, str]], rules: Sequence[Rule], *, delay: float) -> None:
        """Open the sockets of (host's link, switch's link) pairs; raises OSError when a link is not there."""
        self._rules = rules
        self._delay = delay
        self._late: list[tuple[float, int, socket.socket, bytes]] = []
        self._count = itertools.count()
        self._ends: list[End] = []
        for inner, outer in pairs:
            host, switch = _opened(inner), _opened(outer)
            self._ends += [End(host, switch, outward=True), End(switch, host, outward=False)]

    def run(self) -> None:
        """Carry frames until the process ends."""
        with selectors.DefaultSelector() as selector:
            for end in self._ends:
                selector.register(end.source, selectors.EVENT_READ, end)
            while True:
                wait = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
                for key, _ in selector.select(wait):
                    self._take(key.data)
                self._send_late()

    def _take(self, end: End) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = end.source.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:  # the link is down for a moment: what it held is lost, as in a cable
                return
            note, frame = data[:_NOTE], data[_NOTE:]
            for passed in self._pass(frame, outward=end.outward):
                if self._delay:
                    due = time.monotonic() + self._delay
                    heapq.heappush(self._late, (due, next(self._count), end.target, note + passed))
                else:
                    _send(end.target, note + passed)

    def _pass(self, frame: bytes, *, outward: bool) -> list[bytes]:
        frames = [frame]
        for rule in self._rules:
            frames = [passed for one in frames for passed in rule(one, outward)]
        return frames

    def _send_late(self) -> None:
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            _, _, target, data = heapq.heappop(self._late)
            _send(target, data)


def _send(target: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # a full queue or a link that is down: lost, as on a wire
        target.send(data)


def _opened(link: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
    opened.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    opened.setblocking(False)
    opened.bind((link, _ETH_P_ALL))
    return opened
