"""The Eips as pools: their ranges, whether each is ready and why not, and which of them a Service may use."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from porter.model.addresses import Address, AddressRange, Family, InvalidRangeError, parse_range
from porter.model.assignment import PoolState
from porter.model.names import EipName
from porter.model.objects import Eip, Service
from porter.model.protocol import ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.model.text import fit_to_show
from porter.reconciler.nics import can_any_node_announce
from porter.reconciler.ranges import EarliestRanges
from porter.reconciler.world import World


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """An Eip, the range it names (None when that cannot be read), and what was decided about it."""

    eip: Eip
    range: AddressRange | None
    verdict: Verdict

    @property
    def ready(self) -> bool:
        """Whether it may hand out addresses, `spec.disable` aside."""
        return self.verdict.reason is Reason.POOL_READY

    @property
    def bound(self) -> bool:
        """Whether it is bound to namespaces."""
        return bool(self.eip.namespaces or self.eip.namespace_selector)

    @property
    def state(self) -> PoolState:
        """The decision as it is logged and published."""
        return PoolState(eip=self.eip.name, ready=self.ready, reason=self.verdict)


class Pools:
    """All pools of a world."""

    def __init__(self, world: World, protocols: Mapping[str, ProtocolRules]) -> None:
        self._world = world
        self._pools: dict[EipName, Pool] = {}
        older = EarliestRanges[Pool]()
        for eip in sorted(world.eips.values(), key=lambda eip: (eip.created, eip.name)):
            pool = _judge(eip, older, world, protocols)
            self._pools[eip.name] = pool
            if pool.range is not None and not eip.foreign:
                older.add(pool.range, pool)
        self._by_age = older

    def __iter__(self) -> Iterator[Pool]:
        return iter(sorted(self._pools.values(), key=lambda pool: pool.eip.name))

    def get(self, name: EipName) -> Pool | None:
        """Return the pool of that name."""
        return self._pools.get(name)

    def holding(self, address: Address) -> Pool | None:
        """Return the pool whose range holds the address; of several the oldest."""
        return self._by_age.holding(address)

    def for_namespace(self, service: Service, family: Family) -> Sequence[Pool]:
        """Return the pools that a Service which names none may use, best first.

        Those bound to its namespace, by priority; if there are none, the default pool; if there is none, every
        unbound pool, by name.
        """
        fitting = self._fitting(service, family)
        bound = [pool for pool in fitting if self.is_bound_to(pool, service.namespace)]
        if bound:
            return sorted(bound, key=lambda pool: (pool.eip.priority, pool.eip.name))
        unbound = [pool for pool in fitting if not pool.bound]
        return [pool for pool in unbound if pool.eip.default] or unbound

    def bound_elsewhere(self, service: Service, family: Family) -> Sequence[Pool]:
        """Return the pools that would do, were they not bound to other namespaces, by name."""
        fitting = self._fitting(service, family)
        return [pool for pool in fitting if pool.bound and not self.is_bound_to(pool, service.namespace)]

    def _fitting(self, service: Service, family: Family) -> Sequence[Pool]:
        return [
            pool
            for pool in self
            if not pool.eip.foreign
            and (pool.range is None or pool.range.family == family)
            and service.wanted_protocol in (None, pool.eip.protocol)
        ]

    def is_bound_to(self, pool: Pool, namespace: str) -> bool:
        """Tell whether the pool is bound to this namespace, by name or by its labels."""
        eip = pool.eip
        if namespace in eip.namespaces:
            return True
        if not eip.namespace_selector:
            return False
        known = self._world.namespaces.get(namespace)
        return known is not None and set(eip.namespace_selector) <= set(known.labels)


def _judge(
    eip: Eip,
    older: EarliestRanges[Pool],
    world: World,
    protocols: Mapping[str, ProtocolRules],
) -> Pool:
    try:
        addresses = parse_range(eip.address)
    except InvalidRangeError as error:
        return Pool(eip=eip, range=None, verdict=Verdict(reason=Reason.POOL_INVALID, detail=str(error)))
    return Pool(eip=eip, range=addresses, verdict=_verdict(eip, addresses, older, world, protocols))


def _verdict(
    eip: Eip,
    addresses: AddressRange,
    older: EarliestRanges[Pool],
    world: World,
    protocols: Mapping[str, ProtocolRules],
) -> Verdict:
    if eip.foreign:
        return Verdict(reason=Reason.POOL_FOREIGN, detail="cni")
    if eip.deleting:
        return Verdict(reason=Reason.POOL_DELETING)
    other = older.overlapping(addresses)
    if other is not None:
        return Verdict(reason=Reason.POOL_OVERLAPS, detail=other.eip.name)
    protocol = protocols.get(eip.protocol)
    if protocol is None:
        return Verdict(reason=Reason.PROTOCOL_UNKNOWN, detail=eip.protocol)
    if protocol.stub is not None:
        return Verdict(reason=Reason.PROTOCOL_STUB, detail=eip.protocol)
    problems = validate(protocol, eip)
    if problems:
        return Verdict(reason=Reason.POOL_REFUSED, detail="; ".join(problems))
    return can_any_node_announce(eip, addresses, world)


def validate(protocol: ProtocolRules, eip: Eip) -> Sequence[str]:
    """Ask the protocol what is wrong with the Eip. A plugin that raises is itself what is wrong."""
    try:
        return [fit_to_show(str(problem)) for problem in protocol.validate(eip)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a third party's code: its fault must stay on this Eip
        return [f"protocol {protocol.name} failed to judge it: {type(error).__name__}: {fit_to_show(str(error))}"]
