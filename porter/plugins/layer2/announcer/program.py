"""The announcer's main loop: the agent's orders, the NICs and the clock. It claims and announces; it answers nothing.

Answers come from threads of their own (`answering`). On a new order: first silence about what is no longer ours, then
claims on what is new, then the filters.
"""

import gc
import heapq
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence

from . import families, macs, messages, rights
from .claims import Claim
from .family import Family
from .lines import ClosedError, Lines
from .links import Links
from .messages import Ask, Event, Wanted
from .segment import Segment
from .tally import Tally

FRAMES_A_SECOND = 6400
"""Paces what is said unasked, so that taking thousands of addresses drowns nobody."""
FRAMES_AT_ONCE = 128
"""Fit into the receive buffer of any host."""
TICK = 0.01  # seconds until there is room again
LATE = 0.02
"""Seconds after which this process must have been stopped, by a limit of CPU for example. What others answered
meanwhile was not heard either, and is waiting to be."""

SWITCH_INTERVAL = 0.0001
"""Seconds for which the main thread computes on while another has a frame to answer."""

Place = tuple[str, str]
"""An address and a NIC, or a NIC and a family, by name."""
Refusal = tuple[str, str]
"""Why an address is not announced, and a detail of it."""


class Announcer:
    """Everything that the process holds."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = Lines(connection)
        self._links = Links()
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._segments: dict[Place, Segment] = {}
        """By NIC and family. Both have a socket and a table of their own there."""
        self._closed = Tally()
        """The counts of segments that are no more."""
        self._plan: list[tuple[float, int, int, Segment, Claim]] = []
        self._planned = 0
        self._worked_at = 0.0
        self._work_at = math.inf
        """When `_work` was to be called again."""
        self._stood_back = False
        self._room = 0.0
        """How many frames may be said now; not below zero for long."""
        self._refused: dict[Place, Refusal] = {}
        self._wanted = Wanted()
        self._peers: frozenset[bytes] = frozenset()
        for each in (self._lines, self._links, self._news):
            self._epoll.register(each, select.EPOLLIN)

    def run(self) -> None:
        """Serve until the agent is gone."""
        pause = -1.0
        orders, changes = self._lines.fileno(), self._links.fileno()
        while True:
            try:
                for descriptor, _ in self._epoll.poll(pause):
                    if descriptor == self._news:
                        self._listen()
                    elif descriptor == changes:
                        self._follow()
                    elif descriptor == orders:
                        self._obey(tuple(self._lines.receive()))
                pause = self._work()
                self._flush()
            except ClosedError:
                return

    def _obey(self, said: Sequence[Wanted | Ask]) -> None:
        """Do what the agent says. Of several sets that came together only the last is of interest."""
        newest: Wanted | None = None
        for message in said:
            match message:
                case Wanted():
                    newest = message
                case Ask():
                    self._lines.send(self._count().message())
        if newest is None:
            return
        if newest != self._wanted:
            self._want(newest)
        for segment in self._segments.values():
            segment.ask_again()

    def _want(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._peers = macs.read(wanted.peers)
        for segment in self._segments.values():
            self._instruct(segment)
            segment.follow(self._links.read(segment.nic), interrupted=False)
        self._settle()

    def _instruct(self, segment: Segment) -> None:
        own = macs.read(self._wanted.own)
        segment.know(own)
        segment.peers = self._peers | own
        segment.yielding = self._wanted.yielding
        segment.doubt(macs.read(self._wanted.weak))

    def _settle(self) -> None:
        """Make every segment claim exactly what is wanted there and may be announced."""
        table, refused = self._allowed()
        nothing: frozenset[bytes] = frozenset()
        for place, segment in self._segments.items():
            segment.drop(segment.wanted - table.get(place, nothing))
        for (address, nic), (why, detail) in refused.items():
            if self._refused.get((address, nic)) != (why, detail):
                self._lines.send(Event(messages.FAILED, address, nic, why=why, detail=detail))
        self._refused = refused
        handed_over = {known[1] for known in map(families.read, self._wanted.handed_over) if known is not None}
        for place, segment in list(self._segments.items()):
            segment.take(table.get(place, nothing) - segment.wanted, handed_over=handed_over)
            segment.set_filter()
            if segment.is_idle:
                self._closed.add(segment.tally)
                del self._segments[place]

    def _allowed(self) -> tuple[dict[Place, set[bytes]], dict[Place, Refusal]]:
        forbidden = frozenset(map(families.read, self._wanted.forbidden))
        table: dict[Place, set[bytes]] = {}
        refused: dict[Place, Refusal] = {}
        for address, nic in self._wanted.announce:
            known = families.read(address)
            if known is None:
                refused[address, nic] = messages.NO_ADDRESS, ""
                continue
            family, packed = known
            self._segment(nic, family)
            allowed = table.setdefault((nic, family.name), set())
            if not family.is_of_host(packed):
                refused[address, nic] = messages.NO_HOST, ""
            elif known in forbidden:
                refused[address, nic] = messages.FORBIDDEN, ""
            elif (owner := self._links.owner(packed)) is not None:
                refused[address, nic] = messages.OWN, owner
            else:
                allowed.add(packed)
        return table, refused

    def _segment(self, nic: str, family: Family) -> Segment:
        """Return the segment, with the NIC's state as it is now where it is new."""
        segment = self._segments.get((nic, family.name))
        if segment is None:
            segment = Segment(
                nic,
                family,
                news=self._news,
                report=self._lines.send,
                later=self._later,
            )
            self._instruct(segment)
            segment.follow(self._links.read(nic), interrupted=False)
            self._segments[nic, family.name] = segment
        return segment

    def _follow(self) -> None:
        changes = self._links.changes()
        for segment in self._segments.values() if changes.links else ():
            link = self._links.read(segment.nic)
            segment.follow(link, interrupted=link is not None and link.number in changes.interrupted)
        if changes.addresses:
            self._settle()

    def _listen(self) -> None:
        os.eventfd_read(self._news)
        for segment in self._segments.values():
            segment.listen()

    def _later(self, segment: Segment, claim: Claim, due: float) -> None:
        self._planned += 1
        heapq.heappush(self._plan, (due, self._planned, claim.turn, segment, claim))

    def _work(self) -> float:
        """Do what is due, a tick's worth of it. Returns the seconds until there is more, or -1 for never."""
        now = time.monotonic()
        # those who answer go first, once, when this comes late: what they have not heard yet may be a rival
        self._stood_back = now > self._work_at + LATE and not self._stood_back
        until_reopening = self._reopen(now)
        pause = min(until_reopening, TICK if self._stood_back else self._work_now(now))
        self._work_at = now + pause
        return pause if pause < math.inf else -1.0

    def _work_now(self, now: float) -> float:
        plan = self._plan
        if not plan:
            return math.inf
        self._room = min(FRAMES_AT_ONCE, self._room + (now - self._worked_at) * FRAMES_A_SECOND)
        self._worked_at = now
        stepped: set[Segment] = set()
        while plan and plan[0][0] <= now and self._room > 0:
            _, _, turn, segment, claim = heapq.heappop(plan)
            segment.listen()
            if turn == claim.turn:
                self._room -= segment.step(claim, repeat=self._wanted.repeat)
                stepped.add(segment)
        for segment in stepped:
            segment.flush()
        if not plan:
            return math.inf
        pause = plan[0][0] - now
        return max(0.0, pause if self._room > 0 else max(pause, TICK))

    def _reopen(self, now: float) -> float:
        """Try again where there was no socket to be had. Returns the seconds until the next try; infinite for none."""
        segments = self._segments.values()
        for segment in segments:
            if segment.reopen_at <= now:
                segment.follow(self._links.read(segment.nic), interrupted=False)
        return max(0.0, min((segment.reopen_at for segment in segments), default=math.inf) - now)

    def _flush(self) -> None:
        if not self._lines.waiting_to_send:
            return
        events = select.EPOLLIN if self._lines.flush() else select.EPOLLIN | select.EPOLLOUT
        self._epoll.modify(self._lines, events)

    def _count(self) -> Tally:
        total = Tally()
        total.add(self._closed)
        for segment in self._segments.values():
            total.add(segment.count())
        return total


def main() -> None:
    """Run the announcer: orders come on standard input, which is a socket; it ends when that is closed."""
    # Ctrl-C reaches the whole terminal, and SIGTERM may reach the whole group: the agent stops in order, and until it
    # has, its addresses are answered for. This process ends when the agent hangs up, or is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    rights.end_with_parent()
    if sys.argv[1:] and os.getppid() != int(sys.argv[1]):
        return  # it was gone before it could be followed
    rights.call_it("porter-announce")
    connection = socket.socket(fileno=sys.stdin.fileno())
    sys.setswitchinterval(SWITCH_INTERVAL)
    announcer = Announcer(connection)
    rights.keep_only_raw_sockets()  # of this thread; those that it starts have what it has then
    gc.collect()
    gc.freeze()
    announcer.run()
    connection.detach()
