"""The ways by which seats may get an address, found once for all that ask alike. Knows pools; not who has what."""

from porter.reconciler.pools import Pool, Pools
from porter.reconciler.seats import Seat
from porter.reconciler.terms import Route, route_of


class Routes:
    """Routes of many seats: those that name no address and ask alike share one."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._known: dict[tuple[object, ...], Route] = {}

    def of(self, seat: Seat) -> Route:
        """Return the way of a seat as the pools are now."""
        service = seat.service
        if service.wanted_address is not None or service.load_balancer_ip is not None:
            return route_of(service, seat.family, self._pools)
        alike = (service.namespace, service.wanted_eip, service.wanted_protocol, seat.family)
        if alike not in self._known:
            self._known[alike] = route_of(service, seat.family, self._pools)
        return self._known[alike]


def frame_of(pool: Pool | None) -> tuple[object, ...] | None:
    """Return what of a pool decides who keeps an address: not whether it is ready or full."""
    return None if pool is None else (pool.range, pool.eip.protocol, pool.eip.foreign, pool.eip.created)
