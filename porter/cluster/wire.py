"""The fields of Kubernetes objects that Porter reads, as the API server sends them. Everything else is skipped unread.

Wrong types in a built-in kind are the server's fault and refused; an Eip's spec is taken as it comes, because the
schemas of older versions let anything through.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

Strings = Mapping[str, str]


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """`metadata`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    finalizers: tuple[str, ...] | None = None


class RawCondition(msgspec.Struct, frozen=True, rename="camel"):
    """A condition of any kind."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class RawPort(msgspec.Struct, frozen=True):
    """A port of a Service."""

    port: int = 0
    protocol: str | None = None


class RawServiceSpec(msgspec.Struct, frozen=True):
    """`spec` of a Service."""

    type: str = "ClusterIP"
    load_balancer_class: str | None = msgspec.field(default=None, name="loadBalancerClass")
    load_balancer_ip: str | None = msgspec.field(default=None, name="loadBalancerIP")
    policy: str | None = msgspec.field(default=None, name="externalTrafficPolicy")
    ports: tuple[RawPort, ...] | None = None
    selector: Strings | None = None
    ip_families: tuple[str, ...] | None = msgspec.field(default=None, name="ipFamilies")
    ip_family_policy: str | None = msgspec.field(default=None, name="ipFamilyPolicy")


class RawIngress(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `status.loadBalancer.ingress`."""

    ip: str | None = None
    hostname: str | None = None
    ip_mode: str | None = None


class RawLoadBalancer(msgspec.Struct, frozen=True):
    """`status.loadBalancer`."""

    ingress: tuple[RawIngress, ...] | None = None


class RawServiceStatus(msgspec.Struct, frozen=True, rename="camel"):
    """`status` of a Service."""

    load_balancer: RawLoadBalancer | None = None
    conditions: tuple[RawCondition, ...] | None = None


class RawService(msgspec.Struct, frozen=True):
    """A Service."""

    metadata: Meta
    spec: RawServiceSpec = RawServiceSpec()
    status: RawServiceStatus = RawServiceStatus()


class RawEip(msgspec.Struct, frozen=True):
    """An Eip; its own fields are whatever the schema of its CRD lets through."""

    metadata: Meta
    spec: Any = None
    status: Any = None


class RawAddress(msgspec.Struct, frozen=True):
    """An address of a Node."""

    type: str = ""
    address: str = ""


class RawNodeSpec(msgspec.Struct, frozen=True):
    """`spec` of a Node."""

    pod_cidr: str | None = msgspec.field(default=None, name="podCIDR")
    pod_cidrs: tuple[str, ...] | None = msgspec.field(default=None, name="podCIDRs")


class RawNodeStatus(msgspec.Struct, frozen=True):
    """`status` of a Node."""

    addresses: tuple[RawAddress, ...] | None = None
    conditions: tuple[RawCondition, ...] | None = None


class RawNode(msgspec.Struct, frozen=True):
    """A Node."""

    metadata: Meta
    spec: RawNodeSpec = RawNodeSpec()
    status: RawNodeStatus = RawNodeStatus()


class RawEndpointConditions(msgspec.Struct, frozen=True):
    """`conditions` of an endpoint."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class RawEndpoint(msgspec.Struct, frozen=True, rename="camel"):
    """One endpoint of a slice."""

    conditions: RawEndpointConditions | None = None
    node_name: str | None = None
    addresses: tuple[str, ...] | None = None


class RawEndpointSlice(msgspec.Struct, frozen=True):
    """An EndpointSlice."""

    metadata: Meta
    endpoints: tuple[RawEndpoint, ...] | None = None


class RawNamespace(msgspec.Struct, frozen=True):
    """A namespace."""

    metadata: Meta


class RawLeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """`spec` of a Lease."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None
    acquire_time: str | None = None
    lease_transitions: int | None = None


class RawLease(msgspec.Struct, frozen=True):
    """A Lease."""

    metadata: Meta
    spec: RawLeaseSpec = RawLeaseSpec()


class ListMeta(msgspec.Struct, frozen=True):
    """`metadata` of a list."""

    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct, frozen=True):
    """One page of a list, its objects still undecoded."""

    metadata: ListMeta
    items: tuple[msgspec.Raw, ...] | None = None


class WatchLine(msgspec.Struct, frozen=True):
    """One line of a watch, its object still undecoded."""

    type: str
    object: msgspec.Raw


class ShortMeta(msgspec.Struct, frozen=True):
    """The part of `metadata` that says which state of which object this is."""

    name: str = ""
    namespace: str = ""
    version: str = msgspec.field(default="", name="resourceVersion")


class Identified(msgspec.Struct, frozen=True):
    """Any object, as far as which one it is."""

    metadata: ShortMeta


class Versioned(msgspec.Struct, frozen=True):
    """Any object, as far as its version."""

    metadata: Meta
