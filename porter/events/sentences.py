"""One sentence for every entry, for people who read the log. No clock, no names that the entry does not hold."""

from collections.abc import Sequence
from typing import assert_never

from porter.events import entries as e
from porter.model.assignment import Assignment
from porter.model.objects import Eip, Endpoints, Nic, Node, Service
from porter.model.strict_arp import CURE

_MOST = 3  # names that a sentence lists before it counts the rest


def sentence(entry: e.Entry) -> str:
    """Say the entry in words, without a full stop."""
    match entry:
        case (
            e.Announced()
            | e.Withdrawn()
            | e.AnnouncementFailed()
            | e.PluginFailed()
            | e.Published()
            | e.EipPublished()
            | e.PublishFailed()
            | e.AgentStopped()
            | e.LogResumed()
            | e.LogSetAside()
        ):
            return _applied(entry)
        case e.AssignmentDecided() | e.AssignmentEnded() | e.PoolDecided():
            return _decided(entry)
        case _:
            return _observed(entry)


def _observed(entry: e.Observed) -> str:  # noqa: C901, PLR0912 - one flat case an entry type
    match entry:
        case e.AgentStarted():
            plugins = _several([f"{plugin.name} {plugin.version}" for plugin in entry.plugins], "no plugin")
            return f"the agent of {entry.node} started: Porter {entry.porter}, schema {entry.schema}, {plugins}"
        case e.Relisted():
            return _relisted(entry)
        case e.ServiceObserved():
            return f"Service {entry.service.key}: {_service(entry.service)}"
        case e.ServiceGone():
            return f"Service {entry.service} is gone"
        case e.EipObserved():
            return f"Eip {entry.eip.name} is {_eip(entry.eip)}"
        case e.EipGone():
            return f"Eip {entry.eip} is gone"
        case e.NodeObserved():
            return f"Node {entry.node.name} is {_node(entry.node)}"
        case e.NodeGone():
            return f"Node {entry.node} is gone"
        case e.EndpointsObserved():
            return f"Service {entry.endpoints.namespace}/{entry.endpoints.service} {_endpoints(entry.endpoints)}"
        case e.EndpointsGone():
            return f"EndpointSlice {entry.endpoints} is gone"
        case e.NamespaceObserved():
            labels = _several([f"{key}={value}" for key, value in entry.namespace.labels], "no labels")
            return f"namespace {entry.namespace.name} has {labels}"
        case e.NamespaceGone():
            return f"namespace {entry.namespace} is gone"
        case e.AgentObserved():
            nics = [f"{nic.name}{_state(nic)}" for nic in entry.agent.nics]
            leaving = " and is leaving" if entry.agent.leaving else ""
            return f"the agent of {entry.agent.node} has {_several(nics, 'no NIC')}{leaving}"
        case e.AgentGone():
            return f"the agent of {entry.node} has no Lease any more"
        case e.AgentSilent():
            return f"the agent of {entry.node} is silent: its Lease was not renewed for {entry.seconds:g} s"
        case e.AgentHeard():
            return f"the agent of {entry.node} is heard again"
        case e.ClusterObserved():
            ranges = _several(entry.cluster.service_ranges, "not known")
            servers = _several(entry.cluster.api_servers, "not known")
            return f"the cluster's Service ranges are {ranges}; its API server is {servers}"
        case e.LeaderObserved():
            return "nobody leads" if entry.holder is None else f"{entry.holder} leads"
        case e.WatchClosed():
            return f"{entry.resource} are not followed any more: {entry.problem}"
        case e.WatchOpened():
            return f"{entry.resource} are followed again after {entry.seconds:.1f} s"
        case e.AddressClaimed():
            return _claimed(entry)
        case _:
            assert_never(entry)


def _decided(entry: e.Decided) -> str:
    match entry:
        case e.AssignmentDecided():
            return _assignment(entry.assignment) + _cause(entry.cause)
        case e.AssignmentEnded():
            lost = f" loses {entry.previous_address}" if entry.previous_address else " is no longer handled"
            return f"Service {entry.service}{lost}: {entry.reason.sentence}{_cause(entry.cause)}"
        case e.PoolDecided():
            if entry.pool.ready:
                return f"Eip {entry.pool.eip} is ready{_cause(entry.cause)}"
            return f"Eip {entry.pool.eip} is not ready: {entry.pool.reason.sentence}{_cause(entry.cause)}"
        case _:
            assert_never(entry)


def _applied(entry: e.Applied) -> str:  # noqa: C901 - one flat case an entry type
    match entry:
        case e.Announced():
            mac = f" with {entry.mac}" if entry.mac else ""
            return f"this node announces {entry.address} on {entry.nic}{mac} ({entry.protocol})"
        case e.Withdrawn():
            return f"this node no longer announces {entry.address} on {entry.nic} ({entry.protocol})"
        case e.AnnouncementFailed():
            return f"{entry.address} cannot be announced ({entry.protocol}): {entry.error}"
        case e.PluginFailed():
            return f"plugin {entry.plugin} {entry.version} failed: {entry.error}"
        case e.Published():
            if not entry.addresses:
                return f"the address of Service {entry.service} was cleared in the API"
            pool = f" of Eip {entry.eip}" if entry.eip else ""
            node = f" on {entry.node}" if entry.node else ""
            return f"Service {entry.service} was given {', '.join(entry.addresses)}{pool}{node} in the API"
        case e.EipPublished():
            ready = "ready" if entry.ready else "not ready"
            return f"the status of Eip {entry.eip} was written: {ready}, {entry.usage} in use"
        case e.PublishFailed():
            return f"{entry.what} could not be written, and will be tried again: {entry.error}"
        case e.AgentStopped():
            late = f"; not stopped in order, and perhaps not withdrawn: {_several(entry.unfinished, '')}"
            return f"the agent of {entry.node} stopped{late if entry.unfinished else ' in order'}"
        case e.LogResumed():
            let_go = f"; {entry.let_go} observations were let go, and a snapshot knows them" if entry.let_go else ""
            return f"the log takes entries again after {entry.seconds:.1f} s: {entry.problem}{let_go}"
        case e.LogSetAside():
            lost = f"damaged and is now {entry.to}" if entry.to else "lost"
            return f"the log was {lost}, this one began anew: {entry.problem}"
        case _:
            assert_never(entry)


def _state(nic: Nic) -> str:
    return " (down)" if not (nic.up and nic.carrier) else "" if nic.arp else " (no ARP)"


def _claimed(entry: e.AddressClaimed) -> str:
    who = f"another host, {entry.mac}," if entry.peer is None else f"node {entry.peer}, {entry.mac},"
    cure = ""
    if entry.weak:
        cure = f"; {entry.peer}'s kernel answers for addresses of its other NICs too (arp_ignore is 0): {CURE}"
    if not entry.held:
        return f"{who} answers for {entry.address} on {entry.nic}, which {entry.node} is to announce{cure}"
    defended = " and has defended" if entry.defended else ""
    return f"{who} claims {entry.address} on {entry.nic}, which {entry.node} announces{defended}{cure}"


def _relisted(entry: e.Relisted) -> str:
    changed = (
        *(service.key for service in entry.services),
        *(eip.name for eip in entry.eips),
        *(node.name for node in entry.nodes),
        *(endpoints.key for endpoints in entry.endpoints),
        *(namespace.name for namespace in entry.namespaces),
        *(agent.node for agent in entry.agents),
    )
    parts = [f"all {entry.total} {entry.resource} were listed"]
    if changed:
        parts.append(f"new or changed: {_several(changed, '')}")
    if entry.gone:
        parts.append(f"gone: {_several(entry.gone, '')}")
    return "; ".join(parts) if len(parts) > 1 else f"{parts[0]}, and nothing had changed"


def _service(service: Service) -> str:
    words = [f"type {service.type}"]
    if service.addresses:
        words.append(f"has {', '.join(service.addresses)}")
    if service.written_node:
        words.append(f"names {service.written_node}")
    wishes = (service.wanted_address, service.wanted_eip, service.wanted_protocol)
    if any(wishes):
        words.append(f"asks for {', '.join(wish for wish in wishes if wish)}")
    if service.policy == "Local":
        words.append("policy Local")
    if service.deleting:
        words.append("being deleted")
    return ", ".join(words)


def _eip(eip: Eip) -> str:
    where = f" on {eip.interface}" if eip.interface else ""
    words = [f"{eip.address} ({eip.protocol}{where})"]
    if eip.disable:
        words.append("disabled")
    if eip.foreign:
        words.append("another program's")
    if eip.deleting:
        words.append("being deleted")
    return ", ".join(words)


def _node(node: Node) -> str:
    words = ["Ready" if node.ready else "not Ready"]
    if node.network_unavailable:
        words.append("without network")
    if node.excluded:
        words.append("excluded by label")
    if node.deleting:
        words.append("being deleted")
    if node.addresses:
        words.append(f"at {', '.join(node.addresses)}")
    return ", ".join(words)


def _endpoints(endpoints: Endpoints) -> str:
    if endpoints.ready:
        return f"has ready endpoints on {_several(endpoints.ready, '')}"
    if endpoints.serving:
        return f"has endpoints on {_several(endpoints.serving, '')} that end and still serve"
    if endpoints.unplaced:
        return "has ready endpoints on no known node"
    return f"has no ready endpoint in {endpoints.name}"


def _assignment(assignment: Assignment) -> str:
    if assignment.address is None:
        return f"Service {assignment.service} waits ({assignment.family}): {assignment.reason.sentence}"
    pool = f" of Eip {assignment.eip}" if assignment.eip else ""
    nodes = f"on {_several(assignment.nodes, '')}" if assignment.nodes else "on no node"
    return f"Service {assignment.service} has {assignment.address}{pool} {nodes}: {assignment.sentence}"


def _cause(seq: int) -> str:
    return f" (entry {seq})"


def _several(names: Sequence[str], none: str) -> str:
    if not names:
        return none
    if len(names) <= _MOST:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"
