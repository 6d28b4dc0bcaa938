"""The closed list of reasons. Every verdict that Porter gives names one of them, and each has one sentence.

The same sentences stand in `porter explain`, on the Service, on the Eip, in Kubernetes Events and in the log.
Stored names are a public format: a reason may be added, and never renamed or reused.
"""

from enum import StrEnum

from porter.model.objects import Value


class Reason(StrEnum):
    """Why something is as it is."""

    # Why a Service has this address
    HELD = "held"
    FIRST_FREE = "first-free"
    WANTED_ADDRESS = "wanted-address"
    SHARED = "shared"

    # Why a Service has none
    NOT_OURS = "not-ours"
    NO_POOL = "no-pool"
    POOL_UNKNOWN = "pool-unknown"
    POOL_NOT_READY = "pool-not-ready"
    POOL_DISABLED = "pool-disabled"
    POOL_EXHAUSTED = "pool-exhausted"
    NAMESPACE_NOT_BOUND = "namespace-not-bound"
    PROTOCOL_MISMATCH = "protocol-mismatch"
    FAMILY_MISMATCH = "family-mismatch"
    ADDRESS_INVALID = "address-invalid"
    ADDRESS_OUTSIDE = "address-outside"
    ADDRESS_IN_USE = "address-in-use"
    ADDRESS_RESERVED = "address-reserved"
    OTHER_FAMILY_MISSING = "other-family-missing"

    # Why a pool is or is not ready
    POOL_READY = "pool-ready"
    POOL_INVALID = "pool-invalid"
    POOL_OVERLAPS = "pool-overlaps"
    POOL_FOREIGN = "pool-foreign"
    POOL_DELETING = "pool-deleting"
    POOL_REFUSED = "pool-refused"
    PROTOCOL_UNKNOWN = "protocol-unknown"
    PROTOCOL_STUB = "protocol-stub"
    NO_NODE_CAN_ANNOUNCE = "no-node-can-announce"

    # Why this node
    STICKY = "sticky"
    FOLLOWED = "followed"
    ELECTED = "elected"
    PLACED = "placed"
    MOVED = "moved"
    NO_ELIGIBLE_NODE = "no-eligible-node"

    # Why not this node
    NODE_ELIGIBLE = "node-eligible"
    NODE_UNKNOWN = "node-unknown"
    NODE_DELETING = "node-deleting"
    NODE_NOT_READY = "node-not-ready"
    NODE_NETWORK_UNAVAILABLE = "node-network-unavailable"
    NODE_EXCLUDED = "node-excluded"
    AGENT_MISSING = "agent-missing"
    AGENT_SILENT = "agent-silent"
    AGENT_LEAVING = "agent-leaving"
    NIC_MISSING = "nic-missing"
    NIC_DOWN = "nic-down"
    NIC_NO_CARRIER = "nic-no-carrier"
    NIC_NO_ARP = "nic-no-arp"
    NO_LOCAL_ENDPOINT = "no-local-endpoint"
    NO_ENDPOINT = "no-endpoint"


SENTENCES: dict[Reason, str] = {
    Reason.HELD: "the Service holds it already",
    Reason.FIRST_FREE: "first free address of Eip {}",
    Reason.WANTED_ADDRESS: "the Service asks for this address, and Eip {} has it free",
    Reason.SHARED: "the Service asks for this address and shares it with {}",
    Reason.NOT_OURS: "not a Service of Porter's: {}",
    Reason.NO_POOL: "no Eip is there for it: {}",
    Reason.POOL_UNKNOWN: "the Service asks for Eip {}, which does not exist",
    Reason.POOL_NOT_READY: "no address from Eip {}",
    Reason.POOL_DISABLED: "Eip {} is disabled (spec.disable)",
    Reason.POOL_EXHAUSTED: "no address is free in Eip {}",
    Reason.NAMESPACE_NOT_BOUND: "Eip {} is not bound to the Service's namespace",
    Reason.PROTOCOL_MISMATCH: "the Service asks for protocol {}",
    Reason.FAMILY_MISMATCH: "the Service does not use that IP family: {}",
    Reason.ADDRESS_INVALID: "the wanted address {} is not an IP address",
    Reason.ADDRESS_OUTSIDE: "the wanted address {} is in no Eip that this Service may use",
    Reason.ADDRESS_IN_USE: "the wanted address is in use by {}",
    Reason.ADDRESS_RESERVED: "the address is never handed out: {}",
    Reason.OTHER_FAMILY_MISSING: "ipFamilyPolicy is RequireDualStack, and there is no {}",
    Reason.POOL_READY: "ready",
    Reason.POOL_INVALID: "{}",
    Reason.POOL_OVERLAPS: "it overlaps with the older Eip {}",
    Reason.POOL_FOREIGN: "it belongs to another program (label {})",
    Reason.POOL_DELETING: "it is being deleted",
    Reason.POOL_REFUSED: "its protocol refuses it: {}",
    Reason.PROTOCOL_UNKNOWN: "no plugin provides protocol {}",
    Reason.PROTOCOL_STUB: "protocol {} is only a stub in this Porter: install a plugin that provides it",
    Reason.NO_NODE_CAN_ANNOUNCE: "no node can announce it: {}",
    Reason.STICKY: "the Service names this node, and it is still eligible",
    Reason.FOLLOWED: "the Service names this node now: moved by {}, whose log says why",
    Reason.ELECTED: "chosen by rendezvous hashing over the eligible nodes: {}",
    Reason.PLACED: "placed by protocol {}",
    Reason.MOVED: "taken over from {}",
    Reason.NO_ELIGIBLE_NODE: "no node may announce it: {}",
    Reason.NODE_ELIGIBLE: "eligible",
    Reason.NODE_UNKNOWN: "there is no such Node",
    Reason.NODE_DELETING: "the Node is being deleted",
    Reason.NODE_NOT_READY: "the Node is not Ready",
    Reason.NODE_NETWORK_UNAVAILABLE: "the Node's network is unavailable",
    Reason.NODE_EXCLUDED: "the Node is labelled node.kubernetes.io/exclude-from-external-load-balancers",
    Reason.AGENT_MISSING: "no Porter agent has reported from it",
    Reason.AGENT_SILENT: "its Porter agent is silent: its Lease ran out",
    Reason.AGENT_LEAVING: "its Porter agent has stopped",
    Reason.NIC_MISSING: "{}",
    Reason.NIC_DOWN: "NIC {} is down",
    Reason.NIC_NO_CARRIER: "NIC {} has no carrier",
    Reason.NIC_NO_ARP: "NIC {} does no ARP: somebody has switched that off",
    Reason.NO_LOCAL_ENDPOINT: "externalTrafficPolicy is Local and no ready endpoint is on it",
    Reason.NO_ENDPOINT: "the Service has no ready endpoint",
}


class Verdict(Value, frozen=True, kw_only=True):
    """A reason with the particulars that its sentence names."""

    reason: Reason
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words, without a full stop."""
        return SENTENCES[self.reason].format(self.detail)
