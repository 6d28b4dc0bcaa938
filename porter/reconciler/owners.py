"""Which nodes announce each address, kept up to date: only those are elected anew whom an entry can concern.

The outcome is that of deciding anew and whole. What makes the difference small is the plugin's promise (`stable`) that
nodes which were not chosen may come and go without changing the choice; for a protocol that does not promise it, every
address of that protocol is elected anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from porter.model.addresses import Address, in_order
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Endpoints, Service
from porter.model.protocol import ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.reconciler.election import STICKY, Ownership, own
from porter.reconciler.electorate import Electorate
from porter.reconciler.eligibility import Serving, local_nodes, serving_of
from porter.reconciler.ledger import Ledger
from porter.reconciler.reserved import Reserved
from porter.reconciler.seats import Seat
from porter.reconciler.tenures import Tenures
from porter.reconciler.terms import Claim, Slot
from porter.reconciler.world import World

_ANYWHERE = attrgetter("anywhere")
_WITHOUT_NODES = frozenset({Reason.ADDRESS_RESERVED, Reason.NO_ENDPOINT, Reason.PROTOCOL_STUB})
"""Verdicts that no news of a node can change."""


class Owners:
    """The owners of all addresses. Tell it what changed, then `settle` once."""

    def __init__(
        self,
        world: World,
        *,
        ledger: Ledger,
        reserved: Reserved,
        protocols: Mapping[str, ProtocolRules],
        fallback_protocol: str,
    ) -> None:
        self._world = world
        self._ledger = ledger
        self._reserved = reserved
        self._protocols = protocols
        self._fallback = fallback_protocol
        self._electorate = Electorate(world)
        self._tenures = Tenures()
        self._serving: dict[ServiceKey, Serving] = {}
        """Where the endpoints of a Service are; of policy `Cluster` only whether there are any is kept up to date."""
        self._settled: dict[ServiceKey, tuple[NodeName, ...]] = {}
        """The owners of addresses that one Service has, as its only one, whose owner is written on it."""
        self._due: set[Address] = set()

    def get(self, address: Address) -> Ownership | None:
        """Return who announces an address."""
        tenure = self._tenures.get(address)
        return tenure.ownership if tenure is not None else None

    # ------------------------------------------------------------------------------------------ telling

    def touch(self, addresses: Iterable[Address]) -> None:
        """Something about these addresses or their holders has changed."""
        self._due.update(addresses)

    def touch_serving(self, services: Iterable[ServiceKey]) -> bool:
        """The endpoints of these Services have changed. Return whether anything is to be done now.

        Nothing is where the change concerns nobody's eligibility.
        """
        for key in services:
            service = self._world.services.get(key)
            if service is not None:
                self._touch_serving(key, service)
        return bool(self._due)

    def _touch_serving(self, key: ServiceKey, service: Service) -> None:
        before, now = self._serving.get(key), serving_of(self._world, key)
        self._serving[key] = now
        if before is None or before.anywhere != now.anywhere:
            self._due.update(self._addresses_of(key))
        elif service.policy == "Local" and before.nodes != now.nodes:
            self._due.update(address for address in self._addresses_of(key) if not self._stays(address, now))

    def _addresses_of(self, service: ServiceKey) -> list[Address]:
        return [address for seat in self._ledger.seats_of(service) if (address := seat.address) is not None]

    def _stays(self, address: Address, serving: Serving) -> bool:
        """Tell whether the owners are settled, and endpoints on nodes other than theirs are all that came or went."""
        tenure = self._tenures.get(address)
        if tenure is None or not tenure.is_settled or not tenure.ownership.nodes:
            return False
        return serving.nodes.issuperset(tenure.ownership.nodes)

    def forget(self, service: ServiceKey) -> None:
        """A Service has changed or is gone: where its endpoints are was not followed for every policy."""
        self._serving.pop(service, None)
        self._settled.pop(service, None)

    def stays_settled(self, service: ServiceKey, endpoints: Endpoints) -> bool:
        """Tell whether the owner of a Service's address is settled, and serves in this, its only EndpointSlice."""
        nodes = self._settled.get(service)
        if nodes is None:
            return False
        ready = endpoints.ready
        for node in nodes:
            if node not in ready:
                return False
        self._serving.pop(service, None)  # no longer followed: to be looked up when it matters
        return True

    def confirm(self, service: ServiceKey, claim: Claim, node: NodeName) -> Verdict | None:
        """Take in that the owner of an address is now written on the Service that alone has it. Return why it stays.

        None where the outcome might be another one: then nothing was taken in.
        """
        address = claim.address
        protocol = self._protocols.get(claim.protocol or self._fallback)
        tenure = self._tenures.get(address) if address is not None else None
        if address is None or tenure is None or protocol is None or not protocol.stable:
            return None
        owner = tenure.ownership
        if owner.poll is None or owner.nodes != (node,) or address in self._due:
            return None
        self._tenures.settle(tenure, STICKY)  # a stable protocol keeps the node that is written: it need not be asked
        self._settled[service] = owner.nodes
        return STICKY

    def touch_node(self, node: NodeName) -> None:
        """Something about a node, its agent or its NICs has changed."""
        if self._electorate.subnets_changed(node):
            self._due.update(tenure.address for tenure in self._tenures if not tenure.need.interface)
        for shift in self._electorate.judge_again(node):
            self._due.update(tenure.address for tenure in self._tenures.concerned(shift))

    # ------------------------------------------------------------------------------------------ working

    def settle(self) -> set[Slot]:
        """Elect anew where it is due; return who has an address that now has another owner, or is nobody's."""
        due, self._due = self._due, set()
        seconds = {second for address in due for second in self._seconds_of(address)}
        turned = [seat for address in sorted(due - seconds, key=in_order) for seat in self._elect(address, None)]
        for address in sorted(seconds, key=in_order):
            turned += self._elect(address, self._beside(address))
        for need in self._tenures.vacant():
            self._electorate.drop(need)
        return {seat.slot for seat in turned}

    def _elect(self, address: Address, beside: NodeName | None) -> Sequence[Seat]:
        """Elect for one address; return who has it if the outcome is another one."""
        seats = self._ledger.holders(address)
        if not seats:
            self._tenures.strike(address)
            return ()
        holders = [seat.service for seat in seats]
        serving = [self._followed(seat.key) for seat in seats]
        claim = seats[0].claim
        assert claim is not None
        eip = self._world.eips.get(claim.eip) if claim.eip is not None else None
        protocol = self._protocols.get(claim.protocol or self._fallback)
        need = self._electorate.need(eip, address)
        found = own(
            self._reserved,
            holders,
            address,
            protocol,
            is_served=any(map(_ANYWHERE, serving)),
            poll=lambda: self._electorate.poll(need, eip, address, local_nodes(holders, serving)),
            beside=beside,
        )
        sticky = found.verdict.reason is Reason.STICKY and protocol is not None and protocol.stable
        is_settled = sticky or found.verdict.reason in _WITHOUT_NODES
        for seat in seats:
            self._settled.pop(seat.key, None)
        if sticky and len(seats) == 1 and len(self._ledger.seats_of(seats[0].key)) == 1:
            self._settled[seats[0].key] = found.nodes
        return seats if self._tenures.enter(address, found, need, is_settled=is_settled) else ()

    def _followed(self, service: ServiceKey) -> Serving:
        """Return where the endpoints of a Service are, and follow them from now on."""
        found = self._serving.get(service)
        if found is None:
            found = self._serving[service] = serving_of(self._world, service)
        return found

    # ------------------------------------------------------------------------------------------ two families

    def _seconds_of(self, address: Address) -> Iterator[Address]:
        """Return the addresses that go where another one goes, of all Services that have this one: itself, if it does.

        Of nearly all Services there are none, and nothing to be asked.
        """
        for seat in self._ledger.holders(address):
            both = self._ledger.seats_of(seat.key)
            if len(both) > 1:
                for one in both:
                    if one.address is not None and self._is_second(one.address):
                        yield one.address

    def _is_second(self, address: Address) -> bool:
        """Tell whether the oldest holder has another address, in the family that it names first."""
        return self._first_of(address) not in (None, address)

    def _first_of(self, address: Address) -> Address | None:
        """Return the address that the oldest holder of this one has in the family that it names first."""
        oldest = self._ledger.holders(address)[0]
        return self._ledger.seats_of(oldest.key)[0].address

    def _beside(self, address: Address) -> NodeName | None:
        first = self._first_of(address)
        if first is None or self._is_second(first):
            return None
        owner = self.get(first)
        return owner.nodes[0] if owner is not None and len(owner.nodes) == 1 else None
