"""Annotation, label and finalizer keys, as COMPAT-bound public names. Each has a Porter and an OpenELB spelling."""

from typing import Final

from porter.model.objects import KeyFamily

CLAIM: Final = "lb.kubesphere.io/v1alpha1"
CLAIM_VALUES: Final[frozenset[str]] = frozenset({"porter", "openelb"})

OLD_FINALIZERS: Final[frozenset[str]] = frozenset(
    {"finalizer.lb.kubesphere.io/v1alpha1", "finalizer.ipam.kubesphere.io/v1alpha1"},
)
EXCLUDE_NODE: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
SERVICE_OF_SLICE: Final = "kubernetes.io/service-name"

CONDITION_ASSIGNED: Final = "porter.kubesphere.io/Assigned"
CONDITION_ANNOUNCED: Final = "porter.kubesphere.io/Announced"
AGENT_REPORT: Final = "porter.kubesphere.io/agent"
"""Annotation of a node's Lease: the state of its NICs, as JSON."""


def wanted_protocol(family: KeyFamily) -> str:
    """Service annotation: the protocol that the Service asks for."""
    return f"protocol.{family}.kubesphere.io/v1alpha1"


def wanted_eip(family: KeyFamily) -> str:
    """Service annotation: the pool that the Service asks for."""
    return f"eip.{family}.kubesphere.io/v1alpha2"


def wanted_address(family: KeyFamily) -> str:
    """Service annotation: the address or addresses that the Service asks for."""
    return f"eip.{family}.kubesphere.io/v1alpha1"


def layer2_node(family: KeyFamily) -> str:
    """Service annotation, written: the node that announces. On a Node, read: the address of the NIC to use."""
    return f"layer2.{family}.kubesphere.io/v1alpha1"


def written_eip(family: KeyFamily) -> str:
    """Service label, written: the pool that the address is from."""
    return f"eip.{family}.kubesphere.io/v1alpha2"


def written_protocol(family: KeyFamily) -> str:
    """Service label, written: the protocol that the Service asked for when it got its address."""
    return f"protocol.{family}.kubesphere.io/v1alpha1"


def default_eip(family: KeyFamily) -> str:
    """Eip annotation: "true" makes it the default pool."""
    return f"eip.{family}.kubesphere.io/is-default-eip"


def cni(family: KeyFamily) -> str:
    """Eip label: another program's pool."""
    return f"{family}.kubesphere.io/cni"
