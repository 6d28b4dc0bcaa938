"""What every row of tests/data/golden-entries.jsonl means. Rows are added there, and never changed or taken away."""

from collections.abc import Mapping

from porter.events import entries as e
from porter.model.assignment import Assignment, Candidate, PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Nic, Node, Options, Port, Service
from porter.model.reasons import Reason, Verdict

NODE1, NODE2 = NodeName("node1"), NodeName("node2")
POOL = EipName("pool-a")
WEB = ServiceKey("default/web")
CREATED = "2026-11-21T09:59:58Z"

SERVICE = Service(
    namespace="default",
    name="web",
    uid="c0ffee",
    created=CREATED,
    type="LoadBalancer",
    load_balancer_class="porter.kubesphere.io/porter",
    deleting=True,
    claimed_by="openelb",
    keys="openelb",
    wanted_protocol="layer2",
    wanted_eip="pool-a",
    wanted_address="192.168.0.91",
    load_balancer_ip="192.168.0.92",
    policy="Local",
    ports=(Port(protocol="TCP", port=80),),
    selector=(("app", "web"),),
    ip_families=("IPv4", "IPv6"),
    ip_family_policy="PreferDualStack",
    written_node=NODE1,
    written_eip=POOL,
    addresses=("192.168.0.91",),
    leftover_finalizers=("finalizer.lb.kubesphere.io/v1alpha1",),
)
EIP = Eip(
    name=POOL,
    uid="beef",
    created=CREATED,
    address="192.168.0.91-192.168.0.100",
    protocol="layer2",
    interface="eth0",
    disable=True,
    using_known_ips=True,
    priority=3,
    namespaces=("default",),
    namespace_selector=(("tier", "edge"),),
    default=True,
    foreign=True,
    deleting=True,
)
NODE = Node(
    name=NODE1,
    addresses=("192.168.0.2",),
    ready=False,
    network_unavailable=True,
    excluded=True,
    layer2_address="192.168.0.2",
    pod_ranges=("10.244.1.0/24",),
    deleting=True,
)
ENDPOINTS = Endpoints(
    namespace="default",
    name="web-x1",
    service="web",
    ready=(NODE1, NODE2),
    serving=(NODE2,),
    unplaced=True,
)
NAMESPACE = Namespace(name="default", labels=(("tier", "edge"),))
NIC = Nic(
    name="eth0",
    mac="52:54:00:00:00:02",
    networks=("192.168.0.2/24",),
    gateways=("192.168.0.1",),
    up=False,
    carrier=False,
)
AGENT = Agent(node=NODE1, nics=(NIC,), api_servers=("192.168.0.1",), leaving=True)
ASSIGNMENT = Assignment(
    service=WEB,
    family="IPv4",
    address="192.168.0.91",
    eip=POOL,
    protocol="layer2",
    nodes=(NODE2,),
    reason=Verdict(reason=Reason.FIRST_FREE, detail="pool-a"),
    placement=Verdict(reason=Reason.MOVED, detail="node1"),
    candidates=(Candidate(node=NODE1, verdict=Verdict(reason=Reason.NODE_NOT_READY)),),
)

FULL: Mapping[tuple[str, int], e.Entry] = {
    ("agent.started", 1): e.AgentStarted(
        node=NODE1,
        porter="1.0.0",
        schema="1",
        plugins=(
            e.PluginInfo(name="layer2", version="1.0.0", distribution="porter-lb"),
            e.PluginInfo(name="bgp", version="1.0.0", distribution="porter-lb", stub=True),
        ),
        options=Options(load_balancer_class="example.org/lb", honour_exclude_label=False),
    ),
    ("objects.relisted", 1): e.Relisted(
        resource="services",
        total=6,
        services=(SERVICE,),
        eips=(EIP,),
        nodes=(NODE,),
        endpoints=(ENDPOINTS,),
        namespaces=(NAMESPACE,),
        agents=(AGENT,),
        gone=("default/old",),
    ),
    ("service.observed", 1): e.ServiceObserved(service=SERVICE),
    ("service.gone", 1): e.ServiceGone(service=WEB),
    ("eip.observed", 1): e.EipObserved(eip=EIP),
    ("eip.gone", 1): e.EipGone(eip=POOL),
    ("node.observed", 1): e.NodeObserved(node=NODE),
    ("node.gone", 1): e.NodeGone(node=NODE1),
    ("endpoints.observed", 1): e.EndpointsObserved(endpoints=ENDPOINTS),
    ("endpoints.gone", 1): e.EndpointsGone(endpoints="default/web-x1"),
    ("namespace.observed", 1): e.NamespaceObserved(namespace=NAMESPACE),
    ("namespace.gone", 1): e.NamespaceGone(namespace="default"),
    ("agent.observed", 1): e.AgentObserved(agent=AGENT),
    ("agent.gone", 1): e.AgentGone(node=NODE1),
    ("agent.silent", 1): e.AgentSilent(node=NODE1, seconds=12.5, renewed=False),
    ("agent.heard", 1): e.AgentHeard(node=NODE1),
    ("cluster.observed", 1): e.ClusterObserved(
        cluster=Cluster(service_ranges=("10.96.0.0/16",), api_servers=("192.168.0.1",)),
    ),
    ("leader.observed", 1): e.LeaderObserved(holder=NODE1),
    ("assignment.decided", 1): e.AssignmentDecided(
        cause=7,
        assignment=ASSIGNMENT,
        previous_address="192.168.0.91",
        previous_nodes=(NODE1,),
    ),
    ("assignment.ended", 1): e.AssignmentEnded(
        cause=8,
        service=WEB,
        family="IPv4",
        reason=Verdict(reason=Reason.NOT_OURS, detail="it is gone"),
        previous_address="192.168.0.91",
        previous_nodes=(NODE2,),
    ),
    ("pool.decided", 1): e.PoolDecided(
        cause=9,
        pool=PoolState(eip=POOL, ready=False, reason=Verdict(reason=Reason.POOL_OVERLAPS, detail="pool-b")),
    ),
    ("address.announced", 1): e.Announced(
        address="192.168.0.91",
        protocol="layer2",
        nic="eth0",
        mac="52:54:00:00:00:02",
        services=(WEB,),
    ),
    ("address.withdrawn", 1): e.Withdrawn(address="192.168.0.91", protocol="layer2", nic="eth0"),
    ("address.failed", 1): e.AnnouncementFailed(address="192.168.0.91", protocol="layer2", error="eth0 is gone"),
    ("plugin.failed", 1): e.PluginFailed(plugin="layer2", version="1.0.0", error="it hung for 10 s"),
    ("service.published", 1): e.Published(service=WEB, addresses=("192.168.0.91",), eip=POOL, node=NODE2),
    ("eip.published", 1): e.EipPublished(eip=POOL, usage=1, ready=True),
    ("publish.failed", 1): e.PublishFailed(what="Service default/web", error="409 Conflict"),
    ("agent.stopped", 1): e.AgentStopped(node=NODE1, unfinished=("layer2",)),
    ("address.claimed", 1): e.AddressClaimed(
        address="192.168.0.91",
        nic="eth0",
        mac="52:54:00:00:00:03",
        node=NODE1,
        peer=NODE2,
        held=True,
        defended=True,
        weak=True,
    ),
    ("log.resumed", 1): e.LogResumed(problem="the disk is full", seconds=4.5, let_go=7),
    ("log.set_aside", 1): e.LogSetAside(to="/var/lib/porter/porter.db.damaged-1", problem="it is damaged"),
    ("watch.closed", 1): e.WatchClosed(resource="services", problem="the API server 192.168.0.1 cannot be reached"),
    ("watch.opened", 1): e.WatchOpened(resource="services", seconds=91.25),
}
"""Every kind in every version, with every field set to something that is not its default."""

EARLIER: Mapping[int, e.Entry] = {
    15: e.AgentSilent(node=NODE1, seconds=12.5),
    29: e.AgentStopped(node=NODE1),
}
"""By number, the rows that were stored before their kind was given another optional field."""
