"""One NIC by name and one family: its link, its socket and the claims on it. Follows the NIC as it comes and goes.

Reports what happens to every address; decides nothing about which addresses those are. Lives in the main thread; what
is answered is the answering thread's, which is told by `publish`.
"""

import errno
import math
import os
import time
from collections.abc import Callable, Collection, Iterable
from socket import MSG_DONTWAIT

from . import messages
from .answering import Answering
from .bpf import Program
from .claims import ANNOUNCEMENT_GAP, PROBE_GAP, Claim, Step
from .family import Family
from .holdings import Holdings
from .links import Link
from .messages import Event
from .port import Port
from .tally import UNSENT, Tally
from .waiting import Waiting

FIRST_REOPENING, LAST_REOPENING = 0.5, 30.0
"""Seconds until a socket that the kernel did not give is asked for again, doubled each time."""
Later = Callable[["Segment", Claim, float], None]


class Segment:
    """What this node does on one NIC for one family."""

    def __init__(self, nic: str, family: Family, *, news: int, report: Callable[[Event], None], later: Later) -> None:
        """`news`: an eventfd that is written when there is something for `listen`."""
        self.nic = nic
        self.family = family
        self.tally = Tally()
        """What became of the frames of sockets that are closed, and what was said unasked."""
        self.peers: frozenset[bytes] = frozenset()
        """The MACs of the other nodes' NICs."""
        self.yielding = False
        """Whether a stranger that insists on a held address gets it."""
        self.reopen_at = math.inf
        """When `follow` is to be called again because there was no socket to be had."""
        self._reopening = FIRST_REOPENING
        self._weak: frozenset[bytes] = frozenset()
        """The MACs of those whose kernel may answer for addresses that it has on other NICs."""
        self._news = news
        self._report = report
        self._later = later
        self._answering: Answering | None = None
        self._holdings = Holdings(family)
        self._outbox: list[tuple[Claim, bytes]] = []
        self._claims: dict[bytes, Claim] = {}
        self._link: Link | None = None
        self._trouble = (messages.NO_INTERFACE, "")
        self._waiting = Waiting()

    @property
    def wanted(self) -> frozenset[bytes]:
        """The addresses that are wanted here."""
        return frozenset(self._claims)

    @property
    def is_idle(self) -> bool:
        """Nothing is wanted here, and no socket is open."""
        return not self._claims and self._answering is None

    def drop(self, addresses: Iterable[bytes]) -> None:
        """Be silent about these from now on, then say so."""
        gone = [address for address in addresses if address in self._claims]
        if not gone:
            return
        held = [address for address in gone if address in self._holdings.held]
        for address in gone:
            self._holdings.forget(address)
            self._claims.pop(address).turn += 1
            self._waiting.forget(address)
        self.publish()
        for address in held:
            self._tell(messages.WITHDRAWN, address)

    def take(self, addresses: Iterable[bytes], *, handed_over: Collection[bytes]) -> None:
        """Begin to claim these, some of which a peer had until now; the filter must be set after."""
        for address in sorted(addresses):
            claim = self._claims[address] = Claim(address)
            self._begin(claim, handed_over=address in handed_over)

    def ask_again(self) -> None:
        """Ask now for what another host has, and do not wait until it would be asked anyway; at most once a second."""
        hurried, due = self._waiting.hurry(self._holdings.probed, now=time.monotonic())
        for address in hurried:
            claim = self._claims[address]
            claim.turn += 1
            self._later(self, claim, due)

    def know(self, own: frozenset[bytes]) -> None:
        """Take note of the MACs of the node's own NICs."""
        self._holdings.own = own
        self.publish()

    def doubt(self, weak: frozenset[bytes]) -> None:
        """Ask, after all was said, whether a kernel of these peers answers for what is held here; once for each peer.

        Its answer is a claim like any other (`listen`).
        """
        news = weak - self._weak
        self._weak = weak if self.family.has_weak_hosts else frozenset()
        if not news or not self._weak:
            return
        for claim in self._claims.values():
            if claim.address in self._holdings.held:
                claim.doubt()
                claim.turn += 1
                self._later(self, claim, time.monotonic() + ANNOUNCEMENT_GAP)

    def set_filter(self) -> None:
        """Have the NIC and the kernel pass exactly what concerns the wanted addresses."""
        if self._answering is None:
            return
        try:
            self._answering.port.let_through(self._make_filter)
            self._answering.port.listen_to(self.family.groups(self._claims))
        except OSError as error:
            self._lose_socket(error)

    def follow(self, link: Link | None, *, interrupted: bool) -> None:
        """Take note of the NIC's state. `interrupted`: it was away since it was last looked at, however shortly."""
        before, self._link = self._link, link
        self.reopen_at = math.inf
        if link is None:
            if before is not None or not self._trouble[0]:
                self._lose(messages.NO_INTERFACE, "")
            return
        is_same = self._answering is not None and before is not None and before.number == link.number
        if not is_same:
            self._holdings.forget_all()  # what was held on another NIC of the name is asked for first on this one
            self._holdings.mac = link.mac
            if not self._open():
                return
            interrupted = True
        if not (link.up and link.carrier):
            self._suspend(messages.DOWN if not link.up else messages.NO_CARRIER)
        elif interrupted or self._trouble[0]:
            self._holdings.mac = link.mac
            self._trouble = ("", "")
            self._holdings.forget_all()
            self.publish()  # silence first: to begin with thousands takes a while
            if is_same and self._answering is not None:
                self._answering.go_on()
            for claim in self._claims.values():
                self._begin(claim)
            self.publish()
        elif link.mac != self._holdings.mac:
            self._change_mac(link.mac)

    def listen(self) -> None:
        """Take the news of other hosts: remember rivals, and defend what is held."""
        if self._answering is None or not self._answering.has_news:
            return
        news = self._answering.take()
        self._holdings.hear(news)
        for address, claimants in news.disputed.items():
            for claimant in claimants:
                if address in self._holdings.held:
                    self._dispute(address, claimant)

    def step(self, claim: Claim, *, repeat: float) -> int:
        """Do what is next for a claim. Returns how many frames that took; `flush` sends them."""
        step = claim.step(self._holdings, repeat=repeat, jitter=_jitter(), peers=self.peers)
        self._proceed(claim, step)
        return len(step.frames)

    def flush(self) -> None:
        """Answer for what was taken, watch for what is asked for, and send what is to be said: in this order."""
        self.publish()
        saying, self._outbox = self._outbox, []
        unsaid = {claim: None for claim, frame in saying if not self._send(frame)}
        for claim in unsaid:
            claim.unsaid()
            self._later(self, claim, time.monotonic() + PROBE_GAP)

    def publish(self) -> None:
        """Have the answering thread know what is held and probed now. When this returns, it does nothing else."""
        table = self._holdings.news() if self._answering is not None else None
        if self._answering is not None and table is not None:
            self._answering.replace(table)

    def close(self) -> None:
        """Be silent for ever."""
        if self._answering is not None:
            self.tally.add(self._answering.end())
            self._answering = None

    def count(self) -> Tally:
        """Return what became of all frames so far."""
        total = Tally()
        total.add(self.tally)
        if self._answering is not None:
            total.add(self._answering.count())
        return total

    def _proceed(self, claim: Claim, step: Step) -> None:
        self._outbox += ((claim, frame) for frame in step.frames)
        if step.again is not None:
            now = time.monotonic()
            due = now + step.again
            if claim.waiting:
                due = self._waiting.add(claim.address, due=due, now=now)
            else:
                self._waiting.end(claim.address)
            self._later(self, claim, due)
        self._tell_of(claim, step)

    def _send(self, frame: bytes) -> bool:
        """Send a frame, and tell whether that went well: not so when the link is down, or its queue is full."""
        if self._answering is None:
            return True  # and whatever was to be said is said anew when the NIC comes
        for _ in range(2):  # the first may fail for an error of the past: the link was down for a moment
            try:
                self._answering.port.send(frame, MSG_DONTWAIT)
            except OSError:
                continue
            self.tally.sent += 1
            return True
        self.tally.dropped[UNSENT] += 1
        return False

    def _begin(self, claim: Claim, *, handed_over: bool = False) -> None:
        if self._trouble[0]:
            self._tell(messages.FAILED, claim.address, why=self._trouble[0], detail=self._trouble[1])
            return
        claim.begin(self._holdings, handed_over=handed_over)
        self._waiting.end(claim.address)
        self._later(self, claim, time.monotonic())

    def _dispute(self, address: bytes, claimant: bytes) -> None:
        """Defend what another host claims, and say who that is; or let it go, if it insists and that is wished.

        A peer gets it when the agent wants it no more here, which is silence at once.
        """
        claim = self._claims[address]
        dispute = claim.dispute(claimant, self._holdings, now=time.monotonic())
        self._outbox += ((claim, frame) for frame in dispute.frames)
        if dispute.news:
            self._tell(messages.CLAIMED, address, mac=claimant, why=messages.DEFENDED if dispute.frames else "")
        if dispute.insists and self.yielding and claimant not in self.peers:
            self._proceed(claim, claim.give_way(self._holdings, claimant, jitter=_jitter()))
        self.flush()

    def _tell_of(self, claim: Claim, step: Step) -> None:
        if step.taken:
            if self._weak:
                claim.doubt()
            self._waiting.forget(claim.address)
            self._tell(messages.ANNOUNCED, claim.address, mac=self._holdings.mac)
        elif step.rival is not None:
            self._tell(messages.FAILED, claim.address, mac=step.rival, why=messages.TAKEN)

    def _tell(
        self, kind: messages.EventKind, address: bytes, *, mac: bytes = b"", why: str = "", detail: str = ""
    ) -> None:
        self._report(Event(kind, self.family.text(address), self.nic, mac.hex(":"), why, detail))

    def _open(self) -> bool:
        self.close()
        family = self.family
        try:
            port = Port(
                self.nic,
                self._make_filter,
                ethertype=family.ethertype,
                longest=family.longest,
                groups=family.groups(self._claims),
            )
        except OSError as error:
            self._lose_socket(error)
            return False
        self._reopening = FIRST_REOPENING
        responder = family.responder()
        responder.replace(self._holdings.table())
        self._answering = Answering(port, responder, news=self._news)
        self._answering.start()
        return True

    def _make_filter(self, limit: int) -> Program:
        return self.family.filter(self._claims, limit=limit)

    def _lose_socket(self, error: OSError) -> None:
        why = messages.NO_RIGHT if error.errno == errno.EPERM else messages.SOCKET
        self._lose(why, error.strerror or str(error))
        self.reopen_at = time.monotonic() + self._reopening
        self._reopening = min(2 * self._reopening, LAST_REOPENING)

    def _lose(self, why: str, detail: str) -> None:
        self.close()
        self._suspend(why, detail)

    def _suspend(self, why: str, detail: str = "") -> None:
        self._holdings.forget_all()
        self._waiting.end_all()
        self.publish()
        if self._trouble == (why, detail):
            return
        self._trouble = (why, detail)
        for claim in self._claims.values():
            claim.turn += 1
            self._tell(messages.FAILED, claim.address, why=why, detail=detail)

    def _change_mac(self, mac: bytes) -> None:
        self._holdings.mac = mac
        self.publish()
        for claim in self._claims.values():
            if claim.address in self._holdings.held:
                claim.announce_again()
                self._later(self, claim, time.monotonic())
                self._tell(messages.ANNOUNCED, claim.address, mac=mac)


def _jitter() -> float:
    return os.urandom(1)[0] / 256  # the module random takes more memory than all of this
