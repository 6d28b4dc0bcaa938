"""What is wanted of one Service, and the Service that it was wanted for."""

from dataclasses import dataclass

from porter.events.entries import Published
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey
from porter.model.objects import Service


@dataclass(frozen=True, kw_only=True)
class ServiceWish:
    """The assignments to be shown, and the Service as it was when they were decided."""

    service: Service | None
    assignments: tuple[Assignment, ...]

    def fits(self, known: Service) -> bool:
        """Tell whether the Service still asks for what it asked for when this was decided."""
        return self.service is None or _asks(known) == _asks(self.service)

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
