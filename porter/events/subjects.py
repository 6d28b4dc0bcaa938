"""Which Services, nodes, Eips and addresses an entry is about, so that a log can be searched for them."""

from porter.events import entries as e
from porter.model.addresses import Address, parse_address
from porter.model.objects import Service


def concerns_service(entry: e.Entry, key: str) -> bool:
    """Tell whether the entry says something of the Service `namespace/name`, or of an endpoint of it."""
    match entry:
        case e.ServiceObserved():
            return entry.service.key == key
        case e.EndpointsObserved():
            return f"{entry.endpoints.namespace}/{entry.endpoints.service}" == key
        case e.Relisted():
            slices = (f"{item.namespace}/{item.service}" for item in entry.endpoints)
            gone = entry.gone if entry.resource == "services" else ()
            return any(service.key == key for service in entry.services) or key in slices or key in gone
        case e.AssignmentDecided():
            return entry.assignment.service == key
        case e.ServiceGone() | e.AssignmentEnded() | e.Published():
            return entry.service == key
        case e.Announced():
            return key in entry.services
        case _:
            return False


def concerns_node(entry: e.Entry, node: str) -> bool:  # noqa: C901 - one flat case an entry type
    """Tell whether the entry says something of the node, its agent, or an address that moves to or from it."""
    match entry:
        case e.NodeObserved():
            return entry.node.name == node
        case e.AgentObserved():
            return entry.agent.node == node
        case e.EndpointsObserved():
            return node in entry.endpoints.ready or node in entry.endpoints.serving
        case e.ServiceObserved():
            return entry.service.written_node == node
        case e.Relisted():
            names = (*(item.name for item in entry.nodes), *(item.node for item in entry.agents))
            gone = entry.gone if entry.resource in {"nodes", "leases"} else ()
            return node in names or node in gone
        case e.AssignmentDecided():
            return node in entry.assignment.nodes or node in entry.previous_nodes
        case e.AssignmentEnded():
            return node in entry.previous_nodes
        case e.LeaderObserved():
            return entry.holder == node
        case e.AgentStarted() | e.AgentStopped() | e.AgentGone() | e.AgentSilent() | e.AgentHeard() | e.NodeGone():
            return entry.node == node
        case e.AddressClaimed():
            return node in {entry.node, entry.peer}
        case e.Published():
            return entry.node == node
        case _:
            return False


def concerns_eip(entry: e.Entry, eip: str) -> bool:
    """Tell whether the entry says something of the Eip, or of an address that it gave."""
    match entry:
        case e.EipObserved():
            return entry.eip.name == eip
        case e.EipGone() | e.EipPublished() | e.Published():
            return entry.eip == eip
        case e.PoolDecided():
            return entry.pool.eip == eip
        case e.AssignmentDecided():
            return entry.assignment.eip == eip
        case e.ServiceObserved():
            return eip in {entry.service.wanted_eip, entry.service.written_eip}
        case e.Relisted():
            gone = entry.gone if entry.resource == "eips" else ()
            return any(item.name == eip for item in entry.eips) or eip in gone
        case _:
            return False


def concerns_address(entry: e.Entry, address: Address) -> bool:
    """Tell whether the entry says who has, asks for, announces or claims the address."""
    match entry:
        case e.ServiceObserved():
            texts = _addresses_of(entry.service)
        case e.Relisted():
            texts = tuple(text for service in entry.services for text in _addresses_of(service))
        case e.AssignmentDecided():
            texts = (entry.assignment.address, entry.previous_address)
        case e.AssignmentEnded():
            texts = (entry.previous_address,)
        case e.Published():
            texts = entry.addresses
        case e.AgentObserved():
            texts = tuple(rival.address for rival in entry.agent.rivals)
        case e.Announced() | e.Withdrawn() | e.AnnouncementFailed() | e.AddressClaimed():
            texts = (entry.address,)
        case _:
            return False
    return any(text is not None and parse_address(text) == address for text in texts)


def _addresses_of(service: Service) -> tuple[str | None, ...]:
    wanted = (service.wanted_address or "").split(",")
    return (*service.addresses, *wanted, service.load_balancer_ip)
