"""Why an address cannot be announced by layer 2, one sentence each: what, whose, and what to do."""

from porter.model.assignment import Announcement
from porter.model.strict_arp import CURE
from porter.plugins.api import Host
from porter.plugins.layer2.announcer import messages
from porter.plugins.layer2.announcer.messages import Event

_NO_ADDRESS = {
    messages.NO_ADDRESS: "is no IP address",
    messages.NO_HOST: "is never announced: it is a group's, nobody's or each host's own",
}


def sentence(event: Event, announcement: Announcement, host: Host) -> str:
    """Return why the announcer could not, or does not, announce the address."""
    match event.why:
        case messages.NO_INTERFACE:
            named = "" if announcement.eip is None else f"; Eip {announcement.eip!r} names it"
            available = ", ".join(sorted(nic.name for nic in host.nics)) or "none"
            return f"no interface {event.nic!r} on this node{named}. Available: {available}"
        case messages.DOWN:
            return f"NIC {event.nic} is down"
        case messages.NO_CARRIER:
            return f"NIC {event.nic} has no carrier"
        case messages.TAKEN:
            return _taken(event, host)
        case messages.FORBIDDEN:
            what = host.forbidden.get(event.address, "an address of this node or its gateway")
            return f"{event.address} is never announced: {what}"
        case messages.OWN:
            return f"{event.address} is this node's own, on NIC {event.detail}, and is never announced"
        case messages.SOCKET:
            return f"no raw socket on {event.nic}: {event.detail}. It is tried again"
        case messages.NO_RIGHT:
            return f"no raw socket on {event.nic}: {event.detail}. The agent needs CAP_NET_RAW"
        case messages.NO_ADDRESS | messages.NO_HOST:
            return f"{event.address} {_NO_ADDRESS[event.why]}"
        case _:
            return f"the announcer failed: {event.why} {event.detail}".rstrip()


def _taken(event: Event, host: Host) -> str:
    peer = host.peers.get(event.mac)
    who = "another host" if peer is None else f"node {peer} still"
    told = f"{who} answers for {event.address} on {event.nic}: {event.mac}. It is asked again"
    if event.mac in host.weak_peers:
        told += f". Its kernel answers for addresses of its other NICs too (arp_ignore is 0): {CURE}"
    return told
