"""What the agent and its announcer say to each other: JSON, a line each, over one socket. Both sides use this module.

The agent sends `Wanted`, always the whole of it, or `Ask`; the announcer sends `Event` and `Counters`. Says nothing
about how lines travel.
"""

import json
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

EventKind = Literal["announced", "withdrawn", "failed", "claimed"]
ANNOUNCED: Final = "announced"
WITHDRAWN: Final = "withdrawn"
FAILED: Final = "failed"
CLAIMED: Final = "claimed"
"""Another host claims an address that is answered for."""
DEFENDED: Final = "defended"

# Why an address cannot be announced. Words between two processes of one version; people read sentences instead.
NO_INTERFACE: Final = "no-interface"
DOWN: Final = "down"
NO_CARRIER: Final = "no-carrier"
TAKEN: Final = "taken"
FORBIDDEN: Final = "forbidden"
OWN: Final = "own"
NO_ADDRESS: Final = "no-address"
NO_HOST: Final = "no-host"
"""A group's address, everybody's, nobody's or each host's own."""
SOCKET: Final = "socket"
"""The kernel gives no raw socket now; it is asked again."""
NO_RIGHT: Final = "no-right"
"""The kernel gives no raw socket to this process."""


class Wanted(NamedTuple):
    """Everything that this node shall answer for: pairs of address and NIC."""

    announce: tuple[tuple[str, str], ...] = ()
    forbidden: tuple[str, ...] = ()
    """Addresses to refuse, whatever `announce` says."""
    repeat: float = 0.0
    """Seconds after which gratuitous announcements are repeated; 0 for never."""
    peers: tuple[str, ...] = ()
    """MACs of the other nodes: they let go of an address in time, and are asked often."""
    handed_over: tuple[str, ...] = ()
    """Addresses that a peer had until now: one question is enough before they are taken."""
    weak: tuple[str, ...] = ()
    """Those of `peers` whose kernel may answer for addresses that it has elsewhere: they are asked once all is said."""
    own: tuple[str, ...] = ()
    """MACs of this node's NICs: its own kernel may answer over another one of them, and is no rival."""
    yielding: bool = False
    """Whether a stranger that insists on an address gets it; else it is told whose it is, and nothing changes."""


class Ask(NamedTuple):
    """Please send the counters."""


class Event(NamedTuple):
    """Something happened to one address on one NIC."""

    kind: EventKind
    address: str
    nic: str
    mac: str = ""
    """Of the NIC when announced; of the other host when the address is taken or claimed."""
    why: str = ""
    detail: str = ""


class Counters(NamedTuple):
    """What became of the frames so far."""

    answered: int
    sent: int
    dropped: Mapping[str, int]
    """By reason: every frame that reached user space and was not answered; `kernel` counts the socket buffer's."""


def encode(message: Wanted | Ask | Event | Counters) -> bytes:
    """Return the message as one line."""
    name = type(message).__name__
    return json.dumps([name, message._asdict()], separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Wanted | Ask | Event | Counters:
    """Read one line. Raises ValueError, KeyError or TypeError for one that the other side cannot have sent."""
    name, body = json.loads(line)
    match name:
        case "Wanted":
            pairs = tuple((str(address), str(nic)) for address, nic in body["announce"])
            forbidden, peers, handed_over, weak, own = (
                tuple(map(str, body[name])) for name in ("forbidden", "peers", "handed_over", "weak", "own")
            )
            repeat, yielding = float(body["repeat"]), bool(body["yielding"])
            return Wanted(pairs, forbidden, repeat, peers, handed_over, weak, own, yielding)
        case "Ask":
            return Ask()
        case "Event":
            return Event(**body)
        case "Counters":
            return Counters(**body)
        case _:
            raise ValueError(f"unknown message {name!r}")
