"""What Porter keeps of Kubernetes objects: only what the fold reads, so that noise in the rest is never an entry.

Values stay as the user wrote them where a wrong one must be reported on its object (a wanted address that is none).
Timestamps are RFC 3339 strings in UTC as the API server writes them, which sort as time does.
"""

from typing import Final, Literal

import msgspec

from porter.model.names import EipName, NodeName, ServiceKey, service_key

LOAD_BALANCER_CLASS: Final = "porter.kubesphere.io/porter"

KeyFamily = Literal["porter", "openelb"]
"""Whose annotation keys an object uses: `….porter.kubesphere.io` or `….openelb.kubesphere.io`."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of everything that is stored: frozen, keyword-only, and short on disk."""


class Port(Value, frozen=True, kw_only=True):
    """One port of a Service."""

    protocol: str
    port: int


class Service(Value, frozen=True, kw_only=True):
    """A Service that is, was or may become Porter's."""

    namespace: str
    name: str
    uid: str
    created: str
    type: str
    load_balancer_class: str | None = None
    deleting: bool = False
    claimed_by: str | None = None
    """The value of the annotation `lb.kubesphere.io/v1alpha1`."""
    keys: KeyFamily = "porter"
    wanted_protocol: str | None = None
    wanted_eip: str | None = None
    wanted_address: str | None = None
    """The annotation, one address or a comma list; as written."""
    load_balancer_ip: str | None = None
    """`spec.loadBalancerIP`, which the annotation overrides."""
    policy: Literal["Cluster", "Local"] = "Cluster"
    ports: tuple[Port, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    ip_families: tuple[str, ...] = ("IPv4",)
    ip_family_policy: str = "SingleStack"
    written_node: NodeName | None = None
    """The node written on the Service: the sticky choice."""
    written_eip: EipName | None = None
    """The pool written on the Service."""
    written_protocol: str | None = None
    """The protocol written on the Service: what it asked for when it got its address. None when it asked for none."""
    addresses: tuple[str, ...] = ()
    """`status.loadBalancer.ingress[].ip`: what the API says that the Service has."""
    leftover_finalizers: tuple[str, ...] = ()
    """Finalizers of older versions, to be taken off."""

    @property
    def key(self) -> ServiceKey:
        """`namespace/name`."""
        return service_key(self.namespace, self.name)


class Eip(Value, frozen=True, kw_only=True):
    """A pool of addresses."""

    name: EipName
    uid: str
    created: str
    address: str
    protocol: str = "bgp"
    interface: str | None = None
    disable: bool = False
    using_known_ips: bool = False
    priority: int = 0
    namespaces: tuple[str, ...] = ()
    namespace_selector: tuple[tuple[str, str], ...] = ()
    default: bool = False
    foreign: bool = False
    """Another program's pool (it carries a `…/cni` label): left alone."""
    deleting: bool = False


class Node(Value, frozen=True, kw_only=True):
    """A Node of the cluster."""

    name: NodeName
    addresses: tuple[str, ...] = ()
    """Its InternalIP and ExternalIP addresses."""
    ready: bool = True
    """The condition Ready. A Node without conditions counts as ready."""
    network_unavailable: bool = False
    excluded: bool = False
    """It carries the label `node.kubernetes.io/exclude-from-external-load-balancers`."""
    layer2_address: str | None = None
    """The annotation that says on which of its NICs to announce, as an address of that NIC."""
    pod_ranges: tuple[str, ...] = ()
    deleting: bool = False


class Endpoints(Value, frozen=True, kw_only=True):
    """One EndpointSlice, reduced to the nodes that have endpoints of its Service."""

    namespace: str
    name: str
    service: str
    ready: tuple[NodeName, ...] = ()
    serving: tuple[NodeName, ...] = ()
    """Nodes whose endpoints here are terminating and still serve, and none of them is ready."""
    unplaced: bool = False
    """A ready endpoint names no node: it serves `Cluster`, and can never serve `Local`."""

    @property
    def key(self) -> str:
        """`namespace/name` of the slice."""
        return f"{self.namespace}/{self.name}"


class Namespace(Value, frozen=True, kw_only=True):
    """A namespace and its labels, which an Eip's namespaceSelector reads."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


class Nic(Value, frozen=True, kw_only=True):
    """A network interface that can carry ARP or NDP, as its node's agent reports it."""

    name: str
    mac: str
    networks: tuple[str, ...] = ()
    """Its addresses with their prefix lengths: `192.168.0.2/24`."""
    gateways: tuple[str, ...] = ()
    """Default gateways behind it."""
    up: bool = True
    carrier: bool = True
    arp: bool = True
    """Whether it speaks ARP and NDP: not with the flag NOARP, which somebody set."""
    arp_ignore: int | None = None
    """Of `net.ipv4.conf`, what is in force: 0 where the kernel answers here for addresses of the node's other NICs."""
    arp_announce: int | None = None
    """The same: 2 where questions from here never name an address of another NIC as the asker's."""


class Way(Value, frozen=True, kw_only=True):
    """Over which of its NICs a node's kernel reaches an address that an Eip names after `can_reach:`."""

    to: str
    nic: str = ""
    """None of the NICs that are reported: nothing leads there, or something else does."""


class Rival(Value, frozen=True, kw_only=True):
    """A host that is no node of the cluster and answers for an address that a node was to announce."""

    address: str
    mac: str


class Agent(Value, frozen=True, kw_only=True):
    """A node's agent as its Lease tells of it."""

    node: NodeName
    nics: tuple[Nic, ...] = ()
    api_servers: tuple[str, ...] = ()
    """Addresses under which this agent reaches the API server."""
    ways: tuple[Way, ...] = ()
    """What its kernel says of the addresses that Eips name after `can_reach:`; of a new one it says nothing yet."""
    rivals: tuple[Rival, ...] = ()
    """Who keeps this node from announcing what it should: such an address is not handed out anew."""
    leaving: bool = False
    """It has released its Lease: it withdrew everything and stops."""


class Options(Value, frozen=True, kw_only=True):
    """The options of an installation that decisions rest on: equal on every agent, and part of the log."""

    load_balancer_class: str = LOAD_BALANCER_CLASS
    """The `spec.loadBalancerClass` that is ours."""
    honour_exclude_label: bool = True
    """Whether a Node labelled `exclude-from-external-load-balancers` announces nothing."""


class Cluster(Value, frozen=True, kw_only=True):
    """What is true of the whole cluster."""

    service_ranges: tuple[str, ...] = ()
    api_servers: tuple[str, ...] = ()
