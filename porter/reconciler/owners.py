"""Which nodes announce each address, kept up to date: only those are elected anew whom an entry can concern.

The outcome is that of deciding anew and whole. What makes the difference small is the plugin's promise (`stable`) that
nodes which were not chosen may come and go without changing the choice; for a protocol that does not promise it, every
address of that protocol is elected anew.
"""

from collections.abc import Iterable, Iterator, Mapping

from porter.model.addresses import Address, family_of, in_order
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Eip, Endpoints, Service
from porter.model.protocol import ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.reconciler.election import STICKY, Ownership, own
from porter.reconciler.electorate import Electorate, Need, Shift
from porter.reconciler.eligibility import Serving, serving_of
from porter.reconciler.ledger import Ledger
from porter.reconciler.reserved import Reserved
from porter.reconciler.terms import Claim
from porter.reconciler.world import World

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
        self._owners: dict[Address, Ownership] = {}
        self._needs: dict[Address, Need] = {}
        self._with_need: dict[Need, set[Address]] = {}
        self._emptied: set[Need] = set()
        """Needs that an address no longer had in this round; dropped at its end where none has them."""
        self._owned: dict[NodeName, set[Address]] = {}
        self._unsettled: dict[Need, set[Address]] = {}
        """Addresses that any node's news can move: nobody has them, or their node is not written anywhere yet."""
        self._serving: dict[ServiceKey, Serving] = {}
        """Where the endpoints of a Service are."""
        self._settled: dict[ServiceKey, tuple[NodeName, ...]] = {}
        """The owners of addresses that one Service has, as its only one, whose owner is written on it."""
        self._due: set[Address] = set()

    def get(self, address: Address) -> Ownership | None:
        """Return who announces an address."""
        return self._owners.get(address)

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

    def _addresses_of(self, service: ServiceKey) -> Iterator[Address]:
        for slot in self._ledger.slots_of(service):
            claim = self._ledger.claim(slot)
            if claim is not None and claim.address is not None:
                yield claim.address

    def _stays(self, address: Address, serving: Serving) -> bool:
        """Tell whether the owners are settled, and endpoints on nodes other than theirs are all that came or went."""
        owner, need = self._owners.get(address), self._needs.get(address)
        if owner is None or need is None or not owner.nodes or address in self._unsettled.get(need, ()):
            return False
        return serving.nodes.issuperset(owner.nodes)

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
        owner = self._owners.get(address) if address is not None else None
        if address is None or protocol is None or not protocol.stable or owner is None or owner.poll is None:
            return None
        if owner.nodes != (node,) or address in self._due:
            return None
        # A stable protocol keeps the node that is written, so it need not be asked.
        self._owners[address] = Ownership(nodes=owner.nodes, verdict=STICKY, poll=owner.poll)
        _take_out(self._unsettled, self._needs[address], address)
        self._settled[service] = owner.nodes
        return STICKY

    def touch_node(self, node: NodeName) -> None:
        """Something about a node, its agent or its NICs has changed."""
        if self._electorate.subnets_changed(node):
            self._due.update(address for address, need in self._needs.items() if not need.interface)
        for shift in self._electorate.judge_again(node):
            self._due.update(self._concerned(shift))

    def _concerned(self, shift: Shift) -> Iterator[Address]:
        yield from self._unsettled.get(shift.need, ())
        if shift.was_eligible and not shift.is_eligible:
            owned = self._owned.get(shift.node, set())
            yield from owned & self._with_need.get(shift.need, set())

    # ------------------------------------------------------------------------------------------ working

    def settle(self) -> frozenset[Address]:
        """Elect anew where it is due; return the addresses that now have another owner, or are nobody's."""
        due, self._due = self._due, set()
        changed: set[Address] = set()
        seconds: set[Address] = set()
        for address in due:
            if self._is_beside_another(address):
                seconds.update(self._seconds_of(address))
                if self._is_second(address):
                    seconds.add(address)
        for address in sorted(due - seconds, key=in_order):
            if self._elect(address, beside=None):
                changed.add(address)
        for address in sorted(seconds, key=in_order):
            if self._elect(address, beside=self._beside(address)):
                changed.add(address)
        for need in self._emptied - self._with_need.keys():
            self._electorate.drop(need)
        self._emptied.clear()
        return frozenset(changed)

    def _elect(self, address: Address, *, beside: NodeName | None) -> bool:
        """Elect for one address; return whether the outcome is another one."""
        before = self._owners.get(address)
        holders = self._ledger.holders(address)
        if not holders:
            self._strike(address)
            return before is not None
        for holder in holders:
            self._settled.pop(holder.key, None)
            if holder.key not in self._serving:
                self._serving[holder.key] = serving_of(self._world, holder.key)
        claim = self._ledger.claim((holders[0].key, family_of(address)))
        assert claim is not None
        eip = self._eip_of(claim)
        protocol = self._protocols.get(claim.protocol or self._fallback)
        need = self._electorate.need(eip, address)
        found = own(
            self._world,
            self._reserved,
            holders,
            address,
            protocol,
            poll=lambda: self._electorate.poll(need, eip, address, holders),
            beside=beside,
        )
        self._enter(address, found, need, stable=protocol is not None and protocol.stable)
        alone = len(holders) == 1 and len(self._ledger.slots_of(holders[0].key)) == 1
        if alone and found.verdict.reason is Reason.STICKY and address not in self._unsettled.get(need, ()):
            self._settled[holders[0].key] = found.nodes
        return before is None or (before.nodes, before.verdict) != (found.nodes, found.verdict)

    def _enter(self, address: Address, found: Ownership, need: Need, *, stable: bool) -> None:
        """Put down an outcome in the place of the one before."""
        before = self._owners.get(address)
        self._owners[address] = found
        if self._needs.get(address) is not need:
            self._strike_need(address)
            self._needs[address] = need
            self._with_need.setdefault(need, set()).add(address)
        if before is None or before.nodes != found.nodes:
            self._strike_nodes(address, before)
            for node in found.nodes:
                self._owned.setdefault(node, set()).add(address)
        settled = found.verdict.reason in _WITHOUT_NODES or (stable and found.verdict.reason is Reason.STICKY)
        if settled:
            _take_out(self._unsettled, need, address)
        else:
            self._unsettled.setdefault(need, set()).add(address)

    def _strike(self, address: Address) -> None:
        self._strike_nodes(address, self._owners.pop(address, None))
        self._strike_need(address)

    def _strike_nodes(self, address: Address, before: Ownership | None) -> None:
        for node in before.nodes if before is not None else ():
            _take_out(self._owned, node, address)

    def _strike_need(self, address: Address) -> None:
        need = self._needs.pop(address, None)
        if need is not None:
            _take_out(self._with_need, need, address)
            self._emptied.add(need)
            _take_out(self._unsettled, need, address)

    def _eip_of(self, claim: Claim) -> Eip | None:
        return self._world.eips.get(claim.eip) if claim.eip is not None else None

    # ------------------------------------------------------------------------------------------ two families

    def _is_beside_another(self, address: Address) -> bool:
        """Tell whether any holder has two slots: of nearly all there is one, and nothing to be asked."""
        return any(len(self._ledger.slots_of(service.key)) > 1 for service in self._ledger.holders(address))

    def _first_of(self, service: Service) -> Address | None:
        """Return a Service's address in the family that it names first."""
        claim = self._ledger.claim(self._ledger.slots_of(service.key)[0])
        return claim.address if claim is not None else None

    def _is_second(self, address: Address) -> bool:
        """Tell whether the oldest holder has another address, in the family that it names first."""
        holders = self._ledger.holders(address)
        first = self._first_of(holders[0]) if holders else None
        return first is not None and first != address

    def _seconds_of(self, address: Address) -> Iterator[Address]:
        """Return the addresses that go where this one goes."""
        for service in self._ledger.holders(address):
            for slot in self._ledger.slots_of(service.key):
                claim = self._ledger.claim(slot)
                if claim is not None and claim.address is not None and self._is_second(claim.address):
                    yield claim.address

    def _beside(self, address: Address) -> NodeName | None:
        first = self._first_of(self._ledger.holders(address)[0])
        if first is None or self._is_second(first):
            return None
        owner = self._owners.get(first)
        return owner.nodes[0] if owner is not None and len(owner.nodes) == 1 else None


def _take_out(index: dict, key: object, address: Address) -> None:  # type: ignore[type-arg]  # keys of several kinds
    members = index.get(key)
    if members is not None:
        members.discard(address)
        if not members:
            del index[key]
