"""All decisions that follow from a world, kept up to date entry by entry.

`rebuild` decides everything anew; `update` only what an entry touches. Both come to what `porter.reconciler.decide`
comes to, and a property holds them to it.
"""

from collections.abc import Iterable, Mapping

import msgspec

from porter.model.addresses import Address, family_of
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Endpoints, Nic, Service, Way
from porter.reconciler.decide import Decisions, Rules, assignment_of
from porter.reconciler.ledger import Ledger
from porter.reconciler.owners import Owners
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.pools import Pools
from porter.reconciler.reserved import CLUSTER, Reserved, agent_source, node_source, of_agent, of_cluster, of_node
from porter.reconciler.terms import Slot
from porter.reconciler.touched import Touched
from porter.reconciler.world import World

_NicState = tuple[tuple[tuple[Nic, ...], tuple[Way, ...]] | None, str | None]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What was turned over: before and after, only where there is a difference. None: was not there, or is gone."""

    pools: Mapping[EipName, tuple[PoolState | None, PoolState | None]] = {}
    assignments: Mapping[Slot, tuple[Assignment | None, Assignment | None]] = {}


_NO_TURN = Turn()


class Book:
    """The decisions of one world. Not safe to share between threads."""

    def __init__(self, world: World, rules: Rules) -> None:
        self._world = world
        self._rules = rules
        self._assignments: dict[Slot, Assignment] = {}
        self._pool_states: dict[EipName, PoolState] = {}
        self._of_node: dict[NodeName, set[Slot]] = {}
        self._of_eip: dict[EipName, set[Slot]] = {}
        self._nics: dict[NodeName, _NicState] = {}
        self._begin()

    def _begin(self) -> None:
        world, rules = self._world, self._rules
        self._reserved = Reserved(world)
        self._pools = Pools(world, rules.protocols)
        self._ledger = Ledger(self._pools, self._reserved)
        self._owners = Owners(
            world,
            ledger=self._ledger,
            reserved=self._reserved,
            protocols=rules.protocols,
            fallback_protocol=rules.fallback_protocol,
        )
        self._nics = {name: self._nic_state(name) for name in world.nodes.keys() | world.agents.keys()}

    # ------------------------------------------------------------------------------------------ reading

    @property
    def decisions(self) -> Decisions:
        """A copy of everything decided."""
        return Decisions(assignments=dict(self._assignments), pools=dict(self._pool_states))

    def get(self, slot: Slot) -> Assignment | None:
        """Return what was decided for a slot."""
        return self._assignments.get(slot)

    def of_node(self, node: NodeName) -> list[Assignment]:
        """Return what a node owns, sorted by slot."""
        return [self._assignments[slot] for slot in sorted(self._of_node.get(node, ()))]

    # ------------------------------------------------------------------------------------------ turning over

    def seed(self, assignments: Iterable[Assignment], pools: Iterable[PoolState]) -> None:
        """Begin with what was decided earlier."""
        for assignment in assignments:
            self._enter((assignment.service, assignment.family), None, assignment)
        self._pool_states = {pool.eip: pool for pool in pools}

    def rebuild(self) -> Turn:
        """Decide everything anew."""
        self._begin()
        for key, service in self._world.services.items():
            self._ledger.put(key, self._ours(service))
        self._ledger.settle()
        self._owners.touch(self._ledger.addresses())
        self._owners.settle()
        slots = {seat.slot for key in self._world.services for seat in self._ledger.seats_of(key)}
        return Turn(pools=self._turn_pools(), assignments=self._turn(slots | self._assignments.keys()))

    def stays_settled(self, service: ServiceKey, endpoints: Endpoints) -> bool:
        """Tell at once that the owner of a Service's address stays, whose only EndpointSlice is now this."""
        return self._owners.stays_settled(service, endpoints)

    def confirm(self, key: ServiceKey, before: Service, service: Service) -> bool:
        """Take in a Service on which the API now shows what was decided, or a part of that, and nothing else is new.

        Of most changes of a Service that is all: nothing is given or elected. False: nothing was taken in.
        """
        if service.written_node is None or before != _as_written_on(service, before):
            return False
        claim = self._ledger.confirmed(key, service)
        if claim is None or claim.address is None:
            return False
        verdict = self._owners.confirm(key, claim, service.written_node)
        if verdict is None:
            return False
        self._ledger.confirm(key, service, claim)
        slot = (key, family_of(claim.address))
        known = self._assignments[slot]
        self._assignments[slot] = msgspec.structs.replace(known, reason=claim.reason, placement=verdict)
        return True

    def update(self, touched: Touched) -> Turn:
        """Decide what an entry touches, after the world has taken it in."""
        if touched.only_serving:  # of most entries
            if not self._owners.touch_serving(touched.serving):
                return _NO_TURN  # endpoints that move and change nobody's eligibility
            return Turn(assignments=self._turn(self._owners.settle()))
        for name in touched.nodes:
            node, agent = self._world.nodes.get(name), self._world.agents.get(name)
            self._ledger.use_reserved(self._reserved.put(node_source(name), of_node(node)))
            self._ledger.use_reserved(self._reserved.put(agent_source(name), of_agent(agent)))
        if touched.cluster:
            self._ledger.use_reserved(self._reserved.put(CLUSTER, of_cluster(self._world.cluster)))
        for key in touched.services:
            self._ledger.put(key, self._ours(self._world.services.get(key)))
            self._owners.forget(key)
        pools = self._update_pools(touched)
        if touched.namespaces:
            self._ledger.reroute_open()
        settled = self._ledger.settle()
        self._owners.touch(settled.addresses)
        self._owners.touch(self._addresses_of({key for key, _ in settled.slots}))  # one may go where the other goes
        self._owners.touch_serving(touched.serving)
        for name in touched.nodes:
            self._owners.touch_node(name)
        return Turn(pools=pools, assignments=self._turn(settled.slots | self._owners.settle()))

    def _update_pools(self, touched: Touched) -> Mapping[EipName, tuple[PoolState | None, PoolState | None]]:
        """Judge the pools anew where an Eip has changed, or the NICs of a node."""
        moved = False
        for name in touched.nodes:
            state = self._nic_state(name)
            moved |= self._nics.get(name) != state
            self._nics[name] = state
        if not touched.pools and not moved:
            return {}
        before, self._pools = self._pools, Pools(self._world, self._rules.protocols)
        self._ledger.use_pools(self._pools)
        for pool in self._pools:
            if before.get(pool.eip.name) != pool:
                slots = self._of_eip.get(pool.eip.name, ())
                self._owners.touch(self._addresses_of({key for key, _ in slots}))
        for pool in before:
            if self._pools.get(pool.eip.name) is None:
                self._owners.touch(self._addresses_of({key for key, _ in self._of_eip.get(pool.eip.name, ())}))
        return self._turn_pools()

    def _turn_pools(self) -> Mapping[EipName, tuple[PoolState | None, PoolState | None]]:
        before, self._pool_states = self._pool_states, {pool.eip.name: pool.state for pool in self._pools}
        return {
            name: (before.get(name), self._pool_states.get(name))
            for name in before.keys() | self._pool_states.keys()
            if before.get(name) != self._pool_states.get(name)
        }

    def _turn(self, slots: Iterable[Slot]) -> Mapping[Slot, tuple[Assignment | None, Assignment | None]]:
        """Put down anew what these slots have; return what is different."""
        turned: dict[Slot, tuple[Assignment | None, Assignment | None]] = {}
        for slot in slots:
            before, after = self._assignments.get(slot), self._assemble(slot)
            if before == after:
                continue
            turned[slot] = (before, after)
            self._enter(slot, before, after)
        return turned

    def _assemble(self, slot: Slot) -> Assignment | None:
        claim = self._ledger.claim(slot)
        if claim is None:
            return None
        return assignment_of(slot, claim, self._owners.get(claim.address) if claim.address is not None else None)

    def _enter(self, slot: Slot, before: Assignment | None, after: Assignment | None) -> None:
        """Put down what a slot has in the place of what it had."""
        if after is None:
            self._assignments.pop(slot, None)
        else:
            self._assignments[slot] = after
        old_nodes, nodes = before.nodes if before is not None else (), after.nodes if after is not None else ()
        if nodes != old_nodes:
            for node in old_nodes:
                self._of_node[node].discard(slot)
            for node in nodes:
                self._of_node.setdefault(node, set()).add(slot)
        old_eip, eip = before.eip if before is not None else None, after.eip if after is not None else None
        if eip != old_eip:
            if old_eip is not None:
                self._of_eip[old_eip].discard(slot)
            if eip is not None:
                self._of_eip.setdefault(eip, set()).add(slot)

    # ------------------------------------------------------------------------------------------ small parts

    def _ours(self, service: Service | None) -> Service | None:
        if service is None or why_not_ours(service, self._world.options.load_balancer_class) is not None:
            return None
        return service

    def _addresses_of(self, services: Iterable[ServiceKey]) -> Iterable[Address]:
        seats = (seat for key in services for seat in self._ledger.seats_of(key))
        return [address for seat in seats if (address := seat.address) is not None]

    def _nic_state(self, name: NodeName) -> _NicState:
        """Return what of a node decides which NIC it would announce on."""
        agent, node = self._world.agents.get(name), self._world.nodes.get(name)
        written = node.layer2_address if node is not None else None
        return (None if agent is None else (agent.nics, agent.ways), written)


def _as_written_on(service: Service, other: Service) -> Service:
    """Return the Service with what the leader writes on one as it is on another."""
    return msgspec.structs.replace(
        service,
        written_node=other.written_node,
        written_eip=other.written_eip,
        written_protocol=other.written_protocol,
        addresses=other.addresses,
    )
