"""Every pace of the adapter in one place. Seconds, unless it says otherwise."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class WatchTimings:
    """How patient a watch is."""

    server: tuple[float, float] = (240.0, 300.0)
    """How long the server is asked to keep a watch open; taken at random between the two."""
    silence: float = 90.0
    """No line for so long: the connection is dead. Real servers send a bookmark about every minute."""
    first_wait: float = 0.5
    longest_wait: float = 20.0
    page: int = 500
    """Objects in one page of a list."""


@dataclass(frozen=True, kw_only=True)
class PublishTimings:
    """How fast the publisher may be."""

    at_once: int = 16
    """Writes under way at the same time: where the server is slow, this is what bounds them."""
    per_second: float = 2000.0
    """Writes a second, Events among them: a bound for a server that answers at once.

    A hundred times what kube-controller-manager allows itself by default (20): thousands of Services that come at once
    are to have their addresses within seconds. The server's priority and fairness may slow them down.
    """
    burst: int = 50
    """So many at once after a rest."""
    first_wait: float = 0.2
    longest_wait: float = 30.0
    eip_every: float = 1.0
    """An Eip's status changes with each of its Services: not written more often than this."""
    undone_wait: float = 2.0
    """A write that is undone by somebody, again and again, is repeated after this, then twice, four times …"""
    undone_longest: float = 300.0
    event_wait: float = 300.0
    """An Event that has waited so long for all else is dropped."""


@dataclass(frozen=True, kw_only=True)
class AdapterTimings:
    """The paces of everything."""

    tick: float = 0.25
    """How often silence is judged."""
    watch: WatchTimings = field(default_factory=WatchTimings)
    publish: PublishTimings = field(default_factory=PublishTimings)
