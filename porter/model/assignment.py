"""What the fold decides: which Service has which address, and which nodes announce it."""

from porter.model.addresses import Address, Family, family_of, parse_address
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Value
from porter.model.reasons import Verdict


class Candidate(Value, frozen=True, kw_only=True):
    """A node that was considered, and what was found."""

    node: NodeName
    verdict: Verdict


class Assignment(Value, frozen=True, kw_only=True):
    """What one Service has in one IP family: an address and its nodes, or the reason why not.

    `address` is None while the Service waits. `nodes` is empty while nobody may announce the address.
    """

    service: ServiceKey
    family: Family
    address: str | None = None
    eip: EipName | None = None
    protocol: str | None = None
    nodes: tuple[NodeName, ...] = ()
    reason: Verdict
    """Why this address, or why none."""
    placement: Verdict | None = None
    """Why these nodes, or why none; None while there is no address."""
    candidates: tuple[Candidate, ...] = ()
    """The nodes that may not announce it, each with its reason."""

    def same_outcome(self, other: "Assignment") -> bool:
        """Tell whether the two differ only in why: such a difference is no decision."""
        return (self.eip, self.protocol) == (other.eip, other.protocol) and self.same_place(other)

    def same_place(self, other: "Assignment") -> bool:
        """Tell whether the two have the same address on the same nodes, or lack one or both for the same reason."""
        if (self.address, self.nodes) != (other.address, other.nodes):
            return False
        if self.address is None:
            return self.reason == other.reason
        return bool(self.nodes) or self.placement == other.placement

    @property
    def ip(self) -> Address | None:
        """The address as a value."""
        return None if self.address is None else parse_address(self.address)

    @property
    def sentence(self) -> str:
        """Why, in words: of the nodes where there is an address, else of the missing address."""
        return self.reason.sentence if self.placement is None else self.placement.sentence


class PoolState(Value, frozen=True, kw_only=True):
    """What the fold decides about one Eip."""

    eip: EipName
    ready: bool
    reason: Verdict


class Announcement(Value, frozen=True, kw_only=True):
    """One address that this node must answer for, on one of its NICs."""

    address: str
    nic: str
    services: tuple[ServiceKey, ...]
    eip: EipName | None = None
    comes_from: NodeName | None = None
    """Another node that the API still names for it: it is about to let go of the address, or is gone."""

    @property
    def family(self) -> Family:
        """The address's family."""
        address = parse_address(self.address)
        assert address is not None
        return family_of(address)
