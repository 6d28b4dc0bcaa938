"""Which nodes may announce what, kept up to date: a node's news is judged once, not once for each address.

Addresses that need the same of a node (the same interface, or a NIC in the same subnets) share one roll of nodes.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from porter.model.addresses import Address, Network, parse_network
from porter.model.assignment import Candidate
from porter.model.names import NodeName
from porter.model.objects import Agent, Eip
from porter.model.reasons import Reason, Verdict
from porter.reconciler.eligibility import Poll, of_itself, of_nic
from porter.reconciler.world import World


class Need:
    """What an address needs of a node: what the choice of a NIC rests on.

    Compared by identity, as an electorate gives out one for all addresses that need the same: it is the key of many
    tables, and to compare networks by value took a fifth of an election.
    """

    __slots__ = ("interface", "networks")

    def __init__(self, interface: str, networks: tuple[Network, ...]) -> None:
        self.interface = interface
        """Which the Eip names; empty where it names none."""
        self.networks = networks
        """The subnets around the address, where no interface is named."""


_WELL = Verdict(reason=Reason.NODE_ELIGIBLE)
_NO_LOCAL_ENDPOINT = Verdict(reason=Reason.NO_LOCAL_ENDPOINT)


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A node is judged otherwise for one need."""

    need: Need
    node: NodeName
    was_eligible: bool
    is_eligible: bool


class _Roll:
    """All nodes as judged for one need."""

    def __init__(self, eip: Eip | None, address: Address) -> None:
        self.eip = eip
        self.address = address
        self.verdicts: dict[NodeName, Verdict] = {}
        self._poll: Poll | None = None
        self._well: frozenset[NodeName] = frozenset()
        self._elsewhere: tuple[Candidate, ...] = ()
        """What is said of all nodes, sorted by name, where none of them has an endpoint that counts."""
        self._place: dict[NodeName, int] = {}
        """Where each of them stands there."""

    def set(self, node: NodeName, verdict: Verdict | None) -> Verdict | None:
        """Keep a verdict; None: the node is gone. Return the one before."""
        before = self.verdicts.get(node)
        if verdict is None:
            self.verdicts.pop(node, None)
        else:
            self.verdicts[node] = verdict
        if verdict != before:
            self._poll = None
        return before

    @property
    def poll(self) -> Poll:
        """Who may and who may not, wherever the endpoints are."""
        return self._poll or self._judged()

    def poll_where(self, nodes: frozenset[NodeName]) -> Poll:
        """Who may and who may not, where only these nodes have endpoints that count."""
        if self._poll is None:
            self._judged()
        eligible = sorted(self._well & nodes)
        elsewhere, places = self._elsewhere, [self._place[node] for node in eligible]
        return Poll(tuple(eligible), lambda: _without(elsewhere, places))

    def _judged(self) -> Poll:
        judged = sorted(self.verdicts.items())
        refused = {name: Candidate(node=name, verdict=verdict) for name, verdict in judged if verdict != _WELL}
        candidates = tuple(refused.values())
        self._poll = Poll(tuple(name for name, _ in judged if name not in refused), lambda: candidates)
        self._well = frozenset(self._poll.eligible)
        self._elsewhere = tuple(refused.get(name) or _without_endpoint(name) for name, _ in judged)
        self._place = {name: place for place, (name, _) in enumerate(judged)}
        return self._poll


def _without(candidates: tuple[Candidate, ...], places: Sequence[int]) -> tuple[Candidate, ...]:
    """Leave out the candidates at these places, which ascend: few of many, so the rest is not looked at."""
    left = list(candidates)
    for place in reversed(places):
        del left[place]
    return tuple(left)


@lru_cache(maxsize=10_000)
def _without_endpoint(node: NodeName) -> Candidate:
    """Return what is said of a node that is well and has no endpoint: of nearly all, where the policy is `Local`."""
    return Candidate(node=node, verdict=_NO_LOCAL_ENDPOINT)


class Electorate:
    """The rolls of all needs that were asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rolls: dict[Need, _Roll] = {}
        self._networks_of: dict[NodeName, frozenset[Network]] = {}
        self._networks: Counter[Network] = Counter()
        self._needs: dict[tuple[str, tuple[Network, ...]], Need] = {}
        self._around: dict[Address, Need] = {}
        """What addresses of Eips that name no interface need, as long as the subnets stay."""
        for name in world.agents:
            self._count_networks(name)

    def need(self, eip: Eip | None, address: Address) -> Need:
        """Return what an address needs of a node."""
        if eip is not None and eip.interface is not None:
            return self._same(eip.interface, ())
        found = self._around.get(address)
        if found is None:
            around = (network for network in self._networks if address in network)
            networks = tuple(sorted(around, key=lambda network: (network.prefixlen, network)))
            found = self._around[address] = self._same("", networks)
        return found

    def _same(self, interface: str, networks: tuple[Network, ...]) -> Need:
        """Return the one need that is this."""
        found = self._needs.get((interface, networks))
        if found is None:
            found = self._needs[interface, networks] = Need(interface, networks)
        return found

    def poll(self, need: Need, eip: Eip | None, address: Address, local: Sequence[frozenset[NodeName]]) -> Poll:
        """Return who may announce an address of this need: of the nodes in all of `local`, where that is not empty."""
        roll = self._rolls.get(need)
        if roll is None:
            roll = self._rolls[need] = _Roll(eip, address)
            for name in self._world.nodes.keys() | self._world.agents.keys():
                roll.set(name, self._judge(roll, name))
        return roll.poll_where(frozenset.intersection(*local)) if local else roll.poll

    def judge_again(self, name: NodeName) -> list[Shift]:
        """Judge a node anew after news of it; return for which needs that makes a difference."""
        shifts = []
        for need, roll in self._rolls.items():
            verdict = self._judge(roll, name)
            before = roll.set(name, verdict)
            if verdict != before:
                shifts.append(
                    Shift(need=need, node=name, was_eligible=before == _WELL, is_eligible=verdict == _WELL),
                )
        return shifts

    def subnets_changed(self, name: NodeName) -> bool:
        """Take in the subnets of a node's NICs; return whether one has come that no node had, or the last one gone."""
        before = set(self._networks)
        self._count_networks(name)
        if before == set(self._networks):
            return False
        self._around.clear()
        # A roll judges by the address that it was made for: around that one the subnets may be others now.
        self._rolls = {need: roll for need, roll in self._rolls.items() if need.interface}
        return True

    def drop(self, need: Need) -> None:
        """Forget the roll of a need that no address has any more."""
        self._rolls.pop(need, None)
        self._needs.pop((need.interface, need.networks), None)
        self._around.clear()

    def _judge(self, roll: _Roll, name: NodeName) -> Verdict | None:
        if name not in self._world.nodes and name not in self._world.agents:
            return None
        return of_itself(self._world, name) or of_nic(self._world, name, roll.eip, roll.address) or _WELL

    def _count_networks(self, name: NodeName) -> None:
        before = self._networks_of.pop(name, frozenset())
        after = _subnets(self._world.agents.get(name))
        self._networks_of[name] = after
        self._networks.update(after)
        self._networks.subtract(before)
        for network in before - after:
            if not self._networks[network]:
                del self._networks[network]


def _subnets(agent: Agent | None) -> frozenset[Network]:
    found = [parse_network(text) for nic in (agent.nics if agent is not None else ()) for text in nic.networks]
    return frozenset(network for network in found if network is not None)
