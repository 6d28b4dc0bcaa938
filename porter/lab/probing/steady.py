"""Attempts at a steady rate: sent when they are due, whatever became of those before. A thread of its own."""

import contextlib
import heapq
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from porter.lab.errors import LabError
from porter.lab.families import Address
from porter.lab.namespaces import inside
from porter.lab.probing.attempts import Attempt, Report
from porter.lab.probing.protocols import PROTOCOLS, Outcome

_ETH_P = {4: 0x0800, 6: 0x86DD}
_IGNORE_OUTGOING, _SOL_PACKET = 23, 263  # if_packet.h
_SOURCE = {4: slice(26, 30), 6: slice(22, 38)}  # of an IP packet in an Ethernet frame (RFC 791, RFC 8200)
_ICMPV6, _DISCOVERY = 58, range(133, 138)
_HEAD = 64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked, from where and how often. Times in seconds."""

    netns: str
    nic: str
    address: Address
    protocol: str = "icmp"
    port: int = 80
    interval: float = 0.1
    patience: float = 1.0
    """How long an answer may take."""
    duration: float | None = None
    """None: until it is told to stop."""


class Prober:
    """One plan being carried out. As a context manager it begins with the block and stops at its end.

    `tell` is called with each attempt in the order in which they were sent, in the prober's thread.
    """

    def __init__(self, plan: Plan, hosts: Mapping[str, str], tell: Callable[[Attempt], None] | None = None) -> None:
        """`hosts` are the names of the MACs. Raises LabError for a protocol that nobody speaks."""
        if plan.protocol not in PROTOCOLS:
            raise LabError(f"no probe is called '{plan.protocol}'; there are: {', '.join(PROTOCOLS)}")
        self._plan, self._hosts = plan, hosts
        self._tell = tell or (lambda _attempt: None)
        self._sent: dict[int, tuple[float, float]] = {}  # number: (wall clock, monotonic)
        self._done: dict[int, Attempt] = {}
        self._attempts: list[Attempt] = []
        self._mac = ""
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name="probe", daemon=True)

    def start(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> Report:
        """Send no more, wait for the answers that are under way, and tell what became of all."""
        self._stop.set()
        return self.wait()

    def wait(self) -> Report:
        """Wait until the plan's duration is over."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.report

    @property
    def report(self) -> Report:
        """What is known until now."""
        return Report(attempts=tuple(self._attempts))

    def __enter__(self) -> Self:
        """Begin."""
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        """Stop."""
        self.stop()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._failure = error

    def _run(self) -> None:
        plan = self._plan
        with selectors.DefaultSelector() as selector, contextlib.closing(self._eavesdrop()) as wire:
            selector.register(wire, selectors.EVENT_READ, lambda _events: self._overhear(wire))
            way = PROTOCOLS[plan.protocol](plan.address, plan.port, self._opened, selector, self._ended)
            begun, number = time.monotonic(), 0
            most = None if plan.duration is None else max(1, round(plan.duration / plan.interval))
            late: list[tuple[float, int]] = []
            try:
                while True:
                    now = time.monotonic()
                    due = begun + number * plan.interval
                    over = self._stop.is_set() or number == most
                    if over and len(self._attempts) == number:
                        return
                    if not over and now >= due:
                        self._begin(number)
                        heapq.heappush(late, (now + plan.patience, number))
                        self._try(number, way.send)
                        number += 1
                        continue
                    while late and late[0][0] <= now:
                        _, old = heapq.heappop(late)
                        if old in self._sent and old not in self._done:
                            way.give_up(old)
                            self._ended(Outcome(old, given_up=True))
                    next_ = min([late[0][0] if late else now + plan.patience, *([] if over else [due])])
                    events = selector.select(min(0.05, max(0.0, next_ - now)))
                    for key, mask in sorted(events, key=lambda event: event[0].fileobj is not wire):
                        key.data(mask)
            finally:
                way.close()

    def _begin(self, number: int) -> None:
        self._sent[number] = (time.time(), time.monotonic())

    def _try(self, number: int, send: Callable[[int], None]) -> None:
        try:
            send(number)
        except OSError as error:
            self._ended(Outcome(number, error=error.strerror or str(error)))

    def _ended(self, outcome: Outcome) -> None:
        """An attempt has ended. An answer that comes when its time is over is none."""
        number = outcome.number
        if number not in self._sent or number in self._done:
            return
        wall, sent = self._sent[number]
        after = time.monotonic() - sent
        answered = outcome.error is None and not outcome.given_up and after < self._plan.patience
        self._done[number] = Attempt(
            number=number,
            sent=wall,
            after=after if answered else None,
            by=(self._hosts.get(self._mac, self._mac) or None) if answered else None,
            said=outcome.said,
            error=outcome.error,
        )
        while (following := self._done.pop(len(self._attempts), None)) is not None:
            del self._sent[following.number]
            self._attempts.append(following)
            self._tell(following)

    def _opened(self, family: int, kind: int, protocol: int) -> socket.socket:
        made = inside(self._plan.netns, lambda: socket.socket(family, kind, protocol))
        made.setblocking(False)
        return made

    def _eavesdrop(self) -> socket.socket:
        """A socket that sees what comes from the address: whose MAC it has is who answers."""
        wire = inside(self._plan.netns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        wire.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        wire.setblocking(False)
        wire.bind((self._plan.nic, _ETH_P[self._plan.address.version]))
        return wire

    def _overhear(self, wire: socket.socket) -> None:
        address = self._plan.address
        with contextlib.suppress(BlockingIOError, OSError):
            while frame := wire.recv(_HEAD):
                if frame[_SOURCE[address.version]] == address.packed and not _is_discovery(frame):
                    self._mac = frame[6:12].hex(":")


def _is_discovery(frame: bytes) -> bool:
    """Tell whether it is of Neighbour Discovery (RFC 4861, 4): that speaks of an address and answers no attempt."""
    return frame[12:14] == b"\x86\xdd" and frame[20] == _ICMPV6 and frame[54] in _DISCOVERY
