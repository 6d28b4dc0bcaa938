"""What is wanted of one Service, and the Service that it was wanted for."""

from dataclasses import dataclass

from porter.events.entries import Published
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class ServiceWish:
    """The assignments to be shown, and the Service as it was when they were decided."""

    service: Service | None
    assignments: tuple[Assignment, ...]

    def fits(self, known: Service) -> bool:
        """Tell whether this may be written over what the API shows now.

        The Service must ask for what it asked for when this was decided, and show what it showed then, or what is
        wanted. Where it shows something else, the decision that was made from that is on its way: written before, this
        would be what the next one is made from, and the two could take turns for long.
        """
        before = self.service
        if before is None or known is before:
            return True
        nodes = {before.written_node, None, *(node for one in self.assignments for node in one.nodes)}
        addresses = {*before.addresses, *(one.address for one in self.assignments)}
        return known.written_node in nodes and addresses.issuperset(known.addresses) and _asks(known) == _asks(before)

    def is_news_after(self, before: "ServiceWish | None") -> bool:
        """Tell whether the API may have to show something else for this wish than for the one before.

        It need not where only why is another. That an address is held is what becomes of every reason once it is shown.
        """
        return (
            before is None
            or (self.service is not None and not before.fits(self.service))
            or len(before.assignments) != len(self.assignments)
            or _rests_on(before.service) != _rests_on(self.service)
            or any(_is_news(one, other) for one, other in zip(self.assignments, before.assignments, strict=True))
        )

    def published(self, key: ServiceKey) -> Published:
        """Return the entry that tells of this wish come true."""
        held = [one for one in self.assignments if one.address is not None]
        first = held[0] if held else None
        return Published(
            service=key,
            addresses=tuple(one.address for one in held if one.address is not None),
            eip=first.eip if first is not None else None,
            node=first.nodes[0] if first is not None and len(first.nodes) == 1 else None,
        )


def _is_news(assignment: Assignment, before: Assignment) -> bool:
    same_reason = assignment.reason == before.reason or assignment.reason.reason is Reason.HELD
    return not (same_reason and assignment.family == before.family and assignment.same_outcome(before))


def _rests_on(service: Service | None) -> tuple[object, ...] | None:
    """What of a Service decides how a wish for it is shown, and whether it is."""
    return None if service is None else (*_asks(service), service.keys, service.written_protocol)


def _asks(service: Service) -> tuple[object, ...]:
    """What a Service says of itself, without what Porter writes on it."""
    return (
        service.uid,
        service.type,
        service.load_balancer_class,
        service.deleting,
        service.claimed_by,
        service.wanted_protocol,
        service.wanted_eip,
        service.wanted_address,
        service.load_balancer_ip,
        service.ip_families,
        service.ip_family_policy,
    )
