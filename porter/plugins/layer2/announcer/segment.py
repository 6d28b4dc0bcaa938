"""One NIC by name: its link, its socket, its responder and the claims on it. Follows the NIC as it comes and goes.

Reports what happens to every address; decides nothing about which addresses those are.
"""

import random
import socket
import time
from collections.abc import Callable, Iterable

from . import filter, messages  # noqa: A004 - the module says what it is
from .claims import Claim, Step
from .links import Link
from .messages import Event
from .port import Port
from .responder import Responder

Later = Callable[["Segment", Claim, float], None]
_MOST_AT_ONCE = 64  # frames answered before others have their turn
_ASK_AGAIN_GAP = 1.0  # seconds between questions that are asked out of turn


class Segment:
    """What this node does on one NIC."""

    def __init__(self, nic: str, *, report: Callable[[Event], None], later: Later) -> None:
        self.nic = nic
        self.responder = Responder(b"")
        self.port: Port | None = None
        self.unsent = 0
        self.defences = 0
        """How many announcements were sent to defend an address."""
        self.peers: frozenset[bytes] = frozenset()
        """The MACs of the other nodes' NICs."""
        self._report = report
        self._later = later
        self._claims: dict[bytes, Claim] = {}
        self._link: Link | None = None
        self._trouble = (messages.NO_INTERFACE, "")
        self._due: dict[bytes, float] = {}
        """When each address that another host has is asked for again."""
        self._ask_again_at = 0.0
        self._once_more: set[bytes] = set()
        """Addresses that are to be asked for soon again: the wish came while they were being asked for."""

    @property
    def wanted(self) -> frozenset[bytes]:
        """The addresses that are wanted here."""
        return frozenset(self._claims)

    @property
    def own(self) -> bytes:
        """The NIC's own address, which is never announced."""
        return self._link.own if self._link is not None else b""

    def drop(self, addresses: Iterable[bytes]) -> None:
        """Be silent about these from now on, then say so."""
        gone = [address for address in addresses if address in self._claims]
        held = [address for address in gone if address in self.responder.held]
        for address in gone:
            self.responder.forget(address)
            self._claims.pop(address).turn += 1
            self._due.pop(address, None)
            self._once_more.discard(address)
        for address in held:
            self._report(Event(messages.WITHDRAWN, socket.inet_ntoa(address), self.nic))

    def take(self, addresses: Iterable[bytes]) -> None:
        """Begin to claim these; the filter must be set after."""
        for address in sorted(addresses):
            claim = self._claims[address] = Claim(address)
            self._begin(claim)

    def ask_again(self) -> None:
        """Ask now for what another host has, and do not wait until it would be asked anyway; at most once a second."""
        now = time.monotonic()
        if self._ask_again_at <= now:
            self._ask_again_at = max(now, self._ask_again_at + _ASK_AGAIN_GAP)
        for address, due in list(self._due.items()):
            claim = self._claims[address]
            if claim.waiting and due > self._ask_again_at and not self._trouble[0]:
                claim.turn += 1
                self._wait(claim, self._ask_again_at)
        self._once_more |= self.responder.probed

    def set_filter(self) -> None:
        """Have the kernel pass exactly what concerns the wanted addresses."""
        if self.port is None:
            return
        try:
            self.port.let_through(filter.program(self._claims))
        except OSError as error:
            self._lose(messages.SOCKET, str(error))

    def follow(self, link: Link | None, *, interrupted: bool) -> None:
        """Take note of the NIC's state. `interrupted`: it was away since it was last looked at, however shortly."""
        before, self._link = self._link, link
        if link is None:
            if before is not None or not self._trouble[0]:
                self._lose(messages.NO_INTERFACE, "")
            return
        if self.port is None or before is None or before.number != link.number:
            if not self._open():
                return
            interrupted = True
        if not (link.up and link.carrier):
            self._suspend(messages.DOWN if not link.up else messages.NO_CARRIER)
        elif interrupted or self._trouble[0]:
            self.responder.mac = link.mac
            self._trouble = ("", "")
            self.responder.forget_all()
            for claim in self._claims.values():
                self._begin(claim)
        elif link.mac != self.responder.mac:
            self._change_mac(link.mac)

    def hear(self) -> None:
        """Answer the frames that have come in."""
        port = self.port
        if port is None:
            return
        for _ in range(_MOST_AT_ONCE):
            try:
                frame = port.receive(128)
            except BlockingIOError:
                return
            except OSError:
                return  # ENETDOWN, once, when the link goes down; the notification of it follows
            answer = self.responder.hear(frame)
            if answer is not None:
                self._send(answer)
            elif self.responder.disputed:
                self._dispute()

    def step(self, claim: Claim, *, repeat: float) -> int:
        """Do what is next for a claim. Returns how many frames that took."""
        jitter = random.random()  # noqa: S311 - not a secret
        step = claim.step(self.responder, repeat=repeat, jitter=jitter, peers=self.peers)
        for frame in step.frames:
            self._send(frame)
        if step.again is not None:
            due = time.monotonic() + step.again
            if claim.waiting:
                soon = time.monotonic() + _ASK_AGAIN_GAP if claim.address in self._once_more else due
                self._once_more.discard(claim.address)
                self._wait(claim, min(due, soon))
            else:
                self._due.pop(claim.address, None)
                self._later(self, claim, due)
        self._tell(claim, step)
        return len(step.frames)

    def close(self) -> None:
        """Be silent for ever."""
        if self.port is not None:
            self.port.close()
            self.port = None

    def _begin(self, claim: Claim) -> None:
        if self._trouble[0]:
            self._fail(claim, *self._trouble)
            return
        claim.begin(self.responder)
        self._later(self, claim, time.monotonic())

    def _wait(self, claim: Claim, due: float) -> None:
        self._due[claim.address] = due
        self._later(self, claim, due)

    def _dispute(self) -> None:
        """Defend what others claim, and say who they are."""
        while self.responder.disputed:
            address, claimant = self.responder.disputed.popitem()
            dispute = self._claims[address].dispute(claimant, mac=self.responder.mac, now=time.monotonic())
            for frame in dispute.frames:
                self._send(frame)
            self.defences += len(dispute.frames)
            if dispute.news:
                why = messages.DEFENDED if dispute.frames else ""
                text = socket.inet_ntoa(address)
                self._report(Event(messages.CLAIMED, text, self.nic, mac=claimant.hex(":"), why=why))

    def _tell(self, claim: Claim, step: Step) -> None:
        text = socket.inet_ntoa(claim.address)
        if step.taken:
            self._once_more.discard(claim.address)
            self._report(Event(messages.ANNOUNCED, text, self.nic, mac=self.responder.mac.hex(":")))
        elif step.rival is not None:
            self._report(Event(messages.FAILED, text, self.nic, mac=step.rival.hex(":"), why=messages.TAKEN))

    def _fail(self, claim: Claim, why: str, detail: str) -> None:
        self._report(Event(messages.FAILED, socket.inet_ntoa(claim.address), self.nic, why=why, detail=detail))

    def _open(self) -> bool:
        self.close()
        try:
            self.port = Port(self.nic, filter.program(self._claims))
        except OSError as error:
            self._lose(messages.SOCKET, error.strerror or str(error))
            return False
        return True

    def _lose(self, why: str, detail: str) -> None:
        self.close()
        self._suspend(why, detail)

    def _suspend(self, why: str, detail: str = "") -> None:
        self.responder.forget_all()
        if self._trouble == (why, detail):
            return
        self._trouble = (why, detail)
        for claim in self._claims.values():
            claim.turn += 1
            self._fail(claim, why, detail)

    def _change_mac(self, mac: bytes) -> None:
        self.responder.mac = mac
        for claim in self._claims.values():
            if claim.address in self.responder.held:
                claim.announce_again()
                self._later(self, claim, time.monotonic())
                self._report(Event(messages.ANNOUNCED, socket.inet_ntoa(claim.address), self.nic, mac=mac.hex(":")))

    def _send(self, frame: bytes) -> None:
        port = self.port
        if port is None:
            return
        try:
            port.send(frame)
        except OSError:
            self.unsent += 1  # the link is down, or its queue is full: the asker asks again
