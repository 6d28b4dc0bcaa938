"""What holds in every world, said a second time and in other words than the code that is tested."""

from itertools import combinations

from porter.model.addresses import parse_address, parse_range
from porter.model.assignment import Assignment
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import Decisions
from porter.reconciler.world import World


def assert_invariants(world: World, decisions: Decisions) -> None:
    """Assert what must hold of the decisions whatever the world is."""
    given = [found for found in decisions.assignments.values() if found.address is not None]
    for one, other in combinations(given, 2):
        if one.address == other.address:
            assert_shareable(world.services[one.service], world.services[other.service], one.address)
            assert one.nodes == other.nodes, "a shared address has one owner"
    for found in given:
        assert_rightful(world, found)
        assert_owned(world, found)
    for service in world.services.values():
        assert_both_or_neither(service, [found for found in given if found.service == service.key])
    for found in decisions.assignments.values():
        assert found.reason.sentence
        assert (found.placement is None) == (found.address is None)
        assert found.address is not None or found.nodes == ()


def assert_shareable(one: Service, other: Service, address: str | None) -> None:
    for found in (one, other):
        assert address in (found.wanted_address or found.load_balancer_ip or "").split(","), "it asks for it by name"
    assert not set(one.ports) & set(other.ports)
    same_pods = (one.namespace, one.selector) == (other.namespace, other.selector)
    assert same_pods or "Local" not in (one.policy, other.policy)


def assert_both_or_neither(service: Service, given: list[Assignment]) -> None:
    """Assert that who requires both families has both, or keeps the one that was there, or has none."""
    if service.ip_family_policy == "RequireDualStack" and len(given) == 1:
        assert given[0].reason.reason is Reason.HELD


def assert_rightful(world: World, found: Assignment) -> None:
    """Assert that an address is kept, or is of a pool that may give it."""
    service = world.services[found.service]
    if found.reason.reason is Reason.HELD:
        assert found.address in service.addresses
        return
    assert found.eip is not None
    assert found.ip is not None
    pool = world.eips[found.eip]
    assert found.ip in parse_range(pool.address)
    assert not pool.disable
    assert not pool.deleting
    assert not pool.foreign
    assert found.protocol == pool.protocol
    assert service.wanted_eip in (None, pool.name)
    assert service.wanted_protocol in (None, pool.protocol)
    assert found.address not in reserved(world), "never handed out"


def reserved(world: World) -> set[str]:
    texts = [text for node in world.nodes.values() for text in node.addresses]
    texts += [net.partition("/")[0] for a in world.agents.values() for nic in a.nics for net in nic.networks]
    return {str(parse_address(text)) for text in texts}


def assert_owned(world: World, found: Assignment) -> None:
    if found.address in reserved(world):
        assert found.nodes == (), "never announced"
    if found.protocol != "everywhere":
        assert len(found.nodes) <= 1, "one owner"
    service = world.services[found.service]
    slices = [s for s in world.slices.values() if (s.namespace, s.service) == (service.namespace, service.name)]
    for name in found.nodes:
        node, agent = world.nodes[name], world.agents[name]
        assert node.ready
        assert not node.excluded
        assert not agent.leaving
        assert name not in world.silent
        assert all(nic.up and nic.carrier for nic in agent.nics)
        if service.policy == "Local":
            ready = {n for s in slices for n in s.ready}
            serving = {n for s in slices for n in s.serving}
            assert name in (ready or serving)
    written = service.written_node
    if written in {c.node for c in found.candidates}:
        assert written not in found.nodes
