"""Which Services and nodes an entry is about, so that a log can be searched for them."""

from porter.events import entries as e


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
