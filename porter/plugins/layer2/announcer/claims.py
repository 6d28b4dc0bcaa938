"""The life of one address on one NIC: probed, then held and announced; or waiting, because another host has it.

    probing ──silence──▶ held ──▶ announced three times, 1.1 s apart
       ▲ └───a rival──▶ waiting ◀──where that is asked for: a stranger insists on what is held
       └────later───────────┘

Pure: a step is given the time and returns frames to send, what happened, and when to step again.
"""

from typing import NamedTuple

from .holdings import Holdings

PROBES = 3  # RFC 5227, 1.1: PROBE_NUM
PROBES_AFTER_A_PEER = 1
"""A peer that had the address until now let go of it; strangers were looked for when the peer took it."""
PROBE_GAP = 0.1
"""Seconds between probes and from the last to the first answer. RFC 5227 waits seconds, for hosts that boot behind a
switch that is still learning; an address that moves between nodes of a cluster must not be away for that long."""
ANNOUNCEMENTS = 3
ANNOUNCEMENT_GAP = 1.1
"""Linux ignores a change of a neighbour within a second of the last (net.ipv4.neigh.*.locktime): RFC 5227, 2.3 says
two announcements two seconds apart; three at 1.1 s reach every cache at the latest after 2.2 s."""
FIRST_WAIT_FOR_A_PEER, LONGEST_WAIT_FOR_A_PEER = 0.1, 0.5
"""A node of the cluster lets go as soon as it learns that it must: whoever waits for it is there when it has."""
FIRST_WAIT_FOR_A_STRANGER, LONGEST_WAIT_FOR_A_STRANGER = 0.25, 15.0
"""Seconds, like those above, doubled each time; with the jitter it is at most twice as long until the next question."""
NEWS_OF_A_PEER, NEWS_OF_A_STRANGER = 4, 2
"""With which answer in a row a rival is told of: a peer that is just letting go is no news."""
_MOST_DOUBLINGS = 16
DEFENCE_GAP = 10.0  # RFC 5227, 1.1: DEFEND_INTERVAL
MOST_CLAIMANTS = 16
"""MACs that are told of, for an address that is held: whoever makes up MACs must not fill the log."""


class Step(NamedTuple):
    """What to do after a step of a claim."""

    frames: tuple[bytes, ...] = ()
    again: float | None = None
    """Seconds until the next step; None when nothing is left to do."""
    taken: bool = False
    """From now on the address is answered for."""
    rival: bytes | None = None
    """The MAC of the host that has the address, once that is news."""


class Dispute(NamedTuple):
    """What to do when another host claims an address that is held."""

    frames: tuple[bytes, ...] = ()
    news: bool = False
    """This host has not claimed it before."""
    insists: bool = False
    """The address was defended already, not long ago (RFC 5227, 2.4 b: a host that cannot go on must let go now)."""


class Claim:
    """One wanted address on one NIC that is there and usable."""

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.turn = 0
        """Steps that were planned before this number changed are void."""
        self.waiting = False
        """Another host has it; it is asked again later."""
        self._said = 0
        self._probes = PROBES
        self._refusals = 0
        self._defended_at = -DEFENCE_GAP
        self._claimants: set[bytes] = set()
        self._doubted = False

    def begin(self, holdings: Holdings, *, handed_over: bool = False) -> None:
        """Ask first whether the address is free: when it is new, and whenever the NIC was away.

        `handed_over`: a peer had it until now, and is about to let go of it.
        """
        self.turn += 1
        self.waiting = False
        self._said = 0
        self._probes = PROBES_AFTER_A_PEER if handed_over else PROBES
        self._claimants.clear()
        self._doubted = False
        holdings.probe(self.address)

    def announce_again(self) -> None:
        """Tell everybody anew, without asking: the MAC changed."""
        self.turn += 1
        self._said = 0

    def doubt(self) -> None:
        """Ask for the held address once, when all announcements are made: some kernel may answer for it as well."""
        self._doubted = True

    def unsaid(self) -> None:
        """What was to be said did not go out: say it again in the next step, which is to be planned."""
        self.turn += 1
        self._said = max(0, self._said - 1)

    def dispute(self, claimant: bytes, holdings: Holdings, *, now: float) -> Dispute:
        """Defend the held address against a claim of another host, and go on (RFC 5227, 2.4 b).

        With one announcement, and only when the last is long ago: two hosts that insist must not flood the segment.
        """
        news = claimant not in self._claimants and len(self._claimants) < MOST_CLAIMANTS
        if news:
            self._claimants.add(claimant)
        if now - self._defended_at < DEFENCE_GAP:
            return Dispute(news=news, insists=True)
        self._defended_at = now
        return Dispute((holdings.family.defence(self.address, mac=holdings.mac),), news)

    def give_way(self, holdings: Holdings, claimant: bytes, *, jitter: float) -> Step:
        """Let a stranger that insists have the address, and ask for it later (RFC 5227, 2.4 b)."""
        self.turn += 1
        self._refusals = NEWS_OF_A_STRANGER - 1
        return self._wait(holdings, claimant, jitter=jitter, is_peer=False)

    def step(self, holdings: Holdings, *, repeat: float, jitter: float, peers: frozenset[bytes]) -> Step:
        """Do what is next. `jitter`, from 0 to 1, keeps two hosts that wait for each other apart."""
        if self.address in holdings.held:
            return self._announce(holdings, repeat)
        if self.address not in holdings.probed:
            self._ask_anew(holdings)
        rival = holdings.rivals.pop(self.address, None)
        if rival is not None:
            return self._wait(holdings, rival, jitter=jitter, is_peer=rival in peers)
        if self._said < self._probes:
            self._said += 1
            return Step(frames=(holdings.family.probe(self.address, mac=holdings.mac),), again=PROBE_GAP)
        holdings.hold(self.address)
        self._said = 0
        self._refusals = 0
        return self._announce(holdings, repeat)._replace(taken=True)

    def _announce(self, holdings: Holdings, repeat: float) -> Step:
        if self._doubted and self._said >= ANNOUNCEMENTS:
            self._doubted = False
            frames: tuple[bytes, ...] = (holdings.family.probe(self.address, mac=holdings.mac),)
        else:
            self._said += 1
            frames = holdings.family.announcement(self.address, mac=holdings.mac)
        if self._said < ANNOUNCEMENTS or self._doubted:
            return Step(frames=frames, again=ANNOUNCEMENT_GAP)
        return Step(frames=frames, again=max(repeat, ANNOUNCEMENT_GAP) if repeat > 0 else None)

    def _wait(self, holdings: Holdings, rival: bytes, *, jitter: float, is_peer: bool) -> Step:
        holdings.forget(self.address)
        self.waiting = True
        self._probes = PROBES_AFTER_A_PEER if is_peer else PROBES
        first, longest, news = (
            (FIRST_WAIT_FOR_A_PEER, LONGEST_WAIT_FOR_A_PEER, NEWS_OF_A_PEER)
            if is_peer
            else (FIRST_WAIT_FOR_A_STRANGER, LONGEST_WAIT_FOR_A_STRANGER, NEWS_OF_A_STRANGER)
        )
        pause = min(first * 2 ** min(self._refusals, _MOST_DOUBLINGS), longest) * (1 + jitter)
        self._refusals += 1
        return Step(again=pause, rival=rival if self._refusals >= news else None)

    def _ask_anew(self, holdings: Holdings) -> None:
        """Begin again after a wait, as shortly as its reason allows."""
        handed_over = self._probes == PROBES_AFTER_A_PEER
        self.begin(holdings, handed_over=handed_over)
