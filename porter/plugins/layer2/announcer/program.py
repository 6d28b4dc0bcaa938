"""The announcer's main loop: sockets, the agent's orders and the clock, in one thread without a lock.

On a new order: first silence about what is no longer ours, then claims on what is new, then the filters.
"""

import gc
import heapq
import select
import signal
import socket
import sys
import time
from collections import Counter

from . import messages, rights
from .claims import Claim
from .lines import ClosedError, Lines
from .links import Links
from .messages import Ask, Counters, Event, Wanted
from .segment import Segment

TICK = 0.01
FRAMES_A_TICK = 64
"""Paces what is said unasked: at most 6,400 frames a second, so that taking thousands of addresses drowns nobody."""

Refusals = dict[tuple[str, str], str]


class Announcer:
    """Everything that the process holds."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = Lines(connection)
        self._links = Links()
        self._epoll = select.epoll()
        self._segments: dict[str, Segment] = {}
        self._by_descriptor: dict[int, Segment] = {}
        self._plan: list[tuple[float, int, int, Segment, Claim]] = []
        self._planned = 0
        self._sent = 0
        self._tick_ends = 0.0
        self._room = FRAMES_A_TICK
        self._repeat = 0.0
        self._refused: Refusals = {}
        self._wanted = Wanted()
        self._epoll.register(self._lines, select.EPOLLIN)
        self._epoll.register(self._links, select.EPOLLIN)

    def run(self) -> None:
        """Serve until the agent is gone."""
        pause = -1.0
        commands, changes = self._lines.fileno(), self._links.fileno()
        while True:
            try:
                for descriptor, _ in self._epoll.poll(pause):
                    segment = self._by_descriptor.get(descriptor)
                    if segment is not None:
                        segment.hear()
                    elif descriptor == changes:
                        self._follow()
                    elif descriptor == commands:
                        for message in self._lines.receive():
                            self._obey(message)
                pause = self._work()
                self._flush()
            except ClosedError:
                return

    def _obey(self, message: Wanted | Ask) -> None:
        match message:
            case Wanted():
                self._want(message)
            case Ask():
                self._lines.send(self._counters())

    def _want(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._repeat = wanted.repeat
        peers = frozenset(mac for text in wanted.peers if (mac := _mac(text)) is not None)
        for nic in {nic for _, nic in wanted.announce}:
            segment = self._segments.get(nic)
            if segment is None:
                segment = self._segments[nic] = Segment(nic, report=self._lines.send, later=self._later)
            segment.follow(self._links.read(nic), interrupted=False)
        self._settle()
        for segment in self._segments.values():
            segment.peers = peers
            segment.ask_again()

    def _settle(self) -> None:
        """Make every segment claim exactly what is wanted there and may be announced."""
        table, refused = self._allowed()
        for nic, segment in self._segments.items():
            segment.drop(segment.wanted - table.get(nic, frozenset()))
        for (address, nic), why in refused.items():
            if self._refused.get((address, nic)) != why:
                self._lines.send(Event(messages.FAILED, address, nic, why=why))
        self._refused = refused
        for nic, segment in list(self._segments.items()):
            segment.take(table.get(nic, frozenset()) - segment.wanted)
            if segment.wanted or any(place == nic for _, place in refused):
                segment.set_filter()
            else:
                segment.close()
                del self._segments[nic]
        self._listen()

    def _allowed(self) -> tuple[dict[str, set[bytes]], Refusals]:
        forbidden = frozenset(map(_packed, self._wanted.forbidden))
        table: dict[str, set[bytes]] = {}
        refused: Refusals = {}
        for address, nic in self._wanted.announce:
            packed = _packed(address)
            if packed is None:
                refused[address, nic] = messages.NOT_IPV4
            elif packed in forbidden:
                refused[address, nic] = messages.FORBIDDEN
            elif packed == self._segments[nic].own:
                refused[address, nic] = messages.OWN
            else:
                table.setdefault(nic, set()).add(packed)
        return table, refused

    def _follow(self) -> None:
        down = self._links.interrupted()
        for nic, segment in self._segments.items():
            link = self._links.read(nic)
            segment.follow(link, interrupted=link is not None and link.number in down)
        self._settle()

    def _listen(self) -> None:
        """Watch exactly the open sockets. A closed one has left the epoll by itself."""
        ports = {each.port.fileno(): each for each in self._segments.values() if each.port is not None}
        for descriptor in ports:
            try:
                self._epoll.register(descriptor, select.EPOLLIN)
            except FileExistsError:
                self._epoll.modify(descriptor, select.EPOLLIN)
        self._by_descriptor = ports

    def _later(self, segment: Segment, claim: Claim, due: float) -> None:
        self._planned += 1
        heapq.heappush(self._plan, (due, self._planned, claim.turn, segment, claim))

    def _work(self) -> float:
        """Do what is due, a tick's worth of it. Returns the seconds until there is more, or -1 for never."""
        plan = self._plan
        if not plan:
            return -1.0
        now = time.monotonic()
        if now >= self._tick_ends:
            self._tick_ends, self._room = now + TICK, FRAMES_A_TICK
        while plan and plan[0][0] <= now:
            if self._room <= 0:
                return self._tick_ends - now
            _, _, turn, segment, claim = heapq.heappop(plan)
            if turn == claim.turn:
                frames = segment.step(claim, repeat=self._repeat)
                self._room -= frames
                self._sent += frames
        return max(0.0, plan[0][0] - now) if plan else -1.0

    def _flush(self) -> None:
        if not self._lines.waiting_to_send:
            return
        events = select.EPOLLIN if self._lines.flush() else select.EPOLLIN | select.EPOLLOUT
        self._epoll.modify(self._lines, events)

    def _counters(self) -> Counters:
        dropped: Counter[str] = Counter()
        answered, sent = 0, self._sent
        for segment in self._segments.values():
            dropped += segment.responder.dropped
            answered += segment.responder.answered
            sent += segment.defences
            dropped["unsent"] += segment.unsent
            dropped["kernel"] += segment.port.lost() if segment.port is not None else 0
        return Counters(answered, sent, dict(sorted((+dropped).items())))


def _packed(address: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET, address)
    except OSError:
        return None


def _mac(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return None


def main() -> None:
    """Run the announcer: orders come on standard input, which is a socket; it ends when that is closed."""
    # Ctrl-C reaches the whole terminal, and SIGTERM may reach the whole group: the agent stops in order, and until it
    # has, its addresses are answered for. This process ends when the agent hangs up, or is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    rights.end_with_parent()
    rights.call_it("porter-announce")
    connection = socket.socket(fileno=sys.stdin.fileno())
    announcer = Announcer(connection)
    rights.keep_only_raw_sockets()
    gc.collect()
    gc.freeze()
    announcer.run()
    connection.detach()
