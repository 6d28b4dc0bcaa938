"""Why an address cannot be announced by layer 2, one sentence each: what, whose, and what to do."""

from collections.abc import Sequence

from porter.model.assignment import Announcement
from porter.plugins.layer2.announcer import messages
from porter.plugins.layer2.announcer.messages import Event


def ipv6(announcement: Announcement) -> str:
    """Return why an IPv6 address is not announced."""
    return f"{announcement.address} is IPv6, and layer 2 cannot announce IPv6 yet: it speaks ARP and not NDP"


def sentence(event: Event, announcement: Announcement, available: Sequence[str]) -> str:
    """Return why the announcer could not, or does not, announce the address."""
    match event.why:
        case messages.NO_INTERFACE:
            named = "" if announcement.eip is None else f"; Eip {announcement.eip!r} names it"
            return (
                f"no interface {event.nic!r} on this node{named}. Available: {', '.join(sorted(available)) or 'none'}"
            )
        case messages.DOWN:
            return f"NIC {event.nic} is down"
        case messages.NO_CARRIER:
            return f"NIC {event.nic} has no carrier"
        case messages.TAKEN:
            return f"another host answers for {event.address} on {event.nic}: {event.mac}. It is asked again"
        case messages.FORBIDDEN:
            return f"{event.address} is an address of this node or its gateway, and is never announced"
        case messages.OWN:
            return f"{event.address} is the address of NIC {event.nic} itself, and is never announced"
        case messages.SOCKET:
            return f"no raw socket on {event.nic}: {event.detail}. The agent needs CAP_NET_RAW"
        case messages.NOT_IPV4:
            return f"{event.address} is not an IPv4 address"
        case _:
            return f"the announcer failed: {event.why} {event.detail}".rstrip()
