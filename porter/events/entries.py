"""The entries of the log, in three words: observed (a fact from outside), decided (a conclusion), applied (a deed).

Entries are values. Nothing here reads a clock or a disk: `at` is given to an entry when it is recorded.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Node, Options, Service, Value
from porter.model.reasons import Verdict

Resource = Literal["services", "eips", "nodes", "endpointslices", "namespaces", "leases"]
RESOURCES: tuple[Resource, ...] = ("eips", "namespaces", "nodes", "leases", "endpointslices", "services")
"""Everything that must have been listed once before anything new is decided."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------------------------------------- observed


class PluginInfo(Value, frozen=True, kw_only=True):
    """One registered protocol plugin."""

    name: str
    version: str
    distribution: str
    stub: bool = False


class AgentStarted(Value, frozen=True, kw_only=True):
    """An agent began. The first entry of every start."""

    node: NodeName
    porter: str
    schema: str
    plugins: tuple[PluginInfo, ...] = ()
    options: Options = Options()


class Relisted(Value, frozen=True, kw_only=True):
    """A complete list of one kind was read; only what differs from what was known is kept here.

    `gone` names the objects that were known and are not in the list: by `namespace/name`, or by name where the kind
    has no namespace (an agent goes by its node's name).
    """

    resource: Resource
    total: int
    services: tuple[Service, ...] = ()
    eips: tuple[Eip, ...] = ()
    nodes: tuple[Node, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    agents: tuple[Agent, ...] = ()
    gone: tuple[str, ...] = ()


class ServiceObserved(Value, frozen=True, kw_only=True):
    """A Service is as this says."""

    service: Service


class ServiceGone(Value, frozen=True, kw_only=True):
    """A Service is no longer there, or no longer of any interest."""

    service: ServiceKey


class EipObserved(Value, frozen=True, kw_only=True):
    """An Eip is as this says."""

    eip: Eip


class EipGone(Value, frozen=True, kw_only=True):
    """An Eip is no longer there."""

    eip: EipName


class NodeObserved(Value, frozen=True, kw_only=True):
    """A Node is as this says."""

    node: Node


class NodeGone(Value, frozen=True, kw_only=True):
    """A Node is no longer there."""

    node: NodeName


class EndpointsObserved(Value, frozen=True, kw_only=True):
    """An EndpointSlice is as this says."""

    endpoints: Endpoints


class EndpointsGone(Value, frozen=True, kw_only=True):
    """An EndpointSlice is no longer there. `endpoints` is its `namespace/name`."""

    endpoints: str


class NamespaceObserved(Value, frozen=True, kw_only=True):
    """A namespace is as this says."""

    namespace: Namespace


class NamespaceGone(Value, frozen=True, kw_only=True):
    """A namespace is no longer there."""

    namespace: str


class AgentObserved(Value, frozen=True, kw_only=True):
    """A node's agent reports this on its Lease."""

    agent: Agent


class AgentGone(Value, frozen=True, kw_only=True):
    """A node's agent has no Lease any more."""

    node: NodeName


class AgentSilent(Value, frozen=True, kw_only=True):
    """The Lease of a node's agent was not renewed for its whole duration, by this observer's own clock."""

    node: NodeName
    seconds: float
    renewed: bool = True
    """It was renewed so long ago. If not, this observer has only listened for so long, and when it was nobody knows."""


class AgentHeard(Value, frozen=True, kw_only=True):
    """The Lease of a silent agent was renewed."""

    node: NodeName


class ClusterObserved(Value, frozen=True, kw_only=True):
    """What holds for the whole cluster is as this says."""

    cluster: Cluster


class LeaderObserved(Value, frozen=True, kw_only=True):
    """The Lease of the leader names this node; None when it was released."""

    holder: NodeName | None


class WatchClosed(Value, frozen=True, kw_only=True):
    """A kind is not followed any more: its watch was cut, refused or silent. Not when the server ended it in order."""

    resource: Resource
    problem: str


class WatchOpened(Value, frozen=True, kw_only=True):
    """A kind is followed again, from where it was or after a new list; what was missed is observed now."""

    resource: Resource
    seconds: float
    """For so long it was not."""


class AddressClaimed(Value, frozen=True, kw_only=True):
    """Another host claims an address that this node announces or is to announce."""

    address: str
    nic: str
    mac: str
    """The other host's."""
    node: NodeName
    """Whose agent saw it."""
    peer: NodeName | None = None
    """The node whose NIC has that MAC, perhaps `node` itself; None for a stranger."""
    held: bool = False
    """The address was being announced; else it is not, as long as the other host answers for it."""
    defended: bool = False
    """The other host was told whose address it is."""
    weak: bool = False
    """The peer's kernel answers for addresses of its other NICs too: it has no strictARP."""


# ----------------------------------------------------------------------------------------------- decided


class AssignmentDecided(Value, frozen=True, kw_only=True):
    """A Service's address or its nodes are from now on these. `cause` is the entry that led to it."""

    cause: int
    assignment: Assignment
    previous_address: str | None = None
    previous_nodes: tuple[NodeName, ...] = ()


class AssignmentEnded(Value, frozen=True, kw_only=True):
    """A Service has nothing from Porter any more: it is gone, or is not Porter's."""

    cause: int
    service: ServiceKey
    family: Literal["IPv4", "IPv6"]
    reason: Verdict
    previous_address: str | None = None
    previous_nodes: tuple[NodeName, ...] = ()


class PoolDecided(Value, frozen=True, kw_only=True):
    """An Eip is, or is not, ready to hand out addresses."""

    cause: int
    pool: PoolState


# ----------------------------------------------------------------------------------------------- applied


class Announced(Value, frozen=True, kw_only=True):
    """This node answers for the address from now on."""

    address: str
    protocol: str
    nic: str
    mac: str = ""
    services: tuple[ServiceKey, ...] = ()


class Withdrawn(Value, frozen=True, kw_only=True):
    """This node no longer answers for the address."""

    address: str
    protocol: str
    nic: str


class AnnouncementFailed(Value, frozen=True, kw_only=True):
    """A plugin could not announce the address."""

    address: str
    protocol: str
    error: str


class PluginFailed(Value, frozen=True, kw_only=True):
    """A plugin raised, hung or ended. It disturbed no other."""

    plugin: str
    version: str
    error: str


class Published(Value, frozen=True, kw_only=True):
    """The leader wrote a Service's address, pool and node to the API; all empty when it cleared them."""

    service: ServiceKey
    addresses: tuple[str, ...] = ()
    eip: EipName | None = None
    node: NodeName | None = None


class EipPublished(Value, frozen=True, kw_only=True):
    """The leader wrote an Eip's status."""

    eip: EipName
    usage: int
    ready: bool


class PublishFailed(Value, frozen=True, kw_only=True):
    """A write to the API failed; it will be tried again."""

    what: str
    error: str


class AgentStopped(Value, frozen=True, kw_only=True):
    """The agent ended: everything was withdrawn, unless a plugin is unfinished, and its Leases were released."""

    node: NodeName
    unfinished: tuple[str, ...] = ()
    """Protocols whose plugin had not stopped in time, or failed to: what it announced may not be withdrawn."""


class LogResumed(Value, frozen=True, kw_only=True):
    """The log takes entries again, after it took none for a while."""

    problem: str
    """Why it took none."""
    seconds: float
    """How long that lasted."""
    let_go: int = 0
    """So many observations that waited were let go, since there were too many; a snapshot knows what came of them."""


class LogSetAside(Value, frozen=True, kw_only=True):
    """The log was damaged: it was set aside, and one began anew."""

    to: str
    """Where the damaged one is, empty where it was deleted."""
    problem: str


Observed: TypeAlias = (
    AgentStarted
    | Relisted
    | ServiceObserved
    | ServiceGone
    | EipObserved
    | EipGone
    | NodeObserved
    | NodeGone
    | EndpointsObserved
    | EndpointsGone
    | NamespaceObserved
    | NamespaceGone
    | AgentObserved
    | AgentGone
    | AgentSilent
    | AgentHeard
    | ClusterObserved
    | LeaderObserved
    | WatchClosed
    | WatchOpened
    | AddressClaimed
)
Decided: TypeAlias = AssignmentDecided | AssignmentEnded | PoolDecided
Applied: TypeAlias = (
    Announced
    | Withdrawn
    | AnnouncementFailed
    | PluginFailed
    | Published
    | EipPublished
    | PublishFailed
    | AgentStopped
    | LogResumed
    | LogSetAside
)
Entry: TypeAlias = Observed | Decided | Applied


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An entry with its place in one agent's log. `seq` counts from 1 without a gap."""

    seq: int
    when: datetime | int
    """The moment, or microseconds since 1970 as a database has them: read `at`, which is the same for both."""
    entry: Entry

    @property
    def at(self) -> datetime:
        """When it was recorded, in UTC; for people only. Made when asked for: nearly all entries are never asked."""
        when = self.when
        return when if isinstance(when, datetime) else _EPOCH + timedelta(0, 0, when)  # days, seconds, microseconds

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Recorded):
            return NotImplemented
        return (self.seq, self.at, self.entry) == (other.seq, other.at, other.entry)

    def __hash__(self) -> int:
        return hash((self.seq, self.at))
