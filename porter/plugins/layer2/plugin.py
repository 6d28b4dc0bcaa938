"""The protocol `layer2`: which Eips it takes, which node it places an address on, and its life on this node.

Holds no socket: what is announced is handed to the announcer, a process of its own.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from porter.model.addresses import parse_address
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host
from porter.plugins.shipped import shipped_version
from porter.reconciler.rendezvous import winner

if TYPE_CHECKING:
    from porter.plugins.layer2.announcing import Announcing

_LONGEST_NAME = 15  # IFNAMSIZ of linux/if.h, without the final zero
_PATIENCE = 0.5  # seconds for the announcer to say what it has counted
_CAN_REACH = "can_reach:"


class Layer2:
    """One node per address: the one written on the Service, else the winner of rendezvous hashing."""

    name = "layer2"
    stub = None
    stable = True

    def __init__(self) -> None:
        self._announcing: Announcing | None = None

    @property
    def version(self) -> str:
        """Porter's own."""
        return shipped_version()

    def validate(self, eip: Eip) -> Sequence[str]:
        """Return what is wrong with `spec.interface`.

        Without an interface, the NIC whose subnet holds the address is used.
        """
        fault = None if eip.interface is None else _fault(eip.interface)
        return () if fault is None else (fault,)

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        """Return the one node that announces the address."""
        if request.current is not None and request.current in request.eligible:
            return (request.current,)
        return (winner(request.address, request.eligible),) if request.eligible else ()

    def start(self, host: Host) -> None:
        """Start the announcer. It runs until `stop`, and is started again when it dies."""
        from porter.plugins.layer2.announcing import Announcing  # noqa: PLC0415 - replay never starts anything

        self.stop()
        self._announcing = Announcing(host)

    def apply(self, announcements: Sequence[Announcement]) -> None:
        """Announce exactly these. Returns at once; the announcer reports when an address was probed and is held."""
        assert self._announcing is not None, "apply before start"
        self._announcing.want(announcements)

    def counters(self) -> Mapping[str, int]:
        """Return what became of the frames: answered, sent unasked, or dropped, by reason."""
        announcing = self._announcing
        counters = None if announcing is None else announcing.counters(_PATIENCE)
        return {} if counters is None else {"answered": counters.answered, "sent": counters.sent, **counters.dropped}

    def stop(self) -> None:
        """End the announcer: silent when this returns."""
        announcing, self._announcing = self._announcing, None
        if announcing is not None:
            announcing.stop()


def _fault(interface: str) -> str | None:
    if interface.startswith(_CAN_REACH):
        target = interface.removeprefix(_CAN_REACH)
        if parse_address(target) is None:
            return f"spec.interface {interface!r}: {target!r} is not an IP address; write can_reach:192.168.0.1"
        return None
    if interface == "lo":
        return "spec.interface 'lo': nobody can be reached there; name the NIC that the clients are on"
    if not interface or len(interface.encode()) > _LONGEST_NAME:
        return f"spec.interface {interface!r} is no NIC's name: Linux allows 1 to {_LONGEST_NAME} bytes"
    if interface in {".", ".."} or any(each in "/:" or each.isspace() for each in interface):
        return f"spec.interface {interface!r} is no NIC's name: it holds a slash, a colon or a space"
    return None
